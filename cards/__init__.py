"""The generated parts of `docs/models/`: tables and figures of the zoo, measured and drawn from the models.

`python -m cards` writes `models/facts.json` with the sizes and costs of all models, the tables with these, and the
figure of the first model of each family.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

from kerasconv import models
from kerasconv.models._entry import Entry
from kerasconv.models._info import Summary, facts, title

ROOT = Path(__file__).parent.parent
CARDS = ROOT / "docs" / "models"
FIGURES = CARDS / "figures"
BEGIN, END = "<!-- generated -->", "<!-- /generated -->"
_NOTE = "Written by `python -m cards`, which replaces everything between the two comments."
_COUNTS = (
    "MACs: multiply-adds of all kernels for one input. Receptive field: elements of the input, along each axis, on "
    "which an element of the last feature map depends; + where a branch has global pooling. Depth: kernels on the "
    "longest path. Activations: the outputs of all layers for one input, in float32."
)


def families() -> dict[str, dict[str, Entry]]:
    """Returns the tables of the zoo, by the name of their file."""
    files = sorted(path.stem for path in Path(models.__file__).parent.glob("*.py"))
    tables = {file: getattr(importlib.import_module(f"kerasconv.models.{file}"), "ZOO", None) for file in files}
    return {family: table for family, table in tables.items() if table}


def card_file(family: str) -> Path:
    """Returns the path of the card of a family."""
    return CARDS / f"{family}.md"


def figure_file(family: str) -> Path:
    """Returns the path of the figure of a family's first model."""
    return FIGURES / f"{family}.svg"


def fill(text: str, generated: str) -> str:
    """Replaces the generated part of a card, or appends it if there is none."""
    before, begin, rest = text.partition(BEGIN)
    after = rest.partition(END)[2] if begin else ""
    return f"{before.rstrip()}\n\n{BEGIN}\n\n{generated}\n\n{END}\n{after.lstrip()}"


def generated_card(family: str, table: dict[str, Entry]) -> str:
    """Returns the generated part of a card: the costs of the family's models, and the figure of the first."""
    first = next(iter(table))
    header = (
        "model", "parameters", "trained", "published", "source", "MACs", "receptive field", "depth", "activations",
        "input",
    )  # fmt: skip
    rows = []
    for name, entry in table.items():
        summary = facts()[name]
        rows.append(
            (
                f"`{name}`",
                f"{summary.parameters:,}",
                f"{summary.trained:,}",
                "" if entry.parameters is None else f"{entry.parameters:,}",
                entry.source,
                engineering(summary.macs),
                receptive_field(summary),
                str(summary.depth),
                megabytes(summary.activation_memory),
                _input(entry, summary),
            )
        )
    picture = f"![The architecture of {first}, drawn from the model](figures/{family}.svg)"
    return "\n\n".join((_NOTE, "\n".join(_markdown(header, rows)), _COUNTS, f"`{first}`:", picture))


def generated_index() -> str:
    """Returns the table of all models, with links to their cards."""
    header = ("model", "task", "input", "parameters", "MACs", "receptive field", "what it is", "paper")
    rows = []
    for name, (family, entry) in sorted(_with_family()):
        summary = facts()[name]
        rows.append(
            (
                f"[`{name}`]({family}.md)",
                entry.task,
                _input(entry, summary),
                f"{summary.parameters:,}",
                engineering(summary.macs),
                receptive_field(summary),
                title(name),
                entry.paper,
            )
        )
    return "\n\n".join((_NOTE, "\n".join(_markdown(header, rows)), _COUNTS))


def _input(entry: Entry, summary: Summary) -> str:
    """Returns the shape of an input and, if it is not fixed, the sizes that costs are computed for."""
    return shape(summary.input_shape) + (f", here {shape(entry.sizes)}" if entry.sizes else "")


def _with_family() -> Iterable[tuple[str, tuple[str, Entry]]]:
    for family, table in families().items():
        for name, entry in table.items():
            yield name, (family, entry)


def _markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterable[str]:
    header = list(header)
    yield f"| {' | '.join(header)} |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def receptive_field(summary: Summary) -> str:
    """Formats a receptive field as `435×435`, with a plus if a branch has global pooling."""
    text = "×".join(map(str, summary.receptive_field or ()))
    return text + ("+" if text and summary.global_context else "")


def engineering(number: int | None) -> str:
    """Formats 1814073344 as `1.814 G`."""
    if number is None:
        return ""
    for factor, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= factor:
            return f"{number / factor:.4g} {letter}"
    return str(number)


def megabytes(number: int | None) -> str:
    """Formats a number of bytes in megabytes."""
    return "" if number is None else f"{number / 10**6:.3g} MB"


def shape(sizes: tuple[int | None, ...] | list[tuple[int | None, ...]]) -> str:
    """Formats a shape as `224×224×3`, with a question mark for an unknown size."""
    if isinstance(sizes, list):
        return ", ".join(map(shape, sizes))
    return "×".join("?" if n is None else str(n) for n in sizes)
