"""Tricks that rest on a compiler's behaviour, each timed with and without: `python -m benchmarks.tricks [NAME ...]`.

Each trick has a few cases. Both variants of a case compute the same, and their calls are interleaved. The ratio is the
median time without the trick over that with it: above 1 the trick saves time. Tricks are turned off by patching the
package while the variant without is traced.
"""

from __future__ import annotations

import functools
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.timing import Timed, take_turns
from kerasconv import ops
from kerasconv.arithmetic import depthwise, direct, im2col, pooling, windows, winograd
from kerasconv.engine import convolution, fusion
from kerasconv.engine import pooling as pooling_engine
from kerasconv.engine.fusion import Fused, run
from kerasconv.geometry import Size, Window

Call = Callable[[], Any]
Pair = tuple[Call, Call]
"""A call with the trick, and one without."""

Patch = tuple[Any, str, Any]
"""A module, the name of its attribute, and the value of that without the trick."""


@dataclass(frozen=True)
class Trick:
    """A trick.

    Attributes:
        description: The text that the table shows.
        cases: For each case, by name, a function that makes its two variants for so many examples.
        batch: Examples, unless the command line says otherwise.
    """

    description: str
    cases: dict[str, Callable[[int], Pair]]
    batch: int = 8


# Variants


@contextmanager
def _patched(patches: Sequence[Patch]) -> Iterator[None]:
    """Applies patches in the block, which shares no traced functions with the code outside."""
    fusion._traced.cache_clear()
    with ExitStack() as stack:
        for target, name, value in patches:
            stack.enter_context(mock.patch.object(target, name, value))
        yield
    fusion._traced.cache_clear()


def _graph(function: Callable[..., Any], *tensors: tf.Tensor, patches: Sequence[Patch] = (), jit: bool = False) -> Call:
    """Returns a call of a graph that is traced with these patches."""

    def call(*tensors: tf.Tensor) -> Any:  # calls of a graph take milliseconds if it has arguments with defaults
        return function(*tensors)

    with _patched(patches):
        graph = tf.function(call, autograph=False, jit_compile=jit).get_concrete_function(*tensors)
    return functools.partial(graph, *tensors)


def _pair(function: Callable[..., Any], *tensors: tf.Tensor, without: Sequence[Patch], jit: bool = False) -> Pair:
    return _graph(function, *tensors, jit=jit), _graph(function, *tensors, patches=without, jit=jit)


def _case(
    function: Callable[..., Any],
    *shapes: tuple[int, ...],
    without: Sequence[Patch],
    gradient: bool = False,
    jit: bool = False,
) -> Callable[[int], Pair]:
    """Returns a case of random tensors.

    Args:
        function: The function to run.
        *shapes: The shapes of its arguments. A batch axis, the first one of four, is multiplied by the examples.
        without: The patches that turn the trick off.
        gradient: Compute the gradients of the sum of its results, weighted by random numbers.
        jit: Compile everything with XLA.
    """

    def gradients(*tensors: tf.Tensor) -> Any:
        *inputs, dy = tensors
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = function(*inputs)
        return tape.gradient(y, inputs, dy)

    def make(batch: int) -> Pair:
        tensors = [tf.random.normal((batch, *shape)) for shape in shapes[:1]]
        tensors += [tf.random.normal(shape) / (shape[0] * shape[1]) for shape in shapes[1:]]
        if gradient:
            tensors.append(tf.random.normal(function(*tensors).shape))
        return _pair(gradients if gradient else function, *tensors, without=without, jit=jit)

    return make


def _window(size: int, stride: int = 1, pads: int = 0) -> Window:
    return Window((size,) * 2, (stride,) * 2, (1, 1), ((pads, pads),) * 2)


# Functions, of tensors only


def _mean_pool(size: int, stride: int = 1) -> Callable[..., tf.Tensor]:
    return lambda x: ops.average_pool(x, size, stride)


def _max_pool(size: int, stride: int = 1) -> Callable[..., tf.Tensor]:
    return lambda x: ops.max_pool(x, size, stride)


def _conv(algorithm: str, strides: int = 1) -> Callable[..., tf.Tensor]:
    return lambda x, w: ops.conv(x, w, strides, "same", algorithm=algorithm)


