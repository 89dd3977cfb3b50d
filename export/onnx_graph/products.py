"""Matrix products, normalisation, and other operations over the channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from kerasconv.export.onnx_graph.elementwise import channels_first_for
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError, to_array
from kerasconv.export.onnx_graph.shapes import reduced
from kerasconv.export.onnx_graph.values import Value, known_sizes, order, physical_axis


def matmul(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """Writes a matrix product.

    A product with a weight becomes a `Conv` of kernel size 1 if the channels are at axis 1. If they were at axis 1
    before the tensor was flattened, the rows of the weight are permuted.
    """
    if isinstance(x1, Value) and not isinstance(x2, Value):
        w = to_array(x2)
        if w.ndim == 2 and x1.channels_first:
            rank = x1.rank - 2
            kernel = emit.constant(w.T.reshape(*w.T.shape, *[1] * rank), "kernel")
            return emit.value(emit("Conv", emit.get(x1, True), kernel, kernel_shape=[1] * rank), out, True)
        source = x1.flattened
        sizes = None if source is None else known_sizes(source.shape[1:])
        if w.ndim == 2 and source is not None and sizes is not None and source.channels_first:
            axes = order(source.rank, True)
            rows = np.arange(w.shape[0]).reshape(sizes).transpose([axis - 1 for axis in axes[1:]]).reshape(-1)
            flat = emit("Flatten", emit.get(source, True), axis=1)
            return emit.value(emit("MatMul", flat, emit.constant(w[rows], "kernel")), out)
        return emit.value(emit("MatMul", emit.get(x1), emit.constant(w, "kernel")), out)
    operands = [emit.get(x) if isinstance(x, Value) else emit.constant(to_array(x)) for x in (x1, x2)]
    return emit.value(emit("MatMul", *operands), out)


def dot(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """Writes a product with a matrix, for which `dot` is the same as `matmul`."""
    if isinstance(x2, Value) or to_array(x2).ndim != 2:
        raise NoRuleError("a product of tensors with more axes")
    return matmul(emit, op, out, x1, x2)


def einsum(emit: Emitter, op: Any, out: Any, *operands: Any) -> Value:
    """Writes an `Einsum` with a lower-case letter for each axis."""
    if "..." in op.subscripts or not op.subscripts.replace(" ", "").replace("->", ",").replace(",", "").islower():
        raise NoRuleError("an ellipsis, or capital letters")
    tensors = [emit.get(x) if isinstance(x, Value) else emit.constant(to_array(x), "kernel") for x in operands]
    return emit.value(emit("Einsum", *tensors, equation=op.subscripts.replace(" ", "")), out)


def batch_normalization(
    emit: Emitter, op: Any, out: Any, x: Value, mean: Any, variance: Any, offset: Any = None, scale: Any = None
) -> Value:
    """Writes `BatchNormalization` with fixed moments, or a product and a sum if the channels are not at axis 1."""
    mean, variance = to_array(mean), to_array(variance)
    gain = np.ones_like(mean) if scale is None else to_array(scale)
    shift = np.zeros_like(mean) if offset is None else to_array(offset)
    axis = (op.axis[0] if isinstance(op.axis, list | tuple) else op.axis) % x.rank
    first = channels_first_for([x], x.rank)
    if physical_axis(axis, x.rank, first) == 1 and x.rank > 1:
        parameters = [
            emit.constant(array.astype(out.dtype), name)
            for array, name in ((gain, "gamma"), (shift, "beta"), (mean, "mean"), (variance, "variance"))
        ]
        y = emit("BatchNormalization", emit.get(x, first), *parameters, epsilon=float(op.epsilon))
        return emit.value(y, out, first)
    factor = (gain / np.sqrt(variance + op.epsilon)).astype(out.dtype)
    shape = [-1 if a == axis else 1 for a in order(x.rank, first)]
    scaled = emit("Mul", emit.get(x, first), factor.reshape(shape))
    return emit.value(emit("Add", scaled, (shift - mean * factor).astype(out.dtype).reshape(shape)), out, first)


def layer_normalization(emit: Emitter, op: Any, out: Any, x: Value, gamma: Any = None, beta: Any = None) -> Value:
    """Writes `LayerNormalization`, or its formula if the channels are at axis 1 or the opset is older."""
    axes = [a % x.rank for a in (op.axis if isinstance(op.axis, list | tuple) else [op.axis])]
    if op.rms_scaling or sorted(axes) != list(range(x.rank - len(axes), x.rank)):
        raise NoRuleError("a normalisation over other axes than the last")
    dims = [x.shape[axis] for axis in sorted(axes)]
    gain = np.ones(dims, out.dtype) if gamma is None else to_array(gamma).reshape(dims)
    shift = np.zeros(dims, out.dtype) if beta is None else to_array(beta).reshape(dims)
    if emit.opset >= 17 and not x.channels_first:
        parameters = emit.constant(gain, "gamma"), emit.constant(shift, "beta")
        y = emit("LayerNormalization", emit.get(x), *parameters, axis=-len(axes), epsilon=float(op.epsilon))
        return emit.value(y, out)
    first = x.channels_first
    tensor = emit.get(x, first)
    physical = [physical_axis(axis, x.rank, first) for axis in axes]
    centred = emit("Sub", tensor, emit.reduce("ReduceMean", tensor, physical, True))
    variance = emit.reduce("ReduceMean", emit("Mul", centred, centred), physical, True)
    deviation = emit("Sqrt", emit("Add", variance, np.asarray(op.epsilon, out.dtype)))
    normal = emit("Div", centred, deviation)
    y = emit("Mul", normal, emit.operand(gain, out.dtype, x.rank, first))
    return emit.value(emit("Add", y, emit.operand(shift, out.dtype, x.rank, first)), out, first)


def moments(emit: Emitter, op: Any, out: Any, x: Value) -> list[Value]:
    """Writes the mean and variance over axes."""
    axes = [axis % x.rank for axis in (op.axes if isinstance(op.axes, list | tuple) else [op.axes])]
    mean_of, variance_of = out
    first = channels_first_for([x], x.rank)
    tensor = emit.get(x, first)
    physical = [physical_axis(axis, x.rank, first) for axis in axes]
    centred = emit("Sub", tensor, emit.reduce("ReduceMean", tensor, physical, True))
    squares = Value(x.shape, x.dtype, {first: emit("Mul", centred, centred)})
    return [
        reduced(emit, "ReduceMean", like, of, axes, op.keepdims) for like, of in ((mean_of, x), (variance_of, squares))
    ]


def softmax(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `exp(x) / sum(exp(x))` over an axis."""
    return _over_axis(emit, "Softmax", op.axis, out, x)


