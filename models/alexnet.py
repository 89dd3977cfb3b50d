"""AlexNet, and ZFNet, its successor."""

from __future__ import annotations

import functools
from typing import Any

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Layers, Tensor, classifier


def dense_top(
    net: Layers,
    x: Tensor,
    classes: int,
    activation: Any,
    *,
    dense_units: int = 4096,
    dropout: float = 0.5,
    grid: int | None = None,
) -> Tensor:
    """Adds three dense layers on maps that are pooled to the size `grid`."""
    if grid is not None:
        x = net.AdaptiveAveragePooling2D(grid, name="grid")(x)
    x = net.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = net.Dense(dense_units, activation="relu", name=name)(x)
        x = net.Dropout(dropout, name=f"{name}_dropout")(x)
    return net.Dense(classes, activation=activation, name="predictions")(x)


def five_convolutions(
    net: Layers, image: Tensor, table: tuple[tuple[int, int, int, int], ...], *, ceil_mode: bool
) -> list[Tensor]:
    """Adds five convolutions by a table of filters, size, strides and padding, with pooling after 1, 2 and 5."""
    features, x = [], image
    for i, (filters, size, strides, padding) in enumerate(table, start=1):
        x = net.Conv2D(filters, size, strides, padding=padding, activation="relu", name=f"conv{i}")(x)
        if i in (1, 2, 5):
            x = net.MaxPooling2D(3, 2, ceil_mode=ceil_mode, name=f"pool{i}")(x)
        features.append(x)
    return features


@classifier((224, 224, 3), top=functools.partial(dense_top, grid=6))
def alexnet(net: Layers, image: Tensor) -> list[Tensor]:
    """AlexNet on one device, as in "One weird trick" and torchvision: without groups and normalisation.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        A. Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012, section 3.5.
        A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5, footnote 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.alexnet((64, 64, 3), include_top=False).output_shape
        (None, 1, 1, 256)
    """
    table = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
    return five_convolutions(net, image, table, ceil_mode=False)


@classifier((224, 224, 3), top=dense_top)
def zfnet(net: Layers, image: Tensor) -> list[Tensor]:
    """ZFNet: AlexNet whose first convolutions have smaller windows and steps.

    The maps of sizes 55, 13 and 6 in the figure follow from 110, 26 and 13 if poolings have `ceil_mode`.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", 2013, figure 3.

    Example:
        >>> import kerasconv
        >>> maps = kerasconv.models.zfnet(features_only=True).output_shape
        >>> [shape[1:] for shape in maps]
        [(55, 55, 96), (13, 13, 256), (13, 13, 384), (13, 13, 384), (6, 6, 256)]
    """
    table = ((96, 7, 2, 1), (256, 5, 2, 0), (384, 3, 1, 1), (384, 3, 1, 1), (256, 3, 1, 1))
    return five_convolutions(net, image, table, ceil_mode=True)


_TORCH_NAMES = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc1": "classifier.1",
    "fc2": "classifier.4",
    "predictions": "classifier.6",
}

ZOO = {
    "zfnet": Entry(
        zfnet,
        "classification",
        'M. D. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks", 2013',
        source="the paper, figure 3",
        small={"input_shape": (64, 63, 3), "classes": 5, "dense_units": 16},
        preprocessing=TORCH,
    ),
    "alexnet": Entry(
        alexnet,
        "classification",
        'A. Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012',
        61_100_840,
        "torchvision alexnet",
        {"input_shape": (64, 64, 3), "classes": 5},
        TORCH,
        torch_name=_TORCH_NAMES.__getitem__,
    ),
}
