"""The tutorial's stack of three convolutions, with the classifier that its text describes."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import builder, check_classes, resolve_input


@builder
def same_padding_stack(
    input_shape: tuple[int, ...] = (28, 28, 1),
    classes: int = 10,
    *,
    padding: Any = "same",
    data_format: str | None = None,
    name: str = "same_padding_stack",
) -> keras.Sequential:
    """Three 3x3 convolutions with 32, 64 and 128 filters and ReLU, then dense 256 and softmax.

    With `"same"` padding the maps keep the size of the image. With `"valid"`, the tutorial's other variant, each
    convolution loses two pixels. The tutorial's code ends with the dense layer of 256 units, its text with a softmax.

    Args:
        input_shape: Height, width and channels of the images, in the order of `data_format`.
        classes: Number of classes.
        padding: `"same"` or `"valid"`, or any padding that `layers.Conv2D` takes.
        weights: `None` for random weights, a name in `model_info(name).pretrained`, or the path of a file of them.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' setting.
        layers: The module of the layers: `kerasconv.layers`, or `keras.layers` for the same on stock layers.
        features_only: Names of layers whose outputs become those of the model.
        name: The model's name.

    Returns:
        A model from `(batch, *input_shape)` to probabilities `(batch, classes)`.

    Raises:
        ValueError: If an argument is malformed.

    References:
        The tutorial, "How to use Same / Zero Padding with Keras?".

    Example:
        >>> import kerasconv
        >>> kerasconv.models.same_padding_stack((8, 8, 1)).get_layer("conv3").output.shape
        (None, 8, 8, 128)
    """
    check_classes("same_padding_stack", classes)
    net, shape = resolve_input(same_padding_stack, input_shape, data_format)
    if None in shape:
        raise ValueError(
            f"same_padding_stack: `input_shape` must be known, since a dense layer follows. "
            f"Received: input_shape={shape!r}."
        )
    stack = [
        net.Conv2D(filters, 3, padding=padding, activation="relu", name=f"conv{i}")
        for i, filters in enumerate((32, 64, 128), start=1)
    ]
    return keras.Sequential(
        [
            keras.Input(shape, name="image"),
            *stack,
            net.Flatten(name="flatten"),
            net.Dense(256, activation="relu", name="dense"),
            net.Dense(classes, activation="softmax", name="probabilities"),
        ],
        name=name,
    )


ZOO = {
    "same_padding_stack": Entry(
        same_padding_stack,
        "classification",
        'The tutorial, "How to use Same / Zero Padding with Keras?"',
        small={"input_shape": (9, 8, 3), "classes": 4},
        preprocessing=UNIT,
        pretrained=("digits",),
    )
}
