"""Figures of the architectures of models: layers as boxes, branches in columns.

The figures are SVG, and deterministic.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from cards.outline import Box, Fork, Repeat, SideBranch, Skip, SkipEnd, last_shape, outline, shape_text

_COLOURS = {
    "convolution": "#cfe3f7",
    "depthwise": "#cdebe6",
    "transposed": "#d9efcf",
    "pooling": "#fbe3c4",
    "dense": "#e6d9f2",
    "shape": "#f4f0d4",
    "merge": "#eeeeee",
}
_LETTER, _BOX, _GAP, _PAD = 6.7, 24, 14, 9  # widths and heights, in pixels
_COLUMN = 900  # the height of a column; a figure has at most three columns


def draw(model: keras.Model) -> str:
    """Draws the architecture of a model, and returns the text of an SVG file.

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
    shapes = [shape_text(tuple(tensor.shape[1:])) for tensor in model.inputs]
    start = [Box("input", "merge", " and ".join(shapes))]
    return _Canvas(model.name).draw([*start, *items])


# The drawing of an outline: each piece has a size, and a function that draws it with its upper centre at a point.


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
        """Distributes the pieces over columns. A figure with skips has one column, since these run beside it."""
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
        """Draws a column of pieces, with the shapes of their outputs on the left."""
        shapes = [last_shape(item) for item, _ in pieces]
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
            if isinstance(item, SkipEnd):
                self._skip_end(item, y - _GAP / 2, middle)
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

    def _skip_end(self, end: SkipEnd, y: float, middle: float) -> None:
        start, x, skip = self._skips[end.target]
        self._parts.append(
            f'<path d="M{middle:.1f} {start:.1f} H{x:.1f} V{y:.1f} H{middle + 4:.1f}" fill="none" stroke="#7a7a7a" '
            f'stroke-dasharray="4 3"/>'
        )
        self._head(middle + 2, y, sideways=True)
        words = ", then ".join(_words(skip.items))
        if words:
            rotated = f'transform="rotate(90 {x + 4:.1f} {(start + y) / 2:.1f})"'
            self._text(x + 4, (start + y) / 2, words, colour="#444444", size=10, more=rotated)

    def _piece(self, item: Any) -> _Piece:
        if isinstance(item, Box):
            return self._box(item)
        if isinstance(item, Repeat):
            return self._repeat(item)
        if isinstance(item, Fork):
            return self._fork(item)
        if isinstance(item, SideBranch):
            return self._side_branch(item)
        return _Piece(0, -_GAP, lambda x, y: None)

    def _box(self, box: Box) -> _Piece:
        merge = box.kind == "merge"
        height = _BOX - 6 if merge else _BOX
        width = len(box.label) * _LETTER + 16

        def draw(x: float, y: float) -> None:
            self._parts.append(
                f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" '
                f'rx="{9 if merge else 4}" fill="{_COLOURS[box.kind]}" stroke="#8899aa" stroke-width="0.7"/>'
            )
            self._text(x, y + height / 2 + 4, box.label)

        return _Piece(width, height, draw)

    def _side_branch(self, branch: SideBranch) -> _Piece:
        box = self._box(replace(branch.box, text=f"{branch.box.text}, to the sum"))

        def draw(x: float, y: float) -> None:
            self._line(x, y, x, y + box.height)
            self._line(x, y + box.height / 2, x + 18, y + box.height / 2)
            box.draw(x + 18 + box.width / 2, y)

        return _Piece(2 * (box.width + 18), box.height, draw)

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
        meeting = self._box(fork.meeting) if fork.meeting else _Piece(0, -_GAP, lambda x, y: None)

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
    following = (item for item, _ in pieces[i:] if not isinstance(item, (Skip, SkipEnd)))
    return isinstance(next(following, None), Fork)


def _words(items: Sequence[Any]) -> list[str]:
    words = []
    for item in items:
        if isinstance(item, Box):
            words.append(item.label)
        elif isinstance(item, Repeat):
            words.append(f"{item.times} times ({', '.join(_words(item.items))})")
        elif isinstance(item, Fork):
            words.append("branches")
    return words
