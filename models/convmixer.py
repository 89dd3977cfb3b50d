"""ConvMixer: convolutions on patches, alternately over space and over channels."""

from __future__ import annotations

from kerasconv.models._entry import TORCH, Entry
from kerasconv.models._network import Layers, Tensor, classifier


def active_bn(net: Layers, x: Tensor, activation: str, name: str) -> Tensor:
    """Adds an activation and batch normalisation."""
    x = net.Activation(activation, name=f"{name}_activation")(x)
    return net.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)


@classifier((224, 224, 3))
def convmixer(
    net: Layers,
    image: Tensor,
    *,
    dim: int = 768,
    depth: int = 32,
    kernel_size: int = 7,
    patch_size: int = 7,
    activation: str = "relu",
) -> list[Tensor]:
    """ConvMixer-768/32; `dim=1536, depth=20, kernel_size=9, activation="gelu"` make it ConvMixer-1536/20.

    All feature maps have the same size, so `features_only=True` gives the last one only.

    References:
        A. Trockman and J. Z. Kolter, "Patches are all you need?", 2022, figures 2 and 3, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.convmixer((70, 70, 3), dim=64, depth=2, include_top=False).output_shape
        (None, 10, 10, 64)
    """
    x = net.Conv2D(dim, patch_size, patch_size, name="patches_conv")(image)
    x = active_bn(net, x, activation, "patches")
    for i in range(depth):
        mixed = net.DepthwiseConv2D(kernel_size, padding="same", name=f"block{i + 1}_depthwise_conv")(x)
        mixed = active_bn(net, mixed, activation, f"block{i + 1}_depthwise")
        x = net.Add(name=f"block{i + 1}_add")([x, mixed])
        x = net.Conv2D(dim, 1, name=f"block{i + 1}_pointwise_conv")(x)
        x = active_bn(net, x, activation, f"block{i + 1}_pointwise")
    return [x]


def torch_name(layer: str) -> str:
    """Returns timm's name for a layer: `blocks.2.0.fn.2` for `block3_depthwise_bn`."""
    place, _, kind = layer.partition("_")
    if not place.startswith("block"):
        return {"conv": "stem.0", "bn": "stem.2"}.get(kind, "head")
    within = {"depthwise_conv": "0.fn.0", "depthwise_bn": "0.fn.2", "pointwise_conv": "1", "pointwise_bn": "3"}[kind]
    return f"blocks.{int(place.removeprefix('block')) - 1}.{within}"


ZOO = {
    "convmixer": Entry(
        convmixer,
        "classification",
        'A. Trockman and J. Z. Kolter, "Patches are all you need?", 2022',
        None,  # the paper's table 1 has 21.1 million
        "the paper, figure 3",
        {"input_shape": (21, 28, 3), "classes": 5, "dim": 24, "depth": 2},
        TORCH,
        torch_name=torch_name,
    )
}
