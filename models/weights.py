"""Weights into a model of the zoo, from a file or by name; nothing is assigned unless everything fits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from kerasconv import models
from kerasconv.interop import load_torch

State = Mapping[str, np.ndarray]
"""Arrays by the path of their variable, such as `"conv1_conv/kernel"`."""


def load_weights(model: keras.Model, weights: str | os.PathLike[str], caller: str) -> None:
    """Puts weights into a model.

    Args:
        model: The model, built by `caller`.
        weights: A word, or the path of a file or preset.
        caller: The builder's name, which says what words there are, and complains.

    Raises:
        ValueError: If there is no such word or kind of file, or the weights are those of another architecture.
        FileNotFoundError: If there is no such file.
    """
    path = bundled(caller, weights) or Path(weights)
    if not path.exists():
        raise FileNotFoundError(
            f"{caller}: `weights` must be the path of a file or preset. Received: weights={str(weights)!r}."
        )
    if path.is_dir():
        models.preset.load_weights(model, path, caller)
    elif path.name.endswith(".weights.h5"):
        model.load_weights(path)
    elif path.suffix == ".safetensors":
        assign(model, read_safetensors(path), caller)
    elif path.suffix == ".h5":
        assign(model, read_h5(path, model), caller)
    elif path.suffix in (".pt", ".pth"):
        load_torch(model, path, torch_names(model, caller))
    else:
        raise ValueError(
            f"{caller}: a file of `weights` must end in '.weights.h5', '.safetensors', '.h5', '.pt' or '.pth'. "
            f"Received: weights={str(weights)!r}."
        )


def bundled(name: str, weights: str | os.PathLike[str]) -> Path | None:
    """The preset in this package that a word such as `"digits"` stands for; `None` if it stands for none."""
    path = Path(__file__).parent / "pretrained" / f"{name}.{weights}"
    return path if path.is_dir() else None


def torch_names(model: keras.Model, name: str) -> dict[str, str]:
    """The names of PyTorch's modules for the layers of a model: what `kerasconv.interop.load_torch` takes."""
    torch_name = models.get_entry(name).torch_name
    return {layer.name: torch_name(layer.name) for layer in model.layers if layer.weights}


def assign(model: keras.Model, state: State, caller: str) -> None:
    """Assigns arrays to the variables of a model, all or none.

    Raises:
        ValueError: If a variable has no array or one of another shape, or an array no variable; the first is named, in
            the order in which the model applies its layers.
    """
    variables = {variable.path: variable for variable in model.variables if not _is_seed(variable)}
    for path, variable in variables.items():
        arrived = state[path].shape if path in state else "nothing"
        if arrived != tuple(variable.shape):
            layer, _, weight = path.rpartition("/")
            raise ValueError(
                f"{caller}: the weights must be those of this architecture. The first layer that differs is {layer!r}: "
                f"its {weight} has the shape {tuple(variable.shape)}. Received: {arrived}."
            )
    left = [path for path in state if path not in variables]
    if left:
        raise ValueError(
            f"{caller}: the weights must be those of this architecture. It has no variable {left[0]!r}, the first of "
            f"{len(left)} that are left over."
        )
    for path, variable in variables.items():
        variable.assign(state[path])


def state_of(model: keras.Model) -> dict[str, np.ndarray]:
    """The arrays of a model's weights, by the path of their variable: what `assign` takes."""
    return {variable.path: np.asarray(variable) for variable in model.variables if not _is_seed(variable)}


def _is_seed(variable: keras.Variable) -> bool:
    return variable.name == "seed_generator_state"


def read_safetensors(path: Path) -> State:
    """The arrays of a `.safetensors` file."""
    from safetensors.numpy import load_file

    return load_file(path)


def read_h5(path: Path, model: keras.Model) -> State:
    """The arrays of an `.h5` file as `keras.applications` publishes them: layer by layer, by their names."""
    state = {}
    with h5py.File(path) as file:
        group = file["model_weights"] if "model_weights" in file else file
        for layer in map(_text, group.attrs["layer_names"]):
            names = [_text(name) for name in group[layer].attrs["weight_names"]]
            known = {item.name: item for item in model.layers}.get(layer)
            paths = [v.path for v in known.weights] if known else []
            for i, name in enumerate(names):
                state[paths[i] if i < len(paths) else name] = np.asarray(group[layer][name])
    return state


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
