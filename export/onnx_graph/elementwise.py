"""Operations that look at one cell at a time, in whichever order the axes stand."""

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
"""Keras' operations of one tensor that are one operator of ONNX."""

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
"""Keras' operations of two tensors that are one operator of ONNX."""

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
"""The same for those that give truth values."""

IDENTITIES = {"ConvertToTensor", "Copy", "StopGradient"}


def unary(emit: Emitter, op: Any, out: Any, x: Any) -> Value:
    """One operator of `UNARY`."""
    return _on_one(emit, out, x, lambda made: emit(UNARY[type(op).__name__], made))


def binary(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """One operator of `BINARY`."""
    return apply(emit, BINARY[type(op).__name__], out, [x1, x2])


def comparison(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """One operator of `COMPARISONS`."""
    dtypes = [x.dtype if isinstance(x, Value | keras.Variable) else type(x) for x in (x1, x2)]
    return apply(emit, COMPARISONS[type(op).__name__], out, [x1, x2], keras.backend.result_type(*dtypes))


def not_equal(emit: Emitter, op: Any, out: Any, x1: Any, x2: Any) -> Value:
    """ONNX has only `Equal`."""
    dtypes = [x.dtype if isinstance(x, Value | keras.Variable) else type(x) for x in (x1, x2)]
    equal = apply(emit, "Equal", out, [x1, x2], keras.backend.result_type(*dtypes))
    return _on_one(emit, out, equal, lambda made: emit("Not", made))


def where(emit: Emitter, op: Any, out: Any, condition: Any, x1: Any, x2: Any) -> Value:
    """A choice, cell by cell."""
    first = channels_first_for([condition, x1, x2], len(out.shape))
    operands = [
        emit.operand(x, dtype, len(out.shape), first)
        for x, dtype in ((condition, "bool"), (x1, out.dtype), (x2, out.dtype))
    ]
    return emit.value(emit("Where", *operands), out, first)


def identity(emit: Emitter, op: Any, out: Any, x: Value, *_: Any) -> Value:
    """Nothing."""
    return x


def cast(emit: Emitter, op: Any, out: Any, x: Value, *_: Any) -> Value:
    """Another dtype, if it is another one."""
    return x if x.dtype == out.dtype else _on_one(emit, out, x, lambda made: emit.cast(made, x.dtype, out.dtype))


def square(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x x`."""
    return _on_one(emit, out, x, lambda made: emit("Mul", made, made))


def rsqrt(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`1 / sqrt(x)`."""
    return _on_one(emit, out, x, lambda made: emit("Reciprocal", emit("Sqrt", made)))


def clip(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`min(max(x, x_min), x_max)`, with numbers for bounds."""
    if not all(isinstance(bound, int | float) for bound in (op.x_min, op.x_max)):
        raise NoRuleError("bounds that are tensors")
    return _clipped(emit, out, x, op.x_min, op.x_max)


def relu6(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`min(max(x, 0), 6)`."""
    return _clipped(emit, out, x, 0, 6)


def hard_tanh(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`min(max(x, -1), 1)`."""
    return _clipped(emit, out, x, -1, 1)


def relu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Keras' `ReLU`, with a slope, a ceiling and a threshold."""
    if op.threshold or (op.negative_slope and op.max_value is not None):
        raise NoRuleError("a threshold, or a slope with a ceiling")
    if op.max_value is not None:
        return _clipped(emit, out, x, 0, op.max_value)
    if op.negative_slope:
        return _on_one(emit, out, x, lambda made: emit("LeakyRelu", made, alpha=float(op.negative_slope)))
    return _on_one(emit, out, x, lambda made: emit("Relu", made))


def leaky_relu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`max(x, 0) + negative_slope min(x, 0)`."""
    return _on_one(emit, out, x, lambda made: emit("LeakyRelu", made, alpha=float(op.negative_slope)))


def elu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x` or `alpha (exp(x) - 1)`."""
    return _on_one(emit, out, x, lambda made: emit("Elu", made, alpha=float(op.alpha)))


def silu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x sigmoid(x)`."""
    return _on_one(emit, out, x, lambda made: emit("Mul", made, emit("Sigmoid", made)))


def hard_sigmoid(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`min(max(x / 6 + 1 / 2, 0), 1)`."""
    return _on_one(emit, out, x, lambda made: emit("HardSigmoid", made, alpha=1 / 6, beta=0.5))


def hard_silu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x hard_sigmoid(x)`."""
    if emit.opset >= 14:
        return _on_one(emit, out, x, lambda made: emit("HardSwish", made))
    return _on_one(emit, out, x, lambda made: emit("Mul", made, emit("HardSigmoid", made, alpha=1 / 6, beta=0.5)))


def celu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x` or `alpha (exp(x / alpha) - 1)`."""
    return _on_one(emit, out, x, lambda made: emit("Celu", made, alpha=float(op.alpha)))


def log_sigmoid(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`-softplus(-x)`."""
    return _on_one(emit, out, x, lambda made: emit("Neg", emit("Softplus", emit("Neg", made))))


def gelu(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """`x` times the distribution function of the normal distribution, exact or by a tanh (Hendrycks & Gimpel, 2016)."""

    def number(value: float) -> Any:
        return np.asarray(value, out.dtype)

    def call(made: ir.Value) -> ir.Value:
        if emit.opset >= 20:
            return emit("Gelu", made, approximate="tanh" if op.approximate else "none")
        if op.approximate:
            cube = emit("Mul", emit("Mul", made, made), made)
            inner = emit("Mul", emit("Add", made, emit("Mul", cube, number(0.044715))), number(math.sqrt(2 / math.pi)))
            bent = emit("Tanh", inner)
        else:
            bent = emit("Erf", emit("Mul", made, number(math.sqrt(0.5))))
        return emit("Mul", emit("Mul", made, number(0.5)), emit("Add", bent, number(1)))

    return _on_one(emit, out, x, call)


def apply(emit: Emitter, op_type: str, out: Any, operands: Sequence[Any], dtype: str | None = None) -> Value:
    """An operator on tensors and constants that broadcast; they take the dtype of the result unless told."""
    rank = len(out.shape)
    first = channels_first_for(operands, rank)
    made = [emit.operand(x, dtype or out.dtype, rank, first) for x in operands]
    return emit.value(emit(op_type, *made), out, first)


def channels_first_for(operands: Sequence[Any], rank: int) -> bool:
    """The order of the axes in which an operation on several tensors has the fewest of them to rearrange."""
    values = [x for x in operands if isinstance(x, Value) and x.rank == rank]
    missing = [sum(not _is_cheap(x, first) for x in values) for first in (False, True)]
    if rank < 3 or not values or missing[0] < missing[1]:
        return False
    if missing[1] < missing[0]:
        return True
    return rank > 3 and any(True in x.made or x.make is not None for x in values)


def _is_cheap(x: Value, channels_first: bool) -> bool:
    return channels_first in x.made or x.make is not None or set(x.shape[1:-1]) == {1}


def _clipped(emit: Emitter, out: Any, x: Value, low: float, high: float) -> Value:
    bounds = np.asarray(low, out.dtype), np.asarray(high, out.dtype)
    return _on_one(emit, out, x, lambda made: emit("Clip", made, *bounds))


def _on_one(emit: Emitter, out: Any, x: Any, call: Callable[[ir.Value], ir.Value]) -> Value:
    """An operation on one tensor, in the order in which it is there."""
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
