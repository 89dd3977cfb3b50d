"""Maxima and sums over windows, and their gradients.

The maximum over a box is the maximum over its columns of the maxima over its rows, and a sum likewise. So a window may
be taken at once or in stages, windows that follow each other; each function below that has `stages` takes a sequence of
windows, of which one is the usual case.

The gradient of a maximum asks of each output position which tap won. With `m_t` the mask that says where tap `t` won,
it is a pair of linear maps, each the adjoint of the other, so that derivatives of any order follow:

    select(x) = sum over taps t of m_t x_t        route(dy)[i] = sum of m_t[p] dy[p] over the (t, p) that see i

With all masks true they are the pair for sums. Of several equal maxima the first stage picks the first column of a row,
or the like, and the last stage the first row, which together is the first in row-major order. This generalises the
tutorial's `create_mask_from_window` and `distribute_value`.

`run(function, *arguments)` runs a function of tensors; `kerasconv.engine` passes one that fuses it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from kerasconv.arithmetic.tensors import add_n, sizes_of
from kerasconv.arithmetic.windows import (
    AnyWindow,
    first_valid_tap,
    gather_windows,
    scatter_add_terms,
    scatter_add_windows,
    valid_masks,
)
from kerasconv.geometry import Size, Window

Run: TypeAlias = Callable[..., tf.Tensor]
Stages: TypeAlias = Sequence[AnyWindow]


def run_plainly(function: Callable[..., tf.Tensor], *arguments: Any) -> tf.Tensor:
    """Runs a function as it is."""
    return function(*arguments)


def window_max(x: tf.Tensor, stages: Stages, ties: str, run: Run = run_plainly) -> tf.Tensor:
    """Returns the maximum of each window, `(N, *S, C)` to `(N, *O, C)`; `ties` says who gets its gradient."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        maxima = _all_maxima(x, stages, run)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            winners = _all_winners(maxima, stages, ties == "first", run)
            if ties == "split":
                dy /= _select(tf.ones_like(x), winners, stages, run)
            return _route(dy, winners, stages, _spatial_sizes(maxima), run)

        return maxima[-1], grad

    return call(x)


def first_maximum(x: tf.Tensor, stages: Stages, run: Run = run_plainly) -> tf.Tensor:
    """Returns where the first maximum of each window is: its row-major index among the positions `S`, int64."""
    x = tf.stop_gradient(x)
    sizes = sizes_of(x)[1:-1]
    index = tf.reshape(tf.range(math.prod(sizes), dtype=tf.int64), [1, *sizes, 1])
    return _select(index, _all_winners(_all_maxima(x, stages, run), stages, True, run), stages, run)


def window_sum(x: tf.Tensor, stages: Stages, divisor: Any = None, run: Run = run_plainly) -> tf.Tensor:
    """Returns the sum over each window, `(N, *S, C)` to `(N, *O, C)`, divided by a number or a tensor `(1, *O, 1)`."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y, sizes = x, []
        for window in stages:
            sizes.append(sizes_of(y)[1:-1])
            y = run(_sums, y, *_if_last(divisor, window, stages, x.dtype), window)
        return y, lambda c: _spread(c, stages, sizes, divisor, run)

    return call(x)


def window_norm(magnitudes: tf.Tensor, stages: Stages, order: float, run: Run = run_plainly) -> tf.Tensor:
    """Returns the norm of each window, `(sum m^order)^(1 / order)`; its gradient is zero where the norm is."""
    y = magnitudes
    for window in stages:
        y = _norm(y, window, order, run)
    return y


def _norm(m: tf.Tensor, window: AnyWindow, order: float, run: Run) -> tf.Tensor:
    @tf.custom_gradient
    def call(m: tf.Tensor) -> Any:
        def grad(dy: tf.Tensor) -> tf.Tensor:
            y = _norm(m, window, order, run)  # once more, so that the gradient has derivatives too
            return run(_norms_gradient, dy, y, m, window, order)

        return run(_norms, m, window, order), grad

    return call(m)


def _all_maxima(x: tf.Tensor, stages: Stages, run: Run) -> list[tf.Tensor]:
    """Returns `x`, the maxima of the first stage, those of these in the second, and so on."""
    maxima = [x]
    for window in stages:
        maxima.append(run(_maxima, maxima[-1], window))
    return maxima


def _all_winners(maxima: Sequence[tf.Tensor], stages: Stages, only_first: bool, run: Run) -> list[tf.Tensor]:
    """Returns which taps won in each stage."""
    pairs = zip(stages, maxima, maxima[1:], strict=False)
    return [run(_winners, before, after, window, only_first) for window, before, after in pairs]


def _route(
    dy: tf.Tensor, winners: Sequence[tf.Tensor], stages: Stages, sizes: Sequence[Sequence[Size]], run: Run
) -> tf.Tensor:
    """Hands `dy` to the winners: `(N, *O, C)` to `(N, *S, C)`, with the spatial sizes before each stage."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        dx = dy
        for window, winner, before in reversed(list(zip(stages, winners, sizes, strict=False))):
            dx = run(_routed, dx, winner, window, tuple(before))
        return dx, lambda c: _select(c, winners, stages, run)

    return call(dy)


