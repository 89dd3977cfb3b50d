"""Conversion of a whole Keras model to an ONNX graph."""

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
    """Options for writing a graph.

    Attributes:
        opset: The version of ONNX' operators.
        input_names: The name of each input.
        output_names: The name of each output.
        axes: The names of axes of unknown size.
        channels_first: Whether inputs and outputs of three axes or more have their channels at axis 1.
        fold_batch_norm: Whether batch normalisations become part of the convolutions before them.
        web: Whether to write only what onnxruntime-web supports.
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
    """An ONNX model, with the outputs of Keras' layers in it.

    Attributes:
        model: The ONNX model.
        layers: For each outermost layer the name of its output and whether the channels are at axis 1.
        traced: The layers that tf2onnx converted.
    """

    model: ir.Model
    layers: dict[str, tuple[str, bool]]
    traced: list[str]


def build(model: keras.Model, options: Options) -> Built:
    """Converts a functional model to an ONNX model."""
    emit = Emitter(options.opset, options.web, [*options.input_names, *options.output_names])
    walk = Walk(emit)
    inputs, values = [], []
    windows = any(hasattr(layer, "kernel_size") or hasattr(layer, "pool_size") for _, layer in structure.walk(model))
    for symbol, name, axes in zip(model.inputs, options.input_names, options.axes.inputs, strict=True):
        tensor = _input(symbol, name, axes, options.channels_first)
        inputs.append(tensor)
        values.append(_as_value(emit, symbol, tensor, options.channels_first, windows))
    with config.lowered():
        results = walk.run(model, values)
    outputs = []
    for value, name, axes in zip(results, options.output_names, options.axes.outputs, strict=True):
        tensor = emit.get(value, options.channels_first)
        if tensor in outputs or tensor in inputs or not tensor.producer():
            tensor = emit("Identity", tensor)
        tensor.name, tensor.shape = name, _shape(value.shape, axes, options.channels_first)
        tensor.type = ir.TensorType(onnx_dtype(value.dtype))
        outputs.append(tensor)
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
    common.RemoveUnusedNodesPass()(whole)  # so that the convolutions before their biases count as unused
    if options.fold_batch_norm:
        fold_batch_norms(graph)
    common.RemoveUnusedNodesPass()(whole)
    if walk.has_shared_layers:
        common.DeduplicateHashedInitializersPass()(whole)
    present = set(graph.initializers) | {value.name for node in graph for value in node.outputs}
    layers = {
        layer: (tensor.name, first)
        for layer, value in walk.outputs.items()
        for first, tensor in list(value.onnx.items())[:1]
        if tensor.name is not None and tensor.name in present
    }
    return Built(whole, layers, walk.traced)


_IR_VERSIONS = {13: 8, 14: 8, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10}
"""The version of the file format that introduced each opset, so that old runtimes read the file."""


def _input(symbol: Any, name: str, axes: Sequence[str | None], channels_first: bool) -> ir.Value:
    shape = _shape(tuple(symbol.shape), axes, channels_first)
    return ir.Value(name=name, shape=shape, type=ir.TensorType(onnx_dtype(symbol.dtype)))


def _shape(sizes: Shape, names: Sequence[str | None], channels_first: bool) -> ir.Shape:
    labels = [name if n is None else n for n, name in zip(sizes, names, strict=True)]
    return ir.Shape([labels[axis] for axis in order(len(labels), channels_first)])


def _as_value(emit: Emitter, symbol: Any, tensor: ir.Value, channels_first: bool, windows: bool) -> Value:
    """Returns an input as a `Value`. Inputs of windowed operations are transposed once, before anything else."""
    value = Value(tuple(symbol.shape), symbol.dtype, {channels_first and len(symbol.shape) > 2: tensor})
    if windows and value.rank > 3:
        value.make = lambda first: emit.rearranged(value, first)
    return value
