"""The algorithms as operations use them: chosen, cut into chunks, fused, and with half precision summed in float32.

This is the one place where the engine is put around the arithmetic. What leaves it is an `Algorithm`, so that
`kerasconv.arithmetic.convolution` differentiates it like any other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from kerasconv import config
from kerasconv.arithmetic.convolution import Algorithm
from kerasconv.arithmetic.groups import transpose_kernel
from kerasconv.arithmetic.tensors import pad, sizes_of
from kerasconv.config import Settings
from kerasconv.engine import chunking
from kerasconv.engine.auto import Choice, Plan, plan, record
from kerasconv.engine.costs import Candidate
from kerasconv.engine.fusion import run, run_shared
from kerasconv.engine.problem import Problem, problem
from kerasconv.geometry import Size, Window


def engine_algorithm(algorithm: Any, settings: Settings | None = None, by_setting: bool = False) -> Algorithm:
    """Returns a name's or a user's algorithm as operations use it.

    Args:
        algorithm: The name of an algorithm, an `Algorithm`, or an object with its three operations.
        settings: The settings of forward and backward pass; `None` for those in force at each call.
        by_setting: Whether a setting named the algorithm, and not the layer or call itself.
    """
    scope = tf.get_current_name_scope()
    reason = "" if algorithm == "auto" else "set by kerasconv.config" if by_setting else "asked for"
    if isinstance(algorithm, str):
        made: _Named | _Custom = _Named(algorithm, settings, scope, reason)
    else:
        made = _Custom(algorithm, scope, reason)
    return Algorithm(made.forward, made.input_gradient, made.kernel_gradient)


def refusal(name: str, p: Problem, settings: Settings) -> str | None:
    """Returns why `algorithm=name` does not take a problem, if it does not."""
    try:
        plan(name, p, tf.float32, settings)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class _Named:
    """The algorithm of a name. Each operation is planned for its sizes, then run as planned."""

    name: str
    settings: Settings | None
    scope: str
    reason: str

    def forward(self, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        output = window.output(sizes_of(x)[1:-1])
        p = problem("forward", x.shape[0], output, window, groups, w.shape[-2], w.shape[-1] // groups)
        dtype, x, w = x.dtype, *self._widened(x, w)
        planned = self._plan(p, x.dtype)
        if planned.problem == p:
            y = _forward(planned, x, w, window, groups)
        else:
            y = _input_gradient(planned, x, transpose_kernel(w, groups), planned.problem.window, groups, output)
        return tf.cast(y, dtype)

    def input_gradient(
        self, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
    ) -> tf.Tensor:
        output = sizes_of(dy)[1:-1]
        p = problem("input_gradient", dy.shape[0], output, window, groups, w.shape[-2], w.shape[-1] // groups)
        dtype, dy, w = dy.dtype, *self._widened(dy, w)
        planned = self._plan(p, dy.dtype)
        if planned.problem == p:
            dx = _input_gradient(planned, dy, w, window, groups, sizes)
        else:
            dx = _forward(planned, dy, transpose_kernel(w, groups), planned.problem.window, groups)
        return tf.cast(dx, dtype)

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        output, channels, filters = sizes_of(dy)[1:-1], x.shape[-1] // groups, dy.shape[-1] // groups
        p = problem("kernel_gradient", x.shape[0], output, window, groups, channels, filters)
        dtype, x, dy = x.dtype, *self._widened(x, dy)
        planned = self._plan(p, x.dtype)
        if planned.problem == p:
            dw = _kernel_gradient(planned, x, dy, window, groups)
        else:
            dw = transpose_kernel(_kernel_gradient(planned, dy, x, planned.problem.window, groups), groups)
        return tf.cast(dw, dtype)

    def _widened(self, *tensors: tf.Tensor) -> list[tf.Tensor]:
        return list(tensors) if self.name == "native" else [widened(x) for x in tensors]

    def _plan(self, p: Problem, dtype: tf.DType) -> Plan:
        planned = plan(self.name, p, dtype, self.settings or config.settings())
        record(
            Choice(
                p,
                planned.candidate.name,
                planned.milliseconds if self.name == "auto" else {},
                planned.refusals if self.name == "auto" else {},
                planned.chunks.count(planned.problem),
                planned.problem != p,
                self.scope,
                self.reason,
            )
        )
        return planned


@dataclass(frozen=True)
class _Custom:
    """A user's algorithm, whose results are checked."""

    algorithm: Any
    scope: str
    reason: str

    def forward(self, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        output = window.output(sizes_of(x)[1:-1])
        self._record(problem("forward", x.shape[0], output, window, groups, w.shape[-2], w.shape[-1] // groups))
        return self._call("forward", x, w, [x.shape[0], *output, w.shape[-1]], window, groups)

    def input_gradient(
        self, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
    ) -> tf.Tensor:
        output, channels = sizes_of(dy)[1:-1], w.shape[-2]
        self._record(problem("input_gradient", dy.shape[0], output, window, groups, channels, w.shape[-1] // groups))
        return self._call("input_gradient", dy, w, [dy.shape[0], *sizes, groups * channels], window, groups, sizes)

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        output, channels, filters = sizes_of(dy)[1:-1], x.shape[-1] // groups, dy.shape[-1]
        self._record(problem("kernel_gradient", x.shape[0], output, window, groups, channels, filters // groups))
        return self._call("kernel_gradient", x, dy, [*window.size, channels, filters], window, groups)

    def _call(self, operation: str, a: tf.Tensor, b: tf.Tensor, shape: Sequence[Size | None], *options: Any) -> Any:
        function: Callable[..., Any] = getattr(self.algorithm, operation)
        # The one attribute of a user's object that may be missing.
        keeps_half_precision = getattr(self.algorithm, "KEEPS_HALF_PRECISION", False)
        dtype = a.dtype
        a, b = (a, b) if keeps_half_precision else (widened(a), widened(b))
        result = function(a, b, *options)
        expected = tf.TensorShape([n if isinstance(n, int) else None for n in shape])
        if (
            not isinstance(result, tf.Tensor)
            or result.dtype != a.dtype
            or not expected.is_compatible_with(result.shape)
        ):
            received = f"{result.dtype.name} {result.shape}" if isinstance(result, tf.Tensor) else repr(result)
            raise ValueError(
                f"{type(self.algorithm).__name__}: `{operation}` of an algorithm must return a tensor of the shape and "
                f"dtype of its result, {a.dtype.name} {expected}. Received: {received}, from {self.algorithm!r}."
            )
        result.set_shape(expected)
        return tf.cast(result, dtype)

    def _record(self, p: Problem) -> None:
        record(Choice(p, type(self.algorithm).__name__, {}, {}, 1, False, self.scope, self.reason))


def widened(x: tf.Tensor) -> tf.Tensor:
    """Returns `x`, in float32 if it is float16 or bfloat16, in which sums would lose digits or overflow."""
    return tf.cast(x, tf.float32) if x.dtype.size < 4 else x


def _forward(planned: Plan, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    algorithm = _fused(planned)
    w = _prepared(planned.candidate, w, window, groups)
    if planned.chunks.count(planned.problem) == 1:
        return algorithm.forward(x, w, window, groups)
    filters = groups * planned.problem.filters
    return chunking.forward(algorithm, x, w, window, groups, planned.chunks, filters)


def _input_gradient(
    planned: Plan, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    algorithm = _fused(planned)
    w = _prepared(planned.candidate, w, window, groups)
    if planned.chunks.count(planned.problem) == 1:
        return algorithm.input_gradient(dy, w, window, groups, sizes)
    channels = groups * planned.problem.channels
    return chunking.input_gradient(algorithm, dy, w, window, groups, sizes, planned.chunks, channels)


def _kernel_gradient(planned: Plan, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    algorithm = _fused(planned)
    if planned.chunks.count(planned.problem) == 1:
        return algorithm.kernel_gradient(x, dy, window, groups)
    return chunking.kernel_gradient(algorithm, x, dy, window, groups, planned.chunks)


def _prepared(candidate: Candidate, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    prepare = candidate.algorithm.prepare
    return w if prepare is None else run_shared(prepare, w, window, groups)


def _fused(planned: Plan) -> Algorithm:
    """Returns the algorithm with each of its operations fused, if it is the better for that."""
    candidate, algorithm = planned.candidate, planned.candidate.algorithm
    execute = functools.partial(run_shared, fused=candidate.fused(planned.problem))

    def padded(x: tf.Tensor, window: Window) -> tuple[tf.Tensor, Window]:
        if window.uniform or not (candidate.pads_first or tf.executing_eagerly()):
            return x, window
        return run(pad, x, window.pads), window.without_pads

    def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        x, window = padded(x, window)
        return execute(algorithm.forward, x, w, window, groups)

    def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
        return execute(algorithm.input_gradient, dy, w, window, groups, tuple(sizes))

    def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        x, window = padded(x, window)
        return execute(algorithm.kernel_gradient, x, dy, window, groups)

    return replace(algorithm, forward=forward, input_gradient=input_gradient, kernel_gradient=kernel_gradient)
