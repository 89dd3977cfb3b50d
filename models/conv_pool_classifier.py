"""The model that the tutorial draws: padding, convolution, ReLU and pooling, twice, then a dense layer."""

from __future__ import annotations

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, check_choice, classifier

POOLINGS = {"max": "MaxPooling2D", "average": "AveragePooling2D"}


def dense_top(net: Layers, x: Tensor, classes: int, activation: str) -> Tensor:
    """Adds a dense layer on all elements of the feature maps."""
    x = net.Flatten(name="flatten")(x)
    return net.Dense(classes, activation=activation, name="predictions")(x)


@classifier((28, 28, 1), classes=10, top=dense_top)
def conv_pool_classifier(
    net: Layers, image: Tensor, *, filters: tuple[int, ...] = (8, 16), subsampling: str = "max"
) -> list[Tensor]:
    """The tutorial's four building blocks, each as a layer of its own: 9,098 parameters.

    Padding by one keeps the size of a 3x3 convolution's input, and 2x2 pooling halves it. Images of 8x8 work too.

    Args:
        filters: Number of filters of each convolution.
        subsampling: `"max"` or `"average"` pooling.

    References:
        The tutorial, section 2, "Building blocks": the figure of the model, which does not give its sizes.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.conv_pool_classifier((8, 8, 1), features_only=True).output_shape
        [(None, 4, 4, 8), (None, 2, 2, 16)]
    """
    check_choice("conv_pool_classifier", "subsampling", subsampling, POOLINGS)
    features, x = [], image
    for i, count in enumerate(filters, start=1):
        x = net.ZeroPadding2D(1, name=f"pad{i}")(x)
        x = net.Conv2D(count, 3, name=f"conv{i}")(x)
        x = net.ReLU(name=f"relu{i}")(x)
        x = getattr(net, POOLINGS[subsampling])(2, name=f"pool{i}")(x)
        features.append(x)
    return features


ZOO = {
    "conv_pool_classifier": Entry(
        conv_pool_classifier,
        "classification",
        'The tutorial, "Building blocks"',
        source="the tutorial",
        small={"input_shape": (9, 8, 3), "classes": 4},
        preprocessing=UNIT,
    )
}
