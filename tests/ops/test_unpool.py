"""Unpooling: against the pooling that it undoes."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops

SIZES = (6, 5, 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same", 1])
def test_unpooling_undoes_pooling(rank, padding):
    """What is not a maximum is gone; the maxima are where they were. In both data formats, with unknown sizes."""
    x = (
        np.random.default_rng(0)
        .permutation(2 * np.prod(SIZES[:rank]) * 3)
        .reshape(2, *SIZES[:rank], 3)
        .astype("float64")
    )
    y, indices = ops.max_pool(x, 3, 2, padding, "channels_last", return_indices=True)
    found = ops.max_unpool(y, indices, 3, 2, padding, "channels_last", output_size=SIZES[:rank])
    maxima = np.isin(x, y)
    np.testing.assert_array_equal(found, np.where(maxima, x, 0))

    specs = [tf.TensorSpec([None] * (rank + 2), dtype) for dtype in (tf.float64, tf.int64)]
    options = {"pool_size": 3, "strides": 2, "padding": padding, "data_format": "channels_first"}
    graph = tf.function(lambda y, i: ops.max_unpool(y, i, **options, output_size=SIZES[:rank]), input_signature=specs)
    first = graph(np.moveaxis(y, -1, 1), np.moveaxis(indices, -1, 1))
    np.testing.assert_array_equal(np.moveaxis(first, 1, -1), found)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be elements of the output"):
        graph(np.moveaxis(y, -1, 1), np.moveaxis(indices, -1, 1) + 1000)


def test_indices_never_point_at_padding():
    """Not even where every real element is as low as a number can be."""
    x = np.full((1, 4, 4, 1), -np.inf, "float32")
    for lowest in (x, np.full_like(x, np.finfo("float32").min), np.full_like(x, np.nan)):
        _, indices = ops.max_pool(lowest, 3, 2, 1, return_indices=True)
        np.testing.assert_array_equal(indices[0, ..., 0], [[0, 1], [4, 5]])
        with tf.GradientTape() as tape:
            variable = tf.constant(lowest)
            tape.watch(variable)
            y = ops.max_pool(variable, 3, 2, 1)
        np.testing.assert_array_equal(tf.reduce_sum(tape.gradient(y, variable)), 4)
