"""Loading of weights into models of the zoo, by name or from a file. All weights are assigned, or none."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kerasconv.interop import load_torch
from kerasconv.interop.torch_files import read_state
from kerasconv.models._entry import Entry
from kerasconv.models._variables import LayerArrays, arrays_of, assign, by_layer, check, placed

# The sizes of inputs for which Keras has weights of a model, if they depend on the size.
_SIZES = {
    "MobileNet": (128, 160, 192, 224),
    "MobileNetV2": (96, 128, 160, 192, 224),
    "MobileNetV3Large": (224,),
    "MobileNetV3Small": (224,),
}


def load_weights(model: keras.Model, weights: str | os.PathLike[str], caller: str, options: Mapping[str, Any]) -> None:
    """Loads weights into a model.

    Args:
        model: The model, built by `caller`.
        weights: The name of pretrained weights, or the path of a file or a preset.
        caller: The builder's name, for the names of its weights and for error messages.
        options: The options of the builder.

    Raises:
        ValueError: If the type of the file is unknown, it cannot be read, or the weights are those of another
            architecture or of other classes.
        FileNotFoundError: If there are no weights of this name, and no such file.
    """
    from kerasconv.models import _preset  # which imports the builders, which import this

    entry = _entry(caller)
    path = bundled(caller, weights) or Path(weights)
    if weights == "imagenet" and weights in entry.pretrained:
        assign(model, placed(model, imagenet(model, caller, options), options), caller)
    elif not path.exists():
        rule = " or ".join([*map(repr, entry.pretrained), "the path of a file or of a preset"])
        raise FileNotFoundError(f"{caller}: `weights` must be {rule}. Received: weights={str(weights)!r}.")
    elif path.is_dir():
        _preset.load_weights(model, path, caller)
    elif path.name.endswith(".weights.h5"):
        with _reading(path, caller):
            arrays = read_weights_h5(path)
        if "" not in arrays:
            check(model, placed(model, arrays, options), caller)
        model.load_weights(path)
    elif path.suffix == ".h5":
        assign(model, placed(model, read_h5(path, model, caller, options), options), caller)
    elif path.suffix in (".safetensors", ".pt", ".pth"):
        with _reading(path, caller):
            state = read_state(path, caller)
        if any("/" in name for name in state):
            assign(model, state, caller)
        else:
            load_torch(model, state, torch_names(model, caller))
    else:
        raise ValueError(
            f"{caller}: a file of `weights` must end in '.weights.h5', '.safetensors', '.h5', '.pt' or '.pth'. "
            f"Received: weights={str(weights)!r}."
        )


def _entry(caller: str) -> Entry:
    """Returns the zoo's entry for a builder, or an empty one if it is not in the zoo."""
    from kerasconv.models import _zoo  # whose builders import this

    return _zoo.get_entry(caller) if caller in _zoo.list_models() else Entry(keras.Model, "", "")


@contextlib.contextmanager
def _reading(path: Path, caller: str) -> Iterator[None]:
    """Converts errors in reading a file to a `ValueError` that names the file."""
    try:
        yield
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"{caller}: a file of `weights` must be whole, and of the format that its name says. Received: "
            f"weights={str(path)!r}, and on reading it, {type(error).__name__}: {error}"
        ) from error


def bundled(name: str, weights: str | os.PathLike[str]) -> Path | None:
    """Returns the preset in this package with weights such as `"digits"`; `None` if there is none."""
    path = Path(__file__).parent / "pretrained" / f"{name}.{weights}"
    return path if path.is_dir() else None


def torch_names(model: keras.Model, name: str) -> dict[str, str]:
    """Returns the names of PyTorch's modules for the layers, as `kerasconv.interop.load_torch` takes them."""
    torch_name = _entry(name).torch_name
    return {layer.name: torch_name(layer.name) for layer in model.layers if layer.weights}


