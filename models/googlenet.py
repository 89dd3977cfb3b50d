"""GoogLeNet, the first Inception network."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Layers, Tensor, classifier


def conv_bn(net: Layers, x: Tensor, filters: int, size: int, strides: int = 1, *, name: str) -> Tensor:
    """Adds a convolution, batch normalisation and ReLU."""
    x = net.Conv2D(filters, size, strides, padding=size // 2, use_bias=False, name=f"{name}.conv")(x)
    x = net.BatchNormalization(epsilon=1e-3, name=f"{name}.bn")(x)
    return net.ReLU(name=f"{name}.relu")(x)


def inception(
    net: Layers, x: Tensor, ones: int, threes: tuple[int, int], fives: tuple[int, int], pooled: int, name: str
) -> Tensor:
    """Adds four parallel branches: 1x1; 1x1 and 3x3; the same, where the paper has 5x5; pooling and 1x1."""
    branches = [conv_bn(net, x, ones, 1, name=f"{name}.branch1")]
    for number, (reduced, filters) in ((2, threes), (3, fives)):
        y = conv_bn(net, x, reduced, 1, name=f"{name}.branch{number}.0")
        branches.append(conv_bn(net, y, filters, 3, name=f"{name}.branch{number}.1"))
    y = net.MaxPooling2D(3, 1, padding=1, name=f"{name}.branch4.0")(x)
    branches.append(conv_bn(net, y, pooled, 1, name=f"{name}.branch4.1"))
    return net.Concatenate(name=f"{name}.concat")(branches)


def dropout_top(net: Layers, x: Tensor, classes: int, activation: Any, *, dropout: float = 0.2) -> Tensor:
    """Adds global average pooling, dropout and a dense layer."""
    x = net.GlobalAveragePooling2D(name="avgpool")(x)
    x = net.Dropout(dropout, name="dropout")(x)
    return net.Dense(classes, activation=activation, name="fc")(x)


# The paper's table 1: #1x1; #3x3 reduce and #3x3; #5x5 reduce and #5x5; pool proj. A pooling precedes each stage.
_STAGES = {
    3: {"a": (64, (96, 128), (16, 32), 32), "b": (128, (128, 192), (32, 96), 64)},
    4: {
        "a": (192, (96, 208), (16, 48), 64),
        "b": (160, (112, 224), (24, 64), 64),
        "c": (128, (128, 256), (24, 64), 64),
        "d": (112, (144, 288), (32, 64), 64),
        "e": (256, (160, 320), (32, 128), 128),
    },
    5: {"a": (256, (160, 320), (32, 128), 128), "b": (384, (192, 384), (48, 128), 128)},
}


@classifier((224, 224, 3), top=dropout_top)
def googlenet(net: Layers, image: Tensor) -> list[Tensor]:
    """GoogLeNet with batch normalisation, as in torchvision; the classifiers at its sides are left out.

    Args:
        dropout: Dropout rate before the last layer.

    References:
        C. Szegedy et al., "Going deeper with convolutions", 2014, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.googlenet((64, 64, 3), include_top=False).output_shape
        (None, 2, 2, 1024)
    """
    x = conv_bn(net, image, 64, 7, 2, name="conv1")
    features = [x]
    x = net.MaxPooling2D(3, 2, ceil_mode=True, name="maxpool1")(x)
    x = conv_bn(net, x, 64, 1, name="conv2")
    x = conv_bn(net, x, 192, 3, name="conv3")
    features.append(x)
    for stage, blocks in _STAGES.items():
        size = 2 if stage == 5 else 3
        x = net.MaxPooling2D(size, 2, ceil_mode=True, name=f"maxpool{stage - 1}")(x)
        for letter, channels in blocks.items():
            x = inception(net, x, *channels, name=f"inception{stage}{letter}")
        features.append(x)
    return features


ZOO = {
    "googlenet": Entry(
        googlenet,
        "classification",
        'C. Szegedy et al., "Going deeper with convolutions", 2014',
        6_624_904,
        "torchvision googlenet",
        {"input_shape": (34, 32, 3), "classes": 5},
        TORCH,
    )
}
