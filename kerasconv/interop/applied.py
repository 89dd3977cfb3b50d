"""The layers of a model in the order in which it applies them, and the order of the features in their inputs.

Keras has the channels of a feature map last, PyTorch first. After `Flatten` the features are therefore in a different
order, and the weights of the next layer must be reordered. This module follows feature maps through the graph of the
model to find such layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kerasconv import structure
from kerasconv.interop.layouts import Shape

_UNKNOWN: Shape = (-1,)
"""Stands for a flattened shape if the order of the features is not known."""

_KEEP_ORDER = (
    keras.layers.Activation,
    keras.layers.AlphaDropout,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)

_CHANNELS_LAST_IN_TORCH = (
    keras.layers.Dense,
    keras.layers.Embedding,
    keras.layers.MultiHeadAttention,
    keras.layers.RNN,
)


@dataclass(frozen=True)
class _Features:
    """The known properties of a tensor in the model.

    Attributes:
        channels: The data format in Keras, `"channels_last"` or `"channels_first"`; `"as_torch"` if PyTorch has the
            axes in the same order; empty if it is not known.
        flattened: The shape that was flattened to this tensor, channels last; `None` if none was.
    """

    channels: str = ""
    flattened: Shape | None = None


@dataclass(frozen=True)
class Applied:
    """A layer with weights of its own.

    Attributes:
        path: The path of the layer in the model.
        layer: The layer.
        flattened: The shape that was flattened to its features, channels last; `None` if the features have the same
            order in Keras and PyTorch.
    """

    path: str
    layer: keras.Layer
    flattened: Shape | None


def applied(model: keras.Model, flattened: Mapping[str, Shape | None], caller: str) -> list[Applied]:
    """Returns the layers with weights in the order in which the model first applies them.

    Sub-layers of layers and models without a graph are in the order of their attributes.

    Args:
        model: The model.
        flattened: The values of `Applied.flattened` by path, for layers where it cannot be inferred.
        caller: The name of the public function, for error messages.

    Raises:
        ValueError: If `flattened` names something other than such a layer, or the order of the features of a layer is
            not known.
    """
    trace = _Trace(model)
    paths = [found.path for found in trace.found]
    if not set(flattened) <= set(paths):
        raise ValueError(
            f"{caller}: `flattened` must name layers with weights: {', '.join(map(repr, paths))}. "
            f"Received: flattened={dict(flattened)!r}."
        )
    found = [Applied(a.path, a.layer, flattened.get(a.path, a.flattened) or None) for a in trace.found]
    unknown = [a.path for a in found if a.flattened == _UNKNOWN]
    if unknown:
        raise ValueError(
            f"{caller}: it must be known how the features of a layer after `Flatten` are ordered. Received: model "
            f"{model.name!r}, where it is not for {', '.join(map(repr, unknown))}. For each, `flattened` can tell the "
            "shape that was flattened, channels last, or `None` if the features are in the order of PyTorch."
        )
    return found


class _Trace:
    """A walk over a model that follows the properties of its tensors."""

    def __init__(self, model: keras.Model):
        self.found: list[Applied] = []
        self._paths = {id(layer): structure.path(where) for where, layer in structure.walk(model)}
        self._paths[id(model)] = model.name
        self._seen: set[int] = set()
        self._apply(model, [_Features()])

    def _apply(self, item: Any, inputs: list[_Features]) -> list[_Features]:
        graph = structure.graph(item)
        if graph is not None:
            feed = inputs if len(inputs) == len(graph.inputs) else [inputs[0]] * len(graph.inputs)
            return keras.tree.flatten(structure.run_graph(graph, feed, self._called))
        first = next((features for features in inputs if features != _Features()), _Features())
        self._note(item, first.flattened)
        inner = structure.sublayers(item)
        if not inner:
            return [self._after(item, first, alone=len(inputs) == 1)]
        outputs = [first]
        for sublayer in inner.values():
            outputs = self._apply(sublayer, outputs)
        return outputs

    def _called(self, operation: Any) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            leaves = keras.tree.flatten((args, kwargs))
            outputs = self._apply(operation, [leaf for leaf in leaves if isinstance(leaf, _Features)] or [_Features()])
            expected = len(keras.tree.flatten(operation.output))
            return outputs if len(outputs) == expected else outputs[:1] * expected

        return call

    def _note(self, layer: Any, flattened: Shape | None) -> None:
        if id(layer) in self._paths and id(layer) not in self._seen and structure.own_weights(layer):
            self._seen.add(id(layer))
            self.found.append(Applied(self._paths[id(layer)], layer, flattened))

    def _after(self, operation: Any, features: _Features, alone: bool) -> _Features:
        if isinstance(operation, keras.layers.Flatten | keras.layers.Reshape):
            return _flattened(operation, features)
        if isinstance(operation, _KEEP_ORDER) and features.flattened:
            return features
        if isinstance(operation, _CHANNELS_LAST_IN_TORCH):
            return _Features("as_torch")
        if features.flattened:
            keeps = alone and not isinstance(operation, keras.Layer) and operation.output.shape == operation.input.shape
            return features if keeps else _Features("", _UNKNOWN)
        return _Features(getattr(operation, "data_format", features.channels))


def _flattened(layer: Any, features: _Features) -> _Features:
    """Returns the properties of the output of `Flatten`, or of a `Reshape` that may do the same."""
    target = getattr(layer, "target_shape", (-1,))
    shape = _input_shape(layer)
    if len(target) > 1:
        return _Features("", _UNKNOWN if features.flattened else None)
    if shape is None or None in shape:
        return _Features("", _UNKNOWN)
    if len(shape) == 1:
        return features
    own = getattr(layer, "data_format", "channels_last")
    channels = features.channels or ("as_torch" if len(shape) == 2 else own)
    if channels == own == "channels_last":
        return _Features("", shape)
    if channels == own == "channels_first":  # Keras moves the channels last before it flattens
        return _Features("", (*shape[1:], shape[0]))
    return _Features("as_torch") if own == "channels_last" else _Features("", _UNKNOWN)


def _input_shape(layer: Any) -> Shape | None:
    """Returns the shape of the first input of a layer, without the batch."""
    try:
        return tuple(layer.input.shape[1:])
    except AttributeError:  # it is not in a graph
        config = layer.get_build_config()
        return None if config is None else tuple(config["input_shape"][1:])
