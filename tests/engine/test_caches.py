"""Caches are bounded, what they drop is freed, and eager calls with many sizes keep little memory."""

import functools
import gc
import importlib
import os
import pkgutil
import subprocess
import sys
import weakref

import tensorflow as tf

import kerasconv
from kerasconv import ops
from kerasconv.engine import fusion

MOST = 30  # MiB, where stock Keras keeps 40 to 80

EAGER = """
import gc, logging, tensorflow as tf
from kerasconv import layers

warned = []
tf.get_logger().addHandler(type("Kept", (logging.Handler,), {"emit": lambda self, record: warned.append(record.msg)})())
conv, pools = layers.Conv2D(8, 3, padding="same"), [layers.MaxPooling2D(3, 2, "same"), layers.AveragePooling2D(2)]

def step(height, width):
    x = tf.ones((4, height, width, 8))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = conv(x)
        for pool in pools:
            y = pool(y)
    tape.gradient(y, [x, conv.kernel.value])

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

for i in range(5):
    step(66 + i, 70)
before = resident()
for i in range(100):
    step(46 + i % 20, 45 + i // 10)
print(resident() - before, len(warned))
"""


def test_eager_calls_with_many_sizes():
    """100 sizes, large enough to be compiled if they came back: little memory, and no warning of retracing."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, "-c", EAGER], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    grown, warnings = run.stdout.split()[-2:]
    assert float(grown) < MOST
    assert int(warnings) == 0


def test_every_cache_is_bounded():
    found = {}
    for module in pkgutil.walk_packages(kerasconv.__path__, "kerasconv."):
        if module.name.startswith(("kerasconv.arithmetic", "kerasconv.engine", "kerasconv.ops", "kerasconv.layers")):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, functools._lru_cache_wrapper):
                    found[f"{value.__module__}.{name}"] = value.cache_info().maxsize
    assert found
    assert all(found.values())
    assert sum(found.values()) < 2000


def halved(x, factor):
    return x / factor


def test_what_a_cache_drops_is_freed(monkeypatch):
    """A compiled eager function, and a function that is traced once for all calls in a graph."""
    made = []
    real = tf.function

    def kept(*args, **kwargs):
        function = real(*args, **kwargs)
        made.append(weakref.ref(function))
        return function

    monkeypatch.setattr(tf, "function", kept)
    x = tf.ones([2**16])
    for _ in range(fusion._CALLS_BEFORE_COMPILING + 1):
        fusion.run(halved, x, 5.0)

    def in_a_graph():
        graph = tf.Graph()
        with graph.as_default():
            fusion.run_shared(halved, tf.compat.v1.placeholder(tf.float32, [7, 3]), 5.0)

    in_a_graph()
    assert len(made) == 2
    fusion._eager.cache_clear()
    fusion._traced.cache_clear()
    gc.collect()
    assert [reference() for reference in made] == [None, None]


def test_a_bounded_number_is_kept(monkeypatch):
    """Shapes that come back often, more than the cache holds: the oldest are dropped, and results stay right."""
    small = functools.lru_cache(maxsize=2)(fusion._eager.__wrapped__)
    monkeypatch.setattr(fusion, "_eager", small)
    monkeypatch.setattr(fusion, "_CALLS_BEFORE_COMPILING", 1)
    for height in (60, 61, 62, 63, 60):
        x = tf.ones((1, height, 64, 32))
        for _ in range(3):
            assert float(tf.reduce_max(ops.max_pool(x, 3, 1))) == 1
    assert small.cache_info().currsize == 2
