"""Conversion of weights from and to PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from kerasconv.interop.layouts import Array, Parameter
from kerasconv.interop.torch_files import is_ordered, read_state, write_state
from kerasconv.interop.torch_modules import Flattened, Module, Names, by_path, join, modules, prefixes


def load_torch(
    model: keras.Model,
    weights: Mapping[str, Any] | str | os.PathLike[str],
    names: Names | None = None,
    *,
    flattened: Flattened | None = None,
) -> dict[str, str | tuple[str, ...]]:
    """Loads the weights of a PyTorch model into a Keras model of the same layers, ours or stock.

    It supports convolutions (plain, transposed, depthwise, separable), `Dense`, `BatchNormalization`,
    `LayerNormalization`, `GroupNormalization` and `Embedding`. Nothing is assigned unless everything fits.

    Without `names`, modules are matched with layers by name, if all have the names that `to_torch` gives them, the
    paths of the layers. Otherwise the n-th module with weights is matched with the n-th layer with weights: PyTorch
    lists modules in the order of their creation, and layers are in the order in which the model applies them. A
    `.safetensors` file does not keep the order.

    After `Flatten` the features of a feature map are in a different order in Keras than in PyTorch, since the channels
    are on a different axis, so the weights of the next layer are reordered. Feature maps are followed through the
    graphs of functional and Sequential models. In other models the layers are assumed to be applied in the order of
    their attributes. If a map is flattened without a layer, for example by `keras.ops.reshape`, pass `flattened`.

    Only weights are loaded. The default `epsilon` of a normalisation is 1e-3 in Keras and 1e-5 in PyTorch, and Keras'
    `momentum` is one minus that of PyTorch.

    Args:
        model: The Keras model. It must have been built.
        weights: A state dict, of PyTorch's tensors or NumPy's arrays; or the path of a file with one, `.safetensors`,
            or `.pt` or `.pth`, which needs PyTorch.
        names: The name of the module for each layer with weights, by the path of the layer, such as `"block/conv"`. A
            separable convolution has two modules: their names, or that of a module with `depthwise` and `pointwise`.
        flattened: Overrides the inferred shape that was flattened to the features of a layer, by the path of the layer:
            without the batch and with the channels last; `None` if the features are in PyTorch's order.

    Returns:
        The module for each layer, in the form of `names`.

    Raises:
        TypeError: If `model` is not a Keras model, or `weights` is not a state dict.
        ValueError: If weights are missing, left over or of wrong shapes, the model has not been built or has weights
            without a counterpart in PyTorch, or the order of features is not known.
        ImportError: If the package that reads the file is not installed.

    Example:
        >>> import keras, kerasconv, numpy as np
        >>> model = keras.Sequential([keras.Input((8, 9, 3)), kerasconv.layers.Conv2D(4, 5, name="conv")])
        >>> state = {"features.0.weight": np.ones((4, 3, 5, 5)), "features.0.bias": np.zeros(4)}
        >>> kerasconv.interop.load_torch(model, state)
        {'conv': 'features.0'}
    """
    state = read_state(weights, "load_torch")
    found = modules(model, flattened, "load_torch")
    called = match(found, state, names, "load_torch", model.name, ordered=is_ordered(weights))
    values = [
        (p.variable, keras.ops.convert_to_tensor(p.to_keras(state[join(prefix, name)]), p.variable.dtype))
        for module, prefix in zip(found, called, strict=True)
        for name, p in module.parameters.items()
        if p.variable is not None
    ]
    for variable, value in values:
        variable.assign(value)
    return by_path(found, called)


def to_torch(model: keras.Model, names: Names | None = None, *, flattened: Flattened | None = None) -> dict[str, Array]:
    """Converts the weights of a Keras model to a state dict for the same layers in PyTorch.

    Args:
        model: The Keras model. It must have been built.
        names: Names of modules, as in `load_torch`. The default for a layer is its path, with dots.
        flattened: As in `load_torch`.

    Returns:
        NumPy arrays by name. `torch.from_numpy(array)` converts each to a tensor.

    Raises:
        ValueError: As in `load_torch`.

    Example:
        >>> import keras, kerasconv
        >>> model = keras.Sequential([keras.Input((8, 9, 3)), kerasconv.layers.Conv2D(4, 5, name="conv")])
        >>> {name: array.shape for name, array in kerasconv.interop.to_torch(model, {"conv": "features.0"}).items()}
        {'features.0.weight': (4, 3, 5, 5), 'features.0.bias': (4,)}
    """
    found = modules(model, flattened, "to_torch")
    called = prefixes(found, names or {}, "to_torch", complete=False)
    return {
        join(prefix, name): parameter.to_torch()
        for module, prefix in zip(found, called, strict=True)
        for name, parameter in module.parameters.items()
    }


def save_torch(
    model: keras.Model,
    path: str | os.PathLike[str],
    names: Names | None = None,
    *,
    flattened: Flattened | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the result of `to_torch` to a file.

    Args:
        model: The Keras model. It must have been built.
        path: The file: `.safetensors`, or `.pt` or `.pth`, which needs PyTorch.
        names: As in `to_torch`.
        flattened: As in `to_torch`.
        overwrite: Whether to replace an existing file.

    Raises:
        ValueError: As in `to_torch`, or if the file has another ending.
        FileExistsError: If `path` exists, without `overwrite`.
        ImportError: If the package that writes the file is not installed.

    Example:
        >>> import keras, kerasconv, pathlib, tempfile
        >>> model = keras.Sequential([keras.Input((8, 9, 3)), kerasconv.layers.Conv2D(4, 5, name="conv")])
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "conv.safetensors"
        >>> kerasconv.interop.save_torch(model, path)  # doctest: +SKIP
        >>> kerasconv.interop.load_torch(model, path)  # doctest: +SKIP
        {'conv': 'conv'}
    """
    write_state(to_torch(model, names, flattened=flattened), path, overwrite=overwrite, caller="save_torch")


