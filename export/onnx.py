"""Export to ONNX."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import onnx
import onnx_ir as ir
import onnxruntime

import kerasconv
from kerasconv.export.axes import name_axes
from kerasconv.export.errors import ExportError
from kerasconv.export.golden import BATCH_SIZES, golden_folder, load_golden, save_arrays, save_golden
from kerasconv.export.manifest import move_sidecars, write_manifest
from kerasconv.export.onnx_file import LAYERS_PROPERTY, LAYOUT_PROPERTY, Interface, Port
from kerasconv.export.onnx_graph import Built, Options, TracingError, build
from kerasconv.export.parity import ParityReport
from kerasconv.export.quantize import check_calibration
from kerasconv.export.quantize import quantize as quantize_file
from kerasconv.export.signature import Arrays, Signature, check_precision, signature_of
from kerasconv.export.verify import verify
from kerasconv.files import staged
from kerasconv.structure import walk

OPSETS = range(13, 23)
LAYOUTS = ("channels_last", "channels_first")
PROFILES = ("default", "web")

_PROTOBUF_LIMIT = 2**31 - 2**20  # bytes, some of them for the nodes


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    opset: int = 18,
    layout: str = "channels_last",
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    fold_batch_norm: bool = True,
    profile: str = "default",
    quantize: Any = None,
    external_data: int | None = None,
    overwrite: bool = False,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Writes any Keras model as a verified ONNX file of standard operators. An invalid file never appears at `path`.

    The model's graph is walked layer by layer, so a convolution becomes a `Conv` for any padding, dilation and
    groups, and a pooling layer a `MaxPool` or `AveragePool`. ONNX needs channels at axis 1: the input is transposed
    once, and nothing inside. An operation without a rule is traced by TensorFlow and converted by tf2onnx.

    Beside `NAME.onnx`, a folder `NAME.golden` holds inputs and outputs to verify it with, in the layout of the ONNX
    model zoo, and `NAME.manifest.json` the SHA-256 of every file. The same model and options give the same bytes.

    Args:
        model: A built model, functional, Sequential or subclassed, of any layers, in float32.
        path: The file to write.
        opset: The version of ONNX' operators, from 13 to 22.
        layout: `"channels_last"` or `"channels_first"`, the position of the channels in inputs and outputs with three
            axes or more. A model whose layers have `data_format="channels_first"` is left as it is.
        input_names: A name for each input, in the model's order; `None` for those of the model.
        output_names: A name for each output; `None` for the keys of the model's dictionary of outputs, or else the
            names of the layers that they come from.
        dynamic_axes: For inputs by name, names for axes of unknown size (counted as in the model); without it they are
            `batch`, `height`, `width` and so on. An axis of an output that is as long as one of an input has its name.
        metadata: Properties of the file, in which anything but a string is written as JSON. For example
            `{"licence": "MIT", "labels": ["cat", "dog"], "preprocessing": preprocessing.to_dict()}`.
        fold_batch_norm: Whether batch normalisations become part of the convolutions before them.
        profile: `"default"`, or `"web"` for onnxruntime-web, which takes no uneven pads in a `Conv`.
        quantize: Calibration data, an array of examples or for several inputs a dictionary of them by name. If given,
            the weights and activations become 8-bit integers (static quantisation, a scale per filter, in the format of
            `QuantizeLinear` pairs), after the file has passed in float32. The report has its effect on size and
            accuracy.
        external_data: Weights of at least this many bytes are written to a file `NAME.onnx.HASH.data` beside it. `None`
            does so only for more than 2 GiB of weights, the limit of an ONNX file.
        overwrite: Whether to replace an existing file.
        tolerance: The largest difference from the model's own output that is accepted, relative to the largest output.

    Returns:
        The measured differences in ONNX Runtime, at two batch sizes.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If the model has not been built, or an argument is malformed.
        FileExistsError: If `path` exists, without `overwrite`.
        ExportError: If the model has an operation that ONNX lacks, or the outputs of the file differ from those of the
            model. Nothing is written in that case.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> report = kerasconv.export.to_onnx(kerasconv.models.line_detector(), f"{folder}/detector.onnx")
        >>> report.passed
        True
    """
    _check_arguments(opset, layout, profile, external_data, metadata)
    if quantize is not None and external_data is not None:
        raise ValueError("to_onnx: `quantize` and `external_data` exclude each other. Received: both.")
    signature = signature_of(model, "to_onnx")
    _check_numbers(signature)
    check_precision(signature, "to_onnx")
    calibration = None if quantize is None else check_calibration(signature, quantize)
    first_already = any(getattr(layer, "data_format", "") == "channels_first" for _, layer in walk(signature.model))
    moves_channels = layout == "channels_first" and not first_already
    own_inputs = [spec.name for spec in signature.inputs]
    given_inputs = _names("input_names", input_names, own_inputs)
    options = Options(
        opset=opset,
        input_names=given_inputs,
        output_names=_names("output_names", output_names, signature.outputs, taken=given_inputs),
        axes=name_axes(signature, dynamic_axes),
        channels_first=moves_channels,
        fold_batch_norm=fold_batch_norm,
        web=profile == "web",
    )
    with staged(path, overwrite=overwrite, caller="to_onnx") as stage:
        built = _build(signature, options)
        _label(built, signature, metadata or {}, "channels_first" if moves_channels else "channels_last")
        data = _save(built.model, stage, external_data)
        fixed = signature.model.inputs[0].shape[0]
        batch_sizes = BATCH_SIZES if fixed is None else (fixed,)
        save_golden(signature, golden_folder(stage), interface=_interface(signature, options), batch_sizes=batch_sizes)
        report = verify(stage, runtimes=["onnxruntime"], tolerance=tolerance)
        if not report.passed:  # a comparison with the model finds the first layer that differs
            report = verify(stage, model, runtimes=["onnxruntime"], tolerance=tolerance, edge_inputs=False)
        report.raise_if_failed("to_onnx")
        if calibration is not None:
            report = _quantized(stage, signature, _interface(signature, options), calibration, report)
        write_manifest(stage, data)
        target = Path(path).absolute()
        for file in data:  # named by its hash, so the data of the file that is to be replaced remain until then
            file.replace(target.with_name(file.name))
        move_sidecars(stage, target)
    _remove_old_data(target, keep=data)
    return dataclasses.replace(report, path=target)


