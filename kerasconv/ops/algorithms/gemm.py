"""Convolution as one matrix product: im2col.

`x` is unfolded into columns: a matrix with a row per output position and, in the row, the `K C` numbers that the
window sees there. With the kernel as a `(K C, F)` matrix,

    y = columns(x) w        dx = columns^T(dy w^T)        dw = columns(x)^T dy

The columns take `K` times the memory of the positions that the window takes; the gradients do not keep them but
build them again. A 1x1 convolution needs no copy: its columns are `x`.

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
from kerasconv.ops.fusion import fused, kept, product, unfused
from kerasconv.ops.windows import VECTOR, crop, index_of_cells, overlap, pad, pad_axes, place, sizes_of


def cost(p: Problem) -> float:
    """Seconds, about: the columns are written once and read once; those that are folded, in two steps."""
    columns = p.taps * p.positions * p.groups * p.channels
    operations = 2 * columns * p.filters
    if p.taps == 1 and max(p.window.strides) == 1:
        return seconds(operations, min(p.channels, p.filters), 0)
    layouts = 3 if p.operation == "input_gradient" else 2
    outputs = p.positions * p.groups * p.filters
    return seconds(operations, min(p.taps * p.channels, p.filters), layouts * columns + 2 * outputs)


def workspace(p: Problem) -> float:
    """Bytes: the columns, and what is folded of them."""
    steps = 2 if p.operation == "input_gradient" else 1
    return 4 * steps * p.taps * p.positions * p.groups * p.channels if p.taps > 1 else 0


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


def _unfold(x: tf.Tensor, window: Window) -> tf.Tensor:
    """`(N, *S, C)` as `(N, *O, K C)`: the taps in row-major order, each with all its channels."""
    if math.prod(window.size) == 1 and max(window.strides) == 1:
        return pad(x, window.pads)
    positions = window.output(sizes_of(x)[1:-1])
    if x.shape[-1] < VECTOR:
        return _columns_fused(x, window, positions)
    if not (window.unpadded or tf.executing_eagerly()):
        return _columns(_padded(x, window), window, positions)
    return _columns(pad(x, window.pads), window, positions)


@fused
def _padded(x: tf.Tensor, window: Window) -> tf.Tensor:
    """`x` with its pads, as a tensor of its own: XLA takes twice as long for a gather that has to make them."""
    return kept(pad_axes(x, ((0, 0), *window.pads, (0, 0))))


def _columns(x: tf.Tensor, window: Window, positions: Sequence[Size]) -> tf.Tensor:
    """One gather, which copies the channels of a cell at once."""
    batch, *sizes, channels = sizes_of(x)
    with unfused():
        cells = tf.reshape(index_of_cells(window, positions, sizes), [-1])
    columns = tf.gather(tf.reshape(x, [batch, math.prod(sizes), channels]), cells, axis=1)
    return tf.reshape(columns, [batch, *positions, math.prod(window.size) * channels])


@fused
def _columns_fused(x: tf.Tensor, window: Window, positions: Sequence[Size]) -> tf.Tensor:
    """The same, compiled: TensorFlow's own kernel takes about as long for one number as for `VECTOR` of them."""
    return _columns(_padded(x, window), window, positions)


@fused
def _fold(columns: tf.Tensor, window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `_unfold`: `(N, *O, K C)` back to `(N, *S, C)`, adding up where windows overlap."""
    taps = math.prod(window.size)
    if window.mirrored and columns.shape[-1] // taps >= VECTOR:
        return overlap(tf.split(columns, taps, -1), window, sizes)
    for axis, (k, m) in enumerate(zip(window.size, window.padded(sizes), strict=True), start=1):
        columns = place(tf.split(columns, k, -1), window, axis, m)
    return crop(columns, window.pads)