def match(
    found: list[Module],
    state: Mapping[str, Array],
    names: Names | None,
    caller: str,
    model_name: str,
    *,
    ordered: bool = True,
) -> list[str]:
    """Returns the name of each module in a state dict, by `names`, by the paths of the layers, or by order.

    Raises:
        ValueError: If the tensors are not those of these modules, or an unordered state would have to be matched by
            order.
    """
    in_order = list(dict.fromkeys(name.rpartition(".")[0] for name in state))
    called = prefixes(found, names or {}, caller, complete=names is not None)
    if names is None and set(called) != set(in_order):
        if not ordered:
            raise ValueError(
                f"{caller}: a file that keeps no order must have modules called like the layers, or `names` must tell "
                f"which is which. Received, for model {model_name!r}: modules {', '.join(map(repr, in_order))}; layers "
                f"{', '.join(map(str, found))}."
            )
        called = in_order
    tensors = [
        (join(prefix, name), module, parameter)
        for module, prefix in zip(found, called, strict=False)
        for name, parameter in module.parameters.items()
    ]
    faults = [f"missing: a module for {module}" for module in found[len(called) :]]
    faults += _faults(tensors, state)
    if faults:
        raise ValueError(
            f"{caller}: the weights must be those of the model, in the shapes of PyTorch, and nothing else; if their "
            f"order differs, `names` tells which is which. Received, for model {model_name!r}:"
            + "".join(f"\n  {fault}" for fault in faults)
        )
    return called


def _faults(tensors: list[tuple[str, Module, Parameter]], state: Mapping[str, Array]) -> Iterator[str]:
    for name, module, parameter in tensors:
        if name not in state:
            if parameter.variable is not None:
                yield f"missing: {name!r} {parameter.shape} for {module.path!r}"
        elif name.endswith("num_batches_tracked"):
            continue
        elif state[name].shape != parameter.shape:
            yield f"wrong shape: {name!r} is {state[name].shape}, and {module.path!r} needs {parameter.shape}"
        elif parameter.variable is None and np.any(state[name] != parameter.neutral):
            yield f"left over: {name!r}, which must be {parameter.neutral:g} throughout, for {module.path!r} has none"
    wanted = {name for name, _, _ in tensors}
    for name in state:
        if name not in wanted:
            yield f"left over: {name!r} {state[name].shape}"
