"""What a model is made of: its layers, by path, and its graph, where it has one.

What is used of Keras beyond its public interface stands in this file alone; `tests/test_structure.py` notices when a
new version of Keras does without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import keras

Where = tuple[str | int, ...]
"""The steps to a sub-layer: the name of a layer in a model, or an attribute, then keys and indices."""


# Keras exports the classes of one rank only, not those that they have in common.
CONVOLUTION = keras.layers.Conv2D.__base__
DEPTHWISE = keras.layers.DepthwiseConv2D.__base__
SEPARABLE = keras.layers.SeparableConv2D.__base__
TRANSPOSED = keras.layers.Conv2DTranspose.__base__
POOLING = keras.layers.MaxPooling2D.__base__
GLOBAL_POOLING = keras.layers.GlobalMaxPooling2D.__base__
ADAPTIVE_POOLING = keras.layers.AdaptiveMaxPooling2D.__mro__[2]


def is_keras_own(kind: type) -> bool:
    """Whether a class is one of Keras' own, and not of somebody who builds on it."""
    return kind.__module__.startswith("keras.src.")


def operation_of(tensor: Any) -> Any:
    """Returns the layer or operation that a symbolic tensor comes from."""
    return tensor._keras_history.operation


def is_functional(layer: Any) -> bool:
    """Whether this is a functional model, of whatever class: a graph of layers and a model in one."""
    return isinstance(layer, keras.Model) and isinstance(layer, keras.Function)


def is_wired(layer: Any) -> bool:
    """Whether this is a functional or Sequential model: one that says itself how its layers hang together."""
    return is_functional(layer) or isinstance(layer, keras.Sequential)


def graph(layer: Any) -> keras.Model | None:
    """The graph of a functional model, or of a Sequential one that has been built; `None` for anything else."""
    if is_functional(layer):
        return layer
    if isinstance(layer, keras.Sequential) and is_connected(layer):
        return keras.Model(layer.inputs[0], layer.outputs[0], name=layer.name)
    return None


def is_connected(model: keras.Sequential) -> bool:
    """Whether a Sequential model has become a graph, by an input shape or by its first call."""
    return getattr(model, "inputs", None) is not None


def run_graph(model: keras.Model, inputs: Any, operation_fn: Callable[[Any], Callable[..., Any]]) -> Any:
    """What a graph makes of `inputs` when `operation_fn(operation)` is called in the place of each operation.

    As in `keras.models.clone_model`, which does the same. `inputs` may be anything, in the structure of `model.input`.
    """
    return model._run_through_graph(inputs, operation_fn=operation_fn)


def run_nodes(graph: Any, inputs: Any, visit: Callable[[Any, Any, Any], Any]) -> list[Any]:
    """Returns what a graph makes of flat inputs when `visit(node, args, kwargs)` says what each of its nodes makes.

    A node of which an input is not known is passed over.
    """
    known = {id(tensor): value for tensor, value in zip(graph.inputs, inputs, strict=True)}
    for node in nodes(graph):
        if all(id(tensor) in known for tensor in node.input_tensors):
            args, kwargs = node.arguments.fill_in(known)
            results = keras.tree.flatten(visit(node, args, kwargs))
            known |= {id(tensor): value for tensor, value in zip(node.outputs, results, strict=True)}
    return [known[id(tensor)] for tensor in graph.outputs]


def nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a functional model or `keras.Function`, each after those that it takes its inputs from."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from (node for node in graph._nodes_by_depth[depth] if not node.is_input)


def sublayers(layer: Any) -> dict[Where, keras.Layer]:
    """The layers right inside a layer or model.

    In functional and Sequential models they are called by their names, elsewhere by the attribute that holds them,
    itself or in lists, tuples and dictionaries.
    """
    if is_wired(layer):
        return {(inner.name,): inner for inner in layer.layers if not isinstance(inner, keras.layers.InputLayer)}
    return {(name, *where): inner for name, value in attributes(layer).items() for where, inner in _layers_in(value)}


def attributes(layer: keras.Layer) -> dict[str, Any]:
    """The attributes that a layer has beside those that Keras and TensorFlow give every layer."""
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
    """How a place is written: `block/convs/0`."""
    return "/".join(map(str, where))


def walk(layer: keras.Layer) -> Iterator[tuple[Where, keras.Layer]]:
    """All layers inside a layer or model, each once, a layer before those inside it, in the order of the model.

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
    """Returns for each layer inside a layer or model the names from the outermost one's inside down to its own."""
    layers = dict(walk(layer))
    prefixes = ([where[:end] for end in range(1, len(where) + 1)] for where in layers)
    return [tuple(layers[prefix].name for prefix in steps if prefix in layers) for steps in prefixes]


def layer_in_scope(scope: str, names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns which of the layers that `names_on_path` lists an operation stands in; nothing if in none.

    Keras opens the scope of a layer twice, so TensorFlow calls that of the layer `conv` `conv_1`.

    Args:
        scope: The name of an operation that TensorFlow traced, or the scope that it stands in.
        names: The names of the layers.
    """
    scopes = [re.sub(r"_\d+$", "", step) for step in reversed(scope.split("/"))]

    def is_inside(layer: tuple[str, ...]) -> bool:
        outwards = iter(scopes)
        return all(name in outwards for name in reversed(layer))

    return min(filter(is_inside, names), key=lambda layer: (scopes.index(layer[-1]), -len(layer)), default=())


def own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """The variables of a layer that are not those of layers inside it; random seeds are among them."""
    return _own(layer, "variables")


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """The weights of a layer that are not those of layers inside it."""
    return _own(layer, "weights")


def _own(layer: keras.Layer, kind: str) -> list[keras.Variable]:
    inner = {id(variable) for sublayer in sublayers(layer).values() for variable in getattr(sublayer, kind)}
    return [variable for variable in getattr(layer, kind) if id(variable) not in inner]


def exchange(layer: keras.Layer, new: dict[int, keras.Layer]) -> None:
    """Puts other layers in the places of sub-layers of a layer that is no functional or Sequential model.

    Args:
        layer: The layer. It may be built already.
        new: The layer to take the place of each, by the `id` of the one that goes.
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
