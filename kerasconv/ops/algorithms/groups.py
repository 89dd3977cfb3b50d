"""Groups of channels as a batch axis, so that a grouped convolution is a batch of ungrouped ones.

With one group these functions do nothing: no data move.
"""

from __future__ import annotations

import tensorflow as tf

from kerasconv.ops.windows import sizes_of


def to_batch(x: tf.Tensor, groups: int) -> tf.Tensor:
    """`(N, *S, G C)` as `(G N, *S, C)`: the groups one after the other."""
    if groups == 1:
        return x
    batch, *sizes, channels = sizes_of(x)
    x = tf.reshape(x, [batch, *sizes, groups, channels // groups])
    x = tf.transpose(x, [x.shape.rank - 2, *range(x.shape.rank - 2), x.shape.rank - 1])
    return tf.reshape(x, [groups * batch, *sizes, channels // groups])


def to_channels(x: tf.Tensor, groups: int) -> tf.Tensor:
    """The inverse of `to_batch`."""
    if groups == 1:
        return x
    batch, *sizes, channels = sizes_of(x)
    x = tf.reshape(x, [groups, batch // groups, *sizes, channels])
    x = tf.transpose(x, [*range(1, x.shape.rank - 1), 0, x.shape.rank - 1])
    return tf.reshape(x, [batch // groups, *sizes, groups * channels])


def kernels(w: tf.Tensor, groups: int) -> tf.Tensor:
    """A kernel `(*K, C, G F)` as one per group, `(G, K, C, F)`, with the taps in row-major order."""
    taps = w.shape[:-2].num_elements()
    w = tf.reshape(w, [taps, w.shape[-2], groups, w.shape[-1] // groups])
    return w[None, :, :, 0] if groups == 1 else tf.transpose(w, [2, 0, 1, 3])


def joined(w: tf.Tensor, size: tuple[int, ...]) -> tf.Tensor:
    """The inverse of `kernels`: `(G, K, C, F)` as `(*size, C, G F)`."""
    groups, _, channels, filters = w.shape
    w = w[0] if groups == 1 else tf.transpose(w, [1, 2, 0, 3])
    return tf.reshape(w, [*size, channels, groups * filters])


def turned(w: tf.Tensor, groups: int) -> tf.Tensor:
    """The kernel of the transpose, `(*K, F, G C)`: with the taps in opposite order, channels and filters exchanged."""
    *size, channels, filters = w.shape
    w = tf.reverse(tf.reshape(w, [*size, channels, groups, filters // groups]), list(range(len(size))))
    rank = len(size)
    return tf.reshape(tf.transpose(w, [*range(rank), rank + 2, rank + 1, rank]), [*size, -1, groups * channels])


def rows(x: tf.Tensor, groups: int) -> tf.Tensor:
    """`(G N, *S, C)` as one matrix per group, `(G, N S, C)`."""
    return tf.reshape(x, [groups, -1, x.shape[-1]])


def widths(w: tf.Tensor, groups: int) -> tuple[int, int, int]:
    """The groups of a kernel `(*K, C, G F)`, and the channels and filters of each."""
    return groups, w.shape[-2], w.shape[-1] // groups
