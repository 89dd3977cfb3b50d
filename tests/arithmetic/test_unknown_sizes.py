"""Graphs of unknown sizes give what eager calls do."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from tests.cases import Case

# A few, since each is compiled; test_windows.py has the tables of all.
CASES = [
    Case((9,), (3,), strides=2, padding="same"),
    Case((9, 10), (2, 3), strides=(2, 1), padding=((1, 0), (2, 3)), dilation=(3, 2)),
    Case((4, 3, 5), (2, 2, 1), strides=(1, 2, 1), padding="same"),
]


def gradients(function, *tensors):
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
    return y, *tape.gradient(y, tensors, tf.cos(tf.cast(y, tf.float64)))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", ["max", "max, split", "average", "depthwise"])
def test_they_are_the_same(name, case):
    shape = (*case.kernel, 3, 2)
    x, w = case.arrays(case.x_shape, shape)
    x.flat[::7] = x.flat[3]  # equal maxima
    pool = case.kernel, case.strides, case.padding
    function, tensors = {
        "max": (lambda x: ops.max_pool(x, *pool, dilation_rate=case.dilation), [x]),
        "max, split": (lambda x: ops.max_pool(x, *pool, dilation_rate=case.dilation, ties="split"), [x]),
        "average": (lambda x: ops.average_pool(x, *pool, dilation_rate=case.dilation), [x]),
        "depthwise": (lambda x, w: ops.depthwise_conv(x, w, **case.options), [x, w]),
    }[name]
    tensors = [tf.constant(t) for t in tensors]
    specs = [tf.TensorSpec([None] * (case.rank + 1) + [3], tf.float64), tf.TensorSpec(shape, tf.float64)]

    def graph(specs):
        call = tf.function(lambda *t: gradients(function, *t), input_signature=specs, autograph=False)
        return call(*tensors)

    for ours, theirs in zip(graph(specs[: len(tensors)]), gradients(function, *tensors), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_a_window_of_nan(graph):
    """Its maximum is the lowest number, and its gradient goes to its first element that is no padding."""
    x = np.zeros((1, 8, 8, 1), "float32")
    x[:, :2, :2] = np.nan

    def call(x):
        return gradients(lambda x: ops.max_pool(x, 3, 2, ((1, 1), (1, 1))), x)

    y, dx = (tf.function(call, autograph=False) if graph else call)(tf.constant(x))
    assert y[0, 0, 0, 0] == np.finfo("float32").min
    assert dx[0, 0, 0, 0] == tf.cos(tf.cast(y[0, 0, 0, 0], tf.float64))
    assert not np.isnan(dx).any()


def test_windows_that_see_no_element():
    """As many as there are: nothing comes out of them, and nothing goes back."""
    x, w = np.ones((2, 1, 1, 3)), np.ones((2, 2, 3, 1))
    y, dx, dw = tf.function(
        lambda *t: gradients(lambda x, w: ops.depthwise_conv(x, w, strides=7, padding=((5, 0), (5, 0))), *t)
    )(tf.constant(x), tf.constant(w))
    assert not np.any(y)
    assert not np.any(dx)
    assert not np.any(dw)