def _select(x: tf.Tensor, winners: Sequence[tf.Tensor], stages: Stages, run: Run) -> tf.Tensor:
    """Returns the sum of `x` over the winners of each window: the adjoint of `_route`."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y, sizes = x, []
        for window, winner in zip(stages, winners, strict=True):
            sizes.append(sizes_of(y)[1:-1])
            y = run(_selected, y, winner, window)
        return y, lambda c: _route(c, winners, stages, sizes, run)

    return call(x)


def _spread(dy: tf.Tensor, stages: Stages, sizes: Sequence[Sequence[Size]], divisor: Any, run: Run) -> tf.Tensor:
    """Adds `dy`, divided, to every element of its window: the adjoint of `window_sum`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor) -> Any:
        dx = dy
        for window, before in reversed(list(zip(stages, sizes, strict=True))):
            dx = run(_spread_out, dx, *_if_last(divisor, window, stages, dy.dtype), window, tuple(before))
        return dx, lambda c: window_sum(c, stages, divisor, run)

    return call(dy)


def _spatial_sizes(tensors: Sequence[tf.Tensor]) -> list[list[Size]]:
    return [sizes_of(x)[1:-1] for x in tensors]


def _if_last(divisor: Any, window: AnyWindow, stages: Stages, dtype: tf.DType) -> list[tf.Tensor]:
    """Returns the divisor, as a list, for the stage that divides by it."""
    return [] if divisor is None or window is not stages[-1] else [tf.cast(divisor, dtype)]


# One stage at a time, with tensors first: what `run` runs.


