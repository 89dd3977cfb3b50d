"""Which layer of stock Keras is the counterpart of which of ours, and with which configuration.

No table: a counterpart has the same name, and our classes subclass the stock ones. What stock Keras cannot say shows
when one of our layers is described in its words. So a new layer, or a new option of one, is known here without a line
more.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal

import keras

import kerasconv.layers
from kerasconv import geometry
from kerasconv.interop.remake import config_of, reason, remake

House = Literal["kerasconv", "keras"]
"""Whose layers."""

Description = tuple[type[keras.Layer], dict[str, Any]]
"""A class, and the configuration to make one of it."""

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


class NotConvertibleError(ValueError):
    """A layer cannot be converted; the message says why."""


def counterpart(layer: keras.Layer, to: House) -> Description | None:
    """What takes the place of `layer` in the house `to`; `None` if `layer` can stay as it is.

    Raises:
        NotConvertibleError: If `layer` is ours, and stock Keras has nothing that does the same.
    """
    kind = type(layer)
    ours, stock = getattr(kerasconv.layers, kind.__name__, None), getattr(keras.layers, kind.__name__, None)
    if to == "kerasconv" and kind is stock and isinstance(ours, type) and issubclass(ours, stock):
        # Our layers pass a mask on where stock Keras drops it, which the layers behind it would notice.
        masks = {"propagate_mask": False} if hasattr(ours, "propagate_mask") else {}
        return ours, config_of(layer) | masks
    if to == "keras" and kind is ours:
        if stock is None or not issubclass(ours, stock):
            raise NotConvertibleError(f"stock Keras must have a layer of this name. Received: {kind.__name__}.")
        return _in_stock_words(layer, stock)
    return None


def _in_stock_words(layer: keras.Layer, stock: type[keras.Layer]) -> Description:
    config = config_of(layer, stock)  # what the stock layer knows of, and no more
    faults = list(_foreign_options(layer, config))
    if isinstance(_default(stock, "padding"), str):  # the others are layers that pad: their padding is always numbers
        word = _padding_word(layer)
        if word is None:
            faults.append(f"stock Keras pads by words such as 'valid' and 'same'. Received: padding={layer.padding}.")
        config["padding"] = word
    if not faults:
        try:
            remake(stock, config, layer)
        except (TypeError, ValueError) as error:
            faults.append(f"stock Keras must take its arguments. It raises {reason(error)}")
    if faults:
        raise NotConvertibleError(" ".join(faults))
    return stock, config


def _foreign_options(layer: keras.Layer, config: dict[str, Any]) -> Iterator[str]:
    """A line for each option that is ours alone and does not have the value that it has when it is not given."""
    plain = config_of(remake(type(layer), config, layer))
    for name, value in config_of(layer).items():
        # The name of an algorithm says how to compute, not what. An algorithm of the user's own may say anything.
        harmless = (name == "algorithm" and isinstance(value, str)) or (name == "propagate_mask" and not value)
        if name not in config and value != plain[name] and not harmless:
            yield f"stock Keras has no {name} but {plain[name]!r}. Received: {name}={value!r}."


def _padding_word(layer: Any) -> str | None:
    """The word that means what the layer's padding means, whatever the size of the input."""
    if isinstance(layer.padding, str):
        return layer.padding
    if isinstance(layer, _TRANSPOSED):  # there the words mean other things
        return None
    size = getattr(layer, "pool_size", None) or layer.kernel_size
    for word in ("valid", "same")[: 2 if set(layer.strides) == {1} else 1]:  # strided, "same" depends on the input
        if layer.padding == geometry.window(size, (None,) * len(size), padding=word, dilation=layer.dilation_rate).pads:
            return word
    return None


def _default(kind: type[keras.Layer], argument: str) -> Any:
    parameter = inspect.signature(kind).parameters.get(argument)
    return None if parameter is None else parameter.default
