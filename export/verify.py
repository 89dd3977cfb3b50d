"""Measuring whether an artifact gives what its model gives."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kerasconv.export.artifacts import ExportError
from kerasconv.export.golden import BATCH_SIZES, load_golden
from kerasconv.export.signature import Arrays, signature

_SAVED_MODEL_TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Parity:
    """How far a runtime's outputs are from the expected ones, at one batch size.

    Attributes:
        runtime: What ran the artifact.
        batch_size: Examples in the batch.
        absolute: The largest difference of two numbers.
        relative: That, divided by the largest expected magnitude.
        passed: Whether `relative` is within the tolerance, and NaN and infinities stand at the same places.
    """

    runtime: str
    batch_size: int
    absolute: float
    relative: float
    passed: bool


@dataclass(frozen=True)
class ParityReport:
    """What `verify` measured.

    Attributes:
        path: The artifact.
        reference: What its outputs were compared with.
        tolerance: The largest relative difference that passes.
        rows: One measurement per batch size.
    """

    path: Path
    reference: str
    tolerance: float
    rows: tuple[Parity, ...]

    @property
    def passed(self) -> bool:
        """Whether every measurement passed."""
        return all(row.passed for row in self.rows)

    def raise_if_failed(self, caller: str) -> None:
        """Raises if a measurement failed.

        Raises:
            ExportError: If one did.
        """
        if not self.passed:
            worst = max(self.rows, key=lambda row: (not row.passed, row.relative))
            raise ExportError(
                f"{caller}: {worst.runtime} must give what {self.reference} gives, to a relative difference of "
                f"{self.tolerance:g}. Received: {worst.relative:.3g} at batch size {worst.batch_size}."
            )


def verify(
    path: str | os.PathLike[str],
    model: Any = None,
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Runs an exported model in its runtime and measures how far it is from what it was made of.

    A SavedModel runs in a fresh process that knows nothing of kerasconv, an ONNX file in ONNX Runtime.

    Args:
        path: The folder of a SavedModel, or an ONNX file.
        model: The Keras model to compare with, on random inputs. `None` compares with the golden data that was written
            with the artifact.
        batch_sizes: Batch sizes to try, with a `model`.
        tolerance: The largest difference that passes, relative to the largest output.

    Returns:
        The measurements.

    Raises:
        FileNotFoundError: If there is no such artifact, or no golden data when they are needed.
        ExportError: If the artifact cannot be run.

    Example:
        >>> import kerasconv, tempfile
        >>> path = tempfile.mkdtemp() + "/detector.onnx"
        >>> _ = kerasconv.export.to_onnx(kerasconv.models.line_detector(), path)
        >>> [row.batch_size for row in kerasconv.export.verify(path).rows]
        [1, 3]
    """
    artifact = Path(path)
    if not artifact.exists():
        raise FileNotFoundError(
            f"verify: `path` must be the folder of a SavedModel or an ONNX file. Received: path={str(path)!r}, which "
            "does not exist."
        )
    if model is None:
        reference = "its golden data"
        data = _golden(artifact)
    else:
        reference = "the Keras model"
        served = signature(model, "verify")
        inputs = [served.trial_inputs(size, seed=100 + i) for i, size in enumerate(batch_sizes)]
        data = [(arrays, served.run(arrays)) for arrays in inputs]
    run = _run_saved_model if artifact.is_dir() else _run_onnx
    runtime = "SavedModel" if artifact.is_dir() else "ONNX Runtime"
    outputs = run(artifact, [inputs for inputs, _ in data])
    rows = [
        _compare(runtime, len(next(iter(inputs.values()))), actual, expected, tolerance)
        for (inputs, expected), actual in zip(data, outputs, strict=True)
    ]
    return ParityReport(artifact, reference, tolerance, tuple(rows))


def golden_folder(artifact: Path) -> Path:
    """Where the golden data of an artifact stand."""
    return artifact / "assets.extra" / "golden" if artifact.is_dir() else artifact.with_suffix(".golden")


def _golden(artifact: Path) -> list[tuple[Arrays, Arrays]]:
    folder = golden_folder(artifact)
    try:
        data = load_golden(folder)
    except Exception as error:
        raise ExportError(f"verify: the golden data in {str(folder)!r} must be readable: {error}") from error
    if not data:
        raise FileNotFoundError(
            f"verify: without a `model`, golden data must stand with the artifact. Received: path={str(artifact)!r}, "
            f"and nothing in {str(folder)!r}."
        )
    return data


def _compare(runtime: str, batch_size: int, actual: Arrays, expected: Arrays, tolerance: float) -> Parity:
    if {name: array.shape for name, array in actual.items()} != {n: array.shape for n, array in expected.items()}:
        raise ExportError(
            f"verify: the artifact must have the outputs of its model, "
            f"{ {name: array.shape for name, array in expected.items()} }. "
            f"Received: { {name: array.shape for name, array in actual.items()} }."
        )
    absolute = relative = 0.0
    passed = True
    for name, want in expected.items():
        got, want = np.asarray(actual[name], np.float64), np.asarray(want, np.float64)
        finite = np.isfinite(want)
        passed &= np.array_equal(np.where(finite, 0, got), np.where(finite, 0, want), equal_nan=True)
        difference = float(np.max(np.abs(np.subtract(got, want, where=finite, out=np.zeros(want.shape))), initial=0))
        largest = float(np.max(np.abs(want), initial=0, where=finite))
        absolute = max(absolute, difference)
        relative = max(relative, difference / largest if largest else difference)
    return Parity(runtime, batch_size, absolute, relative, bool(passed and relative <= tolerance))


def _run_saved_model(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """The outputs of a SavedModel, from a process that does not import kerasconv."""
    script = Path(__file__).with_name("run_saved_model.py")
    with tempfile.TemporaryDirectory() as folder:
        inputs_file, outputs_file = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        np.savez(inputs_file, **{f"{i}/{name}": a for i, arrays in enumerate(inputs) for name, a in arrays.items()})
        command = [sys.executable, "-P", str(script), str(path), str(inputs_file), str(outputs_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SAVED_MODEL_TIMEOUT)
        if done.returncode:
            reason = (done.stderr.strip() or "no output").splitlines()[-1]
            raise ExportError(f"verify: the SavedModel must run. Received: path={str(path)!r}, which fails: {reason}")
        outputs = np.load(outputs_file)
        return [
            {key.removeprefix(f"{i}/"): outputs[key] for key in outputs.files if key.startswith(f"{i}/")}
            for i in range(len(inputs))
        ]


def _run_onnx(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """The outputs of an ONNX file in ONNX Runtime, on the CPU."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return [dict(zip(names, session.run(names, arrays), strict=True)) for arrays in inputs]
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ExportError(
            f"verify: the ONNX file must run. Received: path={str(path)!r}, which fails: {reason}"
        ) from error
