"""Operations on `keras.KerasTensor`, in functional models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops
from tests.oracle import normal


class TestFunctionalModels:
    """The operations on `keras.KerasTensor`."""

    def test_a_model_of_operations(self, tmp_path):
        inputs = keras.Input((8, 9, 3))
        x = ops.pad(inputs, ((0, 0), (1, 2), (0, 0), (0, 0)), "reflect")
        x, indices = ops.max_pool(x, 2, return_indices=True)
        x = ops.max_unpool(x, indices, 2, output_size=(11, 9))
        x = ops.average_pool(x, 3, 2, padding=((1, 0), (0, 1)))
        outputs = ops.global_average_pool(x)
        model = keras.Model(inputs, outputs)
        model.save(tmp_path / "model.keras")
        data = normal(2, 8, 9, 3, dtype="float32")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded(data), model(data))

    def test_shapes(self):
        x = keras.KerasTensor((None, None, 9, 6))
        assert ops.conv(x, keras.KerasTensor((3, 3, 3, 4)), 2, "same").shape == (None, None, 5, 4)
        assert ops.conv_transpose(x, keras.KerasTensor((3, 3, 4, 6)), 2, "same").shape == (None, None, 18, 4)
        assert ops.adaptive_average_pool(keras.KerasTensor((None, 8, 9, 6)), (3, None)).shape == (None, 3, 9, 6)

    def test_unknown_channels_are_those_that_the_kernel_takes(self):
        x, kernel = keras.KerasTensor((2, 10, None)), keras.KerasTensor((3, 5, 4))
        assert ops.conv(x, kernel).shape == (2, 8, 4)
        assert ops.depthwise_conv(x, kernel).shape == (2, 8, 20)
        assert ops.separable_conv(x, kernel, keras.KerasTensor((1, 20, 7))).shape == (2, 8, 7)
        assert ops.conv_transpose(
            keras.KerasTensor((2, None, 10)), kernel, 1, "same", None, "channels_first"
        ).shape == (
            2,
            5,
            10,
        )

    def test_other_channels_than_the_kernel_takes_are_found_when_the_graph_runs(self):
        @tf.function(input_signature=[tf.TensorSpec([1, 10, None])])
        def run(x):
            return ops.conv(x, tf.ones((3, 5, 4)))

        np.testing.assert_array_equal(run(tf.ones((1, 10, 5))), tf.fill((1, 8, 4), 15.0))
        with pytest.raises(tf.errors.InvalidArgumentError, match="is not compatible with expected shape"):
            run(tf.ones((1, 10, 10)))
