"""Time of the import and of a layer's first call: `python -m benchmarks.startup`.

Each figure comes from fresh processes that take turns. The first call builds the layer, eagerly; TensorFlow itself has
run before, or its own start would hide the rest.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

IMPORTS = ("import keras", "import keras, kerasconv.layers", "import kerasconv")
LAYERS = {
    "Conv2D": "Conv2D(32, 3, padding='same')",
    "Conv2D, 128 channels": "Conv2D(128, 3, padding='same')",
    "Conv2DTranspose": "Conv2DTranspose(32, 3, 2, 'same')",
    "DepthwiseConv2D": "DepthwiseConv2D(3, padding='same')",
    "MaxPooling2D": "MaxPooling2D(3, 2, 'same')",
    "AveragePooling2D": "AveragePooling2D(3, 2, 'same')",
}
HOUSES = ("keras", "kerasconv")
PRELUDE = "import keras, kerasconv.layers, tensorflow as tf; x = tf.random.normal((8, 28, 28, 128)) + 1"
TIMED = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"


def medians(scripts: Iterable[str], rounds: int, what: str) -> dict[str, float]:
    """The median of what each script prints, in seconds; they take turns."""
    taken: dict[str, list[float]] = {script: [] for script in scripts}
    for _ in track(range(rounds), what):
        for script, seconds in taken.items():
            seconds.append(printed(script))
    return {script: statistics.median(seconds) for script, seconds in taken.items()}


def printed(script: str) -> float:
    """The last line that a script prints in a process of its own."""
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", **os.environ}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parent.parent,
    )
    return float(done.stdout.split()[-1])


def first_call(house: str, layer: str) -> str:
    """A script that times the first call of a layer."""
    return f"{PRELUDE}\n" + TIMED.format(f"{house}.layers.{layer}(x)")


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Processes for each figure.")] = 5,
    only: Annotated[list[str] | None, typer.Option(help=f"Of the layers: {', '.join(LAYERS)}.")] = None,
) -> None:
    """Times imports, and first calls of layers of ours and of stock Keras."""
    console = Console()
    if unknown := set(only or ()) - set(LAYERS):
        console.print(
            f"Error: `only` must be one of {', '.join(LAYERS)}. Received: {sorted(unknown)}.", style="red", markup=False
        )
        raise typer.Exit(2)
    scripts = [TIMED.format(statement) for statement in IMPORTS]
    times = medians(scripts, rounds, "imports")
    table = Table("import", "ms", "of import keras")
    for statement, script in zip(IMPORTS, scripts, strict=True):
        table.add_row(statement, f"{1000 * times[script]:.1f}", f"{100 * times[script] / times[scripts[0]]:.1f}%")
    console.print(table)
    table = Table("first call", "stock ms", "ours ms", "ours / stock")
    for name, layer in LAYERS.items():
        if only is None or name in only:
            stock, ours = medians([first_call(house, layer) for house in HOUSES], rounds, name).values()
            table.add_row(name, f"{1000 * stock:.1f}", f"{1000 * ours:.1f}", f"{ours / stock:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
