"""Ways out: SavedModel, ONNX and LiteRT, for stock runtimes, measured to be equal before they are put in place."""

from kerasconv.export.errors import ExportError as ExportError
from kerasconv.export.litert import to_litert as to_litert
from kerasconv.export.onnx import to_onnx as to_onnx
from kerasconv.export.parity import ParityReport as ParityReport
from kerasconv.export.saved_model import to_saved_model as to_saved_model
from kerasconv.export.verify import verify as verify
from kerasconv.preprocessing import Preprocessing as Preprocessing
