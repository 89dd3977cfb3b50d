"""The outline of a model's architecture: layers in series, forks with branches, and folded repeats.

It contains convolutions, dense layers, pooling and resizing, and the layers that merge branches.
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
class Box:
    """A layer with its description. In a repeat it has the dilations of all repetitions."""

    text: str
    kind: str
    shape: str
    dilation: str = "1"

    @property
    def label(self) -> str:
        """The text in the box."""
        return self.text + (f" dilation {self.dilation}" if self.dilation != "1" else "")


@dataclass(frozen=True)
class Fork:
    """Branches from one node to the layer that merges them, if any. An empty branch is a shortcut."""

    branches: tuple[tuple[Any, ...], ...]
    meeting: Box | None = None


@dataclass(frozen=True)
class Repeat:
    """Items that are repeated several times."""

    items: tuple[Any, ...]
    times: int
    shape: str


@dataclass(frozen=True)
class SideBranch:
    """A branch to a sum of many branches further down."""

    box: Box


@dataclass(frozen=True)
class Skip:
    """The beginning of a long skip connection, which ends at the `SkipEnd` of the same target."""

    items: tuple[Any, ...]
    target: int


@dataclass(frozen=True)
class SkipEnd:
    """The end of a `Skip`."""

    target: int


def _keys(items: Sequence[Any]) -> tuple[Any, ...]:
    """Returns keys that are equal for repetitions, which may differ in shapes and dilations."""
    return tuple(map(_key, items))


def _key(item: Any) -> Any:
    if isinstance(item, Box):
        return item.text
    if isinstance(item, Fork):
        return tuple(map(_keys, item.branches)), item.meeting and item.meeting.text
    return ("side branch", item.box.text) if isinstance(item, SideBranch) else item


def outline(model: keras.Model) -> tuple[Any, ...]:
    """Returns the outline of a model: boxes in series, forks and repeats."""
    return _fold(_Graph(layer_table(model)).items())


# From the graph to an outline.


def _describe(row: Row) -> Box | None:
    """Returns the box for a layer; `None` for elementwise layers, which are not drawn."""
    layer, shape = row.layer, shape_text(row.output_shape)
    if isinstance(layer, (CONVOLUTION, DEPTHWISE, SEPARABLE, TRANSPOSED)) and row.macs != 0:
        kind = {DEPTHWISE: "depthwise", SEPARABLE: "separable", TRANSPOSED: "transposed"}
        word = next((word for base, word in kind.items() if isinstance(layer, base)), "conv")
        filters = "" if isinstance(layer, DEPTHWISE) else f", {layer.filters}"
        text = f"{word} {_times(layer.kernel_size)}{filters}{_extras(layer)}"
        kind = {"depthwise": "depthwise", "transposed": "transposed"}.get(word, "convolution")
        return Box(text, kind, shape, _once(layer.dilation_rate))
    if isinstance(layer, DENSE):
        return Box(f"dense {row.output_shape[-1]}", "dense", shape)
    if isinstance(layer, GLOBAL_POOLING):
        return Box(f"global {_pool(row)} pool", "pooling", shape)
    if isinstance(layer, MaxUnpoolingBase):
        return Box(f"unpool {_times(layer.pool_size)}", "transposed", shape)
    if isinstance(layer, (POOLING, LpPoolingBase)):
        return Box(f"{_pool(row)} pool {_times(layer.pool_size)}{_extras(layer)}", "pooling", shape)
    if "Adaptive" in row.kind:
        return Box(f"{_pool(row)} pool to {shape.rpartition('×')[0]}", "pooling", shape)
    if isinstance(layer, _UPSAMPLING):
        return Box(f"upsample {_times(layer.size)}", "transposed", shape)
    if row.kind in ("Resizing", "Resize"):
        return Box(f"resize to {shape.rpartition('×')[0]}", "transposed", shape)
    if row.kind == "Split":
        return Box("split", "shape", shape)
    if row.kind in ("Permute", "Transpose"):
        return Box("shuffle", "shape", shape)
    if isinstance(layer, keras.layers.Layer) and row.parameters and row.macs is None:
        return Box(row.kind, "convolution", shape)
    return None


def _pool(row: Row) -> str:
    return "max" if "Max" in row.kind else "p-norm" if "Lp" in row.kind else "average"


def _times(sizes: Any) -> str:
    return "×".join(map(str, (sizes,) if isinstance(sizes, int) else sizes))


def shape_text(shape: Sequence[int | None]) -> str:
    """Returns a shape as a text, such as `"?×8×3"`."""
    return "×".join("?" if n is None else str(n) for n in shape)


def _extras(layer: Any) -> str:
    """Returns the text for strides and groups, if there are any."""
    strides, groups = _once(layer.strides), getattr(layer, "groups", 1)
    return (f" /{strides}" if strides != "1" else "") + (f" groups {groups}" if groups > 1 else "")


def _once(sizes: Any) -> str:
    """Returns the sizes of the axes, or a single number if they are equal."""
    return str(sizes[0]) if len(set(sizes)) == 1 else _times(sizes)


class _Graph:
    """The graph of the boxes. Its nodes are numbers: -1 for the input, then the boxes in order, then the end."""

    def __init__(self, rows: list[Row]):
        self.boxes: list[Box] = []
        self._sources: list[tuple[int, ...]] = []
        drawn = {-1: -1}
        for i, row in enumerate(rows):
            sources = tuple(dict.fromkeys(drawn[source] for source in row.inputs)) or (-1,)
            box, shape = _describe(row), shape_text(row.output_shape)
            before = self.boxes[sources[0]] if sources[0] >= 0 else None
            if box is None and len(sources) > 1:
                box = Box(_MERGES.get(row.kind, row.kind.lower()), "merge", shape)
            elif row.kind == "Reshape" and before and before.text == "shuffle":
                self.boxes[sources[0]] = replace(before, shape=shape)
            elif row.kind == "Reshape" and len(rows[row.inputs[0]].output_shape) == 1 < len(row.output_shape):
                box = Box("reshape", "shape", shape)
            drawn[i] = sources[0]
            if box is not None:
                drawn[i] = len(self.boxes)
                self.boxes.append(box)
                self._sources.append(sources)
        self.end = len(self.boxes)
        self._targets: dict[int, list[int]] = {node: [] for node in range(-1, self.end + 1)}
        for node, sources in enumerate(self._sources):
            for source in sources:
                self._targets[source].append(node)
        for node in range(-1, self.end):
            if not self._targets[node]:
                self._targets[node].append(self.end)
        self._side_branches = self._take_side_branches()
        self._post_dominators()

    def items(self) -> tuple[Any, ...]:
        return tuple(self._series(-1, self.end))

    def _series(self, node: int, stop: int) -> list[Any]:
        """Returns the items from a node, inclusive, to another, exclusive."""
        items: list[Any] = []
        while node != stop:
            if node >= 0:
                items.append(self.boxes[node])
            if node in self._side_branches:
                items.append(self._side_branches[node])
            targets = self._targets[node]
            if len(targets) > 1:
                items += self._fork(targets, self._after[node], self._size(node))
            node = targets[0] if len(targets) == 1 else self._after[node]
        return items

    def _fork(self, targets: list[int], meeting: int, size: Any = None) -> list[Any]:
        """Returns the items from the first nodes of branches, inclusive, to their meeting, exclusive."""
        groups = self._groups(targets, meeting)
        if len(groups) == 1:  # the branches share nodes, and cannot be drawn side by side
            return [self.boxes[i] for i in sorted(self._between(targets, meeting))]
        branches = [self._branch(group, meeting) for group in groups]
        main, *others = sorted(branches, key=lambda branch: -len(branch))
        if len(others) == 1 and size is not None and self._is_long(targets, meeting, size):
            return [Skip(tuple(others[0]), meeting), *main, SkipEnd(meeting)]
        return [Fork(tuple(map(tuple, (main, *others))))]

    def _branch(self, starts: list[int], stop: int) -> list[Any]:
        if len(starts) == 1:
            return self._series(starts[0], stop)
        meeting = functools.reduce(self._common, starts)
        return self._fork(starts, meeting) + self._series(meeting, stop)

    def _groups(self, targets: list[int], meeting: int) -> list[list[int]]:
        """Groups the nodes whose paths to the meeting share nodes."""
        groups: list[tuple[list[int], set[int]]] = []
        for target in targets:
            region = self._between([target], meeting)
            touching = [group for group in groups if group[1] & region]
            groups = [group for group in groups if group not in touching]
            groups.append(
                ([*(t for group in touching for t in group[0]), target], region.union(*(g[1] for g in touching)))
            )
        return [group for group, _ in groups]

    def _take_side_branches(self) -> dict[int, SideBranch]:
        """Removes all but the last of the branches that lead from many nodes to one sum, as in WaveNet.

        They overlap with all branches between, which could not be drawn otherwise.
        """
        side_branches = {}
        for meeting, sources in enumerate(self._sources):
            early = [node for node in sorted(sources)[:-1] if node >= 0 and self._targets[node] == [meeting]]
            forks = {self._sources[node][0]: node for node in early if len(self._sources[node]) == 1}
            many = len(sources) > 2 and len(forks) == len(sources) - 1
            if many and all(len(self._targets[fork]) > 1 for fork in forks):
                for fork, node in forks.items():
                    self._targets[fork].remove(node)
                    side_branches[fork] = SideBranch(self.boxes[node])
        return side_branches

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
        """Returns whether a branch has maps of other sizes than those at its ends, as in a U-Net."""
        if meeting == self.end:
            return False
        inside = {self._size(node) for node in self._between(targets, meeting)}
        return bool({s for s in inside if set(s) - {"1"}} - {size, self._size(meeting)})

    def _size(self, node: int) -> tuple[str, ...] | None:
        """Returns the spatial size of a node's output; `None` for the input."""
        return tuple(self.boxes[node].shape.split("×")[:-1]) if node >= 0 else None

    def _post_dominators(self) -> None:
        """Computes for each node the first node that all paths from it to the end have in common."""
        self._after: dict[int, int] = {}
        for node in range(self.end - 1, -2, -1):
            self._after[node] = functools.reduce(self._common, self._targets[node])

    def _common(self, a: int, b: int) -> int:
        """Returns the first node that all paths from two nodes have in common."""
        while a != b:
            a, b = (self._after[a], b) if a < b else (a, self._after[b])
        return a


