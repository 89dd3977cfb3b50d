"""Convolution in NumPy, forwards and backwards, one window at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasconv.reference.windows import check_shape, hyperparameters, output_size, windows

Array = np.ndarray[Any, Any]


def zero_pad(X: Array, pad: int) -> Array:
    """Zeros around the height and the width of each image of a batch.

    Args:
        X: Images `(m, n_H, n_W, n_C)`.
        pad: Elements to add on each side, at least 0.

    Returns:
        Images `(m, n_H + 2 pad, n_W + 2 pad, n_C)`.

    Raises:
        ValueError: If `X` has not four axes, or `pad` is no such number.

    Example:
        >>> zero_pad(np.ones((1, 1, 1, 1)), 1)[0, :, :, 0]
        array([[0., 0., 0.],
               [0., 1., 0.],
               [0., 0., 0.]])
    """
    check_shape("zero_pad", "X", X, (None,) * 4)
    (pad,) = hyperparameters("zero_pad", {"pad": pad}, pad=0)
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def conv_single_step(a_slice_prev: Array, W: Array, b: Array) -> Any:
    """One filter at one position: the sum of the products of a window and the weights, plus the bias.

    Args:
        a_slice_prev: What the window sees, `(f, f, n_C_prev)`.
        W: The filter's weights, of the same shape.
        b: Its bias, one number in an array of any shape, such as `(1, 1, 1)`.

    Returns:
        A number.

    Raises:
        ValueError: If the shapes differ, or `b` is not one number.

    Example:
        >>> float(conv_single_step(np.ones((2, 2, 1)), np.full((2, 2, 1), 3.0), np.array([0.5])))
        12.5
    """
    check_shape("conv_single_step", "W", W, np.shape(a_slice_prev))
    if np.size(b) != 1:
        raise ValueError(f"conv_single_step: `b` must be one number. Received: shape {np.shape(b)}.")
    return np.sum(a_slice_prev * W) + np.asarray(b).item()


def conv_forward(A_prev: Array, W: Array, b: Array, hparameters: dict[str, int]) -> tuple[Array, tuple[Any, ...]]:
    """A convolution layer, forwards: every filter at every position of every image.

    Args:
        A_prev: Images `(m, n_H_prev, n_W_prev, n_C_prev)`.
        W: Weights `(f, f, n_C_prev, n_C)`; the two `f` may differ.
        b: Biases `(1, 1, 1, n_C)`.
        hparameters: `"stride"`, at least 1, and `"pad"`, at least 0.

    Returns:
        `Z (m, n_H, n_W, n_C)` with `n_H = floor((n_H_prev - f + 2 pad) / stride) + 1`, and the cache
        `(A_prev, W, b, hparameters)` for `conv_backward`.

    Raises:
        ValueError: If the shapes do not fit together.

    Example:
        >>> picture = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> Z, cache = conv_forward(picture, np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1)), {"stride": 2, "pad": 0})
        >>> Z[0, :, :, 0]
        array([[10., 18.],
               [42., 50.]])
    """
    check_shape("conv_forward", "A_prev", A_prev, (None,) * 4)
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    check_shape("conv_forward", "W", W, (None, None, n_C_prev, None))
    f_h, f_w, _, n_C = W.shape
    check_shape("conv_forward", "b", b, (1, 1, 1, n_C))
    stride, pad = hyperparameters("conv_forward", hparameters, stride=1, pad=0)
    n_H = output_size("conv_forward", n_H_prev, f_h, stride, pad)
    n_W = output_size("conv_forward", n_W_prev, f_w, stride, pad)

    Z = np.zeros((m, n_H, n_W, n_C), np.result_type(A_prev, W, b))
    A_prev_pad = zero_pad(A_prev, pad)
    for i in range(m):
        for h, w, rows, columns in windows(n_H, n_W, f_h, f_w, stride):
            for c in range(n_C):
                Z[i, h, w, c] = conv_single_step(A_prev_pad[i, rows, columns], W[..., c], b[..., c])
    return Z, (A_prev, W, b, hparameters)


def conv_backward(dZ: Array, cache: tuple[Any, ...]) -> tuple[Array, Array, Array]:
    """A convolution layer, backwards: the tutorial's formulas (1), (2) and (3).

    At each position every window's elements get the filter, weighted by the gradient of what the filter gave there (1);
    the filter gets the window's elements, weighted likewise (2); and the bias gets the gradient itself (3). Windows may
    overlap, so all three add up.

    Args:
        dZ: Gradient of the cost for `Z`, `(m, n_H, n_W, n_C)`.
        cache: What `conv_forward` returned.

    Returns:
        The gradients `dA_prev`, `dW` and `db`, in the shapes of `A_prev`, `W` and `b`.

    Raises:
        ValueError: If `dZ` has not the shape of `Z`.

    Example:
        >>> A_prev, W, b = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), np.zeros((1, 1, 1, 1))
        >>> Z, cache = conv_forward(A_prev, W, b, {"stride": 1, "pad": 0})
        >>> conv_backward(np.ones_like(Z), cache)[0][0, :, :, 0]
        array([[1., 2., 1.],
               [2., 4., 2.],
               [1., 2., 1.]])
    """
    A_prev, W, b, hparameters = cache
    m, n_H_prev, n_W_prev, _ = A_prev.shape
    f_h, f_w, _, n_C = W.shape
    stride, pad = hyperparameters("conv_backward", hparameters, stride=1, pad=0)
    n_H = output_size("conv_backward", n_H_prev, f_h, stride, pad)
    n_W = output_size("conv_backward", n_W_prev, f_w, stride, pad)
    check_shape("conv_backward", "dZ", dZ, (m, n_H, n_W, n_C))

    dtype = np.result_type(dZ, A_prev, W)
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = np.zeros(A_prev_pad.shape, dtype)
    dW = np.zeros(W.shape, dtype)
    db = np.zeros(b.shape, dtype)
    for i in range(m):
        for h, w, rows, columns in windows(n_H, n_W, f_h, f_w, stride):
            for c in range(n_C):
                dA_prev_pad[i, rows, columns] += W[..., c] * dZ[i, h, w, c]
                dW[..., c] += A_prev_pad[i, rows, columns] * dZ[i, h, w, c]
                db[..., c] += dZ[i, h, w, c]
    dA_prev = dA_prev_pad[:, pad : pad + n_H_prev, pad : pad + n_W_prev]
    return dA_prev, dW, db
