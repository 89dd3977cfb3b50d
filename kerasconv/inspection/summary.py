"""Totals over the layers of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kerasconv.inspection.layer_table import Row, Shape, layer_table, total


@dataclass(frozen=True)
class Summary:
    """Totals over the layers of a model.

    Attributes:
        parameters: All numbers in its weights.
        trained: Those of them that are trained; the rest are the averages of batch normalisation, and what is frozen.
        macs: Multiply-adds for one input: those of the kernels of convolutions and dense layers, multiplications by
            padding included. Biases, normalisation, activations, pooling and additions are not counted. `None` if a
            size is not known.
        receptive_field: Input elements that a position sees in the feature map that sees most, along each spatial
            axis, padding included: for a classifier that of the last map before global pooling or flattening. `None`
            if there is no feature map.
        global_context: True if feature maps also see the whole input, by global pooling on a branch.
        depth: Kernels on the longest path from input to output: convolutions and dense layers, a separable
            convolution being two.
        activation_memory: Bytes of the outputs of all layers for one input, in float32. Each layer that Keras applies
            counts once, also where it only reshapes; a layer's own activation is part of it; the input is left out.
            `None` if a size is not known.
        input_shape: Shape of one input, without the batch; a list of them if there are several.
        output_shape: Likewise.
    """

    parameters: int
    trained: int
    macs: int | None
    receptive_field: tuple[int, ...] | None
    global_context: bool
    depth: int
    activation_memory: int | None
    input_shape: Shape | list[Shape]
    output_shape: Shape | list[Shape]


def summarise(model: keras.Model, rows: list[Row] | None = None) -> Summary:
    """Returns the totals over the layers of a model.

    Args:
        model: The model.
        rows: Its `layer_table`, if it has been made.

    Raises:
        ValueError: If the model has no graph.

    Example:
        >>> import kerasconv
        >>> kerasconv.inspection.summarise(kerasconv.models.line_detector()).receptive_field
        (3, 3)
    """
    rows = layer_table(model) if rows is None else rows
    fields = [row.receptive_field for row in rows if row.receptive_field]
    elements = total(row.elements for row in rows)
    return Summary(
        parameters=sum(row.parameters for row in rows),
        trained=sum(row.trained for row in rows),
        macs=total(row.macs for row in rows),
        receptive_field=tuple(map(max, zip(*(f for f in fields if len(f) == len(fields[0])), strict=True))) or None,
        global_context=any(row.global_context for row in rows),
        depth=max((row.depth for row in rows), default=0),
        activation_memory=None if elements is None else 4 * elements,
        input_shape=_shapes(model.inputs),
        output_shape=_shapes(model.outputs),
    )


def _shapes(tensors: list[Any]) -> Shape | list[Shape]:
    shapes = [tuple(tensor.shape[1:]) for tensor in tensors]
    return shapes[0] if len(shapes) == 1 else shapes
