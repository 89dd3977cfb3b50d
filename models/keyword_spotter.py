"""A keyword spotter: a network on the samples of an audio signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasconv.models._entry import Entry
from kerasconv.models._network import Layers, Tensor, network


def conv_bn_relu(net: Layers, x: Tensor, filters: int, size: int, strides: int, name: str) -> Tensor:
    """Adds a convolution over time, batch normalisation and ReLU."""
    x = net.Conv1D(filters, size, strides, padding="same", name=name)(x)
    return net.ReLU(name=f"{name}_relu")(net.BatchNormalization(name=f"{name}_bn")(x))


@network((32000, 1))
def keyword_spotter(
    net: Layers,
    sound: Tensor,
    *,
    classes: int = 10,
    filters: int = 128,
    widths: Sequence[int] = (1, 2, 4),
    depths: Sequence[int] = (1, 1, 1),
    classifier_activation: Any = "softmax",
) -> Tensor:
    """M5: which word or noise a sound is, from its samples, four seconds at 8 kHz by default.

    The first convolution has a window of 10 ms and takes the place of a spectrogram. Each pooling then keeps one step
    in four.

    Args:
        classes: Number of classes.
        filters: Filters of the first convolution.
        widths: Numbers of filters of the later stages, as multiples of this.
        depths: Convolutions in each of these stages. The paper's M18 is `filters=64, widths=(1, 2, 4, 8), depths=(4, 4,
            4, 4)`.
        classifier_activation: Activation of the last layer.

    References:
        W. Dai et al., "Very deep convolutional neural networks for raw waveforms", 2016, table 1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.keyword_spotter((16000, 1), classes=35, filters=4).output_shape
        (None, 35)
    """
    x = conv_bn_relu(net, sound, filters, 80, 4, "conv1")
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=2):
        x = net.MaxPooling1D(4, padding="same", name=f"pool{stage - 1}")(x)
        for i in range(1, depth + 1):
            x = conv_bn_relu(net, x, filters * width, 3, 1, f"conv{stage}_{i}")
    x = net.MaxPooling1D(4, padding="same", name=f"pool{len(widths) + 1}")(x)
    x = net.GlobalAveragePooling1D(name="avg_pool")(x)
    return net.Dense(classes, activation=classifier_activation, name="predictions")(x)


ZOO = {
    "keyword_spotter": Entry(
        keyword_spotter,
        "audio",
        'W. Dai et al., "Very deep convolutional neural networks for raw waveforms", 2016',
        small={"input_shape": (1100, 2), "classes": 5, "filters": 4},
    )
}
