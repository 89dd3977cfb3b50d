"""What passes over memory again and again, compiled into one pass.

Slices, sums and products of single taps each read and write whole tensors, and on a CPU that takes longer than the
arithmetic. XLA fuses them into one loop. `fused` asks for it in the way that each of TensorFlow's modes has:

- under `jit_compile=True` everything is compiled already, and nothing is to be done;
- in a plain graph, which is what Keras' `fit` runs on a CPU, the operations are marked by `jit_scope`. They stay
  visible, standard operations, so that exporters read them; TensorFlow compiles them when shapes come back a second
  time, and runs them as they are otherwise;
- in eager mode a function is compiled by itself, once it has met the same shapes twice before, and if they are large.

So the first call never waits for a compiler, and a last batch of another size costs no compilation.

Three traps of the plain graph: Grappler, TensorFlow's graph optimiser, rewrites chains of `+` into a sum that has lost
its mark, and large `AddN` and `Pack` nodes to save memory. Hence `total` for sums, and `tf.concat` instead of
`tf.stack`. And some things are better not fused: matrix products, which oneDNN computes faster (`product`), and pads,
which would make every read a comparison (`unfused`); sums over leading axes and concatenations XLA does not fuse with
what comes before them, so they cost a pass.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import tensorflow as tf

_CALLS_BEFORE_COMPILING = 2
_SMALLEST_TO_COMPILE = 2**16  # numbers in all tensors: below that, eager operations take less than a compilation saves

_Function = TypeVar("_Function", bound=Callable[..., Any])
_jit_scope = tf.xla.experimental.jit_scope


def fused(function: _Function) -> _Function:
    """Marks a function of tensors, followed by hashable arguments, whose passes over memory are to become one."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        if not tf.executing_eagerly():
            return _in_graph(function, args)
        tensors = tuple(a for a in args if isinstance(a, tf.Tensor))
        if sum(t.shape.num_elements() for t in tensors) < _SMALLEST_TO_COMPILE:
            return function(*args)
        options = tuple(tuple(a) if isinstance(a, list) else a for a in args[len(tensors) :])
        eager = _eager(function, tuple((t.shape, t.dtype) for t in tensors), options)
        return eager(*tensors)

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    del call.__wrapped__  # by which a tf.function that is given this one would find its way past it
    return call  # type: ignore[return-value]


def _in_graph(function, args):
    tensors = tuple(a for a in args if isinstance(a, tf.Tensor))
    options = tuple(tuple(a) if isinstance(a, list) else a for a in args[len(tensors) :])
    try:
        hash(options)
    except TypeError:
        with _jit_scope():
            return function(*args)
    return _shared(function, options)(*[tf.stop_gradient(t) for t in tensors])


@functools.lru_cache(maxsize=1024)
def _shared(function, options):
    def call(*tensors):
        with _jit_scope():
            return function(*tensors, *options)

    return tf.function(call, autograph=False, experimental_attributes={"_noinline": True})


def product(a: tf.Tensor, b: tf.Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> tf.Tensor:
    """`tf.matmul` by TensorFlow's own kernel, within a fused function of a plain graph too."""
    with unfused():
        return tf.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def unfused() -> AbstractContextManager[Any]:
    """In this block of a fused function, what is done in a plain graph is left to TensorFlow's own kernels."""
    return nullcontext() if tf.executing_eagerly() else _jit_scope(compile_ops=False)


def total(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """`tf.add_n`, of which Grappler keeps its hands off: it does not look through `EnsureShape`."""
    if tf.executing_eagerly():
        return tf.add_n(parts)
    return functools.reduce(lambda a, b: tf.ensure_shape(a, a.shape) + b, parts)


@functools.lru_cache(maxsize=1024)
def _eager(function: Callable[..., Any], specs: tuple[Any, ...], options: tuple[Any, ...]) -> Callable[..., Any]:
    """`function` for tensors of these shapes and types, with these options: as it is at first, compiled later."""
    calls = 0

    @functools.cache
    def compiled() -> Callable[..., Any]:
        return tf.function(lambda *tensors: function(*tensors, *options), jit_compile=True, autograph=False)

    def call(*tensors: tf.Tensor) -> Any:
        nonlocal calls
        calls += 1
        return compiled()(*tensors) if calls > _CALLS_BEFORE_COMPILING else function(*tensors, *options)

    return call
