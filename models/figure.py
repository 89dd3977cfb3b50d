"""The architecture of a model as a figure, drawn from its graph: layers as chips, branches in columns, repeats folded.

Only what shapes the features is drawn: convolutions, dense layers, pooling, resizing, and where branches meet. The
figure is SVG, text that every browser shows, and the same each time.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
from kerasconv.models.layer_table import (
    CONVOLUTION,
    DENSE,
    DEPTHWISE,
    GLOBAL_POOLING,
    POOLING,
    SEPARABLE,
    TRANSPOSED,
    Row,
    layer_table,
)

from kerasconv.layers.pooling import LpPoolingBase, MaxUnpoolingBase

_COLOURS = {
    "convolution": "#cfe3f7",
    "depthwise": "#cdebe6",
    "transposed": "#d9efcf",
    "pooling": "#fbe3c4",
    "dense": "#e6d9f2",
    "shape": "#f4f0d4",
    "merge": "#eeeeee",
}
_MERGES = {
    "Add": "add",
    "Multiply": "multiply",
    "Concatenate": "concatenate",
    "Average": "average",
    "Maximum": "maximum",
}
_UPSAMPLING = (keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D)
_LETTER, _CHIP, _GAP, _PAD = 6.7, 24, 14, 9  # widths and heights, in pixels
_COLUMN = 900  # the height at which a figure goes on in another column, of which there are three at most


@dataclass(frozen=True)
class Chip:
    """A layer, in words; of a repeat with the dilations of all its turns."""

    text: str
    colour: str
    shape: str
    dilation: str = "1"

    @property
    def label(self) -> str:
        """What is written on it."""
        return self.text + (f" dilation {self.dilation}" if self.dilation != "1" else "")


@dataclass(frozen=True)
class Fork:
    """Branches that begin at one place and meet at a layer; an empty one is a shortcut. Outputs do not meet."""

    branches: tuple[tuple[Any, ...], ...]
    meeting: Chip | None = None


@dataclass(frozen=True)
class Repeat:
    """The same items several times."""

    items: tuple[Any, ...]
    times: int
    shape: str


@dataclass(frozen=True)
class Tap:
    """A branch that leaves for a sum of many, which comes later."""

    chip: Chip


@dataclass(frozen=True)
class Skip:
    """A branch around much of the model: it begins here, and ends where `target` stands among the items."""

    items: tuple[Any, ...]
    target: int


@dataclass(frozen=True)
class Landing:
    """Where a `Skip` ends."""

    target: int


def _keys(items: Sequence[Any]) -> tuple[Any, ...]:
    """What makes pieces the same, if they stand one after the other: all but shapes, and how far taps are apart."""
    return tuple(map(_key, items))


def _key(item: Any) -> Any:
    if isinstance(item, Chip):
        return item.text
    if isinstance(item, Fork):
        return tuple(map(_keys, item.branches)), item.meeting and item.meeting.text
    return ("tap", item.chip.text) if isinstance(item, Tap) else item


def draw(model: keras.Model) -> str:
    """The architecture of a model, as the text of an SVG file.

    Args:
        model: A functional or Sequential model that has been built.

    Raises:
        ValueError: If it has no graph.

    Example:
        >>> import kerasconv
        >>> picture = draw(kerasconv.models.line_detector(pooling="max"))
        >>> picture.startswith("<svg"), "conv 3×3, 1" in picture
        (True, True)
    """
    items = outline(model)
    shapes = [_shape(tuple(tensor.shape[1:])) for tensor in model.inputs]
    start = [Chip("input", _COLOURS["merge"], " and ".join(shapes))]
    return _Canvas(model.name).draw([*start, *items])


def outline(model: keras.Model) -> tuple[Any, ...]:
    """What is drawn: the layers in words, in series, forks and repeats."""
    return _fold(_Graph(layer_table(model)).items())


# From the graph to an outline.


def _describe(row: Row) -> Chip | None:
    """A layer in words; `None` if it only changes numbers where they are."""
    layer, shape = row.layer, _shape(row.output_shape)
    if isinstance(layer, (CONVOLUTION, DEPTHWISE, SEPARABLE, TRANSPOSED)) and row.macs != 0:
        kind = {DEPTHWISE: "depthwise", SEPARABLE: "separable", TRANSPOSED: "transposed"}
        word = next((word for base, word in kind.items() if isinstance(layer, base)), "conv")
        filters = "" if isinstance(layer, DEPTHWISE) else f", {layer.filters}"
        text = f"{word} {_times(layer.kernel_size)}{filters}{_extras(layer)}"
        colour = {"depthwise": "depthwise", "transposed": "transposed"}.get(word, "convolution")
        return Chip(text, _COLOURS[colour], shape, _once(layer.dilation_rate))
    if isinstance(layer, DENSE):
        return Chip(f"dense {row.output_shape[-1]}", _COLOURS["dense"], shape)
    if isinstance(layer, GLOBAL_POOLING):
        return Chip(f"global {_pool(row)} pool", _COLOURS["pooling"], shape)
    if isinstance(layer, MaxUnpoolingBase):
        return Chip(f"unpool {_times(layer.pool_size)}", _COLOURS["transposed"], shape)
    if isinstance(layer, (POOLING, LpPoolingBase)):
        return Chip(f"{_pool(row)} pool {_times(layer.pool_size)}{_extras(layer)}", _COLOURS["pooling"], shape)
    if "Adaptive" in row.kind:
        return Chip(f"{_pool(row)} pool to {shape.rpartition('×')[0]}", _COLOURS["pooling"], shape)
    if isinstance(layer, _UPSAMPLING):
        return Chip(f"upsample {_times(layer.size)}", _COLOURS["transposed"], shape)
    if row.kind in ("Resizing", "Resize"):
        return Chip(f"resize to {shape.rpartition('×')[0]}", _COLOURS["transposed"], shape)
    if row.kind == "Split":
        return Chip("split", _COLOURS["shape"], shape)
    if row.kind in ("Permute", "Transpose"):
        return Chip("shuffle", _COLOURS["shape"], shape)
    if isinstance(layer, keras.layers.Layer) and row.parameters and row.macs is None:
        return Chip(row.kind, _COLOURS["convolution"], shape)
    return None


def _pool(row: Row) -> str:
    return "max" if "Max" in row.kind else "p-norm" if "Lp" in row.kind else "average"


def _times(sizes: Any) -> str:
    return "×".join(map(str, (sizes,) if isinstance(sizes, int) else sizes))


def _shape(shape: Sequence[int | None]) -> str:
    return "×".join("?" if n is None else str(n) for n in shape)


def _extras(layer: Any) -> str:
    """Stride and groups, where there are any."""
    strides, groups = _once(layer.strides), getattr(layer, "groups", 1)
    return (f" /{strides}" if strides != "1" else "") + (f" groups {groups}" if groups > 1 else "")


def _once(sizes: Any) -> str:
    """The sizes along the axes, or one for all if they are equal."""
    return str(sizes[0]) if len(set(sizes)) == 1 else _times(sizes)


class _Graph:
    """The graph of what is drawn, by number: its nodes in order, -1 before them and one more behind them."""

    def __init__(self, rows: list[Row]):
        self.chips: list[Chip] = []
        self._sources: list[tuple[int, ...]] = []
        drawn = {-1: -1}
        for i, row in enumerate(rows):
            sources = tuple(dict.fromkeys(drawn[source] for source in row.inputs)) or (-1,)
            chip, shape = _describe(row), _shape(row.output_shape)
            before = self.chips[sources[0]] if sources[0] >= 0 else None
            if chip is None and len(sources) > 1:
                chip = Chip(_MERGES.get(row.kind, row.kind.lower()), _COLOURS["merge"], shape)
            elif row.kind == "Reshape" and before and before.text == "shuffle":
                self.chips[sources[0]] = replace(before, shape=shape)
            elif row.kind == "Reshape" and len(rows[row.inputs[0]].output_shape) == 1 < len(row.output_shape):
                chip = Chip("reshape", _COLOURS["shape"], shape)
            drawn[i] = sources[0]
            if chip is not None:
                drawn[i] = len(self.chips)
                self.chips.append(chip)
                self._sources.append(sources)
        self.end = len(self.chips)
        self._targets: dict[int, list[int]] = {node: [] for node in range(-1, self.end + 1)}
        for node, sources in enumerate(self._sources):
            for source in sources:
                self._targets[source].append(node)
        for node in range(-1, self.end):
            if not self._targets[node]:
                self._targets[node].append(self.end)
        self._taps = self._take_taps()
        self._post_dominators()

    def items(self) -> tuple[Any, ...]:
        return tuple(self._series(-1, self.end))

    def _series(self, node: int, stop: int) -> list[Any]:
        """What lies from a node, inclusive, to another one, exclusive."""
        items: list[Any] = []
        while node != stop:
            if node >= 0:
                items.append(self.chips[node])
            if node in self._taps:
                items.append(self._taps[node])
            targets = self._targets[node]
            if len(targets) > 1:
                items += self._fork(targets, self._after[node], self._size(node))
            node = targets[0] if len(targets) == 1 else self._after[node]
        return items

    def _fork(self, targets: list[int], meeting: int, size: Any = None) -> list[Any]:
        """What lies between some nodes, inclusive, and where all that comes from them meets, exclusive."""
        groups = self._groups(targets, meeting)
        if len(groups) == 1:  # interlaced: there is no drawing this as branches
            return [self.chips[i] for i in sorted(self._between(targets, meeting))]
        branches = [self._branch(group, meeting) for group in groups]
        main, *others = sorted(branches, key=lambda branch: -len(branch))
        if len(others) == 1 and size is not None and self._is_long(targets, meeting, size):
            return [Skip(tuple(others[0]), meeting), *main, Landing(meeting)]
        return [Fork(tuple(map(tuple, (main, *others))))]

    def _branch(self, starts: list[int], stop: int) -> list[Any]:
        if len(starts) == 1:
            return self._series(starts[0], stop)
        meeting = functools.reduce(self._common, starts)
        return self._fork(starts, meeting) + self._series(meeting, stop)

    def _groups(self, targets: list[int], meeting: int) -> list[list[int]]:
        """The nodes in groups whose ways to the meeting have nodes in common."""
        groups: list[tuple[list[int], set[int]]] = []
        for target in targets:
            region = self._between([target], meeting)
            touching = [group for group in groups if group[1] & region]
            groups = [group for group in groups if group not in touching]
            groups.append(
                ([*(t for group in touching for t in group[0]), target], region.union(*(g[1] for g in touching)))
            )
        return [group for group, _ in groups]

    def _take_taps(self) -> dict[int, Tap]:
        """Takes the branches out that lead from many places to one sum, as in WaveNet, but for the last of them.

        They cross all that lies between, so that no branches would be left to be drawn.
        """
        taps = {}
        for meeting, sources in enumerate(self._sources):
            early = [node for node in sorted(sources)[:-1] if node >= 0 and self._targets[node] == [meeting]]
            forks = {self._sources[node][0]: node for node in early if len(self._sources[node]) == 1}
            many = len(sources) > 2 and len(forks) == len(sources) - 1
            if many and all(len(self._targets[fork]) > 1 for fork in forks):
                for fork, node in forks.items():
                    self._targets[fork].remove(node)
                    taps[fork] = Tap(self.chips[node])
        return taps

    def _between(self, starts: list[int], stop: int) -> set[int]:
        found: set[int] = set()
        waiting = [start for start in starts if start != stop]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [target for target in self._targets[node] if target != stop]
        return found

    def _is_long(self, targets: list[int], meeting: int, size: Any) -> bool:
        """Whether branches go through maps of other sizes than those at their ends, as the inside of a U-Net does."""
        if meeting == self.end:
            return False
        inside = {self._size(node) for node in self._between(targets, meeting)}
        return bool({s for s in inside if set(s) - {"1"}} - {size, self._size(meeting)})

    def _size(self, node: int) -> tuple[str, ...] | None:
        """Of a node's map, without the channels; `None` for the input."""
        return tuple(self.chips[node].shape.split("×")[:-1]) if node >= 0 else None

    def _post_dominators(self) -> None:
        """For each node the first one that all ways from it to the end go through."""
        self._after: dict[int, int] = {}
        for node in range(self.end - 1, -2, -1):
            self._after[node] = functools.reduce(self._common, self._targets[node])

    def _common(self, a: int, b: int) -> int:
        """The first node that all ways from two nodes go through."""
        while a != b:
            a, b = (self._after[a], b) if a < b else (a, self._after[b])
        return a


