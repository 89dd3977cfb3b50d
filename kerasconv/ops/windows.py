"""Linear maps on one axis of a tensor, from which every convolution and pooling here is composed.

`pad` and `take` read an input through a window; their transposes, `crop` and `place`, write to it. Being linear and
each other's transpose, they are all that any gradient in this package needs:

    <take_j(x), g_j> summed over j  =  <x, place(g)>

`read` and `write` are both of a kind in one, for one axis and for adaptive windows too, as pooling needs them; `taps`
and `overlap` are the pair for all axes at once, and `overlap_of` is `overlap` in one pass for what is elementwise.

Tensors are channels-last, `(batch, *spatial, channels)`, and axes are counted in the tensor, so that the first
spatial axis is axis 1. Sizes are ints where known, else scalar tensors.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kerasconv.geometry import AdaptiveWindow, Pads, Size, Window, is_zero, positive, shares
from kerasconv.ops.fusion import kept, total, unfused

VECTOR = 16  # numbers that one instruction handles: for fewer channels, a read by its index costs more than they do


def sizes_of(x: tf.Tensor) -> list[Size]:
    """The shape of `x`: an int for each size that is known, a scalar tensor for each that is not."""
    static = x.shape.as_list()
    if None not in static:
        return static
    dynamic = tf.shape(x)
    return [dynamic[axis] if n is None else n for axis, n in enumerate(static)]


def pad(x: tf.Tensor, pads: Sequence[tuple[Size, Size]], value: float = 0) -> tf.Tensor:
    """`x` with `(before, after)` cells of `value` added to each spatial axis."""
    with unfused():
        return pad_axes(x, ((0, 0), *pads, (0, 0)), value)


def crop(x: tf.Tensor, pads: Pads) -> tf.Tensor:
    """`x` without its first and last cells along each spatial axis: the transpose of `pad` with zeros."""
    return crop_axes(x, ((0, 0), *pads, (0, 0)))


def pad_axes(x: tf.Tensor, pads: Sequence[tuple[Size, Size]], value: float = 0) -> tf.Tensor:
    """As `pad`, with a pair for every axis, batch and channels too."""
    if all(is_zero(side) for pair in pads for side in pair):
        return x
    return tf.pad(x, pads, constant_values=tf.cast(value, x.dtype))


def crop_axes(x: tf.Tensor, pads: Pads) -> tf.Tensor:
    """As `crop`, with a pair for every axis, batch and channels too."""
    if all(is_zero(side) for pair in pads for side in pair):
        return x
    sizes = [n - lo - hi for n, (lo, hi) in zip(sizes_of(x), pads, strict=True)]
    return tf.slice(x, [lo for lo, _ in pads], sizes)


def take(x: tf.Tensor, window: Window, axis: int) -> list[tf.Tensor]:
    """What each tap of the window sees along one spatial axis of an already padded `x`.

    Returns:
        One tensor per tap `j`, with `x[..., i * stride + j * dilation, ...]` at its position `i`.
    """
    k, s, d, e = (field[axis - 1] for field in (window.size, window.strides, window.dilation, window.extent))
    reach = ((sizes_of(x)[axis] - e) // s) * s + 1  # from the first to behind the last position of one tap
    if s > 1 and tf.executing_eagerly():  # where slices with steps take twenty times as long as a gather
        return [tf.gather(x, np.arange(j * d, j * d + reach, s), axis=axis) for j in range(k)]
    ahead = (slice(None),) * axis
    return [x[(*ahead, slice(j * d, j * d + reach, s))] for j in range(k)]


def place(parts: Sequence[tf.Tensor], window: Window, axis: int, size: Size) -> tf.Tensor:
    """The transpose of `take`: adds up what each tap of the window writes along one spatial axis.

    Tap `j` at position `i` writes to cell `i * s + j * d = (i + q) * s + r`. So the cells fall into `s` phases `r`;
    within a phase a tap is merely shifted by `q`; and the phases interleave by stack and reshape. No scatter.

    Args:
        parts: One tensor per tap.
        window: The window.
        axis: The axis of the tensor.
        size: Cells of the (padded) input along that axis.
    """
    s, d, e = (field[axis - 1] for field in (window.strides, window.dilation, window.extent))
    positions = sizes_of(parts[0])[axis]
    longest = (e - 1) // s
    phases: list[list[tf.Tensor]] = [[] for _ in range(s)]
    for j, part in enumerate(parts):
        q, r = divmod(j * d, s)
        phases[r].append(pad_axes(part, along(axis, q, longest - q, part)))
    zeros = None if all(phases) else pad_axes(tf.zeros_like(parts[0]), along(axis, 0, longest, parts[0]))
    sums = [(total(phase) if len(phase) > 1 else phase[0]) if phase else zeros for phase in phases]
    cells = interleave(sums, (*[1] * (axis - 1), s))
    missing = size - (positions + longest) * s  # where the stride leaves cells at the end that no window sees
    cells = pad_axes(cells, along(axis, 0, positive(missing), cells))
    return crop_axes(cells, along(axis, 0, positive(-missing), cells))


def taps(x: tf.Tensor, window: Window, outside: float = 0) -> list[tf.Tensor]:
    """What each tap of the window sees of an `x` that is not padded, in row-major order: `outside` beyond the cells."""
    if not _indexed(window, sizes_of(x)[1:-1]):
        x, window = pad(x, window.pads, outside), replace(window, pads=((0, 0),) * window.rank)
    seen = [x]
    for axis in range(1, window.rank + 1):
        seen = _read(seen, window, axis, outside)
    return seen


def index_of_cells(window: Window, positions: Sequence[Size], sizes: Sequence[Size]) -> tf.Tensor:
    """The row-major index of the cell that each tap sees at each position, `(positions, taps)`; pads are not heeded."""
    index: Any = 0
    for axis, (o, k, s, d) in enumerate(zip(positions, window.size, window.strides, window.dilation, strict=True)):
        line, shape = math.prod(sizes[axis + 1 :]), [1] * 2 * window.rank
        shape[axis], shape[window.rank + axis] = o, k
        known = isinstance(o, int) and isinstance(line, int)
        first = np.arange(o, dtype="int32") if known else tf.range(o)
        of_axis = (s * first[:, None] + d * np.arange(k, dtype="int32")) * line
        of_axis = np.reshape(of_axis, shape) if known else tf.reshape(of_axis, shape)
        # In a graph these are small constants, and no large one.
        index = index + (of_axis if tf.executing_eagerly() else tf.convert_to_tensor(of_axis, tf.int32))
    return tf.reshape(tf.cast(index, tf.int32), [math.prod(positions), math.prod(window.size)])


def overlap(parts: Sequence[tf.Tensor], window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `taps`: adds up what each tap writes to an input of spatial sizes `sizes`."""
    parts = list(parts)
    mirrored, (_, *outputs, channels) = window.mirrored, sizes_of(parts[0])
    if mirrored and isinstance(channels, int) and channels >= VECTOR and _indexed(mirrored, outputs):
        return kept(total([_tap(part, mirrored, tap) for tap, part in enumerate(reversed(parts))]))
    padded = window.padded(sizes)
    for axis in range(window.rank, 0, -1):
        k = window.size[axis - 1]
        parts = [place(parts[i : i + k], window, axis, padded[axis - 1]) for i in range(0, len(parts), k)]
    return crop(parts[0], window.pads)