def _depthwise(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
    return ops.depthwise_conv(x, w, padding="same")


def _twice(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    return lambda x, *others: function(function(x, *others), *others)


def _gathered(size: int, stride: int, fused: Fused) -> Callable[..., tf.Tensor]:
    """Returns a convolution by im2col, fused as given."""
    window = _window(size, stride)
    return lambda x, w: run(im2col.forward, x, w, window, 1, fused=fused)


def _scattered(size: int, sizes: tuple[int, int]) -> Callable[..., tf.Tensor]:
    window = _window(size)
    return lambda columns: run(windows.scatter_add_windows, columns, window, sizes)


# Patches


def _add_n(other: Callable[..., tf.Tensor]) -> list[Patch]:
    return [(module, "add_n", other) for module in (windows, pooling, depthwise, direct, winograd)]


def _chain(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    return functools.reduce(tf.add, parts)


def _plainly(function: Callable[..., Any], arguments: Any, fused: Fused) -> Any:
    return function(*arguments)


def _all_but_products(fused: Fused, node: Any) -> bool:
    return node.op not in fusion._PRODUCTS


_fused = convolution._fused
_row_major = windows.row_major


def _pads_last(planned: Any) -> Any:
    return _fused(replace(planned, candidate=replace(planned.candidate, pads_first=False)))


def _always_constants(tables: Any, sizes: Any, largest_constant: int = 0) -> Any:
    return _row_major(tables, sizes, 2**62)


def _sum_by_taps(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Computes a depthwise kernel gradient with one sum for each tap."""
    axes = list(range(window.rank + 1))
    sums = [tf.reduce_sum(tap * dy, axes) for tap in windows.gather_windows(x, window)]
    return tf.reshape(tf.stack(sums), [*window.size, 1, dy.shape[-1]])


def _by_columns(
    term: Callable[..., tf.Tensor],
    of_positions: Sequence[tf.Tensor],
    of_taps: Sequence[tf.Tensor],
    window: Window,
    sizes: Sequence[Size],
) -> tf.Tensor:
    """Computes what each tap writes, and then adds it up."""
    taps = [term(*of_positions, *[b[t] for b in of_taps]) for t in range(window.size[0] * window.size[1])]
    return windows.scatter_add_windows(tf.concat(taps, -1), window, sizes)


_MATERIALIZE = [(fusion, "materialize", tf.identity)]
_MARKS = [(fusion, "_marked", _plainly)]
_PRODUCTS = [(fusion, "_PRODUCTS", ())]
_RESHAPES = [(fusion, "_is_compiled", _all_but_products)]
_STORED = [(fusion, "_is_product", lambda operation: False)]
_PADS_LAST = [(convolution, "_fused", _pads_last)]
_ONE_PIECE = [(depthwise, "PIECES", 1)]
_BY_TAPS = [(depthwise, "kernel_gradient", _sum_by_taps)]
_BY_COLUMNS = [(module, "scatter_add_terms", _by_columns) for module in (depthwise, pooling)]
_ONE_STAGE = [(pooling_engine, "_AT_ONCE", 10**9)]
_ALL_AXES = [(windows, "_AT_ONCE", 10**9)]
_NO_REDUCTION = [(pooling, "sees_all", lambda window, x: False)]
_CONSTANTS = [(windows, "row_major", _always_constants)]
_COMPUTED = [(im2col, "_LARGEST_CONSTANT", windows.LARGEST_CONSTANT)]


# Cases that are not a graph with and without patches


def _first_calls(function: Callable[..., tf.Tensor], *shapes: tuple[int, ...]) -> Callable[[int], Pair]:
    """Returns the first call of a graph with as many equal layers as examples."""

    def make(batch: int) -> Pair:
        x, w = tf.random.normal((batch, *shapes[0])), tf.random.normal(shapes[1]) / 17

        def layers(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
            for _ in range(batch):
                x = function(x, w)
            return x

        def first(patches: Sequence[Patch]) -> Call:
            return lambda: _graph(layers, x, w, patches=patches)()

        return first([]), first([(convolution, "run_shared", run)])

    return make


def _own_gather(side: int, channels: int) -> Callable[[int], Pair]:
    """Returns im2col with the gather left to TensorFlow's kernel, and compiled."""

    def make(batch: int) -> Pair:
        x, w = tf.random.normal((batch, side, side, channels)), tf.random.normal((3, 3, channels, 32)) / 9
        own, compiled = (_graph(_gathered(3, 1, fused), x, w) for fused in (Fused.NOTHING, Fused.ALL_BUT_RESHAPES))
        return own, compiled

    return make


def _eager(function: Callable[..., tf.Tensor], groups: int) -> Callable[[int], Pair]:
    """Returns eager calls of a function for a shape that has come back often, and as they are at first."""
    options = _window(3, 1, 1), groups

    def make(batch: int) -> Pair:
        x, w = tf.random.normal((batch, 56, 56, 16)), tf.random.normal((3, 3, 16 // groups, 16))
        for _ in range(fusion._CALLS_BEFORE_COMPILING + 1):
            run(function, x, w, *options)
        return lambda: run(function, x, w, *options), lambda: function(x, w, *options)

    return make


def _eager_stages(function: Callable[..., tf.Tensor]) -> Callable[[int], Pair]:
    """Returns the first eager calls of a pooling in stages and at once."""

    def make(batch: int) -> Pair:
        x = tf.random.normal((batch, 56, 56, 64))

        def call(patches: Sequence[Patch]) -> Any:
            with _patched([(fusion, "_SMALLEST_TO_COMPILE", 2**62), *patches]):
                return function(x)

        at_once: Patch = (pooling_engine, "stages", lambda window: (window,))
        return lambda: call([]), lambda: call([at_once])

    return make


_KERNEL, _DEPTHWISE = (3, 3, 64, 64), (3, 3, 64, 1)
_IMAGE, _LARGE, _SMALL = (56, 56, 64), (112, 112, 32), (28, 28, 64)


def _depthwise_gradient(
    side: int, channels: int, size: int, without: Sequence[Patch], jit: bool = False
) -> Callable[[int], Pair]:
    """Returns a depthwise kernel gradient."""

    def make(batch: int) -> Pair:
        x, dy = (tf.random.normal((batch, side, side, channels)) for _ in range(2))

        def gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
            return run(depthwise.kernel_gradient, x, dy, _window(size, 1, size // 2), channels)

        return _pair(gradient, x, dy, without=without, jit=jit)

    return make


TRICKS = {
    "add_n": Trick(
        "Sums are hidden from the graph optimiser by IdentityN, against tf.add_n, or against a chain of +.",
        {
            "mean pooling 3x3, tf.add_n": _case(_mean_pool(3), _LARGE, without=_add_n(tf.add_n)),
            "depthwise 3x3, tf.add_n": _case(_depthwise, _IMAGE, _DEPTHWISE, without=_add_n(tf.add_n)),
            "gradient of max pooling 3x3, tf.add_n": _case(
                _max_pool(3, 2), (113, 113, 32), gradient=True, without=_add_n(tf.add_n)
            ),
            "mean pooling 3x3, chain": _case(_mean_pool(3), _IMAGE, without=_add_n(_chain)),
            "winograd 3x3, chain": _case(_conv("winograd"), (28, 28, 64), _KERNEL, without=_add_n(_chain)),
        },
        batch=64,
    ),
    "materialize": Trick(
        "A division by one keeps XLA from computing a value anew for each tap that reads it; jit_compile=True.",
        {
            "two depthwise 3x3": _case(_twice(_depthwise), _SMALL, _DEPTHWISE, without=_MATERIALIZE, jit=True),
            "two mean poolings 3x3": _case(_twice(_mean_pool(3)), _SMALL, without=_MATERIALIZE, jit=True),
            "gradient of max pooling 9x9": _case(_max_pool(9), _SMALL, gradient=True, without=_MATERIALIZE, jit=True),
            "two depthwise 3x3, plain graph": _case(_twice(_depthwise), _SMALL, _DEPTHWISE, without=_MATERIALIZE),
        },
    ),
    "marks": Trick(
        "Operations are marked for XLA in a plain graph.",
        {
            "depthwise 3x3": _case(_depthwise, _IMAGE, _DEPTHWISE, without=_MARKS),
            "mean pooling 3x3": _case(_mean_pool(3), _IMAGE, without=_MARKS),
            "gradient of max pooling 3x3": _case(_max_pool(3, 2), _IMAGE, gradient=True, without=_MARKS),
            "winograd 3x3": _case(_conv("winograd"), _SMALL, _KERNEL, without=_MARKS),
        },
    ),
    "products": Trick(
        "Matrix products are not marked.",
        {
            "direct 3x3": _case(_conv("direct"), (28, 28, 128), (3, 3, 128, 128), without=_PRODUCTS),
            "gradients of direct 3x3": _case(
                _conv("direct"), (28, 28, 128), (3, 3, 128, 128), gradient=True, without=_PRODUCTS
            ),
            "gradients of winograd 3x3": _case(_conv("winograd"), _SMALL, _KERNEL, gradient=True, without=_PRODUCTS),
        },
    ),
    "reshapes": Trick(
        "Reshapes of what is not compiled are not marked.",
        {
            "gradients of gemm 3x3, 8 groups": _case(
                _conv("gemm"), _SMALL, (3, 3, 8, 64), gradient=True, without=_RESHAPES
            ),
            "gradients of gemm 1x1": _case(_conv("gemm"), _IMAGE, (1, 1, 64, 64), gradient=True, without=_RESHAPES),
            "direct 3x3": _case(_conv("direct"), _SMALL, _KERNEL, without=_RESHAPES),
        },
    ),
    "stored": Trick(
        "Results of matrix products are not materialized.",
        {
            "gemm 3x3 of 3 channels": _case(_conv("gemm"), (112, 112, 3), (3, 3, 3, 32), without=_STORED),
            "gradients of gemm 1x1": _case(_conv("gemm"), _IMAGE, (1, 1, 64, 64), gradient=True, without=_STORED),
            "gradients of gemm 3x3": _case(_conv("gemm"), _SMALL, _KERNEL, gradient=True, without=_STORED),
        },
    ),
    "shared": Trick(
        "Layers of equal shapes share a traced function: the first call, with tracing and compilation.",
        {
            "depthwise 3x3": _first_calls(_depthwise, (14, 14, 32), (3, 3, 32, 1)),
            "winograd 3x3": _first_calls(_conv("winograd"), (14, 14, 32), (3, 3, 32, 32)),
        },
        batch=4,
    ),
    "columns": Trick(
        "Reshapes are left out of the compiled loop of im2col.",
        {
            f"{size}x{size} of {channels} channels": _case(
                _gathered(size, stride, Fused.ALL_BUT_RESHAPES),
                (side, side, channels),
                (size, size, channels, 32),
                without=_RESHAPES,
            )
            for side, channels, size, stride in ((112, 3, 3, 1), (112, 3, 7, 2), (56, 8, 3, 1))
        },
    ),
    "own_gather": Trick(
        "The gather of im2col is left to TensorFlow's kernel from 16 channels on.",
        {
            "16 channels": _own_gather(56, 16),
            "64 channels": _own_gather(56, 64),
            "128 channels": _own_gather(28, 128),
        },
    ),
    "pads_first": Trick(
        "The input of im2col is padded in an operation of its own.",
        {
            "3x3 of 3 channels, XLA": _case(_conv("gemm"), (112, 112, 3), (3, 3, 3, 32), without=_PADS_LAST, jit=True),
            "3x3 of 64 channels, XLA": _case(_conv("gemm"), _SMALL, _KERNEL, without=_PADS_LAST, jit=True),
            "3x3 of 3 channels": _case(_conv("gemm"), (112, 112, 3), (3, 3, 3, 32), without=_PADS_LAST),
            "3x3 of 64 channels": _case(_conv("gemm"), _SMALL, _KERNEL, without=_PADS_LAST),
        },
    ),
    "tables": Trick(
        "Large tables of indices are computed when a graph runs, those of im2col are constants.",
        {
            "depthwise kernel gradient, against constants": _depthwise_gradient(112, 32, 3, _CONSTANTS),
            "the same, XLA": _depthwise_gradient(112, 32, 3, _CONSTANTS, jit=True),
            "im2col 3x3 of 3 channels, against computed": _case(
                _gathered(3, 1, Fused.ALL_BUT_RESHAPES), (112, 112, 3), (3, 3, 3, 32), without=_COMPUTED
            ),
            "im2col 5x5 of 1 channel, against computed": _case(
                _gathered(5, 1, Fused.ALL_BUT_RESHAPES), (96, 96, 1), (5, 5, 1, 16), without=_COMPUTED
            ),
        },
    ),
    "stages": Trick(
        "Large windows are pooled along one axis after the other; eagerly, small ones too.",
        {
            "max pooling 6x6": _case(_max_pool(6), _IMAGE, without=_ONE_STAGE),
            "max pooling 9x9": _case(_max_pool(9), _IMAGE, without=_ONE_STAGE),
            "gradient of max pooling 9x9": _case(_max_pool(9), _SMALL, gradient=True, without=_ONE_STAGE),
            "mean pooling 9x9": _case(_mean_pool(9), _IMAGE, without=_ONE_STAGE),
            "max pooling 8x8, stride 8": _case(_max_pool(8, 8), _IMAGE, without=_ONE_STAGE),
            "max pooling 3x3, eager": _eager_stages(_max_pool(3)),
            "max pooling 2x2, stride 2, eager": _eager_stages(_max_pool(2, 2)),
            "mean pooling 3x3, eager": _eager_stages(_mean_pool(3)),
        },
    ),
    "axes": Trick(
        "Large windows are scattered along one axis after the other.",
        {
            f"{size}x{size}, {channels} channels": _case(
                _scattered(size, (32, 32)), (33 - size, 33 - size, size**2 * channels), without=_ALL_AXES
            )
            for size, channels in ((7, 16), (7, 64), (9, 16), (9, 64), (11, 3), (11, 64), (15, 16))
        },
    ),
    "pieces": Trick(
        "A depthwise kernel gradient adds up products of several pieces, for all taps, before it sums.",
        {
            "3x3, 56x56x64, against one piece": _depthwise_gradient(56, 64, 3, _ONE_PIECE),
            "5x5, 14x14x256, against one piece": _depthwise_gradient(14, 256, 5, _ONE_PIECE),
            "3x3, 56x56x64, against a sum for each tap": _depthwise_gradient(56, 64, 3, _BY_TAPS),
            "5x5, 14x14x256, against a sum for each tap": _depthwise_gradient(14, 256, 5, _BY_TAPS),
        },
    ),
    "terms": Trick(
        "What is elementwise is gathered before it is computed, so that no columns are stored.",
        {
            "gradients of depthwise 3x3": _case(_depthwise, _IMAGE, _DEPTHWISE, gradient=True, without=_BY_COLUMNS),
            "gradient of max pooling 3x3": _case(_max_pool(3, 2), _IMAGE, gradient=True, without=_BY_COLUMNS),
            "gradient of mean pooling 3x3": _case(_mean_pool(3), _IMAGE, gradient=True, without=_BY_COLUMNS),
            "gradient of max pooling 3x3, XLA": _case(
                _max_pool(3, 2), _IMAGE, gradient=True, without=_BY_COLUMNS, jit=True
            ),
        },
    ),
    "reduction": Trick(
        "A window that sees everything is a reduction, not a sum of taps.",
        {
            "mean of 7x7x512": _case(_mean_pool(7), (7, 7, 512), without=_NO_REDUCTION),
            "mean of 14x14x256": _case(_mean_pool(14), (14, 14, 256), without=_NO_REDUCTION),
            "mean of 3x3x64": _case(_mean_pool(3), (3, 3, 64), without=_NO_REDUCTION),
        },
    ),
    "eager": Trick(
        "Eager functions are compiled when their shapes have come back often.",
        {
            "direct 3x3": _eager(direct.forward, 1),
            "depthwise 3x3": _eager(depthwise.forward, 16),
        },
    ),
}


def measure(pair: Pair, seconds: float) -> tuple[Timed, Timed]:
    """Returns the times with and without a trick.

    Raises:
        Exception: Whatever a variant raises.
    """
    timed = take_turns(dict(zip(("with", "without"), pair, strict=True)), seconds)
    for variant in timed.values():
        if variant.error:
            raise variant.error
    return timed["with"], timed["without"]


def row(have: Timed, lack: Timed) -> list[str]:
    """Returns both medians in milliseconds, their ratio, and the quartiles of the ratios of single rounds."""
    _, own, _ = have.quantiles()
    _, other, _ = lack.quantiles()
    ratios = [b / a for a, b in zip(have.calls, lack.calls, strict=False)]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return [f"{1000 * own:.2f}", f"{1000 * other:.2f}", f"{other / own:.2f}", f"{low:.2f} to {high:.2f}"]


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Tricks; all if none is named.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="For how long the two variants of a case are timed.")] = 1.0,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Examples; of `shared`, layers. By default those of the trick.")
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="List the tricks.")] = False,
) -> None:
    """Times every case of every trick with and without it, and prints what it saves."""
    console = Console() if sys.stdout.isatty() else Console(width=120)
    unknown = set(only or []) - set(TRICKS)
    if unknown:
        raise typer.BadParameter(f"unknown tricks: {', '.join(sorted(unknown))}. Known: {', '.join(TRICKS)}")
    tf.get_logger().setLevel("ERROR")  # graphs are traced again and again, of which TensorFlow warns
    found = machine.describe(tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1)
    caption = ", ".join([found["processor"], f"{found['cores']} cores", f"TensorFlow {found['tensorflow']}"])
    table = Table("trick", "case", title="Tricks, with and without", caption=caption)
    for column in ("with, ms", "without, ms", "ratio", "quartiles"):
        table.add_column(column, justify="right")
    for name in only or TRICKS:
        trick = TRICKS[name]
        table.add_section()
        table.add_row(name, trick.description, style="bold")
        if not names:
            for case, make in trick.cases.items():
                cells = row(*measure(make(batch or trick.batch), seconds))
                table.add_row("", case, *cells)
                console.print(" | ".join([name, case, *cells]), highlight=False, markup=False, soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
