"""Pooling in NumPy, forwards and backwards, one window at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasconv.reference.windows import check_shape, hyperparameters, output_size, windows

Array = np.ndarray[Any, Any]


def pool_forward(A_prev: Array, hparameters: dict[str, int], mode: str = "max") -> tuple[Array, tuple[Any, ...]]:
    """A pooling layer, forwards: the maximum or the mean of every window, channel by channel.

    Args:
        A_prev: Images `(m, n_H_prev, n_W_prev, n_C)`.
        hparameters: `"f"`, the size of the window, and `"stride"`, each at least 1.
        mode: `"max"` or `"average"`.

    Returns:
        `A (m, n_H, n_W, n_C)` with `n_H = floor((n_H_prev - f) / stride) + 1`, and the cache
        `(A_prev, hparameters)` for `pool_backward`.

    Raises:
        ValueError: If an argument is malformed, or the window does not fit.

    Example:
        >>> A, cache = pool_forward(np.arange(16.0).reshape(1, 4, 4, 1), {"f": 2, "stride": 2})
        >>> A[0, :, :, 0]
        array([[ 5.,  7.],
               [13., 15.]])
    """
    m, n_H, n_W, n_C, f, stride = _sizes("pool_forward", A_prev, hparameters, mode)
    dtype = A_prev.dtype if mode == "max" else np.mean(np.zeros(1, A_prev.dtype)).dtype
    A = np.zeros((m, n_H, n_W, n_C), dtype)
    pool = np.max if mode == "max" else np.mean
    for i in range(m):
        for h, w, rows, columns in windows(n_H, n_W, f, f, stride):
            for c in range(n_C):
                A[i, h, w, c] = pool(A_prev[i, rows, columns, c])
    return A, (A_prev, hparameters)


def create_mask_from_window(x: Array) -> Array:
    """Marks the maximum of a window: the tutorial's formula (4).

    If several elements are the largest, each of them is marked. `pool_backward` then hands the whole gradient to each,
    as `ties="all"` does in `kerasconv.ops.max_pool`; TensorFlow and PyTorch give it to the first alone.

    Args:
        x: A window, of any shape.

    Returns:
        Booleans of the same shape.

    Example:
        >>> create_mask_from_window(np.array([[1, 3], [4, 2]]))
        array([[False, False],
               [ True, False]])
    """
    return x == np.max(x)


def distribute_value(dz: float, shape: tuple[int, ...]) -> Array:
    """A value spread evenly over a window: the tutorial's formula (5).

    Args:
        dz: The value.
        shape: The window's shape, such as `(n_H, n_W)`.

    Returns:
        An array of that shape, whose sum is `dz`.

    Raises:
        ValueError: If the window has no elements.

    Example:
        >>> distribute_value(2, (2, 2))
        array([[0.5, 0.5],
               [0.5, 0.5]])
    """
    elements = int(np.prod(shape))
    if elements == 0:
        raise ValueError(f"distribute_value: `shape` must have at least one element. Received: shape={shape}.")
    return np.full(shape, dz / elements)


def pool_backward(dA: Array, cache: tuple[Any, ...], mode: str = "max") -> Array:
    """A pooling layer, backwards: each output's gradient goes to the elements that it came from.

    Unlike in the tutorial, whose code takes every window from row `h` and column `w`, windows stand where the stride
    puts them.

    Args:
        dA: Gradient of the cost for `A`, `(m, n_H, n_W, n_C)`.
        cache: What `pool_forward` returned.
        mode: The mode of `pool_forward`. With `"max"`, tied maxima each get the whole gradient.

    Returns:
        The gradient `dA_prev`, in the shape of `A_prev`.

    Raises:
        ValueError: If `dA` has not the shape of `A`, or there is no such mode.

    Example:
        >>> A, cache = pool_forward(np.arange(9.0).reshape(1, 3, 3, 1), {"f": 2, "stride": 1})
        >>> pool_backward(np.ones_like(A), cache, "average")[0, :, :, 0]
        array([[0.25, 0.5 , 0.25],
               [0.5 , 1.  , 0.5 ],
               [0.25, 0.5 , 0.25]])
    """
    A_prev, hparameters = cache
    m, n_H, n_W, n_C, f, stride = _sizes("pool_backward", A_prev, hparameters, mode)
    check_shape("pool_backward", "dA", dA, (m, n_H, n_W, n_C))
    dA_prev = np.zeros(A_prev.shape, dA.dtype)
    for i in range(m):
        for h, w, rows, columns in windows(n_H, n_W, f, f, stride):
            for c in range(n_C):
                da = dA[i, h, w, c]
                if mode == "max":
                    dA_prev[i, rows, columns, c] += create_mask_from_window(A_prev[i, rows, columns, c]) * da
                else:
                    dA_prev[i, rows, columns, c] += distribute_value(da, (f, f))
    return dA_prev


def _sizes(caller: str, A_prev: Array, hparameters: dict[str, int], mode: str) -> tuple[int, int, int, int, int, int]:
    """`m, n_H, n_W, n_C, f, stride`, with all arguments checked."""
    if mode not in ("max", "average"):
        raise ValueError(f'{caller}: `mode` must be "max" or "average". Received: mode={mode!r}.')
    check_shape(caller, "A_prev", A_prev, (None,) * 4)
    f, stride = hyperparameters(caller, hparameters, f=1, stride=1)
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    n_H = output_size(caller, n_H_prev, f, stride)
    return m, n_H, output_size(caller, n_W_prev, f, stride), n_C, f, stride
