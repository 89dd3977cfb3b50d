"""Conversion of operations without a rule: traced by TensorFlow, converted by tf2onnx, inlined in the graph."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import onnx
import onnx_ir as ir
import tensorflow as tf
import tf2onnx
from onnx import version_converter

from kerasconv import config
from kerasconv.export.onnx_graph.emitter import Emitter
from kerasconv.export.onnx_graph.values import Value

_NEWEST = 18  # the newest opset that tf2onnx writes


class TracingError(Exception):
    """Raised if an operation cannot be written in ONNX. The message names it and the reason."""


def traced(emit: Emitter, operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Writes a layer or operation as converted by tf2onnx, and returns its results.

    Raises:
        TracingError: If it cannot be converted.
    """
    values = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Value)]
    structure: list[Any] = []

    def call(*tensors: tf.Tensor) -> list[tf.Tensor]:
        by_value = {id(value): tensor for value, tensor in zip(values, tensors, strict=True)}
        new_args, new_kwargs = keras.tree.map_structure(lambda x: by_value.get(id(x), x), (args, kwargs))
        if isinstance(operation, keras.Layer) and "training" in inspect.signature(operation.call).parameters:
            new_kwargs["training"] = False
        with config.lowered():
            results = operation(*new_args, **new_kwargs)
        structure[:] = [results]
        return [tf.convert_to_tensor(x) for x in keras.tree.flatten(results)]

    specs = [tf.TensorSpec(value.shape, value.dtype, name=f"input_{i}") for i, value in enumerate(values)]
    try:
        function = tf.function(call, input_signature=specs, autograph=False)
        shapes = [(tuple(t.shape), t.dtype.name) for t in function.get_concrete_function().structured_outputs]
        with _quiet():
            proto, _ = tf2onnx.convert.from_function(function, specs, opset=min(emit.opset, _NEWEST))
        unknown = sorted({n.op_type for n in proto.graph.node if not n.domain and not onnx.defs.has(n.op_type)})
        if unknown:
            raise ValueError(f"ONNX has no operator for TensorFlow's {', '.join(unknown)}")
        if emit.opset > _NEWEST:
            proto = version_converter.convert_version(proto, emit.opset)
    except Exception as error:
        said = str(error).strip().splitlines()
        raise TracingError(
            f"{type(operation).__name__} {operation.name!r}: {said[0] if said else type(error).__name__}"
        ) from error
    name = operation.name if isinstance(operation, keras.Layer) else type(operation).__name__
    outputs = _inlined(emit, ir.from_proto(proto), [emit.get(value) for value in values], name)
    results = [Value(shape, dtype, {False: value}) for value, (shape, dtype) in zip(outputs, shapes, strict=True)]
    return keras.tree.pack_sequence_as(structure[0], results)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the log of tf2onnx, whose failures are raised as errors."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _inlined(emit: Emitter, model: ir.Model, inputs: list[ir.Value], name: str) -> list[ir.Value]:
    """Adds the nodes of another graph, and returns its outputs."""
    graph = model.graph
    for own, given in zip(list(graph.inputs), inputs, strict=True):
        ir.convenience.replace_all_uses_with(own, given, replace_graph_outputs=True)
    with emit.scope(name):
        for value in list(graph.initializers.values()):
            if value.const_value is None:
                raise TracingError(f"{name}: the initializer {value.name!r} has no value")
            constant = emit.constant(value.const_value.numpy(), "constant")
            ir.convenience.replace_all_uses_with(value, constant, replace_graph_outputs=True)
        outputs = list(graph.outputs)
        graph.outputs.clear()
        nodes = list(graph)
        graph.remove(nodes)
        for node in nodes:
            if node.op_type == "Identity":
                (source,) = node.inputs
                if source is None:
                    raise TracingError(f"{name}: an `Identity` has no input")
                ir.convenience.replace_all_uses_with(node.outputs[0], source)
                outputs = [source if value is node.outputs[0] else value for value in outputs]
                continue
            node.name = emit.name(node.op_type)
            for i, value in enumerate(node.outputs):
                value.name = node.name if i == 0 else f"{node.name}:{i}"
            emit.nodes.append(node)
    return outputs