def overlap_of(
    part: Callable[..., tf.Tensor], positions: Sequence[tf.Tensor], window: Window, sizes: Sequence[Size]
) -> tf.Tensor:
    """`overlap` of parts that are elementwise functions of the same tensors, in one pass over memory.

    What is elementwise may be moved before as well as after: each cell reads those positions whose windows it lies in.
    Along an axis these are `p = floor(i / s) - q` for cell `i` of the padded input, with `q s < e`, if a tap `j` is
    there: `i = p s + j d`. So there are as many terms as strides fit into a window.

    Args:
        part: Given the row-major number of a tap and the tensors: what they write by this tap. In graphs of known sizes
            the tensors are as seen by the cells; and where these have different taps, they are a tensor, of a shape
            that broadcasts.
        positions: Tensors `(N, *O, C)`, with a number for each position of the window.
        window: The window.
        sizes: Spatial sizes `S` of the input.

    Returns:
        Tensor `(N, *S, C)`.
    """
    outputs = sizes_of(positions[0])[1:-1]
    if not (_indexed(window, sizes) and all(isinstance(o, int) for o in outputs)):
        return overlap([part(t, *positions) for t in range(math.prod(window.size))], window, sizes)
    terms: list[tuple[Any, list[tf.Tensor], Sequence[tf.Tensor]]] = [(0, [], positions)]
    for axis, (k, n, o) in enumerate(zip(window.size, sizes, outputs, strict=True), start=1):
        writers = _writers(window, axis, n, o)
        terms = [
            (number * k + tap, [*masks, *mask], [tf.gather(x, at, axis=axis) for x in xs])
            for number, masks, xs in terms
            for at, tap, mask in writers
        ]
    zero = tf.zeros([], positions[0].dtype)
    parts = []
    for number, masks, xs in terms:
        x = part(number, *xs)
        parts.append(tf.where(functools.reduce(tf.logical_and, masks), x, zero) if masks else x)
    return kept(total(parts))


