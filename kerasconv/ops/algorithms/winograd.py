"""Winograd's minimal filtering: fewer products, for kernels of more than one tap that move in steps of one.

A correlation of `m` outputs with `r = 3` taps is a product of polynomials, and one of degree `m + 1` is known by its
values at `a = m + 2` points. So, with the matrices `B^T` (input), `G` (kernel) and `A^T` (output) for these points,

    y = A^T [(G w) * (B^T x)]

takes `a` products where the definition takes `3 m`. In several dimensions each axis is transformed in turn, the tiles
overlap by two cells, and the products of numbers become products of matrices, one for each point, which sum over the
channels: in two dimensions F(4, 3) takes 36 products for 16 outputs instead of 144. The gradients are the transposes:

    dx = B [(G w) * (A dy)]        dw = G^T [(B^T x) * (A dy)]

A kernel of more than three taps along an axis consists of blocks of three, whose inputs are shifted and stand side by
side as channels; one of fewer is filled up with zeros. An axis on which the kernel has one tap is left alone.

It takes strides of 1 and no dilation. The points are 0, 1, -1, (2, -2,) and infinity; `m = 4` loses about one decimal
digit: in float32 and for normally distributed data of up to 512 channels, errors stay below 2e-5 of the largest exact
result, where those of `direct` stay below 2e-6 (`tests/ops/test_auto.py`).

Source: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2015, arXiv 1509.09308, section 4; the
matrices by the construction of Toom and Cook.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import tensorflow as tf

from kerasconv.geometry import Size, Window, positive
from kerasconv.ops.algorithms.groups import joined, kernels, to_batch, to_channels, turned, widths
from kerasconv.ops.algorithms.problem import Problem, problem, seconds
from kerasconv.ops.fusion import fused, product, shared, total, unfused
from kerasconv.ops.windows import interleave, pad, pad_axes, place, sizes_of, take

ROWS = 4  # outputs of the larger tile along an axis
_R = 3
_B = {
    2: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    4: np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
}
_G = {
    2: np.array([[1, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 1]]) / [[1], [2], [2], [1]],
    4: np.array([[1, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 1]])
    / [[4], [6], [6], [24], [24], [1]],
}
_A = {
    2: np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
    4: np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
}


def refusal(window: Window, groups: int, channels: int) -> str | None:
    """Why this convolution is not for Winograd, if it is not; `channels` are those of a group."""
    if max(window.strides) > 1 or max(window.dilation) > 1:
        return "it takes strides and dilations of 1 only"
    if max(window.size) == 1:
        return "a kernel of one tap has nothing to save"
    if not window.mirrored:
        return "it takes pads smaller than the kernel only"
    return None


def cost(p: Problem) -> float:
    """Seconds, about."""
    output, channels, filters = _correlation(p)
    return p.groups * min(_work(p.window, output, p.batch, channels, filters, m) for m in (2, 4))


def workspace(p: Problem) -> float:
    """Bytes: transformed inputs and outputs, or one of these and what its axes have been transformed to before."""
    output, channels, filters = _correlation(p)
    m = _tile(p.window, output, p.batch, channels, filters)
    channels *= math.prod(_blocks(p.window))
    tiles = p.batch * _tiles(p.window, output, m)
    gradient = p.operation == "kernel_gradient"
    numbers = tiles * (2 * channels + filters if gradient else max(channels + filters, 2 * channels, 2.4 * filters))
    return 4 * p.groups * _points(m, p.window) * (numbers + channels * filters)


def _correlation(p: Problem) -> tuple[tuple[int, ...], int, int]:
    """Positions, channels and filters of the correlation that it is, or whose transpose it is."""
    if p.operation == "input_gradient" and not _transposes(p):
        return p.window.input(p.output), p.filters, p.channels
    return p.output, p.channels, p.filters


def _transposes(p: Problem) -> bool:
    """Whether it is an input gradient that takes fewer products as the transpose of `forward`, with fewer tiles."""
    window = p.window
    sizes = p.output, window.input(p.output)
    outputs, inputs = (min(_points(m, window) * _tiles(window, n, m) for m in (2, 4)) for n in sizes)
    return p.operation == "input_gradient" and outputs < 0.9 * inputs


@shared
@fused
def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`y = A^T [(G w) * (B^T x)]`."""
    p = problem("forward", sizes_of(x)[0], window.output(sizes_of(x)[1:-1]), window, *widths(w, groups))
    return _correlate(to_batch(x, groups), _kernel_points(w, p), window, groups)


