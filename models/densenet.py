"""Densely connected networks: DenseNet."""

from __future__ import annotations

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Builder, Layers, Tensor, check_factor, classifier


def bn_relu(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds batch normalisation and ReLU, with names that begin with `name`."""
    x = net.BatchNormalization(epsilon=1.001e-5, name=f"{name}bn")(x)
    return net.ReLU(name=f"{name}relu")(x)


def dense_layer(net: Layers, x: Tensor, growth_rate: int, name: str) -> Tensor:
    """Adds 1x1 and 3x3 convolutions after normalisation and ReLU, concatenated with the input."""
    y = bn_relu(net, x, f"{name}_0_")
    y = net.Conv2D(4 * growth_rate, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = bn_relu(net, y, f"{name}_1_")
    y = net.Conv2D(growth_rate, 3, padding=1, use_bias=False, name=f"{name}_2_conv")(y)
    return net.Concatenate(name=f"{name}_concat")([x, y])


def transition(net: Layers, x: Tensor, compression: float, name: str) -> Tensor:
    """Adds a 1x1 convolution to fewer channels, and pooling."""
    x = bn_relu(net, x, f"{name}_")
    x = net.Conv2D(int(net.channels(x) * compression), 1, use_bias=False, name=f"{name}_conv")(x)
    return net.AveragePooling2D(2, name=f"{name}_pool")(x)


def dense(net: Layers, image: Tensor, depths: tuple[int, ...], growth_rate: int, compression: float) -> list[Tensor]:
    """Adds the layers of the paper's table 1: a stem, then dense blocks with transitions between them."""
    x = net.Conv2D(2 * growth_rate, 7, 2, padding=3, use_bias=False, name="conv1_conv")(image)
    x = bn_relu(net, x, "conv1_")
    features = [x]
    x = net.MaxPooling2D(3, 2, padding=1, name="pool1")(x)
    for block, depth in enumerate(depths, start=2):
        for i in range(depth):
            x = dense_layer(net, x, growth_rate, name=f"conv{block}_block{i + 1}")
        if block - 1 < len(depths):
            features.append(x)
            x = transition(net, x, compression, name=f"pool{block}")
    return [*features, bn_relu(net, x, "")]


@classifier((224, 224, 3))
def densenet121(net: Layers, image: Tensor, *, growth_rate: int = 32, compression: float = 0.5) -> list[Tensor]:
    """DenseNet-121.

    Args:
        growth_rate: Number of channels that each dense layer adds, the paper's `k`.
        compression: Share of the channels that a transition keeps, the paper's `theta`.

    References:
        G. Huang et al., "Densely connected convolutional networks", 2016, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.densenet121((32, 32, 3), growth_rate=12, include_top=False, pooling="avg").output_shape
        (None, 384)
    """
    check_factor("densenet121", "compression", compression, most=1)
    return dense(net, image, (6, 12, 24, 16), growth_rate, compression)


@classifier((224, 224, 3))
def densenet169(net: Layers, image: Tensor, *, growth_rate: int = 32, compression: float = 0.5) -> list[Tensor]:
    """DenseNet-169.

    Args:
        growth_rate: See `densenet121`.
        compression: Share of the channels that a transition keeps.

    References:
        G. Huang et al., "Densely connected convolutional networks", 2016, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.densenet169((32, 32, 3), include_top=False, pooling="avg").output_shape
        (None, 1664)
    """
    check_factor("densenet169", "compression", compression, most=1)
    return dense(net, image, (6, 12, 32, 32), growth_rate, compression)


@classifier((224, 224, 3))
def densenet201(net: Layers, image: Tensor, *, growth_rate: int = 32, compression: float = 0.5) -> list[Tensor]:
    """DenseNet-201.

    Args:
        growth_rate: See `densenet121`.
        compression: Share of the channels that a transition keeps.

    References:
        G. Huang et al., "Densely connected convolutional networks", 2016, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.densenet201((32, 32, 3), include_top=False, pooling="avg").output_shape
        (None, 1920)
    """
    check_factor("densenet201", "compression", compression, most=1)
    return dense(net, image, (6, 12, 48, 32), growth_rate, compression)


_HUANG = 'G. Huang et al., "Densely connected convolutional networks", 2016'
_SMALL = {"input_shape": (38, 33, 3), "classes": 5}


def _entry(build: Builder, source: str, parameters: int) -> Entry:
    source = f"keras.applications.{source}"
    return Entry(build, "classification", _HUANG, parameters, source, _SMALL, TORCH, ("imagenet",))


ZOO = {
    "densenet121": _entry(densenet121, "DenseNet121", 7_978_856),
    "densenet169": _entry(densenet169, "DenseNet169", 14_149_480),
    "densenet201": _entry(densenet201, "DenseNet201", 20_013_928),
}
