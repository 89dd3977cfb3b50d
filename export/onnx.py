"""Export as ONNX."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import keras
import onnx
import tensorflow as tf
import tf2onnx
from kerasconv.export.artifacts import ExportError, staged
from kerasconv.export.golden import save_golden
from kerasconv.export.signature import Signature, signature
from kerasconv.export.verify import ParityReport, golden_folder, verify

import kerasconv

OPSETS = range(14, 19)

_AXES = {3: ("steps",), 4: ("height", "width"), 5: ("depth", "height", "width")}


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    opset: int = 18,
    overwrite: bool = False,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Writes a model as an ONNX file of standard operators, checked and verified before it is put in place.

    Convolutions become `Conv`, poolings `MaxPool` and `AveragePool`. Inputs and outputs keep the model's names; their
    batch axis is called `batch`, and unknown spatial axes `height`, `width` and so on. Beside `NAME.onnx`, a folder
    `NAME.golden` holds inputs and outputs to verify it with.

    Args:
        model: A built functional or Sequential model.
        path: The file to write.
        opset: The version of ONNX' operators, from 14 to 18.
        overwrite: Whether to replace what stands there.
        tolerance: The largest difference from the model's own output that is accepted, relative to the largest output.

    Returns:
        The measured differences in ONNX Runtime, at two batch sizes.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If the model has not been built, or the opset is not supported.
        FileExistsError: If something stands at `path`, without `overwrite`.
        ExportError: If the model has an operation that ONNX has not, or the file does not give what the model gives.
            Nothing is written then.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> report = kerasconv.export.to_onnx(kerasconv.models.line_detector(), f"{folder}/detector.onnx")
        >>> report.passed
        True
    """
    if opset not in OPSETS:
        raise ValueError(
            f"to_onnx: `opset` must be an int from {OPSETS[0]} to {OPSETS[-1]}. Received: opset={opset!r}."
        )
    served = signature(model, "to_onnx")
    with staged(path, overwrite=overwrite, caller="to_onnx") as stage:
        proto = _convert(served, opset)
        onnx.save(proto, stage)
        save_golden(served, golden_folder(stage))
        report = verify(stage, model, tolerance=tolerance)
        report.raise_if_failed("to_onnx")
        golden = golden_folder(Path(path).absolute())
        shutil.rmtree(golden, ignore_errors=True)
        golden_folder(stage).rename(golden)
    return report


def _convert(served: Signature, opset: int) -> onnx.ModelProto:
    """The model as a checked ONNX graph."""
    name = served.model.name
    try:
        function = tf.function(served.function(), input_signature=served.inputs, autograph=False)
        proto, _ = tf2onnx.convert.from_function(function, served.inputs, opset=opset)
        _label(proto, served)
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportError(
            f"to_onnx: every layer must have a counterpart in ONNX' standard operators of opset {opset}. "
            f"Received: model {name!r}, for which the conversion says: {reason}"
        ) from error
    return proto


def _label(proto: onnx.ModelProto, served: Signature) -> None:
    """Names the graph, its maker and its axes."""
    proto.producer_name, proto.producer_version = "kerasconv", kerasconv.__version__
    proto.graph.name = served.model.name
    del proto.graph.value_info[:]  # they carry made-up names of axes; whoever needs them infers them
    for value in (*proto.graph.input, *proto.graph.output):
        dims = value.type.tensor_type.shape.dim
        names = ("batch", *_AXES.get(len(dims), ()))
        for axis, dim in enumerate(dims):
            if axis == 0:
                dim.dim_param = "batch"
            elif not dim.HasField("dim_value"):
                prefix = "" if value in proto.graph.input else "output_"
                dim.dim_param = prefix + names[axis] if axis < len(names) else f"{prefix}axis_{axis}"
