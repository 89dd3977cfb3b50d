"""Winograd's minimal filtering: fewer products, for kernels of more than one tap that move in steps of one.

A correlation of `m` outputs with `r = 3` taps is a product of polynomials, and one of degree `m + 1` is known by its
values at `a = m + 2` points. So, with the matrices `B^T` (input), `G` (kernel) and `A^T` (output) for these points,

    y = A^T [(G w) * (B^T x)]

takes `a` products where the definition takes `3 m`. In several dimensions each axis is transformed in turn, the tiles
of the input overlap by two elements, and the products of numbers become products of matrices, one for each point, which
sum over the channels: in two dimensions F(4, 3) takes 36 products for 16 outputs instead of 144. The gradients are the
adjoints:

    dx = B [(G w) * (A dy)]        dw = G^T [(B^T x) * (A dy)]

A kernel of more than three taps along an axis consists of blocks of three, whose inputs are shifted and stand side by
side as channels; one of fewer is filled up with zeros. An axis on which the kernel has one tap is left alone.

It takes strides of 1 and no dilation. The points are 0, 1, -1, (2, -2,) and infinity. An output is made of all elements
of its tile, so it is exact only to the magnitude of the largest of these, and NaN or an infinity among them makes all
outputs of the tile NaN; `kerasconv.ops.conv` has the bounds.

Source: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2015, arXiv 1509.09308, section 4; the
matrices by the construction of Toom and Cook.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from kerasconv.arithmetic.groups import groups_to_batch, groups_to_channels, merge_groups, split_groups
from kerasconv.arithmetic.tensors import add_n, along, crop, crop_axes, pad, pad_axes, sizes_of
from kerasconv.arithmetic.windows import gather_windows
from kerasconv.geometry import Size, Window

TAPS = 3
"""Taps of a block, `r`."""

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


@dataclass(frozen=True)
class Winograd:
    """The three operations with tiles of one size.

    Attributes:
        tile: Outputs of a tile along each axis: 2, or 4, which saves more products and loses more digits.
    """

    tile: int

    def prepare(self, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """Returns `G w`: a kernel `(*K, C, G F)` as `(a^rank G, blocks C, F)`, points of the first axis outermost."""
        *size, channels, filters = w.shape
        filters //= groups
        rank, blocks, taps = window.rank, blocks_of(window), _per_axis(TAPS, window)
        w = tf.reshape(split_groups(w, groups), [groups, *size, channels, filters])
        missing = [(0, b * r - k) for b, r, k in zip(blocks, taps, size, strict=True)]
        w = tf.pad(w, [(0, 0), *missing, (0, 0), (0, 0)])
        w = tf.reshape(w, [groups, *(n for pair in zip(blocks, taps, strict=True) for n in pair), channels, filters])
        w = tf.transpose(w, [*range(2, 2 * rank + 1, 2), 0, *range(1, 2 * rank, 2), 2 * rank + 1, 2 * rank + 2])
        w = tf.matmul(_on_axes(_G[self.tile], window, w.dtype), tf.reshape(w, [math.prod(taps), -1]))
        return tf.reshape(w, [-1, math.prod(blocks) * channels, filters])

    def forward(self, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """Returns `y = A^T [(G w) * (B^T x)]`, by a kernel that was prepared."""
        x = groups_to_batch(x, groups)
        batch, output = sizes_of(x)[0], window.output(sizes_of(x)[1:-1])
        tiles = self._input_tiles(x, window, output)
        y = tf.matmul(self._by_point(tiles, window, groups), w)
        y = tf.reshape(y, [self._points(window) * batch, *sizes_of(tiles)[1:-1], y.shape[-1]])
        for axis in _transformed_axes(window):
            y = _interleave(_combinations(_A[self.tile], tf.split(y, self.tile + 2)), axis)
        y = crop(y, [(0, n - o) for n, o in zip(sizes_of(y)[1:-1], output, strict=True)])
        return groups_to_channels(y, groups)

    def input_gradient(
        self, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
    ) -> tf.Tensor:
        """Returns `dx = B [(G w)^T * (A dy)]`, with the tiles added up where they overlap, by a prepared kernel."""
        dy = groups_to_batch(dy, groups)
        batch, blocks = sizes_of(dy)[0], blocks_of(window)
        tiles = self._output_tiles(dy, window)
        x = tf.matmul(self._by_point(tiles, window, groups), w, transpose_b=True)
        x = tf.reshape(x, [self._points(window) * batch, *sizes_of(tiles)[1:-1], x.shape[-1]])
        for axis in _transformed_axes(window):
            x = _overlap(_combinations(_B[self.tile].T, tf.split(x, self.tile + 2)), self.tile, axis)
        starts = [[TAPS * i for i in at] for at in np.ndindex(*blocks)]
        ends = [[(i, TAPS * (b - 1) - i) for i, b in zip(start, blocks, strict=True)] for start in starts]
        x = add_n([pad(part, end) for part, end in zip(tf.split(x, len(ends), -1), ends, strict=True)])
        x = tf.slice(x, [0, *(lo for lo, _ in window.pads), 0], [batch, *sizes, x.shape[-1]])
        return groups_to_channels(x, groups)

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """Returns `dw = G^T [(B^T x) * (A dy)]`, with the products summed over all tiles."""
        x, dy = groups_to_batch(x, groups), groups_to_batch(dy, groups)
        channels, filters = x.shape[-1], dy.shape[-1]
        rank, blocks, taps = window.rank, blocks_of(window), _per_axis(TAPS, window)
        tiles = self._input_tiles(x, window, sizes_of(dy)[1:-1])
        dw = tf.matmul(
            self._by_point(tiles, window, groups),
            self._by_point(self._output_tiles(dy, window), window, groups),
            transpose_a=True,
        )
        dw = tf.reshape(dw, [self._points(window), -1])
        dw = tf.matmul(_on_axes(_G[self.tile].T, window, dw.dtype), dw)
        dw = tf.reshape(dw, [*taps, groups, *blocks, channels, filters])
        in_order = [i for axis in range(rank) for i in (rank + 1 + axis, axis)]  # each block before its taps
        dw = tf.transpose(dw, [rank, *in_order, 2 * rank + 1, 2 * rank + 2])
        dw = tf.reshape(dw, [groups, *(b * r for b, r in zip(blocks, taps, strict=True)), channels, filters])
        dw = dw[(slice(None), *map(slice, window.size))]
        leading = [] if groups == 1 else [groups]
        return merge_groups(tf.reshape(dw, [*leading, -1, channels, filters]), window.size, groups)

    def _input_tiles(self, x: tf.Tensor, window: Window, output: Sequence[Size]) -> tf.Tensor:
        """Returns `B^T x` of all tiles, `(a^rank N, *tiles, blocks C)`, the points of the first axis outermost."""
        blocks, pads = blocks_of(window), []
        axes = zip(sizes_of(x)[1:-1], output, blocks, _per_axis(self.tile, window), window.pads, strict=True)
        for n, o, b, m, (lo, _) in axes:
            tiled = -(-o // m) * m + (TAPS * b - 1 if m > 1 else 0)  # elements that all tiles see together
            pads.append((lo, tiled - lo - n))
        if math.prod(blocks) > 1:
            x = tf.concat(gather_windows(x, replace(_block_window(window), pads=tuple(pads))), -1)
            pads = [(0, 0)] * window.rank
        return _transform(x, _B[self.tile], self.tile, window, pads)

    def _output_tiles(self, y: tf.Tensor, window: Window) -> tf.Tensor:
        """Returns `A y` of all tiles, `(a^rank N, *tiles, F)`, the points of the first axis outermost."""
        missing = [(0, -o % m) for o, m in zip(sizes_of(y)[1:-1], _per_axis(self.tile, window), strict=True)]
        return _transform(y, _A[self.tile].T, self.tile, window, missing)

    def _points(self, window: Window) -> int:
        return math.prod(_per_axis(self.tile + 2, window))

    def _by_point(self, x: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """Returns `(a^rank G N, *tiles, C)` as a matrix for each point and group, `(a^rank G, N tiles, C)`."""
        return tf.reshape(x, [self._points(window) * groups, -1, x.shape[-1]])


def blocks_of(window: Window) -> tuple[int, ...]:
    """Returns how many blocks of three taps a kernel has along each axis."""
    return tuple(-(-k // TAPS) for k in window.size)


def _per_axis(n: int, window: Window) -> list[int]:
    """Returns `n` for the axes that are transformed, and 1 for the others."""
    return [n if k > 1 else 1 for k in window.size]


def _transformed_axes(window: Window) -> list[int]:
    return [axis for axis, k in enumerate(window.size, start=1) if k > 1]


def _on_axes(matrix: np.ndarray, window: Window, dtype: tf.DType) -> tf.Tensor:
    """Returns one matrix for all axes at once, the Kronecker product of theirs."""
    matrices = [matrix if k > 1 else np.ones([1, 1]) for k in window.size]
    return tf.constant(functools.reduce(np.kron, matrices), dtype)


def _block_window(window: Window) -> Window:
    """Returns the window with a tap for each block of three."""
    rank = window.rank
    return Window(blocks_of(window), (1,) * rank, (TAPS,) * rank, ((0, 0),) * rank)


def _transform(
    x: tf.Tensor, matrix: np.ndarray, step: int, window: Window, pads: Sequence[tuple[Size, Size]]
) -> tf.Tensor:
    """Returns a matrix times each tile of a padded `x`, the points one after the other along the batch axis.

    A tile has as many elements along an axis as the matrix has columns, and starts `step` after the one before.
    """
    rank = window.rank
    tiles = Window((matrix.shape[1],) * rank, (step,) * rank, (1,) * rank, tuple(pads))
    for axis in reversed(_transformed_axes(window)):
        x = tf.concat(_combinations(matrix, gather_windows(x, tiles.along(axis - 1))), 0)
    return x


def _combinations(matrix: np.ndarray, parts: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Returns for each row of a matrix the sum of the parts times its numbers."""
    return [
        add_n([part if c == 1 else part * tf.constant(c, part.dtype) for c, part in zip(row, parts, strict=True) if c])
        for row in matrix
    ]


def _interleave(parts: Sequence[tf.Tensor], axis: int) -> tf.Tensor:
    """Returns the parts taken in turn along an axis, an element of each."""
    sizes = sizes_of(parts[0])
    sizes[axis] *= len(parts)
    return tf.reshape(tf.concat([tf.expand_dims(part, axis + 1) for part in parts], axis + 1), sizes)


def _overlap(parts: Sequence[tf.Tensor], step: int, axis: int) -> tf.Tensor:
    """Returns tiles, an element of each in each part, `step` apart along an axis and added up where they overlap."""
    here = [pad_axes(part, along(axis, 0, 1, part)) for part in parts[:step]]
    after = [pad_axes(part, along(axis, 1, 0, part)) for part in parts[step:]]
    x = _interleave([*(add_n(both) for both in zip(here, after, strict=False)), *here[len(after) :]], axis)
    return crop_axes(x, along(axis, 0, step - len(after), x))
