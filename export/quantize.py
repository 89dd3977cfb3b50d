"""Quantisation of an ONNX file to 8-bit integers, with its effect on size and accuracy."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from kerasconv.export.errors import ExportError
from kerasconv.export.parity import worst_difference
from kerasconv.export.signature import Arrays, Signature

_BATCH = 16
_OPERATORS = ["Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "Relu", "Clip", "Concat", "MaxPool"]
_OPERATORS += ["AveragePool", "GlobalAveragePool", "Flatten", "Reshape", "Transpose", "Pad"]


@dataclass(frozen=True)
class Quantization:
    """The size and accuracy of a quantised file, measured on the calibration data.

    Attributes:
        float_bytes: The size of the file in float32.
        bytes: The size of the quantised file.
        relative: The largest difference from the model's outputs, divided by the largest output.
        agreement: The share of examples and positions where the largest channel of the first output is the same.
    """

    float_bytes: int
    bytes: int
    relative: float
    agreement: float


def check_calibration(signature: Signature, data: Any) -> Arrays:
    """Returns the calibration data by the name of the input.

    Raises:
        ValueError: If they are not arrays of examples for every input.
    """
    names = [spec.name for spec in signature.inputs]
    arrays = {name: np.asarray(a) for name, a in data.items()} if isinstance(data, Mapping) else {}
    if not isinstance(data, Mapping) and len(names) == 1:
        arrays = {names[0]: np.asarray(data)}
    fits = set(arrays) == set(names) and all(
        spec.shape.is_compatible_with(arrays[spec.name].shape) and len(arrays[spec.name]) for spec in signature.inputs
    )
    if not fits or len({len(a) for a in arrays.values()}) != 1:
        shapes = {spec.name: tuple(spec.shape) for spec in signature.inputs}
        received = {name: array.shape for name, array in arrays.items()} or repr(data)
        raise ValueError(
            f"to_onnx: `quantize` must be calibration data, an array of examples for each input: {shapes}. "
            f"Received: {received}."
        )
    return {spec.name: arrays[spec.name].astype(spec.dtype.as_numpy_dtype) for spec in signature.inputs}


def quantize(path: Path, inputs: Arrays, expected: Arrays, channel_axis: int = -1) -> Quantization:
    """Replaces a file by one with 8-bit weights (a scale per filter) and activations, between `QuantizeLinear` pairs.

    The ranges of the activations are those on the calibration data (static quantisation, in ONNX Runtime).

    Args:
        path: The ONNX file, without external data.
        inputs: The calibration data, as the file takes them.
        expected: The model's outputs for them.
        channel_axis: The axis of the channels in the first output.

    Raises:
        ExportError: If ONNX Runtime cannot quantise the file.
    """
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Batches(CalibrationDataReader):
        """The calibration data, a batch at a time."""

        def __init__(self) -> None:
            count = len(next(iter(inputs.values())))
            self._batches = iter(range(0, count, _BATCH))

        def get_next(self) -> Arrays | None:
            start = next(self._batches, None)
            return None if start is None else {n: a[start : start + _BATCH] for n, a in inputs.items()}

    float_bytes = path.stat().st_size
    before = onnx.load(path)
    whole = path.with_name("float.onnx")
    path.rename(whole)
    level = logging.root.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.root.setLevel(logging.ERROR)  # it recommends preprocessing that was done on export
            quantize_static(
                whole,
                path,
                Batches(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=_OPERATORS,
            )
    except Exception as error:
        shutil.move(whole, path)
        raise ExportError(f"to_onnx: ONNX Runtime must be able to quantise the file. It says: {error}") from error
    finally:
        logging.root.setLevel(level)
    whole.unlink()
    proto = onnx.load(path)
    proto.producer_name, proto.producer_version = before.producer_name, before.producer_version
    proto.doc_string = before.doc_string
    del proto.metadata_props[:]
    proto.metadata_props.extend(before.metadata_props)
    onnx.save(proto, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = list(expected)
    actual = dict(zip(names, session.run(names, inputs), strict=True))
    first = names[0]
    same = np.argmax(actual[first], channel_axis) == np.argmax(expected[first], channel_axis)
    return Quantization(
        float_bytes=float_bytes,
        bytes=path.stat().st_size,
        relative=worst_difference(actual, expected).relative,
        agreement=float(np.mean(same)),
    )
