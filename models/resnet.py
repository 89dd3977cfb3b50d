"""Residual networks: ResNet, ResNeXt, Wide ResNet."""

from __future__ import annotations

from collections.abc import Callable

from kerasconv.models._entry import CAFFE, TORCH, Entry
from kerasconv.models._network import Builder, Layers, Tensor, classifier

Block = Callable[..., Tensor]


def conv_bn(
    net: Layers, x: Tensor, filters: int, size: int, strides: int = 1, *, name: str, bias: bool = False, **options: int
) -> Tensor:
    """Adds a convolution and batch normalisation, as in torchvision; with `bias`, as in `keras.applications`.

    `options` are `groups` and `dilation_rate`.
    """
    padding = size // 2 * options.get("dilation_rate", 1)
    x = net.Conv2D(filters, size, strides, padding=padding, use_bias=bias, name=f"{name}_conv", **options)(x)
    return net.BatchNormalization(epsilon=1.001e-5 if bias else 1e-5, name=f"{name}_bn")(x)


def basic(net: Layers, x: Tensor, filters: int, strides: int, dilation: int, name: str) -> Tensor:
    """Adds two 3x3 convolutions beside a shortcut."""
    shortcut = x
    if strides > 1 or net.channels(x) != filters:
        shortcut = conv_bn(net, x, filters, 1, strides, name=f"{name}_0")
    x = conv_bn(net, x, filters, 3, strides, name=f"{name}_1", dilation_rate=dilation)
    x = net.ReLU(name=f"{name}_1_relu")(x)
    x = conv_bn(net, x, filters, 3, name=f"{name}_2", dilation_rate=dilation)
    x = net.Add(name=f"{name}_add")([shortcut, x])
    return net.ReLU(name=f"{name}_out")(x)


def bottleneck(width: int = 64, groups: int = 1, *, original: bool = False) -> Block:
    """Adds 1x1 to `width` channels per 64 filters, grouped 3x3 with the strides, 1x1 to four times the filters.

    In the `original`, the first one strides, and convolutions have a bias.
    """

    def block(net: Layers, x: Tensor, filters: int, strides: int, dilation: int, name: str) -> Tensor:
        inner, outer = filters * width // 64, filters * 4
        first, second = (strides, 1) if original else (1, strides)
        shortcut = x
        if strides > 1 or net.channels(x) != outer:
            shortcut = conv_bn(net, x, outer, 1, strides, name=f"{name}_0", bias=original)
        x = conv_bn(net, x, inner, 1, first, name=f"{name}_1", bias=original)
        x = net.ReLU(name=f"{name}_1_relu")(x)
        x = conv_bn(net, x, inner, 3, second, name=f"{name}_2", bias=original, groups=groups, dilation_rate=dilation)
        x = net.ReLU(name=f"{name}_2_relu")(x)
        x = conv_bn(net, x, outer, 1, name=f"{name}_3", bias=original)
        x = net.Add(name=f"{name}_add")([shortcut, x])
        return net.ReLU(name=f"{name}_out")(x)

    return block


def residual(
    net: Layers,
    image: Tensor,
    block: Block,
    depths: tuple[int, ...],
    *,
    original: bool = False,
    output_stride: int = 32,
) -> list[Tensor]:
    """Adds the layers of the paper's table 1: a stem and four stages of blocks, each with twice the filters.

    Stages that would reduce the size by more than `output_stride` in total have dilations instead of strides.
    """
    x = conv_bn(net, image, 64, 7, 2, name="conv1", bias=original)
    x = net.ReLU(name="conv1_relu")(x)
    features = [x]
    x = net.MaxPooling2D(3, 2, padding=1, name="pool1_pool")(x)
    dilation = 1
    for stage, depth in enumerate(depths):
        strides = 1 if stage == 0 or 4 * 2**stage > output_stride else 2
        x = block(net, x, 64 * 2**stage, strides, dilation, name=f"conv{stage + 2}_block1")
        dilation *= 2 if stage > 0 and strides == 1 else 1
        for i in range(2, depth + 1):
            x = block(net, x, 64 * 2**stage, 1, dilation, name=f"conv{stage + 2}_block{i}")
        features.append(x)
    return features


