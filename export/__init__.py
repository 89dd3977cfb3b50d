"""Exporters to SavedModel, ONNX and LiteRT. Each verifies in a stock runtime what it has written."""

from kerasconv.export.errors import ExportError
from kerasconv.export.litert import to_litert
from kerasconv.export.onnx import to_onnx
from kerasconv.export.parity import ParityReport
from kerasconv.export.saved_model import to_saved_model
from kerasconv.export.verify import verify
from kerasconv.preprocessing import Preprocessing

__all__ = [
    "ExportError",
    "ParityReport",
    "Preprocessing",
    "to_litert",
    "to_onnx",
    "to_saved_model",
    "verify",
]
