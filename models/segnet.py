"""SegNet: an encoder, and a decoder that unpools with the indices of the maxima."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, network, probabilities


def conv_bn_relu(net: Layers, x: Tensor, filters: int, name: str) -> Tensor:
    """Adds a 3x3 convolution, batch normalisation and ReLU."""
    x = net.Conv2D(filters, 3, padding="same", name=name)(x)
    x = net.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
    return net.ReLU(name=f"{name}_relu")(x)


@network((360, 480, 3))
def segnet(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 11,
    filters: int = 64,
    depths: Sequence[int] = (2, 2, 3, 3, 3),
    classifier_activation: Any = "softmax",
) -> Tensor:
    """SegNet: a class for each pixel, by an encoder like VGG-16 and its mirror image.

    Each pooling returns the indices of its maxima, and the corresponding unpooling puts values there, and zeros
    elsewhere. If the size of the image is not known, it must be a multiple of 32.

    Args:
        classes: Number of classes.
        filters: Filters of the first stage; each stage has twice as many as the one before, up to eight times as many.
        depths: Convolutions in each stage.
        classifier_activation: Activation of the last layer.

    References:
        V. Badrinarayanan et al., "SegNet: A deep convolutional encoder-decoder architecture for image segmentation",
        2015, figure 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.segnet((90, 120, 3), filters=4).output_shape
        (None, 90, 120, 11)
    """
    stages = [(depth, filters * min(2**i, 8)) for i, depth in enumerate(depths)]
    x, left = image, []
    for stage, (depth, width) in enumerate(stages, start=1):
        for i in range(1, depth + 1):
            x = conv_bn_relu(net, x, width, f"conv{stage}_{i}")
        sizes = x.shape[1:-1] if net.data_format == "channels_last" else x.shape[2:]
        x, indices = net.MaxPooling2D(2, ceil_mode=True, return_indices=True, name=f"pool{stage}")(x)
        left.append((indices, None if None in sizes else sizes))
    for stage, (depth, width) in reversed(list(enumerate(stages, start=1))):
        indices, sizes = left[stage - 1]
        x = net.MaxUnpooling2D(2, output_size=sizes, name=f"unpool{stage}")(x, indices)
        for i in range(depth, 1, -1):
            x = conv_bn_relu(net, x, width, f"conv{stage}_{i}_decoder")
        if stage > 1:
            x = conv_bn_relu(net, x, stages[stage - 2][1], f"conv{stage}_1_decoder")
    return probabilities(net, net.Conv2D(classes, 3, padding="same", name="logits")(x), classifier_activation)


ZOO = {
    "segnet": Entry(
        segnet,
        "segmentation",
        'V. Badrinarayanan et al., "SegNet: A deep convolutional encoder-decoder architecture for image segmentation", '
        "2015",
        small={"input_shape": (12, 10, 3), "classes": 5, "filters": 4, "depths": (1, 2, 1)},
        preprocessing=UNIT,
    )
}
