"""Which algorithm computes each convolution of a layer, model or function, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kerasconv.engine.auto import Choice, choices


@dataclass(frozen=True)
class Explanation:
    """What `algorithm="auto"` chose, operation by operation, in the order in which they were traced.

    Printed, it is a table with a line for each operation: its sizes, the algorithm (`mirrored` where inputs and outputs
    have exchanged their roles), into how many parts it is cut for the memory limit, and what each candidate was
    estimated to take.

    Attributes:
        choices: A `kerasconv.engine.auto.Choice` for each operation.
    """

    choices: tuple[Choice, ...]

    def __str__(self) -> str:
        """The table."""
        rows = [("operation", "positions", "kernel", "channels", "algorithm", "parts", "estimates in ms, refusals")]
        for c in self.choices:
            p = c.problem
            reasons = [f"{name} {ms:.3g}" for name, ms in sorted(c.milliseconds.items(), key=lambda item: item[1])]
            reasons += [f"no {name}: {reason}" for name, reason in c.refusals.items()]
            groups = f" in {p.groups} groups" if p.groups > 1 else ""
            rows.append(
                (
                    p.operation,
                    f"{p.batch} x {'x'.join(map(str, p.output))}",
                    "x".join(map(str, p.window.size)),
                    f"{p.channels} -> {p.filters}{groups}",
                    f"{c.chosen}, adjoint" if c.adjoint else c.chosen,
                    str(c.chunks),
                    ", ".join(reasons),
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def explain_algorithm(function: Callable[..., Any], *inputs: Any) -> Explanation:
    """Traces a layer, model or function with its gradients, and tells what `algorithm="auto"` chose.

    Nothing is computed. What names its algorithm itself, or follows `kerasconv.config.set_algorithm`, has no choice and
    is not listed.

    Args:
        function: A layer, model or function of tensors.
        inputs: For each of its arguments an array or tensor, or its shape, `(batch, *spatial, channels)` with `None`
            for what is unknown.

    Returns:
        The choices for forward, input gradient and kernel gradient; `print` shows them.

    Raises:
        ValueError: If there are no inputs.

    Example:
        >>> import kerasconv
        >>> layer = kerasconv.layers.Conv2D(128, 3, padding="same")
        >>> explanation = kerasconv.explain_algorithm(layer, (8, 28, 28, 64))
        >>> [(c.problem.operation, c.chosen) for c in explanation.choices][0]
        ('forward', 'winograd')
    """
    if not inputs:
        raise ValueError("explain_algorithm: an array or a shape is needed for each argument. Received: none.")
    specs = [_spec(x) for x in inputs]
    if isinstance(function, keras.layers.Layer) and not function.built:
        function.build(*(spec.shape.as_list() for spec in specs))

    def both(*tensors: tf.Tensor) -> Any:
        weights = [w.value for w in function.trainable_weights] if isinstance(function, keras.layers.Layer) else []
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = keras.tree.flatten(function(*tensors))
        return tape.gradient(outputs, [*tensors, *weights])

    with choices() as found:
        tf.function(both, autograph=False).get_concrete_function(*specs)
    return Explanation(tuple(found))


def _spec(x: Any) -> tf.TensorSpec:
    if isinstance(x, Sequence) and all(n is None or isinstance(n, int) for n in x):
        return tf.TensorSpec(x, keras.config.floatx())
    return tf.TensorSpec.from_tensor(tf.convert_to_tensor(x))
