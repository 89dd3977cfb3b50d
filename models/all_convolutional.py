"""The all-convolutional net, with strides instead of pooling."""

from __future__ import annotations

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, classifier
from kerasconv.models.nin import map_top


@classifier((32, 32, 3), classes=10, top=map_top)
def all_convolutional(net: Layers, image: Tensor, *, dropout: tuple[float, float] = (0.2, 0.5)) -> list[Tensor]:
    """All-CNN-C for CIFAR-10.

    Args:
        dropout: Dropout rates of the image and of the outputs of strided convolutions.

    References:
        J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2014, section 3.1 and tables 1
        and 2; dropout in section 3.2.

    Example:
        >>> import kerasconv
        >>> round(kerasconv.models.all_convolutional().count_params() / 1e6, 1)
        1.4
    """
    features, x = [], net.Dropout(dropout[0], name="image_dropout")(image)
    for stage, filters in enumerate((96, 192), start=1):
        for i, strides in enumerate((1, 1, 2), start=1):
            name = f"conv{stage}_{i}"
            x = net.Conv2D(filters, 3, strides, padding=1, activation="relu", name=name)(x)
        features.append(x)
        x = net.Dropout(dropout[1], name=f"dropout{stage}")(x)
    x = net.Conv2D(192, 3, activation="relu", name="conv3_1")(x)
    return [*features, net.Conv2D(192, 1, activation="relu", name="conv3_2")(x)]


ZOO = {
    "all_convolutional": Entry(
        all_convolutional,
        "classification",
        'J. T. Springenberg et al., "Striving for simplicity: the all convolutional net", 2014',
        source="the paper, tables 1 and 2",
        small={"input_shape": (13, 12, 3), "classes": 5},
        preprocessing=UNIT,
    )
}
