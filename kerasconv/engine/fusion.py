"""Fusion: runs functions of the arithmetic so that their passes over memory become one.

Gathers, sums and products of single taps each read and write whole tensors, and on a CPU that takes longer than the
arithmetic: five to ten times as long as one loop that does all of it. XLA makes that loop. It is asked for in the way
that each of TensorFlow's modes has:

- in a plain graph, which is what Keras' `fit` runs on a CPU, operations are marked by `jit_scope`. They stay visible,
  standard operations, which exporters can read. TensorFlow compiles them for the first shapes that it meets, for
  others when these come back, and runs them one by one otherwise. Matrix products are not marked: TensorFlow's own
  kernels are faster.
- under `jit_compile=True` everything is compiled anyway;
- eagerly, a function on large tensors is compiled when its shapes have come back many times.

With `tf.config.experimental.enable_op_determinism()` nothing is marked or compiled here, so that equal inputs give
equal bits however often a shape has come back.

Figures: `python -m benchmarks.tricks` repeats those that are given below.
"""

from __future__ import annotations

import enum
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.framework.config import is_op_determinism_enabled


class Fused(enum.Enum):
    """The part of a function that is compiled; matrix products never are.

    `ALL_BUT_RESHAPES` suits a loop over few channels: with the reshape in it, it runs in the order of the new shape and
    takes 1.7 times as long.
    """

    NOTHING = enum.auto()
    ALL_BUT_RESHAPES = enum.auto()
    ALL = enum.auto()


_PRODUCTS = ("MatMul", "BatchMatMulV2")
_CALLS_BEFORE_COMPILING = 16
_SMALLEST_TO_COMPILE = 2**16  # numbers in all tensors: below that, eager operations take less than a compilation saves
_LOCK = threading.RLock()  # of what is traced: once, also where threads meet a shape at the same time

_Function = Callable[..., tf.Tensor]


def run(function: _Function, *arguments: Any, fused: Fused = Fused.ALL) -> tf.Tensor:
    """Runs a function of tensors, followed by options, with what passes over memory fused."""
    if fused is Fused.NOTHING or is_op_determinism_enabled():
        return function(*arguments)
    if not tf.executing_eagerly():
        return _marked(function, arguments, fused)
    tensors, options = _split(arguments)
    if sum(t.shape.num_elements() for t in tensors) < _SMALLEST_TO_COMPILE:
        return function(*arguments)
    return _eager(function, _specs(tensors), options)(*tensors)


def run_shared(function: _Function, *arguments: Any, fused: Fused = Fused.ALL) -> tf.Tensor:
    """Runs as `run` does, and in a graph traces and compiles a function once for all calls with equal shapes.

    Tracing and compiling takes a tenth of a second and more. The calls become calls of one function of the graph, which
    has no gradient.
    """
    tensors, options = _split(arguments)
    shareable = fused is Fused.ALL and hashable(options)  # not where sizes are tensors
    if tf.executing_eagerly() or not shareable or pack_tangents(tensors).tangents:  # of a ForwardAccumulator
        return run(function, *arguments, fused=fused)
    with _LOCK:
        traced = _traced(function, _specs(tensors), options, fused, is_op_determinism_enabled())
    return traced(*map(tf.stop_gradient, tensors))


def materialize(x: tf.Tensor) -> tf.Tensor:
    """Returns `x`, which under `jit_compile=True` XLA is to compute once, not anew for each tap that reads it.

    XLA has no operation for this, but it never duplicates divisions, since they are expensive. So this divides by a
    number that is always 1, which only LLVM finds out; it then removes the division. (ShuffleNet's step without it
    takes three times as long.)
    """
    positive = x > 0
    one = tf.cast(positive | ~positive, x.dtype)
    return x / one if x.dtype.is_floating else tf.truncatediv(x, one)


def _marked(function: _Function, arguments: Sequence[Any], fused: Fused) -> tf.Tensor:
    with tf.xla.experimental.jit_scope(compile_ops=functools.partial(_is_compiled, fused)):
        y = function(*arguments)
        # What TensorFlow's own kernels have made is stored anyway; and truth values cannot be divided.
        return y if _is_product(y.op) or y.dtype == tf.bool else materialize(y)


def _is_compiled(fused: Fused, node: Any) -> bool:
    """Returns whether XLA is to compile an operation.

    Not if it is a matrix product; nor if it reshapes what is not compiled, which costs nothing there and here would be
    a copy.
    """
    if node.op in _PRODUCTS:
        return False
    if node.op != "Reshape":
        return True
    reshaped = tf.compat.v1.get_default_graph().get_operation_by_name(node.input[0].partition(":")[0])
    marked = "_XlaCompile" in reshaped.node_def.attr and reshaped.get_attr("_XlaCompile")
    return fused is Fused.ALL and marked


def _is_product(operation: tf.Operation) -> bool:
    """Returns whether an operation is a matrix product, or only reshapes one."""
    while operation.type in ("Reshape", "Identity"):
        operation = operation.inputs[0].op
    return operation.type in _PRODUCTS


@functools.lru_cache(maxsize=256)
def _traced(
    function: _Function, specs: Sequence[Any], options: Sequence[Any], fused: Fused, deterministic: bool
) -> Callable[..., Any]:
    """Returns a function of a graph, for tensors of these shapes and types, that is never inlined."""

    def call(*tensors: tf.Tensor) -> tf.Tensor:
        return run(function, *tensors, *options, fused=fused)

    call.__name__ = function.__name__
    traced = tf.function(call, autograph=False, experimental_attributes={"_noinline": True})
    return traced.get_concrete_function(*(tf.TensorSpec(shape, dtype) for shape, dtype in specs))


@functools.lru_cache(maxsize=64)
def _eager(function: _Function, specs: Sequence[Any], options: Sequence[Any]) -> _Function:
    """Returns the function for tensors of these shapes and types: as it is at first, compiled later."""
    calls = 0
    compiled: Callable[..., Any] | None = None

    def call(*tensors: tf.Tensor) -> tf.Tensor:
        nonlocal calls, compiled
        calls += 1
        if calls <= _CALLS_BEFORE_COMPILING:
            return function(*tensors, *options)
        with _LOCK:
            if compiled is None:
                of_tensors = tf.function(lambda *t: function(*t, *options), jit_compile=True, autograph=False)
                compiled = of_tensors.get_concrete_function(*tensors)
        return compiled(*tensors)

    return call


def _split(arguments: Sequence[Any]) -> tuple[tuple[tf.Tensor, ...], tuple[Any, ...]]:
    """Returns the tensors in front, and the options behind them."""
    count = next((i for i, a in enumerate(arguments) if not isinstance(a, tf.Tensor)), len(arguments))
    return tuple(arguments[:count]), tuple(tuple(a) if isinstance(a, list) else a for a in arguments[count:])


def _specs(tensors: Sequence[tf.Tensor]) -> tuple[Any, ...]:
    return tuple((tuple(t.shape), t.dtype) for t in tensors)


def hashable(options: Any) -> bool:
    """Returns whether a value can be part of a cache's key: not if a tensor is in it."""
    try:
        hash(options)
    except TypeError:
        return False
    return True
