"""Names for the axes of a model's inputs and outputs whose sizes are not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerasconv.export.signature import Signature

_SPATIAL = {3: ("steps",), 4: ("height", "width"), 5: ("depth", "height", "width")}
_TRIALS = ((41, 53, 67), (73, 89, 101))
"""Two sets of distinct sizes. An output axis that is as long as an input axis for both is taken to be always so."""

Names = tuple[str | None, ...]
"""A name for each axis, or `None` where the size is known."""


@dataclass(frozen=True)
class Axes:
    """The names of all axes, in the order in which Keras has them.

    Attributes:
        inputs: The names for each input.
        outputs: The names for each output.
    """

    inputs: tuple[Names, ...]
    outputs: tuple[Names, ...]


def name_axes(signature: Signature, chosen: Mapping[str, Mapping[int, str]] | None) -> Axes:
    """Returns the chosen names, and default names such as `batch`, `height` and `width` for all other axes.

    Raises:
        ValueError: If a name was chosen for an input that does not exist, or for an axis of known size.
    """
    inputs = signature.model.inputs
    own = {spec.name: tensor for spec, tensor in zip(signature.inputs, inputs, strict=True)}
    if not isinstance(chosen, Mapping | None) or not all(
        isinstance(names, Mapping) for names in (chosen or {}).values()
    ):
        raise ValueError(
            f"to_onnx: `dynamic_axes` must be a dictionary of dictionaries, as in {{'image': {{0: 'batch'}}}}. "
            f"Received: dynamic_axes={chosen!r}."
        )
    for name, names in (chosen or {}).items():
        shape = tuple(own[name].shape) if name in own else ()
        for axis, label in names.items():
            if not isinstance(label, str) or not label:
                raise ValueError(
                    f"to_onnx: `dynamic_axes` must name axes by strings. "
                    f"Received: {label!r} for axis {axis!r} of {name!r}."
                )
            if not isinstance(axis, int) or not -len(shape) <= axis < len(shape) or shape[axis] is not None:
                raise ValueError(
                    f"to_onnx: `dynamic_axes` must name axes of unknown size, by input and position. The inputs are "
                    f"{ {key: tuple(tensor.shape) for key, tensor in own.items()} }. "
                    f"Received: axis {axis!r} of {name!r}."
                )
    named = []
    for spec, tensor in zip(signature.inputs, inputs, strict=True):
        defaults = ("batch", *_SPATIAL.get(len(tensor.shape), ()))
        labels = [
            None if n is not None else defaults[axis] if axis < len(defaults) else f"axis_{axis}"
            for axis, n in enumerate(tensor.shape)
        ]
        for axis, label in (chosen or {}).get(spec.name, {}).items():
            labels[axis] = label
        named.append(tuple(labels))
    return Axes(tuple(named), _of_outputs(signature.model, named))


def _of_outputs(model: keras.Model, inputs: Sequence[Names]) -> tuple[Names, ...]:
    """Returns the names of output axes. An axis that always has the size of an input axis takes its name."""
    spatial = any(n is None for tensor in model.inputs for n in tensor.shape[1:])
    trials = [_shapes(model, sizes) for sizes in _TRIALS] if spatial else []
    result = []
    for i, tensor in enumerate(model.outputs):
        labels: list[str | None] = []
        for axis, n in enumerate(tensor.shape):
            if n is not None:
                labels.append(None)
            elif axis == 0:
                labels.append(inputs[0][0] or "batch")
            else:
                seen = [outputs[i][axis] for _, outputs in trials]
                same = [
                    name
                    for j, names in enumerate(inputs)
                    for a, name in enumerate(names)
                    if a and name and trials and [shapes[j][a] for shapes, _ in trials] == seen
                ]
                default = _SPATIAL.get(len(tensor.shape), ())
                own = default[axis - 1] if axis - 1 < len(default) else f"axis_{axis}"
                labels.append(same[0] if same else f"{model.output_names[i]}_{own}")
        result.append(tuple(labels))
    return tuple(result)


def _shapes(model: keras.Model, sizes: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """Returns the shapes of inputs with these spatial sizes, and of the outputs for them."""
    shapes = []
    for tensor in model.inputs:
        unknown = iter(sizes)
        shapes.append((tensor.shape[0], *(next(unknown) if n is None else n for n in tensor.shape[1:])))
    inputs = [keras.KerasTensor(shape, t.dtype) for shape, t in zip(shapes, model.inputs, strict=True)]
    outputs = model.compute_output_spec(keras.tree.pack_sequence_as(model.input, inputs))
    return shapes, [tuple(tensor.shape) for tensor in keras.tree.flatten(outputs)]