@classifier((224, 224, 3))
def resnet18(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNet-18.

    References:
        K. He et al., "Deep residual learning for image recognition", 2015, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnet18((64, 64, 3), classes=10).count_params()
        11191242
    """
    return residual(net, image, basic, (2, 2, 2, 2))


@classifier((224, 224, 3))
def resnet34(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNet-34: as ResNet-18, with more blocks.

    References:
        K. He et al., "Deep residual learning for image recognition", 2015, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnet34((64, 64, 3), features_only=True).output_shape[-1]
        (None, 2, 2, 512)
    """
    return residual(net, image, basic, (3, 4, 6, 3))


@classifier((224, 224, 3))
def resnet50(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNet-50.

    References:
        K. He et al., "Deep residual learning for image recognition", 2015, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnet50((64, 64, 3), include_top=False, pooling="avg").output_shape
        (None, 2048)
    """
    return residual(net, image, bottleneck(original=True), (3, 4, 6, 3), original=True)


@classifier((224, 224, 3))
def resnet101(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNet-101.

    References:
        K. He et al., "Deep residual learning for image recognition", 2015, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnet101((64, 64, 3), include_top=False).output_shape
        (None, 2, 2, 2048)
    """
    return residual(net, image, bottleneck(original=True), (3, 4, 23, 3), original=True)


@classifier((224, 224, 3))
def resnet152(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNet-152.

    References:
        K. He et al., "Deep residual learning for image recognition", 2015, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnet152((64, 64, 3), include_top=False).output_shape
        (None, 2, 2, 2048)
    """
    return residual(net, image, bottleneck(original=True), (3, 8, 36, 3), original=True)


@classifier((224, 224, 3))
def resnext50_32x4d(net: Layers, image: Tensor) -> list[Tensor]:
    """ResNeXt-50 with 32 groups of 4 channels.

    References:
        S. Xie et al., "Aggregated residual transformations for deep neural networks", 2016, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.resnext50_32x4d((64, 64, 3)).get_layer("conv2_block1_2_conv").groups
        32
    """
    return residual(net, image, bottleneck(128, groups=32), (3, 4, 6, 3))


@classifier((224, 224, 3))
def wide_resnet50_2(net: Layers, image: Tensor) -> list[Tensor]:
    """Wide ResNet-50-2: ResNet-50 with 3x3 convolutions of twice the width.

    References:
        S. Zagoruyko and N. Komodakis, "Wide residual networks", 2016, section 3.2 (ImageNet).

    Example:
        >>> import kerasconv
        >>> kerasconv.models.wide_resnet50_2((64, 64, 3)).get_layer("conv2_block1_2_conv").filters
        128
    """
    return residual(net, image, bottleneck(128), (3, 4, 6, 3))


_HE = 'K. He et al., "Deep residual learning for image recognition", 2015'
_XIE = 'S. Xie et al., "Aggregated residual transformations for deep neural networks", 2016'
_ZAGORUYKO = 'S. Zagoruyko and N. Komodakis, "Wide residual networks", 2016'
_SMALL = {"input_shape": (32, 32, 3), "classes": 5}


def torch_name(layer: str) -> str:
    """Returns torchvision's name for a layer: `layer2.1.bn1` for `conv3_block2_1_bn`."""
    if not layer.startswith("conv"):
        return "fc"
    *place, number, kind = layer.removeprefix("conv").replace("block", "").split("_")
    if not place:  # of the stem
        return f"{kind}1"
    within = f"{kind}{number}" if number != "0" else f"downsample.{0 if kind == 'conv' else 1}"
    return f"layer{int(place[0]) - 1}.{int(place[1]) - 1}.{within}"


def _of_torchvision(build: Builder, paper: str, parameters: int) -> Entry:
    source = f"torchvision {build.__name__}"
    return Entry(build, "classification", paper, parameters, source, _SMALL, TORCH, torch_name=torch_name)


def _of_keras(build: Builder, source: str, parameters: int) -> Entry:
    source = f"keras.applications.{source}"
    return Entry(build, "classification", _HE, parameters, source, _SMALL, CAFFE, ("imagenet",))


ZOO = {
    "resnet18": _of_torchvision(resnet18, _HE, 11_689_512),
    "resnet34": _of_torchvision(resnet34, _HE, 21_797_672),
    "resnet50": _of_keras(resnet50, "ResNet50", 25_583_592),
    "resnet101": _of_keras(resnet101, "ResNet101", 44_601_832),
    "resnet152": _of_keras(resnet152, "ResNet152", 60_268_520),
    "resnext50_32x4d": _of_torchvision(resnext50_32x4d, _XIE, 25_028_904),
    "wide_resnet50_2": _of_torchvision(wide_resnet50_2, _ZAGORUYKO, 68_883_240),
}
