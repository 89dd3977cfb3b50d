"""Times one convolution and one max pooling against TensorFlow's kernels: `python -m benchmarks`.

Contenders take turns within one process, and medians are compared, since a machine's speed drifts. A ratio is the
peer's time over ours: above 1 we are faster. The backward pass of the convolution computes both gradients.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from kerasconv import ops

SHAPE = (8, 28, 28, 128)


def convolutions() -> tuple[list[tf.Tensor], dict[str, Callable[..., tf.Tensor]]]:
    """Inputs, and what convolves them."""
    arguments = [tf.random.normal(SHAPE), tf.random.normal((3, 3, 128, 128)) / 34]
    contenders: dict[str, Callable[..., tf.Tensor]] = {"tf.nn": lambda x, w: tf.nn.conv2d(x, w, 1, "SAME")}
    for name in ("auto", "direct", "gemm", "native"):
        contenders[name] = lambda x, w, name=name: ops.conv(x, w, padding="same", algorithm=name)
    return arguments, contenders


def poolings() -> tuple[list[tf.Tensor], dict[str, Callable[..., tf.Tensor]]]:
    """Inputs, and what pools them."""
    contenders: dict[str, Callable[..., tf.Tensor]] = {"tf.nn": lambda x: tf.nn.max_pool(x, 3, 1, "SAME")}
    for name in ("auto", "native"):
        contenders[name] = lambda x, name=name: ops.max_pool(x, 3, 1, "same", algorithm=name)
    return [tf.random.normal(SHAPE)], contenders


def with_gradients(function: Callable[..., tf.Tensor]) -> Callable[..., Any]:
    """The gradients of `function` for its arguments, given one for its result."""

    def call(dy: tf.Tensor, *arguments: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            y = function(*arguments)
        return tape.gradient(y, arguments, dy)

    return call


def medians(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median time of each function in milliseconds, over rounds in which each runs once."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for warm_up in (True, True, *[False] * rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), function())
            if not warm_up:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def main(rounds: Annotated[int, typer.Option(min=1, help="Runs of each contender.")] = 31) -> None:
    """Times (8, 28, 28, 128 -> 128, 3x3), same padding, float32, in the plain graph and under XLA."""
    tf.get_logger().setLevel("ERROR")  # each contender is traced in each mode, of which TensorFlow warns
    table = Table("operation", "mode", "contender", "forward ms", "ratio", "forward + backward ms", "ratio")
    for operation, (arguments, contenders) in (("conv", convolutions()), ("max_pool", poolings())):
        dy = tf.random.normal(SHAPE)
        for mode, jit in (("graph", False), ("XLA", True)):
            forward, both = {}, {}
            for name, function in contenders.items():
                compiled = tf.function(function, jit_compile=jit, autograph=False)
                forward[name] = lambda f=compiled, a=arguments: f(*a)
                compiled = tf.function(with_gradients(function), jit_compile=jit, autograph=False)
                both[name] = lambda f=compiled, a=arguments, dy=dy: f(dy, *a)
            forward_ms, both_ms = medians(forward, rounds), medians(both, rounds)
            for name in contenders:
                ratios = [times["tf.nn"] / times[name] for times in (forward_ms, both_ms)]
                table.add_row(
                    operation, mode, name, f"{forward_ms[name]:.1f}", f"{ratios[0]:.2f}",
                    f"{both_ms[name]:.1f}", f"{ratios[1]:.2f}",
                )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
