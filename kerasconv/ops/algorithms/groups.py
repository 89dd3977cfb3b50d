"""Groups of channels as a batch axis, so that a grouped convolution is a batch of matrix products.

With one group both functions only reshape: no data move.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Size


def by_group(x: tf.Tensor, groups: int, taps: int = 1) -> tf.Tensor:
    """`(..., taps G C)` as one matrix per group, `(G, P, taps C)`, with all leading axes in `P`."""
    channels = x.shape[-1] // (taps * groups)
    x = tf.transpose(tf.reshape(x, [-1, taps, groups, channels]), [2, 0, 1, 3])
    return tf.reshape(x, [groups, -1, taps * channels])


def ungroup(matrices: tf.Tensor, leading: Sequence[Size], taps: int = 1) -> tf.Tensor:
    """The inverse of `by_group`: `(G, P, taps C)` as `(*leading, taps G C)`."""
    groups, width = matrices.shape[0], matrices.shape[-1]
    x = tf.transpose(tf.reshape(matrices, [groups, -1, taps, width // taps]), [1, 2, 0, 3])
    return tf.reshape(x, [*leading, groups * width])
