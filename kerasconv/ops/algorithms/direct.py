"""Convolution from its definition, one tap of the kernel at a time.

    y[p] = sum over taps t of  x[p s + t d] w[t]

Each tap is a slice of the padded input and a product with the tap's `(C, F)` matrix: elementwise where a group has
one input channel (depthwise), a matrix product otherwise. Nothing larger than the input and the output is stored.

This is the tutorial's `conv_forward` with its loops over examples, rows and columns done by the slices, and its sum
over the window by the loop over taps. It takes every window, rank and number of groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms.groups import by_group, ungroup
from kerasconv.ops.windows import crop, pad, place, sizes_of, take


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`y = sum_t x_t w_t`, with `x_t` what tap `t` sees."""
    parts = [_product(x_t, w_t, groups) for x_t, w_t in zip(_taps(x, window), _matrices(w), strict=True)]
    return tf.add_n(parts)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = sum_t place_t(dy w_t^T)`: what tap `t` saw gets back what it contributed."""
    parts = [_transposed_product(dy, w_t, groups) for w_t in _matrices(w)]
    padded = window.padded(sizes)
    for axis in range(window.rank, 0, -1):
        k = window.size[axis - 1]
        parts = [place(parts[i : i + k], window, axis, padded[axis - 1]) for i in range(0, len(parts), k)]
    return crop(parts[0], window.pads)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dw_t = x_t^T dy`, summed over examples and positions."""
    if x.shape[-1] == groups:
        g = _split_channels(dy, groups)
        sums = [tf.reduce_sum(x_t[..., None] * g, range(x.shape.rank - 1)) for x_t in _taps(x, window)]
        return tf.reshape(tf.stack(sums), [*window.size, 1, dy.shape[-1]])
    g = by_group(dy, groups)
    taps = [tf.matmul(by_group(x_t, groups), g, transpose_a=True) for x_t in _taps(x, window)]
    return ungroup(tf.concat(taps, 1), [*window.size, x.shape[-1] // groups])


def _taps(x: tf.Tensor, window: Window) -> list[tf.Tensor]:
    """What each tap sees, in the row-major order of the kernel."""
    taps = [pad(x, window.pads)]
    for axis in range(1, window.rank + 1):
        taps = [t for x in taps for t in take(x, window, axis)]
    return taps


def _matrices(w: tf.Tensor) -> list[tf.Tensor]:
    """The kernel's matrix `(C, G F)` at each tap, in row-major order."""
    return tf.unstack(tf.reshape(w, [-1, *w.shape[-2:]]), num=w.shape[:-2].num_elements())


def _product(x: tf.Tensor, w: tf.Tensor, groups: int) -> tf.Tensor:
    """`(N, *S, G C)` times `(C, G F)`, group by group: `(N, *S, G F)`."""
    sizes = sizes_of(x)[:-1]
    if w.shape[0] == 1:
        return tf.reshape(x[..., None] * tf.reshape(w, [groups, -1]), [*sizes, w.shape[1]])
    return ungroup(by_group(x, groups) @ by_group(w, groups), sizes)


def _transposed_product(dy: tf.Tensor, w: tf.Tensor, groups: int) -> tf.Tensor:
    """`(N, *S, G F)` times `(C, G F)^T`, group by group: `(N, *S, G C)`."""
    sizes = sizes_of(dy)[:-1]
    if w.shape[0] == 1:
        return tf.reduce_sum(_split_channels(dy * w[0], groups), -1)
    return ungroup(tf.matmul(by_group(dy, groups), by_group(w, groups), transpose_b=True), sizes)


def _split_channels(x: tf.Tensor, groups: int) -> tf.Tensor:
    """`(N, *S, G C)` as `(N, *S, G, C)`."""
    return tf.reshape(x, [*sizes_of(x)[:-1], groups, x.shape[-1] // groups])
