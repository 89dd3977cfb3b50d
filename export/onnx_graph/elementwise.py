"""Elementwise operations, in either order of the axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import onnx_ir as ir

from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError
from kerasconv.export.onnx_graph.values import Value

UNARY = {
    "Absolute": "Abs",
    "Abs": "Abs",
    "Ceil": "Ceil",
    "Cos": "Cos",
    "Cosh": "Cosh",
    "Erf": "Erf",
    "Exp": "Exp",
    "Floor": "Floor",
    "Isnan": "IsNaN",
    "Log": "Log",
    "LogicalNot": "Not",
    "Negative": "Neg",
    "Reciprocal": "Reciprocal",
    "Relu": "Relu",
    "Round": "Round",
    "Selu": "Selu",
    "Sigmoid": "Sigmoid",
    "Sign": "Sign",
    "Sin": "Sin",
    "Sinh": "Sinh",
    "Softplus": "Softplus",
    "Softsign": "Softsign",
    "Sqrt": "Sqrt",
    "Tan": "Tan",
    "Tanh": "Tanh",
}
"""Keras' unary operations, each with its ONNX operator."""

BINARY = {
    "Add": "Add",
    "Divide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Multiply": "Mul",
    "Power": "Pow",
    "Subtract": "Sub",
    "TrueDivide": "Div",
}
"""Keras' binary operations, each with its ONNX operator."""

COMPARISONS = {
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
    "LogicalXor": "Xor",
}
"""Keras' comparisons and logical operations, each with its ONNX operator."""

IDENTITIES = {"ConvertToTensor", "Copy", "StopGradient"}


def unary(emit: Emitter, op: Any, out: Any, x: Any) -> Value:
    """Writes an operator of `UNARY`."""
    return _on_one(emit, out, x, lambda tensor: emit(UNARY[type(op).__name__], tensor))


