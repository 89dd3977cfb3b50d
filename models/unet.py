"""U-Net, in two and in three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, check_sizes, network, probabilities


def of_rank(net: Layers, kind: str, x: Tensor) -> Callable[..., Any]:
    """Returns the layer for the number of spatial axes of a map: `Conv2D` for `"Conv{}D"` and an image."""
    return getattr(net, kind.format(len(x.shape) - 2))


def convolutions(
    net: Layers, x: Tensor, filters: Sequence[int], name: str, *, padding: str, batch_norm: bool
) -> Tensor:
    """Adds 3x3 convolutions with ReLU. Batch normalisations have no scale, since the next layer has one."""
    for i, width in enumerate(filters, start=1):
        part = f"{name}_{i}"
        x = of_rank(net, "Conv{}D", x)(width, 3, padding=padding, use_bias=not batch_norm, name=f"{part}_conv")(x)
        if batch_norm:
            x = net.BatchNormalization(scale=False, name=f"{part}_bn")(x)
        x = net.ReLU(name=f"{part}_relu")(x)
    return x


def u_shaped(
    net: Layers,
    x: Tensor,
    widths: Sequence[tuple[int, int]],
    *,
    padding: str,
    batch_norm: bool,
    dropout: float,
    halve: bool,
    caller: str,
) -> Tensor:
    """Adds the contracting path, a pair of convolutions per level, and the expanding path with skip connections.

    Going up, a transposed convolution doubles the size and, with `halve`, halves the number of channels.
    """
    depth, lost = len(widths) - 1, 4 if padding == "valid" else 0  # elements that a pair of convolutions loses
    plus = lost * (2 ** (depth + 1) - 1)
    check_sizes(caller, net, x, 2**depth, plus, plus + lost * (2**depth - 1) + 1)
    common: dict[str, Any] = {"padding": padding, "batch_norm": batch_norm}
    skips = []
    for level, filters in enumerate(widths):
        x = convolutions(net, x, filters, f"down{level}", **common)
        if dropout and level >= depth - 1:
            x = net.Dropout(dropout, name=f"down{level}_dropout")(x)
        if level < depth:
            skips.append(x)
            x = of_rank(net, "MaxPooling{}D", x)(2, name=f"down{level}_pool")(x)
    crop = 0
    for level in reversed(range(depth)):
        width = widths[level][1]
        up = width if halve else net.channels(x)
        x = of_rank(net, "Conv{}DTranspose", x)(up, 2, 2, use_bias=not batch_norm, name=f"up{level}_conv")(x)
        skip, crop = skips[level], 2 * crop + (lost if level == depth - 1 else 2 * lost)
        if crop:
            skip = of_rank(net, "Cropping{}D", x)(crop, name=f"up{level}_crop")(skip)
        x = net.Concatenate(name=f"up{level}_concat")([skip, x])
        x = convolutions(net, x, (width, width), f"up{level}", **common)
    return x


def pixel_classifier(net: Layers, x: Tensor, classes: int, activation: Any) -> Tensor:
    """Adds a 1x1 convolution to a score for each class, and the activation."""
    return probabilities(net, of_rank(net, "Conv{}D", x)(classes, 1, name="logits")(x), activation)


@network((572, 572, 1))
def unet(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 2,
    padding: str = "valid",
    filters: int = 64,
    depth: int = 4,
    batch_norm: bool = False,
    dropout: float = 0.5,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """U-Net: a class for each pixel of an image.

    As in the paper, nothing is padded: an input of 572 pixels gives an output of 388. With `padding="same"` the image
    keeps its size.

    Args:
        classes: Number of classes.
        padding: `"valid"` or `"same"`.
        filters: Filters of the first convolutions; each level down has twice as many.
        depth: Number of times that the size is halved.
        batch_norm: Whether batch normalisation comes before each ReLU, as is usual today.
        dropout: Dropout rate at the end of the contracting path.
        classifier_activation: Activation of the last layer.

    References:
        O. Ronneberger et al., "U-Net: Convolutional networks for biomedical image segmentation", 2015, figure 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.unet((572, 572, 1), filters=4).output_shape
        (None, 388, 388, 2)
    """
    widths = [(filters * 2**level,) * 2 for level in range(depth + 1)]
    x = u_shaped(net, image, widths, padding=padding, batch_norm=batch_norm, dropout=dropout, halve=True, caller="unet")
    return pixel_classifier(net, x, classes, classifier_activation)


@network((132, 132, 116, 3))
def unet3d(
    net: Layers,
    volume: Tensor,
    *,
    classes: int = 3,
    padding: str = "valid",
    filters: int = 32,
    depth: int = 3,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """3D U-Net: a class for each voxel of a volume.

    Args:
        classes: Number of classes.
        padding: `"valid"`, as in the paper, or `"same"`.
        filters: Filters of the first convolution; each level ends with twice as many as it begins.
        depth: Number of times that the size is halved.
        classifier_activation: Activation of the last layer.

    References:
        O. Cicek et al., "3D U-Net: Learning dense volumetric segmentation from sparse annotation", 2016, figure 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.unet3d((132, 132, 116, 3), filters=4).output_shape
        (None, 44, 44, 28, 3)
    """
    widths = [(filters * 2**level, filters * 2 ** (level + 1)) for level in range(depth + 1)]
    x = u_shaped(net, volume, widths, padding=padding, batch_norm=True, dropout=0, halve=False, caller="unet3d")
    return pixel_classifier(net, x, classes, classifier_activation)


_RONNEBERGER = 'O. Ronneberger et al., "U-Net: Convolutional networks for biomedical image segmentation", 2015'
_CICEK = 'O. Cicek et al., "3D U-Net: Learning dense volumetric segmentation from sparse annotation", 2016'

ZOO = {
    "unet": Entry(
        unet,
        "segmentation",
        _RONNEBERGER,
        small={"input_shape": (44, 48, 3), "classes": 5, "filters": 4, "depth": 2},
        preprocessing=UNIT,
    ),
    "unet3d": Entry(
        unet3d,
        "segmentation",
        _CICEK,
        19_069_955,
        "the paper, section 2",
        small={"input_shape": (44, 48, 52, 2), "classes": 5, "filters": 2, "depth": 2},
    ),
}
