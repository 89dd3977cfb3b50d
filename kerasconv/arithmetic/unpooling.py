"""Max unpooling and its gradient: maxima back to where they came from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.geometry import Size


def put(x: tf.Tensor, indices: tf.Tensor, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns a tensor of spatial sizes `sizes` with `x` at its indices and zeros elsewhere.

    The gradient takes from these places. An index is row-major among the positions of its example and channel, int64.
    """
    batch, *_, channels = sizes_of(x)
    example = tf.reshape(tf.range(batch, dtype=tf.int64), [-1, *[1] * (x.shape.rank - 1)])
    place = example * tf.cast(math.prod(sizes), tf.int64) + indices
    place = place * tf.cast(channels, tf.int64) + tf.range(channels, dtype=tf.int64)
    place = tf.reshape(place, [-1])

    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        y = tf.zeros([batch * math.prod(sizes) * channels], x.dtype)
        y = tf.tensor_scatter_nd_update(y, place[:, None], tf.reshape(x, [-1]))
        shape = tf.shape(x)

        def grad(dy: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.gather(tf.reshape(dy, [-1]), place), shape)

        return tf.reshape(y, [batch, *sizes, channels]), grad

    return call(x)
