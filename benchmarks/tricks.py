"""Tricks that rest on a compiler's behaviour, each with and without: `python -m benchmarks.tricks [NAME ...]`.

The package keeps a trick only if this command shows what it saves. Both variants compute the same and take turns.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.timing import take_turns
from kerasconv import geometry, ops
from kerasconv.arithmetic import depthwise, direct, im2col, pooling, windows
from kerasconv.arithmetic.tensors import pad
from kerasconv.engine import convolution, fusion
from kerasconv.engine.fusion import Fused, run
from kerasconv.engine.pooling import stages

Call = Callable[[], Any]
Pair = tuple[Call, Call]
"""A call with the trick, and one without."""

Patch = tuple[Any, str, Any]
"""A module, the name of its attribute, and the value of that without the trick."""


def _graph(
    function: Callable[..., Any], *tensors: tf.Tensor, patches: tuple[Patch, ...] = (), jit: bool = False
) -> Call:
    """Returns a call of a graph, which is traced with these values in place of the package's own."""
    with ExitStack() as stack:
        for target, name, value in patches:
            stack.enter_context(mock.patch.object(target, name, value))
        graph = tf.function(function, autograph=False, jit_compile=jit).get_concrete_function(*tensors)
    return lambda: graph(*tensors)


def _pair(function: Callable[..., Any], *tensors: tf.Tensor, without: tuple[Patch, ...], jit: bool = False) -> Pair:
    return _graph(function, *tensors, jit=jit), _graph(function, *tensors, patches=without, jit=jit)


def _add_n(scale: int) -> Pair:
    x = tf.random.normal((scale, 56, 56, 64))
    return _pair(lambda x: ops.average_pool(x, 3, 1), x, without=((pooling, "add_n", tf.add_n),))


