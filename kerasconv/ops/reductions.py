"""Maxima and sums over windows, and their gradients.

A small window is taken at once: all its taps are read in one pass over memory. A large one is taken one axis after the
other, last axis first, since a maximum over a box is the maximum over its rows of the maxima along each row, and a sum
likewise; that needs `k_h + k_w` taps instead of `k_h k_w`, and along an axis fewer still, by doubling. What is taken at
once is called a stage.

The gradient of max pooling asks of each position which taps won. A stage has one tensor for the answer: the number of
the first tap that did, or for each tap whether it did. With `m_t` the mask that says where tap `t` won, it is a pair of
linear maps, each the transpose of the other, so that derivatives of any order follow:

    select(x) = sum_t m_t read_t(x)          route(dy) = write(m_t dy)

With all masks true they are the pair for sums. The stages of the gradient undo those of the maximum in the opposite
order: of several equal maxima that picks the first row, and in it the first cell, which is the first in row-major
order. This generalises the tutorial's `create_mask_from_window` and `distribute_value`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeGuard

import tensorflow as tf

from kerasconv.geometry import AdaptiveWindow, Size, Window
from kerasconv.ops.fusion import fused, kept, total
from kerasconv.ops.windows import (
    along,
    cells_along,
    overlap,
    overlap_of,
    pad_axes,
    read,
    reals,
    sizes_of,
    taps,
    write,
)

AnyWindow: TypeAlias = Window | AdaptiveWindow

_AT_ONCE = 32  # taps of the largest window that is one stage
_DOUBLING = 8  # taps along an axis from which on they are combined by doubling


def maximum(x: tf.Tensor, window: AnyWindow, ties: str) -> tf.Tensor:
    """The maximum of each window, `(N, *S, C)` to `(N, *O, C)`; `ties` says who gets its gradient."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        maxima = _maxima(x, window)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            winners = _winners(x, *maxima, window, ties == "first")
            if ties == "split":
                dy /= _select(tf.ones_like(x), winners, window)
            return _route(dy, winners, window, sizes_of(x)[1:-1])

        return maxima[-1], grad

    return call(x)


