"""The signatures of a SavedModel, each with its inputs, its function and an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasconv.export.signature import Arrays, Signature, signature_of
from kerasconv.preprocessing import Preprocessing

Tensors = dict[str, tf.Tensor]
Forward = Callable[..., Tensors]


@dataclass(frozen=True)
class Endpoint:
    """A signature of a SavedModel.

    Attributes:
        name: The name of the signature.
        inputs: The specification of each input.
        function: A function from a tensor for each input to named outputs.
        example: A batch of inputs, by name.
        expected: The Keras model's outputs for them.
        row: The first example of the batch. A serialized `tf.train.Example` is given by its features.
    """

    name: str
    inputs: tuple[tf.TensorSpec, ...]
    function: Forward
    example: Arrays
    expected: Arrays
    row: dict[str, Any]


def forward(signature: Signature) -> Forward:
    """Returns the model's forward pass, traced once for all signatures that call it."""
    return tf.function(signature.function(), input_signature=signature.inputs, autograph=False)


def serving_default(signature: Signature, model: Forward) -> Endpoint:
    """Returns the signature from the model's inputs to its outputs, by name."""
    return _tensors("serving_default", signature, model)


def features(signature: Signature, layers: Sequence[str]) -> Endpoint:
    """Returns the signature with the outputs of some layers, by the layers' names."""
    outputs = [signature.model.get_layer(name).output for name in layers]
    signature = signature_of(keras.Model(signature.model.inputs, outputs), "to_saved_model")
    return _tensors("features", signature, signature.function())


def serving_bytes(signature: Signature, model: Forward, preprocessing: Preprocessing) -> Endpoint:
    """Returns the signature for encoded images, which are preprocessed in the graph."""
    (spec,) = signature.inputs

    def serve(image_bytes: tf.Tensor) -> Tensors:
        return model(tf.cast(preprocessing.apply(image_bytes), spec.dtype))

    example = {"image_bytes": _pictures(preprocessing)}
    expected = signature.run({spec.name: preprocessing.apply(example["image_bytes"]).numpy()})
    inputs = (tf.TensorSpec((None,), tf.string, "image_bytes"),)
    return Endpoint("serving_bytes", inputs, serve, example, expected, _row(example, 0))


def classify(
    signature: Signature,
    model: Forward,
    labels: Sequence[str],
    table: tf.lookup.StaticHashTable,
    preprocessing: Preprocessing | None,
) -> Endpoint:
    """Returns the signature from serialized `tf.train.Example`s to all labels and their scores.

    An example holds `image_bytes` where there is a preprocessing, and the model's inputs, flat, where there is none.

    Args:
        signature: The model.
        model: Its forward pass.
        labels: The name of each class.
        table: A table from the index of a class to its name.
        preprocessing: The preprocessing of images.
    """
    schema = _schema(signature, preprocessing)

    def prepare(parts: Mapping[str, Any]) -> list[tf.Tensor]:
        arrays = [preprocessing.apply(parts["image_bytes"])] if preprocessing else [parts[name] for name in schema]
        return [tf.cast(array, spec.dtype) for array, spec in zip(arrays, signature.inputs, strict=True)]

    def serve(inputs: tf.Tensor) -> Tensors:
        (scores,) = model(*prepare(tf.io.parse_example(inputs, schema))).values()
        names = table.lookup(tf.range(len(labels), dtype=tf.int64))
        classes = tf.repeat(names[None], tf.shape(scores)[0], axis=0)
        return {"classes": classes, "scores": tf.cast(scores, tf.float32)}

    parts = {"image_bytes": _pictures(preprocessing)} if preprocessing else signature.trial_inputs(2, seed=0)
    rows = [
        {name: value if isinstance(value, bytes) else value.ravel() for name, value in _row(parts, i).items()}
        for i in range(2)
    ]
    prepared = zip(signature.inputs, prepare(parts), strict=True)
    (scores,) = signature.run({spec.name: tensor.numpy() for spec, tensor in prepared}).values()
    classes = np.array([[label.encode() for label in labels]] * 2, object)
    return Endpoint(
        "classify",
        (tf.TensorSpec((None,), tf.string, "inputs"),),  # the name that TF Serving asks for
        serve,
        {"inputs": np.array(list(map(_serialized, rows)), object)},
        {"classes": classes, "scores": scores},
        rows[0],
    )


def _tensors(name: str, signature: Signature, model: Forward) -> Endpoint:
    example = signature.trial_inputs(1, seed=0)
    return Endpoint(name, signature.inputs, model, example, signature.run(example), _row(example, 0))


def _pictures(preprocessing: Preprocessing) -> np.ndarray[Any, Any]:
    """Returns a JPEG and a PNG file, which must be resized."""
    height, width = (n + 3 for n in preprocessing.size)
    shades = np.linspace(0, 255, height * width * preprocessing.channels)
    pixels = tf.constant(shades.reshape(height, width, preprocessing.channels), tf.uint8)
    return np.array([tf.io.encode_jpeg(pixels).numpy(), tf.io.encode_png(pixels[1:, 1:]).numpy()], object)


def _schema(signature: Signature, preprocessing: Preprocessing | None) -> dict[str, tf.io.FixedLenFeature]:
    """Returns the features of an example."""
    if preprocessing:
        return {"image_bytes": tf.io.FixedLenFeature((), tf.string)}
    kinds = {spec.name: tf.float32 if spec.dtype.is_floating else tf.int64 for spec in signature.inputs}
    return {spec.name: tf.io.FixedLenFeature(spec.shape[1:], kinds[spec.name]) for spec in signature.inputs}


def _row(arrays: Arrays, index: int) -> dict[str, Any]:
    return {name: array[index] for name, array in arrays.items()}


def _serialized(row: dict[str, Any]) -> bytes:
    """Returns the features as a serialized `tf.train.Example`."""
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif np.issubdtype(value.dtype, np.floating):
            feature.float_list.value.extend(value)
        else:
            feature.int64_list.value.extend(value)
    return example.SerializeToString(deterministic=True)
