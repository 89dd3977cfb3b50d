"""Convolution as its definition has it, one tap of the kernel at a time.

    y[p] = sum over taps t of  x_t[p] w[t]        with x_t[p] = x[p strides + t dilation - pads]

Each tap sees the input shifted, and its `(C, F)` matrix makes filters of channels. This is the tutorial's
`conv_forward`, with its loops over examples, rows and columns done by `gather_windows`, and its sum over the window by
the sum over taps. It takes every window, rank and number of groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasconv.arithmetic.groups import as_matrices, groups_to_batch, groups_to_channels, merge_groups, split_groups
from kerasconv.arithmetic.tensors import add_n, sizes_of
from kerasconv.arithmetic.windows import gather_windows, scatter_add_windows
from kerasconv.geometry import Size, Window


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `y = sum_t x_t w_t`, with `x_t` what tap `t` sees."""
    seen = gather_windows(groups_to_batch(x, groups), window)
    w = split_groups(w, groups)
    y = add_n([tf.matmul(as_matrices(x_t, groups), w[..., t, :, :]) for t, x_t in enumerate(seen)])
    return groups_to_channels(tf.reshape(y, [*sizes_of(seen[0])[:-1], y.shape[-1]]), groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dx`, to which each tap adds `dy w_t^T` where it has seen `x`."""
    dy, w = groups_to_batch(dy, groups), split_groups(w, groups)
    taps = [tf.matmul(as_matrices(dy, groups), w[..., t, :, :], transpose_b=True) for t in range(w.shape[-3])]
    columns = tf.reshape(tf.concat(taps, -1), [*sizes_of(dy)[:-1], len(taps) * w.shape[-2]])
    return groups_to_channels(scatter_add_windows(columns, window, sizes), groups)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `dw_t = x_t^T dy`, summed over examples and output positions."""
    seen = gather_windows(groups_to_batch(x, groups), window)
    dy = as_matrices(groups_to_batch(dy, groups), groups)
    dw = tf.stack([tf.matmul(as_matrices(x_t, groups), dy, transpose_a=True) for x_t in seen], -3)
    return merge_groups(dw, window.size, groups)