def first_maximum(x: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """The cell of the first maximum of each window: its row-major index among the cells `S`, int64 `(N, *O, C)`."""
    x = tf.stop_gradient(x)
    sizes = sizes_of(x)[1:-1]
    cells = tf.reshape(tf.range(math.prod(sizes), dtype=tf.int64), [1, *sizes, 1])
    return _select(cells, _winners(x, *_maxima(x, window), window, True), window)


def window_sum(x: tf.Tensor, window: AnyWindow, divisor: Any = None) -> tf.Tensor:
    """The sum over each window, `(N, *S, C)` to `(N, *O, C)`; divided by a number, or by a tensor `(1, *O, 1)`."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return _sums(x, *_tensors(divisor, x), window), lambda c: _spread(c, window, sizes_of(x)[1:-1], divisor)

    return call(x)


def _tensors(divisor: Any, x: tf.Tensor) -> list[tf.Tensor]:
    return [] if divisor is None else [tf.cast(divisor, x.dtype)]


def real_cells(window: AnyWindow, sizes: Sequence[Size], dtype: tf.DType) -> Any:
    """How many cells of each window are not padding: a tensor `(1, *O, 1)`, or an int where it is all of them."""
    if window.unpadded:
        return math.prod(window.size)
    return window_sum(tf.ones([1, *sizes, 1], dtype), window)


def _stages(window: AnyWindow) -> list[tuple[int, ...]]:
    """The axes of each stage."""
    axes = range(1, window.rank + 1)
    at_once = isinstance(window, Window) and math.prod(window.size) <= _AT_ONCE
    return [tuple(axes)] if at_once else [(axis,) for axis in reversed(axes)]


def _read(x: tf.Tensor, window: AnyWindow, axes: Sequence[int], outside: float = 0) -> list[tf.Tensor]:
    """What each tap of a stage sees, in row-major order."""
    if isinstance(window, Window) and len(axes) == window.rank:
        return taps(x, window, outside)
    (axis,) = axes
    return read(x, window, axis, outside)


def _combined(
    x: tf.Tensor, window: AnyWindow, axes: Sequence[int], combine: Callable[..., tf.Tensor], outside: float
) -> tf.Tensor:
    """All taps of a stage in one, by an associative function of a list of tensors.

    Along an axis with many taps: `2^i` neighbouring taps from two times `2^(i - 1)`, and `k` taps from those powers of
    two of which `k` is the sum.
    """
    (axis, *others) = axes
    if isinstance(window, AdaptiveWindow):
        return combine(_read(x, window, axes, outside))
    if others or window.size[axis - 1] < _DOUBLING:
        return combine(_read(x, window, axes, outside))
    k, s, d, e = (field[axis - 1] for field in (window.size, window.strides, window.dilation, window.extent))
    x = pad_axes(x, along(axis, *window.pads[axis - 1], x), outside)
    positions = (sizes_of(x)[axis] - e) // s + 1
    # `x` has of each cell the `length` taps from there on, and `parts` have the first `done` taps of the window.
    parts: list[tf.Tensor] = []
    done, length = 0, 1
    while True:
        if k & length:
            parts.append(_part(x, axis, d * done, positions, s))
            done += length
        if done == k:
            return combine(parts)
        left = sizes_of(x)[axis] - d * length
        x = combine([_part(x, axis, 0, left), _part(x, axis, d * length, left)])
        length *= 2


def _by_few_operations(window: AnyWindow) -> TypeGuard[Window]:
    """Whether a stage had better be `_reduced`: eagerly, where an operation takes longer than what it saves."""
    return tf.executing_eagerly() and isinstance(window, Window) and max(window.size) < _DOUBLING


def _reduced(
    x: tf.Tensor, window: Window, axes: Sequence[int], reduce: Callable[..., tf.Tensor], outside: float
) -> tf.Tensor:
    """As `_combined`, axis by axis, each by one gather and one reduction."""
    x = pad_axes(x, ((0, 0), *(p if i in axes else (0, 0) for i, p in enumerate(window.pads, 1)), (0, 0)), outside)
    window = replace(window, pads=((0, 0),) * window.rank)
    for axis in axes:
        if window.size[axis - 1] > 1 or window.strides[axis - 1] > 1:
            cells, _ = cells_along(window, axis, x.shape[axis])
            x = reduce(tf.gather(x, cells, axis=axis), axis + 1)
    return x


def _part(x: tf.Tensor, axis: int, start: Size, size: Size, stride: int = 1) -> tf.Tensor:
    """So many cells of one axis, from `start` on."""
    return x[(*(slice(None),) * axis, slice(start, start + (size - 1) * stride + 1, stride))]


@fused
def _maxima(x: tf.Tensor, window: AnyWindow) -> list[tf.Tensor]:
    """The maxima over the axes of the first stage, theirs over those of the next, and so on."""
    maxima = []
    for axes in _stages(window):
        if _by_few_operations(window):
            x = _reduced(_comparable(x), window, axes, tf.reduce_max, x.dtype.min)
        else:
            x = kept(_combined(x, window, axes, _largest, x.dtype.min))
        maxima.append(x)
    return maxima


def _largest(taps: Sequence[tf.Tensor]) -> tf.Tensor:
    """The largest of the taps, or the lowest number if they are NaN."""
    return functools.reduce(lambda best, tap: tf.where(tap > best, tap, best), taps[1:], _comparable(taps[0]))


def _comparable(x: tf.Tensor) -> tf.Tensor:
    """`x` with the lowest number in place of NaN."""
    lowest = tf.constant(x.dtype.min, x.dtype)
    return tf.where(x > lowest, x, lowest) if x.dtype.is_floating else x


@fused
def _winners(*args: Any) -> list[tf.Tensor]:
    """Which taps won, given the input, the maxima of the stages, the window, and whether only the first counts.

    Returns:
        For each stage the number of the first winner, int8 where it can be; or masks, one tap after the other along the
        batch axis. A tap that sees padding never wins; if all do, nobody does, and the number is -1.
    """
    x, *maxima, window, only_first = args
    winners = []
    for axes, before, after in zip(_stages(window), [x, *maxima], maxima, strict=False):
        seen = _read(before, window, axes, before.dtype.min)
        if only_first:
            winners.append(kept(_first(seen, _first_real(before, window, axes))))
        else:
            masks = [tf.equal(_comparable(tap), after) for tap in seen]
            inside = _real_taps(before, window, axes)
            winners.append(
                tf.concat([mask & real for mask, real in zip(masks, inside, strict=True)] if inside else masks, 0)
            )
    return winners


def _first(taps: Sequence[tf.Tensor], otherwise: tf.Tensor) -> tf.Tensor:
    """The number of the first of the largest taps, or what it is `otherwise`, if none of them is a number."""
    dtype = tf.int8 if len(taps) <= 128 else tf.int32
    first = tf.cast(otherwise, dtype)
    best = tf.constant(taps[0].dtype.min, taps[0].dtype)
    for t, tap in enumerate(taps):
        better = tap > best
        first = tf.where(better, tf.constant(t, dtype), first)
        best = tf.where(better, tap, best)
    return first


def _first_real(x: tf.Tensor, window: AnyWindow, axes: Sequence[int]) -> tf.Tensor:
    """The number of the first tap of a stage that sees no padding, of a shape that broadcasts; -1 if none does."""
    number = tf.zeros([], tf.int32)
    for axis in axes:
        first = tf.constant(-1)
        for j, real in reversed(list(enumerate(reals(x, window, axis) or [True]))):
            first = tf.where(real, j, first)
        number = tf.where((number < 0) | (first < 0), -1, number * window.size[axis - 1] + first)
    return number


def _real_taps(x: tf.Tensor, window: AnyWindow, axes: Sequence[int]) -> list[tf.Tensor]:
    """For each tap of a stage where it sees no padding, of a shape that broadcasts; nothing if none ever does."""
    if window.unpadded:
        return []
    seen = [tf.ones([1] * x.shape.rank, tf.bool)]
    for axis in axes:
        seen = [a & b for a in seen for b in reals(x, window, axis) or []]
    return seen


def _masks(winner: tf.Tensor, taps: int) -> list[tf.Tensor]:
    """For each tap of a stage, where it won."""
    if winner.dtype == tf.bool:
        return tf.split(winner, taps)
    return [tf.equal(winner, tf.constant(t, winner.dtype)) for t in range(taps)]


def _taps_of(window: AnyWindow, axes: Sequence[int]) -> int:
    return math.prod(window.size[axis - 1] for axis in axes)


def _route(dy: tf.Tensor, winners: list[tf.Tensor], window: AnyWindow, sizes: Sequence[Size]) -> tf.Tensor:
    """Hands `dy` to the winners: `(N, *O, C)` to `(N, *S, C)`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        return _routed(dy, *winners, window, tuple(sizes)), lambda c: _select(c, winners, window)

    return call(dy)


@fused
def _routed(*args: Any) -> tf.Tensor:
    x, *winners, window, sizes = args
    zero = tf.zeros([], x.dtype)

    def won(tap: Any, x: tf.Tensor, winner: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.equal(winner, tf.cast(tap, winner.dtype)), x, zero)

    for axes, winner in zip(reversed(_stages(window)), reversed(winners), strict=True):
        at_once = isinstance(window, Window) and len(axes) == window.rank
        if at_once and winner.dtype != tf.bool:
            return overlap_of(won, [x, winner], window, sizes)
        parts = [tf.where(mask, x, zero) for mask in _masks(winner, _taps_of(window, axes))]
        x = overlap(parts, window, sizes) if at_once else write(parts, window, axes[0], sizes[axes[0] - 1])
    return x


def _select(x: tf.Tensor, winners: list[tf.Tensor], window: AnyWindow) -> tf.Tensor:
    """The transpose of `_route`: the sum of `x` over the winners of each window."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return _selected(x, *winners, window), lambda c: _route(c, winners, window, sizes_of(x)[1:-1])

    return call(x)


@fused
def _selected(*args: Any) -> tf.Tensor:
    x, *winners, window = args
    zero = tf.zeros([], x.dtype)
    for axes, winner in zip(_stages(window), winners, strict=True):
        pairs = zip(_masks(winner, _taps_of(window, axes)), _read(x, window, axes), strict=True)
        x = total([tf.where(mask, tap, zero) for mask, tap in pairs])
    return x


@fused
def _sums(*args: Any) -> tf.Tensor:
    x, *divisor, window = args
    for axes in _stages(window):
        if _by_few_operations(window):
            x = _reduced(x, window, axes, tf.reduce_sum, 0)
        elif _is_one_window(x, window, axes):  # a loop that XLA vectorises, with sums better than with maxima
            x = functools.reduce(lambda x, axis: tf.reduce_sum(x, axis, keepdims=True), reversed(axes), x)
        else:
            x = _combined(x, window, axes, total, 0)
    return kept(x / divisor[0] if divisor else x)


def _is_one_window(x: tf.Tensor, window: AnyWindow, axes: Sequence[int]) -> bool:
    """Whether there is one position along these axes, at which the window sees all cells and nothing else."""
    if not (isinstance(window, Window) and window.unpadded):
        return False
    return all(x.shape[axis] == window.size[axis - 1] == window.extent[axis - 1] for axis in axes)


def _spread(dy: tf.Tensor, window: AnyWindow, sizes: Sequence[Size], divisor: Any) -> tf.Tensor:
    """The transpose of `window_sum`: adds `dy` to every cell of its window."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        dx = _added_to_cells(dy, *_tensors(divisor, dy), window, tuple(sizes))
        return dx, lambda c: window_sum(c, window, divisor)

    return call(dy)


@fused
def _added_to_cells(*args: Any) -> tf.Tensor:
    x, *divisor, window, sizes = args
    x = x / divisor[0] if divisor else x
    if len(_stages(window)) == 1 and isinstance(window, Window):
        return overlap_of(lambda _, x: x, [x], window, sizes)
    for axes in reversed(_stages(window)):
        (axis,) = axes
        x = write([x] * window.size[axis - 1], window, axis, sizes[axis - 1])
    return x
