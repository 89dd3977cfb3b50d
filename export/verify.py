"""Comparison of an artifact's outputs with those of its model."""

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
from kerasconv.export.signature import Arrays, Signature, signature_of

LARGE = 1e4
"""The factor on random numbers for large inputs; 100 for float16, whose maximum is 65504."""


@dataclass(frozen=True)
class Case:
    """Inputs and expected outputs, both with the names and layouts of the artifact."""

    kind: str
    inputs: Arrays
    expected: Arrays
    tolerance: float
    required: bool = True

    def measure(self, runtime: str, actual: Arrays) -> Parity:
        """Compares outputs with the expected ones."""
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
    """Runs an exported model in the runtimes that read it, and compares its outputs with those of the original model.

    A SavedModel runs in a fresh process without kerasconv and in OpenVINO, an ONNX file in ONNX Runtime and OpenVINO, a
    LiteRT file in LiteRT: in each that is installed. If the artifact has a manifest, its hashes are checked first.

    It runs on its golden data and, with a `model`, on further inputs, on which the model runs in Keras:

    - `random`: normally distributed numbers, at each batch size;
    - `zeros`: zeros, at the last batch size like those below;
    - `large`: random numbers times 10,000. The tolerance is raised to the change of the model's own outputs when each
      input changes by the tolerance, since a softmax of large numbers amplifies rounding errors;
    - `nan`: random numbers with NaN in the middle pixel of the first example, to compare the positions of NaN in the
      outputs. Runtimes legitimately differ there, above all in max pooling, so the verdict ignores these inputs
      unless `nan_must_match`.

    The model is also compared with the golden data, in rows with the runtime Keras.

    Args:
        path: The folder of a SavedModel, or of its numbered versions, of which the newest is used; an ONNX file; or a
            LiteRT file, whose name ends in `.tflite`.
        model: The Keras model to compare with. `None` compares with the golden data only, which were written with the
            artifact.
        batch_sizes: Batch sizes of random inputs. A file with a fixed batch size is run with that only.
        tolerance: The largest difference that passes, relative to the largest output.
        runtimes: Some of `"keras"`, `"savedmodel"`, `"onnxruntime"`, `"litert"`, `"openvino"`. `None` uses all that
            are installed and read the artifact. The report lists those, except the native one, that could not run it.
        edge_inputs: Whether to try zeros, large numbers and NaN.
        nan_must_match: Whether NaN must be at the same positions in the outputs.

    Returns:
        The measurements. `passed` is the verdict.

    Raises:
        FileNotFoundError: If the artifact does not exist, or there are neither golden data nor a model.
        TypeError: If the path or the model has the wrong type.
        ValueError: If an argument is malformed, or the model takes text.
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
    signature = None if model is None else signature_of(model, "verify")
    manifest = check_manifest(artifact)
    golden = _golden(artifact, tolerance, needed=signature is None)
    ports, fixed = _ports(artifact, kind, signature)
    cases, rows = [*golden], []
    if signature is not None:
        check_numeric(signature, "verify")
        sizes = tuple(batch_sizes) if fixed is None else (fixed,)[: len(batch_sizes)]
        cases += [_random(signature, ports, size, 100 + i, tolerance) for i, size in enumerate(sizes)]
        if edge_inputs and sizes:
            cases += _edges(signature, ports, sizes[-1], tolerance, nan_must_match)
        if runtimes is None or "keras" in runtimes:
            rows += [_measure_keras(signature, ports, case) for case in golden]
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
    first = None if signature is None or kind != rt.ONNX else _locate(artifact, chosen, rows, cases, signature, ports)
    reference = "its golden data" if signature is None else "the Keras model"
    return ParityReport(artifact, reference, tolerance, tuple(rows), manifest, tuple(refused), first)


def _artifact(path: Any) -> Path:
    """Returns the artifact at a path, the newest one in a folder of numbered versions."""
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


def _ports(artifact: Path, kind: str, signature: Signature | None) -> tuple[Interface, int | None]:
    """Matches the artifact's inputs and outputs with the model's; also returns its batch size if that is fixed."""
    if kind == rt.ONNX:
        proto = read_onnx(artifact)
        if signature is not None:
            return interface(proto, signature), fixed_batch_size(proto)
    if signature is None:
        return Interface((), ()), None
    inputs = tuple(Port(spec.name, spec.name, False) for spec in signature.inputs)
    return Interface(inputs, tuple(Port(name, name, False) for name in signature.outputs)), None


def _golden(artifact: Path, tolerance: float, *, needed: bool) -> list[Case]:
    golden = [Case("golden", *arrays, tolerance) for arrays in load_golden(artifact)]
    if needed and not golden:
        raise FileNotFoundError(
            f"verify: without a `model`, golden data must stand with the artifact. Received: path={str(artifact)!r}, "
            f"and nothing in {str(golden_folder(artifact))!r}."
        )
    return golden


def _measure_keras(signature: Signature, ports: Interface, golden: Case) -> Parity:
    """Compares the model with the golden data."""
    names = [port.name for port in ports.inputs]
    if not set(names) <= set(golden.inputs):
        raise ExportError(
            f"verify: the golden data must have the inputs of the model, {', '.join(map(repr, names))}. "
            f"Received: {', '.join(map(repr, golden.inputs))}."
        )
    return golden.measure("Keras", ports.outputs_to_file(signature.run(ports.inputs_to_model(golden.inputs))))


def _random(signature: Signature, ports: Interface, batch_size: int, seed: int, tolerance: float) -> Case:
    return _case("random", signature, ports, signature.trial_inputs(batch_size, seed), tolerance)


def _case(kind: str, signature: Signature, ports: Interface, inputs: Arrays, tolerance: float, **options: Any) -> Case:
    """Returns a case of these inputs and the model's outputs for them."""
    outputs = ports.outputs_to_file(signature.run(inputs))
    return Case(kind, ports.inputs_to_file(inputs), outputs, tolerance, **options)


