"""Comparison of a SavedModel's signatures with the model, in a process without kerasconv."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasconv import export
from kerasconv.export import parity
from kerasconv.export.errors import ExportError
from kerasconv.export.saved_model.endpoints import Endpoint
from kerasconv.export.signature import Arrays

_SCRIPT = Path(export.__file__).with_name("run_saved_model.py")


def check_endpoints(path: Path, endpoints: Sequence[Endpoint], tolerance: float) -> None:
    """Runs the example of each signature and compares the outputs.

    Raises:
        ExportError: If a signature cannot be run, or its outputs differ from the expected ones.
    """
    if not endpoints:
        return
    outputs = _run(path, endpoints)
    for endpoint in endpoints:
        for name, expected in endpoint.expected.items():
            difference = _difference(outputs[f"{endpoint.name}/{name}"], expected)
            if difference > tolerance:
                raise ExportError(
                    f"to_saved_model: the signature `{endpoint.name}` must give what the Keras model gives, to a "
                    f"relative difference of {tolerance:g}. Received: {difference:.3g} in `{name}`."
                )


def _run(path: Path, endpoints: Sequence[Endpoint]) -> Arrays:
    with tempfile.TemporaryDirectory() as folder:
        inputs_file, outputs_file = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        examples: dict[str, Any] = {f"{e.name}/{name}": array for e in endpoints for name, array in e.example.items()}
        np.savez(inputs_file, **examples)
        command = [sys.executable, "-P", str(_SCRIPT), str(path), str(inputs_file), str(outputs_file)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip() or "no output").splitlines()[-1]
            raise ExportError(f"to_saved_model: the signatures must run. Received: {reason}")
        with np.load(outputs_file, allow_pickle=True) as outputs:  # strings are arrays of objects
            return dict(outputs)


def _difference(actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """Returns the largest difference relative to the largest number, infinite for a different shape, string or NaN."""
    if actual.shape != expected.shape or expected.dtype == object:
        return 0.0 if np.array_equal(actual, expected) else np.inf
    found = parity.difference(actual, expected)
    return np.inf if found.misplaced else found.relative
