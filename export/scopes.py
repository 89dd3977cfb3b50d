"""Names of the layers that operators in a traced graph belong to."""

from __future__ import annotations

from collections.abc import Iterable

from kerasconv import structure
from kerasconv.export.signature import Signature


def layers_of(signature: Signature, operations: Iterable[str]) -> str:
    """Returns the innermost layers that operators belong to, as `'conv' (Conv2D), 'pool' (MaxPooling2D)`.

    Args:
        signature: The model.
        operations: The names of operators in a graph that TensorFlow traced.
    """
    names = structure.names_on_path(signature.model)
    kinds = {layer.name: type(layer).__name__ for _, layer in structure.walk(signature.model)}
    found = {path[-1] for path in (structure.layer_in_scope(operation, names) for operation in operations) if path}
    return ", ".join(f"{layer!r} ({kinds[layer]})" for layer in sorted(found))
