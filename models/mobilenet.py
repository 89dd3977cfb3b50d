"""MobileNet v1: depthwise separable convolutions."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import TF, Entry
from kerasconv.models._network import Layers, Tensor, check_factor, classifier


def bn_relu6(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds batch normalisation and ReLU6."""
    x = net.BatchNormalization(name=f"{name}_bn")(x)
    return net.ReLU(6.0, name=f"{name}_relu")(x)


def separable(net: Layers, x: Tensor, filters: int, strides: int, depth_multiplier: int, number: int) -> Tensor:
    """Adds a 3x3 depthwise and a 1x1 convolution. With strides, only the end is padded."""
    padding: Any = 1 if strides == 1 else ((0, 1), (0, 1))
    x = net.DepthwiseConv2D(
        3, strides, padding=padding, depth_multiplier=depth_multiplier, use_bias=False, name=f"conv_dw_{number}"
    )(x)
    x = bn_relu6(net, x, f"conv_dw_{number}")
    x = net.Conv2D(filters, 1, use_bias=False, name=f"conv_pw_{number}")(x)
    return bn_relu6(net, x, f"conv_pw_{number}")


def convolutional_top(net: Layers, x: Tensor, classes: int, activation: Any, *, dropout: float = 1e-3) -> Tensor:
    """Adds global average pooling, dropout, and a 1x1 convolution to the classes."""
    x = net.GlobalAveragePooling2D(keepdims=True, name="avg_pool")(x)
    x = net.Dropout(dropout, name="dropout")(x)
    x = net.Conv2D(classes, 1, name="conv_preds")(x)
    x = net.Reshape((classes,), name="reshape_2")(x)
    return net.Activation(activation, name="predictions")(x)


# Filters and strides of each separable convolution: table 1 of the paper.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


@classifier((224, 224, 3), top=convolutional_top)
def mobilenet(net: Layers, image: Tensor, *, alpha: float = 1.0, depth_multiplier: int = 1) -> list[Tensor]:
    """MobileNet, the first.

    Args:
        alpha: Width multiplier, the factor on the numbers of filters.
        depth_multiplier: Number of filters for each channel in a depthwise convolution.
        dropout: Dropout rate before the classifier.

    References:
        A. G. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017,
        table 1. The last separable convolution has strides of 1, as in `keras.applications`; the table says 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.mobilenet((64, 64, 3), alpha=0.25, features_only=True).output_shape[-1]
        (None, 2, 2, 256)
    """
    check_factor("mobilenet", "alpha", alpha)
    x = net.Conv2D(int(32 * alpha), 3, 2, padding="same", use_bias=False, name="conv1")(image)
    x = bn_relu6(net, x, "conv1")
    features = []
    for number, (filters, strides) in enumerate(_BLOCKS, start=1):
        if strides == 2:
            features.append(x)
        x = separable(net, x, int(filters * alpha), strides, depth_multiplier, number)
    return [*features, x]


ZOO = {
    "mobilenet": Entry(
        mobilenet,
        "classification",
        'A. G. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", '
        "2017",
        4_231_976,
        "keras.applications.MobileNet",
        {"input_shape": (38, 33, 3), "classes": 5, "alpha": 0.25},
        TF,
        ("imagenet",),
    ),
}
