"""Groups of channels as a batch axis, so that a grouped convolution is a batch of ungrouped ones.

With one group these functions only reshape: no data move, and matrices have two axes and not a batch of one. (In
products of a batch of one TensorFlow 2.21 corrupts memory, once `tf.vectorized_map` has put its own axis in front:
https://github.com/tensorflow/tensorflow/issues/117700.)
"""

from __future__ import annotations

import tensorflow as tf

from kerasconv.arithmetic.tensors import sizes_of


def groups_to_batch(x: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns `(N, *S, G C)` as `(G N, *S, C)`: the groups one after the other."""
    if groups == 1:
        return x
    batch, *sizes, channels = sizes_of(x)
    x = tf.reshape(x, [batch, *sizes, groups, channels // groups])
    x = tf.transpose(x, [x.shape.rank - 2, *range(x.shape.rank - 2), x.shape.rank - 1])
    return tf.reshape(x, [groups * batch, *sizes, channels // groups])


def groups_to_channels(x: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns the inverse of `groups_to_batch`."""
    if groups == 1:
        return x
    batch, *sizes, channels = sizes_of(x)
    x = tf.reshape(x, [groups, batch // groups, *sizes, channels])
    x = tf.transpose(x, [*range(1, x.shape.rank - 1), 0, x.shape.rank - 1])
    return tf.reshape(x, [batch // groups, *sizes, groups * channels])


def as_matrices(x: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns `(G N, *S, C)` as one matrix per group, `(G, N S, C)`, or with one group as `(N S, C)`."""
    return tf.reshape(x, [*_leading(groups), -1, x.shape[-1]])


def split_groups(w: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns a kernel `(*K, C, G F)` as one per group, `(G, K, C, F)`, or with one group as `(K, C, F)`.

    The taps are in row-major order.
    """
    *_, channels, filters = w.shape
    if groups == 1:
        return tf.reshape(w, [-1, channels, filters])
    w = tf.reshape(w, [-1, channels, groups, filters // groups])
    return tf.transpose(w, [2, 0, 1, 3])


def merge_groups(w: tf.Tensor, size: tuple[int, ...], groups: int) -> tf.Tensor:
    """Returns the inverse of `split_groups`: `(G, K, C, F)` as `(*size, C, G F)`."""
    *_, channels, filters = w.shape
    w = w if groups == 1 else tf.transpose(w, [1, 2, 0, 3])
    return tf.reshape(w, [*size, channels, groups * filters])


def transpose_kernel(w: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns the kernel of the adjoint window, `(*K, F, G C)`: taps reversed, channels and filters exchanged."""
    *size, channels, filters = w.shape
    rank = len(size)
    w = tf.reverse(tf.reshape(w, [*size, channels, groups, filters // groups]), list(range(rank)))
    return tf.reshape(tf.transpose(w, [*range(rank), rank + 2, rank + 1, rank]), [*size, -1, groups * channels])


def _leading(groups: int) -> list[int]:
    return [] if groups == 1 else [groups]