def _interface(signature: Signature, options: Options) -> Interface:
    """Maps the file's inputs and outputs to those of the model."""

    def ports(names: Sequence[str], own: Sequence[str], tensors: Sequence[Any]) -> tuple[Port, ...]:
        moved = [options.channels_first and len(tensor.shape) > 2 for tensor in tensors]
        return tuple(Port(*port) for port in zip(names, own, moved, strict=True))

    return Interface(
        ports(options.input_names, [spec.name for spec in signature.inputs], signature.model.inputs),
        ports(options.output_names, signature.outputs, signature.model.outputs),
    )


def _quantized(
    stage: Path, signature: Signature, ports: Interface, calibration: Arrays, report: ParityReport
) -> ParityReport:
    """Quantises the staged file, and replaces the expected outputs in its golden data by those of the new file."""
    inputs, expected = ports.inputs_to_file(calibration), ports.outputs_to_file(signature.run(calibration))
    moved = ports.outputs[0].moved
    found = quantize_file(stage, inputs, expected, channel_axis=1 if moved else -1)
    session = onnxruntime.InferenceSession(stage, providers=["CPUExecutionProvider"])
    for data_set, (arrays, _) in enumerate(load_golden(stage)):
        names = [port.name for port in ports.outputs]
        outputs = dict(zip(names, session.run(names, arrays), strict=True))
        save_arrays(golden_folder(stage) / f"test_data_set_{data_set}", "output", outputs)
    return dataclasses.replace(report, quantization=found)


def _build(signature: Signature, options: Options) -> Built:
    try:
        return build(signature.model, options)
    except TracingError as error:
        raise ExportError(
            f"to_onnx: every layer must have a counterpart in ONNX' standard operators of opset {options.opset}. Write "
            f"a custom layer with `keras.ops`, or leave it out of the exported model. "
            f"Received: model {signature.model.name!r}, in which {error}"
        ) from error


