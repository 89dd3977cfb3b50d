"""The structure of a model: its layers by path, and its graph if it has one.

Private API of Keras and TensorFlow is used in this file only. `tests/test_structure.py` has a test for each use, which
fails if a new version renames or changes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import keras

Where = tuple[str | int, ...]
"""The steps to a sub-layer: the name of a layer in a model, or an attribute, then keys and indices."""


# Keras exports the classes of each rank, but not the classes that they derive from.
CONVOLUTION = keras.layers.Conv2D.__base__
DEPTHWISE = keras.layers.DepthwiseConv2D.__base__
SEPARABLE = keras.layers.SeparableConv2D.__base__
TRANSPOSED = keras.layers.Conv2DTranspose.__base__
POOLING = keras.layers.MaxPooling2D.__base__
GLOBAL_POOLING = keras.layers.GlobalMaxPooling2D.__base__
ADAPTIVE_POOLING = keras.layers.AdaptiveMaxPooling2D.__mro__[2]

GRADIENT_ATTRIBUTE = "_gradient_op_type"
"""The attribute of an `IdentityN` node that names the gradient which `tf.custom_gradient` has registered for it."""


def is_keras_own(kind: type) -> bool:
    """Returns whether a class is defined by Keras itself."""
    return kind.__module__.startswith("keras.src.")


def operation_of(tensor: Any) -> Any:
    """Returns the layer or operation that a symbolic tensor comes from."""
    return tensor._keras_history.operation


def is_functional(layer: Any) -> bool:
    """Returns whether a layer is a functional model, including instances of its subclasses."""
    return isinstance(layer, keras.Model) and isinstance(layer, keras.Function)


def is_wired(layer: Any) -> bool:
    """Returns whether a layer is a functional or Sequential model, which records how its layers are connected."""
    return is_functional(layer) or isinstance(layer, keras.Sequential)


def graph(layer: Any) -> keras.Model | None:
    """Returns the graph of a functional model or of a built Sequential model; `None` for anything else."""
    if is_functional(layer):
        return layer
    if isinstance(layer, keras.Sequential) and is_connected(layer):
        return keras.Model(layer.inputs[0], layer.outputs[0], name=layer.name)
    return None


def is_connected(model: keras.Sequential) -> bool:
    """Returns whether a Sequential model has a graph, which it gets from an input shape or its first call."""
    return getattr(model, "inputs", None) is not None


def run_graph(model: keras.Model, inputs: Any, operation_fn: Callable[[Any], Callable[..., Any]]) -> Any:
    """Runs a graph on `inputs`, calling `operation_fn(operation)` instead of each operation.

    `keras.models.clone_model` does the same. The inputs may be of any type, in the structure of `model.input`.
    """
    return model._run_through_graph(inputs, operation_fn=operation_fn)


def run_nodes(graph: Any, inputs: Any, visit: Callable[[Any, Any, Any], Any]) -> list[Any]:
    """Runs a graph on a flat list of inputs, with the results of each node given by `visit(node, args, kwargs)`.

    Nodes with an unknown input are skipped.
    """
    known = {id(tensor): value for tensor, value in zip(graph.inputs, inputs, strict=True)}
    for node in nodes(graph):
        if all(id(tensor) in known for tensor in node.input_tensors):
            args, kwargs = node.arguments.fill_in(known)
            results = keras.tree.flatten(visit(node, args, kwargs))
            known |= {id(tensor): value for tensor, value in zip(node.outputs, results, strict=True)}
    return [known[id(tensor)] for tensor in graph.outputs]


def nodes(graph: Any) -> Iterator[Any]:
    """Yields the nodes of a functional model or `keras.Function` in topological order, without the input nodes."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from (node for node in graph._nodes_by_depth[depth] if not node.is_input)


def sublayers(layer: Any) -> dict[Where, keras.Layer]:
    """Returns the direct sub-layers of a layer or model.

    The keys are the names of the layers in functional and Sequential models. In other layers they begin with the
    attribute that holds the sub-layer, directly or in lists, tuples and dictionaries.
    """
    if is_wired(layer):
        return {(inner.name,): inner for inner in layer.layers if not isinstance(inner, keras.layers.InputLayer)}
    return {(name, *where): inner for name, value in attributes(layer).items() for where, inner in _layers_in(value)}


