"""The classic 3x3 filters of image processing, as the kernels of one convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import builder, resolve_input

# Vertical filters answer to vertical edges, positively where it gets brighter from left to right; horizontal ones to
# horizontal edges, from top to bottom.
FILTERS: dict[str, Any] = {
    "sobel_vertical": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "sobel_horizontal": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "prewitt_vertical": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "prewitt_horizontal": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "scharr_vertical": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
    "scharr_horizontal": [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
    "laplacian": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "box_blur": np.full((3, 3), 1 / 9),
    "gaussian_blur": np.outer([1, 2, 1], [1, 2, 1]) / 16,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}


@builder
def filter_bank(
    names: Sequence[str] | str = tuple(FILTERS),
    input_shape: tuple[int | None, ...] = (None, None, 1),
    *,
    padding: Any = "same",
    data_format: str | None = None,
    name: str = "filter_bank",
) -> keras.Sequential:
    """A convolution whose kernels are filters of image processing, set by hand; each channel is filtered by itself.

    Args:
        names: Filters among `sobel_vertical`, `sobel_horizontal`, `prewitt_vertical`, `prewitt_horizontal`,
            `scharr_vertical`, `scharr_horizontal`, `laplacian`, `box_blur`, `gaussian_blur`, `sharpen`, `emboss`; all
            of them by default.
        input_shape: Height, width (either may be `None`) and channels, in the order of `data_format`.
        padding: Any padding that `layers.Conv2D` takes.
        weights: The path of a file of weights that replace the filters.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' setting.
        layers: The module of the layers: `kerasconv.layers`, or `keras.layers` for the same on stock layers.
        features_only: Names of layers whose outputs become those of the model.
        name: The model's name.

    Returns:
        A model from `(batch, height, width, channels)` to `(batch, height, width, channels * len(names))`: all filters
        of the first channel, then those of the second, and so on.

    Raises:
        ValueError: If a filter is unknown, or `input_shape` malformed.

    References:
        The tutorial, sections 3.1 and 3.2 ("kernels for blurring, sharpening, embossing, edge detection"). I. Sobel,
        "An isotropic 3x3 image gradient operator", 1968; J. Prewitt, "Object enhancement and extraction", 1970;
        H. Scharr, "Optimale Operatoren in der digitalen Bildverarbeitung", 2000.

    Example:
        >>> import kerasconv, numpy as np
        >>> step = np.float32([[0, 0, 9, 9]] * 3).reshape(1, 3, 4, 1)
        >>> kerasconv.models.filter_bank("prewitt_vertical", padding="valid").predict(step, verbose=0)[0, 0, :, 0]
        array([27., 27.], dtype=float32)
    """
    names = [names] if isinstance(names, str) else list(names)
    unknown = [filter_name for filter_name in names if filter_name not in FILTERS]
    if unknown or not names:
        raise ValueError(
            f"filter_bank: `names` must be some of {', '.join(map(repr, FILTERS))}. Received: names={names!r}."
        )
    net, input_shape = resolve_input(filter_bank, input_shape, data_format)
    image = keras.Input(input_shape, name="image")
    channels = net.channels(image)
    filters = net.Conv2D(channels * len(names), 3, padding=padding, groups=channels, use_bias=False, name="filters")
    model = keras.Sequential([image, filters], name=name)
    kernels = np.stack([np.asarray(FILTERS[filter_name], "float32") for filter_name in names], -1)
    filters.set_weights([np.tile(kernels[:, :, None, :], (1, 1, 1, channels))])
    return model


ZOO = {
    "filter_bank": Entry(
        filter_bank,
        "filter",
        "I. Sobel, 1968; J. Prewitt, 1970; H. Scharr, 2000",
        parameters=99,
        source="its filters",
        sizes=(224, 224),
        small={"input_shape": (9, 8, 3), "names": ["emboss", "sharpen"]},
        preprocessing=UNIT,
    )
}
