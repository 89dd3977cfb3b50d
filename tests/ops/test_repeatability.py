"""When equal inputs give equal bits: what the table in `docs/layers.md` says under "Repeatability"."""

import functools
import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import Case

ALGORITHMS = ("direct", "gemm", "winograd", "fft", "auto")
CASES = [
    Case((28, 29), (3, 3), padding="same", channels=16, filters=18, batch=6),
    Case((28, 29), (3, 3), padding="same", groups=24, channels=1, filters=1, batch=4),
    Case((40, 41), (5, 3), strides=2, padding="same", channels=4, filters=32, batch=4),
    Case((20, 21), (3, 3), padding="same", channels=64, filters=66, batch=4),
]


def digests(case, call):
    """A digest of the bits of each result."""
    operands = case.arrays(case.x_shape, case.w_shape, case.y_shape, dtype="float32")
    return [hashlib.sha256(np.asarray(y).tobytes()).hexdigest()[:16] for y in call(*map(tf.constant, operands))]


def taken():
    """What the parametrised tests run on: Winograd and fft take steps of one only."""
    return [
        (case, algorithm)
        for case in CASES
        for algorithm in ALGORITHMS
        if algorithm not in ("winograd", "fft") or max(case.window.strides) == 1
    ]


def of_process():
    """Digests of first and later calls, eagerly and in a graph, as one process finds them."""
    found = {}
    for case, algorithm in taken():
        if case is CASES[0] or (case is CASES[1] and algorithm == "auto"):
            eager = case.operations(algorithm)
            graph = tf.function(eager, autograph=False)
            found[f"{case} {algorithm}"] = [digests(case, call) for call in (eager, eager, graph, graph)]
    return found


@pytest.mark.parametrize(("case", "algorithm"), taken(), ids=str)
def test_eager_calls(case, algorithm):
    call = case.operations(algorithm)
    first = digests(case, call)
    assert all(digests(case, call) == first for _ in range(3))


def test_ten_eager_calls():
    """A shape of its own, which no other test has called before; and large enough to be compiled at last."""
    case = Case((31, 33), (3, 3), padding="same", channels=16, filters=18, batch=6)
    for algorithm in ALGORITHMS:
        call = case.operations(algorithm)
        assert len({tuple(digests(case, call)) for _ in range(10)}) == 1


@functools.cache
def in_a_process(threads):
    """What `of_process` finds in a process of its own, with deterministic operations."""
    code = (
        "import json, tensorflow as tf\n"
        f"tf.config.threading.set_intra_op_parallelism_threads({threads})\n"
        f"tf.config.threading.set_inter_op_parallelism_threads({threads})\n"
        "tf.config.experimental.enable_op_determinism()\n"
        "from tests.ops.test_repeatability import of_process\n"
        "print(json.dumps(of_process()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_calls_and_modes_with_deterministic_operations():
    """A first and a later call, eagerly and in a graph."""
    for what, calls in in_a_process(2).items():
        assert all(call == calls[0] for call in calls), what


def test_processes_and_threads_with_deterministic_operations():
    assert in_a_process(2) == in_a_process(1)
