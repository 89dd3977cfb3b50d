"""Receptive fields: which cells of the input reach a cell of a feature map, along one axis, through a chain of layers.

A layer that slides over its input treats all positions alike, up to a period: one for a convolution, the stride for a
transposed one, whose outputs see now more, now fewer inputs. `Reach` has one period of that, and the reach of a chain
is a composition of two. So it is exact for strides, dilation and asymmetric pads, after upsampling, and where branches
meet; where taps leave gaps it is the hull.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from kerasconv import geometry


@dataclass(frozen=True)
class Reach:
    """What the positions along one axis see: `first[i]` to `last[i]`, and `step` cells on after each period.

    Attributes:
        step: By how many cells of the input the next period is shifted.
        first: The first cell that each position of a period sees.
        last: The last one.

    Example:
        >>> conv = of_window(3, stride=2, before=1)
        >>> pool = of_window(2, stride=2)
        >>> both = conv.then(pool)
        >>> both.cells(0), both.size, both.stride
        ((-1, 3), 5, Fraction(4, 1))
    """

    step: int = 1
    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)

    @property
    def period(self) -> int:
        """After how many positions the pattern repeats."""
        return len(self.first)

    @property
    def size(self) -> int:
        """How many cells the position sees that sees most."""
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    @property
    def stride(self) -> Fraction:
        """Cells of the input from one position to the next; less than one after upsampling."""
        return Fraction(self.step, self.period)

    def cells(self, position: int) -> tuple[int, int]:
        """The first and the last cell that a position sees."""
        periods, i = divmod(position, self.period)
        return self.first[i] + periods * self.step, self.last[i] + periods * self.step

    def then(self, layer: Reach) -> Reach:
        """The reach after one more layer, `layer`, that sees what has this reach."""
        periods = self.period // math.gcd(self.period, layer.step)
        ends = [layer.cells(i) for i in range(layer.period * periods)]
        step = self.step * layer.step * periods // self.period
        return _reach(step, [(self.cells(first)[0], self.cells(last)[1]) for first, last in ends])

    def union(self, other: Reach) -> Reach:
        """The reach of what sees both, where two branches meet that have the same stride.

        Raises:
            ValueError: If they have not.
        """
        if self.stride != other.stride:
            raise ValueError(
                f"Reach.union: the branches must have the same stride. Received: {self.stride} and {other.stride}."
            )
        period = math.lcm(self.period, other.period)
        pairs = [(self.cells(i), other.cells(i)) for i in range(period)]
        return _reach(self.step * period // self.period, [(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs])


def _reach(step: int, cells: list[tuple[int, int]]) -> Reach:
    """A reach with the shortest period that describes it."""
    period = len(cells)
    for part in (p for p in range(1, period) if period % p == 0 and step * p % period == 0):
        shift = step * part // period
        if all((a + shift, b + shift) == later for (a, b), later in zip(cells, cells[part:], strict=False)):
            period, step = part, shift
            break
    first, last = zip(*cells[:period], strict=True)
    return Reach(step, first, last)


def of_window(size: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Reach:
    """Of a convolution or pooling, with so many cells of padding before."""
    return Reach(stride, (-before,), (geometry.extent(size, dilation) - 1 - before,))


def of_transposed(size: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Reach:
    """Of a transposed convolution or unpooling, which crops so many cells before.

    Example:
        >>> of_transposed(3, stride=2)
        Reach(step=1, first=(-1, 0), last=(0, 0))
    """
    e = geometry.extent(size, dilation)
    return _reach(1, [(-((e - 1 - before - i) // stride), (i + before) // stride) for i in range(stride)])


def of_resizing(n: int, m: int, interpolation: str = "nearest") -> Reach:
    """Of a resizing from `n` cells to `m`, which takes the centre of each of them as its place.

    Example:
        >>> of_resizing(8, 16, "bilinear")
        Reach(step=1, first=(-1, 0), last=(0, 1))
    """
    common = math.gcd(n, m)
    step, period = n // common, m // common
    taps = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
    cells = []
    for i in range(period):
        centre = Fraction(2 * i + 1, 2 * period) * step - Fraction(1, 2)
        if interpolation == "nearest":
            near = math.floor(centre + Fraction(1, 2))
            cells.append((near, near))
        elif centre.denominator == 1:
            cells.append((int(centre), int(centre)))
        else:
            more = taps[interpolation] - 1
            cells.append((math.floor(centre) - more, math.ceil(centre) + more))
    return _reach(step, cells)


def of_shares(n: int, o: int) -> Reach:
    """Of an adaptive pooling from `n` cells to `o`."""
    common = math.gcd(n, o)
    windows = geometry.shares(n // common, o // common)
    return _reach(n // common, [(cells[0], cells[-1]) for cells in windows])
