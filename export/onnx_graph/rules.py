"""The rules for operations of Keras and of `kerasconv.ops`, and for some layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from kerasconv import geometry, structure
from kerasconv.export.onnx_graph import elementwise, products, shapes, windows
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError
from kerasconv.export.onnx_graph.shapes import padded
from kerasconv.export.onnx_graph.values import Value
from kerasconv.ops.symbolic import Function

Rule = Callable[..., Any]
"""A function of the emitter, the symbolic output of Keras, and the arguments of the operation."""

_OPERATIONS: dict[str, Rule] = elementwise.RULES | shapes.RULES | products.RULES

_WINDOWED: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "AdaptiveAveragePool": (windows.adaptive_average_pool, ("output_size", "data_format")),
    "AdaptiveMaxPool": (windows.adaptive_max_pool, ("output_size", "data_format")),
    "AveragePool": (windows.average_pool, ("pool_size", "strides", "padding", "data_format")),
    "Conv": (windows.conv, ("strides", "padding", "data_format", "dilation_rate")),
    "ConvTranspose": (
        windows.conv_transpose,
        ("strides", "padding", "output_padding", "data_format", "dilation_rate"),
    ),
    "DepthwiseConv": (windows.depthwise_conv, ("strides", "padding", "data_format", "dilation_rate")),
    "MaxPool": (windows.max_pool, ("pool_size", "strides", "padding", "data_format")),
    "SeparableConv": (windows.separable_conv, ("strides", "padding", "data_format", "dilation_rate")),
}
"""Keras' windowed operations: the rule, and the attributes that are its arguments."""


def _pad(
    emit: Emitter, out: Any, x: Value, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Value:
    """Writes `kerasconv.ops.pad`."""
    pads = geometry.standardize_pairs(pad_width, x.rank)
    if pads is None:
        raise NoRuleError("pads that cut off, or one pair for all axes")
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    return padded(emit, out, x, pads, mode, constant_values or 0)


_FUNCTIONS: dict[str, Rule] = {
    "adaptive_average_pool": windows.adaptive_average_pool,
    "adaptive_max_pool": windows.adaptive_max_pool,
    "average_pool": windows.average_pool,
    "conv": windows.conv,
    "conv_transpose": windows.conv_transpose,
    "depthwise_conv": windows.depthwise_conv,
    "global_average_pool": windows.global_average_pool,
    "global_max_pool": windows.global_max_pool,
    "lp_pool": windows.lp_pool,
    "max_pool": windows.max_pool,
    "max_unpool": windows.max_unpool,
    "separable_conv": windows.separable_conv,
    "pad": _pad,
}
"""The rules for the functions of `kerasconv.ops`."""

_LAYERS: tuple[tuple[Any, Rule], ...] = (
    (keras.layers.UpSampling1D, shapes.up_sampling),
    (keras.layers.UpSampling2D, shapes.up_sampling),
    (keras.layers.UpSampling3D, shapes.up_sampling),
)
"""The rules for layers that call TensorFlow directly instead of operations."""


@dataclass(frozen=True)
class Application:
    """A rule for a layer or operation, ready to be called.

    Attributes:
        rule: The rule.
        operation: The layer or operation, if the rule needs it besides the arguments.
        options: Arguments that the operation stores as attributes.
    """

    rule: Rule
    operation: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, emit: Emitter, out: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Writes the operation.

        Raises:
            NoRuleError: If the rule does not support these arguments.
        """
        context = (emit, out) if self.operation is None else (emit, self.operation, out)
        try:
            bound = inspect.signature(self.rule).bind(*context, *args, **self.options, **kwargs)
        except TypeError as error:
            raise NoRuleError(f"arguments of other names: {error}") from error
        return self.rule(*bound.args, **bound.kwargs)


def rule_for(operation: Any) -> Application | None:
    """Returns the rule for a layer or operation; `None` if there is none."""
    if isinstance(operation, Function):
        return Application(_FUNCTIONS[operation.function]) if operation.function in _FUNCTIONS else None
    kind = type(operation)
    for layer, rule in _LAYERS:
        if kind is layer:
            return Application(rule, operation)
    if isinstance(operation, keras.Layer) or not structure.is_keras_own(kind):
        return None
    if kind.__name__ in _WINDOWED:
        rule, names = _WINDOWED[kind.__name__]
        return Application(rule, options={name: getattr(operation, name) for name in names})
    if kind.__name__ in _OPERATIONS:
        return Application(_OPERATIONS[kind.__name__], operation)
    return None
