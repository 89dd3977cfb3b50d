"""Network in network, which introduced 1x1 convolutions and global average pooling."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, classifier


def map_top(net: Layers, x: Tensor, classes: int, activation: Any) -> Tensor:
    """Adds a feature map for each class, and its average."""
    x = net.Conv2D(classes, 1, activation="relu", name="class_maps")(x)
    x = net.GlobalAveragePooling2D(name="avg_pool")(x)
    return net.Activation(activation, name="predictions")(x)


def mlpconv(net: Layers, x: Tensor, filters: tuple[int, ...], size: int, name: str) -> Tensor:
    """Adds a convolution followed by 1x1 convolutions, a perceptron at each position."""
    for i, count in enumerate(filters, start=1):
        x = net.Conv2D(count, size if i == 1 else 1, padding="same", activation="relu", name=f"{name}_{i}")(x)
    return x


@classifier((32, 32, 3), classes=10, top=map_top)
def nin(net: Layers, image: Tensor, *, dropout: float = 0.5) -> list[Tensor]:
    """Network in network for CIFAR-10.

    Args:
        dropout: Dropout rate after the first two poolings.

    References:
        M. Lin et al., "Network in network", 2013, section 3 and figure 2; the sizes, which it does not give, from the
        authors' model for Caffe.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.nin().count_params()
        966986
    """
    first = mlpconv(net, image, (192, 160, 96), 5, "mlpconv1")
    x = net.MaxPooling2D(3, 2, ceil_mode=True, name="pool1")(first)
    x = net.Dropout(dropout, name="dropout1")(x)
    second = mlpconv(net, x, (192, 192, 192), 5, "mlpconv2")
    x = net.AveragePooling2D(3, 2, ceil_mode=True, name="pool2")(second)
    x = net.Dropout(dropout, name="dropout2")(x)
    return [first, second, mlpconv(net, x, (192, 192), 3, "mlpconv3")]


ZOO = {
    "nin": Entry(
        nin,
        "classification",
        'M. Lin et al., "Network in network", 2013',
        parameters=966_986,
        source="imgclsmob nin_cifar10",
        small={"input_shape": (9, 8, 3), "classes": 5},
        preprocessing=UNIT,
    )
}
