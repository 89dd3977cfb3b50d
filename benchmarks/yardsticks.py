"""Yardsticks for the machine, in the same mode: products of prepared matrices, and reading and writing memory.

Beside a convolution stands `matmul`, the product with the numbers that im2col would have to copy together first, in
the three directions; beside a depthwise convolution and a pooling `x+1`, on tensors of as many bytes as the
arguments and the result have. Beside the whole list stand a square product and `x+1` beyond the caches (`overall`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks.shapes import Conv, Pool

SIDE = 2048  # of the square product
CELLS = 2**25  # of the tensor beyond the caches
LARGEST = 2**30  # bytes of operands


def prepare(name: str, case: Conv | Pool, mode: str, direction: str) -> Callable[[], Any]:
    """The yardstick beside a case."""
    if name == "x+1":
        return bandwidth(int(case.bytes / case.itemsize / 2), case.dtype, mode)
    taps, positions = case.taps * case.x[-1] // case.groups, math.prod(case.y[:-1])
    filters = case.filters // case.groups
    if case.transposed:
        taps, positions, filters = case.taps * case.filters // case.groups, math.prod(case.x[:-1]), case.x[-1]
    a, b = {
        "forward": ((positions, taps), (taps, filters)),
        "input_gradient": ((positions, filters), (filters, taps)),
        "kernel_gradient": ((taps, positions), (positions, filters)),
    }[direction]
    if case.transposed and direction != "kernel_gradient":  # they change places
        a, b = (
            ((positions, filters), (filters, taps)) if direction == "forward" else ((positions, taps), (taps, filters))
        )
    if case.itemsize * case.groups * max(math.prod(a), math.prod(b)) > LARGEST:
        raise NotImplementedError("the columns would take over a gigabyte")
    return product((case.groups, *a), (case.groups, *b), case.dtype, mode)


def overall(mode: str, dtype: str = "float32") -> dict[str, tuple[Callable[[], Any], float, float]]:
    """The yardsticks beside the whole list: name to function, floating-point operations and bytes."""
    square = product((SIDE, SIDE), (SIDE, SIDE), dtype, mode)
    size = tf.as_dtype(dtype).size
    return {
        "matmul": (square, 2.0 * SIDE**3, 3.0 * size * SIDE**2),
        "x+1": (bandwidth(CELLS, dtype, mode), float(CELLS), 2.0 * size * CELLS),
    }


def product(a: tuple[int, ...], b: tuple[int, ...], dtype: str, mode: str) -> Callable[[], Any]:
    """The product of two matrices of these shapes, or of one pair for each group."""
    if len(a) == 3 and a[0] == 1:
        a, b = a[1:], b[1:]
    return bound(tf.matmul, mode, tf.random.normal(a, dtype=dtype), tf.random.normal(b, dtype=dtype))


def bandwidth(cells: int, dtype: str, mode: str) -> Callable[[], Any]:
    """`x + 1` for an `x` of so many numbers."""
    return bound(lambda x: x + 1, mode, tf.random.normal([cells], dtype=dtype))


def bound(function: Callable[..., Any], mode: str, *arguments: tf.Tensor) -> Callable[[], Any]:
    """A function on these arguments, in a mode."""
    if mode != "eager":
        function = tf.function(function, jit_compile=mode == "xla", autograph=False)
    return lambda: function(*arguments)
