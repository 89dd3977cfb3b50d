"""What a model takes and gives: names, shapes and dtypes of its inputs and outputs, and data to try it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasconv import config

Arrays = dict[str, np.ndarray[Any, Any]]

# What an unknown size of an input is set to when the model is tried out: unequal, so that swapped axes show.
_TRIAL_SIZES = (40, 33, 26)


@dataclass(frozen=True)
class Signature:
    """A model's inputs and outputs, flat and by name.

    Attributes:
        model: The model, from a list of tensors to a list of tensors.
        inputs: The specification of each input; the batch size is unknown.
        outputs: The name of each output.
    """

    model: keras.Model
    inputs: tuple[tf.TensorSpec, ...]
    outputs: tuple[str, ...]

    def function(self) -> Callable[..., dict[str, tf.Tensor]]:
        """The model's forward pass, from flat tensors to a dictionary of named ones, on standard operators."""

        def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            with config.lowered():
                return self._named(self._call(tensors))

        return serve

    def run(self, arrays: Arrays) -> Arrays:
        """The outputs of the model itself, run eagerly by Keras."""
        outputs = self._call([tf.convert_to_tensor(arrays[spec.name], spec.dtype) for spec in self.inputs])
        return {name: np.asarray(value) for name, value in self._named(outputs).items()}

    def trial_inputs(self, batch_size: int, seed: int) -> Arrays:
        """Random inputs: normally distributed floats, or integers from 0 to 9."""
        generator = np.random.default_rng(seed)
        arrays = {}
        for spec in self.inputs:
            sizes = iter(_TRIAL_SIZES)
            shape = [batch_size, *(next(sizes) if n is None else n for n in spec.shape[1:])]
            draw = generator.normal(size=shape) if spec.dtype.is_floating else generator.integers(0, 10, shape)
            arrays[spec.name] = draw.astype(spec.dtype.as_numpy_dtype)
        return arrays

    def _call(self, tensors: Any) -> Any:
        return self.model(list(tensors), training=False)

    def _named(self, outputs: Any) -> dict[str, tf.Tensor]:
        return dict(zip(self.outputs, keras.tree.flatten(outputs), strict=True))


def signature(model: Any, caller: str) -> Signature:
    """The signature of a functional or Sequential model.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If it has not been built, or has no fixed graph of layers.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"{caller}: `model` must be a Keras model. Received: {model!r}.")
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"{caller}: `model` must be a functional or Sequential model that has been built (give it an input shape, "
            f"or call it once). Received: {type(model).__name__} {model.name!r}."
        )
    specs = tuple(tf.TensorSpec((None, *t.shape[1:]), t.dtype, name=t.name) for t in model.inputs)
    names = _unique([t._keras_history.operation.name for t in model.outputs])
    return Signature(keras.Model(model.inputs, model.outputs, name=model.name), specs, names)


def _unique(names: list[str]) -> tuple[str, ...]:
    """The names, with a number behind those that occur again."""
    return tuple(name if name not in names[:i] else f"{name}_{names[:i].count(name)}" for i, name in enumerate(names))
