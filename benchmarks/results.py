"""Results: rows, kept in a JSON file that is whole at any time, and written as CSV too."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

Cell = tuple[str, str, str]  # case, mode, direction


@dataclass(frozen=True)
class Row:
    """One contender in one cell: a case, a mode and a direction.

    Args:
        case: The case's name.
        kind: `"conv"`, `"pool"`, `"step"`, or `"machine"` for the yardsticks beside the whole list.
        group: The row of the targets that the case counts for.
        mode: `"graph"`, `"xla"` or `"eager"`.
        direction: What was computed.
        contender: Who computed it.
        reason: Why there are no numbers, where there are none.
        ms: The median time of a call.
        low_ms: The first quartile.
        high_ms: The third quartile.
        calls: How many were timed.
        first_ms: The first call, with tracing and compilation.
        flops: Floating-point operations by the definition.
        bytes: Size of the arguments and the result.
        peak_mb: The most memory that a call takes, with its arguments and result, in MiB.
    """

    case: str
    kind: str
    group: str
    mode: str
    direction: str
    contender: str
    reason: str = ""
    ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    calls: int = 0
    first_ms: float | None = None
    flops: float | None = None
    bytes: float | None = None
    peak_mb: float | None = None

    @property
    def cell(self) -> Cell:
        """The key that a row shares with the rows that it is compared with."""
        return self.case, self.mode, self.direction


@dataclass
class Results:
    """Rows, and where they come from.

    Args:
        machine: The machine, versions, date and commands: names to values.
        rows: The rows.
        path: The file that keeps them, if any.
    """

    machine: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    path: Path | None = None

    def add(self, rows: Iterable[Row]) -> None:
        """Takes rows in the place of those of the same contender and cell, times and memory apart, and saves."""
        rows = list(rows)
        fresh = {(*row.cell, row.contender) for row in rows}
        self.rows = [row for row in self.rows if (*row.cell, row.contender) not in fresh] + rows
        self.save()

    def save(self) -> None:
        """Writes the file anew, beside its place, and moves it there."""
        if self.path:
            document = {"machine": self.machine, "rows": [compact(row) for row in self.rows]}
            beside = self.path.with_name(f".{self.path.name}.partial")
            beside.write_text(json.dumps(document, indent=1) + "\n")
            os.replace(beside, self.path)

    def write_csv(self, path: Path) -> None:
        """Writes the rows as CSV."""
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [column.name for column in fields(Row)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)


def load(path: Path) -> Results:
    """Returns the results in a file.

    Raises:
        ValueError: If the file holds something else.
    """
    try:
        document = json.loads(path.read_text())
        return Results(document["machine"], [Row(**row) for row in document["rows"]], path)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"The file must be one that `python -m benchmarks --json FILE` has written. Received: {path}: {error!r}."
        ) from error


def compact(row: Row) -> dict[str, Any]:
    """A row without what it has not, and times in four figures."""
    kept = {c.name: value for c in fields(row) if (value := getattr(row, c.name)) != c.default}
    return {name: float(f"{v:.5g}") if name.endswith(("ms", "mb")) else v for name, v in kept.items()}
