"""Padding against NumPy's, and its gradients against what any linear map must fulfil."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops

NUMPY = {
    "constant": "constant",
    "reflect": "reflect",
    "symmetric": "symmetric",
    "replicate": "edge",
    "circular": "wrap",
}
by_mode = pytest.mark.parametrize("mode", NUMPY)
PADS = ((0, 0), (3, 1), (0, 2), (1, 0))


@by_mode
@pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
def test_forward(mode, dtype):
    x = np.random.default_rng(0).integers(0, 9, (2, 5, 4, 3)).astype(dtype)
    y = ops.pad(x, PADS, mode)
    np.testing.assert_array_equal(y, np.pad(x, PADS, NUMPY[mode]))
    assert y.dtype == dtype
    np.testing.assert_array_equal(ops.pad(x, PADS, NUMPY[mode]), y)  # by NumPy's name too


@by_mode
def test_gradients_of_both_orders(mode):
    """`<pad(x), g> = <x, fold(g)>`, and the gradient of the fold is the padding again."""
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 4, 3)))
    g = tf.constant(np.random.default_rng(1).normal(size=(2, 9, 6, 4)))
    v = tf.constant(np.random.default_rng(2).normal(size=x.shape))
    with tf.GradientTape() as outer:
        outer.watch(g)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.pad(x, PADS, mode)
        dx = tape.gradient(y, x, g)
    assert float(tf.reduce_sum(y * g)) == pytest.approx(float(tf.reduce_sum(x * dx)))
    np.testing.assert_allclose(outer.gradient(dx, g, v), ops.pad(v, PADS, mode))


@by_mode
def test_negative_pads_cut_off(mode):
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 5, 4, 3)))
    pads, added = ((0, 0), (-1, 3), (2, -1), (-1, 0)), ((0, 0), (0, 3), (2, 0), (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.pad(x, pads, mode)
    if mode == "circular":  # what is left goes round
        expected = np.pad(x[:, 1:, :-1, 1:], added, "wrap")
    else:
        expected = np.pad(x, added, NUMPY[mode])[:, 1:, :-1, 1:]
    np.testing.assert_array_equal(y, expected)
    g = np.random.default_rng(1).normal(size=y.shape)
    assert np.sum(y * g) == pytest.approx(np.sum(x * tape.gradient(y, x, tf.constant(g))))


@by_mode
@pytest.mark.parametrize("jit", [False, True])
def test_unknown_sizes_and_xla(mode, jit):
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    signature = [tf.TensorSpec(x.shape if jit else [None] * 4, tf.float64)]

    @tf.function(jit_compile=jit, input_signature=signature)
    def both(x):
        y = ops.pad(x, PADS, mode)
        return y, tf.gradients(y * y, x)[0]

    y, dx = both(x)
    np.testing.assert_array_equal(y, np.pad(x, PADS, NUMPY[mode]))
    with tf.GradientTape() as tape:
        variable = tf.constant(x)
        tape.watch(variable)
        loss = tf.reduce_sum(ops.pad(variable, PADS, mode) ** 2)
    np.testing.assert_allclose(dx, tape.gradient(loss, variable))


def test_too_few_cells_in_a_graph():
    padded = tf.function(lambda x: ops.pad(x, ((0, 0), (2, 0)), "reflect"), input_signature=[tf.TensorSpec([1, None])])
    np.testing.assert_array_equal(padded([[1.0, 2.0, 3.0]]), [[3, 2, 1, 2, 3]])
    with pytest.raises(tf.errors.InvalidArgumentError):
        padded([[1.0, 2.0]])


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
    np.testing.assert_array_equal(ops.pad(np.ones((2, 3)), (1, 2)), np.pad(np.ones((2, 3)), (1, 2)))
    np.testing.assert_array_equal(ops.pad([[1], [2]], ((0, 1),)).shape, [3, 2])


def test_the_tutorials_zero_paddings():
    expected = np.zeros((6, 6), int)
    expected[2:4, 2:4] = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(ops.pad([[1, 2], [3, 4]], [[2, 2], [2, 2]]), expected)


@pytest.mark.parametrize("pad_width", [1.5, (1, 2, 3), ((1, 2), (3, 4.0)), "same", ((1, 2, 3), (1, 2))])
def test_bad_pads(pad_width):
    with pytest.raises(ValueError) as error:
        ops.pad(np.ones((2, 3)), pad_width)
    assert str(error.value) == (
        "pad: `pad_width` must be an int, or for all or for each of the 2 axes a (before, after) pair. "
        f"Received: pad_width={pad_width!r}."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.ones((2, 3)), 1, "mirror"),
            "pad: `mode` must be one of 'constant', 'reflect', 'symmetric', 'replicate', 'circular'. "
            "Received: mode='mirror'.",
        ),
        (
            (np.ones((2, 3)), 1, "reflect", 7),
            "pad: Argument `constant_values` can only be provided when `mode == 'constant'`. Received: constant_values=7, mode='reflect'.",
        ),
        (
            (np.ones((2, 3)), ((0, 0), (1, 3)), "reflect"),
            'pad: padding in the mode "reflect" takes elements from the input, of which axis 1 must have at least 4. '
            "Received: 3 elements and pads (1, 3).",
        ),
        (
            (np.ones((2, 3)), ((0, 0), (4, 0)), "wrap"),
            'pad: padding in the mode "circular" takes elements from the input, of which axis 1 must have at least 4. '
            "Received: 3 elements and pads (4, 0).",
        ),
        (
            (np.ones((2, 0)), ((0, 0), (4, 0)), "replicate"),
            'pad: padding in the mode "replicate" takes elements from the input, of which axis 1 must have at least 1. '
            "Received: 0 elements and pads (4, 0).",
        ),
        (
            (np.ones((2, 3)), ((0, 0), (-3, -1))),
            "pad: `pad_width` must not cut off more elements than there are. "
            "Received: pad_width=((0, 0), (-3, -1)) for a tensor of shape (2, 3).",
        ),
    ],
)
def test_bad_modes(arguments, message):
    with pytest.raises(ValueError) as error:
        ops.pad(*arguments)
    assert str(error.value) == message
