"""EfficientNet: a network that is scaled in width and depth together."""

from __future__ import annotations

import math
from collections.abc import Callable

from kerasconv.models._entry import PIXELS, Entry
from kerasconv.models._network import Builder, Layers, Tensor, classifier
from kerasconv.models.mobilenet_v2 import divisible

# The paper's table 1, stages 2 to 8: filters, blocks, size of the depthwise kernel, strides, expansion.
STAGES = (
    (16, 1, 3, 1, 1),
    (24, 2, 3, 2, 6),
    (40, 2, 5, 2, 6),
    (80, 3, 3, 2, 6),
    (112, 3, 5, 1, 6),
    (192, 4, 5, 2, 6),
    (320, 1, 3, 1, 6),
)


def bn_swish(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds batch normalisation and swish."""
    x = net.BatchNormalization(name=f"{name}bn")(x)
    return net.Activation("swish", name=f"{name}activation")(x)


def squeeze_excite(net: Layers, x: Tensor, width: int, activation: str, names: tuple[str, str, str, str]) -> Tensor:
    """Scales each channel by a factor between 0 and 1, which is a function of all channels' averages.

    The four layers, called `names`, average, squeeze to the `width`, expand, and multiply.
    """
    average, squeeze, expand, excite = names
    scale = net.GlobalAveragePooling2D(keepdims=True, name=average)(x)
    scale = net.Conv2D(width, 1, activation=activation, name=squeeze)(scale)
    scale = net.Conv2D(net.channels(x), 1, activation="sigmoid", name=expand)(scale)
    return net.Multiply(name=excite)([x, scale])


def block(
    net: Layers, inputs: Tensor, filters: int, size: int, strides: int, expansion: int, drop: float, name: str
) -> Tensor:
    """Adds an inverted residual: 1x1 to more channels, a depthwise convolution, squeeze and excitation, 1x1 to fewer.

    In training, `drop` is the probability that only the shortcut remains.
    """
    x, channels = inputs, net.channels(inputs)
    if expansion > 1:
        x = net.Conv2D(channels * expansion, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = bn_swish(net, x, f"{name}_expand_")
    x = net.DepthwiseConv2D(size, strides, padding="same", use_bias=False, name=f"{name}_dwconv")(x)
    x = bn_swish(net, x, f"{name}_")
    names = (f"{name}_se_pool", f"{name}_se_reduce", f"{name}_se_expand", f"{name}_se_excite")
    x = squeeze_excite(net, x, max(1, channels // 4), "swish", names)
    x = net.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = net.BatchNormalization(name=f"{name}_project_bn")(x)
    if strides > 1 or channels != filters:
        return x
    if drop > 0:
        x = net.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return net.Add(name=f"{name}_add")([x, inputs])


def efficientnet(net: Layers, image: Tensor, width: float, depth: float, drop_connect_rate: float) -> list[Tensor]:
    """Adds a stem, seven stages of blocks and a 1x1 convolution. Later blocks have a higher dropout rate."""
    x = net.Rescaling(1 / 255, name="rescaling")(image)
    x = net.Normalization(name="normalization")(x)
    x = net.Conv2D(divisible(32 * width), 3, 2, padding="same", use_bias=False, name="stem_conv")(x)
    x = bn_swish(net, x, "stem_")
    features, done = [], 0
    repeats = [math.ceil(depth * blocks) for _, blocks, *_ in STAGES]
    for stage, (filters, _, size, strides, expansion) in enumerate(STAGES):
        if strides > 1:
            features.append(x)
        for i in range(repeats[stage]):
            drop, name = drop_connect_rate * done / sum(repeats), f"block{stage + 1}{'abcdefghij'[i]}"
            x = block(net, x, divisible(filters * width), size, strides if i == 0 else 1, expansion, drop, name)
            done += 1
    x = net.Conv2D(divisible(1280 * width), 1, use_bias=False, name="top_conv")(x)
    return [*features, bn_swish(net, x, "top_")]


def dropout_top(rate: float) -> Callable[..., Tensor]:
    """Returns a top: the usual classifier with dropout, at this rate by default."""

    def top(net: Layers, x: Tensor, classes: int, activation: str, *, dropout_rate: float = rate) -> Tensor:
        x = net.GlobalAveragePooling2D(name="avg_pool")(x)
        x = net.Dropout(dropout_rate, name="top_dropout")(x)
        return net.Dense(classes, activation=activation, name="predictions")(x)

    return top


@classifier((224, 224, 3), top=dropout_top(0.2))
def efficientnet_b0(net: Layers, image: Tensor, *, drop_connect_rate: float = 0.2) -> list[Tensor]:
    """EfficientNet-B0, for pixels from 0 to 255.

    References:
        M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.efficientnet_b0((64, 64, 3), include_top=False).output_shape
        (None, 2, 2, 1280)
    """
    return efficientnet(net, image, 1.0, 1.0, drop_connect_rate)


@classifier((240, 240, 3), top=dropout_top(0.2))
def efficientnet_b1(net: Layers, image: Tensor, *, drop_connect_rate: float = 0.2) -> list[Tensor]:
    """EfficientNet-B1: as B0, with 1.1 times the blocks.

    References:
        M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, section 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.efficientnet_b1((64, 64, 3), include_top=False, pooling="avg").output_shape
        (None, 1280)
    """
    return efficientnet(net, image, 1.0, 1.1, drop_connect_rate)


@classifier((260, 260, 3), top=dropout_top(0.3))
def efficientnet_b2(net: Layers, image: Tensor, *, drop_connect_rate: float = 0.2) -> list[Tensor]:
    """EfficientNet-B2: as B0, with 1.1 times the channels and 1.2 times the blocks.

    References:
        M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, section 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.efficientnet_b2((64, 64, 3), include_top=False, pooling="avg").output_shape
        (None, 1408)
    """
    return efficientnet(net, image, 1.1, 1.2, drop_connect_rate)


@classifier((300, 300, 3), top=dropout_top(0.3))
def efficientnet_b3(net: Layers, image: Tensor, *, drop_connect_rate: float = 0.2) -> list[Tensor]:
    """EfficientNet-B3: as B0, with 1.2 times the channels and 1.4 times the blocks.

    References:
        M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019, section 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.efficientnet_b3((64, 64, 3), include_top=False, pooling="avg").output_shape
        (None, 1536)
    """
    return efficientnet(net, image, 1.2, 1.4, drop_connect_rate)


_TAN = 'M. Tan and Q. Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", 2019'
_SMALL = {"input_shape": (32, 32, 3), "classes": 5}


def _entry(build: Builder, parameters: int) -> Entry:
    source = f"keras.applications.EfficientNet{build.__name__[-2:].upper()}"
    return Entry(build, "classification", _TAN, parameters, source, _SMALL, PIXELS, ("imagenet",))


ZOO = {
    "efficientnet_b0": _entry(efficientnet_b0, 5_288_548),
    "efficientnet_b1": _entry(efficientnet_b1, 7_794_184),
    "efficientnet_b2": _entry(efficientnet_b2, 9_109_994),
    "efficientnet_b3": _entry(efficientnet_b3, 12_233_232),
}
