"""Access to the variables of a model by path or layer, and assignment of all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasconv import structure

State = Mapping[str, np.ndarray]
"""Arrays by the path of their variable, such as `"conv1_conv/kernel"`."""

LayerArrays = Mapping[str, Sequence[np.ndarray]]
"""Arrays by the name of their layer, in the order of its variables."""


def check(model: keras.Model, state: State, caller: str, *, exact: bool = False) -> None:
    """Raises unless arrays match the variables of a model.

    Unless `exact`, dtypes and axes of length one are ignored, so that the kernel (in, out) of a dense layer fits a 1x1
    convolution.

    Raises:
        ValueError: If a variable has no array or one of another shape, or an array has no variable. The message names
            the first, in the order in which the model applies its layers.
    """
    variables = by_path(model)
    for path, variable in variables.items():
        expected, found = _kind(variable, exact), _kind(state[path], exact) if path in state else ("nothing",)
        if found != expected and (exact or path not in state or _without_ones(found[0]) != _without_ones(expected[0])):
            layer, _, weight = path.rpartition("/")
            raise ValueError(
                f"{caller}: the weights must be those of this architecture. The first layer that differs is {layer!r}: "
                f"its {weight} has the shape {' and type '.join(map(str, expected))}. "
                f"Received: {' and '.join(map(str, found))}."
            )
    left = [path for path in state if path not in variables]
    if left:
        raise ValueError(
            f"{caller}: the weights must be those of this architecture. It has no variable {left[0]!r}, the first of "
            f"{len(left)} that are left over."
        )


def assign(model: keras.Model, state: State, caller: str, *, exact: bool = False) -> None:
    """Assigns arrays to the variables of a model, all or none.

    Raises:
        ValueError: As in `check`.
    """
    check(model, state, caller, exact=exact)
    for path, variable in by_path(model).items():
        variable.assign(np.reshape(state[path], variable.shape))
    for _, layer in structure.walk(model):
        if hasattr(layer, "finalize_state"):  # a normalisation uses copies of its variables
            layer.finalize_state()


def _kind(array: Any, exact: bool) -> tuple[Any, ...]:
    """Returns the shape of an array, with its dtype if `exact`."""
    return (tuple(array.shape), str(array.dtype)) if exact else (tuple(array.shape),)


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n != 1]


def state_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns the arrays of a model's weights by path, as `assign` takes them."""
    # Contiguous, since safetensors ignores strides.
    return {path: np.array(variable, order="C") for path, variable in by_path(model).items()}


def by_path(model: keras.Model) -> dict[str, keras.Variable]:
    """Returns the weights of a model by path: the names of layers or attributes, then that of the variable.

    In a functional model of plain layers these are Keras' own paths. In other models Keras' paths depend on how the
    model was built.
    """
    found: dict[str, keras.Variable] = {}
    for where, layer in (((), model), *structure.walk(model)):
        for variable in structure.own_weights(layer):
            name = re.sub(r"_\d+$", "", variable.name)  # Keras numbers variables without a name
            path, i = structure.path((*where, name)), 1
            while path in found:
                path, i = structure.path((*where, f"{name}_{i}")), i + 1
            found[path] = variable
    return found


def by_layer(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Returns the variables of each layer that has any, by its name, in the order of Keras' `.h5` files.

    Layers of nested models are included directly. Numbers in names that Keras generated are removed.
    """
    found: dict[str, list[keras.Variable]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= by_layer(layer)
        elif layer.weights:
            plain = re.sub(r"_\d+$", "", layer.name)
            generated = plain.replace("_", "") == type(layer).__name__.lower()
            found[plain if generated else layer.name] = layer.weights
    return found


def arrays_of(model: keras.Model) -> LayerArrays:
    """Returns the arrays of a model's weights by layer, in the order of `by_layer`."""
    return {name: [np.asarray(variable) for variable in variables] for name, variables in by_layer(model).items()}


def placed(model: keras.Model, arrays: LayerArrays, options: Mapping[str, Any]) -> State:
    """Converts arrays by layer to arrays by the path of their variable. Others keep the name of their layer.

    Such arrays are dropped for a model with `features_only`, which lacks the layers after the feature maps.
    """
    places = {id(variable): path for path, variable in by_path(model).items()}
    paths = {name: [places[id(variable)] for variable in variables] for name, variables in by_layer(model).items()}
    return {
        paths[name][i] if i < len(paths.get(name, [])) else f"{name}/{i}": array
        for name, layer in arrays.items()
        for i, array in enumerate(layer)
        if name in paths or not options.get("features_only")
    }
