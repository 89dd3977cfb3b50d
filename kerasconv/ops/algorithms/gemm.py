"""Convolution as one matrix product: im2col.

`x` is unfolded into columns: a matrix with a row per output position and, in the row, the `K C` numbers that the
window sees there. With the kernel as a `(K C, F)` matrix,

    y = columns(x) w        dx = columns^T(dy w^T)        dw = columns(x)^T dy

The columns take `K` times the memory of the positions that the window takes; the gradients do not keep them but
build them again. A 1x1 convolution needs no copy: its columns are `x`. Unfolding goes axis by axis, so that what one
axis has laid out is shared by the windows of the next.

Source: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for document
processing", 2006, section 3.1. It takes every window, rank and number of groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms.groups import joined, kernels, rows, to_batch, to_channels
from kerasconv.ops.algorithms.problem import Problem, seconds
from kerasconv.ops.fusion import fused, product
from kerasconv.ops.windows import crop, pad, place, sizes_of, take


def cost(p: Problem) -> float:
    """Seconds, about: the columns are laid out in two steps, and read once."""
    columns = p.taps * p.positions * p.groups * p.channels
    operations = 2 * columns * p.filters
    if p.taps == 1 and max(p.window.strides) == 1:
        return seconds(operations, min(p.channels, p.filters), 0)
    layouts = 4 if p.operation == "input_gradient" else 8
    outputs = p.positions * p.groups * p.filters
    return seconds(operations, min(p.taps * p.channels, p.filters), layouts * columns + 2 * outputs)


def workspace(p: Problem) -> float:
    """Bytes: the columns, while they are laid out."""
    return 8 * p.taps * p.positions * p.groups * p.channels if p.taps > 1 else 0


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`y = columns(x) w`."""
    columns = _unfold(to_batch(x, groups), window)
    y = product(rows(columns, groups), _matrices(w, groups))
    return to_channels(tf.reshape(y, [*sizes_of(columns)[:-1], y.shape[-1]]), groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = columns^T(dy w^T)`."""
    dy = to_batch(dy, groups)
    columns = product(rows(dy, groups), _matrices(w, groups), transpose_b=True)
    return to_channels(_fold(tf.reshape(columns, [*sizes_of(dy)[:-1], columns.shape[-1]]), window, sizes), groups)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dw = columns(x)^T dy`."""
    columns = rows(_unfold(to_batch(x, groups), window), groups)
    dw = product(columns, rows(to_batch(dy, groups), groups), transpose_a=True)
    return joined(tf.reshape(dw, [groups, math.prod(window.size), -1, dw.shape[-1]]), window.size)


def _matrices(w: tf.Tensor, groups: int) -> tf.Tensor:
    """The kernel as a matrix per group, `(G, K C, F)`."""
    w = kernels(w, groups)
    return tf.reshape(w, [groups, -1, w.shape[-1]])


@fused
def _unfold(x: tf.Tensor, window: Window) -> tf.Tensor:
    """`(N, *S, C)` as `(N, *O, K C)`: the taps in row-major order, each with all its channels."""
    x = pad(x, window.pads)
    for axis in range(window.rank, 0, -1):
        x = tf.concat(take(x, window, axis), -1)
    return x


@fused
def _fold(columns: tf.Tensor, window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `_unfold`: `(N, *O, K C)` back to `(N, *S, C)`, adding up where windows overlap."""
    for axis, (k, m) in enumerate(zip(window.size, window.padded(sizes), strict=True), start=1):
        columns = place(tf.split(columns, k, -1), window, axis, m)
    return crop(columns, window.pads)
