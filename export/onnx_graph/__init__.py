"""Conversion of the graph of a Keras model to ONNX, with a rule for each operation.

build.py        the whole model
walk.py         its operations in order, and the fallbacks for those without a rule
rules.py        the choice of the rule for an operation
windows.py      convolution, pooling and padding of every rank
elementwise.py  elementwise operations
shapes.py       reshaping, slicing and reductions
products.py     matrix products and normalisation
decompose.py    layers as sequences of operations
traced.py       anything else, by tf2onnx
fold.py         nodes that become part of a convolution
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
