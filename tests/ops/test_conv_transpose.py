"""Transposed convolution: against stock Keras, and against the gradient that it is."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from tests.oracle import normal

SIZES = (6, 5, 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("kernel", "strides", "padding", "output_padding"),
    [*itertools.product((2, 3), (1, 2, 3), ("valid", "same"), (None, 0)), (3, 2, "same", 1), (2, 3, "valid", 2)],
)
def test_transposed_convolution_is_stock_keras(rank, kernel, strides, padding, output_padding):
    if padding == "same" and output_padding == 0 and (kernel == 2 or strides > 1):
        pytest.skip("an output that TensorFlow refuses: its convolution would have fewer inputs")
    x, w = normal(2, *SIZES[:rank], 3), normal(*(kernel,) * rank, 4, 3)
    arguments = (strides, padding, output_padding, "channels_last")
    y = ops.conv_transpose(x, w, *arguments)
    np.testing.assert_allclose(y, keras.ops.conv_transpose(x, w, *arguments), atol=1e-12)


@pytest.mark.parametrize("algorithm", ["direct", "gemm", "native"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_transposed_convolution_is_the_gradient(algorithm, rank):
    """Also with stride and dilation, groups, uneven pads, an unknown batch and unknown sizes; and its own gradients."""
    x, w, g = normal(2, *SIZES[:rank], 6), normal(*(3, 2, 2)[:rank], 4, 6), None
    pads = ((1, 2), (0, 1), (2, 0))[:rank]
    options = {"strides": 2, "padding": pads, "dilation_rate": (2, 3, 1)[:rank], "data_format": "channels_last"}

    @tf.function(input_signature=[tf.TensorSpec([None] * (rank + 1) + [6], tf.float64)])
    def graph(x):
        return ops.conv_transpose(x, w, groups=2, output_padding=1, algorithm=algorithm, **options)

    y = graph(x)
    expected = ops.conv_input_gradient(x, w, y.shape[1:-1], groups=2, algorithm="direct", **options)
    np.testing.assert_allclose(y, expected, atol=1e-12)
    g = normal(*y.shape)
    forward = ops.conv(g, w, **options)
    assert forward.shape == x.shape
    np.testing.assert_allclose(tf.reduce_sum(y * g), tf.reduce_sum(forward * x))


def test_more_output_padding_than_the_stride():
    """PyTorch allows it up to the dilation; what lies behind the padding appears, and then zeros."""
    x, w = normal(1, 3, 1), normal(2, 1, 1)
    whole = ops.conv_transpose(x, w, 1, 0, dilation_rate=4)[0, :, 0]
    np.testing.assert_allclose(ops.conv_transpose(x, w, 1, 2, 3, dilation_rate=4)[0, :, 0], [*whole[2:], 0])
