"""The reference where it goes beyond the tutorial: faults mended, shapes checked, any dtype."""

import numpy as np
import pytest

from kerasconv import ops, reference


def randn(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize(("pad", "stride"), [(0, 1), (0, 2), (1, 1), (2, 3)])
def test_conv_agrees_with_the_operations(pad, stride):
    """Without padding too, where the tutorial's `[pad:-pad]` is empty; with kernels that are not square."""
    A_prev, W, b = randn(2, 6, 7, 3), randn(3, 2, 3, 4), randn(1, 1, 1, 4)
    Z, cache = reference.conv_forward(A_prev, W, b, {"pad": pad, "stride": stride})
    np.testing.assert_allclose(ops.conv(A_prev, W, stride, pad, bias=b[0, 0, 0]), Z, atol=1e-12)
    dA, dW, db = reference.conv_backward(Z, cache)
    np.testing.assert_allclose(ops.conv_input_gradient(Z, W, (6, 7), stride, pad), dA, atol=1e-10)
    np.testing.assert_allclose(ops.conv_kernel_gradient(A_prev, Z, (3, 2), stride, pad), dW, atol=1e-10)
    np.testing.assert_allclose(db[0, 0, 0], Z.sum((0, 1, 2)))


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pool_backward_honours_the_stride(mode):
    """With stride 2 the tutorial's code hands gradients to the wrong elements."""
    A_prev = randn(2, 6, 5, 3)
    A, cache = reference.pool_forward(A_prev, {"f": 2, "stride": 2}, mode)
    dA = randn(*A.shape) + 1
    dA_prev = reference.pool_backward(dA, cache, mode)
    t = 1e-6
    step = np.random.default_rng(1).normal(size=A_prev.shape)
    numeric = np.sum((reference.pool_forward(A_prev + t * step, {"f": 2, "stride": 2}, mode)[0] - A) * dA) / t
    assert np.sum(dA_prev * step) == pytest.approx(numeric, rel=1e-4)
    np.testing.assert_array_equal(dA_prev[:, :, 4], 0)  # which no window sees


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "complex64"])
def test_conv_keeps_the_dtype(dtype):
    A_prev, W, b = (np.ones(shape, dtype) for shape in ((1, 3, 3, 2), (2, 2, 2, 1), (1, 1, 1, 1)))
    Z, cache = reference.conv_forward(A_prev, W, b, {"pad": 0, "stride": 1})
    assert Z.dtype == dtype
    np.testing.assert_array_equal(Z, np.full((1, 2, 2, 1), 9))
    assert [gradient.dtype for gradient in reference.conv_backward(Z, cache)] == [dtype] * 3


def test_pool_keeps_the_dtype():
    A_prev = np.arange(9).reshape(1, 3, 3, 1)
    assert reference.pool_forward(A_prev, {"f": 2, "stride": 1})[0].dtype == A_prev.dtype
    A, cache = reference.pool_forward(A_prev, {"f": 2, "stride": 1}, "average")
    np.testing.assert_array_equal(A[0, :, :, 0], [[2, 3], [5, 6]])
    A, cache = reference.pool_forward(A_prev.astype("float32"), {"f": 2, "stride": 1}, "average")
    assert A.dtype == reference.pool_backward(A, cache, "average").dtype == "float32"


def test_rectified_keeps_the_dtype():
    assert reference.rectified(np.float32([-1, 2])).dtype == "float32"


x, w, b = np.ones((2, 5, 4, 3)), np.ones((2, 2, 3, 6)), np.ones((1, 1, 1, 6))
cache = (x, w, b, {"pad": 0, "stride": 1})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reference.zero_pad(x[0], 1), "zero_pad: `X` must have the shape (any, any, any, any). Received: shape (5, 4, 3)."),
        (lambda: reference.zero_pad(x, -1), "zero_pad: `pad` must be an int, at least 0. Received: pad=-1."),
        (lambda: reference.conv_single_step(x, w, b), "conv_single_step: `W` must have the shape (2, 5, 4, 3). Received: shape (2, 2, 3, 6)."),
        (lambda: reference.conv_single_step(x, x, b), "conv_single_step: `b` must be one number. Received: shape (1, 1, 1, 6)."),
        (lambda: reference.conv_forward(x, w[:, :, :2], b, {"pad": 0, "stride": 1}), "conv_forward: `W` must have the shape (any, any, 3, any). Received: shape (2, 2, 2, 6)."),
        (lambda: reference.conv_forward(x, w, b[0], {"pad": 0, "stride": 1}), "conv_forward: `b` must have the shape (1, 1, 1, 6). Received: shape (1, 1, 6)."),
        (lambda: reference.conv_forward(x, w, b, {"pad": 0}), "conv_forward: `hparameters` must have 'stride', 'pad'. Received: hparameters={'pad': 0}."),
        (lambda: reference.conv_forward(x, w, b, {"pad": 0, "stride": 0}), "conv_forward: `stride` must be an int, at least 1. Received: stride=0."),
        (lambda: reference.conv_forward(x, w, b, {"pad": 0, "stride": 1.5}), "conv_forward: `stride` must be an int, at least 1. Received: stride=1.5."),
        (lambda: reference.conv_forward(x[:, :1], w, b, {"pad": 0, "stride": 1}), "conv_forward: the window must fit into the padded input. Received: a window of 2 elements and 1 padded elements."),
        (lambda: reference.conv_backward(np.ones((2, 4, 4, 6)), cache), "conv_backward: `dZ` must have the shape (2, 4, 3, 6). Received: shape (2, 4, 4, 6)."),
        (lambda: reference.pool_forward(x, {"f": 2, "stride": 1}, "min"), "pool_forward: `mode` must be \"max\" or \"average\". Received: mode='min'."),
        (lambda: reference.pool_forward(x, {"f": 6, "stride": 1}), "pool_forward: the window must fit into the padded input. Received: a window of 6 elements and 5 padded elements."),
        (lambda: reference.pool_backward(x, (x, {"f": 2, "stride": 1})), "pool_backward: `dA` must have the shape (2, 4, 3, 3). Received: shape (2, 5, 4, 3)."),
        (lambda: reference.distribute_value(1, (0, 2)), "distribute_value: `shape` must have at least one element. Received: shape=(0, 2)."),
    ],
)  # fmt: skip
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
