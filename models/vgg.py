"""VGG: 3x3 convolutions, pooling, and three dense layers."""

from __future__ import annotations

from kerasconv.models._entry import CAFFE, TORCH, Entry
from kerasconv.models._network import Builder, Layers, Tensor, classifier
from kerasconv.models.alexnet import dense_top

vgg = classifier((224, 224, 3), top=dense_top)

# Numbers of convolutions in the five blocks.
_A, _B, _D, _E = (1, 1, 2, 2, 2), (2, 2, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


def blocks(net: Layers, image: Tensor, depths: tuple[int, ...], filters: int = 64) -> list[Tensor]:
    """Adds blocks of convolutions, each with half the size and up to twice the filters of the one before."""
    features, x = [], image
    for block, depth in enumerate(depths, start=1):
        for i in range(1, depth + 1):
            width = filters * min(2 ** (block - 1), 8)
            x = net.Conv2D(width, 3, padding="same", activation="relu", name=f"block{block}_conv{i}")(x)
        x = net.MaxPooling2D(2, name=f"block{block}_pool")(x)
        features.append(x)
    return features


@vgg
def vgg11(net: Layers, image: Tensor) -> list[Tensor]:
    """VGG-11: configuration A.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
        table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.vgg11((32, 32, 3), dense_units=16).get_layer("fc1").input.shape
        (None, 512)
    """
    return blocks(net, image, _A)


@vgg
def vgg13(net: Layers, image: Tensor) -> list[Tensor]:
    """VGG-13: configuration B.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
        table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.vgg13((32, 32, 3), include_top=False).count_params()
        9404992
    """
    return blocks(net, image, _B)


@vgg
def vgg16(net: Layers, image: Tensor) -> list[Tensor]:
    """VGG-16: configuration D.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
        table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.vgg16((32, 32, 3), include_top=False).count_params()
        14714688
    """
    return blocks(net, image, _D)


@vgg
def vgg19(net: Layers, image: Tensor) -> list[Tensor]:
    """VGG-19: configuration E.

    Args:
        dense_units: Number of units of the first two dense layers.
        dropout: Dropout rate after these layers.
        grid: Number of rows and columns that the feature maps are averaged to; `None` for no averaging.

    References:
        K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014,
        table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.vgg19((32, 32, 3), include_top=False, pooling="max").output_shape
        (None, 512)
    """
    return blocks(net, image, _E)


_PAPER = 'K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014'
_SMALL = {"input_shape": (32, 32, 3), "classes": 5}


def _of_keras(build: Builder, source: str, parameters: int) -> Entry:
    source = f"keras.applications.{source}"
    return Entry(build, "classification", _PAPER, parameters, source, _SMALL, CAFFE, ("imagenet",))


def _of_torchvision(build: Builder, depths: tuple[int, ...], parameters: int) -> Entry:
    """Returns torchvision's name for each layer, which counts convolutions, ReLUs and poolings."""
    names = {"fc1": "classifier.0", "fc2": "classifier.3", "predictions": "classifier.6"}
    module = 0
    for block, depth in enumerate(depths, start=1):
        names |= {f"block{block}_conv{i + 1}": f"features.{module + 2 * i}" for i in range(depth)}
        module += 2 * depth + 1
    source, small = f"torchvision {build.__name__}", _SMALL | {"grid": 7}
    return Entry(build, "classification", _PAPER, parameters, source, small, TORCH, torch_name=names.__getitem__)


ZOO = {
    "vgg16": _of_keras(vgg16, "VGG16", 138_357_544),
    "vgg19": _of_keras(vgg19, "VGG19", 143_667_240),
    "vgg11": _of_torchvision(vgg11, _A, 132_863_336),
    "vgg13": _of_torchvision(vgg13, _B, 133_047_848),
}
