"""A check of gradients against finite differences, in float64.

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
    """The gradient of one argument beside finite differences.

    Attributes:
        name: The name of the input or weight.
        shape: Its shape.
        error: The relative difference in the direction where it comes closest to its bound, or is furthest above.
        bound: The largest that passes there: the tolerance, and what finite differences lose to rounding.
    """

    name: str
    shape: tuple[int, ...]
    error: float
    bound: float

    @property
    def passed(self) -> bool:
        """True if the error is within its bound; an error that is NaN is not."""
        return self.error <= self.bound


@dataclass(frozen=True)
class GradientReport:
    """The gradients that `check_gradients` checked.

    Attributes:
        rows: One for each input and weight.
        tolerance: The largest relative error that passes, apart from rounding.
    """

    rows: tuple[GradientRow, ...]
    tolerance: float

    @property
    def worst(self) -> GradientRow:
        """The row with the largest error, measured by its bound."""
        return max(self.rows, key=_badness)

    @property
    def passed(self) -> bool:
        """True if every error is within its bound."""
        return all(row.passed for row in self.rows)

    def __str__(self) -> str:
        """A line for each row: its name, the error, the bound, the verdict and the shape."""
        width = max(len(row.name) for row in self.rows)
        return "\n".join(
            f"{row.name:<{width}}  error {row.error:.1e}  bound {row.bound:.1e}  "
            f"{'right' if row.passed else 'WRONG'}  {row.shape}"
            for row in self.rows
        )


def _badness(row: GradientRow) -> float:
    return row.error / row.bound if row.error == row.error else float("inf")


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
        tolerance: The largest relative error that passes, beside what the finite differences lose to rounding.
        seed: Of the random numbers.

    Returns:
        A report with a row per input and trainable weight; `print` shows each error beside its bound.

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
    """Returns the report, from a step to either side of each argument."""
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
    rounding = np.finfo(float).eps * magnitude / STEP  # of the finite differences

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
        found = []
        for _ in range(directions):
            direction = random.normal(size=arguments[i].shape)
            direction /= np.linalg.norm(direction)
            ahead, behind = (
                float(weighted_sum(*arguments[:i], arguments[i] + sign * STEP * direction, *arguments[i + 1 :]))
                for sign in (1, -1)
            )
            seen, said = (ahead - behind) / (2 * STEP), float(tf.reduce_sum(gradient * direction))
            scale = max(abs(seen), abs(said), typical, np.finfo(float).tiny)
            error, bound = abs(seen - said) / scale, tolerance + rounding / scale
            found.append(GradientRow(names[i], tuple(arguments[i].shape), error, bound))
        rows.append(max(found, key=_badness))
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
