"""The graph of a Keras model written in ONNX: a walk, and a rule for each operation.

build.py        a model, whole
walk.py         its operations, one after the other, and what to do with those that have no rule
rules.py        which rule writes which operation
windows.py      convolution, pooling, padding, of every rank
elementwise.py  one cell at a time
shapes.py       cells moved about, axes reduced
products.py     matrix products and normalisation
decompose.py    layers in the words of operations
traced.py       the rest, by tf2onnx
fold.py         what becomes part of a convolution
values.py       a tensor, in one or both orders of its axes
emitter.py      nodes, constants and names
"""

from kerasconv.export.onnx_graph.build import Built, Options, build
from kerasconv.export.onnx_graph.traced import TracingError

__all__ = [
    "Built",
    "Options",
    "TracingError",
    "build",
]
