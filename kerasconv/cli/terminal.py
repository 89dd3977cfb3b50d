"""Standard output, as a terminal of some width or as a file."""

from __future__ import annotations

from rich.console import Console

console = Console()


def say(line: str) -> None:
    """Prints a line as it is, however long it is."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)
