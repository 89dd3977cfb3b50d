"""Ways between houses: stock Keras, kerasconv and PyTorch."""

from kerasconv.interop.convert import convert_model as convert_model
from kerasconv.interop.plan import Conversion as Conversion
from kerasconv.interop.plan import ConversionReport as ConversionReport
from kerasconv.interop.plan import conversion_report as conversion_report
from kerasconv.interop.torch_compare import Difference as Difference
from kerasconv.interop.torch_compare import compare_with_torch as compare_with_torch
from kerasconv.interop.torch_weights import load_torch as load_torch
from kerasconv.interop.torch_weights import save_torch as save_torch
from kerasconv.interop.torch_weights import to_torch as to_torch
