"""Measured and estimated time of each algorithm: `python -m benchmarks.algorithms [CASE ...]`.

`algorithm="auto"` goes by the estimates, which were fitted to this table; see `kerasconv/engine/costs.py`. A
row is an operation of a case of `benchmarks.shapes` in the plain graph: milliseconds, and in brackets the estimate. The
last column is what the choice costs: the time of what was chosen over that of the fastest.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import CONVOLUTIONS
from benchmarks.timing import take_turns
from kerasconv import config, geometry
from kerasconv.engine.auto import plan
from kerasconv.engine.problem import problem
from kerasconv.ops.algorithms import ALGORITHMS

NAMES = ("direct", "gemm", "winograd", "fft")
OPERATIONS = ("forward", "input_gradient", "kernel_gradient")
_TOO_LONG = 2000  # milliseconds of the estimate above which an algorithm is not tried


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Cases; all plain convolutions if none is named.")] = None,
    seconds: Annotated[float, typer.Option(help="How long the algorithms take turns for one operation.")] = 1.0,
) -> None:
    """Times every algorithm that takes a case, and prints the estimates beside."""
    known = {case.name: case for case in CONVOLUTIONS if case.dtype == "float32" and not case.transposed}
    unknown = set(only or []) - set(known)
    if unknown:
        raise typer.BadParameter(f"unknown cases: {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
    console = Console()
    table = Table("case", "operation", *NAMES, "chosen over fastest")
    for name in only or known:
        row_of_case(known[name], seconds, table, console)
    console.print(table)


def row_of_case(case: Any, seconds: float, table: Table, console: Console) -> None:
    """Adds the three rows of a case."""
    window = geometry.window(
        case.size, case.x[1:-1], strides=case.strides, padding=case.padding, dilation=case.dilation
    )
    _, *output, filters = case.y
    x, w, dy = tf.random.normal(case.x), tf.random.normal(case.w), tf.random.normal(case.y)
    channels, filters = case.w[-2], filters // case.groups
    tensors = {"forward": (x, w), "input_gradient": (dy, w), "kernel_gradient": (x, dy)}
    for operation in OPERATIONS:
        options = (window, case.groups, *([case.x[1:-1]] if operation == "input_gradient" else []))
        p = problem(operation, case.x[0], output, window, case.groups, channels, filters)
        estimates, functions = {}, {}
        for name in NAMES:
            try:
                planned = plan(name, p, tf.float32, config.settings())
            except ValueError:  # it does not take this window
                continue
            estimates[name] = planned.milliseconds[planned.candidate.name]
            if estimates[name] > _TOO_LONG or (p.depthwise and name != "direct"):
                continue
            compute = getattr(ALGORITHMS[name], operation)
            graph = tf.function(lambda a, b, f=compute, options=options: f(a, b, *options), autograph=False)
            functions[name] = lambda graph=graph, pair=tensors[operation]: graph(*pair)
        timed = take_turns(functions, seconds)
        measured = {name: 1000 * seen.quantiles()[1] for name, seen in timed.items()}
        chosen = min(measured, key=lambda name: estimates[name])
        cells = [f"{measured[n]:.1f} ({estimates[n]:.1f})" if n in measured else "" for n in NAMES]
        row = [case.name, operation, *cells, f"{measured[chosen] / min(measured.values()):.2f}"]
        table.add_row(*row)
        console.print(" | ".join(row), soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
