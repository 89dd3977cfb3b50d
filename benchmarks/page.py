"""The generated part of a page, `docs/performance.md`: between two marks, the rest of the page being left as it is."""

from __future__ import annotations

from pathlib import Path

from benchmarks import report
from benchmarks.results import Results

BEGIN = "<!-- python -m benchmarks writes from here -->"
END = "<!-- to here -->"
PLOTS = "performance"
NEW = f"# Performance\n\n{BEGIN}\n{END}\n"


def check(path: Path | None) -> None:
    """Finds out before anything is measured whether the page, if there is one, can be written.

    Raises:
        ValueError: If the page has not the two marks.
    """
    if path and path.exists() and not 0 <= path.read_text().find(BEGIN) < path.read_text().find(END):
        raise ValueError(f"The page must have the lines {BEGIN!r} and {END!r}. Received: {path}.")


def draw(results: Results, folder: Path) -> list[Path]:
    """Draws the plots into a folder."""
    from benchmarks import plots

    return plots.draw(results, folder)


def write(results: Results, path: Path) -> None:
    """Writes the part between the marks, and the plots that it shows into the folder `performance` beside the page."""
    check(path)
    before, _, rest = (path.read_text() if path.exists() else NEW).partition(BEGIN)
    _, _, after = rest.partition(END)
    images = draw(results, path.parent / PLOTS)
    path.write_text(f"{before}{BEGIN}\n\n{part(results, images)}\n\n{END}{after}")


def part(results: Results, images: list[Path]) -> str:
    """The generated part."""
    commands = "\n".join(f"    {command}" for command in results.machine.get("commands", []))
    machine = "\n".join(f"- {name}: {value}" for name, value in results.machine.items() if name != "commands")
    shown = [f"![{image.stem.replace('_', ' ')}]({PLOTS}/{image.name})" for image in images]
    tables = [sheet.markdown() for sheet in report.sheets(results)]
    means, others = tables[:1], tables[1:]
    return "\n\n".join(["## Measured", "Written by", commands, machine, *means, *shown, *others])
