"""The signatures of a SavedModel: what each takes, what it does, and a batch to try it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasconv.export.signature import Arrays, Signature, signature
from kerasconv.preprocessing import Preprocessing

Tensors = dict[str, tf.Tensor]
Forward = Callable[..., Tensors]


@dataclass(frozen=True)
class Endpoint:
    """A signature.

    Attributes:
        name: What it is called.
        inputs: The specification of each input.
        function: From a tensor for each input to named outputs.
        example: A batch of inputs, by name.
        expected: What the Keras model makes of them.
        row: The first of the batch; of a serialized `tf.train.Example`, what stands in it.
    """

    name: str
    inputs: tuple[tf.TensorSpec, ...]
    function: Forward
    example: Arrays
    expected: Arrays
    row: dict[str, Any]


def forward(served: Signature) -> Forward:
    """The model's forward pass, traced once for all signatures that call it."""
    return tf.function(served.function(), input_signature=served.inputs, autograph=False)


def serving_default(served: Signature, model: Forward) -> Endpoint:
    """The model's inputs and outputs, by name."""
    return _tensors("serving_default", served, model)


def features(served: Signature, layers: Sequence[str]) -> Endpoint:
    """The outputs of some layers, by the layers' names."""
    outputs = [served.model.get_layer(name).output for name in layers]
    served = signature(keras.Model(served.model.inputs, outputs), "to_saved_model")
    return _tensors("features", served, served.function())


def serving_bytes(served: Signature, model: Forward, preprocessing: Preprocessing) -> Endpoint:
    """Encoded images, prepared inside the graph."""
    (spec,) = served.inputs

    def serve(image_bytes: tf.Tensor) -> Tensors:
        return model(tf.cast(preprocessing.apply(image_bytes), spec.dtype))

    example = {"image_bytes": _pictures(preprocessing)}
    expected = served.run({spec.name: preprocessing.apply(example["image_bytes"]).numpy()})
    inputs = (tf.TensorSpec((None,), tf.string, "image_bytes"),)
    return Endpoint("serving_bytes", inputs, serve, example, expected, _row(example, 0))


def classify(
    served: Signature,
    model: Forward,
    labels: Sequence[str],
    table: tf.lookup.StaticHashTable,
    preprocessing: Preprocessing | None,
) -> Endpoint:
    """Serialized `tf.train.Example`s, each to all labels and their scores.

    An example holds `image_bytes` where there is a preprocessing, and the model's inputs, flat, where there is none.

    Args:
        served: The model.
        model: Its forward pass.
        labels: The name of each class.
        table: The same, from the number of a class to its name.
        preprocessing: How an image is prepared.
    """
    schema = _schema(served, preprocessing)

    def prepare(parts: Mapping[str, Any]) -> list[tf.Tensor]:
        arrays = [preprocessing.apply(parts["image_bytes"])] if preprocessing else [parts[name] for name in schema]
        return [tf.cast(array, spec.dtype) for array, spec in zip(arrays, served.inputs, strict=True)]

    def serve(inputs: tf.Tensor) -> Tensors:
        (scores,) = model(*prepare(tf.io.parse_example(inputs, schema))).values()
        names = table.lookup(tf.range(len(labels), dtype=tf.int64))
        classes = tf.repeat(names[None], tf.shape(scores)[0], axis=0)
        return {"classes": classes, "scores": tf.cast(scores, tf.float32)}

    parts = {"image_bytes": _pictures(preprocessing)} if preprocessing else served.trial_inputs(2, seed=0)
    rows = [
        {name: value if isinstance(value, bytes) else value.ravel() for name, value in _row(parts, i).items()}
        for i in range(2)
    ]
    prepared = zip(served.inputs, prepare(parts), strict=True)
    (scores,) = served.run({spec.name: tensor.numpy() for spec, tensor in prepared}).values()
    classes = np.array([[label.encode() for label in labels]] * 2, object)
    return Endpoint(
        "classify",
        (tf.TensorSpec((None,), tf.string, "inputs"),),  # the name that TF Serving asks for
        serve,
        {"inputs": np.array(list(map(_serialized, rows)), object)},
        {"classes": classes, "scores": scores},
        rows[0],
    )


def _tensors(name: str, served: Signature, model: Forward) -> Endpoint:
    example = served.trial_inputs(1, seed=0)
    return Endpoint(name, served.inputs, model, example, served.run(example), _row(example, 0))


def _pictures(preprocessing: Preprocessing) -> np.ndarray[Any, Any]:
    """A JPEG and a PNG file, neither of the size that is wanted."""
    height, width = (n + 3 for n in preprocessing.size)
    shades = np.linspace(0, 255, height * width * preprocessing.channels)
    pixels = tf.constant(shades.reshape(height, width, preprocessing.channels), tf.uint8)
    return np.array([tf.io.encode_jpeg(pixels).numpy(), tf.io.encode_png(pixels[1:, 1:]).numpy()], object)


def _schema(served: Signature, preprocessing: Preprocessing | None) -> dict[str, tf.io.FixedLenFeature]:
    """What stands in an example."""
    if preprocessing:
        return {"image_bytes": tf.io.FixedLenFeature((), tf.string)}
    kinds = {spec.name: tf.float32 if spec.dtype.is_floating else tf.int64 for spec in served.inputs}
    return {spec.name: tf.io.FixedLenFeature(spec.shape[1:], kinds[spec.name]) for spec in served.inputs}


def _row(arrays: Arrays, index: int) -> dict[str, Any]:
    return {name: array[index] for name, array in arrays.items()}


def _serialized(row: dict[str, Any]) -> bytes:
    """A `tf.train.Example`."""
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
