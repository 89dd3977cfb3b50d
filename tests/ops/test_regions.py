"""Regions of positions, each from the taps that see cells there, beside a padded input."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from kerasconv.geometry import Window
from kerasconv.ops import windows
from tests.cases import WINDOWS

CASES = [
    case
    for case in WINDOWS
    if not case.window.unpadded
    and all(max(pads) < extent for pads, extent in zip(case.window.pads, case.window.extent, strict=True))
]


def gradients(function, *tensors):
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = function(*tensors)
    return y, *tape.gradient(y, tensors, tf.cos(tf.cast(y, tf.float64)))


@pytest.fixture
def always(monkeypatch):
    """Regions whenever there is padding; and which windows were cut into them."""
    monkeypatch.setattr(windows, "_LEAST_POSITIONS", 0)
    monkeypatch.setattr(windows, "_MOST_TAPS", 10**6)
    cut, regions = [], Window.stretches
    monkeypatch.setattr(Window, "stretches", lambda window, sizes: cut.append(window) or regions(window, sizes))
    return cut


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", ["max", "max, split", "average", "depthwise"])
def test_regions_are_the_whole(name, case, always):
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
    assert not always
    for ours, theirs in zip(
        tf.function(lambda *t: gradients(function, *t), autograph=False)(*tensors), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert always


def test_a_window_of_nan(always):
    """Its maximum is the lowest number, and its gradient goes to its first cell that is no padding."""
    x = np.zeros((1, 8, 8, 1), "float32")
    x[:, :2, :2] = np.nan
    expected = gradients(lambda x: ops.max_pool(x, 3, 2, ((1, 1), (1, 1))), tf.constant(x))
    ours = tf.function(lambda x: gradients(lambda x: ops.max_pool(x, 3, 2, ((1, 1), (1, 1))), x), autograph=False)(x)
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert always


def test_windows_without_cells_are_padded():
    window = Window((2,), (1,), (1,), ((3, 3),))
    assert tf.function(lambda x: windows.regions(x, window) is None)(tf.zeros([1, 400, 1]))
