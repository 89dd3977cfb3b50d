"""Maxima and sums over windows, and their gradients, one axis after the other.

A maximum over a box is the maximum over its rows of the maxima along each row, and a sum likewise. So pooling takes
the axes in turn, last axis first, and needs `k_h + k_w` taps instead of `k_h k_w`. Its gradient undoes the axes in the
opposite order: of several equal maxima that picks the first row, and in it the first cell, which is the first in
row-major order.

Along one axis, with `m_t` the mask that says where tap `t` won, the gradient of max pooling is a pair of linear maps,
each the transpose of the other, so that derivatives of any order follow:

    select(x) = sum_t m_t read_t(x)          route(dy) = write(m_t dy)

With all masks true they are the pair for sums. This generalises the tutorial's `create_mask_from_window` and
`distribute_value`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from kerasconv.geometry import AdaptiveWindow, Size, Window
from kerasconv.ops.windows import read, reals, sizes_of, write

AnyWindow: TypeAlias = Window | AdaptiveWindow

Masks: TypeAlias = dict[int, list[tf.Tensor]]
"""For each axis and tap, where it won."""


def maximum(x: tf.Tensor, window: AnyWindow, ties: str) -> tf.Tensor:
    """The maximum of each window, `(N, *S, C)` to `(N, *O, C)`; `ties` says who gets its gradient."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        stages = _maxima(x, window)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            masks = _winners(stages, window, only_first=ties == "first")
            if ties == "split":
                dy /= _select(tf.ones_like(x), masks, window)
            return _route(dy, masks, window, sizes_of(x)[1:-1])

        return stages[-1], grad

    return call(x)


def first_maximum(x: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """The cell of the first maximum of each window: its row-major index among the cells `S`, int64 `(N, *O, C)`."""
    x = tf.stop_gradient(x)
    sizes = sizes_of(x)[1:-1]
    cells = tf.reshape(tf.range(math.prod(sizes), dtype=tf.int64), [1, *sizes, 1])
    return _select(cells, _winners(_maxima(x, window), window, only_first=True), window)


def window_sum(x: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """The sum over each window: `(N, *S, C)` to `(N, *O, C)`."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = x
        for axis in range(window.rank, 0, -1):
            y = tf.add_n(read(y, window, axis))
        return y, lambda c: _spread(c, window, sizes_of(x)[1:-1])

    return call(x)


def real_cells(window: AnyWindow, sizes: Sequence[Size], dtype: tf.DType) -> Any:
    """How many cells of each window are not padding: a tensor `(1, *O, 1)`, or an int where it is all of them."""
    if window.unpadded:
        return math.prod(window.size)
    return window_sum(tf.ones([1, *sizes, 1], dtype), window)


def _maxima(x: tf.Tensor, window: AnyWindow) -> list[tf.Tensor]:
    """`x`, its maxima along the last spatial axis, theirs along the axis before, and so on."""
    lowest = x.dtype.min
    if x.dtype.is_floating:
        x = tf.where(x > lowest, x, tf.constant(lowest, x.dtype))  # NaN becomes the lowest number
    stages = [x]
    for axis in range(window.rank, 0, -1):
        stages.append(functools.reduce(tf.maximum, read(stages[-1], window, axis, lowest)))
    return stages


def _winners(stages: list[tf.Tensor], window: AnyWindow, *, only_first: bool) -> Masks:
    """For each axis and tap, where it is the maximum and no padding; if `only_first`, and no tap before it is."""
    result = {}
    for axis, before, after in zip(range(window.rank, 0, -1), stages[:-1], stages[1:], strict=True):
        masks = [tf.equal(tap, after) for tap in read(before, window, axis, before.dtype.min)]
        inside = reals(before, window, axis)
        if inside is not None:
            masks = [mask & real for mask, real in zip(masks, inside, strict=True)]
        if only_first:
            taken = masks[0]
            for j in range(1, len(masks)):
                masks[j], taken = masks[j] & ~taken, taken | masks[j]
        result[axis] = masks
    return result


def _route(dy: tf.Tensor, masks: Masks, window: AnyWindow, sizes: Sequence[Size]) -> tf.Tensor:
    """Hands `dy` to the winners: `(N, *O, C)` to `(N, *S, C)`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        x = dy
        for axis, n in enumerate(sizes, start=1):
            zero = tf.zeros([], x.dtype)
            x = write([tf.where(mask, x, zero) for mask in masks[axis]], window, axis, n)
        return x, lambda c: _select(c, masks, window)

    return call(dy)


def _select(x: tf.Tensor, masks: Masks, window: AnyWindow) -> tf.Tensor:
    """The transpose of `_route`: the sum of `x` over the winners of each window."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = x
        for axis in range(window.rank, 0, -1):
            zero = tf.zeros([], y.dtype)
            taps = zip(masks[axis], read(y, window, axis), strict=True)
            y = tf.add_n([tf.where(mask, tap, zero) for mask, tap in taps])
        return y, lambda c: _route(c, masks, window, sizes_of(x)[1:-1])

    return call(x)


def _spread(dy: tf.Tensor, window: AnyWindow, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `window_sum`: adds `dy` to every cell of its window."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        x = dy
        for axis, n in enumerate(sizes, start=1):
            x = write([x] * window.size[axis - 1], window, axis, n)
        return x, lambda c: window_sum(c, window)

    return call(dy)
