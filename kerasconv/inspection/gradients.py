"""A check of gradients: what the backward pass says against what small steps show, in float64.

For an argument `a` of a function, a random direction `v` of unit length and a random weighting `g` of the outputs,

    (<f(a + h v), g> - <f(a - h v), g>) / 2h   =   <gradient of <f, g> for a, v>

up to the square of the step `h`. One direction tests all components of the gradient at once: a wrong one shows in
every random direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

STEP = 1e-6


@dataclass(frozen=True)
class GradientRow:
    """One argument, and how far its gradient is off."""

    name: str
    shape: tuple[int, ...]
    error: float


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found.

    Attributes:
        rows: For each input and weight the largest relative error over the directions.
        tolerance: The largest error that passes.
    """

    rows: tuple[GradientRow, ...]
    tolerance: float

    @property
    def worst(self) -> GradientRow:
        """The row with the largest error."""
        return max(self.rows, key=lambda row: row.error)

    @property
    def passed(self) -> bool:
        """Whether every error is within the tolerance."""
        return all(row.error <= self.tolerance for row in self.rows)

    def __str__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [
            f"{row.name:<{width}}  {row.error:8.1e}  {'right' if row.error <= self.tolerance else 'WRONG'}  {row.shape}"
            for row in self.rows
        ]
        return "\n".join(lines)


def check_gradients(
    target: keras.Layer | Callable[..., Any],
    inputs: Any,
    *,
    directions: int = 3,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientReport:
    """Compares the gradients of a layer, a model or a function with finite differences, in float64.

    A layer or model is checked in a float64 copy of itself, with its weights, in inference mode. A function is called
    with float64 tensors.

    Args:
        target: A `keras.Layer`, a model, or a function of tensors. Its value is a tensor or a structure of them.
        inputs: Its input or, for several, a list of them: anything that makes tensors. Integers are left as they are.
        directions: How many random directions to try for each argument.
        tolerance: The largest relative error that passes.
        seed: Of the random numbers.

    Returns:
        A report with a row per input and trainable weight; `print` shows it.

    Raises:
        ValueError: If there is nothing to differentiate by.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.Conv1D(2, 3, strides=2, dilation_rate=2)
        >>> report = kerasconv.check_gradients(layer, np.random.default_rng(0).normal(size=(2, 9, 3)))
        >>> report.passed, [row.name for row in report.rows]
        (True, ['inputs', 'kernel', 'bias'])
    """
    several = isinstance(inputs, list | tuple)
    values = [tf.convert_to_tensor(value) for value in (inputs if several else [inputs])]
    values = [tf.cast(value, tf.float64) if value.dtype.is_floating else value for value in values]
    names = [f"inputs[{i}]" for i in range(len(values))] if several else ["inputs"]
    if isinstance(target, keras.Layer):
        layer = _in_float64(target, values if several else values[0])
        weights = layer.trainable_variables
        names += [variable.path.removeprefix(f"{layer.name}/") for variable in weights]
        fixed = [variable.value for variable in layer.non_trainable_variables]

        def function(*arguments: tf.Tensor) -> Any:
            x, w = arguments[: len(values)], arguments[len(values) :]
            return layer.stateless_call(list(w), fixed, list(x) if several else x[0])[0]

        arguments = [*values, *(tf.convert_to_tensor(variable.value) for variable in weights)]
    else:
        function, arguments = target, values
    return _compare(function, arguments, names, directions, tolerance, np.random.default_rng(seed))


def _compare(
    function: Callable[..., Any],
    arguments: Sequence[tf.Tensor],
    names: Sequence[str],
    directions: int,
    tolerance: float,
    random: np.random.Generator,
) -> GradientReport:
    """Walks a step forth and back along each argument."""
    floating = [i for i, argument in enumerate(arguments) if argument.dtype.is_floating and tf.size(argument) > 0]
    if not floating:
        raise ValueError(
            "check_gradients: there must be a floating-point input or a weight to differentiate by. "
            f"Received: inputs of dtypes {[argument.dtype.name for argument in arguments]}."
        )
    outputs = [y for y in tf.nest.flatten(function(*arguments)) if y.dtype.is_floating]
    weightings = [random.normal(size=y.shape) for y in outputs]
    magnitude = sum(
        float(tf.reduce_sum(tf.abs(tf.cast(y, tf.float64) * g))) for y, g in zip(outputs, weightings, strict=True)
    )
    rounding = np.finfo(float).eps * magnitude / STEP  # of the finite differences, which is nobody's fault

    def weighted_sum(*values: tf.Tensor) -> tf.Tensor:
        floats = [y for y in tf.nest.flatten(function(*values)) if y.dtype.is_floating]
        return tf.add_n([tf.reduce_sum(tf.cast(y, tf.float64) * g) for y, g in zip(floats, weightings, strict=True)])

    with tf.GradientTape() as tape:
        tape.watch([arguments[i] for i in floating])
        loss = weighted_sum(*arguments)
    gradients = tape.gradient(
        loss, [arguments[i] for i in floating], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    rows = []
    for i, gradient in zip(floating, gradients, strict=True):
        gradient = tf.convert_to_tensor(gradient)  # of a gather it comes as slices
        # Of this size a component is, and so the product with a random direction.
        typical = float(tf.norm(gradient)) / np.sqrt(gradient.shape.num_elements())
        worst = 0.0
        for _ in range(directions):
            direction = random.normal(size=arguments[i].shape)
            direction /= np.linalg.norm(direction)
            ahead, behind = (
                float(weighted_sum(*arguments[:i], arguments[i] + sign * STEP * direction, *arguments[i + 1 :]))
                for sign in (1, -1)
            )
            seen, said = (ahead - behind) / (2 * STEP), float(tf.reduce_sum(gradient * direction))
            scale = max(abs(seen), abs(said), typical, np.finfo(float).tiny)
            worst = max(worst, (abs(seen - said) - rounding) / scale)
        rows.append(GradientRow(names[i], tuple(arguments[i].shape), worst))
    return GradientReport(tuple(rows), tolerance)


def _in_float64(layer: keras.Layer, inputs: Any) -> keras.Layer:
    """A copy of a layer or model whose weights and computations are in float64."""
    copy = type(layer).from_config(_with_dtype(layer.get_config()))
    if layer.built:
        weights = layer.get_weights()
    copy(inputs)
    if layer.built:
        copy.set_weights(weights)
    return copy


def _with_dtype(config: Any) -> Any:
    """A configuration with every floating-point dtype in it, and every dtype policy, changed to float64."""
    if isinstance(config, dict):
        return {
            key: "float64" if key == "dtype" and _is_floating(value) else _with_dtype(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_with_dtype(value) for value in config)
    return config


def _is_floating(dtype: Any) -> bool:
    name = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    return isinstance(name, str) and "float" in name
