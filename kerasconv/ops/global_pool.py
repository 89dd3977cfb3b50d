"""Pooling over all spatial axes at once, at its public edge."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerasconv.arithmetic.pooling import global_max, global_mean
from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.engine.convolution import widened
from kerasconv.ops import arguments
from kerasconv.ops.symbolic import symbolic


@symbolic
def global_max_pool(inputs: Any, data_format: str | None = None, keepdims: bool = False) -> tf.Tensor:
    """Returns the maximum over all spatial axes. Equal maxima get equal shares of the gradient.

    As with `tf.reduce_max` on a CPU, and unlike in `max_pool`, the maximum of NaN and others is NaN, in every mode.

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
    y = global_max(x, axes)
    return y if keepdims else tf.squeeze(y, axes)


@symbolic
def global_average_pool(
    inputs: Any, data_format: str | None = None, keepdims: bool = False, *, mask: Any = None
) -> tf.Tensor:
    """Returns the mean over all spatial axes.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        keepdims: Whether to keep the spatial axes, with size one.
        mask: Booleans `(batch, *spatial)`: which elements to take the mean of. `None` for all.

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
    arguments.check_floating("global_average_pool", inputs=x)
    dtype, x = x.dtype, widened(x)
    if mask is None:
        weights = tf.ones([], x.dtype)
        total = tf.cast(tf.reduce_prod([sizes_of(x)[axis] for axis in axes]), x.dtype)
    else:
        mask = tf.expand_dims(tf.cast(mask, tf.bool), 1 if axes[0] == 2 else -1)
        x = tf.where(mask, x, tf.zeros([], x.dtype))
        weights = tf.cast(mask, x.dtype)
        total = tf.reduce_sum(weights, axes, keepdims=True)

    y = tf.cast(global_mean(x, axes, weights, total), dtype)
    return y if keepdims else tf.squeeze(y, axes)


def _global(caller: str, inputs: Any, data_format: str | None) -> tuple[tf.Tensor, list[int]]:
    """Returns the input of a global pooling as a tensor, and its spatial axes."""
    (x,) = arguments.convert(caller, inputs=inputs)
    rank = arguments.check_rank(caller, x)
    first = 1 if arguments.data_format(caller, data_format) == "channels_last" else 2
    return x, list(range(first, first + rank))
