"""C3D: convolution over space and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerasconv.models._entry import Entry
from kerasconv.models._network import Layers, Tensor, network


@network((16, 112, 112, 3))
def c3d(
    net: Layers,
    video: Tensor,
    *,
    classes: int = 487,
    filters: int = 64,
    depths: Sequence[int] = (1, 1, 2, 2, 2),
    dropout: float = 0.5,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """C3D: what happens in 16 pictures of a video, like VGG with windows of 3x3x3.

    Args:
        classes: Number of classes.
        filters: Filters of the first stage; each stage has twice as many as the one before, up to eight times as many;
            the dense layers have 64 times as many.
        depths: Convolutions in each stage, up to four.
        dropout: Dropout rate after the dense layers.
        classifier_activation: Activation of the last layer.

    References:
        D. Tran et al., "Learning spatiotemporal features with 3D convolutional networks", 2014, figure 3.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.c3d((8, 32, 32, 3), filters=2, classes=6).output_shape
        (None, 6)
    """
    x = video
    for stage, depth in enumerate(depths, start=1):
        width = filters * min(2 ** (stage - 1), 8)
        for letter in "abcd"[:depth]:
            x = net.Conv3D(width, 3, padding="same", activation="relu", name=f"conv{stage}{letter}")(x)
        window = (1, 2, 2) if stage == 1 else 2  # time is not pooled too early
        x = net.MaxPooling3D(window, padding="same", name=f"pool{stage}")(x)  # the last has sizes 7 and 4
    x = net.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = net.Dense(64 * filters, activation="relu", name=name)(x)
        x = net.Dropout(dropout, name=f"{name}_dropout")(x)
    return net.Dense(classes, activation=classifier_activation, name="predictions")(x)


ZOO = {
    "c3d": Entry(
        c3d,
        "video",
        'D. Tran et al., "Learning spatiotemporal features with 3D convolutional networks", 2014',
        79_991_015,
        "the summary printed at github.com/aslucki/C3D_Sport1M_keras",
        small={"input_shape": (4, 14, 12, 2), "classes": 5, "filters": 2, "depths": (1, 2, 1)},
    )
}
