"""Making a layer again from its configuration, while the original is at hand."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras

from kerasconv import structure

_REMADE = "kerasconv>remade"


def config_of(layer: Any, kind: type[Any] | None = None) -> dict[str, Any]:
    """The configuration of a layer or operation, as `kind` tells it: its own class, or one of those it inherits from.

    A lambda stands in it as it is, where Keras would write down its code and warn.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
        config = (kind or type(layer)).get_config(layer)
    if hasattr(layer, "output_padding"):  # Keras 3.13 forgets it
        config["output_padding"] = layer.output_padding
    if isinstance(layer, keras.layers.Lambda):  # which reads code back, and nothing else
        return config
    return config | {name: value for name, value in vars(layer).items() if name in config and _is_lambda(value)}


def remake(kind: type[Any], config: dict[str, Any], original: Any) -> Any:
    """A new layer or operation of class `kind`, unbuilt, with the configuration that `original` has given.

    As when a model is loaded from a file, but nothing needs to be registered: functions and classes that the
    configuration names are those of the original, which is alive.

    Raises:
        Exception: Whatever the class raises for this configuration.
    """
    objects = {keras.saving.get_registered_name(item): item for item in _named_by(original)}
    spec = {"module": None, "class_name": kind.__name__, "config": _unbuilt(config), "registered_name": _REMADE}
    new = keras.saving.deserialize_keras_object(spec, custom_objects=objects | {_REMADE: kind}, safe_mode=False)
    if isinstance(original, keras.layers.Lambda):  # read back from its code, a lambda has lost its globals
        for name, value in vars(original).items():
            if _is_lambda(value):
                setattr(new, name, value)
    return new


def _unbuilt(config: Any) -> Any:
    """A configuration without how the layers that stand in it were built and compiled."""
    if isinstance(config, dict):
        left_out = ("build_config", "compile_config") if "class_name" in config else ()
        return {key: _unbuilt(value) for key, value in config.items() if key not in left_out}
    return [_unbuilt(entry) for entry in config] if type(config) is list else config


def _is_lambda(value: Any) -> bool:
    return isinstance(value, FunctionType) and value.__name__ == "<lambda>"


def _named_by(layer: Any) -> Iterator[Any]:
    """The functions and classes, but Keras' own, that the configuration of a layer or of one inside it may name."""
    inner = [sublayer for _, sublayer in structure.walk(layer)]
    for holder in (layer, *inner):
        values = structure.attributes(holder).values()
        named = [type(holder), *(v if isinstance(v, FunctionType) else type(v) for v in values)]
        yield from (item for item in named if not item.__module__.startswith(("keras.", "builtins")))


def reason(error: BaseException) -> str:
    """What an error of Keras says at heart: the first paragraph of the one that began it, as one line."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {' '.join(str(error).strip().split(chr(10) * 2)[0].split())}"
