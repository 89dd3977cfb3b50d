"""How far outputs are from what they should be, and the verdict."""

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
    """How far numbers are from the expected ones.

    Attributes:
        absolute: The largest difference of two numbers that are finite.
        relative: That, divided by the largest expected magnitude.
        misplaced: How many are NaN or infinite where the other is not the same.
    """

    absolute: float = 0.0
    relative: float = 0.0
    misplaced: int = 0


@dataclass(frozen=True)
class Parity(Difference):
    """How far a runtime's outputs are from the expected ones, for one set of inputs.

    Attributes:
        runtime: What ran the artifact.
        inputs: What went in: `"golden"`, `"random"`, `"zeros"`, `"large"` or `"nan"`.
        batch_size: Examples in the batch.
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
        """Whether `relative` is within the tolerance, and NaN and infinities stand at the same places."""
        return self.misplaced == 0 and self.relative <= self.tolerance


@dataclass(frozen=True)
class LayerDifference(Difference):
    """The first layer whose output in the artifact is not that in the model.

    Attributes:
        layer: Its name.
        kind: Its class.
        shapes: The shape in the model, and in the artifact; equal unless this is what differs.
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
    """What `verify` measured.

    Attributes:
        path: The artifact.
        reference: What its outputs were compared with.
        tolerance: The largest relative difference that passes.
        rows: One measurement per runtime and set of inputs.
        manifest: Whether the files were checked against a manifest.
        refused: Runtimes that cannot run the artifact though others can, and why.
        first_difference: Where outputs disagree and the artifact names its layers: the first that differs.
        quantization: For a file of 8-bit integers, what that saves and costs; the rows are those of the float file.
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
        """Whether every measurement passed that the verdict depends on."""
        return all(row.passed for row in self.rows if row.required)

    def raise_if_failed(self, caller: str) -> None:
        """Raises if a measurement failed.

        Raises:
            ExportError: If one did.
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
        """The report as plain lists and dictionaries, for machines.

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
    """How far an array is from another of the same shape."""
    dtype = np.result_type(actual, expected, np.float32)
    got, want = actual.astype(dtype, copy=False), expected.astype(dtype, copy=False)
    finite = np.isfinite(got) & np.isfinite(want)
    same = finite | (got == want) | (np.isnan(got) & np.isnan(want))
    with np.errstate(invalid="ignore", over="ignore"):  # differences of infinities, which `finite` leaves out
        absolute = float(np.max(np.abs(got - want), initial=0, where=finite))
    largest = float(np.max(np.abs(want), initial=0, where=finite))
    return Difference(absolute, absolute / largest if largest else absolute, int(np.count_nonzero(~same)))


def worst_difference(actual: Arrays, expected: Arrays) -> Difference:
    """The largest differences among several outputs. Outputs that nothing is expected of do not count.

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
