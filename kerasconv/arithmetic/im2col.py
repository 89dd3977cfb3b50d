"""Convolution as one matrix product: im2col, which libraries of matrix products call `gemm`.

The columns of `x` are a matrix with a row for each output position, and in it the `K C` numbers that the window sees
there. With the kernel as a `(K C, F)` matrix,

    y = columns(x) w        dx = columns^T(dy w^T)        dw = columns(x)^T dy

where `columns^T` adds up what each tap writes. The columns take `K` times the memory of the output positions; the
gradients do not keep them but build them again. A 1x1 convolution needs no copy: its columns are `x`.

Source: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks for document processing",
2006, section 3.1. It takes every window, rank and number of groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from kerasconv.arithmetic.groups import as_matrices, groups_to_batch, groups_to_channels, merge_groups, split_groups
from kerasconv.arithmetic.tensors import crop, pad, sizes_of
from kerasconv.arithmetic.windows import scatter_add_windows, seen_at_positions
from kerasconv.geometry import Size, Window

_LARGEST_CONSTANT = 2**20  # of the table of all columns, which is all that there is to compute beside copies


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `y = columns(x) w`."""
    columns = _columns(groups_to_batch(x, groups), window)
    y = tf.matmul(as_matrices(columns, groups), _matrices(w, groups))
    return groups_to_channels(tf.reshape(y, [*sizes_of(columns)[:-1], y.shape[-1]]), groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dx = columns^T(dy w^T)`."""
    dy = groups_to_batch(dy, groups)
    columns = tf.matmul(as_matrices(dy, groups), _matrices(w, groups), transpose_b=True)
    columns = tf.reshape(columns, [*sizes_of(dy)[:-1], columns.shape[-1]])
    dx = crop(columns, window.pads) if _is_copy(window) else scatter_add_windows(columns, window, sizes)
    return groups_to_channels(dx, groups)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `dw = columns(x)^T dy`."""
    columns = as_matrices(_columns(groups_to_batch(x, groups), window), groups)
    dw = tf.matmul(columns, as_matrices(groups_to_batch(dy, groups), groups), transpose_a=True)
    filters = dw.shape[-1]
    dw = tf.reshape(dw, [*dw.shape[:-2], math.prod(window.size), -1, filters])
    return merge_groups(dw, window.size, groups)


def _columns(x: tf.Tensor, window: Window) -> tf.Tensor:
    """Returns `(N, *S, C)` as `(N, *O, K C)`: the taps in row-major order, each with all its channels."""
    x = pad(x, window.pads)
    if _is_copy(window):
        return x
    window = window.without_pads
    batch, *sizes, channels = sizes_of(x)
    (seen,) = seen_at_positions(window, sizes, largest_constant=_LARGEST_CONSTANT)
    elements = tf.reshape(x, [batch, math.prod(sizes), channels])
    columns = tf.gather(elements, seen.position, axis=1)
    return tf.reshape(columns, [batch, *window.output(sizes), math.prod(window.size) * channels])


def _matrices(w: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns the kernel as a matrix for each group, `(G, K C, F)`, or with one group as `(K C, F)`."""
    w = split_groups(w, groups)
    return tf.reshape(w, [*w.shape[:-3], -1, w.shape[-1]])


def _is_copy(window: Window) -> bool:
    """Returns whether the window sees the padded input, position by position."""
    return math.prod(window.size) == 1 and max(window.strides) == 1
