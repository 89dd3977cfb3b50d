"""Which layers operators belong to, by the scopes in the operators' names."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from kerasconv import structure
from kerasconv.export.signature import Signature


def layers_of(served: Signature, operations: Iterable[str]) -> str:
    """The innermost layers in whose scopes operations stand, as `'conv' (Conv2D), 'pool' (MaxPooling2D)`.

    Args:
        served: The model.
        operations: The names of operators in a graph that TensorFlow traced.
    """
    layers = {layer.name: type(layer).__name__ for _, layer in structure.walk(served.model)}
    found = {_layer_of(name, layers) for name in operations} - {""}
    return ", ".join(f"{layer!r} ({layers[layer]})" for layer in sorted(found))


def _layer_of(operation: str, layers: Container[str]) -> str:
    """The innermost layer in whose scope an operation stands, or nothing.

    Keras opens a layer's scope twice, to build and to call it, so TensorFlow calls that of the layer `conv` `conv_1`.
    """
    scopes = [re.sub(r"_\d+$", "", scope) for scope in operation.split("/")]
    return next((scope for scope in reversed(scopes) if scope in layers), "")