def _maxima(x: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """Returns the largest of what the taps see, or the lowest number if they see NaN or nothing."""
    first, *others = gather_windows(x, window, x.dtype.min)
    return functools.reduce(lambda best, tap: tf.where(tap > best, tap, best), others, _without_nan(first))


def _winners(x: tf.Tensor, maxima: tf.Tensor, window: AnyWindow, only_first: bool) -> tf.Tensor:
    """Returns which taps won: the number of the first one; or else a mask of each, side by side as channels.

    A tap that sees padding never wins. If all do, nobody wins, and the number is -1.
    """
    sizes, taps = sizes_of(x)[1:-1], gather_windows(x, window, x.dtype.min)
    if not only_first:
        masks = [tf.equal(_without_nan(tap), maxima) for tap in taps]
        valid = valid_masks(window, sizes)
        return tf.concat([mask if ok is None else mask & ok for mask, ok in zip(masks, valid, strict=True)], -1)
    dtype = tf.int8 if len(taps) <= 128 else tf.int32
    number = tf.cast(first_valid_tap(window, sizes), dtype)
    best = tf.constant(x.dtype.min, x.dtype)
    for t, tap in enumerate(taps):
        number = tf.where(tap > best, tf.constant(t, dtype), number)
        best = tf.where(tap > best, tap, best)
    return number


def _routed(dy: tf.Tensor, winner: tf.Tensor, window: AnyWindow, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dx`, to which each winner adds its `dy`."""
    zero, taps = tf.zeros([], dy.dtype), math.prod(window.size)
    if winner.dtype == tf.bool:
        return scatter_add_windows(tf.where(winner, tf.concat([dy] * taps, -1), zero), window, sizes)
    numbers = tf.range(taps)[:, None]
    return scatter_add_terms(
        lambda dy, winner, tap: tf.where(tf.equal(winner, tf.cast(tap, winner.dtype)), dy, zero),
        [dy, winner],
        [numbers],
        window,
        sizes,
    )


def _selected(x: tf.Tensor, winner: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """Returns the sum of what the winners see."""
    zero, taps = tf.zeros([], x.dtype), gather_windows(x, window)
    if winner.dtype == tf.bool:
        masks = tf.split(winner, len(taps), -1)
    else:
        masks = [tf.equal(winner, tf.constant(t, winner.dtype)) for t in range(len(taps))]
    return add_n([tf.where(mask, tap, zero) for mask, tap in zip(masks, taps, strict=True)])


def _sums(*arguments: Any) -> tf.Tensor:
    """Returns the sum of what the taps see; of `x`, a divisor if there is one, and the window."""
    x, *divisor, window = arguments
    if sees_all(window, x):  # a reduction, which a compiler turns into vector operations
        axes = range(window.rank, 0, -1)
        y = functools.reduce(lambda y, axis: tf.reduce_sum(y, axis, keepdims=True), axes, x)
    else:
        y = add_n(gather_windows(x, window))
    return y / divisor[0] if divisor else y


def _norms(m: tf.Tensor, window: AnyWindow, order: float) -> tf.Tensor:
    """Returns the norm of what the taps see, divided by the largest of it so that no power over- or underflows."""
    taps, one = gather_windows(m, window), tf.ones([], m.dtype)
    largest = functools.reduce(tf.maximum, taps)
    scale = tf.where(tf.math.is_finite(largest) & (largest > 0), largest, one)
    return tf.pow(add_n([tf.pow(tap / scale, order) for tap in taps]), 1 / order) * scale


def _norms_gradient(dy: tf.Tensor, y: tf.Tensor, m: tf.Tensor, window: AnyWindow, order: float) -> tf.Tensor:
    """Returns `dx[i]`, the sum of `dy (m[i] / y)^(order - 1)` over the windows that see `i`."""
    one, zero = tf.ones([], m.dtype), tf.zeros([], m.dtype)

    def term(dy: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        share = tf.minimum(m, y) / tf.where(tf.equal(y, zero), one, y)
        weight = tf.where(tf.equal(y, zero), zero, tf.pow(share, order - 1))
        return tf.math.multiply_no_nan(weight, dy)  # NaN in another window of an earlier stage stays there

    return scatter_add_terms(term, [dy, y], [], window, sizes_of(m)[1:-1])


def _spread_out(*arguments: Any) -> tf.Tensor:
    """Returns `dx`, to which each tap adds `dy`; of `dy`, a divisor if there is one, the window and sizes."""
    dy, *divisor, window, sizes = arguments
    dy = dy / divisor[0] if divisor else dy
    return scatter_add_terms(tf.identity, [dy], [], window, sizes)


def sees_all(window: AnyWindow, x: tf.Tensor) -> bool:
    """Returns whether the window has one position in `x`, at which it sees all elements and nothing else."""
    sizes = tuple(x.shape.as_list()[1:-1])
    return isinstance(window, Window) and window.uniform and window.size == window.extent == sizes


def _without_nan(x: tf.Tensor) -> tf.Tensor:
    """Returns `x` with the lowest number in place of NaN."""
    lowest = tf.constant(x.dtype.min, x.dtype)
    return tf.where(x > lowest, x, lowest) if x.dtype.is_floating else x


# All elements at once.


def global_max(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Returns the maximum over some axes, which stay with size one; of NaN and others, NaN.

    Equal maxima share its gradient.
    """

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = tf.reduce_max(x, axes, keepdims=True)
        if x.dtype.is_floating:  # XLA leaves NaN out of maxima
            has_nan = tf.reduce_any(tf.math.is_nan(x), axes, keepdims=True)
            y = tf.where(has_nan, tf.constant(math.nan, x.dtype), y)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            winners = tf.equal(x, y)
            number = tf.reduce_sum(tf.cast(winners, dy.dtype), axes, keepdims=True)
            return tf.where(winners, dy / number, tf.zeros([], dy.dtype))

        return y, grad

    return call(x)


def global_mean(x: tf.Tensor, axes: Sequence[int], weights: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Returns the sum over some axes divided by `total`; its gradient goes to each element times its weight, 0 or 1."""

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        def grad(dy: tf.Tensor) -> tf.Tensor:
            return tf.broadcast_to(dy / total * weights, tf.shape(x))

        return tf.reduce_sum(x, axes, keepdims=True) / total, grad

    return call(x)