def _save(model: ir.Model, path: Path, external_data: int | None) -> list[Path]:
    """Writes and checks the file. Returns the files with external data that were written beside it."""
    values = model.graph.initializers.values()
    weights = [(value, value.const_value) for value in values if value.const_value is not None]
    if external_data is None:
        external_data = 1024 if sum(tensor.nbytes for _, tensor in weights) >= _PROTOBUF_LIMIT else _PROTOBUF_LIMIT
    # Integers are sizes and axes, from which the checker infers shapes: they stay.
    apart = [(v, t) for v, t in weights if t.nbytes >= external_data and t.dtype != ir.DataType.INT64]
    data = []
    if apart:
        digest = hashlib.sha256()
        for _, tensor in apart:
            digest.update(tensor.numpy().data)
        data = [path.with_name(f"{path.name}.{digest.hexdigest()[:16]}.data")]
        moved = ir.external_data.convert_tensors_to_external([t for _, t in apart], path.parent, data[0].name)
        for (value, _), external in zip(apart, moved, strict=True):
            value.const_value = external
    ir.save(model, path)
    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        raise ExportError(f"to_onnx: ONNX' checker must find the file valid. It says: {error}") from error
    return data


def _remove_old_data(target: Path, keep: Sequence[Path]) -> None:
    """Deletes the external data of the file that was replaced."""
    for file in target.parent.glob("*.data"):
        ours = re.fullmatch(re.escape(target.name) + r"\.[0-9a-f]{16}\.data", file.name)
        if ours and file.name not in {new.name for new in keep}:
            file.unlink()


def _label(built: Built, signature: Signature, metadata: Mapping[str, Any], layout: str) -> None:
    """Writes the producer, the description and the properties of the file, the layers' outputs among them."""
    model = built.model
    model.producer_name, model.producer_version = "kerasconv", kerasconv.__version__
    model.doc_string = f"The Keras model {signature.model.name!r}."
    layers = {
        layer: {"value": value, "layout": "channels_first" if first else "channels_last"}
        for layer, (value, first) in built.layers.items()
    }
    properties = {
        **metadata,
        LAYOUT_PROPERTY: layout,
        LAYERS_PROPERTY: layers,
        "kerasconv.traced": built.traced,
    }
    for key, value in properties.items():
        model.metadata_props[key] = value if isinstance(value, str) else json.dumps(value)


def _names(argument: str, given: Sequence[str] | None, own: Sequence[str], taken: Sequence[str] = ()) -> Sequence[str]:
    """Returns the chosen names, or the model's own, with a suffix if they are taken."""
    if given is None:
        return [f"{name}_output" if name in taken else name for name in own]
    if (
        isinstance(given, str)
        or not isinstance(given, Sequence)
        or len(given) != len(own)
        or len({*given, *taken}) != len(given) + len(taken)
        or not all(isinstance(name, str) and name for name in given)
    ):
        raise ValueError(
            f"to_onnx: `{argument}` must be {len(own)} different names, for {', '.join(map(repr, own))}"
            f"{', and none of an input' if taken else ''}. "
            f"Received: {argument}={given!r}."
        )
    return given


def _check_arguments(
    opset: Any, layout: Any, profile: Any, external_data: Any, metadata: Mapping[str, Any] | None
) -> None:
    if not isinstance(opset, int) or opset not in OPSETS:
        raise ValueError(
            f"to_onnx: `opset` must be an int from {OPSETS[0]} to {OPSETS[-1]}. Received: opset={opset!r}."
        )
    if layout not in LAYOUTS:
        raise ValueError(f"to_onnx: `layout` must be one of {LAYOUTS}. Received: layout={layout!r}.")
    if profile not in PROFILES:
        raise ValueError(f"to_onnx: `profile` must be one of {PROFILES}. Received: profile={profile!r}.")
    if external_data is not None and (type(external_data) is not int or external_data < 1):
        raise ValueError(
            f"to_onnx: `external_data` must be a number of bytes, at least 1, or None. "
            f"Received: external_data={external_data!r}."
        )
    try:
        json.dumps(dict(metadata or {}))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"to_onnx: `metadata` must be a dictionary of strings, or of what JSON can write. "
            f"Received: metadata={metadata!r} ({error})."
        ) from error
    reserved = [key for key in metadata or {} if not isinstance(key, str) or key.startswith("kerasconv.")]
    if reserved:
        raise ValueError(
            f"to_onnx: the keys of `metadata` must be strings that do not begin with 'kerasconv.'. "
            f"Received: {', '.join(map(repr, reserved))}."
        )


def _check_numbers(signature: Signature) -> None:
    strings = [spec.name for spec in signature.inputs if spec.dtype.name == "string"]
    if strings:
        raise ValueError(f"to_onnx: the inputs must be numbers. Received: strings for {', '.join(map(repr, strings))}.")
