"""LeNet-5, a classifier of handwritten digits."""

from __future__ import annotations

from typing import Any

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, check_choice, classifier
from kerasconv.models.conv_pool_classifier import POOLINGS


def lenet_top(net: Layers, x: Tensor, classes: int, last: Any, *, activation: Any = "tanh") -> Tensor:
    """Adds layer F6, and an output for each class."""
    x = net.Flatten(name="flatten")(x)
    x = net.Dense(84, activation=activation, name="F6")(x)
    return net.Dense(classes, activation=last, name="predictions")(x)


@classifier((32, 32, 1), classes=10, top=lenet_top)
def lenet5(
    net: Layers, image: Tensor, *, activation: Any = "tanh", subsampling: str = "average", padding: Any = 0
) -> list[Tensor]:
    """LeNet-5 in its customary form: every map of C3 sees all of S2, subsampling only averages, softmax at the end.

    Args:
        activation: Activation of all layers but the last.
        subsampling: `"average"` or `"max"` pooling.
        padding: Padding of the first convolution. With 2 images of 28x28, as in MNIST, give the sizes of the paper's
            32x32.

    References:
        Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II.B and figure 2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.lenet5().count_params()
        61706
    """
    check_choice("lenet5", "subsampling", subsampling, POOLINGS)
    pool = getattr(net, POOLINGS[subsampling])
    c1 = net.Conv2D(6, 5, padding=padding, activation=activation, name="C1")(image)
    s2 = pool(2, name="S2")(c1)
    c3 = net.Conv2D(16, 5, activation=activation, name="C3")(s2)
    s4 = pool(2, name="S4")(c3)
    c5 = net.Conv2D(120, 5, activation=activation, name="C5")(s4)
    return [c1, c3, c5]


ZOO = {
    "lenet5": Entry(
        lenet5,
        "classification",
        'Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998',
        parameters=61_706,
        source="the paper, section II.B (C1 156, C5 48,120, F6 10,164), with C3 and the output in full",
        preprocessing=UNIT,
        pretrained=("digits",),
    )
}
