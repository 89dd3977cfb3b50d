"""Changes to `saved_model.pb` after `tf.saved_model.save`."""

from __future__ import annotations

from pathlib import Path

from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from kerasconv import structure
from kerasconv.export.errors import ExportError
from kerasconv.export.scopes import layers_of
from kerasconv.export.signature import Signature

_PYTHON = ("EagerPyFunc", "PyFunc", "PyFuncStateless")
"""TensorFlow's operators that call a Python function in the process that created them."""


def postprocess(path: Path, signature: Signature) -> None:
    """Checks and completes a SavedModel that was just written.

    Raises:
        ExportError: If it has an operator that calls Python.
    """
    file = path / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in proto.meta_graphs:
        _check_operators(graph.graph_def, signature)
        _name_classify(graph)
        _differentiate_again(graph.graph_def)
    file.write_bytes(proto.SerializeToString(deterministic=True))


def _check_operators(graph: graph_pb2.GraphDef, signature: Signature) -> None:
    """Raises if there is an operator that other processes cannot run."""
    nodes = (node for function in graph.library.function for node in function.node_def)
    found = [node.name for node in nodes if node.op in _PYTHON]
    if found:
        named = layers_of(signature, found)
        callers = f"whose layers {named} call" if named else "which calls"
        raise ExportError(
            "to_saved_model: every layer must consist of TensorFlow's operators, and call no Python when it runs. "
            "Write a custom layer with `keras.ops`, or leave it out of the exported model. "
            f"Received: model {signature.model.name!r}, {callers} Python."
        )


def _name_classify(graph: meta_graph_pb2.MetaGraphDef) -> None:
    """Marks `classify` as a classification, since TensorFlow writes every signature as a prediction."""
    if "classify" in graph.signature_def:
        graph.signature_def["classify"].method_name = "tensorflow/serving/classify"


def _differentiate_again(graph: graph_pb2.GraphDef) -> None:
    """Makes the gradients of gradients those of TensorFlow's operators.

    `tf.custom_gradient` passes a result through `IdentityN`, with the name of its gradient. A SavedModel stores the
    gradients of the model but not the gradients of those, whose names would be unknown. Without a name, TensorFlow
    differentiates the operators that computed the result, which in an export are its own.
    """
    stored = {gradient.registered_op_type.encode() for gradient in graph.library.registered_gradients}
    for function in graph.library.function:
        for node in function.node_def:
            if node.op == "IdentityN" and node.attr[structure.GRADIENT_ATTRIBUTE].s not in stored:
                del node.attr[structure.GRADIENT_ATTRIBUTE]
