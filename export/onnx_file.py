"""Reading and checking ONNX files, without running them and without reading files outside their folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import onnx
from onnx.external_data_helper import uses_external_data

from kerasconv.export.errors import ExportError
from kerasconv.export.signature import Arrays, Signature

LAYERS_PROPERTY = "kerasconv.layers"
"""The metadata property that locates layers: `{layer: {"value": name, "layout": layout}}`, in graph order.

`value` is the name of an ONNX value that holds the layer's output. The layout `"channels_first"` means that its last
axis is at position 1 there, and `"channels_last"` that the axes are in the order of Keras.
"""

LAYOUT_PROPERTY = "kerasconv.layout"
"""The metadata property with the layout of the file's inputs and outputs that have three axes or more."""


@dataclass(frozen=True)
class Port:
    """An input or output of an ONNX file, and its counterpart in the model.

    Attributes:
        name: Its name in the file.
        model_name: Its name in the model.
        moved: Whether the file has the model's last axis at position 1, if there are three or more.
    """

    name: str
    model_name: str
    moved: bool


Ports = tuple[Port, ...]


@dataclass(frozen=True)
class Interface:
    """The correspondence of a file's inputs and outputs to those of the model."""

    inputs: Ports
    outputs: Ports

    def inputs_to_file(self, arrays: Arrays) -> Arrays:
        """Converts the model's inputs to those of the file."""
        return {port.name: to_layout(arrays[port.model_name], port.moved) for port in self.inputs}

    def outputs_to_file(self, arrays: Arrays) -> Arrays:
        """Converts the model's outputs to those of the file."""
        return {port.name: to_layout(arrays[port.model_name], port.moved) for port in self.outputs}

    def inputs_to_model(self, arrays: Arrays) -> Arrays:
        """Converts the file's inputs to those of the model."""
        return {port.model_name: from_layout(arrays[port.name], port.moved) for port in self.inputs}


def to_layout(array: np.ndarray[Any, Any], moved: bool) -> np.ndarray[Any, Any]:
    """Transposes `(batch, ..., channels)` to `(batch, channels, ...)` if `moved` and there are three axes or more."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if moved and array.ndim > 2 else array


def from_layout(array: np.ndarray[Any, Any], moved: bool) -> np.ndarray[Any, Any]:
    """Reverses `to_layout`."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)) if moved and array.ndim > 2 else array


def read_onnx(path: Path) -> onnx.ModelProto:
    """Reads the graph in an ONNX file, without external data.

    Raises:
        ExportError: If it is not an ONNX file, refers to files that are missing or outside its folder, or has damaged
            metadata.
    """
    try:
        proto = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ExportError(
            f"verify: the ONNX file must run. Received: path={str(path)!r}, which fails: {error}"
        ) from error
    check_external_data(proto, path)
    layer_values(proto)  # raises if the metadata are damaged
    return proto


def check_external_data(proto: onnx.ModelProto, path: Path) -> None:
    """Checks that the external data of a file are in its own folder.

    Args:
        proto: The graph, loaded without its external data.
        path: Its file.

    Raises:
        ExportError: If a location is outside the folder, or the file does not exist.
    """
    folder = path.absolute().parent
    for location in external_locations(proto):
        parts = PureWindowsPath(location)  # splits at both kinds of slashes
        file = folder / location
        if parts.anchor or ".." in parts.parts or not file.resolve().is_relative_to(folder.resolve()):
            raise ExportError(
                f"verify: the external data of an ONNX file must stand in its own folder. Received: "
                f"path={str(path)!r}, whose weights are at {location!r}."
            )
        if not file.is_file():
            raise ExportError(
                f"verify: the external data of an ONNX file must stand beside it. Received: path={str(path)!r}, whose "
                f"weights are in {location!r}, which does not exist."
            )


def external_locations(proto: onnx.ModelProto) -> list[str]:
    """Returns the locations of the external data of an ONNX file, each once."""
    tensors = [*_graph_tensors(proto.graph)]
    for function in proto.functions:
        tensors += _node_tensors(function.node)
    found = [
        {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        for tensor in tensors
        if uses_external_data(tensor)
    ]
    return list(dict.fromkeys(found))


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Any) -> Iterator[onnx.TensorProto]:
    """Yields the tensors in the attributes of nodes, including those of subgraphs."""
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _graph_tensors(graph)


def layer_values(proto: onnx.ModelProto) -> dict[str, tuple[str, bool]]:
    """Returns for each layer, in graph order, the value with its output and whether the last axis was moved.

    Raises:
        ExportError: If the metadata are damaged.
    """
    text = _metadata(proto).get(LAYERS_PROPERTY, "{}")
    try:
        return {
            layer: (place["value"], ("channels_last", "channels_first").index(place["layout"]) == 1)
            for layer, place in json.loads(text).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f'verify: the metadata {LAYERS_PROPERTY!r} must be JSON, {{layer: {{"value": name, "layout": '
            f'"channels_first" or "channels_last"}}}}. Received: {text[:80]!r}.'
        ) from error


def interface(proto: onnx.ModelProto, signature: Signature) -> Interface:
    """Matches a file's inputs and outputs with those of a model, by name or otherwise by order.

    Raises:
        ExportError: If their numbers differ.
    """
    weights = {tensor.name for tensor in proto.graph.initializer}  # before IR version 4 they are inputs, too
    inputs = [value.name for value in proto.graph.input if value.name not in weights]
    moved = _metadata(proto).get(LAYOUT_PROPERTY) == "channels_first"
    return Interface(
        _ports("inputs", [spec.name for spec in signature.inputs], inputs, moved),
        _ports("outputs", signature.outputs, [value.name for value in proto.graph.output], moved),
    )


def _ports(kind: str, names: Sequence[str], in_file: Sequence[str], moved: bool) -> Ports:
    if set(names) <= set(in_file) and (kind == "outputs" or len(names) == len(in_file)):
        in_file = names
    elif len(names) != len(in_file):
        raise ExportError(
            f"verify: the artifact must have the {kind} of its model, {', '.join(map(repr, names))}. "
            f"Received: {', '.join(map(repr, in_file)) or 'none'}."
        )
    return tuple(Port(name, model_name, moved) for name, model_name in zip(in_file, names, strict=True))


def _metadata(proto: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in proto.metadata_props}


def fixed_batch_size(proto: onnx.ModelProto) -> int | None:
    """Returns the batch size that a file is fixed to, or `None` if it takes any."""
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].HasField("dim_value"):
            return int(dims[0].dim_value)
    return None