@shared
@fused
def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = B [(G w) * (A dy)]`; or the correlation of `dy` with the mirrored kernel, where that has as few tiles."""
    p = problem("input_gradient", sizes_of(dy)[0], sizes_of(dy)[1:-1], window, *widths(w, groups))
    return _input_gradient(dy, _kernel_points(w, p), p, sizes)


@shared
@fused
def transformed(w: tf.Tensor, p: Problem) -> tf.Tensor:
    """`G w`, or of the input gradient that of its correlation: what the turns of a problem have in common."""
    return _kernel_points(w, p)


@shared
@fused
def forward_transformed(x: tf.Tensor, points: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`forward` by the `transformed` kernel."""
    return _correlate(to_batch(x, groups), points, window, groups)


@shared
@fused
def input_gradient_transformed(
    dy: tf.Tensor, points: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`input_gradient` by the `transformed` kernel."""
    p = problem("input_gradient", sizes_of(dy)[0], sizes_of(dy)[1:-1], window, groups, *points.shape[1:])
    return _input_gradient(dy, points, p, sizes)


@shared
@fused
def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dw = G^T [(B^T x) * (A dy)]`, with the products summed over all tiles."""
    x, dy = to_batch(x, groups), to_batch(dy, groups)
    output = sizes_of(dy)[1:-1]
    m = _tile(window, output, sizes_of(dy)[0], x.shape[-1], dy.shape[-1])
    blocks = _blocks(window)
    u = _by_point(_tiles_in(x, window, output, m, blocks), m, window, groups)
    v = _by_point(_tiles_out(dy, window, m), m, window, groups)
    d = product(u, v, transpose_a=True)  # (a^rank G, blocks C, F)
    with unfused():
        d = tf.reshape(d, [d.shape[0] // groups, groups * d.shape[1] * d.shape[2]])
    g = _on_axes(_G[m].T, window, d.dtype)
    d = tf.reshape(product(g, d), [*_per_axis(_R, window, 1), groups, *blocks, x.shape[-1], dy.shape[-1]])
    rank = window.rank
    d = tf.transpose(
        d, [rank, *(i for axis in range(rank) for i in (rank + 1 + axis, axis)), 2 * rank + 1, 2 * rank + 2]
    )
    whole = [b * r for b, r in zip(blocks, _per_axis(_R, window, 1), strict=True)]
    d = tf.reshape(d, [groups, *whole, x.shape[-1], dy.shape[-1]])[(slice(None), *map(slice, window.size))]
    return joined(tf.reshape(d, [groups, -1, x.shape[-1], dy.shape[-1]]), window.size)


def _correlate(x: tf.Tensor, points: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`(G N, *S, C)` with a kernel `(a^rank G, blocks C, F)`, in the channels-last layout `(N, *O, G F)`."""
    output = window.output(sizes_of(x)[1:-1])
    m = _outputs_of(points, window, groups)
    tiles = _tiles_in(x, window, output, m, _blocks(window))
    y = product(_by_point(tiles, m, window, groups), points)
    y = tf.reshape(y, [_points(m, window) * sizes_of(x)[0], *sizes_of(tiles)[1:-1], points.shape[-1]])
    for axis in range(1, window.rank + 1):
        if window.size[axis - 1] > 1:
            ones = (*[1] * (axis - 1), m)
            y = interleave(_combinations(_A[m], tf.split(y, m + _R - 1)), ones)
    y = tf.slice(y, [0] * y.shape.rank, [sizes_of(y)[0], *output, y.shape[-1]])
    return to_channels(y, groups)


