"""The linear maps that everything is composed of."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import geometry
from kerasconv.ops import windows
from tests.cases import WINDOWS


@pytest.mark.parametrize("case", WINDOWS, ids=str)
def test_place_is_the_transpose_of_take(case):
    for axis in range(1, case.rank + 1):
        x = tf.constant(np.random.default_rng(0).normal(size=(2, *case.window.padded(case.sizes), 3)))
        taps = windows.take(x, case.window, axis)
        g = [np.random.default_rng(j).normal(size=t.shape) for j, t in enumerate(taps)]
        placed = windows.place([tf.constant(part) for part in g], case.window, axis, x.shape[axis])
        assert placed.shape == x.shape
        expected = sum(float(tf.reduce_sum(t * part)) for t, part in zip(taps, g, strict=True))
        assert float(tf.reduce_sum(x * placed)) == pytest.approx(expected)


def test_crop_is_the_transpose_of_pad():
    x = tf.reshape(tf.range(5.0), (1, 5, 1))
    padded = windows.pad(x, ((1, 2),), 9)
    np.testing.assert_array_equal(padded[0, :, 0], [9, 0, 1, 2, 3, 4, 9, 9])
    np.testing.assert_array_equal(windows.crop(padded, ((1, 2),)), x)


@pytest.mark.parametrize(("n", "o"), [(5, 2), (7, 3), (6, 3), (3, 7), (4, 1), (1, 3), (5, 5)])
def test_adaptive_windows_cover_the_axis_and_are_transposed_right(n, o):
    window = geometry.AdaptiveWindow((o,), (n,))
    assert sorted({cell for cells in geometry.shares(n, o) for cell in cells}) == list(range(n))
    x = tf.constant(np.random.default_rng(0).normal(size=(2, n, 3)))
    taps = windows.read(x, window, 1)
    g = [np.random.default_rng(j).normal(size=t.shape) for j, t in enumerate(taps)]
    written = windows.write([tf.constant(part) for part in g], window, 1, n)
    expected = sum(float(tf.reduce_sum(t * part)) for t, part in zip(taps, g, strict=True))
    assert float(tf.reduce_sum(x * written)) == pytest.approx(expected)
