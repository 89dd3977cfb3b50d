"""Counterparts of our layers in stock Keras, and of stock layers in ours, with their configurations.

There is no table: a counterpart has the same name, and our classes derive from the stock ones. Comparing the
configurations of both classes shows the options that stock Keras lacks, so new layers and options need no code here.
Only padding does: a layer before the counterpart can pad as no option of stock Keras does.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any, Literal

import keras

import kerasconv.layers
from kerasconv import geometry
from kerasconv.interop.rebuild import config_of, reason, rebuild

Library = Literal["kerasconv", "keras"]
"""The library whose layers are used."""

_AVERAGE = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D, keras.layers.AveragePooling3D)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_EXPRESSED_BY_PADS = {"ceil_mode", "count_include_pad"}


class NotConvertibleError(ValueError):
    """Raised if a layer cannot be converted. The message has the reason."""


def counterpart(layer: keras.Layer, to: Library) -> tuple[keras.Layer, ...]:
    """Returns the unbuilt layers of the library `to` that replace a layer, in the order in which they are applied.

    The last one has the name and the weights of `layer`. A padding layer may come before it. The tuple is empty if
    `layer` is not replaced.

    Raises:
        NotConvertibleError: If `layer` is ours and has no equivalent in stock Keras.
    """
    kind = type(layer)
    ours, stock = getattr(kerasconv.layers, kind.__name__, None), getattr(keras.layers, kind.__name__, None)
    if to == "kerasconv" and kind is stock and isinstance(ours, type) and issubclass(ours, stock):
        # Our layers propagate a mask that stock Keras drops, which would change the layers after them.
        masks = {"propagate_mask": False} if hasattr(ours, "propagate_mask") else {}
        return (rebuild(ours, config_of(layer) | masks, layer),)
    if to == "keras" and kind is ours:
        if stock is None or not issubclass(ours, stock):
            raise NotConvertibleError(f"stock Keras must have a layer of this name. Received: {kind.__name__}.")
        return _to_stock(layer, stock)
    return ()


def _to_stock(layer: Any, stock: type[keras.Layer]) -> tuple[keras.Layer, ...]:
    config = config_of(layer, stock)  # options of the stock layer only
    faults, word, pads = [], None, None
    if isinstance(_default(stock, "padding"), str):  # not in padding layers, whose padding is numbers
        pads = _pads(layer)
        word = _padding_string(layer, pads)
        config["padding"] = word or "valid"
        if word is None and pads is None and not isinstance(layer.padding, str):
            faults.append(f"stock Keras pads by words such as 'valid' and 'same'. Received: padding={layer.padding}.")
    faults = [*_foreign_options(layer, config, expressed=set() if pads is None else _EXPRESSED_BY_PADS), *faults]
    if not faults:
        try:
            new = rebuild(stock, config, layer)
        except (TypeError, ValueError) as error:
            faults.append(f"stock Keras must take its arguments. It raises {reason(error)}")
    if faults:
        raise NotConvertibleError(" ".join(faults))
    if word or pads is None:
        return (new,)
    zeros_count = not hasattr(layer, "pool_size") or getattr(layer, "count_include_pad", False)
    return (_zeros(layer, pads), new) if zeros_count else (_padded_pool(layer, new, pads),)


def _foreign_options(layer: keras.Layer, config: dict[str, Any], expressed: set[str]) -> Iterator[str]:
    """Yields a message for each option that stock Keras lacks and that differs from its default.

    Options in `expressed` are expressed by pads, and skipped.
    """
    plain = config_of(rebuild(type(layer), config, layer))
    for name, value in config_of(layer).items():
        # The built-in algorithms have the same results. One of the user's own may compute anything.
        harmless = (name == "algorithm" and isinstance(value, str)) or (name == "propagate_mask" and not value)
        if name not in config and name not in expressed and value != plain[name] and not harmless:
            yield f"stock Keras has no {name} but {plain[name]!r}. Received: {name}={value!r}."


def _pads(layer: Any) -> geometry.Pads | None:
    """Returns the pads of a layer; `None` if they depend on the input's size, or the layer is transposed.

    All pads that `ceil_mode` may add are included. Those that complete no window have no effect.
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


def _padding_string(layer: Any, pads: geometry.Pads | None) -> str | None:
    """Returns the stock padding string equivalent to the layer's padding for inputs of any size, or `None`."""
    size = _size(layer)
    if isinstance(layer.padding, str) and not any(getattr(layer, option, False) for option in _EXPRESSED_BY_PADS):
        return layer.padding
    if isinstance(layer, _TRANSPOSED):
        options = {"strides": layer.strides, "dilation": layer.dilation_rate, "output_padding": layer.output_padding}
        paddings = (layer.padding, "valid", "same")
        own, *others = (geometry.transposed_window(size, len(size), padding=p, **options) for p in paddings)
        return paddings[1 + others.index(own)] if own in others else None
    if pads == ((0, 0),) * len(size):
        return "valid"
    same = geometry.window(size, (None,) * len(size), padding="same", dilation=layer.dilation_rate).pads
    strided = set(layer.strides) != {1}  # in which case "same" depends on the input
    return "same" if pads == same and not strided and not getattr(layer, "count_include_pad", False) else None


def _size(layer: Any) -> tuple[int, ...]:
    return getattr(layer, "pool_size", None) or layer.kernel_size


def _zeros(layer: Any, pads: geometry.Pads) -> keras.Layer:
    """Returns the padding layer for a convolution, or for an average that counts zeros."""
    pad = getattr(keras.layers, f"ZeroPadding{len(pads)}D")
    padding = pads if len(pads) > 1 else pads[0]
    return pad(padding, data_format=layer.data_format, dtype=layer.dtype_policy, name=f"{layer.name}_pad")


def _padded_pool(layer: Any, pool: keras.Layer, pads: geometry.Pads) -> keras.Layer:
    """Returns a model that pads and pools, for padding that is not zero or does not count."""
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
