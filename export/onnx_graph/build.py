"""The ONNX graph of a Keras model, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import onnx_ir as ir
from onnx_ir.passes import common

from kerasconv import config, structure
from kerasconv.export.axes import Axes
from kerasconv.export.onnx_graph.emitter import Emitter, onnx_dtype
from kerasconv.export.onnx_graph.fold import fold_batch_norms, fold_biases, fold_pads
from kerasconv.export.onnx_graph.values import Shape, Value, order
from kerasconv.export.onnx_graph.walk import Walk


@dataclass(frozen=True)
class Options:
    """How a graph is written.

    Attributes:
        opset: The version of ONNX' operators.
        input_names: The name of each input.
        output_names: The name of each output.
        axes: The names of axes whose sizes are not known.
        channels_first: Whether inputs and outputs of three axes or more have their channels at axis 1.
        fold_batch_norm: Whether batch normalisations become part of the convolutions before them.
        web: Whether to write only what onnxruntime-web runs.
    """

    opset: int
    input_names: Sequence[str]
    output_names: Sequence[str]
    axes: Axes
    channels_first: bool = False
    fold_batch_norm: bool = True
    web: bool = False


@dataclass(frozen=True)
class Built:
    """A graph, and where in it Keras' layers are.

    Attributes:
        model: The ONNX model.
        layers: For each outermost layer what it is called and whether its channels are at axis 1.
        traced: The layers that tf2onnx converted.
    """

    model: ir.Model
    layers: dict[str, tuple[str, bool]]
    traced: list[str]


def build(model: keras.Model, options: Options) -> Built:
    """The ONNX model of a functional model."""
    emit = Emitter(options.opset, options.web, [*options.input_names, *options.output_names])
    walk = Walk(emit)
    inputs, values = [], []
    windows = any(hasattr(layer, "kernel_size") or hasattr(layer, "pool_size") for _, layer in structure.walk(model))
    for tensor, name, axes in zip(model.inputs, options.input_names, options.axes.inputs, strict=True):
        made = _input(tensor, name, axes, options.channels_first)
        inputs.append(made)
        values.append(_as_value(emit, tensor, made, options.channels_first, windows))
    with config.lowered():
        results = walk.run(model, values)
    outputs = []
    for value, name, axes in zip(results, options.output_names, options.axes.outputs, strict=True):
        made = emit.get(value, options.channels_first)
        if made in outputs or made in inputs or not made.producer():
            made = emit("Identity", made)
        made.name, made.shape = name, _shape(value.shape, axes, options.channels_first)
        made.type = ir.TensorType(onnx_dtype(value.dtype))
        outputs.append(made)
    graph = ir.Graph(
        inputs,
        outputs,
        nodes=emit.nodes,
        initializers=list(emit.constants.values()),
        opset_imports={"": options.opset},
        name=model.name,
    )
    whole = ir.Model(graph, ir_version=_IR_VERSIONS[options.opset])
    common.CommonSubexpressionEliminationPass()(whole)
    common.RemoveUnusedNodesPass()(whole)
    fold_pads(graph, options.web)
    fold_biases(graph)
    common.RemoveUnusedNodesPass()(whole)  # or a convolution without its bias still seems to be used
    if options.fold_batch_norm:
        fold_batch_norms(graph)
    common.RemoveUnusedNodesPass()(whole)
    if walk.shares:
        common.DeduplicateHashedInitializersPass()(whole)
    there = set(graph.initializers) | {value.name for node in graph for value in node.outputs}
    layers = {
        layer: (made.name, first)
        for layer, value in walk.outputs.items()
        for first, made in list(value.made.items())[:1]
        if made.name is not None and made.name in there
    }
    return Built(whole, layers, walk.traced)


_IR_VERSIONS = {13: 8, 14: 8, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10}
"""The oldest version of the file format that came with each opset, so that old runtimes read it."""


def _input(tensor: Any, name: str, axes: Sequence[str | None], channels_first: bool) -> ir.Value:
    shape = _shape(tuple(tensor.shape), axes, channels_first)
    return ir.Value(name=name, shape=shape, type=ir.TensorType(onnx_dtype(tensor.dtype)))


def _shape(sizes: Shape, names: Sequence[str | None], channels_first: bool) -> ir.Shape:
    labels = [name if n is None else n for n, name in zip(sizes, names, strict=True)]
    return ir.Shape([labels[axis] for axis in order(len(labels), channels_first)])


def _as_value(emit: Emitter, tensor: Any, made: ir.Value, channels_first: bool, windows: bool) -> Value:
    """An input. Where windows slide over it, it is rearranged before anything else, so that this happens once."""
    value = Value(tuple(tensor.shape), tensor.dtype, {channels_first and len(tensor.shape) > 2: made})
    if windows and value.rank > 3:
        value.make = lambda first: emit.rearranged(value, first)
    return value
