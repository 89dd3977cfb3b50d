"""MobileNetV3: inverted residuals with squeeze-and-excitation and hard swish, from an architecture search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kerasconv.models._entry import PIXELS, Entry
from kerasconv.models._network import Builder, Layers, Tensor, check_factor, classifier
from kerasconv.models.mobilenet_v2 import bn, divisible


@dataclass(frozen=True)
class Row:
    """A row of the paper's tables 1 and 2: an inverted residual."""

    size: int
    expansion: float
    filters: int
    squeeze: bool
    activation: str
    strides: int


_RELU, _SWISH = "relu", "hard_swish"

_SMALL = (
    Row(3, 1, 16, True, _RELU, 2),
    Row(3, 72 / 16, 24, False, _RELU, 2),
    Row(3, 88 / 24, 24, False, _RELU, 1),
    Row(5, 4, 40, True, _SWISH, 2),
    Row(5, 6, 40, True, _SWISH, 1),
    Row(5, 6, 40, True, _SWISH, 1),
    Row(5, 3, 48, True, _SWISH, 1),
    Row(5, 3, 48, True, _SWISH, 1),
    Row(5, 6, 96, True, _SWISH, 2),
    Row(5, 6, 96, True, _SWISH, 1),
    Row(5, 6, 96, True, _SWISH, 1),
)

_LARGE = (
    Row(3, 1, 16, False, _RELU, 1),
    Row(3, 4, 24, False, _RELU, 2),
    Row(3, 3, 24, False, _RELU, 1),
    Row(5, 3, 40, True, _RELU, 2),
    Row(5, 3, 40, True, _RELU, 1),
    Row(5, 3, 40, True, _RELU, 1),
    Row(3, 6, 80, False, _SWISH, 2),
    Row(3, 2.5, 80, False, _SWISH, 1),
    Row(3, 2.3, 80, False, _SWISH, 1),
    Row(3, 2.3, 80, False, _SWISH, 1),
    Row(3, 6, 112, True, _SWISH, 1),
    Row(3, 6, 112, True, _SWISH, 1),
    Row(5, 6, 160, True, _SWISH, 2),
    Row(5, 6, 160, True, _SWISH, 1),
    Row(5, 6, 160, True, _SWISH, 1),
)


def squeeze_excite(net: Layers, x: Tensor, name: str) -> Tensor:
    """Scales each channel by a function of all channels' averages."""
    channels = net.channels(x)
    y = net.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    y = net.Conv2D(divisible(channels / 4), 1, name=f"{name}_conv")(y)
    y = net.ReLU(name=f"{name}_relu")(y)
    y = net.Conv2D(channels, 1, name=f"{name}_conv_1")(y)
    y = net.Activation("hard_sigmoid", name=f"{name}_hard_sigmoid")(y)
    return net.Multiply(name=f"{name}_mul")([x, y])


