"""The memory that a call takes, each contender in a process of its own: `python -m benchmarks --memory`.

TensorFlow does not give memory back, so that what a process has says little. But Linux notes which pages are touched,
and forgets it on request: pages that a later call touches, the first having traced and compiled, are its arguments, its
result and what it needs in between. What is given back within the call is found by the highest number of pages.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import contenders
from benchmarks.results import Cell, Row
from benchmarks.shapes import Case, Step, by_name

ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # so that the C library gives back at once
DEFAULT = ("auto", "keras")  # a process takes seconds to start
SUFFIX = " memory"


def plan(cases: list[Case], modes: list[str], directions: list[str]) -> list[Cell]:
    """The cells to measure: forward, and all gradients at once."""
    return [
        (case.name, mode, direction + SUFFIX)
        for case in cases
        for mode in modes
        for direction in together(case)
        if direction in directions
    ]


def together(case: Case) -> tuple[str, ...]:
    """Returns the directions that training computes together."""
    return ("forward", contenders.BOTH) if case.kind == "conv" else case.directions


def rows(cells: list[Cell], names: list[str], seconds: float, threads: int) -> Iterator[list[Row]]:
    """The rows of each cell, in their order; peaks take the time that they take, whatever `seconds` says."""
    for asked in cells:
        yield list(cell(asked, names, threads))


def cell(cell: Cell, names: list[str], threads: int) -> Iterator[Row]:
    """The peak of each contender."""
    case, mode, direction = by_name(cell[0]), cell[1], cell[2].removesuffix(SUFFIX)
    for name in contenders.entrants(case, direction):
        if name not in names:
            continue
        command = [sys.executable, "-m", "benchmarks.memory", case.name, mode, direction, name, str(threads)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=Path(__file__).parent.parent, env={**os.environ, **ALLOCATOR}
        )
        row = Row(case.name, case.kind, case.group, *cell[1:], name)
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            said = done.stderr.strip().splitlines()
            reason = said[-1] if said else f"ended with {done.returncode}"
            yield Row(**{**vars(row), "reason": reason[:200]})
        else:
            yield Row(**{**vars(row), "peak_mb": float(lines[-1])})


def peak(function: Callable[[], Any]) -> float:
    """MiB that a call touches, less those that a call of nothing does."""
    touched = []
    for called in (lambda: None, function):
        for what in "51":  # forget the highest number of pages, and which were touched
            Path("/proc/self/clear_refs").write_text(what)
        result = called()
        pages = referenced()
        touched.append(pages + status("VmHWM") - status("VmRSS"))
        del result
    return (touched[1] - touched[0]) / 1024


def referenced() -> int:
    """KiB of touched pages that belong to no file."""
    total, anonymous = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            anonymous = len(rest) < 5 or rest[4].startswith("[")
        elif first == "Referenced:" and anonymous:
            total += int(rest[0])
    return total


def status(name: str) -> int:
    """A line of what Linux says of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main(name: str, mode: str, direction: str, contender: str, threads: str) -> None:
    """Prints the peak of one contender in one cell."""
    from benchmarks import measure
    from benchmarks.data import Data

    measure.use_threads(int(threads))
    case = by_name(name)
    data = None if isinstance(case, Step) else Data(case)
    function = contenders.prepare(contender, case, data, mode, direction)
    result = function()
    del result
    gc.collect()
    print(peak(function))


if __name__ == "__main__":
    main(*sys.argv[1:])
