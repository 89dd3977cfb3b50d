"""Max unpooling at its public edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv import geometry
from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.arithmetic.unpooling import put
from kerasconv.geometry import Size
from kerasconv.ops import arguments
from kerasconv.ops.symbolic import symbolic


@symbolic
def max_unpool(
    inputs: Any,
    indices: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    output_size: Sequence[int] | None = None,
) -> tf.Tensor:
    """Puts the maxima that `max_pool(..., return_indices=True)` found back to their places, and zeros elsewhere.

    The gradient of a maximum is that of the element it went to. Where several maxima go to one element, as those of
    overlapping windows may, they should be equal: one of them stays.

    Args:
        inputs: Tensor `(batch, *pooled, channels)`, or `(batch, channels, *pooled)` with `"channels_first"`.
        indices: Integer tensor of its shape: for each maximum its row-major index among the elements of its example and
            channel.
        pool_size: As `max_pool` had it.
        strides: As `max_pool` had it.
        padding: As `max_pool` had it.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        output_size: Sizes of the spatial axes of what was pooled, of which several have the same pooled size. `None`
            for `(pooled - 1) * strides + pool_size` less the pads, and with `"same"` for `pooled * strides`.

    Returns:
        Tensor `(batch, *output_size, channels)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together, or an index is not an element of the output (in a graph:
            `tf.errors.InvalidArgumentError`).
        TypeError: If the indices are not integers.

    Example:
        >>> import kerasconv, numpy as np
        >>> y, indices = kerasconv.ops.max_pool(np.float32([1, 4, 3, 2]).reshape(1, 4, 1), 2, return_indices=True)
        >>> kerasconv.ops.max_unpool(y, indices, 2)[0, :, 0].numpy()
        array([0., 4., 3., 0.], dtype=float32)
    """
    name = "max_unpool"
    x, i = arguments.convert(name, inputs=inputs, indices=indices)
    rank = arguments.check_rank(name, x)
    if not i.dtype.is_integer:
        raise TypeError(f"{name}: `indices` must be integers. Received: indices of dtype {i.dtype.name}.")
    if not x.shape.is_compatible_with(i.shape):
        raise ValueError(
            f"{name}: `indices` must have the shape of `inputs`. "
            f"Received: inputs of shape {x.shape}, indices of shape {i.shape}."
        )
    data_format = arguments.data_format(name, data_format)
    x, i = arguments.channels_last(x, data_format), arguments.channels_last(i, data_format)
    window = geometry.unpool_window(pool_size, rank, strides=strides, padding=padding, caller=name)
    sizes: Sequence[Size] = window.input(sizes_of(x)[1:-1])
    if output_size is not None:
        given = geometry.standardize_tuple(output_size, rank, "output_size", name)
        if any(isinstance(n, int) and abs(m - n) >= s for m, n, s in zip(given, sizes, window.strides, strict=True)):
            raise ValueError(
                f"{name}: `output_size` must differ from the default by less than the stride along each axis. "
                f"Received: output_size={given}, default {tuple(sizes)}, strides={window.strides}."
            )
        sizes = given
    i = _checked(tf.cast(i, tf.int64), tf.cast(math.prod(sizes), tf.int64))
    return arguments.from_channels_last(put(x, i, sizes), data_format)


def _checked(indices: tf.Tensor, elements: tf.Tensor) -> tf.Tensor:
    """Returns `indices`, if all are positions of the output."""
    inside = tf.reduce_all((indices >= 0) & (indices < elements))
    rule = "max_unpool: `indices` must be elements of the output"
    if not tf.executing_eagerly():
        with tf.control_dependencies([tf.debugging.Assert(inside, [rule])]):
            return tf.identity(indices)
    if not inside:
        raise ValueError(
            f"{rule}, from 0 to {int(elements) - 1}. "
            f"Received: indices from {int(tf.reduce_min(indices))} to {int(tf.reduce_max(indices))}."
        )
    return indices
