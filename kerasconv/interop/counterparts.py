"""Which layer of stock Keras is the counterpart of which of ours, and with which configuration.

No table: a counterpart has the same name, and our classes subclass the stock ones. What stock Keras cannot say shows
when one of our layers is described in its words. So a new layer, or a new option of one, is known here without a line
more. Only padding takes a few: what no word of Keras means, a layer in front can do.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any, Literal

import keras

import kerasconv.layers
from kerasconv import geometry
from kerasconv.interop.remake import config_of, reason, remake

House = Literal["kerasconv", "keras"]
"""Whose layers."""

_AVERAGE = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_SAID_BY_PADS = {"ceil_mode", "count_include_pad"}


class NotConvertibleError(ValueError):
    """A layer cannot be converted; the message says why."""


def counterpart(layer: keras.Layer, to: House) -> tuple[keras.Layer, ...]:
    """The layers that take the place of `layer` in the house `to`, unbuilt, in the order in which they are applied.

    The last one has the name and the weights of `layer`; before it there may be one that pads. There are none if
    `layer` can stay as it is.

    Raises:
        NotConvertibleError: If `layer` is ours, and stock Keras has nothing that does the same.
    """
    kind = type(layer)
    ours, stock = getattr(kerasconv.layers, kind.__name__, None), getattr(keras.layers, kind.__name__, None)
    if to == "kerasconv" and kind is stock and isinstance(ours, type) and issubclass(ours, stock):
        # Our layers pass a mask on where stock Keras drops it, which the layers behind it would notice.
        masks = {"propagate_mask": False} if hasattr(ours, "propagate_mask") else {}
        return (remake(ours, config_of(layer) | masks, layer),)
    if to == "keras" and kind is ours:
        if stock is None or not issubclass(ours, stock):
            raise NotConvertibleError(f"stock Keras must have a layer of this name. Received: {kind.__name__}.")
        return _in_stock_words(layer, stock)
    return ()


def _in_stock_words(layer: Any, stock: type[keras.Layer]) -> tuple[keras.Layer, ...]:
    config = config_of(layer, stock)  # what the stock layer knows of, and no more
    faults, word, pads = [], None, None
    if isinstance(_default(stock, "padding"), str):  # the others are layers that pad: their padding is always numbers
        pads = _pads(layer)
        word = _padding_word(layer, pads)
        config["padding"] = word or "valid"
        if word is None and pads is None and not isinstance(layer.padding, str):
            faults.append(f"stock Keras pads by words such as 'valid' and 'same'. Received: padding={layer.padding}.")
    faults = [*_foreign_options(layer, config, said=set() if pads is None else _SAID_BY_PADS), *faults]
    if not faults:
        try:
            new = remake(stock, config, layer)
        except (TypeError, ValueError) as error:
            faults.append(f"stock Keras must take its arguments. It raises {reason(error)}")
    if faults:
        raise NotConvertibleError(" ".join(faults))
    if word or pads is None:
        return (new,)
    zeros_count = not hasattr(layer, "pool_size") or getattr(layer, "count_include_pad", False)
    return (_zeros(layer, pads), new) if zeros_count else (_padded_pool(layer, new, pads),)


def _foreign_options(layer: keras.Layer, config: dict[str, Any], said: set[str]) -> Iterator[str]:
    """A line for each option that is ours alone and does not have the value that it has when it is not given.

    But for those that are said otherwise.
    """
    plain = config_of(remake(type(layer), config, layer))
    for name, value in config_of(layer).items():
        # The name of an algorithm says how to compute, not what. An algorithm of the user's own may say anything.
        harmless = (name == "algorithm" and isinstance(value, str)) or (name == "propagate_mask" and not value)
        if name not in config and name not in said and value != plain[name] and not harmless:
            yield f"stock Keras has no {name} but {plain[name]!r}. Received: {name}={value!r}."


def _pads(layer: Any) -> geometry.Pads | None:
    """The cells that a layer adds, whatever the size of the input; `None` if they depend on it, or it is transposed.

    Those that `ceil_mode` may add are all among them: where they make no window whole they change nothing.
    """
    pads, strides = layer.padding, layer.strides
    if isinstance(layer, _TRANSPOSED):
        return None
    if isinstance(pads, str):
        if pads != "valid" and set(strides) != {1}:
            return None
        size = _size(layer)
        pads = geometry.window(size, (None,) * len(size), padding=pads, dilation=layer.dilation_rate).pads
    if getattr(layer, "ceil_mode", False) and set(strides) != {1}:
        fits = all(hi + s <= k for (_, hi), s, k in zip(pads, strides, layer.pool_size, strict=True))
        if not fits or getattr(layer, "count_include_pad", False):
            return None
        pads = tuple((lo, hi + s - 1) for (lo, hi), s in zip(pads, strides, strict=True))
    return pads


def _padding_word(layer: Any, pads: geometry.Pads | None) -> str | None:
    """The word that means what the layer's padding means, whatever the size of the input."""
    size = _size(layer)
    if isinstance(layer.padding, str) and not any(getattr(layer, option, False) for option in _SAID_BY_PADS):
        return layer.padding
    if isinstance(layer, _TRANSPOSED):
        options = {"strides": layer.strides, "dilation": layer.dilation_rate, "output_padding": layer.output_padding}
        paddings = (layer.padding, "valid", "same")
        own, *others = (geometry.transposed_window(size, len(size), padding=p, **options) for p in paddings)
        return paddings[1 + others.index(own)] if own in others else None
    if pads == ((0, 0),) * len(size):
        return "valid"
    same = geometry.window(size, (None,) * len(size), padding="same", dilation=layer.dilation_rate).pads
    strided = set(layer.strides) != {1}  # then "same" depends on the input
    return "same" if pads == same and not strided and not getattr(layer, "count_include_pad", False) else None


def _size(layer: Any) -> tuple[int, ...]:
    return getattr(layer, "pool_size", None) or layer.kernel_size


def _zeros(layer: Any, pads: geometry.Pads) -> keras.Layer:
    """The layer that pads for a convolution, or for a mean in which zeros count."""
    pad = getattr(keras.layers, f"ZeroPadding{len(pads)}D")
    padding = pads if len(pads) > 1 else pads[0]
    return pad(padding, data_format=layer.data_format, dtype=layer.dtype_policy, name=f"{layer.name}_pad")


def _padded_pool(layer: Any, pool: keras.Layer, pads: geometry.Pads) -> keras.Layer:
    """A pooling that pads first, as one layer: a model, since what it pads with is no zero, or is not to count."""
    around = [(0, 0), *pads, (0, 0)] if layer.data_format == "channels_last" else [(0, 0), (0, 0), *pads]
    x = keras.Input((None,) * (len(pads) + 1), dtype=layer.compute_dtype)
    if isinstance(layer, _AVERAGE):
        shares = pool(keras.ops.pad(keras.ops.ones_like(x), around))  # of each window that is not padding
        y = pool(keras.ops.pad(x, around)) / shares
    else:
        y = pool(keras.ops.pad(x, around, constant_values=-math.inf))
    return keras.Model(x, y, name=layer.name)


def _default(kind: type[keras.Layer], argument: str) -> Any:
    parameter = inspect.signature(kind).parameters.get(argument)
    return None if parameter is None else parameter.default
