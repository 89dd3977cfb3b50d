"""Our speed beside that of Keras, TensorFlow, PyTorch and NumPy: `python -m benchmarks`, or `make bench`.

Contenders take turns within one process, and medians are compared, since a machine's speed drifts. A ratio is the
peer's time over ours: above 1 we are faster.
"""

from __future__ import annotations

import enum
import os
import sys
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or PyTorch's threads would still spin when the next one runs

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks import contenders, machine, page, report, results, shapes, worker
from benchmarks import memory as memories


class Existing(enum.StrEnum):
    """Treatment of a JSON file that exists already."""

    OVERWRITE = "overwrite"
    SKIP = "skip"
    REPLACE = "replace"


def main(
    only: Annotated[list[str] | None, typer.Option(help="Cases, by name; `*` and `?` stand for anything.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="`conv`, `pool` or `step`.")] = None,
    mode: Annotated[list[str] | None, typer.Option(help=", ".join(contenders.MODES) + ".")] = None,
    direction: Annotated[list[str] | None, typer.Option(help=", ".join(contenders.DIRECTIONS) + ".")] = None,
    contender: Annotated[list[str] | None, typer.Option(help=", ".join(contenders.NAMES) + ".")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="For how long the contenders of a cell take turns.")] = 4.0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of an operation.")] = min(2, os.cpu_count() or 1),
    json: Annotated[Path | None, typer.Option(help="Where to keep what is measured, as it is measured.")] = None,
    existing: Annotated[
        Existing, typer.Option(help="Of a JSON file that is there: skip what it has, or replace what is measured anew.")
    ] = Existing.OVERWRITE,
    memory: Annotated[
        bool, typer.Option("--memory", help="Measure peaks of memory, each in a process of its own, and no times.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Where to write all rows as CSV.")] = None,
    plots: Annotated[Path | None, typer.Option(help="A folder to draw the plots into.")] = None,
    docs: Annotated[Path | None, typer.Option(help="A page whose generated part to write, with its plots.")] = None,
    render: Annotated[Path | None, typer.Option(help="A JSON file to make the tables of; nothing is measured.")] = None,
    names: Annotated[bool, typer.Option("--list", help="List the cases.")] = False,
) -> None:
    """Times our layers, stock Keras, tf.nn, PyTorch and NumPy side by side. Options of several values are repeated.

    Everything takes hours; `--mode graph --contender auto --contender keras` is the gist of it. What is measured
    goes to the file of --json at once; with --existing skip an interrupted run goes on.
    """
    console = Console() if sys.stdout.isatty() else Console(width=150)
    try:
        cases = shapes.select(only or (), kind or ())
        modes = contenders.check(mode or (), contenders.MODES, "mode")
        directions = contenders.check(direction or (), contenders.DIRECTIONS, "direction")
        chosen = contenders.check(contender or (), contenders.NAMES, "contender")
        if plots or docs:
            page.check(docs)
        kept = existing is not Existing.OVERWRITE and json is not None and json.exists()
        found = results.load(render) if render else results.load(json) if kept and json else results.Results(path=json)
    except ValueError as error:
        console.print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if names:
        for case in cases:
            console.print(f"{case.name:18} {case.kind:5} {case.original}", markup=False, highlight=False)
        return
    if not render:
        if memory:
            chosen = chosen if contender else list(memories.DEFAULT)
            todo = memories.plan(cases, modes, directions)
        else:
            todo = contenders.plan(cases, modes, directions, chosen)
        have = {row.cell for row in found.rows} if existing is Existing.SKIP else set()
        run(found, [cell for cell in todo if cell not in have], chosen, memory, seconds, threads, console)
    for sheet in report.sheets(found):
        console.print(sheet.rich())
    if csv:
        found.write_csv(csv)
    if plots:
        page.draw(found, plots)
    if docs:
        page.write(found, docs)


def run(
    found: results.Results,
    cells: list[results.Cell],
    chosen: list[str],
    memory: bool,
    seconds: float,
    threads: int,
    console: Console,
) -> None:
    """Measures cell by cell; Ctrl+C ends it, and what is measured stays."""
    commands = found.machine.get("commands", [])
    found.machine = machine.describe(threads) | {"commands": [*commands, machine.command(sys.argv[1:])]}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=len(cells))
        try:
            measured = (memories if memory else worker).rows(cells, chosen, seconds, threads)
            for cell in cells:
                progress.update(task, description=" ".join(cell))
                rows = next(measured)
                found.add(rows)
                if rows:
                    console.print(report.line(rows), markup=False, soft_wrap=True)
                progress.advance(task)
        except KeyboardInterrupt:
            console.print("Interrupted; what was measured is kept.")


if __name__ == "__main__":
    typer.run(main)
