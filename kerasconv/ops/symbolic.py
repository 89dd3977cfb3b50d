"""Operations on the symbolic tensors of Keras' functional API."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf

F = TypeVar("F", bound=Callable[..., Any])


@keras.saving.register_keras_serializable(package="kerasconv")
class Function(keras.Operation):
    """A function of `kerasconv.ops` as a node of a functional model, saved by its name."""

    def __init__(self, function: str, name: str | None = None):
        super().__init__(name=name)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the result of the function."""
        from kerasconv import ops

        return getattr(ops, self.function)(*args, **kwargs)


def symbolic(function: F) -> F:
    """Decorates a function so that given a `keras.KerasTensor` it returns one, as a node of the functional model.

    AutoGraph is kept out of it: the package is written without Python control flow on tensors.
    """

    @functools.wraps(function)
    @tf.autograph.experimental.do_not_convert
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, keras.KerasTensor) for value in (*args, *kwargs.values())):
            return Function(function.__name__).symbolic_call(*args, **kwargs)
        return function(*args, **kwargs)

    return cast(F, call)
