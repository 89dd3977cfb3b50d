"""Checks of the options of `to_saved_model`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from kerasconv.export.signature import Signature
from kerasconv.preprocessing import Preprocessing


def check_options(signature: Signature, labels: Any, preprocessing: Any, features: Any) -> None:
    """Checks the options of `to_saved_model`.

    Raises:
        TypeError: If an option has the wrong type.
        ValueError: If an option does not fit the model.
    """
    if preprocessing is not None:
        _check_preprocessing(signature, preprocessing)
    if labels is not None:
        _check_labels(signature, labels, preprocessing)
    if features is not None:
        _check_features(signature, features)


def _check_preprocessing(signature: Signature, preprocessing: Any) -> None:
    if not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"to_saved_model: `preprocessing` must be a `Preprocessing`. Received: preprocessing={preprocessing!r}."
        )
    images = (None, *preprocessing.size, preprocessing.channels)
    fits = [spec.shape.is_compatible_with(images) and spec.dtype.is_floating for spec in signature.inputs]
    if fits != [True]:
        raise ValueError(
            f"to_saved_model: with this `preprocessing`, the model must have one input, of floating dtype, that takes "
            f"the shape {images}. Received: {_described(signature.inputs)}."
        )


def _check_labels(signature: Signature, labels: Any, preprocessing: Any) -> None:
    _check_strings("labels", labels)
    if any(len(label.splitlines()) > 1 or label != label.strip("\r\n") for label in labels):
        raise ValueError(f"to_saved_model: a label must be one line. Received: labels={labels!r}.")
    shapes = [tuple(output.shape) for output in signature.model.outputs]
    if shapes != [(None, len(labels))]:
        raise ValueError(
            f"to_saved_model: with {len(labels)} `labels`, the model must have one output, of shape "
            f"(None, {len(labels)}). Received: {', '.join(map(str, shapes))}."
        )
    if preprocessing is None and not all(spec.shape[1:].is_fully_defined() for spec in signature.inputs):
        raise ValueError(
            "to_saved_model: with `labels`, the model's inputs must have known sizes, or there must be a "
            f"`preprocessing`. Received: {_described(signature.inputs)}."
        )


def _check_features(signature: Signature, features: Any) -> None:
    _check_strings("features", features)
    known = [layer.name for layer in signature.model.layers]
    unknown = [name for name in features if name not in known]
    if unknown or len(set(features)) < len(features):
        raise ValueError(
            f"to_saved_model: `features` must be different names of the model's layers, {', '.join(known)}. "
            f"Received: features={features!r}."
        )


def _check_strings(name: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) and v for v in value):
        raise TypeError(
            f"to_saved_model: `{name}` must be a sequence of non-empty strings. Received: {name}={value!r}."
        )
    if not value:
        raise ValueError(f"to_saved_model: `{name}` must not be empty. Received: {name}={value!r}.")


def _described(specs: Iterable[tf.TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {tuple(spec.shape)} {spec.dtype.name}" for spec in specs)
