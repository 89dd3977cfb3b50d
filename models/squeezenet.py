"""SqueezeNet: 3x3 convolutions on few channels."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Layers, Tensor, classifier
from kerasconv.models.nin import map_top


def squeeze_top(net: Layers, x: Tensor, classes: int, activation: Any, *, dropout: float = 0.5) -> Tensor:
    """Adds dropout and the classifier of network in network."""
    return map_top(net, net.Dropout(dropout, name="dropout")(x), classes, activation)


def fire(net: Layers, x: Tensor, squeezed: int, expanded: int, name: str) -> Tensor:
    """Adds a 1x1 convolution to few channels, then parallel 1x1 and 3x3 convolutions to many."""
    x = net.Conv2D(squeezed, 1, activation="relu", name=f"{name}_squeeze1x1")(x)
    sides = [
        net.Conv2D(expanded, size, padding="same", activation="relu", name=f"{name}_expand{size}x{size}")(x)
        for size in (1, 3)
    ]
    return net.Concatenate(name=f"{name}_concat")(sides)


@classifier((224, 224, 3), top=squeeze_top)
def squeezenet1_1(net: Layers, image: Tensor) -> list[Tensor]:
    """SqueezeNet 1.1: as accurate as 1.0 for less than half of the work, since it pools earlier.

    Args:
        dropout: Dropout rate before the classifier.

    References:
        F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
        2016, table 1, of which the authors' repository, github.com/forresti/SqueezeNet, gives version 1.1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.squeezenet1_1((64, 64, 3), features_only=True).output_shape
        [(None, 31, 31, 64), (None, 15, 15, 128), (None, 7, 7, 256), (None, 3, 3, 512)]
    """
    x = net.Conv2D(64, 3, 2, activation="relu", name="conv1")(image)
    features, number = [x], 2
    for squeezed in ((16, 16), (32, 32), (48, 48, 64, 64)):
        x = net.MaxPooling2D(3, 2, ceil_mode=True, name=f"pool{number - 1}")(x)
        for count in squeezed:
            x = fire(net, x, count, 4 * count, f"fire{number}")
            number += 1
        features.append(x)
    return features


_FIRES = {"fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}


def torch_name(layer: str) -> str:
    """Returns torchvision's name for a layer: `features.3.squeeze` for `fire2_squeeze1x1`."""
    block, _, convolution = layer.partition("_")
    if block in _FIRES:
        return f"features.{_FIRES[block]}.{convolution.replace('squeeze1x1', 'squeeze')}"
    return {"conv1": "features.0", "class_maps": "classifier.1"}[layer]


ZOO = {
    "squeezenet1_1": Entry(
        squeezenet1_1,
        "classification",
        'F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016',
        1_235_496,
        "torchvision squeezenet1_1",
        {"input_shape": (34, 32, 3), "classes": 5},
        TORCH,
        torch_name=torch_name,
    )
}
