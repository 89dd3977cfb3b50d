"""Passes that merge nodes into the convolution before or after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir


def fold_biases(graph: ir.Graph) -> None:
    """Turns a constant per channel that is added to the output of a convolution into its bias."""
    for node in list(graph):
        if node.op_type != "Add":
            continue
        for given, constant in (node.inputs, node.inputs[::-1]):
            before, array = _producer(given), _array(constant)
            if (
                before is not None
                and constant is not None
                and before.op_type in ("Conv", "ConvTranspose")
                and (len(before.inputs) < 3 or before.inputs[2] is None)
                and _only(given, node)
                and array is not None
                and array.ndim > 2
                and array.shape == (1, array.size, *[1] * (array.ndim - 2))
                and array.size == _filters(before)
            ):
                bias = _initializer(graph, f"{constant.name}_bias", array.reshape(-1))
                _exchange(graph, node, _with(before, node, [*before.inputs[:2], bias]))
                break


def fold_batch_norms(graph: ir.Graph) -> None:
    """Merges batch normalisations into the convolutions before them, if these have no other consumer.

    `gamma (W x + b - mean) / sqrt(variance + epsilon) + beta` becomes `W' x + b'`.

    Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018, section 3.2.
    """
    for node in list(graph):
        if node.op_type != "BatchNormalization":
            continue
        before = _producer(node.inputs[0])
        if before is None or before.op_type not in ("Conv", "ConvTranspose") or not _only(node.inputs[0], node):
            continue
        arrays = [_array(value) for value in (*before.inputs[1:3], *node.inputs[1:])]
        weights = arrays[0]
        if weights is None or any(array is None for array in arrays[-4:]):
            continue
        gamma, beta, mean, variance = (array.astype(np.float64) for array in arrays[-4:])
        bias = arrays[1].astype(np.float64) if len(before.inputs) > 2 and arrays[1] is not None else 0.0
        factor = gamma / np.sqrt(variance + node.attributes["epsilon"].as_float())
        if before.op_type == "Conv":
            scaled = weights * factor.reshape(-1, *[1] * (weights.ndim - 1))
        else:  # (channels, filters / groups, *kernel): the filters of a group are at axis 1
            groups = before.attributes["group"].as_int() if "group" in before.attributes else 1
            by_group = weights.reshape(groups, -1, *weights.shape[1:])
            scaled = by_group * factor.reshape(groups, 1, -1, *[1] * (weights.ndim - 2))
            scaled = scaled.reshape(weights.shape)
        kernel = before.inputs[1]
        name = "" if kernel is None else kernel.name
        new = [
            _initializer(graph, f"{name}_folded", scaled.astype(weights.dtype)),
            _initializer(graph, f"{name}_folded_bias", (beta + (bias - mean) * factor).astype(weights.dtype)),
        ]
        _exchange(graph, node, _with(before, node, [before.inputs[0], *new]))


def fold_pads(graph: ir.Graph, web: bool) -> None:
    """Turns the zeros of a `Pad` into pads of the `Conv` after it. For the web the pads must be symmetric."""
    for node in list(graph):
        pad = _producer(node.inputs[0]) if node.op_type == "Conv" else None
        if pad is None or pad.op_type != "Pad":
            continue
        amounts = _array(pad.inputs[1])
        mode = pad.attributes["mode"].as_string() if "mode" in pad.attributes else "constant"
        value = _array(pad.inputs[2]) if len(pad.inputs) > 2 and pad.inputs[2] is not None else np.zeros(())
        if amounts is None or mode != "constant" or value is None or value != 0:
            continue
        lo, hi = np.split(amounts, 2)
        if (amounts < 0).any() or lo[:2].any() or hi[:2].any() or (web and (lo != hi).any()):
            continue
        own = node.attributes["pads"].as_ints() if "pads" in node.attributes else [0] * (len(amounts) - 4)
        pads = [int(n) for n in np.concatenate([lo[2:], hi[2:]]) + own]
        _exchange(graph, node, _with(node, node, [pad.inputs[0], *node.inputs[1:]], pads=pads))


def _filters(conv: ir.Node) -> int | None:
    weights = _array(conv.inputs[1])
    if weights is None:
        return None
    groups = conv.attributes["group"].as_int() if "group" in conv.attributes else 1
    return weights.shape[0] if conv.op_type == "Conv" else weights.shape[1] * groups


def _with(conv: ir.Node, last: ir.Node, inputs: Sequence[Any], **attributes: Any) -> ir.Node:
    """Returns a copy of `conv` with other inputs and with the output name of `last`."""
    attributes = {**conv.attributes, **{name: ir.AttrInt64s(name, value) for name, value in attributes.items()}}
    output = ir.Value(name=last.outputs[0].name)
    return ir.node(conv.op_type, inputs, attributes, outputs=[output], name=conv.name)


def _exchange(graph: ir.Graph, old: ir.Node, new: ir.Node) -> None:
    """Replaces a node by another, which takes over the shape, type and consumers of its output."""
    given, taken = old.outputs[0], new.outputs[0]
    taken.shape, taken.type = given.shape, given.type
    graph.insert_before(old, new)
    ir.convenience.replace_all_uses_with(given, taken, replace_graph_outputs=True)
    graph.remove(old, safe=True)


def _producer(value: ir.Value | None) -> ir.Node | None:
    return None if value is None else value.producer()


def _only(value: Any, node: ir.Node) -> bool:
    return not value.is_graph_output() and [use.node for use in value.uses()] == [node]


def _array(value: Any) -> Any:
    return None if value is None or value.const_value is None else value.const_value.numpy()


def _initializer(graph: ir.Graph, name: str, array: np.ndarray[Any, Any]) -> ir.Value:
    while name in graph.initializers:
        name += "_"
    tensor = ir.Tensor(np.ascontiguousarray(array), name=name)
    value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value
