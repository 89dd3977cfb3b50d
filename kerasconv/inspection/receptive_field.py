"""Receptive fields: the input elements that an element of a feature map depends on, along one axis, through layers.

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
    """Input elements that each position along an axis sees: `first[i]` to `last[i]`, `step` further on each period.

    Attributes:
        step: Input elements from one period to the next.
        first: The first element that each position of a period sees.
        last: The last one.

    Example:
        >>> conv = of_window(3, stride=2, before=1)
        >>> pool = of_window(2, stride=2)
        >>> both = conv.then(pool)
        >>> both.interval(0), both.size, both.stride
        ((-1, 3), 5, Fraction(4, 1))
    """

    step: int = 1
    first: tuple[int, ...] = (0,)
    last: tuple[int, ...] = (0,)

    @property
    def period(self) -> int:
        """The number of positions after which the pattern repeats."""
        return len(self.first)

    @property
    def size(self) -> int:
        """The largest number of elements that a position sees."""
        return max(last - first + 1 for first, last in zip(self.first, self.last, strict=True))

    @property
    def stride(self) -> Fraction:
        """Input elements from one position to the next; less than one after upsampling."""
        return Fraction(self.step, self.period)

    def interval(self, position: int) -> tuple[int, int]:
        """Returns the first and the last element that a position sees."""
        periods, i = divmod(position, self.period)
        return self.first[i] + periods * self.step, self.last[i] + periods * self.step

    def then(self, layer: Reach) -> Reach:
        """Returns the reach after one more layer, whose own reach is `layer`."""
        periods = self.period // math.gcd(self.period, layer.step)
        ends = [layer.interval(i) for i in range(layer.period * periods)]
        step = self.step * layer.step * periods // self.period
        return _reach(step, [(self.interval(first)[0], self.interval(last)[1]) for first, last in ends])

    def union(self, other: Reach) -> Reach:
        """Returns the reach where two branches of the same stride meet.

        Raises:
            ValueError: If the strides differ.
        """
        if self.stride != other.stride:
            raise ValueError(
                f"Reach.union: the branches must have the same stride. Received: {self.stride} and {other.stride}."
            )
        period = math.lcm(self.period, other.period)
        pairs = [(self.interval(i), other.interval(i)) for i in range(period)]
        return _reach(self.step * period // self.period, [(min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs])


def _reach(step: int, intervals: list[tuple[int, int]]) -> Reach:
    """Returns the reach of these intervals with its shortest period."""
    period = len(intervals)
    for part in (p for p in range(1, period) if period % p == 0 and step * p % period == 0):
        shift = step * part // period
        if all((a + shift, b + shift) == later for (a, b), later in zip(intervals, intervals[part:], strict=False)):
            period, step = part, shift
            break
    first, last = zip(*intervals[:period], strict=True)
    return Reach(step, first, last)


def of_window(size: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Reach:
    """Returns the reach of a convolution or pooling, with so many elements of padding before."""
    return Reach(stride, (-before,), (geometry.extent(size, dilation) - 1 - before,))


def of_transposed(size: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Reach:
    """Returns the reach of a transposed convolution or unpooling, which crops so many elements before.

    Example:
        >>> of_transposed(3, stride=2)
        Reach(step=1, first=(-1, 0), last=(0, 0))
    """
    e = geometry.extent(size, dilation)
    return _reach(1, [(-((e - 1 - before - i) // stride), (i + before) // stride) for i in range(stride)])


def of_resizing(n: int, m: int, interpolation: str = "nearest") -> Reach:
    """Returns the reach of a resizing from `n` elements to `m`, which are at their centres.

    Example:
        >>> of_resizing(8, 16, "bilinear")
        Reach(step=1, first=(-1, 0), last=(0, 1))
    """
    common = math.gcd(n, m)
    step, period = n // common, m // common
    taps = {"bilinear": 1, "bicubic": 2, "lanczos3": 3, "lanczos5": 5}
    intervals = []
    for i in range(period):
        centre = Fraction(2 * i + 1, 2 * period) * step - Fraction(1, 2)
        if interpolation == "nearest":
            near = math.floor(centre + Fraction(1, 2))
            intervals.append((near, near))
        elif centre.denominator == 1:
            intervals.append((int(centre), int(centre)))
        else:
            more = taps[interpolation] - 1
            intervals.append((math.floor(centre) - more, math.ceil(centre) + more))
    return _reach(step, intervals)


def of_shares(n: int, o: int) -> Reach:
    """Returns the reach of an adaptive pooling from `n` elements to `o`."""
    common = math.gcd(n, o)
    windows = geometry.shares(n // common, o // common)
    return _reach(n // common, [(window[0], window[-1]) for window in windows])
