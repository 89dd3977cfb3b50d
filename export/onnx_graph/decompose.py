"""Layers as sequences of operations, including layers whose `call` rejects symbolic tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasconv import ops


def call_of(layer: keras.Layer) -> Callable[..., Any]:
    """Returns the inference of a layer as a function of symbolic tensors, as far as the layer supports them."""
    for kinds, call in _CALLS:
        if type(layer) in kinds:
            return lambda *args, **_: call(layer, *args)
    if "training" in inspect.signature(layer.call).parameters:
        return lambda *args, **kwargs: layer.call(*args, **(kwargs | {"training": False}))
    return lambda *args, **kwargs: layer.call(*args, **{k: v for k, v in kwargs.items() if k != "training"})


def _activation(layer: Any, x: Any) -> Any:
    """Computes `Activation`."""
    return _activated(layer.activation, x)


def _activated(activation: Any, x: Any) -> Any:
    """Applies an activation. Two of Keras' reject symbolic tensors, so their operations are used."""
    if activation is None:
        return x
    if activation is keras.activations.hard_silu:
        return keras.ops.hard_silu(x)
    if activation is keras.activations.mish:
        return x * keras.ops.tanh(keras.ops.softplus(x))
    return activation(x)


def _convolution(layer: Any, x: Any) -> Any:
    """Computes a stock convolution. The symbolic operation of Keras rejects groups."""
    arguments = (layer.strides, layer.padding, layer.data_format, layer.dilation_rate)
    conv = ops.conv if layer.groups > 1 else keras.ops.conv
    y = conv(x, layer.kernel, *arguments)
    if layer.use_bias:
        channels = (1, -1, *[1] * layer.rank) if layer.data_format == "channels_first" else (-1,)
        y = y + keras.ops.reshape(layer.bias, channels)
    return _activated(layer.activation, y)


def _adaptive_average_pooling(layer: Any, x: Any) -> Any:
    """Computes adaptive average pooling. The symbolic operation of Keras has a wrong shape."""
    return ops.adaptive_average_pool(x, layer.output_size, layer.data_format)


def _adaptive_max_pooling(layer: Any, x: Any) -> Any:
    """Computes adaptive max pooling."""
    return ops.adaptive_max_pool(x, layer.output_size, layer.data_format)


def _batch_normalization(layer: Any, x: Any, mask: Any = None) -> Any:
    """Computes `BatchNormalization`. The symbolic operation of Keras needs both gamma and beta."""
    mean, variance = layer.moving_mean, layer.moving_variance
    beta = layer.beta if layer.center else np.zeros(mean.shape, mean.dtype)
    gamma = layer.gamma if layer.scale else np.ones(mean.shape, mean.dtype)
    return keras.ops.batch_normalization(x, mean, variance, layer.axis, beta, gamma, layer.epsilon)


def _rescaling(layer: Any, x: Any) -> Any:
    """Computes `Rescaling`."""
    scaled = keras.ops.cast(x, layer.compute_dtype) * np.asarray(layer.scale, layer.compute_dtype)
    return scaled + np.asarray(layer.offset, layer.compute_dtype) if np.any(layer.offset) else scaled


def _normalization(layer: Any, x: Any) -> Any:
    """Computes `Normalization`, or its inverse."""
    mean, variance = (keras.ops.convert_to_numpy(weight) for weight in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    x = keras.ops.cast(x, layer.compute_dtype)
    return x * deviation + mean if layer.invert else (x - mean) / deviation


_stock = keras.layers
_CALLS: tuple[tuple[tuple[Any, ...], Callable[..., Any]], ...] = (
    ((_stock.Activation,), _activation),
    (
        (_stock.AdaptiveAveragePooling1D, _stock.AdaptiveAveragePooling2D, _stock.AdaptiveAveragePooling3D),
        _adaptive_average_pooling,
    ),
    (
        (_stock.AdaptiveMaxPooling1D, _stock.AdaptiveMaxPooling2D, _stock.AdaptiveMaxPooling3D),
        _adaptive_max_pooling,
    ),
    ((_stock.Conv1D, _stock.Conv2D, _stock.Conv3D), _convolution),
    ((_stock.BatchNormalization,), _batch_normalization),
    ((_stock.Rescaling,), _rescaling),
    ((_stock.Normalization,), _normalization),
)
