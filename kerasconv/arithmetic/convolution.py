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

The shapes are `x (N, *S, G C)`, `w (*K, C, G F)` and `y (N, *O, G F)`, with `G` groups. (What arrives from above may
know less of its own shape than we do; hence the `set_shape`.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.geometry import Size, Window


@dataclass(frozen=True)
class Algorithm:
    """One way to compute the three operations.

    Attributes:
        forward: `forward(x, w, window, groups)` returns `y`.
        input_gradient: `input_gradient(dy, w, window, groups, sizes)` returns `dx`, of spatial sizes `sizes`.
        kernel_gradient: `kernel_gradient(x, dy, window, groups)` returns `dw`.
        prepare: `prepare(w, window, groups)` returns the kernel in the form in which `forward` and `input_gradient`
            take it; `None` if they take it as it is.
    """

    forward: Callable[..., tf.Tensor]
    input_gradient: Callable[..., tf.Tensor]
    kernel_gradient: Callable[..., tf.Tensor]
    prepare: Callable[..., tf.Tensor] | None = None


def convolve(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int, algorithm: Algorithm) -> tf.Tensor:
    """Returns `C(x, w) = y`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, w: tf.Tensor) -> Any:
        y = algorithm.forward(x, w, window, groups)

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
    """Returns `D(dy, w) = dx`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor, w: tf.Tensor) -> Any:
        dx = algorithm.input_gradient(dy, w, window, groups, sizes)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dx.shape)
            return convolve(c, w, window, groups, algorithm), kernel_gradient(c, dy, window, groups, algorithm)

        return dx, grad

    return call(dy, w)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int, algorithm: Algorithm) -> tf.Tensor:
    """Returns `K(x, dy) = dw`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, dy: tf.Tensor) -> Any:
        dw = algorithm.kernel_gradient(x, dy, window, groups)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dw.shape)
            return (
                input_gradient(dy, c, window, groups, algorithm, sizes_of(x)[1:-1]),
                convolve(x, c, window, groups, algorithm),
            )

        return dw, grad

    return call(x, dy)
