"""ShuffleNet V2: units that convolve half of the channels and shuffle all."""

from __future__ import annotations

import keras
import numpy as np

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Builder, Layers, Tensor, classifier


def shuffle(net: Layers, x: Tensor, groups: int = 2) -> Tensor:
    """Interleaves the channels of `groups`: the first of each, the second of each, and so on."""
    order = np.arange(net.channels(x)).reshape(groups, -1).T.ravel()
    return keras.ops.take(x, order.tolist(), axis=net.channel_axis)


def pointwise(net: Layers, x: Tensor, filters: int, branch: str, at: int) -> Tensor:
    """Adds a 1x1 convolution, batch normalisation and ReLU, numbered from `at` in the branch."""
    x = net.Conv2D(filters, 1, use_bias=False, name=f"{branch}.{at}")(x)
    x = net.BatchNormalization(epsilon=1e-5, name=f"{branch}.{at + 1}")(x)
    return net.ReLU(name=f"{branch}.{at + 2}")(x)


def depthwise(net: Layers, x: Tensor, strides: int, branch: str, at: int) -> Tensor:
    """Adds a depthwise 3x3 convolution and batch normalisation, numbered from `at` in the branch."""
    x = net.DepthwiseConv2D(3, strides, padding=1, use_bias=False, name=f"{branch}.{at}")(x)
    return net.BatchNormalization(epsilon=1e-5, name=f"{branch}.{at + 1}")(x)


def unit(net: Layers, x: Tensor, filters: int, strides: int, name: str) -> Tensor:
    """Adds the unit of the paper's figure 3: (c) with strides of 1, (d) with strides of 2."""
    if strides == 1:
        left, right = keras.ops.split(x, 2, axis=net.channel_axis)
    else:
        left = depthwise(net, x, strides, f"{name}.branch1", at=0)
        left = pointwise(net, left, filters // 2, f"{name}.branch1", at=2)
        right = x
    right = pointwise(net, right, filters // 2, f"{name}.branch2", at=0)
    right = depthwise(net, right, strides, f"{name}.branch2", at=3)
    right = pointwise(net, right, filters // 2, f"{name}.branch2", at=5)
    return shuffle(net, net.Concatenate(name=f"{name}.concat")([left, right]))


def shuffled(net: Layers, image: Tensor, widths: tuple[int, ...], last: int) -> list[Tensor]:
    """Adds the layers of the paper's table 5: a stem, three stages of units, and a 1x1 convolution."""
    x = net.Conv2D(24, 3, 2, padding=1, use_bias=False, name="conv1.0")(image)
    x = net.BatchNormalization(epsilon=1e-5, name="conv1.1")(x)
    x = net.ReLU(name="conv1.2")(x)
    features = [x]
    x = net.MaxPooling2D(3, 2, padding=1, name="maxpool")(x)
    for stage, (width, depth) in enumerate(zip(widths, (4, 8, 4), strict=True), start=2):
        features.append(x)
        for i in range(depth):
            x = unit(net, x, width, 2 if i == 0 else 1, name=f"stage{stage}.{i}")
    return [*features, pointwise(net, x, last, "conv5", at=0)]


@classifier((224, 224, 3))
def shufflenet_v2_x0_5(net: Layers, image: Tensor) -> list[Tensor]:
    """ShuffleNet V2 0.5x.

    References:
        N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018, table 5.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.shufflenet_v2_x0_5((64, 64, 3), features_only=True).output_shape[-1]
        (None, 2, 2, 1024)
    """
    return shuffled(net, image, (48, 96, 192), 1024)


@classifier((224, 224, 3))
def shufflenet_v2_x1_0(net: Layers, image: Tensor) -> list[Tensor]:
    """ShuffleNet V2 1x.

    References:
        N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018, table 5.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.shufflenet_v2_x1_0((64, 64, 3)).get_layer("stage4.3.concat").output.shape
        (None, 2, 2, 464)
    """
    return shuffled(net, image, (116, 232, 464), 1024)


@classifier((224, 224, 3))
def shufflenet_v2_x1_5(net: Layers, image: Tensor) -> list[Tensor]:
    """ShuffleNet V2 1.5x.

    References:
        N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018, table 5.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.shufflenet_v2_x1_5((64, 64, 3)).get_layer("stage4.3.concat").output.shape
        (None, 2, 2, 704)
    """
    return shuffled(net, image, (176, 352, 704), 1024)


@classifier((224, 224, 3))
def shufflenet_v2_x2_0(net: Layers, image: Tensor) -> list[Tensor]:
    """ShuffleNet V2 2x.

    References:
        N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018, table 5.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.shufflenet_v2_x2_0((64, 64, 3), include_top=False, pooling="avg").output_shape
        (None, 2048)
    """
    return shuffled(net, image, (244, 488, 976), 2048)


_MA = 'N. Ma et al., "ShuffleNet V2: practical guidelines for efficient CNN architecture design", 2018'
_SMALL = {"input_shape": (38, 33, 3), "classes": 5}


def torch_name(layer: str) -> str:
    """Returns torchvision's name for a layer, which differs for the last layer only."""
    return "fc" if layer == "predictions" else layer


def _entry(build: Builder, parameters: int) -> Entry:
    source = f"torchvision {build.__name__}"
    return Entry(build, "classification", _MA, parameters, source, _SMALL, TORCH, torch_name=torch_name)


ZOO = {
    "shufflenet_v2_x0_5": _entry(shufflenet_v2_x0_5, 1_366_792),
    "shufflenet_v2_x1_0": _entry(shufflenet_v2_x1_0, 2_278_604),
    "shufflenet_v2_x1_5": _entry(shufflenet_v2_x1_5, 3_503_624),
    "shufflenet_v2_x2_0": _entry(shufflenet_v2_x2_0, 7_393_996),
}
