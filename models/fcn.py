"""Fully convolutional networks for segmentation: FCN-8s on VGG-16; FCN and DeepLab v3 on a dilated ResNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasconv.models import resnet
from kerasconv.models._entry import CAFFE, TORCH, Entry
from kerasconv.models._network import Builder, Layers, Tensor, check_sizes, network, probabilities
from kerasconv.models.resnet import bottleneck, conv_bn, residual
from kerasconv.models.vgg import blocks


@keras.saving.register_keras_serializable(package="kerasconv")
class Bilinear(keras.initializers.Initializer):
    """The kernel of a transposed convolution that interpolates each channel bilinearly.

    Example:
        >>> np.asarray(Bilinear()((4, 4, 1, 1)))[0, :, 0, 0] * 16
        array([1., 3., 3., 1.], dtype=float32)
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        """Returns the kernel, `(height, width, channels, channels)`; its size must be twice the stride."""
        *sizes, outputs, inputs = shape
        height, width = (1 - np.abs((np.arange(n) + 0.5) / (n / 2) - 1) for n in sizes)
        kernel = np.einsum("h,w,oi->hwoi", height, width, np.eye(outputs, inputs))
        return keras.ops.convert_to_tensor(kernel, dtype or keras.config.floatx())


def enlarge(net: Layers, x: Tensor, factor: int, name: str, *, trainable: bool = True) -> Tensor:
    """Enlarges a map by a transposed convolution that is initialised as bilinear interpolation."""
    return net.Conv2DTranspose(
        net.channels(x),
        2 * factor,
        factor,
        padding="same",
        use_bias=False,
        kernel_initializer=Bilinear(),
        trainable=trainable,
        name=name,
    )(x)