def log_softmax(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes the logarithm of the softmax."""
    return _over_axis(emit, "LogSoftmax", op.axis, out, x)


def _over_axis(emit: Emitter, op_type: str, axis: Any, out: Any, x: Value) -> Value:
    if not isinstance(axis, int):
        raise NoRuleError("a softmax over several axes")
    first = channels_first_for([x], x.rank)
    return emit.value(emit(op_type, emit.get(x, first), axis=physical_axis(axis, x.rank, first)), out, first)


def attention(
    emit: Emitter,
    op: Any,
    out: Any,
    query: Value,
    key: Value,
    value: Value,
    bias: Any = None,
    mask: Any = None,
    scale: Any = None,
) -> Value:
    """Writes `softmax(q k^T scale) v` for tensors `(batch, steps, heads, size)` (Vaswani et al., 2017)."""
    if bias is not None or mask is not None or op.is_causal or op.attn_logits_soft_cap:
        raise NoRuleError("attention with a mask or a bias")
    size = query.shape[-1]
    if size is None:
        raise NoRuleError("heads of unknown size")
    factor = np.asarray(1 / math.sqrt(size) if scale is None else scale, out.dtype)
    q, k, v = (emit.get(x) for x in (query, key, value))
    scores = emit("Einsum", emit("Mul", q, factor), k, equation="bqhd,bkhd->bhqk")
    weights: ir.Value = emit("Softmax", scores, axis=-1)
    return emit.value(emit("Einsum", weights, v, equation="bhqk,bkhd->bqhd"), out)


RULES: dict[str, Callable[..., Any]] = {
    "BatchNorm": batch_normalization,
    "Dot": dot,
    "DotProductAttention": attention,
    "Einsum": einsum,
    "LayerNorm": layer_normalization,
    "LogSoftmax": log_softmax,
    "Matmul": matmul,
    "Moments": moments,
    "Softmax": softmax,
}
"""The rule for each of Keras' operations, by the name of its class."""