def _input_gradient(dy: tf.Tensor, points: tf.Tensor, p: Problem, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx`, in the form for which the kernel was transformed."""
    dy = to_batch(dy, p.groups)
    if _transposes(p):
        return _correlate_transposed(dy, points, p.window, p.groups, sizes)
    return _correlate(dy, points, cast(Window, p.window.mirrored), p.groups)


def _correlate_transposed(
    dy: tf.Tensor, points: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`B [(G w)^T * (A dy)]`: tiles of inputs, added up where they overlap; of `(G N, *O, F)`, as `(N, *S, G C)`."""
    m, blocks = _outputs_of(points, window, groups), _blocks(window)
    tiles = _tiles_out(dy, window, m)
    x = product(_by_point(tiles, m, window, groups), points, transpose_b=True)
    x = tf.reshape(x, [_points(m, window) * sizes_of(dy)[0], *sizes_of(tiles)[1:-1], points.shape[1]])
    for axis in range(1, window.rank + 1):
        if window.size[axis - 1] > 1:
            cells = sizes_of(x)[axis] * m + _R - 1
            parts = _combinations(_B[m].T, tf.split(x, m + _R - 1))
            x = place(parts, _moving(window, m + _R - 1, m), axis, cells)
    if math.prod(blocks) > 1:
        starts, parts = np.ndindex(*blocks), tf.split(x, math.prod(blocks), -1)
        ends = ([(_R * i, _R * (b - 1 - i)) for i, b in zip(start, blocks, strict=True)] for start in starts)
        x = total([pad_axes(part, ((0, 0), *end, (0, 0))) for part, end in zip(parts, ends, strict=True)])
    x = tf.slice(x, [0, *(lo for lo, _ in window.pads), 0], [sizes_of(x)[0], *sizes, x.shape[-1]])
    return to_channels(x, groups)


def _outputs_of(points: tf.Tensor, window: Window, groups: int) -> int:
    """How many outputs the tiles have along an axis for which a kernel was transformed."""
    return next(m for m in (2, 4) if _points(m, window) * groups == points.shape[0])


def _tiles_out(y: tf.Tensor, window: Window, m: int) -> tf.Tensor:
    """`A y` of all tiles, `(a^rank N, *tiles, F)`, the points of the first axis outermost."""
    y = pad(y, [(0, -o % m_) for o, m_ in zip(sizes_of(y)[1:-1], _per_axis(m, window, 1), strict=True)])
    for axis in range(window.rank, 0, -1):
        if window.size[axis - 1] > 1:
            y = tf.concat(_combinations(_A[m].T, take(y, _moving(window, m, m), axis)), 0)
    return y


def _tiles_in(x: tf.Tensor, window: Window, output: Sequence[Size], m: int, blocks: Sequence[int]) -> tf.Tensor:
    """`B^T x` of all tiles, `(a^rank N, *tiles, blocks C)`, the points of the first axis outermost."""
    ends = []
    for o, b, m_, (lo, _), n in zip(
        output, blocks, _per_axis(m, window, 1), window.pads, sizes_of(x)[1:-1], strict=True
    ):
        tiled = -(-o // m_) * m_ + (_R * b - 1 if m_ > 1 else 0)
        ends.append((lo, tiled - lo - n))
    x = _cut(x, ends)
    x = pad(x, [(lo, positive(hi)) for lo, hi in ends])
    if math.prod(blocks) > 1:
        sizes = [n - _R * (b - 1) for n, b in zip(sizes_of(x)[1:-1], blocks, strict=True)]
        starts = np.ndindex(*blocks)
        batch, channels = sizes_of(x)[0], x.shape[-1]
        with unfused():
            cells = [batch, *sizes, channels]
            x = tf.concat([tf.slice(x, [0, *(_R * i for i in start), 0], cells) for start in starts], -1)
    for axis in range(window.rank, 0, -1):
        if window.size[axis - 1] > 1:
            x = tf.concat(_combinations(_B[m], take(x, _moving(window, m + _R - 1, m), axis)), 0)
    return x


def _cut(x: tf.Tensor, ends: Sequence[tuple[Size, Size]]) -> tf.Tensor:
    """`x` without the cells at the end that no tile reads, which are those that a negative pad counts."""
    if all(isinstance(hi, int) and hi >= 0 for _, hi in ends):
        return x
    sizes = [n - positive(-hi) for n, (_, hi) in zip(sizes_of(x)[1:-1], ends, strict=True)]
    return tf.slice(x, [0] * x.shape.rank, [sizes_of(x)[0], *sizes, x.shape[-1]])


def _kernel_points(w: tf.Tensor, p: Problem) -> tf.Tensor:
    """`G w`: the kernel `(*K, C, G F)`, or what it is in an input gradient, as `(a^rank G, blocks C, F)`."""
    output, channels, filters = _correlation(p)
    window, groups, rank = p.window, p.groups, p.window.rank
    m, blocks = _tile(window, output, p.batch, channels, filters), _blocks(window)
    w = kernels(w if p.operation == "forward" or _transposes(p) else turned(w, groups), groups)
    per_block = _per_axis(_R, window, 1)
    w = tf.reshape(w, [groups, *window.size, channels, filters])
    missing = [(0, b * r - k) for b, r, k in zip(blocks, per_block, window.size, strict=True)]
    w = tf.pad(w, [(0, 0), *missing, (0, 0), (0, 0)])
    w = tf.reshape(w, [groups, *(n for pair in zip(blocks, per_block, strict=True) for n in pair), channels, filters])
    w = tf.transpose(w, [*range(2, 2 * rank + 1, 2), 0, *range(1, 2 * rank, 2), 2 * rank + 1, 2 * rank + 2])
    w = product(_on_axes(_G[m], window, w.dtype), tf.reshape(w, [math.prod(per_block), -1]))
    with unfused():
        return tf.reshape(w, [-1, math.prod(blocks) * channels, filters])


def _by_point(x: tf.Tensor, m: int, window: Window, groups: int) -> tf.Tensor:
    """`(a^rank G N, *tiles, C)` as a matrix for each point and group, `(a^rank G, N tiles, C)`."""
    return tf.reshape(x, [_points(m, window) * groups, -1, x.shape[-1]])


def _combinations(matrix: np.ndarray, taps: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The rows of a matrix times the taps."""
    if tf.executing_eagerly():  # where one operation takes less than dozens
        rows = product(
            tf.constant(matrix, taps[0].dtype), tf.reshape(tf.stack(taps), [len(taps), math.prod(taps[0].shape)])
        )
        return tf.unstack(tf.reshape(rows, [len(matrix), *taps[0].shape]))
    return [_combine(row, taps) for row in matrix]


def _combine(row: np.ndarray, taps: Sequence[tf.Tensor]) -> tf.Tensor:
    """`sum_j row_j taps_j`."""
    return total([tap if c == 1 else tap * tf.constant(c, tap.dtype) for c, tap in zip(row, taps, strict=True) if c])


def _tile(window: Window, output: Sequence[Size], batch: Size, channels: int, filters: int) -> int:
    """How many outputs a tile shall have along an axis: 4, or 2 where 4 leave too much of the tiles empty."""
    return min((4, 2), key=lambda m: _work(window, output, batch, channels, filters, m))


def _work(window: Window, output: Sequence[Size], batch: Size, channels: int, filters: int, m: int) -> float:
    """About how long it takes with tiles of `m` outputs, in seconds for each group."""
    p = problem("forward", batch, output, window, 1, channels, filters)
    tiles, points = p.batch * _tiles(window, p.output, m), _points(m, window)
    channels *= math.prod(_blocks(window))
    moved = tiles * (channels + filters) + channels * filters
    narrowest = min(channels, filters) / 2  # what is narrow makes small products slower than large ones
    return seconds(2.6 * points * tiles * channels * filters, narrowest, 7.5 * points * moved, 3)


def _tiles(window: Window, output: Sequence[int], m: int) -> int:
    """Tiles of one example."""
    return math.prod(-(-o // m) if k > 1 else o for o, k in zip(output, window.size, strict=True))


def _blocks(window: Window) -> tuple[int, ...]:
    """How many blocks of three taps the kernel has along each axis."""
    return tuple(-(-k // _R) for k in window.size)


def _per_axis(n: int, window: Window, otherwise: int) -> list[int]:
    """`n` for the axes that are transformed."""
    return [n if k > 1 else otherwise for k in window.size]


def _points(m: int, window: Window) -> int:
    return math.prod(_per_axis(m + _R - 1, window, 1))


def _moving(window: Window, size: int, stride: int) -> Window:
    """Tiles as a window: so many cells, so far from each other."""
    return Window((size,) * window.rank, (stride,) * window.rank, (1,) * window.rank, window.pads)


def _on_axes(matrix: np.ndarray, window: Window, dtype: tf.DType) -> tf.Tensor:
    """One matrix for all axes at once, the Kronecker product of theirs."""
    matrices = [matrix if k > 1 else np.ones([1, 1]) for k in window.size]
    return tf.constant(functools.reduce(np.kron, matrices), dtype)