def inverted_residual(net: Layers, x: Tensor, row: Row, alpha: float, name: str) -> Tensor:
    """Adds the block of MobileNetV2 with a choice of size, activation and squeeze-and-excitation."""
    shortcut, filters = x, divisible(row.filters * alpha)
    if row.expansion > 1:
        x = net.Conv2D(divisible(net.channels(x) * row.expansion), 1, use_bias=False, name=f"{name}_expand")(x)
        x = bn(net, x, f"{name}_expand_bn")
        x = net.Activation(row.activation, name=f"{name}_expand_{row.activation}")(x)
    x = net.DepthwiseConv2D(row.size, row.strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = bn(net, x, f"{name}_depthwise_bn")
    x = net.Activation(row.activation, name=f"{name}_depthwise_{row.activation}")(x)
    if row.squeeze:
        x = squeeze_excite(net, x, f"{name}_squeeze_excite")
    x = net.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = bn(net, x, f"{name}_project_bn")
    if row.strides == 1 and net.channels(shortcut) == filters:
        return net.Add(name=f"{name}_add")([shortcut, x])
    return x


def searched(net: Layers, image: Tensor, rows: tuple[Row, ...], alpha: float, minimalistic: bool) -> list[Tensor]:
    """Adds a stem, the rows, and a 1x1 convolution. The minimalistic variants have ReLUs and 3x3 convolutions only."""
    activation = _RELU if minimalistic else _SWISH
    x = net.Rescaling(1 / 127.5, -1.0, name="rescaling")(image)
    x = net.Conv2D(16, 3, 2, padding="same", use_bias=False, name="conv")(x)
    x = bn(net, x, "conv_bn")
    x = net.Activation(activation, name=f"conv_{activation}")(x)
    features = []
    for number, row in enumerate(rows):
        if row.strides == 2:
            features.append(x)
        if minimalistic:
            row = replace(row, size=3, squeeze=False, activation=_RELU)
        x = inverted_residual(net, x, row, alpha, f"expanded_conv_{number}" if number else "expanded_conv")
    x = net.Conv2D(divisible(6 * net.channels(x)), 1, use_bias=False, name="conv_1")(x)
    x = bn(net, x, "conv_1_bn")
    return [*features, net.Activation(activation, name=f"conv_1_{activation}")(x)]


def efficient_top(features: int) -> Callable[..., Tensor]:
    """Adds the efficient last stage, which comes after the pooling and has `features` channels."""

    def top(
        net: Layers,
        x: Tensor,
        classes: int,
        activation: Any,
        *,
        alpha: float = 1.0,
        minimalistic: bool = False,
        dropout_rate: float = 0.2,
    ) -> Tensor:
        inner = _RELU if minimalistic else _SWISH
        x = net.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
        x = net.Conv2D(divisible(features * max(alpha, 1.0)), 1, name="conv_2")(x)
        x = net.Activation(inner, name=f"conv_2_{inner}")(x)
        x = net.Dropout(dropout_rate, name="dropout")(x)
        x = net.Conv2D(classes, 1, name="logits")(x)
        x = net.Flatten(name="flatten")(x)
        return net.Activation(activation, name="predictions")(x)

    return top


@classifier((224, 224, 3), top=efficient_top(1024))
def mobilenet_v3_small(net: Layers, image: Tensor, *, alpha: float = 1.0, minimalistic: bool = False) -> list[Tensor]:
    """MobileNetV3-Small. It takes pixels from 0 to 255, and rescales them itself.

    Args:
        alpha: Width multiplier, the factor on the numbers of filters, which are rounded to multiples of 8. The first
            convolution always has 16, the last never fewer than 1024.
        minimalistic: Whether to do without 5x5 convolutions, squeeze-and-excitation and hard swish.
        dropout_rate: Dropout rate before the classifier.

    References:
        A. Howard et al., "Searching for MobileNetV3", 2019, table 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.mobilenet_v3_small((64, 64, 3), minimalistic=True).count_params()
        2056848
    """
    check_factor("mobilenet_v3_small", "alpha", alpha)
    return searched(net, image, _SMALL, alpha, minimalistic)


@classifier((224, 224, 3), top=efficient_top(1280))
def mobilenet_v3_large(net: Layers, image: Tensor, *, alpha: float = 1.0, minimalistic: bool = False) -> list[Tensor]:
    """MobileNetV3-Large. It takes pixels from 0 to 255, and rescales them itself.

    Args:
        alpha: See `mobilenet_v3_small`; the last convolution never has fewer than 1280 filters.
        minimalistic: See `mobilenet_v3_small`.
        dropout_rate: See `mobilenet_v3_small`.

    References:
        A. Howard et al., "Searching for MobileNetV3", 2019, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.mobilenet_v3_large((64, 64, 3), alpha=0.75, features_only=True).output_shape[-1]
        (None, 2, 2, 720)
    """
    check_factor("mobilenet_v3_large", "alpha", alpha)
    return searched(net, image, _LARGE, alpha, minimalistic)


def _entry(build: Builder, source: str, parameters: int) -> Entry:
    paper, source = 'A. Howard et al., "Searching for MobileNetV3", 2019', f"keras.applications.{source}"
    small = {"input_shape": (38, 33, 3), "classes": 5, "alpha": 0.75}
    return Entry(build, "classification", paper, parameters, source, small, PIXELS, ("imagenet",))


ZOO = {
    "mobilenet_v3_small": _entry(mobilenet_v3_small, "MobileNetV3Small", 2_542_856),
    "mobilenet_v3_large": _entry(mobilenet_v3_large, "MobileNetV3Large", 5_483_032),
}
