"""The tutorial's line detector: one convolution with a fixed kernel, optionally followed by pooling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import builder, check_choice, resolve_input

KERNELS = {
    "vertical": [[0, 1, 0], [0, 1, 0], [0, 1, 0]],
    "horizontal": [[0, 0, 0], [1, 1, 1], [0, 0, 0]],
    "diagonal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "antidiagonal": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
}

POOLINGS: dict[str | None, tuple[Any, ...]] = {
    None: (),
    "max": ("MaxPooling2D", 2),
    "average": ("AveragePooling2D", 2),
    "global_max": ("GlobalMaxPooling2D",),
    "global_average": ("GlobalAveragePooling2D",),
}


@builder
def line_detector(
    orientation: str = "vertical",
    pooling: str | None = None,
    input_shape: tuple[int | None, ...] = (8, 8, 1),
    *,
    data_format: str | None = None,
    name: str = "line_detector",
) -> keras.Sequential:
    """A 3x3 convolution that answers to lines of one direction, with ReLU: 10 parameters, set by hand.

    The kernel has ones on the line and zeros elsewhere, so that a line of ones, one pixel wide, gives 3.

    Args:
        orientation: `"vertical"`, `"horizontal"`, `"diagonal"` (from top left to bottom right) or `"antidiagonal"`.
        pooling: Pooling after the convolution: `None`; `"max"` or `"average"` over 2x2; `"global_max"` or
            `"global_average"`.
        input_shape: Height, width (either may be `None`) and 1, in the order of `data_format`.
        weights: The path of a file of weights that replace the fixed ones.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' setting.
        layers: The module of the layers: `kerasconv.layers`, or `keras.layers` for the same on stock layers.
        features_only: Names of layers whose outputs become those of the model.
        name: The model's name.

    Returns:
        A model from `(batch, height, width, 1)` to `(batch, height - 2, width - 2, 1)`; half of that with 2x2
        pooling; `(batch, 1)` with global pooling.

    Raises:
        ValueError: If an argument is malformed.

    References:
        The tutorial, "Detecting Vertical Lines" and "Average Pooling Layer".

    Example:
        >>> import kerasconv, numpy as np
        >>> picture = np.zeros((1, 8, 8, 1), "float32")
        >>> picture[:, :, 3:5] = 1
        >>> kerasconv.models.line_detector().predict(picture, verbose=0)[0, 0, :, 0]
        array([0., 0., 3., 3., 0., 0.], dtype=float32)
    """
    check_choice("line_detector", "orientation", orientation, KERNELS)
    check_choice("line_detector", "pooling", pooling, POOLINGS)
    net, input_shape = resolve_input(line_detector, input_shape, data_format)
    image = keras.Input(input_shape, name="image")
    if net.channels(image) != 1:
        raise ValueError(f"line_detector: the images must have one channel. Received: input_shape={input_shape!r}.")
    model = keras.Sequential([image, net.Conv2D(1, 3, activation="relu", name="lines")], name=name)
    if pooling is not None:
        layer, *pool_size = POOLINGS[pooling]
        model.add(getattr(net, layer)(*pool_size, name="pooling"))
    kernel = np.asarray(KERNELS[orientation], "float32")[:, :, None, None]
    model.get_layer("lines").set_weights([kernel, np.zeros(1, "float32")])
    return model


ZOO = {
    "line_detector": Entry(
        line_detector,
        "filter",
        'The tutorial, "Detecting Vertical Lines"',
        parameters=10,
        source="the tutorial",
        preprocessing=UNIT,
    )
}
