"""Cells found by their indices, as graphs of known sizes read them, beside slices of what is padded, as eager does."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from kerasconv.ops import windows
from tests.cases import WINDOWS

CASES = [
    case
    for case in WINDOWS
    if all(max(pads) < extent for pads, extent in zip(case.window.pads, case.window.extent, strict=True))
]


def gradients(function, *tensors):
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
    return y, *tape.gradient(y, tensors, tf.cos(tf.cast(y, tf.float64)))


@pytest.fixture
def indexed(monkeypatch):
    """What was said to the question whether indices are better."""
    said, real = [], windows._indexed
    monkeypatch.setattr(windows, "_indexed", lambda *args: said.append(real(*args)) or said[-1])
    return said


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", ["max", "max, split", "average", "depthwise"])
def test_they_are_the_same(name, case, indexed):
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
    expected = gradients(function, *tensors)
    assert not any(indexed)
    for ours, theirs in zip(
        tf.function(lambda *t: gradients(function, *t), autograph=False)(*tensors), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert any(indexed)


def test_a_window_of_nan(indexed):
    """Its maximum is the lowest number, and its gradient goes to its first cell that is no padding."""
    x = np.zeros((1, 8, 8, 1), "float32")
    x[:, :2, :2] = np.nan
    expected = gradients(lambda x: ops.max_pool(x, 3, 2, ((1, 1), (1, 1))), tf.constant(x))
    ours = tf.function(lambda x: gradients(lambda x: ops.max_pool(x, 3, 2, ((1, 1), (1, 1))), x), autograph=False)(x)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(indexed)


def test_windows_that_see_no_cell(indexed):
    """As many as there are: nothing comes out of them, and nothing goes back."""
    x, w = np.ones((2, 1, 1, 3)), np.ones((2, 2, 3, 1))
    y, dx, dw = tf.function(
        lambda *t: gradients(lambda x, w: ops.depthwise_conv(x, w, strides=7, padding=((5, 0), (5, 0))), *t)
    )(tf.constant(x), tf.constant(w))
    assert any(indexed)
    assert not np.any(y) and not np.any(dx) and not np.any(dw)
