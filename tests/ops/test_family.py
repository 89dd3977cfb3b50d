"""Transposed, depthwise and separable convolution, and unpooling: against stock Keras and what they are made of."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import ops

SIZES = (6, 5, 4)


def normal(*shape, dtype="float64"):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


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


@pytest.mark.parametrize("p", [1, 2, 3.5, np.inf])
def test_norms_without_a_derivative(p):
    """Where a window is all zeros the gradient is zero, and large numbers do not overflow."""
    with tf.GradientTape() as tape:
        x = tf.constant(np.float32([0, 0, 3e30, -4e30]).reshape(1, 4, 1))
        tape.watch(x)
        y = ops.lp_pool(x, p, 2)
    wanted = np.linalg.norm([3, -4], p) * 1e30
    np.testing.assert_allclose(y[0, :, 0], [0, wanted], rtol=1e-5)
    dx = tape.gradient(y, x)[0, :, 0]
    assert np.all(np.isfinite(dx))
    assert dx[3] < 0
    if p != np.inf:
        np.testing.assert_array_equal(dx[:2], [0, 0])
        np.testing.assert_allclose(dx[2], (3e30 / wanted) ** (p - 1), rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["auto", "native"])
def test_native_sums_are_the_same(algorithm):
    x = normal(2, 7, 8, 3)
    for options in (
        {"ceil_mode": True}, {"count_include_pad": True, "ceil_mode": True}, {"divisor_override": 5}, {"strides": 1}
    ):  # fmt: skip
        options = {"strides": 2, "padding": 1, **options}
        ours = ops.average_pool(x, 3, **options, algorithm=algorithm)
        np.testing.assert_allclose(ours, ops.average_pool(x, 3, **options, algorithm="direct"), atol=1e-12)
    ours = ops.lp_pool(x, 3, 3, 2, "same", algorithm=algorithm)
    np.testing.assert_allclose(ours, ops.lp_pool(x, 3, 3, 2, "same", algorithm="direct"), atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("flip_kernel", [False, True])
def test_gradients_per_example(groups, flip_kernel):
    """Each example's own, and together the whole; without a loop over the batch in the graph."""
    x, g = normal(4, 7, 8, 6), normal(4, 4, 3, 4)
    options = {"strides": (2, 3), "padding": ((1, 1), (0, 2)), "groups": groups, "flip_kernel": flip_kernel}
    apart = ops.conv_kernel_gradient(x, g, (3, 2), **options, per_example=True)
    for i in range(4):
        alone = ops.conv_kernel_gradient(x[i : i + 1], g[i : i + 1], (3, 2), **options)
        np.testing.assert_allclose(apart[i], alone, atol=1e-12)
    np.testing.assert_allclose(tf.reduce_sum(apart, 0), ops.conv_kernel_gradient(x, g, (3, 2), **options), atol=1e-12)

    def nodes(batch):
        function = tf.function(lambda x, g: ops.conv_kernel_gradient(x, g, (3, 2), **options, per_example=True))
        return len(
            function.get_concrete_function(np.tile(x, (batch, 1, 1, 1)), np.tile(g, (batch, 1, 1, 1)))
            .graph.as_graph_def()
            .node
        )

    assert nodes(1) == nodes(5)


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


class TestBadInput:
    x = np.ones((2, 6, 7, 4), "float32")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda x: ops.conv(x, x[0, :3, :3, :, None], padding_mode="mirror"),
                "conv: `padding_mode` must be one of 'constant', 'reflect', 'symmetric', 'replicate', 'circular'. "
                "Received: padding_mode='mirror'.",
            ),
            (
                lambda x: ops.conv(x, x[0, :3, :3, :, None], padding=6, padding_mode="reflect"),
                'conv: padding in the mode "reflect" takes elements from the input, of which axis 1 must have at least 7. '
                "Received: 6 elements and pads (6, 6).",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 3), "float32")),
                "conv_transpose: the number of input channels must match the kernel's last size, and be a multiple of the "
                "groups, with a kernel of known shape. Received: inputs of shape (2, 6, 7, 4) (channels last), a kernel of shape (3, 3, 5, 3), "
                "groups=1.",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 2, 1, (1, 2)),
                "conv_transpose: `output_padding` must be strictly less than `strides` or `dilation_rate` along each "
                "axis. Received: output_padding=(1, 2), strides=(2, 2), dilation_rate=(1, 1).",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 1, "causal"),
                'conv_transpose: `padding` must be "valid" or "same", an int, or for each of the 2 spatial axes an int '
                "or a (before, after) pair, none of them negative. Received: padding='causal'.",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 1, 4),
                "conv_transpose: the padding must leave something of the output. Received: inputs of shape "
                "(2, 6, 7, 4) (channels last), kernel_size=(3, 3), strides=(1, 1), padding=4.",
            ),
            (
                lambda x: ops.depthwise_conv(x, np.ones((3, 3, 5, 1), "float32")),
                "depthwise_conv: the number of input channels must match the kernel's next to last size, and "
                "the kernel be of known shape. Received: 4 channels and a kernel of shape (3, 3, 5, 1).",
            ),
            (
                lambda x: ops.average_pool(x, 2, divisor_override=0),
                "average_pool: `divisor_override` must be a number other than 0, or None. Received: divisor_override=0.",
            ),
            (
                lambda x: ops.lp_pool(x, 0.5, 2),
                "lp_pool: `norm_type` must be a number at least 1. Received: norm_type=0.5.",
            ),
            (
                lambda x: ops.adaptive_max_pool(x, (3, 0)),
                "adaptive_max_pool: `output_size` must be an int or 2 ints, each at least 1. "
                "Received: output_size=[3, 0].",
            ),
            (
                lambda x: ops.max_unpool(x, x.astype("int32") * 500, 2),
                "max_unpool: `indices` must be elements of the output, from 0 to 167. "
                "Received: indices from 500 to 500.",
            ),
            (
                lambda x: ops.max_unpool(x, x[:1].astype("int32"), 2),
                "max_unpool: `indices` must have the shape of `inputs`. "
                "Received: inputs of shape (2, 6, 7, 4), indices of shape (1, 6, 7, 4).",
            ),
            (
                lambda x: ops.max_unpool(x, x.astype("int32"), 2, output_size=(12, 16)),
                "max_unpool: `output_size` must differ from the default by less than the stride along each axis. "
                "Received: output_size=(12, 16), default (12, 14), strides=(2, 2).",
            ),
            (
                lambda x: ops.conv_kernel_gradient(x[:0], x[:0, 1:-1, 1:-1], 3, per_example=True),
                "conv_kernel_gradient: with `per_example` the number of examples must be known and not zero. "
                "Received: inputs of shape (0, 6, 7, 4) (channels last).",
            ),
        ],
    )  # fmt: skip
    def test_messages(self, call, message):
        with pytest.raises(ValueError) as error:
            call(self.x)
        assert str(error.value) == message

    def test_types(self):
        with pytest.raises(TypeError) as error:
            ops.max_unpool(self.x, self.x, 2)
        assert str(error.value) == "max_unpool: `indices` must be integers. Received: indices of dtype float32."

    def test_adaptive_pooling_needs_sizes(self):
        with pytest.raises(ValueError) as error:
            ops.adaptive_max_pool(keras.KerasTensor((None, None, 9, 6)), 3)
        assert (
            "adaptive_max_pool: the spatial sizes of `inputs` must be known and not zero. For an output of size 1 "
            "global pooling takes any. Received: sizes (None, 9)."
        ) in str(error.value)
