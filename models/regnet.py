"""RegNet: networks whose widths are a linear function of the depth."""

from __future__ import annotations

import math
from collections import Counter

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Layers, Tensor, classifier
from kerasconv.models.efficientnet import squeeze_excite


def conv_bn(net: Layers, x: Tensor, filters: int, size: int, strides: int = 1, groups: int = 1, *, name: str) -> Tensor:
    """Adds a convolution and batch normalisation."""
    x = net.Conv2D(filters, size, strides, padding=size // 2, groups=groups, use_bias=False, name=f"{name}.0")(x)
    return net.BatchNormalization(epsilon=1e-5, name=f"{name}.1")(x)


def block(net: Layers, inputs: Tensor, filters: int, strides: int, group_width: int, name: str) -> Tensor:
    """Adds the Y block: 1x1, grouped 3x3, squeeze and excitation, 1x1, beside a shortcut."""
    shortcut = inputs
    if strides > 1 or net.channels(inputs) != filters:
        shortcut = conv_bn(net, inputs, filters, 1, strides, name=f"{name}.proj")
    x = conv_bn(net, inputs, filters, 1, name=f"{name}.f.a")
    x = net.ReLU(name=f"{name}.f.a.2")(x)
    x = conv_bn(net, x, filters, 3, strides, filters // group_width, name=f"{name}.f.b")
    x = net.ReLU(name=f"{name}.f.b.2")(x)
    names = (f"{name}.f.se.avgpool", f"{name}.f.se.fc1", f"{name}.f.se.fc2", f"{name}.f.se")
    x = squeeze_excite(net, x, round(net.channels(inputs) / 4), "relu", names)
    x = conv_bn(net, x, filters, 1, name=f"{name}.f.c")
    x = net.Add(name=f"{name}.add")([shortcut, x])
    return net.ReLU(name=f"{name}.activation")(x)


def stages(depth: int, initial: int, slope: float, base: float, group_width: int) -> dict[int, int]:
    """Returns the width of each stage and its number of blocks, by the paper's equations 2 to 4.

    The width of a block is `initial + slope * block`, rounded to the nearest power of `base` times `initial`, then to
    the nearest multiple of 8, and finally to the nearest multiple of the group width.
    """
    powers = [round(math.log(1 + slope * block / initial, base)) for block in range(depth)]
    widths = [round(initial * base**power / 8) * 8 for power in powers]
    return Counter(round(width / group_width) * group_width for width in widths)


@classifier((224, 224, 3))
def regnet_y_400mf(net: Layers, image: Tensor) -> list[Tensor]:
    """RegNetY-400MF.

    References:
        I. Radosavovic et al., "Designing network design spaces", 2020, sections 3.3 and 5, figure 17.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.regnet_y_400mf((64, 64, 3), include_top=False).output_shape
        (None, 2, 2, 440)
    """
    x = conv_bn(net, image, 32, 3, 2, name="stem")
    features = [x := net.ReLU(name="stem.2")(x)]
    for stage, (width, depth) in enumerate(stages(16, 48, 27.89, 2.09, 8).items(), start=1):
        for i in range(depth):
            x = block(net, x, width, 2 if i == 0 else 1, 8, f"block{stage}-{i}")
        features.append(x)
    return features


def torch_name(layer: str) -> str:
    """Returns torchvision's name for a layer: `trunk_output.block2.block2-0.f.a.0` for `block2-0.f.a.0`."""
    stage, in_stage, _ = layer.partition("-")
    return f"trunk_output.{stage}.{layer}" if in_stage else layer.replace("predictions", "fc")


ZOO = {
    "regnet_y_400mf": Entry(
        regnet_y_400mf,
        "classification",
        'I. Radosavovic et al., "Designing network design spaces", 2020',
        4_344_144,
        "torchvision regnet_y_400mf",
        {"input_shape": (32, 32, 3), "classes": 5},
        TORCH,
        torch_name=torch_name,
    )
}
