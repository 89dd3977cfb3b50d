"""The few operations on tensors that all of the arithmetic is written in, beside TensorFlow's own.

Tensors are channels-last, `(batch, *spatial, channels)`. Sizes are ints where they are known, else scalar tensors.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Pads, Size, is_zero


def sizes_of(x: tf.Tensor) -> list[Size]:
    """Returns the shape of `x`: an int for each size that is known, a scalar tensor for each that is not."""
    static = x.shape.as_list()
    if None not in static:
        return static
    dynamic = tf.shape(x)
    return [dynamic[axis] if n is None else n for axis, n in enumerate(static)]


def add_n(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns the sum of tensors of one shape, as `tf.add_n` does.

    TensorFlow's graph optimiser rewrites chains of `+` and `AddN` nodes, and what it makes of them is no longer fused
    with the reads before them, which takes eight times as long (`python -m benchmarks.tricks add_n`). It does not look
    through an `IdentityN` of two tensors.
    """
    return functools.reduce(lambda a, b: tf.add(*tf.identity_n([a, b])), parts)


def pad(x: tf.Tensor, pads: Sequence[tuple[Size, Size]], value: float = 0) -> tf.Tensor:
    """Returns `x` with `(before, after)` elements of `value` added to each spatial axis."""
    return pad_axes(x, ((0, 0), *pads, (0, 0)), value)


def crop(x: tf.Tensor, pads: Sequence[tuple[Size, Size]]) -> tf.Tensor:
    """Returns `x` without its first and last elements along each spatial axis: the adjoint of `pad` with zeros."""
    return crop_axes(x, ((0, 0), *pads, (0, 0)))


def pad_axes(x: tf.Tensor, pads: Pads, value: float = 0) -> tf.Tensor:
    """Pads as `pad` does, with a pair for every axis, batch and channels included."""
    if all(is_zero(side) for pair in pads for side in pair):
        return x
    return tf.pad(x, pads, constant_values=tf.cast(value, x.dtype))


def crop_axes(x: tf.Tensor, pads: Pads) -> tf.Tensor:
    """Crops as `crop` does, with a pair for every axis, batch and channels included."""
    if all(is_zero(side) for pair in pads for side in pair):
        return x
    sizes = [n - lo - hi for n, (lo, hi) in zip(sizes_of(x), pads, strict=True)]
    return tf.slice(x, [lo for lo, _ in pads], sizes)


def along(axis: int, before: Size, after: Size, x: tf.Tensor) -> Pads:
    """Returns pads for every axis of `x`, zero for all axes but one."""
    return tuple((before, after) if a == axis else (0, 0) for a in range(x.shape.rank))
