"""What passes over memory again and again, compiled into one pass.

Slices, sums and products of single taps each read and write whole tensors, and on a CPU that takes longer than the
arithmetic. XLA fuses them into one loop. `fused` asks for it in the way that each of TensorFlow's modes has:

- under `jit_compile=True` everything is compiled already, and nothing is to be done;
- in a plain graph, which is what Keras' `fit` runs on a CPU, the operations are marked by `jit_scope`. They stay
  visible, standard operations, so that exporters read them; TensorFlow compiles them for the first shapes that it
  meets, for others when they come back a second time, and runs them as they are otherwise;
- in eager mode a function is compiled by itself, once it has met the same shapes twice before, and if they are large.

So a last batch of another size costs no compilation. Compiling takes a tenth of a second and more for each of these
passes, and tracing about as long: where layers have the same shapes, `shared` does both once for all of them.

Three traps of the plain graph: Grappler, TensorFlow's graph optimiser, rewrites chains of `+` into a sum that has lost
its mark, and large `AddN` and `Pack` nodes to save memory. Hence `total` for sums, and `tf.concat` instead of
`tf.stack`. And some things are better not fused: matrix products, which oneDNN computes faster (`product`), and pads,
which would make every read a comparison (`unfused`); sums over leading axes and concatenations XLA does not fuse with
what comes before them, so they cost a pass.
"""

from __future__ import annotations

import functools
import inspect
import uuid
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
            with _jit_scope():
                return function(*args)
        tensors, options = _parted(args)
        if sum(t.shape.num_elements() for t in tensors) < _SMALLEST_TO_COMPILE:
            return function(*args)
        eager = _eager(function, tuple((t.shape, t.dtype) for t in tensors), options)
        return eager(*tensors)

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    del call.__wrapped__  # by which a tf.function that is given this one would find its way past it
    return call  # type: ignore[return-value]


def shared(function: _Function) -> _Function:
    """Makes a function of tensors, followed by hashable arguments, one of the graph's: traced once for all its callers.

    In a plain graph, calls with the same shapes and arguments become calls of one function of that graph, and what is
    `fused` in it is compiled once for all of them. It has no gradient.
    """

    @functools.lru_cache(maxsize=1024)
    def in_graph(options: tuple[Any, ...]) -> Callable[..., Any]:
        return tf.function(
            lambda *tensors: function(*tensors, *options), autograph=False, experimental_attributes={"_noinline": True}
        )

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        tensors, options = _parted(args)
        if tf.executing_eagerly() or not hashable(options):  # where sizes are tensors
            return function(*args)
        return in_graph(options)(*map(tf.stop_gradient, tensors))

    return call  # type: ignore[return-value]


def replaced_on_cpu(function: Callable[[], Any], replacement: Callable[[], Any]) -> Any:
    """`function()` in a graph; a plain one on a CPU runs the `replacement`, whose operations XLA need not know.

    Grappler exchanges two functions of one name ("api_implements") by the device that they prefer. What is compiled as
    a whole, exported or run on another device keeps the first. None of the two has a gradient.
    """
    name, traced = f"kerasconv_{uuid.uuid4()}", []
    for implementation, device in ((function, "GPU"), (replacement, "CPU")):
        attributes = {"api_implements": name, "api_preferred_device": device}
        made = tf.function(implementation, autograph=False, experimental_attributes=attributes)
        traced.append(made.get_concrete_function())
    first, second = traced
    captured = zip(first.captured_inputs, second.captured_inputs, strict=True)
    if all(a is b for a, b in captured):  # else their arguments are not the same
        second.add_to_graph(tf.compat.v1.get_default_graph())
    return first()


def _parted(args: Sequence[Any]) -> tuple[tuple[tf.Tensor, ...], tuple[Any, ...]]:
    """The tensors among the arguments, and the options behind them."""
    tensors = tuple(a for a in args if isinstance(a, tf.Tensor))
    return tensors, tuple(tuple(a) if isinstance(a, list) else a for a in args[len(tensors) :])


def hashable(options: Any) -> bool:
    """Whether calls with these options can be told from others; where sizes are tensors they cannot."""
    try:
        hash(options)
    except TypeError:
        return False
    return True


def product(a: tf.Tensor, b: tf.Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> tf.Tensor:
    """`tf.matmul` by TensorFlow's own kernel, within a fused function of a plain graph too.

    What sums over the rows of one pair of matrices is handed over as such, and not as a batch of one: that mostly takes
    half to four fifths of the time.
    """
    with unfused():
        if transpose_a and a.shape[0] == 1 and a.shape.rank == 3:
            return tf.matmul(a[0], b[0], transpose_a=True)[None]
        if tf.executing_eagerly() and a.shape.rank == 2:  # the first product of that kind takes 20 ms in a process
            return tf.matmul(a[None], b[None], transpose_a=transpose_a, transpose_b=transpose_b)[0]
        return tf.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def unfused() -> AbstractContextManager[Any]:
    """In this block of a fused function, what is done in a plain graph is left to TensorFlow's own kernels."""
    return nullcontext() if tf.executing_eagerly() else _jit_scope(compile_ops=False)


def total(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """`tf.add_n`, of which Grappler keeps its hands off: it does not look through `EnsureShape`."""
    if tf.executing_eagerly():
        return tf.add_n(parts)
    return functools.reduce(lambda a, b: tf.ensure_shape(a, a.shape) + b, parts)


def kept(x: tf.Tensor) -> tf.Tensor:
    """`x`, which XLA is to compute once, and not anew wherever a window that reads it has a tap.

    XLA has no word for that, but does so with divisions, which it takes to be dear: hence one by a number that is
    always 1, which only LLVM finds out, and leaves out. In a plain graph, what is `fused` is stored at its end anyway.
    """
    if tf.executing_eagerly():
        return x
    positive = x > 0
    one = tf.cast(positive | ~positive, x.dtype)
    return x / one if x.dtype.is_floating else tf.truncatediv(x, one)


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
