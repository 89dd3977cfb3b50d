"""Warm-up records: requests that TF Serving runs after loading a model, before it reports that it is ready.

A record is a `PredictionLog` of TF Serving's API, a protocol buffer. Its package `tensorflow-serving-api` pins other
versions of protobuf than TensorFlow, so this module encodes the records itself. Every field that they need is a
message, a string or bytes, which have the same encoding: the number of the field, the length, the content.

Source: `prediction_log.proto`, `predict.proto`, `classification.proto`, `input.proto` and `model.proto` in
https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from kerasconv.export.saved_model.endpoints import Endpoint

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")


def save_warmup(endpoints: Iterable[Endpoint], file: Path) -> None:
    """Writes one record for each signature, with its example as the request."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for endpoint in endpoints:
            writer.write(_prediction_log(endpoint))


def _prediction_log(endpoint: Endpoint) -> bytes:
    """Returns the `PredictionLog` of a request."""
    model_spec = _field(1, _field(3, endpoint.name.encode()))  # ModelSpec.signature_name
    if endpoint.name == "classify":
        (examples,) = endpoint.example.values()
        example_list = b"".join(_field(1, example) for example in examples)
        request = model_spec + _field(2, _field(1, example_list))  # ClassificationRequest.input.example_list
        return _field(2, _field(1, request))  # PredictionLog.classify_log.request
    tensors = {name: tf.make_tensor_proto(value).SerializeToString() for name, value in endpoint.example.items()}
    inputs = b"".join(_field(2, _field(1, name.encode()) + _field(2, tensor)) for name, tensor in tensors.items())
    return _field(6, _field(1, model_spec + inputs))  # PredictionLog.predict_log.request


def _field(number: int, content: bytes) -> bytes:
    """Encodes a length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(n: int) -> bytes:
    """Encodes a number in groups of seven bits, lowest first. The eighth bit is set if another group follows."""
    return bytes([n]) if n < 0x80 else bytes([n & 0x7F | 0x80]) + _varint(n >> 7)
