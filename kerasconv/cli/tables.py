"""The tables that `kerasconv list`, `show`, `export` and `verify` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Column, Table

from kerasconv.cli.catalogue import catalogue

if TYPE_CHECKING:
    import keras

    from kerasconv.export import ParityReport
    from kerasconv.export.parity import Parity

_WIDE = 120  # columns of a terminal from which on the whole table of the zoo can be read


def zoo(names: list[str], width: int) -> Table:
    """Models of the zoo: in a narrow terminal without what `kerasconv show` has too."""
    columns = {
        "Model": Column("Model", no_wrap=True),
        "Task": Column("Task", no_wrap=True),
        "Input": Column("Input", no_wrap=True),
        "Parameters": _right("Parameters"),
        "What it is": Column("What it is"),
        "Paper": Column("Paper"),
    }
    shown = list(columns) if width >= _WIDE else ["Model", "Parameters", "What it is"]
    table = Table(*(columns[column] for column in shown))
    for name in names:
        model = catalogue()[name]
        cells = (
            name,
            model.task,
            shape(model.input_shape),
            f"{model.parameters:,}",
            model.title,
            _short(model.paper),
        )
        row = dict(zip(columns, cells, strict=True))
        table.add_row(*(row[column] for column in shown))
    return table


def _short(paper: str) -> str:
    """`K. He et al., "Deep residual learning", 2015` without the title."""
    authors, quoted, year = paper.partition(', "')[0], '", ' in paper, paper.rpartition(", ")[2]
    return f"{authors}, {year}" if quoted else authors


def layers(model: keras.Model, name: str | None) -> Group:
    """The layers of a model, and what they add up to; with what the zoo's table says, if `name` is there."""
    from kerasconv.inspection.layer_table import layer_table
    from kerasconv.inspection.summary import summarise
    from kerasconv.models._info import info_of

    rows = layer_table(model)
    table = Table("Layer", "Kind", "Output", *map(_right, ("Parameters", "MACs", "Receptive field", "Stride")))
    for row in rows:
        seen = shape(row.receptive_field) + " and all" * row.global_context if row.receptive_field else "all"
        stride = shape(row.stride) if row.stride else ""
        table.add_row(
            escape(row.name), row.kind, shape(row.output_shape), _count(row.parameters), _count(row.macs), seen, stride
        )
    facts = info_of(model, name, rows) if name else summarise(model, rows)
    footer = Table.grid(padding=(0, 2))
    for key, value in _footer(facts).items():
        footer.add_row(key, value)
    return Group(table, footer)


def _footer(facts: Any) -> dict[str, str]:
    """Facts of a model, in words, without those that are not known."""
    lines = {
        "Input and output": f"{shape(facts.input_shape)} to {shape(facts.output_shape)}",
        "Parameters": f"{facts.parameters:,}, of which {facts.trained:,} are trained",
        "Published": f"{facts.published:,} trained: {facts.source}" if getattr(facts, "published", None) else "",
        "Multiply-adds": "" if facts.macs is None else f"{facts.macs:,}",
        "Receptive field": (shape(facts.receptive_field) if facts.receptive_field else "")
        + (" and the whole, by global pooling" if facts.receptive_field and facts.global_context else ""),
        "Depth": f"{facts.depth} kernel(s) on the longest path",
        "Activations": "" if facts.activation_memory is None else f"{facts.activation_memory:,} bytes in float32",
    }
    if hasattr(facts, "task"):
        weights = ", ".join(f"{word} ({licence})" for word, licence in facts.weights_licence.items())
        lines |= {
            "Task": facts.task,
            "Paper": facts.paper,
            "Licence": facts.licence,
            "Weights": weights,
            "Preprocessing": str(facts.preprocessing or ""),
        }
    return {key: text for key, text in lines.items() if text}


def parity(reports: list[ParityReport]) -> Table:
    """The measurements of some reports, as a table for people.

    The differences are the largest ones, and the same relative to the largest output.
    """
    table = Table("Artifact", "Runtime", "Inputs", "Batch", "Difference", "Relative", "Verdict")
    for report in reports:
        for row in report.rows:
            table.add_row(
                escape(report.path.name),
                row.runtime,
                row.inputs,
                str(row.batch_size),
                f"{row.absolute:.2e}",
                f"{row.relative:.2e}",
                _verdict(row),
            )
    return table


def _verdict(row: Parity) -> str:
    if row.passed:
        return "[green]equal[/green]"
    misplaced = f", {row.misplaced} NaN" if row.misplaced else ""
    return f"[red]differs{misplaced}[/red]" if row.required else f"[yellow]not counted{misplaced}[/yellow]"


def shape(sizes: Any) -> str:
    """`8 x 8 x 1`, with a question mark for what may be any size; several shapes with commas."""
    if isinstance(sizes, list):
        return ", ".join(map(shape, sizes))
    return " x ".join("?" if n is None else str(n) for n in sizes)


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}" if number else ""


def _right(title: str) -> Column:
    return Column(title, justify="right")
