"""The four linear maps that everything is composed of."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
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


def test_pad():
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.pad(x, ((1, 0), (0, 2)), constant_values=7)
            loss = tf.reduce_sum(y**2 * y)
        dx = tape.gradient(loss, x)
    np.testing.assert_array_equal(y, [[7, 7, 7, 7], [1, 2, 7, 7]])
    np.testing.assert_array_equal(dx, [[3, 12]])
    np.testing.assert_array_equal(outer.gradient(dx, x), [[6, 12]])
    np.testing.assert_array_equal(ops.pad([1, 2], 1), [0, 1, 2, 0])
    np.testing.assert_array_equal(ops.pad([[1], [2]], ((0, 1),)).shape, [3, 2])


def test_the_tutorials_zero_paddings():
    expected = np.zeros((6, 6), int)
    expected[2:4, 2:4] = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(ops.pad([[1, 2], [3, 4]], [[2, 2], [2, 2]]), expected)


@pytest.mark.parametrize("pad_width", [-1, (1, 2, 3), ((1, 2), (3, -4)), "same", ((1, 2, 3), (1, 2))])
def test_bad_pads(pad_width):
    with pytest.raises(ValueError) as error:
        ops.pad(np.ones((2, 3)), pad_width)
    assert str(error.value) == (
        "pad: `pad_width` must be an int, or for each of the 2 axes an int or a (before, after) pair, none of them "
        f"negative. Received: pad_width={pad_width!r}."
    )


def test_bad_mode():
    with pytest.raises(ValueError) as error:
        ops.pad(np.ones((2, 3)), 1, mode="reflect")
    assert str(error.value) == "pad: `mode` must be \"constant\". Received: mode='reflect'."
