"""Signatures of models: names, shapes and dtypes of inputs and outputs, and random inputs for trials."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasconv import config, structure

Arrays = dict[str, np.ndarray[Any, Any]]

# Stand-ins for the unknown sizes of inputs in trials. They differ, so that swapped axes are noticed.
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
        """Returns the forward pass from flat tensors to a dictionary of named ones, in standard operators."""

        def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            with config.lowered():
                return self._named(self._call(tensors))

        return serve

    def run(self, arrays: Arrays) -> Arrays:
        """Runs the Keras model eagerly."""
        outputs = self._call([tf.convert_to_tensor(arrays[spec.name], spec.dtype) for spec in self.inputs])
        return {name: np.asarray(value) for name, value in self._named(outputs).items()}

    def trial_inputs(self, batch_size: int, seed: int) -> Arrays:
        """Returns random inputs: normally distributed floats, or integers from 0 to 9."""
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


def signature_of(model: Any, caller: str) -> Signature:
    """Returns the signature of a model that has been built.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it has not been built.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"{caller}: `model` must be a Keras model. Received: {model!r}.")
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        model = _wired(model, caller)
    inputs = _unique([_argument(t.name) for t in model.inputs])
    specs = tuple(
        tf.TensorSpec((None, *t.shape[1:]), t.dtype, name=name) for name, t in zip(inputs, model.inputs, strict=True)
    )
    return Signature(keras.Model(model.inputs, model.outputs, name=model.name), specs, _unique(_output_names(model)))


def check_precision(signature: Signature, caller: str) -> None:
    """Checks that no layer computes in half precision.

    Raises:
        ValueError: If a layer does.
    """
    half = [layer for _, layer in structure.walk(signature.model) if layer.compute_dtype in ("float16", "bfloat16")]
    if half:
        raise ValueError(
            f"{caller}: the layers must compute in float32 or float64; make the model again without a policy of half "
            f"precision, and load its weights. "
            f"Received: layer {half[0].name!r} with the policy {half[0].dtype_policy.name!r}."
        )


def _output_names(model: keras.Model) -> list[str]:
    """Returns the keys of outputs in a dictionary, and for other outputs the names of their layers."""
    outputs = model.outputs if isinstance(model, keras.Sequential) else model.output
    return [
        next((key for key in reversed(path) if isinstance(key, str)), structure.operation_of(tensor).name)
        for path, tensor in keras.tree.flatten_with_path(outputs)
    ]


def _wired(model: keras.Model, caller: str) -> keras.Model:
    """Converts a subclassed model to a functional one, with float inputs of the shapes that it was built with."""
    shapes = model.get_build_config() if model.built else None
    if isinstance(model, keras.Sequential) or not shapes:
        raise ValueError(
            f"{caller}: `model` must have been built: give it an input shape, or call it once. "
            f"Received: {type(model).__name__} {model.name!r}."
        )
    named = {"": shapes["input_shape"]} if "input_shape" in shapes else shapes["shapes_dict"]
    inputs = {key.removesuffix("_shape"): _inputs(shape, key or "input") for key, shape in named.items()}
    try:
        outputs = model(inputs[""]) if "" in inputs else model(**inputs)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{caller}: `model` must be one that Keras knows the inputs of; wrap one of several arguments as "
            f"`keras.Model(inputs, model(*inputs))`. "
            f"Received: {type(model).__name__} {model.name!r}, built with {shapes}."
        ) from error
    return keras.Model(keras.tree.flatten(inputs), outputs, name=model.name)


def _inputs(shape: Any, name: str) -> Any:
    """Returns symbolic inputs in the structure of these shapes."""
    if isinstance(shape, dict):
        return {key: _inputs(entry, key) for key, entry in shape.items()}
    if any(isinstance(entry, list | tuple) for entry in shape):
        return [_inputs(entry, f"{name}_{i}") for i, entry in enumerate(shape)]
    return keras.Input(batch_shape=(None, *shape[1:]), name=name)


def _argument(name: str) -> str:
    """Returns a valid argument name for a TensorFlow function, which has letters, digits and underscores only.

    Unnamed inputs become `input`, since Keras' own name for them depends on the number of tensors made before.
    """
    if re.fullmatch(r"keras_tensor(_\d+)?", name):
        return "input"
    letters = re.sub(r"\W", "_", name, flags=re.ASCII)
    return letters if letters[:1].isalpha() else f"arg_{letters}"


def _unique(names: list[str]) -> tuple[str, ...]:
    """Appends numbers to repeated names."""
    return tuple(name if name not in names[:i] else f"{name}_{names[:i].count(name)}" for i, name in enumerate(names))
