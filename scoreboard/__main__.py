"""Runs the judges and writes the report: `python -m scoreboard`, about a quarter of an hour on two cores.

Some judges only, without a report: `python -m scoreboard onnx torch --select conv1d`.
"""

from __future__ import annotations

import enum
import os
import pathlib
import time
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import typer
from rich.console import Console

from scoreboard import deviations, report
from scoreboard.verdicts import Outcome, Verdict, error, failed, settled


class Judge(enum.StrEnum):
    """The judges, by the names that the command line takes."""

    KERAS = "keras"
    ONNX = "onnx"
    TORCH = "torch"
    MODELS = "models"


MODULES = {
    Judge.KERAS: ("keras_tests", "Keras' own tests"),
    Judge.ONNX: ("onnx_nodes", "ONNX's node cases"),
    Judge.TORCH: ("torch_samples", "PyTorch's sample inputs"),
    Judge.MODELS: ("stock_models", "Stock models"),
}
REPORT = pathlib.Path(__file__).parent.parent / "docs" / "scoreboard.md"


def hear(judge: Judge, select: str, console: Console) -> report.Session:
    """Lets one judge speak, and prints each failure as it happens."""
    name, title = MODULES[judge]
    start, verdicts = time.perf_counter(), list[Verdict]()
    module = import_module(f"scoreboard.{name}")
    for verdict in settled(_verdicts(module, title, select), deviations.of(judge), complete=not select):
        verdicts.append(verdict)
        if verdict.outcome is Outcome.FAILED:
            console.print(f"failed: {verdict.case}\n    {verdict.detail}", markup=False, soft_wrap=True)
    return report.Session(title, module.METHOD, verdicts, time.perf_counter() - start)


def _verdicts(module: ModuleType, title: str, select: str) -> Iterator[Verdict]:
    """Yields the verdicts of a judge; no verdict is a failure, and so is an absent judge."""
    silent = True
    try:
        for verdict in module.judge(select):
            silent = False
            yield verdict
    except ImportError as exception:
        yield failed(title, title, f"{error(exception)} (pip install '.[scoreboard]')")
        silent = False
    if silent:
        yield failed(title, title, f"there are no cases{f' that contain {select!r}' if select else ''}")


def main(
    judges: Annotated[list[Judge] | None, typer.Argument(help="Which judges to hear. All, if none are named.")] = None,
    select: Annotated[str, typer.Option(help="Only operations, files or models whose name contains this.")] = "",
    output: Annotated[pathlib.Path, typer.Option(help="Where a run of all judges writes its report.")] = REPORT,
) -> None:
    """Runs outside judges against kerasconv and writes docs/scoreboard.md."""
    console = Console()
    sessions = []
    for judge in judges or Judge:
        sessions.append(hear(judge, select, console))
        console.print(report.terminal(sessions[-1]))
    if not judges and not select:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(report.markdown(sessions, "make scoreboard"))
        console.print(f"Written: {output}")
    if any(session.failures for session in sessions):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
