"""A process that measures the cells of one case, and ends.

TensorFlow keeps what XLA has compiled, so that one process for all cases would grow by gigabytes; and what kills a
process, such as a lack of memory, ends one cell this way and not the run.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks import contenders
from benchmarks.results import Cell, Row
from benchmarks.shapes import by_name


def rows(cells: list[Cell], names: list[str], seconds: float, threads: int) -> Iterator[list[Row]]:
    """The rows of each cell, in their order, as they are measured: a process for each case, or more if it is killed."""
    for _, group in itertools.groupby(cells, lambda cell: cell[0]):
        left = list(group)
        while left:
            task = json.dumps({"cells": left, "names": names, "seconds": seconds, "threads": threads})
            command = [sys.executable, "-m", "benchmarks.worker", task]
            root = Path(__file__).parent.parent
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root
            ) as worker:
                for line in worker.stdout or ():
                    yield [Row(**row) for row in json.loads(line)]
                    left.pop(0)
            if worker.returncode:
                yield [killed(left.pop(0), worker.returncode)]


def killed(cell: Cell, code: int) -> Row:
    """A row that says that a process did not live to measure its cell."""
    case = None if cell[0] == contenders.MACHINE else by_name(cell[0])
    kind, group = (case.kind, case.group) if case else (contenders.MACHINE,) * 2
    return Row(cell[0], kind, group, *cell[1:], "all", reason=f"the process ended with {code}")


def main(task: str) -> None:
    """Prints the rows of each cell in a line."""
    import tensorflow as tf

    from benchmarks import measure

    asked = json.loads(task)
    tf.get_logger().setLevel("ERROR")  # each contender is traced in each mode, of which TensorFlow warns
    measure.use_threads(asked["threads"])
    measure.keep_freed_memory()
    meter = measure.Meter(asked["names"], asked["seconds"])
    for cell in asked["cells"]:
        print(json.dumps([asdict(row) for row in meter.cell(tuple(cell))]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
