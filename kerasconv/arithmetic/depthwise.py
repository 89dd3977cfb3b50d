"""Depthwise convolution: `direct` where each group has one channel, with products of numbers for those of matrices.

    y[p, c] = sum over taps t of  x_t[p, c] w[t, c]

With several filters for a channel (a depth multiplier), the channel is repeated for each of its filters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from kerasconv.arithmetic.tensors import add_n, along, pad_axes, sizes_of
from kerasconv.arithmetic.windows import gather_windows, scatter_add_terms, seen_at_positions, where
from kerasconv.geometry import Size, Window

PIECES = 8
"""Products that a kernel gradient adds up before it sums over all output positions."""


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `y = sum_t x_t w_t`, elementwise."""
    seen = gather_windows(_repeat_channels(x, w.shape[-1]), window)
    return add_n([x_t * w_t for x_t, w_t in zip(seen, tf.unstack(_by_tap(w)), strict=True)])


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dx`, to which each tap adds `dy w_t` where it has seen `x`, summed over the filters of a channel."""
    dx = scatter_add_terms(tf.multiply, [dy], [_by_tap(w)], window, sizes)
    if w.shape[-1] == groups:
        return dx
    return tf.reduce_sum(tf.reshape(dx, [*sizes_of(dx)[:-1], groups, -1]), -1)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `dw_t = x_t dy`, summed over examples and output positions.

    The taps are an axis of what is gathered, and the output positions are cut into pieces that are added up before the
    sum over the others: fused, this is one loop, which reads an element for all taps while it is in the cache.
    """
    channels = dy.shape[-1]
    x = _repeat_channels(x, channels)
    batch, *sizes = sizes_of(x)[:-1]
    elements = tf.reshape(x, [batch, math.prod(sizes), channels])
    rows = -(-sizes_of(dy)[1] // PIECES)
    dy = pad_axes(dy, along(1, 0, rows * PIECES - sizes_of(dy)[1], dy))
    for_taps = [None] * window.rank
    products = []
    for i, seen in enumerate(seen_at_positions(window, sizes, PIECES)):
        taps = where(seen.valid, tf.gather(elements, seen.position, axis=1))
        products.append(taps * dy[(slice(None), slice(i * rows, (i + 1) * rows), ..., *for_taps, slice(None))])
    dw = tf.reduce_sum(add_n(products), list(range(window.rank + 1)))
    return tf.reshape(dw, [*window.size, 1, channels])


def _by_tap(w: tf.Tensor) -> tf.Tensor:
    """Returns a kernel `(*K, 1, F)` as `(K, F)`, with the taps in row-major order."""
    return tf.reshape(w, [-1, w.shape[-1]])


def _repeat_channels(x: tf.Tensor, channels: int) -> tf.Tensor:
    return x if x.shape[-1] == channels else tf.repeat(x, channels // x.shape[-1], -1)
