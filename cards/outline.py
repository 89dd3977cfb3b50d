"""What a figure of a model's architecture shows, in words: layers in series, branches that fork, repeats folded.

Only what shapes the features is in it: convolutions, dense layers, pooling, resizing, and where branches meet.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerasconv.inspection.layer_table import DENSE, Row, layer_table
from kerasconv.layers.pooling import LpPoolingBase
from kerasconv.layers.unpooling import MaxUnpoolingBase
from kerasconv.structure import CONVOLUTION, DEPTHWISE, GLOBAL_POOLING, POOLING, SEPARABLE, TRANSPOSED

_MERGES = {
    "Add": "add",
    "Multiply": "multiply",
    "Concatenate": "concatenate",
    "Average": "average",
    "Maximum": "maximum",
}
_UPSAMPLING = (keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D)


@dataclass(frozen=True)
class Chip:
    """A layer, in words; of a repeat with the dilations of all its turns."""

    text: str
    kind: str
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


def outline(model: keras.Model) -> tuple[Any, ...]:
    """What is drawn: the layers in words, in series, forks and repeats."""
    return _fold(_Graph(layer_table(model)).items())


# From the graph to an outline.


def _describe(row: Row) -> Chip | None:
    """A layer in words; `None` if it only changes numbers where they are."""
    layer, shape = row.layer, shape_text(row.output_shape)
    if isinstance(layer, (CONVOLUTION, DEPTHWISE, SEPARABLE, TRANSPOSED)) and row.macs != 0:
        kind = {DEPTHWISE: "depthwise", SEPARABLE: "separable", TRANSPOSED: "transposed"}
        word = next((word for base, word in kind.items() if isinstance(layer, base)), "conv")
        filters = "" if isinstance(layer, DEPTHWISE) else f", {layer.filters}"
        text = f"{word} {_times(layer.kernel_size)}{filters}{_extras(layer)}"
        kind = {"depthwise": "depthwise", "transposed": "transposed"}.get(word, "convolution")
        return Chip(text, kind, shape, _once(layer.dilation_rate))
    if isinstance(layer, DENSE):
        return Chip(f"dense {row.output_shape[-1]}", "dense", shape)
    if isinstance(layer, GLOBAL_POOLING):
        return Chip(f"global {_pool(row)} pool", "pooling", shape)
    if isinstance(layer, MaxUnpoolingBase):
        return Chip(f"unpool {_times(layer.pool_size)}", "transposed", shape)
    if isinstance(layer, (POOLING, LpPoolingBase)):
        return Chip(f"{_pool(row)} pool {_times(layer.pool_size)}{_extras(layer)}", "pooling", shape)
    if "Adaptive" in row.kind:
        return Chip(f"{_pool(row)} pool to {shape.rpartition('×')[0]}", "pooling", shape)
    if isinstance(layer, _UPSAMPLING):
        return Chip(f"upsample {_times(layer.size)}", "transposed", shape)
    if row.kind in ("Resizing", "Resize"):
        return Chip(f"resize to {shape.rpartition('×')[0]}", "transposed", shape)
    if row.kind == "Split":
        return Chip("split", "shape", shape)
    if row.kind in ("Permute", "Transpose"):
        return Chip("shuffle", "shape", shape)
    if isinstance(layer, keras.layers.Layer) and row.parameters and row.macs is None:
        return Chip(row.kind, "convolution", shape)
    return None


def _pool(row: Row) -> str:
    return "max" if "Max" in row.kind else "p-norm" if "Lp" in row.kind else "average"


def _times(sizes: Any) -> str:
    return "×".join(map(str, (sizes,) if isinstance(sizes, int) else sizes))


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape in words, such as `"?×8×3"`."""
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
            chip, shape = _describe(row), shape_text(row.output_shape)
            before = self.chips[sources[0]] if sources[0] >= 0 else None
            if chip is None and len(sources) > 1:
                chip = Chip(_MERGES.get(row.kind, row.kind.lower()), "merge", shape)
            elif row.kind == "Reshape" and before and before.text == "shuffle":
                self.chips[sources[0]] = replace(before, shape=shape)
            elif row.kind == "Reshape" and len(rows[row.inputs[0]].output_shape) == 1 < len(row.output_shape):
                chip = Chip("reshape", "shape", shape)
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
            result.append(Repeat(part, times, last_shape(items[i - 1])))
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
        return Chip(f"squeeze and excite, {squeezed}", "pooling", fork.meeting.shape)
    return fork


def last_shape(item: Any) -> str:
    """The shape that a piece ends with; none if it does not end."""
    if isinstance(item, Chip | Repeat):
        return item.shape
    return item.meeting.shape if isinstance(item, Fork) and item.meeting else ""


def _is_merge(item: Any) -> bool:
    return isinstance(item, Chip) and item.kind == "merge"


def _layers(items: Sequence[Any]) -> int:
    return sum(sum(map(_layers, item.branches)) if isinstance(item, Fork) else isinstance(item, Chip) for item in items)
