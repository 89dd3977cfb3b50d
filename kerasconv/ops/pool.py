"""Pooling and its gradients: maxima and means over windows, one axis after the other.

A maximum over a box is the maximum over its rows of the maxima along each row, and a sum likewise. So pooling takes
the axes in turn, last axis first, and needs `k_h + k_w` taps instead of `k_h k_w`. Its gradient undoes the axes in the
opposite order: of several equal maxima that picks the first row, and in it the first cell, which is the first in
row-major order.

Along one axis, with `m_t` the mask that says where tap `t` won, the gradient of max pooling is a pair of linear maps,
each the transpose of the other, so that derivatives of any order follow:

    select(x) = sum_t m_t take_t(x)          route(dy) = place(m_t dy)

This generalises the tutorial's `create_mask_from_window` and `distribute_value`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv import config, geometry
from kerasconv.geometry import Size, Window
from kerasconv.ops import tensors
from kerasconv.ops.windows import crop, pad, place, sizes_of, take


def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ties: str = "first",
    algorithm: str = "auto",
) -> tf.Tensor:
    """The maximum of each window: the tutorial's `pool_forward` with `mode="max"`, for any number of axes.

    Padding never wins, and as in `tf.nn.max_pool` neither does NaN: a window of nothing but NaN gives the lowest
    finite number. The gradient goes to the winner; where there is NaN, `tf.nn.max_pool` may give it to that instead.

    Args:
        inputs: Tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with `"channels_first"`.
        pool_size: Cells of the window, one int or one per spatial axis.
        strides: Step of the window; `None` for `pool_size`.
        padding: `"valid"`, `"same"`, or as one int for every side, one int per axis, or one `(before, after)` pair
            per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        dilation_rate: Distance of neighbouring cells of the window.
        ties: Who gets the gradient where several cells of a window are the largest: `"first"` (in row-major order,
            like TensorFlow and PyTorch), `"all"` of them in full (like the tutorial's mask), or `"split"` evenly.
        algorithm: `"auto"` or `"direct"`, which are the same, or `"native"`: TensorFlow's kernel, if it has one for
            the dtype (it has none for float64 in three dimensions).

    Returns:
        Tensor `(batch, *output, channels)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.max_pool(np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1), 3, 2)[0, :, 0].numpy()
        array([4., 5.], dtype=float32)
    """
    check_ties(ties, "max_pool")
    x, window, data_format, native = _prepare(
        "max_pool", inputs, pool_size, strides, padding, data_format, dilation_rate, algorithm
    )
    if native and ties == "first":
        mode, pads = window.tensorflow_padding(sizes_of(x)[1:-1])
        y = tf.nn.max_pool(pad(x, pads, x.dtype.min), window.size, window.strides, mode)
    else:
        y = _max_pool(x, window, ties)
    return tensors.from_channels_last(y, data_format)


def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    count_include_pad: bool = False,
    algorithm: str = "auto",
) -> tf.Tensor:
    """The mean of each window: the tutorial's `pool_forward` with `mode="average"`, for any number of axes.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        pool_size: Cells of the window, one int or one per spatial axis.
        strides: Step of the window; `None` for `pool_size`.
        padding: `"valid"`, `"same"`, or as one int for every side, one int per axis, or one `(before, after)` pair
            per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        dilation_rate: Distance of neighbouring cells of the window.
        count_include_pad: Whether padded cells count as zeros. If not, the mean is that of the real cells.
        algorithm: `"auto"` or `"direct"`, which are the same, or `"native"`: TensorFlow's kernel, if it has one for
            the dtype (it has none for float64 in three dimensions).

    Returns:
        Tensor `(batch, *output, channels)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If `inputs` is not floating-point.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.average_pool(np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1), 3, 2, "same")[0, :, 0].numpy()
        array([2.5, 3. , 3.5], dtype=float32)
    """
    x, window, data_format, native = _prepare(
        "average_pool", inputs, pool_size, strides, padding, data_format, dilation_rate, algorithm
    )
    tensors.check_floating("average_pool", inputs=x)
    dtype, x = x.dtype, tensors.widened(x)
    cells = math.prod(window.size)
    counts = cells if count_include_pad else _counts(window, sizes_of(x)[1:-1], x.dtype)
    if native:
        mode, pads = ("VALID", window.pads) if count_include_pad else window.tensorflow_padding(sizes_of(x)[1:-1])
        y = tf.nn.avg_pool(pad(x, pads), window.size, window.strides, mode)
        if mode == "VALID" and counts is not cells:
            y *= cells / counts
    else:
        y = _window_sum(x, window) / counts
    return tensors.from_channels_last(tf.cast(y, dtype), data_format)


def global_max_pool(inputs: Any, data_format: str | None = None, keepdims: bool = False) -> tf.Tensor:
    """The maximum over all spatial axes. Of several equal maxima each gets the same share of the gradient.

    Args:
        inputs: Tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with `"channels_first"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        keepdims: Whether to keep the spatial axes, with size one.

    Returns:
        Tensor `(batch, channels)`, or with the spatial axes kept.

    Raises:
        ValueError: If an argument is malformed.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.global_max_pool(np.float32([1, 4, 3]).reshape(1, 3, 1)).numpy()
        array([[4.]], dtype=float32)
    """
    x, axes = _global("global_max_pool", inputs, data_format)

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = tf.reduce_max(x, axes, keepdims=True)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            winners = tf.equal(x, y)
            shares = tf.reduce_sum(tf.cast(winners, dy.dtype), axes, keepdims=True)
            return tf.where(winners, dy / shares, tf.zeros([], dy.dtype))

        return y, grad

    y = call(x)
    return y if keepdims else tf.squeeze(y, axes)


def global_average_pool(
    inputs: Any, data_format: str | None = None, keepdims: bool = False, *, mask: Any = None
) -> tf.Tensor:
    """The mean over all spatial axes.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        keepdims: Whether to keep the spatial axes, with size one.
        mask: Booleans `(batch, *spatial)`: which cells to take the mean of. `None` for all.

    Returns:
        Tensor `(batch, channels)`, or with the spatial axes kept.

    Raises:
        TypeError: If `inputs` is not floating-point.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.global_average_pool(np.float32([1, 4, 4]).reshape(1, 3, 1)).numpy()
        array([[3.]], dtype=float32)
    """
    x, axes = _global("global_average_pool", inputs, data_format)
    tensors.check_floating("global_average_pool", inputs=x)
    dtype, x = x.dtype, tensors.widened(x)
    if mask is None:
        weights = tf.ones([], x.dtype)
        total = tf.cast(tf.reduce_prod([sizes_of(x)[axis] for axis in axes]), x.dtype)
    else:
        mask = tf.expand_dims(tf.cast(mask, tf.bool), 1 if axes[0] == 2 else -1)
        x = tf.where(mask, x, tf.zeros([], x.dtype))
        weights = tf.cast(mask, x.dtype)
        total = tf.reduce_sum(weights, axes, keepdims=True)

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        def grad(dy: tf.Tensor) -> tf.Tensor:
            return tf.broadcast_to(dy / total * weights, tf.shape(x))

        return tf.reduce_sum(x, axes, keepdims=True) / total, grad

    y = tf.cast(call(x), dtype)
    return y if keepdims else tf.squeeze(y, axes)


def check_ties(ties: str, caller: str) -> str:
    """`ties`, if there is such a rule.

    Raises:
        ValueError: If there is not.
    """
    if ties not in ("first", "all", "split"):
        raise ValueError(f'{caller}: `ties` must be "first", "all" or "split". Received: ties={ties!r}.')
    return ties


def check_pool_algorithm(algorithm: str, dilation: Sequence[int], caller: str) -> str:
    """`algorithm`, if pooling has it for this dilation.

    Raises:
        ValueError: If it has not.
    """
    if algorithm not in ("auto", "direct", "native") or (algorithm == "native" and max(dilation) > 1):
        raise ValueError(
            f'{caller}: `algorithm` must be "auto", "direct" or "native", and "native" takes no dilation. '
            f"Received: algorithm={algorithm!r}, dilation_rate={tuple(dilation)}."
        )
    return algorithm


def _max_pool(x: tf.Tensor, window: Window, ties: str) -> tf.Tensor:
    lowest = x.dtype.min
    axes = range(window.rank, 0, -1)

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        if x.dtype.is_floating:
            x = tf.where(x > lowest, x, tf.constant(lowest, x.dtype))  # NaN becomes the lowest number
        stages = [pad(x, window.pads, lowest)]
        for axis in axes:
            stages.append(functools.reduce(tf.maximum, take(stages[-1], window, axis)))

        def grad(dy: tf.Tensor) -> tf.Tensor:
            masks = {
                axis: _winners(take(before, window, axis), after, only_first=ties == "first")
                for axis, before, after in zip(axes, stages[:-1], stages[1:], strict=True)
            }
            if ties == "split":
                dy /= _select(tf.ones_like(x), masks, window)
            return _route(dy, masks, window, sizes_of(x)[1:-1])

        return stages[-1], grad

    return call(x)


def _winners(taps: Sequence[tf.Tensor], maximum: tf.Tensor, *, only_first: bool) -> list[tf.Tensor]:
    """For each tap, where it is the maximum; if `only_first`, and no tap before it is."""
    masks = [tf.equal(tap, maximum) for tap in taps]
    if only_first:
        taken = masks[0]
        for j in range(1, len(masks)):
            masks[j], taken = masks[j] & ~taken, taken | masks[j]
    return masks


def _route(dy: tf.Tensor, masks: dict[int, list[tf.Tensor]], window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """Hands `dy` to the winners: `(N, *O, C)` to `(N, *S, C)`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        x = dy
        for axis, m in enumerate(window.padded(sizes), start=1):
            zero = tf.zeros([], x.dtype)
            x = place([tf.where(mask, x, zero) for mask in masks[axis]], window, axis, m)
        return crop(x, window.pads), lambda c: _select(c, masks, window)

    return call(dy)


def _select(x: tf.Tensor, masks: dict[int, list[tf.Tensor]], window: Window) -> tf.Tensor:
    """The transpose of `_route`: the sum of `x` over the winners of each window."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = pad(x, window.pads)
        for axis in range(window.rank, 0, -1):
            zero = tf.zeros([], y.dtype)
            pairs = zip(masks[axis], take(y, window, axis), strict=True)
            y = tf.add_n([tf.where(mask, tap, zero) for mask, tap in pairs])
        return y, lambda c: _route(c, masks, window, sizes_of(x)[1:-1])

    return call(x)


def _window_sum(x: tf.Tensor, window: Window) -> tf.Tensor:
    """The sum over each window: `(N, *S, C)` to `(N, *O, C)`."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = pad(x, window.pads)
        for axis in range(window.rank, 0, -1):
            y = tf.add_n(take(y, window, axis))
        return y, lambda c: _spread(c, window, sizes_of(x)[1:-1])

    return call(x)


def _spread(dy: tf.Tensor, window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `_window_sum`: adds `dy` to every cell of its window."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        x = dy
        for axis, m in enumerate(window.padded(sizes), start=1):
            x = place([x] * window.size[axis - 1], window, axis, m)
        return crop(x, window.pads), lambda c: _window_sum(c, window)

    return call(dy)


def _counts(window: Window, sizes: Sequence[Size], dtype: tf.DType) -> Any:
    """How many cells of each window are not padding: a tensor `(1, *O, 1)`, or an int where it is all of them."""
    if window.unpadded:
        return math.prod(window.size)
    return _window_sum(tf.ones([1, *sizes, 1], dtype), window)


def _prepare(
    caller: str,
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilation_rate: Any,
    algorithm: str,
) -> tuple[tf.Tensor, Window, str, bool]:
    """The arguments of a pooling as a channels-last tensor, a window, the data format, and whether to go native."""
    (x,) = tensors.convert(caller, inputs=inputs)
    tensors.check_rank(caller, x)
    data_format = tensors.data_format(caller, data_format)
    x = tensors.channels_last(x, data_format)
    window = geometry.pool_window(
        pool_size, sizes_of(x)[1:-1], strides=strides, padding=padding, dilation=dilation_rate, caller=caller
    )
    check_pool_algorithm(algorithm, window.dilation, caller)
    has_kernel = max(window.dilation) == 1 and (window.rank < 3 or x.dtype != tf.float64)
    return x, window, data_format, config.resolve(algorithm) == "native" and has_kernel


def _global(caller: str, inputs: Any, data_format: str | None) -> tuple[tf.Tensor, list[int]]:
    """The input of a global pooling as a tensor, and its spatial axes."""
    (x,) = tensors.convert(caller, inputs=inputs)
    rank = tensors.check_rank(caller, x)
    first = 1 if tensors.data_format(caller, data_format) == "channels_last" else 2
    return x, list(range(first, first + rank))
