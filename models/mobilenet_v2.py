"""MobileNetV2: inverted residuals."""

from __future__ import annotations

from kerasconv.models._entry import TF, Entry
from kerasconv.models._network import Layers, Tensor, check_factor, classifier


def divisible(channels: float, divisor: int = 8) -> int:
    """Returns the nearest multiple of `divisor` to a number of channels that is at least nine tenths of it.

    Example:
        >>> divisible(33.6), divisible(10.5), divisible(1.0)
        (32, 16, 8)
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * channels else nearest + divisor


def bn(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds batch normalisation with a high momentum."""
    return net.BatchNormalization(momentum=0.999, name=name)(x)


def inverted_residual(net: Layers, x: Tensor, expansion: int, filters: int, strides: int, name: str) -> Tensor:
    """Adds a 1x1 convolution to more channels, a depthwise 3x3 one, and a 1x1 one to few channels without ReLU."""
    shortcut = x
    if expansion > 1:
        x = net.Conv2D(expansion * net.channels(x), 1, use_bias=False, name=f"{name}_expand")(x)
        x = bn(net, x, f"{name}_expand_BN")
        x = net.ReLU(6.0, name=f"{name}_expand_relu")(x)
    x = net.DepthwiseConv2D(3, strides, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = bn(net, x, f"{name}_depthwise_BN")
    x = net.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = net.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")(x)
    x = bn(net, x, f"{name}_project_BN")
    if strides == 1 and net.channels(shortcut) == filters:
        return net.Add(name=f"{name}_add")([shortcut, x])
    return x


# Expansion, filters, depth and strides of each stage: table 2 of the paper.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@classifier((224, 224, 3))
def mobilenet_v2(net: Layers, image: Tensor, *, alpha: float = 1.0) -> list[Tensor]:
    """MobileNetV2.

    Args:
        alpha: Width multiplier, the factor on the numbers of filters, which are rounded to multiples of 8. The last
            convolution never has fewer than 1280.

    References:
        M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018, table 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.mobilenet_v2((64, 64, 3), alpha=0.35, features_only=True).output_shape[-2:]
        [(None, 4, 4, 32), (None, 2, 2, 1280)]
    """
    check_factor("mobilenet_v2", "alpha", alpha)
    x = net.Conv2D(divisible(32 * alpha), 3, 2, padding="same", use_bias=False, name="Conv1")(image)
    x = bn(net, x, "bn_Conv1")
    x = net.ReLU(6.0, name="Conv1_relu")(x)
    features, number = [], 0
    for expansion, filters, depth, strides in _STAGES:
        if strides == 2:
            features.append(x)
        for i in range(depth):
            name = f"block_{number}" if number else "expanded_conv"
            x = inverted_residual(net, x, expansion, divisible(int(filters * alpha)), strides if i == 0 else 1, name)
            number += 1
    x = net.Conv2D(divisible(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
    x = bn(net, x, "Conv_1_bn")
    return [*features, net.ReLU(6.0, name="out_relu")(x)]


ZOO = {
    "mobilenet_v2": Entry(
        mobilenet_v2,
        "classification",
        'M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018',
        3_504_872,
        "keras.applications.MobileNetV2",
        {"input_shape": (38, 33, 3), "classes": 5, "alpha": 0.35},
        TF,
        ("imagenet",),
    ),
}