def imagenet(model: keras.Model, caller: str, options: Mapping[str, Any]) -> LayerArrays:
    """Returns the weights that Keras publishes for a model. Keras downloads and caches them.

    Raises:
        ValueError: If the model has a classifier for other than 1000 classes.
    """
    if _has_top(options) and options["classes"] != 1000:
        raise ValueError(
            f"{caller}: with weights='imagenet', `classes` must be 1000, or `include_top` False. "
            f"Received: classes={options['classes']}."
        )
    stock = _stock(model, "imagenet", caller, options)
    arrays = dict(arrays_of(stock))
    # EfficientNet's files have the square root of the variance. Keras corrects it by a second `Rescaling` after the
    # normalisation, but only in a model with these weights. Here the variance itself is corrected.
    for rescaling in [layer for layer in stock.layers if isinstance(layer, keras.layers.Rescaling)][1:]:
        mean, variance, count = arrays["normalization"]
        arrays["normalization"] = [mean, variance / np.square(rescaling.scale), count]
    return arrays


def _has_top(options: Mapping[str, Any]) -> bool:
    return bool(options.get("include_top")) and not options.get("features_only")


def _stock(model: keras.Model, weights: str | None, caller: str, options: Mapping[str, Any]) -> keras.Model:
    """Returns the model of `keras.applications` with the same weights, or the model itself if there is none."""
    package, _, name = _entry(caller).source.rpartition(".")
    if package != "keras.applications":
        return model
    build = getattr(keras.applications, name)
    known = (set(inspect.signature(build).parameters) & set(options)) - {"input_shape", "name"}
    chosen = {option: options[option] for option in known}
    chosen |= {"include_top": _has_top(options), "classifier_activation": None}
    if not chosen["include_top"]:
        chosen.pop("classes")
    if name in _SIZES:
        size = model.input_shape[2]
        size = size if size in _SIZES[name] and list(model.input_shape).count(size) == 2 else 224
        first = keras.config.image_data_format() == "channels_first"
        chosen["input_shape"] = (3, size, size) if first else (size, size, 3)
    return build(weights=weights, **chosen)


def read_h5(path: Path, model: keras.Model, caller: str, options: Mapping[str, Any]) -> LayerArrays:
    """Reads the arrays of an `.h5` file such as those that Keras publishes.

    Arrays are matched by name if the file has the names of the model's layers. Otherwise they are matched in order, as
    Keras does, with the layers of the model in `keras.applications`.

    Raises:
        ValueError: If it cannot be read.
    """
    with _reading(path, caller), h5py.File(path) as file:
        group = file.get("model_weights", file)
        layers = {name: group[name] for name in _names(group, "layer_names")}
        arrays = {
            name: [np.asarray(layer[weight]) for weight in _names(layer, "weight_names")]
            for name, layer in layers.items()
            if _names(layer, "weight_names")
        }
    if set(arrays) == set(by_layer(model)):
        return arrays
    rest = [(name, array) for name, layer in arrays.items() for array in layer]
    in_order: dict[str, list[np.ndarray]] = {}
    for name, variables in by_layer(_stock(model, None, caller, options)).items():
        in_order[name] = [array for _, array in rest[: len(variables)]]
        rest = rest[len(variables) :]
    for name, array in rest:
        in_order.setdefault(name, []).append(array)
    return in_order


def read_weights_h5(path: Path) -> LayerArrays:
    """Reads the arrays of a `.weights.h5` file. Old versions of Keras wrote no names; these are at `""`."""
    arrays: dict[str, list[np.ndarray]] = {}

    def visit(place: str, item: Any) -> None:
        if place.endswith("vars") and len(item) and "seed_generator" not in place:
            arrays[item.attrs.get("name", "")] = [np.asarray(item[key]) for key in sorted(item, key=int)]

    with h5py.File(path) as file:
        file["layers"].visititems(visit)
    return arrays


def _names(group: Any, attribute: str) -> list[str]:
    """Reads a list of names, which Keras splits into several attributes if it is long."""
    parts = sorted(
        (key for key in group.attrs if re.fullmatch(rf"{attribute}\d*", key)), key=lambda key: (len(key), key)
    )
    return [name.decode() if isinstance(name, bytes) else name for part in parts for name in group.attrs[part]]
