"""Measuring whether an artifact gives what its model gives."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasconv.export import runtimes as rt
from kerasconv.export.errors import ExportError
from kerasconv.export.first_difference import first_difference
from kerasconv.export.golden import BATCH_SIZES, check_numeric, golden_folder, load_golden
from kerasconv.export.manifest import check_manifest
from kerasconv.export.onnx_file import Interface, Port, fixed_batch_size, interface, read_onnx
from kerasconv.export.parity import LayerDifference, Parity, ParityReport, worst_difference
from kerasconv.export.signature import Arrays, Signature, signature

LARGE = 1e4
"""What random numbers are multiplied by for large inputs; 100 for float16, which ends at 65504."""


@dataclass(frozen=True)
class Case:
    """Inputs, and the outputs that are expected, both with the names and layouts of the artifact."""

    kind: str
    inputs: Arrays
    expected: Arrays
    tolerance: float
    required: bool = True

    def measure(self, runtime: str, actual: Arrays) -> Parity:
        """How far outputs are from the expected ones."""
        batch_size = len(next(iter(self.inputs.values())))
        found = vars(worst_difference(actual, self.expected))
        return Parity(
            **found,
            runtime=runtime,
            inputs=self.kind,
            batch_size=batch_size,
            tolerance=self.tolerance,
            required=self.required,
        )


def verify(
    path: str | os.PathLike[str],
    model: Any = None,
    *,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    tolerance: float = 1e-5,
    runtimes: Sequence[str] | None = None,
    edge_inputs: bool = True,
    nan_must_match: bool = False,
) -> ParityReport:
    """Runs an exported model in the runtimes that read it and measures how far it is from what it was made of.

    A SavedModel runs in a fresh process that knows nothing of kerasconv and in OpenVINO, an ONNX file in ONNX Runtime
    and OpenVINO, a LiteRT file in LiteRT: in each that is installed. If a manifest stands with the artifact, its hashes
    are checked first.

    It is run on its golden data, and with a `model` on further inputs, with which the model runs in Keras:

    - `random`: normally distributed numbers, at each batch size;
    - `zeros`: all zero, at the last batch size, as those below;
    - `large`: random numbers times 10,000. They pass within the tolerance, or within how far the model's own outputs
      move when each input changes by the tolerance: a softmax of large numbers magnifies roundings without a fault;
    - `nan`: random numbers, the middle pixel of the first example NaN. Which outputs are NaN then is compared. Runtimes
      differ there for good reasons, above all in max pooling, so this is reported and does not change the verdict
      unless `nan_must_match`.

    The model is also compared with the golden data; the runtime is called Keras there.

    Args:
        path: The folder of a SavedModel, or of its numbered versions, of which the newest is taken; an ONNX file; or a
            LiteRT file, whose name ends in `.tflite`.
        model: The Keras model to compare with. `None` compares with the golden data alone, which were written with the
            artifact.
        batch_sizes: Batch sizes of random inputs. A file that takes one batch size only is tried at that.
        tolerance: The largest difference that passes, relative to the largest output.
        runtimes: Some of `"keras"`, `"savedmodel"`, `"onnxruntime"`, `"litert"`, `"openvino"`. `None` takes all that
            are installed and read the artifact; should one but the artifact's own refuse it, the report says so.
        edge_inputs: Whether to try zeros, large numbers and NaN.
        nan_must_match: Whether NaN must be at the same places in the outputs.

    Returns:
        The measurements. `passed` is the verdict.

    Raises:
        FileNotFoundError: If there is no such artifact, or no golden data and no model.
        TypeError: If the path or the model is none.
        ValueError: If an argument is wrong, or the model takes text.
        ExportError: If the artifact cannot be run, a file differs from the manifest, or a runtime is not installed.

    Example:
        >>> import kerasconv, tempfile
        >>> path = tempfile.mkdtemp() + "/detector.onnx"
        >>> _ = kerasconv.export.to_onnx(kerasconv.models.line_detector(), path)
        >>> report = kerasconv.export.verify(path, runtimes=["onnxruntime"])
        >>> [(row.inputs, row.batch_size, row.passed) for row in report.rows]
        [('golden', 1, True), ('golden', 3, True)]
    """
    artifact = _artifact(path)
    _check_options(batch_sizes, tolerance)
    kind = rt.kind_of(artifact)
    chosen = rt.choose(kind, runtimes)
    served = None if model is None else signature(model, "verify")
    manifest = check_manifest(artifact)
    golden = _golden(artifact, tolerance, needed=served is None)
    ports, fixed = _ports(artifact, kind, served)
    cases, rows = [*golden], []
    if served is not None:
        check_numeric(served, "verify")
        sizes = tuple(batch_sizes) if fixed is None else (fixed,)[: len(batch_sizes)]
        cases += [_random(served, ports, size, 100 + i, tolerance) for i, size in enumerate(sizes)]
        if edge_inputs and sizes:
            cases += _edges(served, ports, sizes[-1], tolerance, nan_must_match)
        if runtimes is None or "keras" in runtimes:
            rows += [_measure_keras(served, ports, case) for case in golden]
    if not rows and not (cases and chosen):
        raise ValueError(
            "verify: there must be inputs to compare on: golden data or `batch_sizes` with a `model`, and for the "
            f"runtime 'keras' both golden data and a `model`. Received: path={str(path)!r}, model={model!r}, "
            f"batch_sizes={batch_sizes!r}, runtimes={runtimes!r}."
        )
    refused = []
    for runtime in chosen:
        try:
            outputs = rt.run(runtime, kind, artifact, [case.inputs for case in cases])
        except ExportError as error:
            if runtimes is not None or runtime is chosen[0]:
                raise
            refused.append((runtime.title, rt.reason(error.__cause__ or error)))
            continue
        rows += [case.measure(runtime.title, output) for case, output in zip(cases, outputs, strict=True)]
    first = None if served is None or kind != rt.ONNX else _locate(artifact, chosen, rows, cases, served, ports)
    reference = "its golden data" if served is None else "the Keras model"
    return ParityReport(artifact, reference, tolerance, tuple(rows), manifest, tuple(refused), first)


def _artifact(path: Any) -> Path:
    """The artifact at a path. Of a folder with numbered versions, it is the newest."""
    rule = "verify: `path` must be the folder of a SavedModel, an ONNX file or a LiteRT file."
    try:
        artifact = Path(path)
    except TypeError:
        raise TypeError(f"{rule} Received: path={path!r}, of type {type(path).__name__}.") from None
    if not artifact.exists():
        raise FileNotFoundError(f"{rule} Received: path={str(path)!r}, which does not exist.")
    if artifact.is_file() or any((artifact / f"saved_model.{ending}").is_file() for ending in ("pb", "pbtxt")):
        return artifact
    versions = [folder for folder in artifact.iterdir() if folder.name.isdecimal() and folder.is_dir()]
    if not versions:
        raise FileNotFoundError(f"{rule} Received: path={str(path)!r}, a folder without `saved_model.pb`.")
    return max(versions, key=lambda folder: int(folder.name))


def _check_options(batch_sizes: Any, tolerance: Any) -> None:
    whole = isinstance(batch_sizes, Sequence) and all(type(size) is int and size > 0 for size in batch_sizes)
    if not whole:
        raise ValueError(f"verify: `batch_sizes` must be positive ints. Received: batch_sizes={batch_sizes!r}.")
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
        raise ValueError(f"verify: `tolerance` must be a number, 0 or more. Received: tolerance={tolerance!r}.")


def _ports(artifact: Path, kind: str, served: Signature | None) -> tuple[Interface, int | None]:
    """How the artifact's inputs and outputs correspond to the model's, and its batch size if it takes only one."""
    if kind == rt.ONNX:
        proto = read_onnx(artifact)
        if served is not None:
            return interface(proto, served), fixed_batch_size(proto)
    if served is None:
        return Interface((), ()), None
    inputs = tuple(Port(spec.name, spec.name, False) for spec in served.inputs)
    return Interface(inputs, tuple(Port(name, name, False) for name in served.outputs)), None


def _golden(artifact: Path, tolerance: float, *, needed: bool) -> list[Case]:
    golden = [Case("golden", *arrays, tolerance) for arrays in load_golden(artifact)]
    if needed and not golden:
        raise FileNotFoundError(
            f"verify: without a `model`, golden data must stand with the artifact. Received: path={str(artifact)!r}, "
            f"and nothing in {str(golden_folder(artifact))!r}."
        )
    return golden


def _measure_keras(served: Signature, ports: Interface, golden: Case) -> Parity:
    """How far the model is from the golden data."""
    names = [port.name for port in ports.inputs]
    if not set(names) <= set(golden.inputs):
        raise ExportError(
            f"verify: the golden data must have the inputs of the model, {', '.join(map(repr, names))}. "
            f"Received: {', '.join(map(repr, golden.inputs))}."
        )
    return golden.measure("Keras", ports.outputs_to_file(served.run(ports.inputs_to_model(golden.inputs))))


def _random(served: Signature, ports: Interface, batch_size: int, seed: int, tolerance: float) -> Case:
    return _case("random", served, ports, served.trial_inputs(batch_size, seed), tolerance)


def _case(kind: str, served: Signature, ports: Interface, inputs: Arrays, tolerance: float, **options: Any) -> Case:
    """These inputs, and what the model gives for them."""
    outputs = ports.outputs_to_file(served.run(inputs))
    return Case(kind, ports.inputs_to_file(inputs), outputs, tolerance, **options)


def _edges(served: Signature, ports: Interface, batch_size: int, tolerance: float, nan_must_match: bool) -> list[Case]:
    """Zeros, large numbers and NaN in place of the floats; none if there are no floats."""
    draw = served.trial_inputs(batch_size, seed=200)
    floats = {spec.name for spec in served.inputs if spec.dtype.is_floating}
    if not floats:
        return []

    def changed(change: Any) -> Arrays:
        return {name: change(array) if name in floats else array for name, array in draw.items()}

    zeros = _case("zeros", served, ports, changed(np.zeros_like), tolerance)
    large = _case("large", served, ports, changed(_large), tolerance)
    moved = served.run(changed(lambda array: _nudged(_large(array), tolerance)))
    slack = worst_difference(ports.outputs_to_file(moved), large.expected).relative
    large = Case("large", large.inputs, large.expected, max(tolerance, slack))
    nan = _case("nan", served, ports, changed(_with_nan), tolerance, required=nan_must_match)
    return [zeros, large, nan]


def _large(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array * array.dtype.type(100 if array.dtype == np.float16 else LARGE)


def _nudged(array: np.ndarray[Any, Any], by: float) -> np.ndarray[Any, Any]:
    """Each number larger or smaller by this share of it, at random, but by no less than its precision shows."""
    share = max(by, 8 * float(np.spacing(np.ones((), array.dtype))))
    signs = np.random.default_rng(0).choice([-share, share], array.shape)
    return array * (1 + signs).astype(array.dtype)


def _with_nan(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """With NaN in the middle pixel of the first example, or the middle number if it has no pixels."""
    axes = array.shape[1:-1] if array.ndim > 2 else array.shape[1:]
    array = array.copy()
    array[(0, *(n // 2 for n in axes))] = np.nan
    return array


def _locate(
    artifact: Path,
    chosen: Sequence[rt.Runtime],
    rows: Sequence[Parity],
    cases: Sequence[Case],
    served: Signature,
    ports: Interface,
) -> LayerDifference | None:
    """The first layer that differs, where a runtime's outputs do, on the first inputs on which they do."""
    for runtime in chosen:
        measured = [row for row in rows if row.runtime == runtime.title]
        for row, case in zip(measured, cases, strict=False):
            if row.required and not row.passed:
                return first_difference(artifact, runtime, served, ports, case.inputs, row.tolerance)
    return None
