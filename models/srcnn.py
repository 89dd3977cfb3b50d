"""SRCNN: the first convolutional network for super-resolution."""

from __future__ import annotations

from collections.abc import Sequence

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, network


@network((None, None, 1))
def srcnn(
    net: Layers,
    image: Tensor,
    *,
    filters: Sequence[int] = (64, 32),
    sizes: Sequence[int] = (9, 1, 5),
    padding: str = "valid",
) -> Tensor:
    """SRCNN: sharpens an image that was enlarged by bicubic interpolation.

    The convolutions extract features of patches, map them to those of sharper patches, and add these up.

    Args:
        filters: Filters of the first two convolutions.
        sizes: Sizes of the three windows: `(9, 1, 5)`, or the larger `(9, 3, 5)` and `(9, 5, 5)` of the paper.
        padding: `"valid"`, as the paper trains it, or `"same"` to keep the size of the image.

    References:
        C. Dong et al., "Image super-resolution using deep convolutional networks", 2014, sections 3.1 and 4.1.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.srcnn((33, 33, 1)).output_shape
        (None, 21, 21, 1)
    """
    x = net.Conv2D(filters[0], sizes[0], padding=padding, activation="relu", name="extraction")(image)
    x = net.Conv2D(filters[1], sizes[1], padding=padding, activation="relu", name="mapping")(x)
    return net.Conv2D(net.channels(image), sizes[2], padding=padding, name="reconstruction")(x)


ZOO = {
    "srcnn": Entry(
        srcnn,
        "super-resolution",
        'C. Dong et al., "Image super-resolution using deep convolutional networks", 2014',
        sizes=(256, 256),
        small={"input_shape": (15, 17, 3), "filters": (8, 6)},
        preprocessing=UNIT,
    )
}
