"""Convolution and its two gradients: three operations, each of which is differentiated by the other two.

Leave out the spatial axes and a convolution is a product of matrices, `y = x w`. Then `dx = dy w^T` and
`dw = x^T dy`, which are linear in both of their arguments as well. Write `C(x, w) = y`, `D(dy, w) = dx`,
`K(x, dy) = dw`, and `c` for the gradient that arrives from above:

    operation    gradient for the first    gradient for the second
    C(x, w)      D(c, w)                   K(x, c)
    D(g, w)      C(c, w)                   K(c, g)
    K(x, g)      D(g, c)                   C(x, c)

First and higher orders follow from this table alone, for every rank, window, number of groups and algorithm. The
tutorial's formulas (1) and (2), sums over the positions of the window, are `D` and `K` written out.

Tensors are channels-last. (What arrives from above may know less of its own shape than we do; hence the `set_shape`.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops import tensors
from kerasconv.ops.algorithms import Algorithm, chunks
from kerasconv.ops.windows import sizes_of


def convolve(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int, algorithm: Algorithm) -> tf.Tensor:
    """`C(x, w) = y`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, w: tf.Tensor) -> Any:
        y = _run(algorithm, chunks.forward, x, w, window, groups)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(y.shape)
            return (
                input_gradient(c, w, window, groups, algorithm, sizes_of(x)[1:-1]),
                kernel_gradient(x, c, window, groups, algorithm),
            )

        return y, grad

    return call(x, w)


def input_gradient(
    dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, algorithm: Algorithm, sizes: Sequence[Size]
) -> tf.Tensor:
    """`D(dy, w) = dx`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor, w: tf.Tensor) -> Any:
        dx = _run(algorithm, chunks.input_gradient, dy, w, window, groups, sizes)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dx.shape)
            return convolve(c, w, window, groups, algorithm), kernel_gradient(c, dy, window, groups, algorithm)

        return dx, grad

    return call(dy, w)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int, algorithm: Algorithm) -> tf.Tensor:
    """`K(x, dy) = dw`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, dy: tf.Tensor) -> Any:
        dw = _run(algorithm, chunks.kernel_gradient, x, dy, window, groups)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dw.shape)
            return (
                input_gradient(dy, c, window, groups, algorithm, sizes_of(x)[1:-1]),
                convolve(x, c, window, groups, algorithm),
            )

        return dw, grad

    return call(x, dy)


def _run(algorithm: Algorithm, operation: Callable[..., tf.Tensor], a: tf.Tensor, b: tf.Tensor, *rest: Any) -> Any:
    """`operation(algorithm, a, b, *rest)`, with half precision summed in float32."""
    if getattr(algorithm, "KEEPS_HALF_PRECISION", False):
        return operation(algorithm, a, b, *rest)
    return tf.cast(operation(algorithm, tensors.widened(a), tensors.widened(b), *rest), a.dtype)