def attributes(layer: keras.Layer) -> dict[str, Any]:
    """Returns the attributes of a layer, except those that Keras and TensorFlow add to every layer."""
    return {
        name: value
        for name, value in vars(layer).items()
        if name not in _bookkeeping() and not name.startswith("_self_")
    }


@cache
def _bookkeeping() -> frozenset[str]:
    return frozenset(vars(keras.layers.Layer()))


def _layers_in(value: Any) -> Iterator[tuple[Where, keras.Layer]]:
    if isinstance(value, keras.Layer):
        yield (), value
    elif isinstance(value, dict | list | tuple):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from (((key, *where), inner) for where, inner in _layers_in(entry))


def path(where: Where) -> str:
    """Returns the steps as a path, such as `block/convs/0`."""
    return "/".join(map(str, where))


def walk(layer: keras.Layer) -> Iterator[tuple[Where, keras.Layer]]:
    """Yields all layers inside a layer or model, each once and before its own sub-layers, in the order of the model.

    Example:
        >>> import keras
        >>> head = keras.Sequential([keras.layers.Dense(2, name="logits")], name="head")
        >>> model = keras.Sequential([keras.layers.Flatten(name="flatten"), head])
        >>> [path(where) for where, _ in walk(model)]
        ['flatten', 'head', 'head/logits']
    """
    seen: set[int] = set()

    def inside(outer: keras.Layer, where: Where) -> Iterator[tuple[Where, keras.Layer]]:
        for step, inner in sublayers(outer).items():
            if id(inner) not in seen:
                seen.add(id(inner))
                yield (*where, *step), inner
                yield from inside(inner, (*where, *step))

    return inside(layer, ())


def names_on_path(layer: keras.Layer) -> list[tuple[str, ...]]:
    """Returns for each layer inside a layer or model the names of the layers around it, and last its own."""
    layers = dict(walk(layer))
    prefixes = ([where[:end] for end in range(1, len(where) + 1)] for where in layers)
    return [tuple(layers[prefix].name for prefix in steps if prefix in layers) for steps in prefixes]


def layer_in_scope(scope: str, names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the innermost layer that an operation belongs to, as an entry of `names`; empty if there is none.

    Keras opens the name scope of a layer twice, to build it and to call it. TensorFlow numbers the second one, so the
    operations of the layer `conv` have the scope `conv_1`.

    Args:
        scope: The name of an operation that TensorFlow traced, or its name scope.
        names: The names of the layers, from `names_on_path`.
    """
    scopes = [re.sub(r"_\d+$", "", step) for step in reversed(scope.split("/"))]

    def is_inside(layer: tuple[str, ...]) -> bool:
        outwards = iter(scopes)
        return all(name in outwards for name in reversed(layer))

    return min(filter(is_inside, names), key=lambda layer: (scopes.index(layer[-1]), -len(layer)), default=())


def own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the variables of a layer without those of its sub-layers, random seeds included."""
    return _own(layer, "variables")


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the weights of a layer without those of its sub-layers."""
    return _own(layer, "weights")


def _own(layer: keras.Layer, kind: str) -> list[keras.Variable]:
    inner = {id(variable) for sublayer in sublayers(layer).values() for variable in getattr(sublayer, kind)}
    return [variable for variable in getattr(layer, kind) if id(variable) not in inner]


def exchange(layer: keras.Layer, new: dict[int, keras.Layer]) -> None:
    """Replaces sub-layers of a layer that is neither a functional nor a Sequential model.

    Args:
        layer: The layer. It may have been built.
        new: The replacements, by the `id` of the sub-layer that each of them replaces.
    """
    for old in sublayers(layer).values():
        if id(old) in new and layer._tracker.is_in_store("layers", old):
            layer._tracker.replace_tracked_value("layers", old, new[id(old)])

    def exchanged(value: Any) -> Any:
        if isinstance(value, keras.Layer):
            return new.get(id(value), value)
        if isinstance(value, dict | list):
            for key, entry in list(value.items() if isinstance(value, dict) else enumerate(value)):
                value[key] = exchanged(entry)
        elif isinstance(value, tuple) and any(True for _ in _layers_in(value)):
            entries = [exchanged(entry) for entry in value]
            return getattr(value, "_make", tuple)(entries)  # a named tuple stays one
        return value

    for name, value in attributes(layer).items():
        other = exchanged(value)
        if other is not value:
            setattr(layer, name, other)
