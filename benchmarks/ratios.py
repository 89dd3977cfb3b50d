"""Ratios: the peer's time over ours. Above 1 we are faster."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.contenders import BOTH
from benchmarks.results import Results, Row
from benchmarks.shapes import CONVOLUTIONS, POOLINGS, STEPS, Case, Conv

PARTS = {
    "forward": ("forward",),
    "input gradient": ("input_gradient",),
    "kernel gradient": ("kernel_gradient",),
    "step": ("step",),
}


class Times:
    """The medians of a run, and ratios of them.

    Args:
        results: The run.
    """

    def __init__(self, results: Results):
        self._rows = {(*row.cell, row.contender): row for row in results.rows}

    def row(self, case: str, mode: str, direction: str, contender: str) -> Row | None:
        """Returns the row of a contender in a cell of the table; `None` if there is none."""
        return self._rows.get((case, mode, direction, contender))

    def ms(self, case: Case, mode: str, contender: str, part: str = "all") -> float | None:
        """The time of a part of a case; `"all"` is forward plus both gradients, `None` if a summand is missing."""
        summands = PARTS.get(part, case.directions)
        if part == "all" and case.kind == "conv" and (mode == "eager" or contender == "loops"):
            summands = ("forward", BOTH)
        rows = [self.row(case.name, mode, direction, contender) for direction in summands]
        return None if any(row is None or row.ms is None for row in rows) else sum(row.ms for row in rows)  # type: ignore[union-attr, misc]

    def ratio(self, case: Case, mode: str, part: str = "all", ours: str = "auto", peer: str = "keras") -> float | None:
        """The peer's time over ours."""
        mine, theirs = self.ms(case, mode, ours, part), self.ms(case, mode, peer, part)
        return None if mine is None or theirs is None else theirs / mine

    def mean(self, cases: Iterable[Case], mode: str, part: str = "all", ours: str = "auto") -> tuple[float | None, int]:
        """The geometric mean of the ratios to stock Keras, and of how many cases."""
        found = [ratio for case in cases if (ratio := self.ratio(case, mode, part, ours)) is not None]
        return geometric_mean(found), len(found)


def geometric_mean(values: list[float]) -> float | None:
    """The geometric mean, if there are values."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


@dataclass(frozen=True)
class Target:
    """Goal for the mean ratio of some cases.

    Args:
        title: The name of the group of cases.
        cases: The cases.
        part: The part of a step whose times are taken.
        goals: The ratio to reach, by mode.
    """

    title: str
    cases: tuple[Case, ...]
    part: str
    goals: dict[str, float]


def _of(cases: Iterable[Case], holds: Callable[[Case], bool]) -> tuple[Case, ...]:
    return tuple(case for case in cases if holds(case))


def _winograds(case: Case) -> bool:
    wide = isinstance(case, Conv) and min(case.x[-1], case.filters) >= 128
    return wide and case.group == "dense" and case.size == (3, 3) and max(case.strides) == 1


TARGETS = (
    Target("dense convolutions", _of(CONVOLUTIONS, lambda c: c.group == "dense"), "all", {"graph": 0.8, "xla": 1.3}),
    Target(
        "of these, 3x3 stride 1, 128 channels and more",
        _of(CONVOLUTIONS, _winograds),
        "all",
        {"graph": 1.2, "xla": 1.3},
    ),
    Target("grouped", _of(CONVOLUTIONS, lambda c: c.group == "grouped"), "all", {"graph": 100, "xla": 100}),
    Target("depthwise", _of(CONVOLUTIONS, lambda c: c.group == "depthwise"), "all", {"graph": 0.8, "xla": 10}),
    Target("max pooling, forward", _of(POOLINGS, lambda c: c.group == "max"), "forward", {"graph": 1.0, "xla": 1.3}),
    Target(
        "max pooling, gradient", _of(POOLINGS, lambda c: c.group == "max"), "input gradient", {"graph": 1.2, "xla": 4}
    ),
    Target(
        "average pooling, forward", _of(POOLINGS, lambda c: c.group == "avg"), "forward", {"graph": 0.8, "xla": 1.3}
    ),
    Target(
        "average pooling, gradient",
        _of(POOLINGS, lambda c: c.group == "avg"),
        "input gradient",
        {"graph": 0.8, "xla": 1.3},
    ),
    Target(
        "float64, channels_first, stride with dilation",
        _of(CONVOLUTIONS, lambda c: c.group == "special"),
        "all",
        {"graph": 1.0},
    ),
    Target("of these, float64", _of(CONVOLUTIONS, lambda c: c.dtype == "float64"), "all", {"graph": 1.0, "xla": 5}),
    Target(
        "training step: ResNet-18, MobileNetV2",
        _of(STEPS, lambda c: c.group == "step"),
        "step",
        {"graph": 0.7, "xla": 1.3},
    ),
    Target(
        "training step: ResNeXt-50 32x4d",
        _of(STEPS, lambda c: c.group == "step_grouped"),
        "step",
        {"graph": 50, "xla": 50},
    ),
)
