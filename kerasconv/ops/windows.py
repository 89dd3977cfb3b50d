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

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from kerasconv.geometry import AdaptiveWindow, Pads, Size, Stretch, Window, is_zero, positive, shares
from kerasconv.ops.fusion import total, unfused

Region: TypeAlias = tuple[Stretch, ...]
"""A stretch along each axis."""

# When regions are worth their compilation.
_MOST_TAPS = 128  # of all regions together
_LEAST_POSITIONS = 16  # for each region, on average


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
    """What each tap of the window sees of `x`, with all axes taken and padded: in row-major order."""
    seen = [pad(x, window.pads, outside)]
    for axis in range(1, window.rank + 1):
        seen = [t for x in seen for t in take(x, window, axis)]
    return seen


def over_taps(
    combine: Callable[[Sequence[tf.Tensor], Sequence[int]], tf.Tensor], x: tf.Tensor, window: Window, outside: float = 0
) -> tf.Tensor:
    """`combine(taps, numbers)`, an elementwise function of what taps with these row-major numbers see.

    It is given all `taps`, or in each of the `regions` those that see cells: `outside` must change nothing.
    """
    parts = regions(x, window)
    if parts is None:
        seen = taps(x, window, outside)
        return combine(seen, range(len(seen)))

    def of_region(region: Region) -> tf.Tensor:
        offsets = offsets_in(region)
        numbers = [int(np.ravel_multi_index(offset, window.size)) for offset in offsets]
        return combine([tap_in(region, offset, x, window) for offset in offsets], numbers)

    return assembled(of_region, parts)


def regions(x: tf.Tensor, window: Window) -> tuple[tuple[Stretch, ...], ...] | None:
    """Along each axis, stretches of positions at which the same taps see cells; `None` if `x` had better be padded.

    A padded copy takes as long as several passes over its taps. Where these are fused, it is faster to compute the
    borders by themselves, from the taps that see cells there: a window of 3x3 has nine regions. But each has to be
    compiled, and without a compiler all are operations of their own.
    """
    sizes = sizes_of(x)[1:-1]
    known = all(isinstance(n, int) for n in (*sizes, *(side for pair in window.pads for side in pair)))
    if tf.executing_eagerly() or window.unpadded or not known:
        return None
    found = window.stretches(sizes)
    taps = math.prod(sum(len(stretch.taps) for stretch in axis) for axis in found)
    empty = any(not stretch.taps for axis in found for stretch in axis)
    many = math.prod(window.output(sizes)) >= _LEAST_POSITIONS * math.prod(map(len, found))
    return found if many and taps <= _MOST_TAPS and not empty else None


def assembled(
    part: Callable[[Region], tf.Tensor], stretches: Sequence[Sequence[Stretch]], axis: Callable[[int], int] = int
) -> tf.Tensor:
    """`part(region)` of all regions, joined along `axis(1)`, `axis(2)` and so on."""

    def joined(chosen: Region) -> tf.Tensor:
        if len(chosen) == len(stretches):
            return part(chosen)
        parts = [joined((*chosen, stretch)) for stretch in stretches[len(chosen)]]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis(len(chosen) + 1))

    return joined(())


def offsets_in(region: Region) -> list[tuple[int, ...]]:
    """The taps that see cells in a region, in row-major order."""
    return list(itertools.product(*(stretch.taps for stretch in region)))


def tap_in(region: Region, offset: Sequence[int], x: tf.Tensor, window: Window) -> tf.Tensor:
    """What a tap sees in a region."""
    cells = [slice(None)]
    for stretch, j, s, d, (lo, _) in zip(region, offset, window.strides, window.dilation, window.pads, strict=True):
        first = stretch.first * s + j * d - lo
        cells.append(slice(first, first + (stretch.count - 1) * s + 1, s))
    return x[tuple(cells)]


def overlap(parts: Sequence[tf.Tensor], window: Window, sizes: Sequence[Size]) -> tf.Tensor:
    """The transpose of `taps`: adds up what each tap writes to an input of spatial sizes `sizes`."""
    parts = list(parts)
    padded = window.padded(sizes)
    for axis in range(window.rank, 0, -1):
        k = window.size[axis - 1]
        parts = [place(parts[i : i + k], window, axis, padded[axis - 1]) for i in range(0, len(parts), k)]
    return crop(parts[0], window.pads)