def _edges(
    signature: Signature, ports: Interface, batch_size: int, tolerance: float, nan_must_match: bool
) -> list[Case]:
    """Returns cases with zeros, large numbers and NaN in float inputs. Without float inputs there are none."""
    draw = signature.trial_inputs(batch_size, seed=200)
    floats = {spec.name for spec in signature.inputs if spec.dtype.is_floating}
    if not floats:
        return []

    def changed(change: Any) -> Arrays:
        return {name: change(array) if name in floats else array for name, array in draw.items()}

    zeros = _case("zeros", signature, ports, changed(np.zeros_like), tolerance)
    large = _case("large", signature, ports, changed(_large), tolerance)
    moved = signature.run(changed(lambda array: _nudged(_large(array), tolerance)))
    slack = worst_difference(ports.outputs_to_file(moved), large.expected).relative
    large = Case("large", large.inputs, large.expected, max(tolerance, slack))
    nan = _case("nan", signature, ports, changed(_with_nan), tolerance, required=nan_must_match)
    return [zeros, large, nan]


def _large(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array * array.dtype.type(100 if array.dtype == np.float16 else LARGE)


def _nudged(array: np.ndarray[Any, Any], by: float) -> np.ndarray[Any, Any]:
    """Scales each number up or down at random, by at least what its precision resolves."""
    share = max(by, 8 * float(np.spacing(np.ones((), array.dtype))))
    signs = np.random.default_rng(0).choice([-share, share], array.shape)
    return array * (1 + signs).astype(array.dtype)


def _with_nan(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Puts NaN into the middle pixel of the first example, or into its middle number if it has no pixels."""
    axes = array.shape[1:-1] if array.ndim > 2 else array.shape[1:]
    array = array.copy()
    array[(0, *(n // 2 for n in axes))] = np.nan
    return array


def _locate(
    artifact: Path,
    chosen: Sequence[rt.Runtime],
    rows: Sequence[Parity],
    cases: Sequence[Case],
    signature: Signature,
    ports: Interface,
) -> LayerDifference | None:
    """Returns the first layer that differs on the first inputs for which a runtime's outputs differ."""
    for runtime in chosen:
        measured = [row for row in rows if row.runtime == runtime.title]
        for row, case in zip(measured, cases, strict=False):
            if row.required and not row.passed:
                return first_difference(artifact, runtime, signature, ports, case.inputs, row.tolerance)
    return None
