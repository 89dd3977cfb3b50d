"""Depthwise convolution: products of numbers instead of matrices, one tap of the kernel at a time.

    y[p, c] = sum over taps t of  x[p s + t d, c] w[t, c]

`direct` calls it where each group has one input channel. With several filters a channel (a multiplier), each channel
is repeated for each of its filters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.fusion import product, total
from kerasconv.ops.windows import along, over_taps, overlap_of, pad_axes, sizes_of, taps

_FOLDS = 8  # how many products are added before they are stored


def forward(x: tf.Tensor, w: tf.Tensor, window: Window) -> tf.Tensor:
    """`y = sum_t x_t w_t`, elementwise."""
    channels = w.shape[-1]
    weights = tf.unstack(tf.reshape(w, [-1, channels]))

    def products(seen: Sequence[tf.Tensor], numbers: Sequence[int]) -> tf.Tensor:
        return total([x_t * weights[t] for x_t, t in zip(seen, numbers, strict=True)])

    return over_taps(products, _repeated(x, channels), window)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = sum_t place_t(dy w_t)`, and the sum over the filters of a channel."""
    channels = w.shape[-1]
    weights = tf.unstack(tf.reshape(w, [-1, channels]))

    def part(numbers: np.ndarray, dy: tf.Tensor) -> tf.Tensor:
        of_taps = [weights[t] if t >= 0 else tf.zeros_like(weights[0]) for t in numbers.reshape(-1)]
        return dy * tf.reshape(tf.concat(of_taps, 0), [*numbers.shape[:-1], channels])

    dx = overlap_of(part, [dy], [0], window, sizes)
    if channels == groups:
        return dx
    return tf.reduce_sum(tf.reshape(dx, [*sizes_of(dx)[:-1], groups, channels // groups]), -1)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window) -> tf.Tensor:
    """`dw_t = x_t dy`, summed over examples and positions.

    A sum over all but the last axis is slow wherever it is compiled. So the positions along the first axis are cut into
    `_FOLDS` pieces, which are added up elementwise; a product with a row of ones adds up the rest.
    """
    channels = dy.shape[-1]
    x = _repeated(x, channels)
    positions = sizes_of(dy)[1]
    piece = -(-positions // _FOLDS)
    missing = piece * _FOLDS - positions  # so that all pieces are as long
    dy = pad_axes(dy, along(1, 0, missing, dy))
    (lo, hi), *pads = window.pads
    window = replace(window, pads=((lo, hi + missing * window.strides[0]), *pads))
    pieces = [slice(i * piece, (i + 1) * piece) for i in range(_FOLDS)]
    sums = tf.concat([total([x_t[:, p] * dy[:, p] for p in pieces]) for x_t in taps(x, window)], 0)
    sums = tf.reshape(sums, [math.prod(window.size), -1, channels])
    return tf.reshape(product(tf.ones([1, sizes_of(sums)[1]], sums.dtype), sums), [*window.size, 1, channels])


def _repeated(x: tf.Tensor, channels: int) -> tf.Tensor:
    return x if x.shape[-1] == channels else tf.repeat(x, channels // x.shape[-1], -1)