def overlap_of(
    part: Callable[..., tf.Tensor],
    positions: Sequence[tf.Tensor],
    fills: Sequence[float],
    window: Window,
    sizes: Sequence[Size],
) -> tf.Tensor:
    """`overlap` of parts that are elementwise functions of the same tensors, in one pass over memory.

    What is elementwise may be shifted before as well as after: the tensors are padded once, and each cell reads those
    positions whose windows it lies in. With a stride `s`, cell `u s + r` is read as cell `r` of the stretch `u`: tap
    `j` reaches it from position `u - q` if `j d = q s + r`. So along an axis there are as many terms as strides fit
    into a window, and the cells of a stretch differ by the tap only.

    Args:
        part: Given the taps' row-major numbers, an array `(1, 1, s_1, 1, s_2, ..., 1)` with -2 where there is no tap,
            and the tensors as seen by the cells, `(N, U_1, 1, U_2, 1, ..., C)`: what the positions write to the cells.
        positions: Tensors `(N, *O, C)`, with a number for each position of the window.
        fills: What each tensor has where there is no position; `part` must give zero for it, and for the tap -2.
        window: The window.
        sizes: Spatial sizes `S` of the input.

    Returns:
        Tensor `(N, *S, C)`.
    """
    strides, longest = window.strides, [(e - 1) // s for e, s in zip(window.extent, window.strides, strict=True)]
    pads, stretches = [], []  # pads are negative where there are positions that the first or last stretch does not need
    for axis, (n, s, (lo, _), most) in enumerate(zip(sizes, strides, window.pads, longest, strict=True), start=1):
        skipped = lo // s
        stretches.append(-(-(lo + n) // s) - skipped)
        pads.append((most - skipped, skipped + stretches[-1] - sizes_of(positions[0])[axis]))
    back = Window(tuple(most + 1 for most in longest), (1,) * window.rank, (1,) * window.rank, tuple(pads))
    whole: Sequence[Sequence[Stretch]] | None = regions(positions[0], back)
    if whole is None:
        added = [(positive(before), positive(after)) for before, after in pads]
        positions = [pad(x, added, fill) for x, fill in zip(positions, fills, strict=True)]
        back = replace(back, pads=tuple((lo - more, 0) for (lo, _), (more, _) in zip(pads, added, strict=True)))
        whole = [(Stretch(0, u, range(most + 1)),) for u, most in zip(stretches, longest, strict=True)]
    batch, channels = sizes_of(positions[0])[0], sizes_of(positions[0])[-1]
    lead, last = strides[:-2], strides[-2:]  # TensorFlow broadcasts no more than two strided axes at once
    phases = []
    for phase in np.ndindex(*lead):

        def cells(region: Region, phase: Sequence[int] = phase) -> tf.Tensor:
            apart = [batch, *(n for stretch in region for n in (stretch.count, 1)), channels]
            terms = []
            for offset in offsets_in(region):
                shift = [most - j for most, j in zip(longest, offset, strict=True)]
                numbers = _tap_numbers(window, shift)[(slice(None), *_phase(phase))]
                terms.append((numbers, offset))
            terms = [term for term in terms if (term[0] >= 0).any()] or terms[:1]
            return total(
                [part(t, *(tf.reshape(tap_in(region, at, x, back), apart) for x in positions)) for t, at in terms]
            )

        stretched = [u * s for u, s in zip(stretches, (*[1] * len(lead), *last), strict=True)]
        found = assembled(cells, whole, lambda axis: 2 * axis - 1)
        phases.append(tf.reshape(found, [batch, *stretched, channels]))
    x = interleave(phases, lead)
    if max(strides) == 1:
        return x
    begin = [0, *(lo % s for (lo, _), s in zip(window.pads, strides, strict=True)), 0]
    return tf.slice(x, begin, [batch, *sizes, channels])


def _phase(phase: Sequence[int]) -> Iterator[slice]:
    """What takes one phase of the leading axes from `_tap_numbers`."""
    for r in phase:
        yield slice(None)
        yield slice(r, r + 1)


def _tap_numbers(window: Window, shift: Sequence[int]) -> np.ndarray:
    """The tap by which a position `shift` stretches before reaches each cell of a stretch; see `overlap_of`."""
    numbers = np.full(window.strides, -2)
    for r in np.ndindex(*window.strides):
        offsets = [q * s + r_ for q, s, r_ in zip(shift, window.strides, r, strict=True)]
        taps = [divmod(offset, d) for offset, d in zip(offsets, window.dilation, strict=True)]
        if all(rest == 0 and j < k for (j, rest), k in zip(taps, window.size, strict=True)):
            numbers[r] = np.ravel_multi_index([j for j, _ in taps], window.size)
    return numbers.reshape([1, *(n for s in window.strides for n in (1, s)), 1])


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
    if isinstance(window, Window):
        with unfused():
            x = pad_axes(x, along(axis, *window.pads[axis - 1], x), outside)
        return take(x, window, axis)
    cells, inside = _ragged(shares(window.sizes[axis - 1], window.positions[axis - 1]))
    return _gather(x, cells, inside, axis, outside)


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
    return total(_gather(tf.concat(parts, axis), np.where(inside, taps * o + positions, 0), inside, axis, 0))


def reals(x: tf.Tensor, window: Window | AdaptiveWindow, axis: int) -> list[tf.Tensor] | None:
    """For each tap, where `read` sees a cell of `x`, of a shape that broadcasts; `None` where it always does."""
    if window.unpadded:
        return None
    ones = tf.ones([1] * axis + [sizes_of(x)[axis]] + [1] * (x.shape.rank - axis - 1))
    return [tap > 0 for tap in read(ones, window, axis)]


def _ragged(rows: Sequence[range]) -> tuple[np.ndarray, np.ndarray]:
    """Ranges as one array `(rows, longest)`, short ones filled up with their first number; and where they are real."""
    longest = max(map(len, rows))
    filled = [[*row, *[row.start] * (longest - len(row))] for row in rows]
    return np.array(filled), np.array([[j < len(row) for j in range(longest)] for row in rows])


def _gather(x: tf.Tensor, cells: np.ndarray, inside: np.ndarray, axis: int, outside: float) -> list[tf.Tensor]:
    """For each column of `cells` those cells of `x` along an axis, or `outside` where they are not `inside`."""
    shape = [-1, *[1] * (x.shape.rank - axis - 1)]
    fill = tf.cast(outside, x.dtype)
    taps = []
    for column, there in zip(cells.T, inside.T, strict=True):
        tap = tf.gather(x, column, axis=axis)
        taps.append(tap if there.all() else tf.where(tf.reshape(there, shape), tap, fill))
    return taps


def along(axis: int, before: Size, after: Size, x: tf.Tensor) -> Pads:
    """Pads for every axis of `x`, which are zero but for one axis."""
    return tuple((before, after) if a == axis else (0, 0) for a in range(x.shape.rank))
