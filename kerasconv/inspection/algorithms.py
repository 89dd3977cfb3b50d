"""The algorithms that compute the convolutions of a layer, model or function, and the reasons for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kerasconv import structure
from kerasconv.engine.auto import Choice, choices

_TENSORFLOWS = {
    "Conv2D": "forward",
    "Conv3D": "forward",
    "DepthwiseConv2dNative": "forward",
    "Conv2DBackpropInput": "input_gradient",
    "Conv3DBackpropInputV2": "input_gradient",
    "DepthwiseConv2dNativeBackpropInput": "input_gradient",
    "Conv2DBackpropFilter": "kernel_gradient",
    "Conv3DBackpropFilterV2": "kernel_gradient",
    "DepthwiseConv2dNativeBackpropFilter": "kernel_gradient",
}


@dataclass(frozen=True)
class ExplanationRow:
    """One convolution, or one of its gradients.

    Attributes:
        layer: The path of the layer that it stands in, `"block/conv"`; empty outside layers.
        operation: `"forward"`, `"input_gradient"` or `"kernel_gradient"`.
        algorithm: The name of the algorithm, the class of a user's, or `"TensorFlow"` for the kernels of stock layers.
        reason: The estimates of the candidates in milliseconds and the refusals of the others; or what named it.
        choice: The sizes, estimates and chunks in numbers; `None` for stock layers.
    """

    layer: str
    operation: str
    algorithm: str
    reason: str
    choice: Choice | None


@dataclass(frozen=True)
class Explanation:
    """The algorithm of each convolution and of each of its gradients, in the order in which they were traced.

    Printed, it is a table with a line for each, equal ones counted: its layer and sizes, the algorithm (`adjoint`
    where input and output have exchanged their roles), the number of chunks that keep it within the limit of memory,
    and the reason.

    Attributes:
        target: The name of what was traced.
        rows: One for each operation.
    """

    target: str
    rows: tuple[ExplanationRow, ...]

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The `kerasconv.engine.auto.Choice` of each operation of ours."""
        return tuple(row.choice for row in self.rows if row.choice is not None)

    def __str__(self) -> str:
        """The table, or a sentence if there are no convolutions."""
        if not self.rows:
            return f"{self.target} has no convolutions."
        header = ("layer", "operation", "positions", "kernel", "channels", "algorithm", "chunks", "reason")
        equal = Counter(map(_cells, self.rows))
        cells = [header, *((a, f"{b} x {n}" if n > 1 else b, *others) for (a, b, *others), n in equal.items())]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def explain_algorithm(function: Callable[..., Any], *inputs: Any) -> Explanation:
    """Traces a layer, model or function with its gradients, and returns which algorithm computes each convolution.

    Nothing is computed. All convolutions are listed: those left to `algorithm="auto"` with its estimates, those whose
    algorithm a layer or a setting names, and those of stock Keras.

    Args:
        function: A layer, model or function of tensors.
        inputs: For each of its arguments an array or tensor, or its shape, `(batch, *spatial, channels)` with `None`
            for what is unknown.

    Returns:
        A row for each forward pass, input gradient and kernel gradient; `print` shows them.

    Raises:
        ValueError: If there are no inputs.

    Example:
        >>> import kerasconv
        >>> layer = kerasconv.layers.Conv2D(128, 3, padding="same", name="conv")
        >>> explanation = kerasconv.explain_algorithm(layer, (8, 28, 28, 64))
        >>> [(row.layer, row.operation, row.algorithm) for row in explanation.rows][0]
        ('conv', 'forward', 'winograd')
    """
    if not inputs:
        raise ValueError("explain_algorithm: an array or a shape is needed for each argument. Received: none.")
    specs = [_spec(x) for x in inputs]
    layer: Any = function if isinstance(function, keras.layers.Layer) else None
    if layer and not layer.built:
        layer.build(*(spec.shape.as_list() for spec in specs))

    def with_gradients(*tensors: tf.Tensor) -> Any:
        weights = [w.value for w in layer.trainable_weights] if layer else []
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            outputs = keras.tree.flatten(function(*tensors))
        return tape.gradient(outputs, [*tensors, *weights])

    with choices() as found:
        graph = tf.function(with_gradients, autograph=False).get_concrete_function(*specs).graph
    names = [(layer.name,), *structure.names_on_path(layer)] if layer else []
    rows = [ExplanationRow(_layer(c.scope, names), c.problem.operation, c.chosen, _reason(c), c) for c in found]
    rows += _stock_rows(graph, names, found)
    kind = f"{layer.name!r} ({type(layer).__name__})" if layer else getattr(function, "__name__", "It")
    return Explanation(kind, tuple(rows))


def _spec(x: Any) -> tf.TensorSpec:
    if isinstance(x, Sequence) and all(n is None or isinstance(n, int) for n in x):
        return tf.TensorSpec(x, keras.config.floatx())
    return tf.TensorSpec.from_tensor(tf.convert_to_tensor(x))


def _layer(scope: str, names: Sequence[tuple[str, ...]]) -> str:
    return "/".join(structure.layer_in_scope(scope, names))


def _reason(c: Choice) -> str:
    if c.reason:
        return c.reason
    estimates = [f"{name} {ms:.3g} ms" for name, ms in sorted(c.milliseconds.items(), key=lambda item: item[1])]
    return ", ".join([*estimates, *(f"no {name}: {refusal}" for name, refusal in c.refusals.items())])


def _stock_rows(graph: tf.Graph, names: Sequence[tuple[str, ...]], found: Sequence[Choice]) -> Iterator[ExplanationRow]:
    """Yields the convolutions that stock layers and functions call TensorFlow's kernels for."""
    ours = {_layer(c.scope, names) for c in found}
    if any(c.chosen == "native" for c in found):
        ours.add("")  # its gradients are the same kernels, in no layer's scope
    for operation in graph.get_operations():
        layer = _layer(operation.name, names)
        if operation.type in _TENSORFLOWS and layer not in ours:
            reason = "of a stock layer; kerasconv.convert_model exchanges it" if layer else "not an operation of ours"
            yield ExplanationRow(layer, _TENSORFLOWS[operation.type], "TensorFlow", reason, None)


def _cells(row: ExplanationRow) -> tuple[str, ...]:
    if row.choice is None:
        return row.layer, row.operation, "", "", "", row.algorithm, "", row.reason
    p = row.choice.problem
    return (
        row.layer,
        row.operation,
        f"{p.batch} x {'x'.join(map(str, p.output))}",
        "x".join(map(str, p.window.size)),
        f"{p.channels} -> {p.filters}" + (f" in {p.groups} groups" if p.groups > 1 else ""),
        row.algorithm + (", adjoint" if row.choice.adjoint else ""),
        str(row.choice.chunks),
        row.reason,
    )