def _fold(items: Sequence[Any]) -> tuple[Any, ...]:
    """The items with repeats folded, inside forks too, where that spares two layers or more."""
    items = _with_meetings(items)
    result: list[Any] = []
    i = 0
    while i < len(items):
        best = (0, 0, 1)  # layers spared, minus the length of what repeats, and how often it stands there
        for length in range(1, min(12, (len(items) - i) // 2) + 1):
            keys, times = _keys(items[i : i + length]), 1
            while _keys(items[i + times * length : i + (times + 1) * length]) == keys:
                times += 1
            best = max(best, ((times - 1) * _layers(items[i : i + length]), -length, times))
        spared, length, times = best[0], -best[1], best[2]
        if spared >= 2:
            turns = [items[i + k * length : i + (k + 1) * length] for k in range(times)]
            i += times * length
            part = tuple(_folded_inside(_together(same)) for same in zip(*turns, strict=True))
            result.append(Repeat(part, times, _last_shape(items[i - 1])))
        else:
            result.append(_folded_inside(items[i]))
            i += 1
    return tuple(result)


def _together(turns: Sequence[Any]) -> Any:
    """One piece for those that stand at the same place in the turns of a repeat, with the dilations of all."""
    first = turns[0]
    if isinstance(first, Chip):
        dilations = list(dict.fromkeys(chip.dilation for chip in turns))
        listed = dilations if len(dilations) < 5 else [*dilations[:2], "…", dilations[-1]]
        return replace(first, dilation=", ".join(listed).replace("…,", "…"))
    if isinstance(first, Fork):
        branches = zip(*(fork.branches for fork in turns), strict=True)
        merged = (tuple(map(_together, zip(*same, strict=True))) for same in branches)
        return replace(first, branches=tuple(merged))
    return Tap(_together([tap.chip for tap in turns])) if isinstance(first, Tap) else first


def _folded_inside(item: Any) -> Any:
    if isinstance(item, Fork):
        return Fork(tuple(_fold(branch) for branch in item.branches), item.meeting)
    if isinstance(item, Skip):
        return Skip(_fold(item.items), item.target)
    return item


def _with_meetings(items: Sequence[Any]) -> list[Any]:
    """The items, each fork with the layer that its branches meet at."""
    result: list[Any] = []
    for item in items:
        if result and isinstance(result[-1], Fork) and not result[-1].meeting and _is_merge(item):
            result[-1] = _squeezed(Fork(result[-1].branches, item))
        else:
            result.append(item)
    return result


def _squeezed(fork: Fork) -> Fork | Chip:
    """A gate of squeeze-and-excitation as one chip, with the channels in its middle: it stands in every block."""
    main, *others = fork.branches
    gate = [getattr(item, "text", "") for item in main]
    if others == [()] and len(gate) == 3 and gate[0] == "global average pool" and fork.meeting.text == "multiply":
        squeezed = gate[1].rpartition(" ")[2]
        return Chip(f"squeeze and excite, {squeezed}", _COLOURS["pooling"], fork.meeting.shape)
    return fork


def _is_merge(item: Any) -> bool:
    return isinstance(item, Chip) and item.colour == _COLOURS["merge"]


def _layers(items: Sequence[Any]) -> int:
    return sum(sum(map(_layers, item.branches)) if isinstance(item, Fork) else isinstance(item, Chip) for item in items)


# From an outline to a drawing: each piece has a size, and draws itself with its upper edge's middle at some point.


@dataclass(frozen=True)
class _Piece:
    width: float
    height: float
    draw: Callable[[float, float], None]


class _Canvas:
    def __init__(self, title: str):
        self._title = title
        self._parts: list[str] = []
        self._skips: dict[int, tuple[float, float, Skip]] = {}

    def draw(self, items: Sequence[Any]) -> str:
        pieces = [(item, self._piece(item)) for item in items]
        columns = self._columns(pieces)
        x, height = 12.0, 0.0
        for i, column in enumerate(columns):
            x, bottom = self._column(column, x, first=i == 0, last=i == len(columns) - 1)
            height = max(height, bottom)
        width = x + 4
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height + 12:.0f}" '
            f'viewBox="0 0 {width:.0f} {height + 12:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="12">'
        )
        title = f"<title>{html.escape(self._title)}</title>"
        paper = '<rect width="100%" height="100%" fill="#ffffff"/>'
        return "\n".join([head, title, paper, *self._parts, "</svg>"]) + "\n"

    def _columns(self, pieces: list[tuple[Any, _Piece]]) -> list[list[tuple[Any, _Piece]]]:
        """The pieces in columns of one height; a figure with skips stays in one column, since these run beside it."""
        total = sum(piece.height + _GAP for _, piece in pieces)
        if any(isinstance(item, Skip) for item, _ in pieces) or total <= 1.2 * _COLUMN:
            return [pieces]
        count = min(-(-total // _COLUMN), 3)
        goal = total / count
        columns: list[list[tuple[Any, _Piece]]] = [[]]
        filled = 0.0
        for item, piece in pieces:
            if filled + piece.height / 2 > goal and len(columns) < count:
                columns.append([])
                filled = 0
            columns[-1].append((item, piece))
            filled += piece.height + _GAP
        return columns

    def _column(self, pieces: list[tuple[Any, _Piece]], left: float, first: bool, last: bool) -> tuple[float, float]:
        """Draws pieces below each other, with the shapes of what they give to their left."""
        shapes = [_last_shape(item) for item, _ in pieces]
        margin = max((len(shape) for shape in shapes), default=0) * 6.5 + 10
        width = max(piece.width for _, piece in pieces)
        middle, y, before = left + margin + width / 2, 12.0, ""
        right, level = left + margin + width, 0
        levels = sum(isinstance(item, Skip) for item, _ in pieces)
        if not first:
            self._line(middle, y, middle, y + _GAP, arrow=not _is_fork(pieces, 0))
            y += _GAP
        for i, ((item, piece), shape) in enumerate(zip(pieces, shapes, strict=True)):
            if isinstance(item, Skip):
                level += 1
                self._skips[item.target] = (y - _GAP / 2, right + 16 * (levels - level + 1), item)
                continue
            if isinstance(item, Landing):
                self._land(item, y - _GAP / 2, middle)
                continue
            piece.draw(middle, y)
            if shape and shape != before:
                self._text(left + margin - 8, y + piece.height - 8, shape, anchor="end", colour="#666666", size=11)
            before, y = shape or before, y + piece.height
            if i < len(pieces) - 1 or not last:
                self._line(middle, y, middle, y + _GAP, arrow=not _is_fork(pieces, i + 1))
            y += _GAP
        if not last:
            self._text(middle + 8, y, "continued at the right", anchor="start", colour="#888888", size=10)
        return right + 16 * (levels + 1) + (8 if levels else 0), y - _GAP / 2

    def _land(self, landing: Landing, y: float, middle: float) -> None:
        start, x, skip = self._skips[landing.target]
        self._parts.append(
            f'<path d="M{middle:.1f} {start:.1f} H{x:.1f} V{y:.1f} H{middle + 4:.1f}" fill="none" stroke="#7a7a7a" '
            f'stroke-dasharray="4 3"/>'
        )
        self._head(middle + 2, y, sideways=True)
        words = ", then ".join(_words(skip.items))
        if words:
            turned = f'transform="rotate(90 {x + 4:.1f} {(start + y) / 2:.1f})"'
            self._text(x + 4, (start + y) / 2, words, colour="#444444", size=10, more=turned)

    def _piece(self, item: Any) -> _Piece:
        if isinstance(item, Chip):
            return self._chip(item)
        if isinstance(item, Repeat):
            return self._repeat(item)
        if isinstance(item, Fork):
            return self._fork(item)
        if isinstance(item, Tap):
            return self._tap(item)
        return _Piece(0, -_GAP, lambda x, y: None)

    def _chip(self, chip: Chip) -> _Piece:
        merge = chip.colour == _COLOURS["merge"]
        height = _CHIP - 6 if merge else _CHIP
        width = len(chip.label) * _LETTER + 16

        def draw(x: float, y: float) -> None:
            self._parts.append(
                f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" '
                f'rx="{9 if merge else 4}" fill="{chip.colour}" stroke="#8899aa" stroke-width="0.7"/>'
            )
            self._text(x, y + height / 2 + 4, chip.label)

        return _Piece(width, height, draw)

    def _tap(self, tap: Tap) -> _Piece:
        chip = self._chip(replace(tap.chip, text=f"{tap.chip.text}, to the sum"))

        def draw(x: float, y: float) -> None:
            self._line(x, y, x, y + chip.height)
            self._line(x, y + chip.height / 2, x + 18, y + chip.height / 2)
            chip.draw(x + 18 + chip.width / 2, y)

        return _Piece(2 * (chip.width + 18), chip.height, draw)

    def _series(self, items: Sequence[Any]) -> _Piece:
        pieces = [self._piece(item) for item in items]
        width = max((piece.width for piece in pieces), default=18)
        height = sum(piece.height for piece in pieces) + _GAP * max(len(pieces) - 1, 0)

        def draw(x: float, y: float) -> None:
            for i, piece in enumerate(pieces):
                piece.draw(x, y)
                y += piece.height
                if i < len(pieces) - 1:
                    self._line(x, y, x, y + _GAP, arrow=not isinstance(items[i + 1], Fork))
                    y += _GAP

        return _Piece(width, height, draw)

    def _repeat(self, repeat: Repeat) -> _Piece:
        inner = self._series(repeat.items)
        label = f"× {repeat.times}"
        side = len(label) * 8 + 12
        width, height = inner.width + 2 * side, inner.height + 2 * _PAD

        def draw(x: float, y: float) -> None:
            self._parts.append(
                f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" '
                f'fill="#fafafa" stroke="#aaaaaa" stroke-dasharray="3 3"/>'
            )
            self._text(x + width / 2 - 6, y + height / 2 + 4, label, anchor="end", size=13, more='font-weight="bold"')
            self._line(x, y, x, y + _PAD)
            inner.draw(x, y + _PAD)
            self._line(x, y + _PAD + inner.height, x, y + height)

        return _Piece(width, height, draw)

    def _fork(self, fork: Fork) -> _Piece:
        branches = [self._series(branch) for branch in fork.branches]
        width = sum(branch.width for branch in branches) + 12 * (len(branches) - 1)
        height = max(branch.height for branch in branches) + 2 * _PAD
        meeting = self._chip(fork.meeting) if fork.meeting else _Piece(0, -_GAP, lambda x, y: None)

        def draw(x: float, y: float) -> None:
            left, middles = x - width / 2, []
            for branch, items in zip(branches, fork.branches, strict=True):
                middle = left + branch.width / 2
                middles.append(middle)
                top = y + _PAD
                if items:
                    self._line(middle, y, middle, top, arrow=not isinstance(items[0], Fork))
                    branch.draw(middle, top)
                    top += branch.height
                else:
                    top = y
                self._line(middle, top, middle, y + height)
                left += branch.width + 12
            for edge in (y, y + height):
                self._line(min(*middles, x), edge, max(*middles, x), edge)
            if fork.meeting:
                self._line(x, y + height, x, y + height + _GAP, arrow=True)
                meeting.draw(x, y + height + _GAP)

        return _Piece(max(width, meeting.width), height + _GAP + meeting.height, draw)

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        anchor: str = "middle",
        colour: str = "#1a1a1a",
        size: int = 12,
        more: str = "",
    ) -> None:
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" {more}>'
            f"{html.escape(text)}</text>".replace(" >", ">")
        )

    def _line(self, x: float, y: float, to_x: float, to_y: float, arrow: bool = False) -> None:
        self._parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="#7a7a7a"/>')
        if arrow:
            self._head(to_x, to_y)

    def _head(self, x: float, y: float, sideways: bool = False) -> None:
        points = [(x, y), (x + 5, y - 3), (x + 5, y + 3)] if sideways else [(x, y), (x - 3, y - 5), (x + 3, y - 5)]
        text = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        self._parts.append(f'<polygon points="{text}" fill="#7a7a7a"/>')


def _is_fork(pieces: list[tuple[Any, _Piece]], i: int) -> bool:
    following = (item for item, _ in pieces[i:] if not isinstance(item, (Skip, Landing)))
    return isinstance(next(following, None), Fork)


def _last_shape(item: Any) -> str:
    if isinstance(item, Chip | Repeat):
        return item.shape
    return item.meeting.shape if isinstance(item, Fork) and item.meeting else ""


def _words(items: Sequence[Any]) -> list[str]:
    words = []
    for item in items:
        if isinstance(item, Chip):
            words.append(item.label)
        elif isinstance(item, Repeat):
            words.append(f"{item.times} times ({', '.join(_words(item.items))})")
        elif isinstance(item, Fork):
            words.append("branches")
    return words