def _fold(items: Sequence[Any]) -> tuple[Any, ...]:
    """Folds repeats, also inside forks, if that saves two layers or more."""
    items = _with_meetings(items)
    result: list[Any] = []
    i = 0
    while i < len(items):
        best = (0, 0, 1)  # layers saved, negative length of the repeated part, number of repetitions
        for length in range(1, min(12, (len(items) - i) // 2) + 1):
            keys, times = _keys(items[i : i + length]), 1
            while _keys(items[i + times * length : i + (times + 1) * length]) == keys:
                times += 1
            best = max(best, ((times - 1) * _layers(items[i : i + length]), -length, times))
        saved, length, times = best[0], -best[1], best[2]
        if saved >= 2:
            repetitions = [items[i + k * length : i + (k + 1) * length] for k in range(times)]
            i += times * length
            part = tuple(_folded_inside(_merged(same)) for same in zip(*repetitions, strict=True))
            result.append(Repeat(part, times, last_shape(items[i - 1])))
        else:
            result.append(_folded_inside(items[i]))
            i += 1
    return tuple(result)


def _merged(repetitions: Sequence[Any]) -> Any:
    """Merges corresponding items of all repetitions into one, with all their dilations."""
    first = repetitions[0]
    if isinstance(first, Box):
        dilations = list(dict.fromkeys(box.dilation for box in repetitions))
        listed = dilations if len(dilations) < 5 else [*dilations[:2], "…", dilations[-1]]
        return replace(first, dilation=", ".join(listed).replace("…,", "…"))
    if isinstance(first, Fork):
        branches = zip(*(fork.branches for fork in repetitions), strict=True)
        merged = (tuple(map(_merged, zip(*same, strict=True))) for same in branches)
        return replace(first, branches=tuple(merged))
    return SideBranch(_merged([branch.box for branch in repetitions])) if isinstance(first, SideBranch) else first


def _folded_inside(item: Any) -> Any:
    if isinstance(item, Fork):
        return Fork(tuple(_fold(branch) for branch in item.branches), item.meeting)
    if isinstance(item, Skip):
        return Skip(_fold(item.items), item.target)
    return item


def _with_meetings(items: Sequence[Any]) -> list[Any]:
    """Moves the layers that merge branches into their forks."""
    result: list[Any] = []
    for item in items:
        if result and isinstance(result[-1], Fork) and not result[-1].meeting and _is_merge(item):
            result[-1] = _fold_squeeze_and_excite(Fork(result[-1].branches, item))
        else:
            result.append(item)
    return result


def _fold_squeeze_and_excite(fork: Fork) -> Fork | Box:
    """Replaces squeeze-and-excitation by a single box with its number of channels."""
    main, *others = fork.branches
    gate = [getattr(item, "text", "") for item in main]
    if others == [()] and len(gate) == 3 and gate[0] == "global average pool" and fork.meeting.text == "multiply":
        squeezed = gate[1].rpartition(" ")[2]
        return Box(f"squeeze and excite, {squeezed}", "pooling", fork.meeting.shape)
    return fork


def last_shape(item: Any) -> str:
    """Returns the output shape of an item, or an empty string if it has none."""
    if isinstance(item, Box | Repeat):
        return item.shape
    return item.meeting.shape if isinstance(item, Fork) and item.meeting else ""


def _is_merge(item: Any) -> bool:
    return isinstance(item, Box) and item.kind == "merge"


def _layers(items: Sequence[Any]) -> int:
    return sum(sum(map(_layers, item.branches)) if isinstance(item, Fork) else isinstance(item, Box) for item in items)
