"""Arguments of operations: conversion, checks, and the order of the axes."""

from __future__ import annotations

import numbers
from typing import Any

import keras
import tensorflow as tf

from kerasconv import geometry


def convert(caller: str, **arguments: Any) -> list[tf.Tensor]:
    """Returns the arguments as tensors.

    Raises:
        TypeError: If one cannot be made a tensor.
    """
    result = []
    for name, value in arguments.items():
        try:
            result.append(tf.convert_to_tensor(keras.ops.convert_to_tensor(value)))  # twice, for Keras' variables
        except (ValueError, TypeError) as error:
            raise TypeError(
                f"{caller}: `{name}` must be a tensor or something to make one of. Received: {value!r} ({error})."
            ) from error
    return result


def check_floating(caller: str, **arguments: tf.Tensor) -> None:
    """Raises unless all tensors are floating-point and of one dtype.

    Raises:
        TypeError: If they are not.
    """
    dtypes = {name: tensor.dtype for name, tensor in arguments.items()}
    if not all(dtype.is_floating for dtype in dtypes.values()) or len(set(dtypes.values())) > 1:
        names = " and ".join(f"`{name}`" for name in dtypes)
        received = ", ".join(f"{name} of dtype {dtype.name}" for name, dtype in dtypes.items())
        raise TypeError(f"{caller}: {names} must be floating-point tensors of one dtype. Received: {received}.")


def check_rank(caller: str, x: tf.Tensor, rank: int | None = None, name: str = "inputs") -> int:
    """Returns the number of spatial axes of `x`, which must have `rank` axes (or, if that is `None`, at least three).

    Raises:
        ValueError: If it has another number.
    """
    if x.shape.rank is None or x.shape.rank < 3 or x.shape.rank != (rank or x.shape.rank):
        expected = f"{rank} axes, like the tensor it meets" if rank else "three axes or more"
        raise ValueError(
            f"{caller}: `{name}` must have a batch axis, spatial axes and a channel axis: {expected}. "
            f"Received: shape {x.shape}."
        )
    return x.shape.rank - 2


def data_format(caller: str, value: str | None) -> str:
    """Returns `value`, or Keras' setting for `None`.

    Raises:
        ValueError: If it is no data format.
    """
    return geometry.standardize_data_format(keras.config.image_data_format() if value is None else value, caller)


def with_channels(x: tf.Tensor, channels: int | None) -> tf.Tensor:
    """Returns `x`, which must have so many channels when it runs if their number is not known before."""
    return tf.ensure_shape(x, [*x.shape[:-1], channels]) if x.shape[-1] is None else x


def channels_last(x: tf.Tensor, data_format: str) -> tf.Tensor:
    """Returns `x` with its channels on the last axis."""
    return x if data_format == "channels_last" else tf.transpose(x, [0, *range(2, x.shape.rank), 1])


def from_channels_last(x: tf.Tensor, data_format: str) -> tf.Tensor:
    """Returns the inverse of `channels_last`."""
    return x if data_format == "channels_last" else tf.transpose(x, [0, x.shape.rank - 1, *range(1, x.shape.rank - 1)])


def check_number(caller: str, value: Any, name: str) -> float:
    """Returns `value`, if it is a number.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{caller}: `{name}` must be a number. Received: {name}={value!r}.")
    return float(value)
