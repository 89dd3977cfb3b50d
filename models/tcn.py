"""TCN: a temporal convolutional network for sequences."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import Entry
from kerasconv.models._network import Layers, Tensor, network, probabilities


def residual_block(
    net: Layers, x: Tensor, filters: int, kernel_size: int, dilation: int, dropout: float, name: str
) -> Tensor:
    """Adds two causal dilated convolutions beside a shortcut, with dropout of whole channels."""
    y = x
    one_step = (None, 1, None) if net.data_format == "channels_last" else (None, None, 1)
    for i in (1, 2):
        y = net.Conv1D(
            filters, kernel_size, padding="causal", dilation_rate=dilation, activation="relu", name=f"{name}_conv{i}"
        )(y)
        y = net.Dropout(dropout, noise_shape=one_step, name=f"{name}_dropout{i}")(y)
    if net.channels(x) != filters:
        x = net.Conv1D(filters, 1, name=f"{name}_shortcut")(x)
    return net.ReLU(name=f"{name}_out")(net.Add(name=f"{name}_add")([x, y]))


@network((None, 1))
def tcn(
    net: Layers,
    sequence: Tensor,
    *,
    classes: int = 10,
    filters: int = 25,
    kernel_size: int = 7,
    depth: int = 8,
    dropout: float = 0.05,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """TCN: for each step of a sequence, the probabilities of classes, from it and the steps before.

    The defaults are those of the paper for digits as sequences of pixels, with the class as the last output. The
    receptive field is `1 + 2 * (kernel_size - 1) * (2**depth - 1)` steps.

    Args:
        classes: Number of classes.
        filters: Filters of all convolutions but the last.
        kernel_size: Steps in a window.
        depth: Number of blocks; their dilations are 1, 2, 4, ...
        dropout: Dropout rate of channels after each convolution.
        classifier_activation: Activation of the last layer.

    References:
        S. Bai et al., "An empirical evaluation of generic convolutional and recurrent networks for sequence modeling",
        2018, figure 1 and table 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.tcn((784, 1), filters=4).output_shape
        (None, 784, 10)
    """
    x = sequence
    for i in range(depth):
        x = residual_block(net, x, filters, kernel_size, 2**i, dropout, f"block{i + 1}")
    return probabilities(net, net.Conv1D(classes, 1, name="logits")(x), classifier_activation)


ZOO = {
    "tcn": Entry(
        tcn,
        "sequence",
        'S. Bai et al., "An empirical evaluation of generic convolutional and recurrent networks for sequence '
        'modeling", 2018',
        sizes=(1024,),
        small={"input_shape": (23, 2), "classes": 6, "filters": 4, "kernel_size": 3, "depth": 3},
    )
}
