"""Exports models in every format and runs them in every runtime: `python -m benchmarks.parity [NAME ...]`.

The models are those of `benchmarks.exports`. A number is the largest difference from Keras at two batch sizes, beside
the largest output. The extras `litert` and `openvino` must be installed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.exports import made
from kerasconv import export

EXPORTERS = {
    "model.onnx": export.to_onnx,
    "model": export.to_saved_model,
    "model.tflite": export.to_litert,
}


def main(names: Annotated[list[str] | None, typer.Argument(help="Models; all if none is named.")] = None) -> None:
    """Exports models in every format, and compares what every runtime gives with what Keras gives."""
    console = Console()
    table = Table("model", "artifact", "runtime", "difference", "verdict")
    for name, model in made(names or []):
        for file, exporter in EXPORTERS.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, file)
                try:
                    exporter(model, path)
                    report = export.verify(path, model, edge_inputs=False)
                except export.ExportError as error:
                    rows = [(name, file, "", "", str(error).splitlines()[0][-100:])]
                else:
                    runtimes = dict.fromkeys(row.runtime for row in report.rows if row.runtime != "Keras")
                    rows = []
                    for runtime in runtimes:
                        found = [row for row in report.rows if row.runtime == runtime]
                        verdict = "equal" if all(row.passed for row in found) else "differs"
                        rows.append((name, file, runtime, f"{max(row.relative for row in found):.0e}", verdict))
                    rows += [(name, file, title, "", f"refused: {reason[:80]}") for title, reason in report.refused]
            for row in rows:
                table.add_row(*row)
                console.print(" | ".join(row), soft_wrap=True, markup=False)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
