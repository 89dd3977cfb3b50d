"""Search for the first layer of an ONNX file whose output differs from that of the model."""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx

from kerasconv import structure
from kerasconv.export.onnx_file import Interface, from_layout, layer_values
from kerasconv.export.parity import LayerDifference, difference
from kerasconv.export.runtimes import ONNX, Runtime, run
from kerasconv.export.signature import Arrays, Signature


def first_difference(
    path: Path, runtime: Runtime, signature: Signature, interface: Interface, inputs: Arrays, tolerance: float
) -> LayerDifference | None:
    """Compares the outputs of the layers in the file and in the model on the same inputs.

    Args:
        path: An ONNX file. Its metadata property `kerasconv.layers` locates its layers.
        runtime: The runtime.
        signature: The model.
        interface: The file's inputs and outputs.
        inputs: The inputs, as the file takes them.
        tolerance: The largest relative difference that passes.

    Returns:
        The first layer that differs, in the order of the file's graph. `None` if no layer differs, or the file
        names no layers.

    Raises:
        ExportError: If the runtime cannot run the file with these outputs.
    """
    proto = onnx.load(path)
    tensors = layer_outputs(signature.model)
    places = {layer: place for layer, place in layer_values(proto).items() if layer in tensors}
    if not places:
        return None
    actual = _file_values(proto, runtime, [value for value, _ in places.values()], inputs)
    probe = keras.Model(signature.model.inputs, [tensors[layer] for layer in places])
    arrays = interface.inputs_to_model(inputs)
    expected = probe([arrays[spec.name] for spec in signature.inputs], training=False)
    for (layer, (value, moved)), tensor in zip(places.items(), expected, strict=True):
        want, got = np.asarray(tensor), from_layout(actual[value], moved)
        kind = type(structure.operation_of(tensors[layer])).__name__
        if got.shape != want.shape:
            return LayerDifference(layer=layer, kind=kind, shapes=(want.shape, got.shape))
        found = difference(got, want)
        if found.misplaced or found.relative > tolerance:
            return LayerDifference(**vars(found), layer=layer, kind=kind, shapes=(want.shape, got.shape))
    return None


def layer_outputs(model: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns the output of each layer of a functional model that has one output and is called once."""
    calls: dict[str, list[list[keras.KerasTensor]]] = {}
    for node in structure.nodes(model):
        calls.setdefault(node.operation.name, []).append(node.outputs)
    return {name: outputs[0][0] for name, outputs in calls.items() if len(outputs) == len(outputs[0]) == 1}


def _file_values(proto: onnx.ModelProto, runtime: Runtime, values: list[str], inputs: Arrays) -> Arrays:
    """Returns intermediate values by name, computed by a copy of the graph with these values as outputs."""
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=value) for value in dict.fromkeys(values))
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.onnx")
        onnx.save(proto, probe, save_as_external_data=True, location="weights")  # so that they may exceed 2 GB
        return run(runtime, ONNX, probe, [inputs])[0]
