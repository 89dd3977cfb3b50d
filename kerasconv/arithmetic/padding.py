"""Padding and its gradients.

What is added before and after an axis is a stretch of the axis itself, mirrored or not, or its end element repeated:

    [a b c d]     reflect:  [c b | a b c d | c b]        symmetric:  [b a | a b c d | d c]
                  circular: [c d | a b c d | a b]        replicate:  [a a | a b c d | d d]

The gradient cuts the two stretches off and adds them where they came from; for constants, it merely cuts them off.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerasconv.arithmetic.tensors import along, crop_axes, pad_axes, sizes_of
from kerasconv.geometry import Pads, Size


def surround(x: tf.Tensor, pads: Pads, value: float = 0) -> tf.Tensor:
    """Returns `x` with constants around it, by a pair for every axis."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return pad_axes(x, pads, value), lambda dy: cut(dy, pads)

    return call(x)


def cut(x: tf.Tensor, pads: Pads) -> tf.Tensor:
    """Returns `x` without what `surround` adds: its adjoint."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return crop_axes(x, pads), lambda dy: surround(dy, pads)

    return call(x)


def extend(x: tf.Tensor, axis: int, lo: Size, hi: Size, mode: str) -> tf.Tensor:
    """Returns `x` with `lo` and `hi` of its own elements before and after an axis."""
    n = sizes_of(x)[axis]

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        stretches = []
        for start, size in _sources(n, lo, hi, mode):
            elements = crop_axes(x, along(axis, start, n - start - (1 if mode == "replicate" else size), x))
            repeated = tf.repeat(elements, size, axis) if mode == "replicate" else _mirrored(elements, axis, mode)
            stretches.append(repeated)
        y = tf.concat([stretches[0], x, stretches[1]], axis)
        return y, lambda dy: _fold(dy, axis, lo, hi, mode)

    return call(x)


def _fold(y: tf.Tensor, axis: int, lo: Size, hi: Size, mode: str) -> tf.Tensor:
    """Cuts off what `extend` adds, and adds it where it came from: the adjoint."""
    n = sizes_of(y)[axis] - lo - hi

    @tf.custom_gradient
    def call(y: tf.Tensor) -> Any:
        parts = [crop_axes(y, along(axis, lo, hi, y))]
        ends = (along(axis, 0, n + hi, y), along(axis, lo + n, 0, y))
        for (start, size), end in zip(_sources(n, lo, hi, mode), ends, strict=True):
            elements = crop_axes(y, end)
            if mode == "replicate":
                elements, size = tf.reduce_sum(elements, axis, keepdims=True), 1
            else:
                elements = _mirrored(elements, axis, mode)
            parts.append(pad_axes(elements, along(axis, start, n - start - size, y)))
        return tf.add_n(parts), lambda dx: extend(dx, axis, lo, hi, mode)

    return call(y)


def _sources(n: Size, lo: Size, hi: Size, mode: str) -> list[tuple[Size, Size]]:
    """Returns where on an axis of `n` elements the pads before and after come from: the first one and their number."""
    starts = {
        "reflect": (1, n - 1 - hi),
        "symmetric": (0, n - hi),
        "replicate": (0, n - 1),
        "circular": (n - lo, 0),
    }[mode]
    return list(zip(starts, (lo, hi), strict=True))


def _mirrored(elements: tf.Tensor, axis: int, mode: str) -> tf.Tensor:
    return elements if mode == "circular" else tf.reverse(elements, [axis])