def _tap(x: tf.Tensor, window: Window, tap: int) -> tf.Tensor:
    """What one tap sees, given its row-major number, where `taps` would find it by indices."""
    for axis, j in enumerate(np.unravel_index(tap, window.size), start=1):
        cells, inside = cells_along(window, axis, sizes_of(x)[axis])
        (x,) = _gather([x], cells[:, j : j + 1], inside[:, j : j + 1], axis, 0)
    return x


def _writers(window: Window, axis: int, n: int, o: int) -> list[tuple[tf.Tensor, Any, list[tf.Tensor]]]:
    """The terms of `overlap_of` along an axis: the position that each cell reads, its tap, and where there is one."""
    k, s, d, e = (field[axis - 1] for field in (window.size, window.strides, window.dilation, window.extent))
    cells = np.arange(n) + window.pads[axis - 1][0]
    writers: list[tuple[tf.Tensor, Any, list[tf.Tensor]]] = []
    for q in range((e - 1) // s + 1):
        at = cells // s - q
        tap, beside = np.divmod(cells - at * s, d)
        there = (at >= 0) & (at < o) & (tap < k) & (beside == 0)
        if there.any() or not writers:  # at least one, if only of zeros
            tap = np.minimum(tap, k - 1)
            number = int(tap[0]) if (tap == tap[0]).all() else _column(tap, axis, window.rank)
            mask = [] if there.all() else [_column(there, axis, window.rank)]
            writers.append((tf.constant(at.clip(0, o - 1), tf.int32), number, mask))
    return writers


def interleave(phases: Sequence[tf.Tensor], strides: Sequence[int]) -> tf.Tensor:
    """Phases, in row-major order, as one tensor: the cells of each lie `strides` apart in it."""
    phases = list(phases)
    for axis in range(len(strides), 0, -1):
        s = strides[axis - 1]
        if s == 1:
            continue
        groups = [phases[i : i + s] for i in range(0, len(phases), s)]
        sizes = sizes_of(phases[0])
        shape = [*sizes[:axis], sizes[axis] * s, *sizes[axis + 1 :]]
        phases = [
            tf.reshape(tf.concat([tf.expand_dims(x, axis + 1) for x in group], axis + 1), shape) for group in groups
        ]
    return phases[0]


def read(x: tf.Tensor, window: Window | AdaptiveWindow, axis: int, outside: float = 0) -> list[tf.Tensor]:
    """What each tap of the window sees along one axis of an `x` that is not padded: `outside` beyond the cells."""
    return _read([x], window, axis, outside)


def _read(xs: Sequence[tf.Tensor], window: Window | AdaptiveWindow, axis: int, outside: float) -> list[tf.Tensor]:
    """`read` of several tensors of one shape."""
    if isinstance(window, Window):
        pads = window.pads[axis - 1]
        if all(map(is_zero, pads)) or not _indexed(window, sizes_of(xs[0])[1:-1]):
            with unfused():
                xs = [pad_axes(x, along(axis, *pads, x), outside) for x in xs]
            return [tap for x in xs for tap in take(x, window, axis)]
    return _gather(xs, *cells_along(window, axis, sizes_of(xs[0])[axis]), axis, outside)


def _indexed(window: Window, sizes: Sequence[Size]) -> bool:
    """Whether cells and positions had better be found by their indices than by slices of what is padded.

    Padding is a copy, which takes as long as several passes over the taps. What is fused reads each cell by its index
    instead, and knows where there is none. Without a compiler, slices are faster.
    """
    known = all(isinstance(n, int) and n > 0 for n in sizes)
    return known and not tf.executing_eagerly() and all(isinstance(side, int) for pair in window.pads for side in pair)


def cells_along(window: Window | AdaptiveWindow, axis: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell that each tap sees at each position along an axis, `(positions, taps)`; and where it is there."""
    if isinstance(window, AdaptiveWindow):
        return _ragged(shares(window.sizes[axis - 1], window.positions[axis - 1]))
    k, s, d, e = (field[axis - 1] for field in (window.size, window.strides, window.dilation, window.extent))
    lo, hi = window.pads[axis - 1]
    cells = s * np.arange((n + lo + hi - e) // s + 1)[:, None] + d * np.arange(k) - lo
    return cells.clip(0, n - 1), (cells >= 0) & (cells < n)


def write(parts: Sequence[tf.Tensor], window: Window | AdaptiveWindow, axis: int, size: Size) -> tf.Tensor:
    """The transpose of `read`: adds up what each tap writes to the cells; what falls beyond them is lost."""
    if isinstance(window, Window):
        lo, hi = window.pads[axis - 1]
        cells = place(parts, window, axis, size + lo + hi)
        return crop_axes(cells, along(axis, lo, hi, cells))
    n, o = window.sizes[axis - 1], window.positions[axis - 1]
    positions, inside = _ragged(shares(o, n))  # the windows in which each cell lies
    first = np.array([cells.start for cells in shares(n, o)])
    taps = np.arange(n)[:, None] - first[positions]  # as which of its cells each of them knows it
    return total(_gather([tf.concat(parts, axis)], np.where(inside, taps * o + positions, 0), inside, axis, 0))


def reals(x: tf.Tensor, window: Window | AdaptiveWindow, axis: int) -> list[tf.Tensor] | None:
    """For each tap, where `read` sees a cell of `x`, of a shape that broadcasts; `None` where it always does."""
    if window.unpadded:
        return None
    if isinstance(window, AdaptiveWindow) or _indexed(window, sizes_of(x)[1:-1]):
        _, inside = cells_along(window, axis, x.shape[axis])
        return [_column(there, axis, window.rank) for there in inside.T]
    ones = tf.ones([1] * axis + [sizes_of(x)[axis]] + [1] * (x.shape.rank - axis - 1))
    return [tap > 0 for tap in read(ones, window, axis)]


def _ragged(rows: Sequence[range]) -> tuple[np.ndarray, np.ndarray]:
    """Ranges as one array `(rows, longest)`, short ones filled up with their first number; and where they are real."""
    longest = max(map(len, rows))
    filled = [[*row, *[row.start] * (longest - len(row))] for row in rows]
    return np.array(filled), np.array([[j < len(row) for j in range(longest)] for row in rows])


def _gather(
    xs: Sequence[tf.Tensor], cells: np.ndarray, inside: np.ndarray, axis: int, outside: float
) -> list[tf.Tensor]:
    """For each column of `cells` those cells of each `x` along an axis, or `outside` where they are not `inside`."""
    fill = tf.cast(outside, xs[0].dtype)
    columns = [
        (tf.constant(column, tf.int32), None if there.all() else _column(there, axis, xs[0].shape.rank - 2))
        for column, there in zip(cells.T, inside.T, strict=True)
    ]
    taps = []
    for x in xs:
        for column, there in columns:
            tap = tf.gather(x, column, axis=axis)
            taps.append(tap if there is None else tf.where(there, tap, fill))
    return taps


def _column(of_cells: np.ndarray, axis: int, rank: int) -> tf.Tensor:
    """Something of each cell of an axis, of a shape that broadcasts to a tensor of so many spatial axes."""
    shape = [1] * (rank + 2)
    shape[axis] = len(of_cells)
    return tf.constant(of_cells.reshape(shape), tf.bool if of_cells.dtype == bool else tf.int32)


def along(axis: int, before: Size, after: Size, x: tf.Tensor) -> Pads:
    """Pads for every axis of `x`, which are zero but for one axis."""
    return tuple((before, after) if a == axis else (0, 0) for a in range(x.shape.rank))
