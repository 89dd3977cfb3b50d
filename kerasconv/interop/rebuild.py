"""Rebuilding a layer from its configuration while the original exists."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import keras

from kerasconv import structure

_REBUILT = "kerasconv>remade"


def config_of(layer: Any, kind: type[Any] | None = None) -> dict[str, Any]:
    """Returns the configuration of a layer or operation, as given by its own class or its base class `kind`.

    Lambdas are left as they are, while Keras would serialize their code and warn.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
        config = (kind or type(layer)).get_config(layer)
    if hasattr(layer, "output_padding"):  # Keras 3.13 leaves it out
        config["output_padding"] = layer.output_padding
    if isinstance(layer, keras.layers.Lambda):  # which deserializes code only
        return config
    return config | {name: value for name, value in vars(layer).items() if name in config and _is_lambda(value)}


def rebuild(kind: type[Any], config: dict[str, Any], original: Any) -> Any:
    """Returns a new, unbuilt layer or operation of class `kind`, with the configuration of `original`.

    This is the same as loading a model from a file, except that no class needs to be registered. Functions and classes
    that the configuration names are taken from the original.

    Raises:
        Exception: Any exception of the class for this configuration.
    """
    objects = {keras.saving.get_registered_name(item): item for item in _named_by(original)}
    spec = {"module": None, "class_name": kind.__name__, "config": _unbuilt(config), "registered_name": _REBUILT}
    new = keras.saving.deserialize_keras_object(spec, custom_objects=objects | {_REBUILT: kind}, safe_mode=False)
    if isinstance(original, keras.layers.Lambda):  # a lambda that was deserialized from code has lost its globals
        for name, value in vars(original).items():
            if _is_lambda(value):
                setattr(new, name, value)
    return new


def _unbuilt(config: Any) -> Any:
    """Returns a configuration in which the nested layers are neither built nor compiled."""
    if isinstance(config, dict):
        left_out = ("build_config", "compile_config") if "class_name" in config else ()
        return {key: _unbuilt(value) for key, value in config.items() if key not in left_out}
    return [_unbuilt(entry) for entry in config] if type(config) is list else config


def _is_lambda(value: Any) -> bool:
    return isinstance(value, FunctionType) and value.__name__ == "<lambda>"


def _named_by(layer: Any) -> Iterator[Any]:
    """Yields the functions and classes that the configuration of a layer may name, except those of Keras."""
    inner = [sublayer for _, sublayer in structure.walk(layer)]
    for holder in (layer, *inner):
        values = structure.attributes(holder).values()
        named = [type(holder), *(v if isinstance(v, FunctionType) else type(v) for v in values)]
        yield from (item for item in named if not item.__module__.startswith(("keras.", "builtins")))


def reason(error: BaseException) -> str:
    """Returns the first paragraph of the original error behind an error of Keras, as one line."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {' '.join(str(error).strip().split(chr(10) * 2)[0].split())}"