def _materialize(scale: int) -> Pair:
    x, w = tf.random.normal((scale, 28, 28, 64)), tf.random.normal((3, 3, 64, 1))

    def two(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        return ops.depthwise_conv(ops.depthwise_conv(x, w, padding="same"), w, padding="same")

    return _pair(two, x, w, without=((fusion, "materialize", tf.identity),), jit=True)


def _marks(scale: int) -> Pair:
    def plainly(function: Callable[..., Any], arguments: Any, fused: Fused) -> Any:
        return function(*arguments)

    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.max_pool(x, 3, 2)
        return tape.gradient(y, x)

    return _pair(gradient, tf.random.normal((scale, 57, 57, 64)), without=((fusion, "_marked", plainly),))


def _shared(scale: int) -> Pair:
    """The first call of a graph with eight equal layers."""
    x, w = tf.random.normal((scale, 14, 14, 32)), tf.random.normal((3, 3, 32, 32)) / 17

    def eight(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        for _ in range(8):
            x = ops.conv(x, w, padding="same", algorithm="winograd")
        return x

    def first(patches: tuple[Patch, ...]) -> Call:
        def call() -> Any:
            fusion._traced.cache_clear()
            return _graph(eight, x, w, patches=patches)()

        return call

    return first(()), first(((convolution, "run_shared", run),))


def _columns(scale: int) -> Pair:
    x, w, window = tf.random.normal((scale, 112, 112, 3)), tf.random.normal((7, 7, 3, 64)), _window(7, 2, 0)
    return tuple(
        _graph(lambda x, w, fused=fused: run(im2col.forward, x, w, window, 1, fused=fused), x, w)
        for fused in (Fused.COLUMNS, Fused.ALL)
    )


def _pads_first(scale: int) -> Pair:
    x, w, window = tf.random.normal((scale, 112, 112, 3)), tf.random.normal((3, 3, 3, 32)), _window(3, 1, 1)

    def before(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        return run(im2col.forward, run(pad, x, window.pads), w, window.without_pads, 1, fused=Fused.COLUMNS)

    def within(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        return run(im2col.forward, x, w, window, 1, fused=Fused.COLUMNS)

    return _graph(before, x, w), _graph(within, x, w)


def _stages(scale: int) -> Pair:
    x, window = tf.random.normal((scale, 40, 40, 32)), _window(9, 1, 0)
    return (
        _graph(lambda x: pooling.window_max(x, stages(window), "first", run), x),
        _graph(lambda x: pooling.window_max(x, (window,), "first", run), x),
    )


def _axes(scale: int) -> Pair:
    sizes, window = (40, 40), _window(9, 1, 0)
    columns = tf.random.normal((scale, 32, 32, 81 * 8))

    def scatter(columns: tf.Tensor) -> tf.Tensor:
        return run(windows.scatter_add_windows, columns, window, sizes)

    return _pair(scatter, columns, without=((windows, "_AT_ONCE", 10**9),))


def _pieces(scale: int) -> Pair:
    x, dy, window = tf.random.normal((scale, 56, 56, 64)), tf.random.normal((scale, 56, 56, 64)), _window(3, 1, 1)

    def gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        return run(depthwise.kernel_gradient, x, dy, window, 64)

    return _pair(gradient, x, dy, without=((depthwise, "PIECES", 1),))


def _eager(scale: int) -> Pair:
    """Eager calls of a shape that has come back often."""
    x, w, window = tf.random.normal((scale, 56, 56, 16)), tf.random.normal((3, 3, 16, 16)), _window(3, 1, 1)

    def never() -> Any:
        with mock.patch.object(fusion, "_CALLS_BEFORE_COMPILING", 10**9):
            return run(lambda *a: direct.forward(*a), x, w, window, 1)

    def often() -> Any:
        return run(direct.forward, x, w, window, 1)

    for _ in range(fusion._CALLS_BEFORE_COMPILING + 1):
        often()
    return often, never


def _window(size: int, stride: int, pads: int) -> geometry.Window:
    return geometry.Window((size,) * 2, (stride,) * 2, (1, 1), ((pads, pads),) * 2)


TRICKS: dict[str, tuple[str, Callable[[int], Pair]]] = {
    "add_n": ("sums hidden from the graph optimiser by IdentityN, against tf.add_n: mean pooling", _add_n),
    "materialize": ("a division by one stops XLA from computing anew: two depthwise convolutions, XLA", _materialize),
    "marks": ("operations marked for XLA in a plain graph: gradient of max pooling", _marks),
    "shared": ("one traced function for equal layers: first call of eight convolutions", _shared),
    "columns": ("no table and no reshape within the compiled loop: im2col of three channels", _columns),
    "pads_first": ("pads in an operation of their own: im2col of three channels", _pads_first),
    "stages": ("a 9x9 window one axis after the other: max pooling", _stages),
    "axes": ("a 9x9 window one axis after the other: scatter-add", _axes),
    "pieces": ("products added up before they are summed: depthwise kernel gradient", _pieces),
    "eager": ("compiled when a shape has come back often: eager direct convolution", _eager),
}


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Tricks; all if none is named.")] = None,
    seconds: Annotated[float, typer.Option(help="How long the two variants of a trick take turns.")] = 3.0,
    batch: Annotated[int, typer.Option(help="Examples.")] = 8,
) -> None:
    """Times every trick beside the same without it, and prints what it saves."""
    unknown = set(only or []) - set(TRICKS)
    if unknown:
        raise typer.BadParameter(f"unknown tricks: {', '.join(sorted(unknown))}. Known: {', '.join(TRICKS)}")
    table = Table("trick", "with, ms", "without, ms", "without / with", "what it does")
    for name in only or TRICKS:
        description, make = TRICKS[name]
        timed = take_turns(dict(zip(("with", "without"), make(batch), strict=True)), seconds)
        have, lack = (1000 * timed[variant].quantiles()[1] for variant in ("with", "without"))
        table.add_row(name, f"{have:.2f}", f"{lack:.2f}", f"{lack / have:.2f}", description)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
