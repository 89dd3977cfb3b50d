"""Depthwise and separable convolution: against stock Keras, and where that refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from tests.oracle import normal

SIZES = (6, 5, 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ["direct", "gemm", "native"])
def test_depthwise_and_separable_convolution(rank, algorithm):
    """Channel by channel; and as stock Keras has it, in the ranks in which it does."""
    x, w, p = normal(2, *SIZES[:rank], 3), normal(*(3, 2, 2)[:rank], 3, 2), normal(*(1,) * rank, 6, 4)
    for options in ({"padding": "same"}, {"strides": 2}, {"dilation_rate": 2, "padding": 2}):
        options = {**options, "data_format": "channels_last"}
        with tf.GradientTape() as tape:
            tensors = [tf.constant(x), tf.constant(w)]
            tape.watch(tensors)
            y = ops.depthwise_conv(*tensors, algorithm=algorithm, **options)
            loss = tf.reduce_sum(y**2)
        gradients = tape.gradient(loss, tensors)
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            parts = [ops.conv(tensors[0][..., c : c + 1], tensors[1][..., c : c + 1, :], **options) for c in range(3)]
            expected = tf.concat(parts, -1)
            loss = tf.reduce_sum(expected**2)
        np.testing.assert_allclose(y, expected, atol=1e-12)
        for gradient, wanted in zip(gradients, tape.gradient(loss, tensors), strict=True):
            np.testing.assert_allclose(gradient, wanted, atol=1e-11)
        separable = ops.separable_conv(x, w, p, algorithm=algorithm, **options)
        np.testing.assert_allclose(separable, ops.conv(expected, p, data_format="channels_last"), atol=1e-11)
        if rank < 3 and options["data_format"] == "channels_last" and not isinstance(options.get("padding"), int):
            np.testing.assert_allclose(separable, keras.ops.separable_conv(x, w, p, **options), atol=1e-11)


def test_what_stock_keras_refuses_of_depthwise_convolutions():
    x, w = normal(2, 7, 8, 3), normal(3, 2, 3, 2)
    y = ops.depthwise_conv(x, w, strides=(2, 1), dilation_rate=(1, 3), padding=((1, 0), (2, 2)), algorithm="native")
    np.testing.assert_allclose(y, ops.depthwise_conv(x, w, (2, 1), ((1, 0), (2, 2)), dilation_rate=(1, 3)), atol=1e-12)


def test_separable_convolution_by_winograd():
    """The pointwise kernel, of one tap, which Winograd's algorithm does not take, is no reason to refuse the whole."""
    x, depthwise, pointwise = normal(2, 7, 8, 3), normal(3, 3, 3, 2), normal(1, 1, 6, 4)
    for algorithm in ("winograd", ops.algorithms.winograd):
        y = ops.separable_conv(x, depthwise, pointwise, algorithm=algorithm)
        np.testing.assert_allclose(y, ops.separable_conv(x, depthwise, pointwise, algorithm="direct"), atol=1e-10)
