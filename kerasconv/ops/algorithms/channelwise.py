"""Depthwise convolution: products of numbers instead of matrices, one tap of the kernel at a time.

    y[p, c] = sum over taps t of  x[p s + t d, c] w[t, c]

`direct` calls it where each group has one input channel. With several filters a channel (a multiplier), each channel
is repeated for each of its filters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms.problem import Problem
from kerasconv.ops.fusion import kept, total
from kerasconv.ops.windows import along, index_of_cells, overlap_of, pad, pad_axes, sizes_of, taps

_FOLDS = 8  # how many products are added before they are stored


def workspace(p: Problem) -> float:
    """Bytes: of the kernel gradient the products of all taps, added up once."""
    return 4 * p.taps * p.positions * p.groups * p.filters / _FOLDS if p.operation == "kernel_gradient" else 0


def forward(x: tf.Tensor, w: tf.Tensor, window: Window) -> tf.Tensor:
    """`y = sum_t x_t w_t`, elementwise."""
    channels = w.shape[-1]
    weights = tf.unstack(tf.reshape(w, [-1, channels]))
    seen = taps(_repeated(x, channels), window)
    return kept(total([x_t * w_t for x_t, w_t in zip(seen, weights, strict=True)]))


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = sum_t place_t(dy w_t)`, and the sum over the filters of a channel."""
    channels = w.shape[-1]
    weights = tf.reshape(w, [-1, channels])

    def part(tap: Any, dy: tf.Tensor) -> tf.Tensor:
        return dy * (weights[tap] if isinstance(tap, int) else tf.gather(weights, tap[..., 0]))

    dx = overlap_of(part, [dy], window, sizes)
    if channels == groups:
        return dx
    return tf.reduce_sum(tf.reshape(dx, [*sizes_of(dx)[:-1], groups, channels // groups]), -1)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window) -> tf.Tensor:
    """`dw_t = x_t dy`, summed over examples and positions.

    All taps in one loop: what they see is gathered, the taps being an axis before the channels. Fused, this is no copy
    but an index, and a cell is read for all taps while it is in the cache. The positions along the first axis are cut
    into `_FOLDS` pieces, which are added up in that loop, so that there is less to add up behind it.
    """
    channels = dy.shape[-1]
    piece = -(-sizes_of(dy)[1] // _FOLDS)
    missing = piece * _FOLDS - sizes_of(dy)[1]  # so that all pieces are as long
    dy = pad_axes(dy, along(1, 0, missing, dy))
    (lo, hi), *pads = window.pads
    x = pad(_repeated(x, channels), ((lo, hi + missing * window.strides[0]), *pads))
    batch, *sizes = sizes_of(x)[:-1]
    positions = [piece, *sizes_of(dy)[2:-1]]
    cells = tf.reshape(index_of_cells(window, positions, sizes), [*positions, -1])
    further = piece * window.strides[0] * math.prod(sizes[1:])  # from a piece to the next
    x = tf.reshape(x, [batch, math.prod(sizes), channels])
    seen = [tf.gather(x, cells + i * further, axis=1) for i in range(_FOLDS)]
    sums = total([x_i * dy[:, i * piece : (i + 1) * piece, ..., None, :] for i, x_i in enumerate(seen)])
    return tf.reshape(tf.reduce_sum(sums, list(range(window.rank + 1))), [*window.size, 1, channels])


def _repeated(x: tf.Tensor, channels: int) -> tf.Tensor:
    return x if x.shape[-1] == channels else tf.repeat(x, channels // x.shape[-1], -1)
