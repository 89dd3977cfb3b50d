"""Convolution against three kinds of oracle: NumPy, TensorFlow, and what any convolution must fulfil."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import config, ops
from tests import oracle
from tests.cases import CONVOLUTIONS, Case

ALGORITHMS = ("auto", "direct", "gemm", "native")
by_case = pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
by_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


def inner(a, b):
    return float(tf.reduce_sum(tf.convert_to_tensor(a) * b))


def conv(case, **options):
    return lambda x, w: ops.conv(x, w, **case.options, **options)


@by_case
@by_algorithm
def test_forward_is_the_definition(case, algorithm):
    x, w = case.arrays(case.x_shape, case.w_shape)
    np.testing.assert_allclose(conv(case, algorithm=algorithm)(x, w), oracle.conv(x, w, case), atol=1e-12)


@by_case
@by_algorithm
def test_the_gradients_are_the_transposes(case, algorithm):
    """`<C(x, w), g> = <x, D(g, w)> = <w, K(x, g)>`, which fixes both gradients for good."""
    x, w, g = case.arrays(case.x_shape, case.w_shape, case.y_shape)
    options = {**case.options, "groups": case.groups, "algorithm": algorithm}
    expected = inner(oracle.conv(x, w, case), g)
    dx = ops.conv_input_gradient(g, w, case.sizes, **options)
    dw = ops.conv_kernel_gradient(x, g, case.kernel, **options)
    assert (dx.shape, dw.shape) == (case.x_shape, case.w_shape)
    np.testing.assert_allclose([inner(x, dx), inner(w, dw)], expected, rtol=1e-11, atol=1e-11)


@by_case
@by_algorithm
def test_autodiff_gives_the_same_gradients(case, algorithm):
    x, w, g = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        y = conv(case, algorithm=algorithm)(x, w)
    dx, dw = tape.gradient(y, [x, w], g)
    options = {**case.options, "groups": case.groups, "algorithm": "direct"}
    np.testing.assert_allclose(dx, ops.conv_input_gradient(g, w, case.sizes, **options), atol=1e-11)
    np.testing.assert_allclose(dw, ops.conv_kernel_gradient(x, g, case.kernel, **options), atol=1e-11)


@by_case
@by_algorithm
def test_second_order(case, algorithm):
    """The derivative of a gradient in a direction, against a difference quotient: exact but for rounding, since all
    three operations are linear in each argument.
    """
    x, w, g, u, v = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape, case.x_shape, case.w_shape))

    def gradients(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = conv(case, algorithm=algorithm)(x, w)
            loss = tf.reduce_sum(g * y * y)
        return tape.gradient(loss, [x, w])

    def pairing(x, w):
        dx, dw = gradients(x, w)
        return tf.reduce_sum(dx * u) + tf.reduce_sum(dw * v)

    with tf.GradientTape() as tape:
        tape.watch([x, w])
        value = pairing(x, w)
    dx, dw = tape.gradient(value, [x, w])
    t = 1e-4
    numeric = float(pairing(x + t * u, w + t * v) - pairing(x - t * u, w - t * v)) / (2 * t)
    np.testing.assert_allclose(inner(dx, u) + inner(dw, v), numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", [c for c in CONVOLUTIONS if c.rank == 2 and c.groups == 1], ids=str)
def test_second_order_of_every_pair_is_tensorflows(case):
    """The whole table of derivatives, against TensorFlow's own kernels under XLA, which has them all."""
    if max(case.window.strides) > 1 and max(case.window.dilation) > 1:
        pytest.skip("TensorFlow refuses stride with dilation")
    x, w, g = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    pads = [[0, 0], *map(list, case.window.pads), [0, 0]]

    def theirs(x, w):
        return tf.nn.conv2d(x, w, case.window.strides, pads, dilations=case.window.dilation)

    @tf.function(jit_compile=True, autograph=False, reduce_retracing=True)
    def second_order(x, w, g, function):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([x, w, g])
            with tf.GradientTape() as tape:
                tape.watch([x, w])
                y = function(x, w)
            dx, dw = tape.gradient(y, [x, w], g)
        return [outer.gradient(dx, [w, g], x + 1), outer.gradient(dw, [x, g], w + 1)]

    ours = tf.nest.flatten(second_order(x, w, g, conv(case)))
    for a, b in zip(ours, tf.nest.flatten(second_order(x, w, g, theirs)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


def cases_with_modes():
    """Yields a few cases with each mode and algorithm, half of them for `make test-zoo`, since compilation takes long."""
    few = CONVOLUTIONS[1], CONVOLUTIONS[10], CONVOLUTIONS[15], CONVOLUTIONS[18]
    for i, (case, jit, algorithm) in enumerate(itertools.product(few, (False, True), ALGORITHMS)):
        marks = [pytest.mark.large] if (i + i // len(ALGORITHMS)) % 2 else []
        yield pytest.param(case, jit, algorithm, marks=marks, id=f"{algorithm}-{'xla' if jit else 'graph'}-{case}")


@pytest.mark.parametrize(("case", "jit", "algorithm"), list(cases_with_modes()))
def test_modes_with_unknown_sizes(case, jit, algorithm):
    """One graph for all sizes gives, forward and backward, what eager execution gives."""
    x, w, g = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    if jit and algorithm == "native" and case.groups > 1:
        pytest.skip("covered by the other modes; XLA takes half a minute for it")

    def gradients(x, w, g):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = conv(case, algorithm=algorithm)(x, w)
        return [y, *tape.gradient(y, [x, w], g)]

    unknown = tf.TensorSpec([None] * (case.rank + 1) + [x.shape[-1]], x.dtype)  # its channels must be known
    compiled = tf.function(
        gradients,
        jit_compile=jit,
        autograph=False,
        input_signature=[unknown, tf.TensorSpec(w.shape, w.dtype), tf.TensorSpec([None] * (case.rank + 2), g.dtype)],
    )
    for a, b in zip(compiled(x, w, g), gradients(x, w, g), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


@by_algorithm
@pytest.mark.parametrize(
    ("dtype", "unit"), [("float32", 1e-6), ("float64", 1e-14), ("float16", 1e-3), ("bfloat16", 8e-3)]
)
def test_precision(algorithm, dtype, unit):
    """The error is bounded by the stated fraction of the sum of the products' magnitudes."""
    if algorithm == "native" and unit > 1e-6:
        pytest.skip("in half precision TensorFlow's kernels make their own rules")
    case = Case((13, 14), (3, 5), padding="same", channels=16, filters=7)
    x, w, g = case.arrays(case.x_shape, case.w_shape, case.y_shape)
    x, w, g = (tf.cast(tf.cast(t, dtype), "float64") for t in (x, w, g))  # exact in the narrow type
    options = {**case.options, "algorithm": algorithm}

    def results(x, w, g):
        return [
            ops.conv(x, w, **options),
            ops.conv_input_gradient(g, w, case.sizes, **options),
            ops.conv_kernel_gradient(x, g, case.kernel, **options),
        ]

    exact, magnitudes = results(x, w, g), results(abs(x), abs(w), abs(g))
    for narrow, wide, magnitude in zip(
        results(*(tf.cast(t, dtype) for t in (x, w, g))), exact, magnitudes, strict=True
    ):
        assert narrow.dtype == dtype
        assert float(tf.reduce_max(abs(tf.cast(narrow, "float64") - wide) / magnitude)) < unit


@by_algorithm
def test_channels_first_on_a_cpu(algorithm):
    case = Case((7, 8), (3, 2), strides=(2, 1), padding="same", groups=2)
    x, w, g = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    first = {"data_format": "channels_first", "algorithm": algorithm, **case.options}
    x_first, g_first = (tf.transpose(t, [0, 3, 1, 2]) for t in (x, g))
    y = ops.conv(x_first, w, **first)
    np.testing.assert_allclose(tf.transpose(y, [0, 2, 3, 1]), oracle.conv(x.numpy(), w.numpy(), case), atol=1e-12)
    dx = ops.conv_input_gradient(g_first, w, case.sizes, groups=2, **first)
    dw = ops.conv_kernel_gradient(x_first, g_first, case.kernel, groups=2, **first)
    np.testing.assert_allclose([inner(x_first, dx), inner(w, dw)], inner(y, g_first), rtol=1e-12)


def test_flip_kernel_is_the_mathematicians_convolution():
    """The tutorial's formula: `(w * x)_ij = sum over l, m of w_lm x_(i-l, j-m)`."""
    case = Case((6, 7), (3, 2), channels=1, filters=1, batch=1)
    x, w, g = case.arrays(case.x_shape, case.w_shape, case.y_shape)
    y = ops.conv(x, w, flip_kernel=True).numpy()[0, :, :, 0]
    for i, j in np.ndindex(*y.shape):
        total = sum(w[a, b, 0, 0] * x[0, i + 2 - a, j + 1 - b, 0] for a, b in np.ndindex(3, 2))
        assert y[i, j] == pytest.approx(total)
    dx = ops.conv_input_gradient(g, w, case.sizes, flip_kernel=True)
    dw = ops.conv_kernel_gradient(x, g, case.kernel, flip_kernel=True)
    expected = inner(y, g[0, :, :, 0])
    np.testing.assert_allclose([inner(x, dx), inner(w, dw)], expected)


def test_bias():
    case = Case((5, 6), (3, 2), filters=4)
    x, w, b = map(tf.constant, case.arrays(case.x_shape, case.w_shape, (4,)))
    with tf.GradientTape() as tape:
        tape.watch(b)
        y = ops.conv(x, w, bias=b)
    np.testing.assert_allclose(y, ops.conv(x, w).numpy() + b.numpy())
    np.testing.assert_allclose(tape.gradient(y, b), [2 * 3 * 5] * 4)
    first = ops.conv(tf.transpose(x, [0, 3, 1, 2]), w, bias=b, data_format="channels_first")
    np.testing.assert_allclose(tf.transpose(first, [0, 2, 3, 1]), y)


def test_the_setting_of_the_program_is_followed():
    """The columns of `gemm` show in the graph as a gather; `native` as TensorFlow's operator."""
    x, w = tf.ones((1, 5, 6, 16)), tf.ones((3, 3, 16, 2))

    def operators(**options):
        graph = tf.function(lambda: ops.conv(x, w, **options), autograph=False).get_concrete_function().graph
        return {op.type for op in graph.get_operations()}

    assert "Conv2D" not in operators()
    with config.algorithm("gemm"):
        assert "GatherV2" in operators()
        assert "GatherV2" not in operators(algorithm="direct")
        with config.lowered():
            assert "Conv2D" in operators(algorithm="direct")
    config.set_algorithm("native")
    try:
        assert "Conv2D" in operators()
    finally:
        config.set_algorithm("auto")
    assert config.get_algorithm() == "auto"


def test_one_graph_for_many_batch_sizes():
    traces = 0

    @tf.function(autograph=False, reduce_retracing=True)
    def convolve(x, w):
        nonlocal traces
        traces += 1
        return ops.conv(x, w, padding="same")

    w = tf.ones((3, 3, 2, 4))
    for batch in (1, 2, 3, 5, 8):
        assert convolve(tf.ones((batch, 6, 7, 2)), w).shape == (batch, 6, 7, 4)
    assert traces == 2


class TestBadInput:
    x = np.ones((2, 7, 8, 6), "float32")
    w = np.ones((3, 2, 6, 4), "float32")

    def message(self, kind, function, *args, **kwargs):
        with pytest.raises(kind) as error:
            function(*args, **kwargs)
        return str(error.value)

    def test_integers(self):
        assert self.message(TypeError, ops.conv, self.x.astype(int), self.w) == (
            "conv: `inputs` and `kernel` must be floating-point tensors of one dtype. "
            "Received: inputs of dtype int64, kernel of dtype float32."
        )

    def test_two_dtypes(self):
        assert self.message(TypeError, ops.conv, self.x, self.w.astype("float64")) == (
            "conv: `inputs` and `kernel` must be floating-point tensors of one dtype. "
            "Received: inputs of dtype float32, kernel of dtype float64."
        )

    def test_rank(self):
        assert self.message(ValueError, ops.conv, self.x[0], self.w) == (
            "conv: `inputs` must have a batch axis, spatial axes and a channel axis: 4 axes, like the tensor it meets. "
            "Received: shape (7, 8, 6)."
        )
        assert self.message(ValueError, ops.conv, np.ones((2, 3)), np.ones((2, 3))) == (
            "conv: `inputs` must have a batch axis, spatial axes and a channel axis: 2 axes, like the tensor it meets. "
            "Received: shape (2, 3)."
        )

    def test_channels(self):
        assert self.message(ValueError, ops.conv, self.x, self.w[:, :, :5]) == (
            "conv: the number of input channels must match the kernel: be a multiple of its next to last size (their ratio is the "
            "number of groups), and the filters a multiple of the groups. "
            "Received: 6 channels and a kernel of shape (3, 2, 5, 4)."
        )
        assert self.message(ValueError, ops.conv, self.x, self.w[:, :, :2]) == (
            "conv: the number of input channels must match the kernel: be a multiple of its next to last size (their ratio is the "
            "number of groups), and the filters a multiple of the groups. "
            "Received: 6 channels and a kernel of shape (3, 2, 2, 4)."
        )

    def test_unknown_algorithm(self):
        expected = "`algorithm` must be one of 'auto', 'direct', 'gemm', 'winograd', 'fft', 'native', or an object with the operations forward, input_gradient, kernel_gradient. Received: algorithm='magic'."
        assert self.message(ValueError, ops.conv, self.x, self.w, algorithm="magic") == f"conv: {expected}"
        assert self.message(ValueError, config.set_algorithm, "magic") == f"set_algorithm: {expected}"

    def test_kernel_too_large(self):
        assert self.message(ValueError, ops.conv, self.x[:, :2], self.w) == (
            "conv: the window must fit into the padded input. Computed output size would be zero or negative. Along spatial axis 0 it spans 3 elements and the padded "
            "input has 2. Received: kernel_size=(3, 2), dilation_rate=(1, 1), padding='valid', spatial sizes (2, 8)."
        )

    def test_output_gradient_of_another_shape(self):
        assert self.message(ValueError, ops.conv_input_gradient, np.ones((2, 5, 6, 4), "float32"), self.w, (7, 8)) == (
            "conv_input_gradient: `output_gradient` must have the shape of the output of `conv`, (None, 5, 7, 4) "
            "(channels last), with filters a multiple of the groups. Received: shape (2, 5, 6, 4), groups=1."
        )
        dy = np.ones((2, 5, 7, 5), "float32")
        assert self.message(ValueError, ops.conv_kernel_gradient, self.x, dy, (3, 2), groups=2) == (
            "conv_kernel_gradient: `output_gradient` must have the shape of the output of `conv`, (None, 5, 7, 5) "
            "(channels last), with filters a multiple of the groups. Received: shape (2, 5, 7, 5), groups=2."
        )

    def test_no_tensor(self):
        assert self.message(TypeError, ops.conv, "picture", self.w).startswith(
            "conv: `inputs` and `kernel` must be floating-point tensors of one dtype. Received: inputs of dtype string"
        )


def test_keras_variables_are_tensors_too():
    kernel, bias = (keras.Variable(np.ones(shape, "float32")) for shape in ((2, 3, 4), (4,)))
    x = np.ones((1, 5, 3), "float32")
    np.testing.assert_array_equal(ops.conv(keras.Variable(x), kernel, bias=bias), np.full((1, 4, 4), 7))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("flip_kernel", [False, True])
def test_gradients_per_example(groups, flip_kernel):
    """Each example's own, and together the whole; without a loop over the batch in the graph."""
    x, g = oracle.normal(4, 7, 8, 6), oracle.normal(4, 4, 3, 4)
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
