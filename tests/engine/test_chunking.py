"""Operations in chunks: what they give, how they are cut, and what they take."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import config, layers, ops
from kerasconv.arithmetic import direct
from kerasconv.arithmetic.convolution import Algorithm
from kerasconv.arithmetic.winograd import Winograd
from kerasconv.engine import chunking
from kerasconv.engine.auto import choices
from kerasconv.engine.chunking import MOST, Chunks, chunks
from kerasconv.engine.costs import CANDIDATES
from kerasconv.engine.problem import problem
from kerasconv.geometry import Window
from tests.arithmetic.test_convolution import operations
from tests.cases import CONVOLUTIONS, Case

OPERATIONS = ("forward", "input_gradient", "kernel_gradient")
DIRECT = Algorithm(direct.forward, direct.input_gradient, direct.kernel_gradient)


def in_chunks(algorithm, name, case, cut, arguments):
    """One operation in chunks, of a list of tensors and one of options."""
    if name == "forward":
        return chunking.forward(algorithm, *arguments, cut, case.groups * case.filters)
    if name == "input_gradient":
        return chunking.input_gradient(algorithm, *arguments, cut, case.groups * case.channels)
    return chunking.kernel_gradient(algorithm, *arguments, cut)


def split(arguments):
    tensors = [a for a in arguments if isinstance(a, tf.Tensor)]
    return tensors, arguments[len(tensors) :]


@pytest.mark.parametrize("case", [c for c in CONVOLUTIONS if c.batch], ids=str)
@pytest.mark.parametrize("cut", [Chunks(2), pytest.param(Chunks(1, 2), marks=pytest.mark.large)], ids=str)
def test_chunks_are_the_whole(cut, case):
    """Some examples, or some rows of one, also where these share inputs or leave some out; in every mode."""
    case = replace(case, batch=3)
    for name, arguments in operations(case).items():
        expected = getattr(direct, name)(*arguments)
        tensors, options = split(arguments)
        run = functools.partial(in_chunks, DIRECT, name, case, cut)
        graph = tf.function(lambda *tensors, run=run, options=options: run([*tensors, *options]), autograph=False)
        for result in (run(arguments), graph(*tensors)):
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize(
    "case",
    [
        Case((10, 14), (3, 3), channels=4, filters=6, batch=3),
        Case((10, 14), (3, 3), channels=4, filters=6, groups=2, batch=3),
        Case((16, 12), (9, 3), batch=3),
        Case((15,), (4,), batch=3),
        Case((7, 6, 7), (3, 3, 3), batch=3),
    ],
    ids=str,
)
@pytest.mark.parametrize("cut", [Chunks(2), Chunks(1, 4)], ids=str)
def test_chunks_have_the_prepared_kernel_in_common(case, cut):
    winograd = Winograd(4)
    algorithm = Algorithm(winograd.forward, winograd.input_gradient, winograd.kernel_gradient)
    for name, arguments in operations(case).items():
        expected = getattr(direct, name)(*arguments)
        arguments = list(arguments)
        if name != "kernel_gradient":
            arguments[1] = winograd.prepare(arguments[1], case.window, case.groups)
        result = in_chunks(algorithm, name, case, cut, arguments)
        np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("cut", [Chunks(2), Chunks(1, 2)], ids=str)
@pytest.mark.parametrize("mode", ["xla", "unknown batch", "unknown batch, xla"])
def test_chunks_in_other_modes(cut, mode):
    """Three examples, two at a time: one is left over, which a graph may learn only when it runs."""
    case = Case((9, 8), (3, 2), strides=(2, 1), padding="same", batch=3)
    for name, arguments in operations(case).items():
        tensors, options = split(arguments)
        batches = tensors[:1] if name != "kernel_gradient" else tensors
        specs = [
            tf.TensorSpec(
                [None, *t.shape[1:]] if "unknown" in mode and any(t is b for b in batches) else t.shape, t.dtype
            )
            for t in tensors
        ]

        def run(*tensors, name=name, options=options):
            return in_chunks(DIRECT, name, case, cut, [*tensors, *options])

        graph = tf.function(run, input_signature=specs, jit_compile="xla" in mode, autograph=False)
        np.testing.assert_allclose(graph(*tensors), getattr(direct, name)(*arguments), atol=1e-12)


def candidates(*names):
    return [c for c in CANDIDATES if c.name in names]


def cut_of(candidate, p, limit=None):
    return chunks(p, candidate.workspace(p), candidate.row_step, tf.float32, limit)


@pytest.mark.parametrize(("size", "batch"), [(56, 16), (300, 2)], ids=["examples", "rows"])
def test_chunks_leave_nothing_over(size, batch):
    """Where a number near the largest divides what there is."""
    p = problem("forward", batch, (size, size), Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))), 1, 64, 64)
    (gemm,) = candidates("gemm")
    with tf.Graph().as_default():
        cut = cut_of(gemm, p)
    assert (cut.rows is None) == (size == 56)
    assert cut.count(p) * cut.examples * (cut.rows or size) == batch * size
    assert cut.count(p) > 1


def test_the_memory_limit_is_kept():
    """Or at least as few rows are done at once as can be, which of a volume with large planes may still be too much."""
    small = Case((112, 113), (3, 3), channels=64, filters=65, batch=64)
    large = Case((114, 130, 130), (3, 3, 3), channels=32, filters=64, batch=1)  # whose columns would take 6.3 GB

    def most_of(candidate, p):
        workspace = candidate.workspace(p)
        return 4 * (p.batch * workspace.per_example + workspace.fixed)

    for case, most in ((small, MOST), (large, 2**28)):
        for name in OPERATIONS:
            p = problem(name, case.batch, case.output, case.window, 1, case.channels, case.filters)
            for candidate in candidates("direct", "gemm", "winograd"):
                if candidate.workspace(p).per_example == 0:
                    continue  # depthwise
                cut = cut_of(candidate, p)
                of_a_chunk = replace(p, batch=cut.examples, output=(cut.rows or p.output[0], *p.output[1:]))
                assert most_of(candidate, of_a_chunk) <= 1.1 * most  # a tenth for the kernel in another form
                assert most_of(candidate, p) > 3 * most_of(candidate, of_a_chunk)
    assert 4 * p.taps * p.positions * p.channels > 6.3e9


@pytest.mark.parametrize(
    ("size", "limit", "count"), [(28, None, 1), (56, None, 4), (56, 2**26, 1), (112, None, 8), (448, None, 56)], ids=str
)
def test_the_limit_depends_on_the_tensors(size, limit, count):
    """Half of them, between 16 and 64 MiB, if none is set; the tiles of 56 x 56 positions take 4 MiB."""
    with config.memory_limit(limit):
        (choice, *_) = kerasconv.explain_algorithm(layers.Conv2D(64, 3, padding="same"), (8, size, size, 64)).choices
    assert (choice.chosen, choice.chunks) == ("winograd", count)


@pytest.mark.parametrize("shape", [(0, 28, 28, 64), (512, None, 28, 64)], ids=["no examples", "unknown size"])
def test_one_chunk(shape):
    assert [c.chunks for c in kerasconv.explain_algorithm(layers.Conv2D(64, 3), shape).choices] == [1, 1, 1]


@pytest.mark.parametrize("algorithm", ["auto", "direct", "gemm", "winograd"])
def test_a_lower_limit_gives_the_same(algorithm):
    x, w = np.random.default_rng(0).normal(size=(5, 40, 41, 16)), np.random.default_rng(1).normal(size=(3, 3, 16, 32))
    expected = ops.conv(x, w, algorithm="native")
    with config.memory_limit(10**6), choices() as found:
        np.testing.assert_allclose(ops.conv(x, w, algorithm=algorithm), expected, atol=1e-11)
    assert found[0].chunks > 2
