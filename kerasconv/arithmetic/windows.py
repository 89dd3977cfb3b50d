"""Windows as tables of indices: what each tap of a window sees, and the adjoint of that.

A convolution reads its input through a window, and its gradient writes through the same window. With `x_t[p]` for what
tap `t` sees at output position `p`, the two are

    gather_windows:       x_t[p] = x[p strides + t dilation - pads]
    scatter_add_windows:  dx[i]  = sum of dy_t[p] over the taps t and output positions p that see input position i

and each is the other's adjoint: `<gather_windows(x), dy> = <x, scatter_add_windows(dy)>`. Both are gathers by a table;
the second asks of each input position which output positions see it. There is a small table for each axis, and the
row-major index of an element is the sum of what the tables of all axes say.

Where sizes are known, tables are NumPy arrays and tell where no mask is needed; elsewhere they are tensors.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow as tf

from kerasconv.arithmetic.tensors import add_n, sizes_of
from kerasconv.geometry import AdaptiveWindow, Size, Window, is_zero, shares

AnyWindow: TypeAlias = Window | AdaptiveWindow

Table: TypeAlias = Any
"""Integers or truth values: an array where sizes are known, or else a tensor; an int where all numbers are equal."""

LARGEST_CONSTANT = 2**12
"""Elements of a table that is put into a graph; larger ones are computed when it runs."""

_AT_ONCE = 32  # terms up to which a window is scattered along all axes at once


class Seen(NamedTuple):
    """The row-major index of the input position that each tap sees, `(*O, *K)`, and where that is not padding.

    `valid` is `(*O, *K, 1)`, with an axis for the channels, or `None` for everywhere.
    """

    position: Table
    valid: Table | None


class Seeing(NamedTuple):
    """For each input position along an axis one output position that sees it, by which tap, and where there is one."""

    position: Table
    tap: Table
    valid: Table


def gather_windows(x: tf.Tensor, window: AnyWindow, outside: float = 0) -> list[tf.Tensor]:
    """Returns what each tap sees of `x`, in row-major order: tensors `(N, *O, C)` of an `x` of `(N, *S, C)`.

    Where a tap sees padding, it sees `outside`.
    """
    batch, *sizes, channels = sizes_of(x)
    if any(is_zero(n) for n in sizes):
        shape = [batch, *window.output(sizes), channels]
        return [tf.fill(shape, tf.cast(outside, x.dtype))] * math.prod(window.size)
    seen = [x]
    for axis, n in enumerate(sizes):
        if window.moving[axis]:
            position, valid = _seen_along(window, axis, n)
            taps = [(_clip(position[:, j], n), _mask(valid[:, j], axis, window.rank)) for j in range(window.size[axis])]
            seen = [where(mask, tf.gather(s, at, axis=axis + 1), outside) for s in seen for at, mask in taps]
    return seen


def scatter_add_windows(columns: tf.Tensor, window: AnyWindow, sizes: Sequence[Size]) -> tf.Tensor:
    """Adds up what each tap writes at each output position: `(N, *O, K C)` to `(N, *S, C)`, for `K` taps.

    With a large window it does so along one axis after the other, which takes the sum of as many terms as there are
    taps along each axis instead of their product.
    """
    batch, *outputs, width = sizes_of(columns)
    taps = math.prod(window.size)
    if isinstance(window, Window) and max(window.size) < taps > _AT_ONCE * math.prod(window.strides):
        for axis, n in enumerate(sizes):
            outputs[axis] = n
            columns = scatter_add_windows(columns, window.along(axis), outputs)
        return columns
    elements = tf.reshape(columns, [batch, math.prod(outputs) * taps, width // taps])
    terms = []
    for seeing in itertools.product(*_seeing(window, sizes, outputs)):
        positions, of_taps, valid = zip(*seeing, strict=True)
        index = row_major(positions, outputs) * taps + row_major(of_taps, window.size)
        terms.append(where(_everywhere(valid), tf.gather(elements, index, axis=1)))
    return add_n(terms)


def scatter_add_terms(
    term: Callable[..., tf.Tensor],
    of_positions: Sequence[tf.Tensor],
    of_taps: Sequence[tf.Tensor],
    window: AnyWindow,
    sizes: Sequence[Size],
) -> tf.Tensor:
    """Adds up what each tap writes where that is an elementwise function of something of positions and of taps.

    `dx[i] = sum of term(a[p], b[t])` over the taps `t` and output positions `p` that see input position `i`. What is
    elementwise may be gathered before it is computed, so no columns are stored.

    Args:
        term: An elementwise function of as many tensors as follow.
        of_positions: Tensors `(N, *O, C)`, or with axes of size 1 for `N` and `C`: `a`.
        of_taps: Tensors `(K, C)` or `(K, 1)`: `b`.
        window: The window.
        sizes: Spatial sizes `S` of the input.

    Returns:
        Tensor `(N, *S, C)`.
    """
    outputs = sizes_of(of_positions[0])[1:-1]
    gathered: list[tuple[Sequence[tf.Tensor], Sequence[Seeing]]] = [(of_positions, [])]
    for axis, along in enumerate(_seeing(window, sizes, outputs)):
        if window.moving[axis]:
            gathered = [
                ([tf.gather(x, seeing.position, axis=axis + 1) for x in xs], [*before, seeing])
                for xs, before in gathered
                for seeing in along
            ]
        else:
            gathered = [(xs, [*before, *along]) for xs, before in gathered]
    terms = []
    for xs, seeing in gathered:
        tap = row_major([s.tap for s in seeing], window.size)
        of_tap = [b[tap] if isinstance(tap, int) else tf.gather(b, tap) for b in of_taps]
        terms.append(where(_everywhere([s.valid for s in seeing]), term(*xs, *of_tap)))
    return add_n(terms)


def seen_at_positions(
    window: AnyWindow, sizes: Sequence[Size], pieces: int = 1, largest_constant: int = LARGEST_CONSTANT
) -> list[Seen]:
    """Returns what all taps see at all output positions.

    These are cut into equal pieces along the first axis. What is missing to fill the last of them is not valid.
    """
    (rows_position, rows_valid), *others = (_seen_along(window, axis, n) for axis, n in enumerate(sizes))
    outputs = window.output(sizes)[0]
    rows = -(-outputs // pieces)
    found = []
    for piece in range(pieces):
        row = _range(rows) + piece * rows
        valid = _take(rows_valid, _clip(row, outputs)) & (row < outputs)[:, None]
        positions = [_take(rows_position, _clip(row, outputs)), *(position for position, _ in others)]
        clipped = [_clip(position, n) for position, n in zip(positions, sizes, strict=True)]
        found.append(
            Seen(row_major(clipped, sizes, largest_constant), _everywhere([valid, *(valid for _, valid in others)]))
        )
    return found


def valid_masks(window: AnyWindow, sizes: Sequence[Size]) -> list[Table | None]:
    """Returns for each tap, in row-major order, where it sees no padding, `(*O, 1)`, or `None` for everywhere."""
    valid = [_seen_along(window, axis, n)[1] for axis, n in enumerate(sizes)]
    taps = itertools.product(*([v[:, j] for j in range(k)] for v, k in zip(valid, window.size, strict=True)))
    return [_everywhere(tap) for tap in taps]


def first_valid_tap(window: AnyWindow, sizes: Sequence[Size]) -> Table:
    """Returns the number of the first tap that sees no padding, `(*O, 1)`, or -1 where there is none."""
    valid = [_seen_along(window, axis, n)[1] for axis, n in enumerate(sizes)]
    first = [v.argmax(1).astype("int32") if isinstance(v, np.ndarray) else tf.argmax(v, 1, tf.int32) for v in valid]
    found = [v.any(1) if isinstance(v, np.ndarray) else tf.reduce_any(v, 1) for v in valid]
    number = tf.convert_to_tensor(row_major(first, window.size))[..., None]
    return where(_everywhere(found), number, -1)


def valid_counts(window: AnyWindow, sizes: Sequence[Size]) -> Table:
    """Returns how many taps see no padding, `(*O, 1)`."""
    valid = [_seen_along(window, axis, n)[1] for axis, n in enumerate(sizes)]
    counts = [v.sum(1) if isinstance(v, np.ndarray) else tf.reduce_sum(tf.cast(v, tf.int32), 1) for v in valid]
    return functools.reduce(operator.mul, _broadcastable(counts))[..., None]


def _seen_along(window: AnyWindow, axis: int, n: Size) -> tuple[Table, Table]:
    """Returns the input position that each tap sees along an axis of `n` elements, `(O, K)`, and where it is valid."""
    if isinstance(window, AdaptiveWindow):
        return _filled(shares(n, window.positions[axis]))
    k, s, d = (field[axis] for field in (window.size, window.strides, window.dilation))
    outputs = _range(window.output([n if a == axis else None for a in range(window.rank)])[axis])
    position = outputs[:, None] * s + np.arange(k, dtype="int32") * d - window.pads[axis][0]
    return position, (position >= 0) & (position < n)


def _seeing(window: AnyWindow, sizes: Sequence[Size], outputs: Sequence[Size]) -> list[list[Seeing]]:
    """Returns for each axis the output positions that see each input position: as many as strides fit into a window."""
    return [_seeing_along(window, axis, n, o) for axis, (n, o) in enumerate(zip(sizes, outputs, strict=True))]


def _seeing_along(window: AnyWindow, axis: int, n: Size, o: Size) -> list[Seeing]:
    """Returns the output positions, of `o`, that see each input position along an axis of `n` elements."""
    if isinstance(window, AdaptiveWindow):
        position, valid = _filled(shares(o, n))  # the windows in which an element lies, by the same formula
        first = np.array([elements.start for elements in shares(n, o)], "int32")
        tap = np.where(valid, np.arange(n)[:, None] - first[position], 0)
        seeing = [Seeing(position[:, j], tap[:, j], valid[:, j]) for j in range(position.shape[1])]
    else:
        k, s, d, e = (field[axis] for field in (window.size, window.strides, window.dilation, window.extent))
        padded = _range(n) + window.pads[axis][0]
        seeing = []
        for q in range((e - 1) // s + 1):  # strides between the output position and the last one that could see it
            position = padded // s - q
            offset = padded % s + q * s if s > 1 else q
            valid = (position >= 0) & (position < o) & (offset % d == 0) & (offset // d < k)
            seeing.append(Seeing(_clip(position, o), _clip(offset // d, k), valid))
    possible = [one for one in seeing if not (isinstance(one.valid, np.ndarray) and not one.valid.any())]
    return [one._replace(tap=_constant(one.tap)) for one in possible or seeing[:1]]


def row_major(tables: Sequence[Table], sizes: Sequence[Size], largest_constant: int = LARGEST_CONSTANT) -> Table:
    """Returns the row-major index, among axes of these sizes, of what one table for each axis says."""
    columns = _broadcastable([table * math.prod(sizes[axis + 1 :]) for axis, table in enumerate(tables)])
    if all(isinstance(c, int | np.ndarray) for c in columns) and math.prod(map(np.size, columns)) > largest_constant:
        columns = [tf.constant(column, tf.int32) for column in columns]
    return sum(columns)


def _everywhere(tables: Sequence[Table]) -> Table | None:
    """Returns where all tables, one for each axis, are true, with an axis for channels; `None` if everywhere."""
    columns = [column for column in _broadcastable(tables) if not (isinstance(column, np.ndarray) and column.all())]
    return functools.reduce(tf.logical_and, columns)[..., None] if columns else None


def _broadcastable(tables: Sequence[Table]) -> list[Table]:
    """Returns tables, one for each axis, so that they broadcast along the axes of the others.

    All have one axis, or all have a second one for the taps, which then follow behind.
    """
    rank, columns = len(tables), []
    for axis, table in enumerate(tables):
        if not isinstance(table, int):
            shape = [1] * rank * len(table.shape)
            shape[axis] = -1
            if len(table.shape) == 2:
                shape[rank + axis] = table.shape[1]
            table = tf.reshape(table, shape) if isinstance(table, tf.Tensor) else table.reshape(shape)
        columns.append(table)
    return columns


def _filled(rows: Sequence[range]) -> tuple[Table, Table]:
    """Returns ranges as one array `(rows, longest)`, and where in it they stand; elsewhere is their first number."""
    longest = max(map(len, rows))
    filled = [[*row, *[row.start] * (longest - len(row))] for row in rows]
    return np.array(filled, "int32"), np.array([[j < len(row) for j in range(longest)] for row in rows])


def _range(n: Size) -> Table:
    return np.arange(n, dtype="int32") if isinstance(n, int) else tf.range(n)


def _clip(table: Table, n: Size) -> Table:
    """Returns a table with numbers beyond `n` elements moved to the first or last of them."""
    if isinstance(table, int) or (isinstance(table, np.ndarray) and isinstance(n, int)):
        return np.clip(table, 0, n - 1)
    return tf.clip_by_value(table, 0, n - 1)


def _constant(table: Table) -> Table:
    """Returns the number that a table has everywhere, or the table if there is none."""
    if isinstance(table, tf.Tensor):
        return table
    numbers = np.unique(table)
    return int(numbers[0]) if numbers.size == 1 else table


def _mask(valid: Table, axis: int, rank: int) -> Table | None:
    """Returns where one axis of `rank` is valid, with an axis for channels; `None` if everywhere."""
    everywhere = [np.ones(1, bool)] * rank
    return _everywhere([valid if a == axis else always for a, always in enumerate(everywhere)])


def _take(table: Table, rows: Table) -> Table:
    if isinstance(table, np.ndarray) and isinstance(rows, np.ndarray):
        return table[rows]
    return tf.gather(table, rows)


def where(valid: Table | None, x: tf.Tensor, outside: float = 0) -> tf.Tensor:
    """Returns `x` where it is valid, and `outside` elsewhere."""
    return x if valid is None else tf.where(valid, x, tf.cast(outside, x.dtype))
