"""Conversion between stock Keras, kerasconv and PyTorch."""

from kerasconv.interop.convert import convert_model
from kerasconv.interop.plan import Conversion, ConversionReport, conversion_report
from kerasconv.interop.torch_compare import Difference, compare_with_torch
from kerasconv.interop.torch_weights import load_torch, save_torch, to_torch

__all__ = [
    "Conversion",
    "ConversionReport",
    "Difference",
    "compare_with_torch",
    "conversion_report",
    "convert_model",
    "load_torch",
    "save_torch",
    "to_torch",
]
