"""Which rule writes which operation: those of Keras, of `kerasconv.ops`, and the layers that are none of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from kerasconv.export.onnx_graph import elementwise, products, shapes, windows
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError
from kerasconv.export.onnx_graph.shapes import padded
from kerasconv.export.onnx_graph.values import Value

from kerasconv import geometry
from kerasconv.ops.symbolic import Function

Rule = Callable[..., Any]
"""Called with the emitter, what Keras knows of the output, and the arguments of the operation."""

_OPERATIONS = elementwise.RULES | shapes.RULES | products.RULES

_WINDOWED = {
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
"""Keras' operations with windows: the rule, and the attributes that are its arguments."""

_FUNCTIONS = {
    rule.__name__: rule
    for rule in (
        windows.adaptive_average_pool,
        windows.adaptive_max_pool,
        windows.average_pool,
        windows.conv,
        windows.conv_transpose,
        windows.depthwise_conv,
        windows.global_average_pool,
        windows.global_max_pool,
        windows.lp_pool,
        windows.max_pool,
        windows.max_unpool,
        windows.separable_conv,
    )
}


def _pad(
    emit: Emitter, out: Any, x: Value, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Value:
    """`kerasconv.ops.pad`."""
    pads = geometry.standardize_pairs(pad_width, x.rank)
    if pads is None:
        raise NoRuleError("pads that cut off, or one pair for all axes")
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    return padded(emit, out, x, pads, mode, constant_values or 0)


_LAYERS: tuple[tuple[Any, Rule], ...] = (
    (keras.layers.UpSampling1D, shapes.up_sampling),
    (keras.layers.UpSampling2D, shapes.up_sampling),
    (keras.layers.UpSampling3D, shapes.up_sampling),
)
"""Layers that compute with TensorFlow right away."""


def rule_for(operation: Any) -> Rule | None:
    """The rule for a layer or operation, ready to be called; `None` if there is none."""
    if isinstance(operation, Function):
        return _pad if operation.function == "pad" else _FUNCTIONS.get(operation.function)
    kind = type(operation)
    for layer, rule in _LAYERS:
        if kind is layer:
            return lambda emit, out, *args, **kwargs: rule(emit, operation, out, *args, **kwargs)
    if not kind.__module__.startswith("keras.src.") or isinstance(operation, keras.Layer):
        return None
    if kind.__name__ in _WINDOWED:
        rule, names = _WINDOWED[kind.__name__]
        options = {name: getattr(operation, name) for name in names}
        return lambda emit, out, *args: rule(emit, out, *args, **options)
    if kind.__name__ in _OPERATIONS:
        rule = _OPERATIONS[kind.__name__]
        return lambda emit, out, *args, **kwargs: rule(emit, operation, out, *args, **kwargs)
    return None
