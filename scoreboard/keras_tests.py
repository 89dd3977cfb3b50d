"""Keras' own tests, from the installed wheel, aimed at our classes by `keras_plugin`.

Whatever does not pass is run once more with the stock classes: what fails there too, or is skipped, is set aside.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from scoreboard import deviations
from scoreboard.keras_plugin import AIMS, SOURCE
from scoreboard.verdicts import Outcome, Verdict, failed, passed

METHOD = """\
The test modules of the installed `keras` wheel, with our classes (or functions) in place of the stock ones. Each
module must have used every name in its row. What does not pass is run again with the stock class."""

ROOT = pathlib.Path(__file__).parent.parent


def judge(select: str = "") -> Iterator[Verdict]:
    """A verdict on every test in the files of `AIMS`, or in those whose path contains `select`."""
    aims = {pathlib.Path(aim.file).name: aim for aim in AIMS if select in aim.file}
    files = [str(SOURCE / aim.file) for aim in aims.values()]
    ours = run(files)
    doubtful = [name for name, test in ours["tests"].items() if test["outcome"] == "failed"]
    stock = run(files, stock=True, only=doubtful)["tests"] if doubtful else {}
    reasons = {deviation.case: deviation.reason for deviation in deviations.of("keras")}
    for name, test in ours["tests"].items():
        aim = aims[name.partition("::")[0]]
        subject, outcome, detail = aim.subject(name.rpartition("::")[2]), test["outcome"], test["detail"]
        if outcome == "passed":
            yield passed(subject, name)
        elif outcome == "left out":
            yield Verdict(subject, name, Outcome.DEVIATES, reasons[name])
        elif outcome == "skipped":
            yield Verdict(subject, name, Outcome.SET_ASIDE, f"Keras skips it: {detail}")
        elif stock.get(name, {}).get("outcome") == "failed":
            yield Verdict(subject, name, Outcome.SET_ASIDE, f"the stock class fails it too: {stock[name]['detail']}")
        else:
            yield failed(subject, name, detail)
    for aim in aims.values():
        if unaimed := ours["unaimed"][aim.file]:
            yield failed(", ".join(aim.names), aim.file, f"these tests never used {', '.join(unaimed)}")


def run(
    files: list[str], *, stock: bool = False, only: list[str] | None = None, runner: Sequence[str] = ("-m", "pytest")
) -> dict[str, Any]:
    """Runs pytest on these files, or on `only` some tests of them, and returns what `keras_plugin` wrote down."""
    with tempfile.TemporaryDirectory() as folder:
        results, selection = pathlib.Path(folder, "results.json"), pathlib.Path(folder, "only.json")
        command = [
            *(sys.executable, *runner, *files, "--quiet", "-p", "scoreboard.keras_plugin"),
            *("-c", os.devnull, "--rootdir", str(SOURCE), "-p", "no:cacheprovider"),
            *("--scoreboard-results", str(results)),
        ]
        if stock:
            command.append("--scoreboard-stock")
        if only is not None:
            selection.write_text(json.dumps(only))
            command += ["--scoreboard-only", str(selection)]
        environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if not results.exists():
            raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
        return json.loads(results.read_text())
