"""Differences between actual and expected outputs, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasconv.export.errors import ExportError
from kerasconv.export.signature import Arrays

if TYPE_CHECKING:
    from kerasconv.export.quantize import Quantization

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Difference:
    """The difference between actual and expected numbers.

    Attributes:
        absolute: The largest difference of two finite numbers.
        relative: The same, divided by the largest expected magnitude.
        misplaced: The number of elements that are NaN or infinite on one side and not the same on the other.
    """

    absolute: float = 0.0
    relative: float = 0.0
    misplaced: int = 0


@dataclass(frozen=True)
class Parity(Difference):
    """The difference between a runtime's outputs and the expected ones, for one set of inputs.

    Attributes:
        runtime: The runtime that ran the artifact.
        inputs: The kind of inputs: `"golden"`, `"random"`, `"zeros"`, `"large"` or `"nan"`.
        batch_size: The number of examples in the batch.
        tolerance: The largest `relative` that passes.
        required: Whether the verdict depends on it.
    """

    runtime: str = ""
    inputs: str = ""
    batch_size: int = 0
    tolerance: float = 0.0
    required: bool = True

    @property
    def passed(self) -> bool:
        """`True` if `relative` is within the tolerance, and NaN and infinities are at the same positions."""
        return self.misplaced == 0 and self.relative <= self.tolerance


@dataclass(frozen=True)
class LayerDifference(Difference):
    """The first layer whose output in the artifact differs from that in the model.

    Attributes:
        layer: Its name.
        kind: Its class.
        shapes: The shape of the output in the model, and in the artifact.
    """

    layer: str = ""
    kind: str = ""
    shapes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def __str__(self) -> str:
        if self.shapes[0] != self.shapes[1]:
            return f"{self.layer!r} ({self.kind}): its shape is {self.shapes[1]}, not {self.shapes[0]}"
        if self.misplaced:
            return f"{self.layer!r} ({self.kind}): {self.misplaced} NaN or infinities are misplaced"
        return f"{self.layer!r} ({self.kind}), by {self.relative:.3g}"


@dataclass(frozen=True)
class ParityReport:
    """The measurements of `verify`.

    Attributes:
        path: The artifact.
        reference: The origin of the expected outputs.
        tolerance: The largest relative difference that passes.
        rows: One measurement per runtime and set of inputs.
        manifest: Whether the files were checked against a manifest.
        refused: The runtimes that could not run the artifact, each with the reason.
        first_difference: The first layer that differs, if outputs differ and the artifact names its layers.
        quantization: The size and accuracy of a quantised file. The rows are then those of the file in float32.
    """

    path: Path
    reference: str
    tolerance: float
    rows: tuple[Parity, ...]
    manifest: bool = False
    refused: tuple[tuple[str, str], ...] = ()
    first_difference: LayerDifference | None = None
    quantization: Quantization | None = None

    @property
    def passed(self) -> bool:
        """`True` if every measurement that the verdict depends on passed."""
        return all(row.passed for row in self.rows if row.required)

    def raise_if_failed(self, caller: str) -> None:
        """Raises if a measurement failed.

        Raises:
            ExportError: If a required measurement failed.
        """
        failed = [row for row in self.rows if row.required and not row.passed]
        if not failed:
            return
        worst = max(failed, key=lambda row: (row.runtime != "Keras", row.relative))
        subject, reference = worst.runtime, self.reference
        if worst.runtime == "Keras":  # it can only differ from the golden data
            subject, reference = "the Keras model", "the artifact's golden data"
        received = f"{worst.relative:.3g}" if worst.relative > worst.tolerance else f"{worst.misplaced} misplaced NaN"
        message = (
            f"{caller}: {subject} must give what {reference} gives, to a relative difference of {worst.tolerance:g}. "
            f"Received: {received} on {worst.inputs} inputs at batch size {worst.batch_size}."
        )
        if self.first_difference is not None:
            message += f" The first layer that differs is {self.first_difference}."
        raise ExportError(message)

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain lists and dictionaries, for `json.dumps`.

        `passed` is the verdict. Each row has the fields of `Parity`, and `passed`.
        """
        first = self.first_difference
        return {
            "artifact": str(self.path),
            "passed": self.passed,
            "reference": self.reference,
            "tolerance": self.tolerance,
            "manifest": self.manifest,
            "rows": [vars(row) | {"passed": row.passed} for row in self.rows],
            "refused": dict(self.refused),
            "first_difference": None if first is None else vars(first),
            "quantization": None if self.quantization is None else vars(self.quantization),
        }


def difference(actual: Array, expected: Array) -> Difference:
    """Returns the difference between two arrays of the same shape."""
    dtype = np.result_type(actual, expected, np.float32)
    got, want = actual.astype(dtype, copy=False), expected.astype(dtype, copy=False)
    finite = np.isfinite(got) & np.isfinite(want)
    same = finite | (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore", over="ignore"):  # differences of infinities, which `finite` leaves out
        absolute = float(np.max(np.abs(got - want), initial=0, where=finite))
    largest = float(np.max(np.abs(want), initial=0, where=finite))
    return Difference(absolute, absolute / largest if largest else absolute, int(np.count_nonzero(~same)))


def worst_difference(actual: Arrays, expected: Arrays) -> Difference:
    """Returns the largest differences among several outputs. Outputs that are not in `expected` are ignored.

    Raises:
        ExportError: If an output is missing, or has another shape.
    """
    shapes = {name: array.shape for name, array in expected.items()}
    if {name: array.shape for name, array in actual.items() if name in expected} != shapes:
        raise ExportError(
            f"verify: the artifact must have the outputs of its model, {shapes}. "
            f"Received: { {name: array.shape for name, array in actual.items()} }."
        )
    found = [difference(actual[name], expected[name]) for name in expected]
    return Difference(max(d.absolute for d in found), max(d.relative for d in found), sum(d.misplaced for d in found))