@network((None, None, 3))
def fcn8s(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 21,
    filters: int = 64,
    dropout: float = 0.5,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """FCN-8s: a class for each pixel, from VGG-16 with its dense layers read as convolutions.

    The scores of the coarsest map are enlarged and added to those of a finer one, twice; the last step, by 8, is
    bilinear and not trained. Sizes of images must be multiples of 32.

    Args:
        classes: Number of classes.
        filters: Filters of the first stage; the dense layers have 64 times as many.
        dropout: Dropout rate after the dense layers.
        classifier_activation: Activation of the last layer.

    References:
        J. Long et al., "Fully convolutional networks for semantic segmentation", 2015, figure 3 and section 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.fcn8s((64, 96, 3), filters=4).output_shape
        (None, 64, 96, 21)
    """
    check_sizes("fcn8s", net, image, 32)
    pools = blocks(net, image, (2, 2, 3, 3, 3), filters)
    x = pools[-1]
    for name, size in (("fc6", 7), ("fc7", 1)):
        x = net.Conv2D(64 * filters, size, padding="same", activation="relu", name=name)(x)
        x = net.Dropout(dropout, name=f"{name}_dropout")(x)
    x = net.Conv2D(classes, 1, name="score_fc7")(x)
    for stage in (4, 3):
        x = enlarge(net, x, 2, f"enlarge_to_pool{stage}")
        score = net.Conv2D(classes, 1, name=f"score_pool{stage}")(pools[stage - 1])
        x = net.Add(name=f"fuse_pool{stage}")([x, score])
    return probabilities(net, enlarge(net, x, 8, "enlarge_to_image", trainable=False), classifier_activation)


def conv_bn_relu(net: Layers, x: Tensor, filters: int, size: int, name: str, dilation: int = 1) -> Tensor:
    """Adds a convolution, batch normalisation and ReLU."""
    return net.ReLU(name=f"{name}_relu")(conv_bn(net, x, filters, size, name=name, dilation_rate=dilation))


def pyramid(net: Layers, x: Tensor, rates: Sequence[int]) -> Tensor:
    """Adds atrous spatial pyramid pooling: parallel convolutions of several dilations, and global average pooling."""
    near = conv_bn_relu(net, x, 256, 1, "aspp1")
    parts = [near]
    for i, rate in enumerate(rates, start=2):
        parts.append(conv_bn_relu(net, x, 256, 3, f"aspp{i}", rate))
    mean = net.GlobalAveragePooling2D(keepdims=True, name="aspp_pool")(x)
    mean = conv_bn_relu(net, mean, 256, 1, "aspp_pool")
    parts.append(net.Add(name="aspp_pool_everywhere")([mean, keras.ops.zeros_like(near)]))
    x = conv_bn_relu(net, net.Concatenate(name="aspp_concat")(parts), 256, 1, "project")
    return net.Dropout(0.5, name="project_dropout")(x)


def fcn_head(net: Layers, x: Tensor, classes: int, name: str) -> Tensor:
    """Adds a 3x3 convolution to a quarter of the channels, and a 1x1 convolution to scores."""
    x = conv_bn_relu(net, x, net.channels(x) // 4, 3, name)
    x = net.Dropout(0.1, name=f"{name}_dropout")(x)
    return net.Conv2D(classes, 1, name=f"{name}_logits")(x)


def segmentation(
    net: Layers, image: Tensor, head: Any, classes: int, auxiliary: bool, activation: Any, caller: str
) -> Tensor:
    """Adds a head on ResNet-50 at an eighth of the resolution, with scores enlarged to that of the image."""

    def at_each_pixel(scores: Tensor, name: str) -> Tensor:
        return net.UpSampling2D(8, interpolation="bilinear", name=name)(scores)

    check_sizes(caller, net, image, 8)
    *_, middle, last = residual(net, image, bottleneck(), (3, 4, 6, 3), output_stride=8)
    output = probabilities(net, at_each_pixel(head(last), "enlarge"), activation)
    if not auxiliary:
        return output
    return [output, at_each_pixel(fcn_head(net, middle, classes, "aux"), "aux")]


@network((None, None, 3))
def deeplab_v3(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 21,
    rates: Sequence[int] = (12, 24, 36),
    auxiliary: bool = False,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """DeepLab v3 on ResNet-50: a class for each pixel, from windows that see far at a resolution of one eighth.

    Sizes of images must be multiples of 8.

    Args:
        classes: Number of classes.
        rates: Dilations of the parallel convolutions of the last map.
        auxiliary: Whether to add the scores of a second head on the stage before the last, for training.
        classifier_activation: Activation of the last layer.

    References:
        L.-C. Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017, figure 5.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.get_entry("deeplab_v3").source
        'torchvision deeplabv3_resnet50'
    """

    def head(x: Tensor) -> Tensor:
        x = conv_bn_relu(net, pyramid(net, x, rates), 256, 3, "head")
        return net.Conv2D(classes, 1, name="head_logits")(x)

    return segmentation(net, image, head, classes, auxiliary, classifier_activation, "deeplab_v3")


@network((None, None, 3))
def fcn_resnet50(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 21,
    auxiliary: bool = False,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """A fully convolutional network on ResNet-50: a class for each pixel, without the pyramid of DeepLab.

    Sizes of images must be multiples of 8.

    Args:
        classes: Number of classes.
        auxiliary: Whether to add the scores of a second head on the stage before the last, for training.
        classifier_activation: Activation of the last layer.

    References:
        J. Long et al., "Fully convolutional networks for semantic segmentation", 2015; the network is torchvision's.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.get_entry("fcn_resnet50").source
        'torchvision fcn_resnet50'
    """

    def head(x: Tensor) -> Tensor:
        return fcn_head(net, x, classes, "fcn")

    return segmentation(net, image, head, classes, auxiliary, classifier_activation, "fcn_resnet50")


# The module of a head in torchvision, and the number of its first convolution in it.
_PLACES = {
    **{f"aspp{i + 1}": (f"classifier.0.convs.{i}", 0) for i in range(4)},
    "aspp_pool": ("classifier.0.convs.4", 1),
    "project": ("classifier.0.project", 0),
    "head": ("classifier", 1),
    "fcn": ("classifier", 0),
    "aux": ("aux_classifier", 0),
}


def torch_name(layer: str) -> str:
    """Returns torchvision's name for a layer: `classifier.0.convs.1.1` for `aspp2_bn`."""
    part, _, kind = layer.rpartition("_")
    if part not in _PLACES:
        return f"backbone.{resnet.torch_name(layer)}"
    module, first = _PLACES[part]
    return f"{module}.{4 if kind == 'logits' else first + (kind == 'bn')}"


_LONG = 'J. Long et al., "Fully convolutional networks for semantic segmentation", 2015'
_CHEN = 'L.-C. Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017'


def _of_torchvision(build: Builder, paper: str, parameters: int, source: str) -> Entry:
    return Entry(
        build,
        "segmentation",
        paper,
        parameters,
        source=f"torchvision {source}",
        small={"input_shape": (32, 40, 3), "classes": 5},
        preprocessing=TORCH,
        torch_name=torch_name,
        sizes=(520, 520),
    )


ZOO = {
    "fcn8s": Entry(
        fcn8s,
        "segmentation",
        _LONG,
        sizes=(512, 512),
        small={"input_shape": (32, 64, 3), "classes": 5, "filters": 2},
        preprocessing=CAFFE,
    ),
    "fcn_resnet50": _of_torchvision(fcn_resnet50, _LONG, 32_957_013, "fcn_resnet50"),
    "deeplab_v3": _of_torchvision(deeplab_v3, _CHEN, 39_638_869, "deeplabv3_resnet50"),
}
