"""WaveNet: causal dilated convolutions over the samples of an audio signal."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import Entry
from kerasconv.models._network import Layers, Tensor, network, probabilities


def gated(net: Layers, x: Tensor, filters: int, skip_filters: int, dilation: int, name: str) -> tuple[Tensor, Tensor]:
    """Adds a gated causal dilated convolution beside a shortcut, and returns also its contribution to the output."""
    causal = {"padding": "causal", "dilation_rate": dilation}
    signal = net.Conv1D(filters, 2, activation="tanh", name=f"{name}_signal", **causal)(x)
    gate = net.Conv1D(filters, 2, activation="sigmoid", name=f"{name}_gate", **causal)(x)
    y = net.Multiply(name=f"{name}_gated")([signal, gate])
    skip = net.Conv1D(skip_filters, 1, name=f"{name}_skip")(y)
    return net.Add(name=f"{name}_add")([x, net.Conv1D(filters, 1, name=f"{name}_residual")(y)]), skip


@network((None, 256))
def wavenet(
    net: Layers,
    sound: Tensor,
    *,
    classes: int = 256,
    filters: int = 32,
    skip_filters: int = 512,
    depth: int = 10,
    stacks: int = 3,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """WaveNet: for each sample of a sound, the probabilities of the next one, from it and those before.

    Inputs are one-hot codes of 256 amplitudes (mu-law), and outputs are their probabilities. The receptive field is
    `1 + stacks * (2**depth - 1) + 1` samples.

    Args:
        classes: Number of codes.
        filters: Filters of the dilated convolutions; the paper does not say how many.
        skip_filters: Filters of their contributions to the output.
        depth: Dilated convolutions per stack; their dilations are 1, 2, 4, ...
        stacks: Number of repetitions.
        classifier_activation: Activation of the last layer.

    References:
        A. van den Oord et al., "WaveNet: A generative model for raw audio", 2016, figure 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.wavenet(depth=3, stacks=2, filters=4).output_shape
        (None, None, 256)
    """
    x = net.Conv1D(filters, 2, padding="causal", name="causal")(sound)
    skips = []
    for stack in range(1, stacks + 1):
        for i in range(depth):
            x, skip = gated(net, x, filters, skip_filters, 2**i, f"stack{stack}_dilation{2**i}")
            skips.append(skip)  # `x` of the last block leads nowhere, so Keras leaves it out of the model
    x = net.ReLU(name="skips_relu")(net.Add(name="skips")(skips))
    x = net.Conv1D(skip_filters, 1, activation="relu", name="hidden")(x)
    return probabilities(net, net.Conv1D(classes, 1, name="logits")(x), classifier_activation)


ZOO = {
    "wavenet": Entry(
        wavenet,
        "audio",
        'A. van den Oord et al., "WaveNet: A generative model for raw audio", 2016',
        sizes=(16000,),
        small={
            "input_shape": (23, 5),
            "classes": 6,
            "filters": 4,
            "skip_filters": 7,
            "depth": 3,
            "stacks": 2,
        },
    )
}