def binary(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """Writes an operator of `BINARY`."""
    return apply(emit, BINARY[type(op).__name__], out, [x1, x2])


def comparison(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """Writes an operator of `COMPARISONS`."""
    dtypes = [x.dtype if isinstance(x, Value | keras.Variable) else type(x) for x in (x1, x2)]
    return apply(emit, COMPARISONS[type(op).__name__], out, [x1, x2], keras.backend.result_type(*dtypes))


def not_equal(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """Writes `Equal` and `Not`, since ONNX has no `NotEqual`."""
    dtypes = [x.dtype if isinstance(x, Value | keras.Variable) else type(x) for x in (x1, x2)]
    equal = apply(emit, "Equal", out, [x1, x2], keras.backend.result_type(*dtypes))
    return _on_one(emit, out, equal, lambda tensor: emit("Not", tensor))


def where(emit: Emitter, op: Any, out: Any, condition: Any, x1: Any, x2: Any) -> Value:
    """Writes an elementwise choice between two tensors."""
    first = channels_first_for([condition, x1, x2], len(out.shape))
    operands = [
        emit.operand(x, dtype, len(out.shape), first)
        for x, dtype in ((condition, "bool"), (x1, out.dtype), (x2, out.dtype))
    ]
    return emit.value(emit("Where", *operands), out, first)


def identity(emit: Emitter, op: Any, out: Any, x: Value, *_: Any) -> Value:
    """Returns the input."""
    return x


def cast(emit: Emitter, op: Any, out: Any, x: Value, *_: Any) -> Value:
    """Writes a cast, unless the dtype is the same."""
    return x if x.dtype == out.dtype else _on_one(emit, out, x, lambda tensor: emit.cast(tensor, x.dtype, out.dtype))


def square(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x x`."""
    return _on_one(emit, out, x, lambda tensor: emit("Mul", tensor, tensor))


def rsqrt(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `1 / sqrt(x)`."""
    return _on_one(emit, out, x, lambda tensor: emit("Reciprocal", emit("Sqrt", tensor)))


def clip(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `min(max(x, x_min), x_max)` for bounds that are numbers."""
    if not all(isinstance(bound, int | float) for bound in (op.x_min, op.x_max)):
        raise NoRuleError("bounds that are tensors")
    return _clipped(emit, out, x, op.x_min, op.x_max)


def relu6(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `min(max(x, 0), 6)`."""
    return _clipped(emit, out, x, 0, 6)


def hard_tanh(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `min(max(x, -1), 1)`."""
    return _clipped(emit, out, x, -1, 1)


def relu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes Keras' `ReLU` with its slope or maximum."""
    if op.threshold or (op.negative_slope and op.max_value is not None):
        raise NoRuleError("a threshold, or a slope with a ceiling")
    if op.max_value is not None:
        return _clipped(emit, out, x, 0, op.max_value)
    if op.negative_slope:
        return _on_one(emit, out, x, lambda tensor: emit("LeakyRelu", tensor, alpha=float(op.negative_slope)))
    return _on_one(emit, out, x, lambda tensor: emit("Relu", tensor))


def leaky_relu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `max(x, 0) + negative_slope min(x, 0)`."""
    return _on_one(emit, out, x, lambda tensor: emit("LeakyRelu", tensor, alpha=float(op.negative_slope)))


def elu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x`, or `alpha (exp(x) - 1)` for negative numbers."""
    return _on_one(emit, out, x, lambda tensor: emit("Elu", tensor, alpha=float(op.alpha)))


def silu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x sigmoid(x)`."""
    return _on_one(emit, out, x, lambda tensor: emit("Mul", tensor, emit("Sigmoid", tensor)))


def hard_sigmoid(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `min(max(x / 6 + 1 / 2, 0), 1)`."""
    return _on_one(emit, out, x, lambda tensor: emit("HardSigmoid", tensor, alpha=1 / 6, beta=0.5))


def hard_silu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x hard_sigmoid(x)`."""
    if emit.opset >= 14:
        return _on_one(emit, out, x, lambda tensor: emit("HardSwish", tensor))
    return _on_one(emit, out, x, lambda tensor: emit("Mul", tensor, emit("HardSigmoid", tensor, alpha=1 / 6, beta=0.5)))


def celu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x`, or `alpha (exp(x / alpha) - 1)` for negative numbers."""
    return _on_one(emit, out, x, lambda tensor: emit("Celu", tensor, alpha=float(op.alpha)))


def log_sigmoid(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `-softplus(-x)`."""
    return _on_one(emit, out, x, lambda tensor: emit("Neg", emit("Softplus", emit("Neg", tensor))))


def gelu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `x` times the normal distribution function, exact or by tanh (Hendrycks & Gimpel, 2016)."""

    def number(value: float) -> Any:
        return np.asarray(value, out.dtype)

    def call(tensor: ir.Value) -> ir.Value:
        if emit.opset >= 20:
            return emit("Gelu", tensor, approximate="tanh" if op.approximate else "none")
        if op.approximate:
            cube = emit("Mul", emit("Mul", tensor, tensor), tensor)
            inner = emit(
                "Mul", emit("Add", tensor, emit("Mul", cube, number(0.044715))), number(math.sqrt(2 / math.pi))
            )
            nonlinear = emit("Tanh", inner)
        else:
            nonlinear = emit("Erf", emit("Mul", tensor, number(math.sqrt(0.5))))
        return emit("Mul", emit("Mul", tensor, number(0.5)), emit("Add", nonlinear, number(1)))

    return _on_one(emit, out, x, call)


def apply(emit: Emitter, op_type: str, out: Any, operands: Sequence[Any], dtype: str | None = None) -> Value:
    """Writes an operator on broadcast tensors and constants, cast to `dtype` or to that of the result."""
    rank = len(out.shape)
    first = channels_first_for(operands, rank)
    tensors = [emit.operand(x, dtype or out.dtype, rank, first) for x in operands]
    return emit.value(emit(op_type, *tensors), out, first)


def channels_first_for(operands: Sequence[Any], rank: int) -> bool:
    """Returns the order of axes in which the fewest operands need a transposition."""
    values = [x for x in operands if isinstance(x, Value) and x.rank == rank]
    missing = [sum(not _is_cheap(x, first) for x in values) for first in (False, True)]
    if rank < 3 or not values or missing[0] < missing[1]:
        return False
    if missing[1] < missing[0]:
        return True
    return rank > 3 and any(True in x.onnx or x.make is not None for x in values)


def _is_cheap(x: Value, channels_first: bool) -> bool:
    return channels_first in x.onnx or x.make is not None or set(x.shape[1:-1]) == {1}


def _clipped(emit: Emitter, out: Any, x: Value, low: float, high: float) -> Value:
    bounds = np.asarray(low, out.dtype), np.asarray(high, out.dtype)
    return _on_one(emit, out, x, lambda tensor: emit("Clip", tensor, *bounds))


def _on_one(emit: Emitter, out: Any, x: Any, call: Callable[[ir.Value], ir.Value]) -> Value:
    """Writes a unary operation in the order of axes that the tensor has."""
    if not isinstance(x, Value):
        raise NoRuleError("a constant input")
    first = channels_first_for([x], x.rank)
    return emit.value(call(emit.get(x, first)), out, first)


RULES: dict[str, Callable[..., Value]] = {
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys(BINARY, binary),
    **dict.fromkeys(COMPARISONS, comparison),
    **dict.fromkeys(IDENTITIES, identity),
    "Cast": cast,
    "Celu": celu,
    "Clip": clip,
    "Elu": elu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSilu": hard_silu,
    "HardTanh": hard_tanh,
    "LeakyRelu": leaky_relu,
    "LogSigmoid": log_sigmoid,
    "NotEqual": not_equal,
    "ReLU": relu,
    "Relu6": relu6,
    "Rsqrt": rsqrt,
    "Silu": silu,
    "Square": square,
    "Where": where,
}
"""The rule for each of Keras' operations, by the name of its class."""
