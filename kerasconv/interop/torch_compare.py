"""Comparison of a Keras model with a PyTorch module, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasconv import structure
from kerasconv.interop.layouts import Array, channel_axis, channels_first
from kerasconv.interop.torch_files import as_array, optional_module, read_state
from kerasconv.interop.torch_modules import Flattened, Module, Names, modules
from kerasconv.interop.torch_weights import match


@dataclass(frozen=True)
class Difference:
    """The difference between the outputs of a layer and its module.

    Attributes:
        path: The path of the layer in the Keras model, or the model's name in the last row.
        module: The name of the module, or an empty string in the last row.
        absolute: The largest difference of two numbers.
        relative: The same, divided by the largest magnitude in the module's output.
    """

    path: str
    module: str
    absolute: float
    relative: float

    def __str__(self) -> str:
        return f"{self.path} ({self.module or 'the whole'}): {self.absolute:.3g}, relative {self.relative:.3g}"


def compare_with_torch(
    model: keras.Model,
    module: Any,
    x: Any,
    names: Names | None = None,
    *,
    flattened: Flattened | None = None,
) -> tuple[Difference, ...]:
    """Runs a Keras model and a PyTorch module on the same input, and compares the output of each layer with weights.

    Both run in inference mode. A layer is compared at its first call, after its own activation. Sub-layers of layers
    and models without a graph are not compared. The weights are not changed.

    Args:
        model: A Keras model, ours or stock.
        module: A `torch.nn.Module` with the same layers.
        x: The input of the Keras model: an array, or a list or dictionary of them. Feature maps go to PyTorch with the
            channels first, lists as positional and dictionaries as keyword arguments.
        names: As in `load_torch`.
        flattened: As in `load_torch`.

    Returns:
        A row for each layer, and a last one for the outputs of the model.

    Raises:
        ImportError: If PyTorch is not installed.
        ValueError: If the layers with weights do not match, as in `load_torch`, or their outputs have different shapes.

    Example:
        >>> import keras, kerasconv, numpy as np
        >>> model = keras.Sequential([keras.Input((8, 9, 3)), kerasconv.layers.Conv2D(4, 5, name="conv")], name="net")
        >>> import torch  # doctest: +SKIP
        >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5))  # doctest: +SKIP
        >>> names = kerasconv.interop.load_torch(model, module.state_dict())  # doctest: +SKIP
        >>> x = np.ones((2, 8, 9, 3), "float32")
        >>> rows = kerasconv.interop.compare_with_torch(model, module, x, names)  # doctest: +SKIP
        >>> [(row.path, row.module, row.relative < 1e-5) for row in rows]  # doctest: +SKIP
        [('conv', '0', True), ('net', '', True)]
    """
    torch = optional_module("torch", "compare_with_torch")
    found = modules(model, flattened, "compare_with_torch")
    state = read_state(module.state_dict(), "compare_with_torch")
    called = match(found, state, names, "compare_with_torch", model.name)
    ours, outputs = _run_keras(model, x)
    theirs, torch_outputs = _run_torch(torch, module, _for_torch(model, x), set(called))
    rows = []
    for part, name in zip(found, called, strict=True):
        # The output of a separable convolution is that of its pointwise part.
        if part.part != "depthwise" and id(part.layer) in ours and name in theirs:
            y = keras.ops.convert_to_numpy(ours[id(part.layer)])
            rows.append(_difference(part.path, name, y, _in_keras_order(part, theirs[name])))
    for y, other in zip(keras.tree.flatten(outputs), keras.tree.flatten(torch_outputs), strict=True):
        y, other = keras.ops.convert_to_numpy(y), as_array(other)
        moved = np.moveaxis(other, 1, -1) if other.ndim > 2 and _is_map(model, other) else other
        rows.append(_difference(model.name, "", y, moved if moved.shape == y.shape else other))
    return tuple(rows)


def _run_keras(model: keras.Model, x: Any) -> tuple[dict[int, Any], Any]:
    """Returns the first output of each layer in the graph of a model, by its `id`, and the model's outputs."""
    given: dict[int, Any] = {}

    def called(operation: Any) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            graph = structure.graph(operation)
            if graph is None:
                outputs = operation(*args, **kwargs)
                given.setdefault(id(operation), outputs)
                return outputs
            tensors = [
                keras.ops.convert_to_tensor(tensor, like.dtype)
                for tensor, like in zip(keras.tree.flatten(args), graph.inputs, strict=True)
            ]
            outputs = structure.run_graph(graph, tensors, called)
            return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs

        return call

    return given, called(model)(x)


def _run_torch(torch: Any, module: Any, x: Any, names: set[str]) -> tuple[dict[str, Array], Any]:
    """Returns the first output of each submodule, by its name, and the module's outputs."""
    given: dict[str, Array] = {}
    modes = {inner: inner.training for inner in module.modules()}
    like = next(module.parameters())

    def tensor(array: Array) -> Any:
        result = torch.from_numpy(np.ascontiguousarray(array)).to(like.device)
        return result.to(like.dtype) if result.is_floating_point() else result

    def record(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, outputs: Any) -> None:
            given.setdefault(name, as_array(outputs))

        return module.get_submodule(name).register_forward_hook(hook)

    hooks = [record(name) for name in names]
    module.eval()
    try:
        with torch.no_grad():
            if isinstance(x, Mapping):
                outputs = module(**{name: tensor(array) for name, array in x.items()})
            else:
                outputs = module(*map(tensor, x if isinstance(x, list | tuple) else [x]))
    finally:
        for hook in hooks:
            hook.remove()
        for inner, training in modes.items():
            inner.training = training
    return given, outputs


def _for_torch(model: keras.Model, x: Any) -> Any:
    """Returns an input with the channels in PyTorch's order."""

    def moved(array: Any) -> Array:
        array = np.asarray(array)
        return np.moveaxis(array, -1, 1) if _is_map(model, array) else array

    return keras.tree.map_structure(moved, x)


def _is_map(model: keras.Model, array: Array) -> bool:
    """Returns whether an input or output of this rank is a feature map with its channels last."""
    spatial = [layer for _, layer in structure.walk(model) if hasattr(layer, "data_format")]
    if any(layer.data_format == "channels_first" for layer in spatial):
        return False
    specs = [getattr(layer, "input_spec", None) for layer in spatial]
    return array.ndim > 3 or array.ndim in {spec.ndim or spec.min_ndim for spec in specs if spec is not None}


def _in_keras_order(module: Module, theirs: Array) -> Array:
    """Converts the output of a module to the order of its layer's output."""
    axis = channel_axis(module.layer)
    if axis is not None and theirs.ndim > 2:
        theirs = np.moveaxis(theirs, 1, axis)
    elif module.flattened is not None and not isinstance(module.layer, keras.layers.Dense):
        order = np.arange(theirs.shape[-1])
        for step in channels_first(module.flattened):
            order = step.do(order)
        theirs = theirs[..., np.argsort(order)]
    activation = getattr(module.layer, "activation", None)
    return theirs if activation is None else keras.ops.convert_to_numpy(activation(theirs))


def _difference(path: str, name: str, ours: Array, theirs: Array) -> Difference:
    if ours.shape != theirs.shape:
        raise ValueError(
            "compare_with_torch: a layer and its module must give outputs of one shape. Received: "
            f"{path!r} with {ours.shape}, and {name or 'the PyTorch module'!r} with {theirs.shape} in Keras' order."
        )
    absolute = float(np.max(np.abs(ours - theirs), initial=0))
    largest = float(np.max(np.abs(theirs), initial=0))
    return Difference(path, name, absolute, absolute / largest if largest else absolute)
