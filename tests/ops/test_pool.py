"""Pooling against NumPy, TensorFlow, and what any pooling must fulfil."""

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import config, ops, reference
from tests import oracle
from tests.cases import WINDOWS, Case

CASES = [c for c in WINDOWS if max(max(pair) for pair in c.window.pads) < max(c.window.extent)]
by_case = pytest.mark.parametrize("case", [*CASES, Case((7, 8), (3, 2), padding="same", batch=0)], ids=str)
by_ties = pytest.mark.parametrize("ties", ["first", "all", "split"])


def arguments(case):
    return {"pool_size": case.kernel, **case.options}


def with_gradient(function, x, g):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.gradient(y, x, g)


def routed(x, g, case, ties):
    """The gradient of max pooling, window by window."""
    low = np.where(np.isnan(x), -np.inf, x)
    real = np.pad(np.ones(x.shape, bool), [(0, 0), *case.window.pads, (0, 0)])
    dx = np.zeros(real.shape)
    for position, elements, where in oracle.windows(low, case.window):
        masked = np.where(real[where], elements, -np.inf)
        flat = masked.reshape(x.shape[0], np.prod(case.kernel), x.shape[-1])
        mask = flat == flat.max(axis=1, keepdims=True)
        if ties == "first":
            mask &= np.cumsum(mask, axis=1) == 1
        shares = mask / mask.sum(axis=1, keepdims=True) if ties == "split" else mask
        dx[where] += (shares * g[:, *position][:, None]).reshape(elements.shape)
    crop = [slice(lo, lo + n) for (lo, _), n in zip(case.window.pads, case.sizes, strict=True)]
    return dx[:, *crop]


@by_case
@pytest.mark.parametrize("algorithm", ["auto", "native"])
def test_forward_is_the_definition(case, algorithm):
    if algorithm == "native" and max(case.window.dilation) > 1:
        pytest.skip("TensorFlow's kernels take no dilation")
    (x,) = case.arrays(case.x_shape, dtype="float32")  # TensorFlow has no float64 kernel in three dimensions
    y = ops.max_pool(x, **arguments(case), algorithm=algorithm)
    np.testing.assert_array_equal(y, oracle.pool(x, case, np.max))
    y = ops.average_pool(x, **arguments(case), algorithm=algorithm)
    np.testing.assert_allclose(y, oracle.pool(x, case, np.mean), atol=1e-6)
    y = ops.average_pool(x, **arguments(case), algorithm=algorithm, count_include_pad=True)
    elements = np.prod(case.kernel)
    np.testing.assert_allclose(y, oracle.pool(x, case, np.sum) / elements, atol=1e-6)


@by_case
@by_ties
def test_max_pool_gradient_with_ties(case, ties):
    """Drawn from three integers, most windows have several maxima."""
    x = np.random.default_rng(0).integers(0, 3, case.x_shape).astype("float64")
    (g,) = case.arrays((case.batch, *case.output, x.shape[-1]))
    _, dx = with_gradient(lambda x: ops.max_pool(x, **arguments(case), ties=ties), tf.constant(x), g)
    np.testing.assert_allclose(dx, routed(x, g, case, ties), atol=1e-12)


@by_case
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_average_pool_gradient_is_the_transpose(case, count_include_pad):
    x, x2, g = case.arrays(case.x_shape, case.x_shape, (case.batch, *case.output, case.x_shape[-1]))

    def pool(x):
        return ops.average_pool(x, **arguments(case), count_include_pad=count_include_pad)

    _, dx = with_gradient(pool, tf.constant(x), g)
    assert np.sum(dx * x2) == pytest.approx(np.sum(g * pool(x2)))


@by_ties
def test_second_order(ties):
    """With fixed winners, max pooling is linear: the gradient's own derivative is pooling at those winners again."""
    case = Case((7, 8), (3, 2), strides=(2, 1), padding="same")
    x = tf.constant(np.random.default_rng(0).integers(0, 3, case.x_shape).astype("float64"))
    g, u = map(tf.constant, case.arrays((case.batch, *case.output, x.shape[-1]), case.x_shape))
    for pool in (
        lambda x: ops.max_pool(x, **arguments(case), ties=ties),
        lambda x: ops.average_pool(x, **arguments(case)),
    ):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([x, g])
            _, dx = with_gradient(pool, x, g)
            pairing = tf.reduce_sum(dx * u)
        (dg,) = outer.gradient(pairing, [g])
        assert float(tf.reduce_sum(dg * g)) == pytest.approx(float(pairing))  # linear in g
        with tf.GradientTape() as tape:  # and of third order: back to the first
            tape.watch(u)
            with tf.GradientTape() as inner:
                inner.watch(g)
                _, dx = with_gradient(pool, x, g)
                pairing = tf.reduce_sum(dx * u)
            value = tf.reduce_sum(inner.gradient(pairing, g) * g)
        np.testing.assert_allclose(tape.gradient(value, u), dx, atol=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c.rank == 2 and max(c.window.dilation) == 1], ids=str)
def test_max_pool_is_tensorflows(case):
    """Values, gradients, and ties."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 3, case.x_shape).astype("float32")
    g = generator.normal(size=(case.batch, *case.output, x.shape[-1])).astype("float32")
    pads = [[0, 0], *map(list, case.window.pads), [0, 0]]
    theirs = with_gradient(lambda x: tf.nn.max_pool2d(x, case.kernel, case.window.strides, pads), tf.constant(x), g)
    ours = with_gradient(lambda x: ops.max_pool(x, **arguments(case)), tf.constant(x), g)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
def test_nan_never_wins(jit):
    x = np.float32([1, np.nan, 3, np.nan, np.nan, -np.inf, 2]).reshape(1, 7, 1)
    y = tf.function(lambda x: ops.max_pool(x, 2, 1), jit_compile=jit, autograph=False)(x)
    lowest = np.finfo("float32").min
    np.testing.assert_array_equal(y[0, :, 0], [1, 3, 3, lowest, lowest, 2])
    np.testing.assert_array_equal(y, tf.nn.max_pool(x, 2, 1, "VALID"))


def test_negative_inputs_win_over_padding():
    x = np.full((1, 3, 2, 1), -5.0)
    np.testing.assert_array_equal(ops.max_pool(x, 3, 1, 1), x)


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
@pytest.mark.parametrize("case", [CASES[1], CASES[6], CASES[-1]], ids=str)
def test_unknown_sizes_under_xla(case, pool):
    """For plain graphs see `tests/arithmetic/test_unknown_sizes.py`."""
    x, g = map(tf.constant, case.arrays(case.x_shape, (case.batch, *case.output, case.x_shape[-1])))

    def function(x, g):
        return with_gradient(lambda x: pool(x, **arguments(case)), x, g)

    unknown = tf.TensorSpec([None] * (case.rank + 2), x.dtype)
    compiled = tf.function(function, jit_compile=True, autograph=False, input_signature=[unknown, unknown])
    for a, b in zip(compiled(x, g), function(x, g), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32", "uint8"])
def test_dtypes(dtype):
    x = tf.cast(np.random.default_rng(0).integers(0, 9, (2, 7, 8, 3)), dtype)
    wide = tf.cast(x, "float64")
    y = ops.max_pool(x, 3, 2, "same")
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(tf.cast(y, "float64"), ops.max_pool(wide, 3, 2, "same"))
    if x.dtype.is_floating:
        y = ops.average_pool(x, 3, 2, "same")
        assert y.dtype == x.dtype
        np.testing.assert_allclose(tf.cast(y, "float64"), ops.average_pool(wide, 3, 2, "same"), rtol=8e-3)


@pytest.mark.parametrize("algorithm", ["auto", "native"])
@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_channels_first_on_a_cpu(pool, algorithm):
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 8))
    y = pool(x, (3, 2), 2, "same", data_format="channels_first", algorithm=algorithm)
    last = pool(x.transpose(0, 2, 3, 1), (3, 2), 2, "same", algorithm=algorithm)
    np.testing.assert_allclose(y, tf.transpose(last, [0, 3, 1, 2]))


def test_the_setting_of_the_program_is_followed():
    def operators(**options):
        graph = tf.function(lambda: ops.max_pool(tf.ones((1, 4, 4, 1)), 2, **options)).get_concrete_function().graph
        return {op.type for op in graph.get_operations()}

    assert "MaxPool" not in operators()
    with config.algorithm("native"):
        assert "MaxPool" in operators()
        assert "MaxPool" not in operators(algorithm="direct")
        assert "MaxPool" not in operators(dilation_rate=2)  # which TensorFlow's kernel has not


@pytest.mark.parametrize("stride", [1, 2])
def test_the_reference_agrees_on_ties(stride):
    """The tutorial's mask gives the gradient to every tied maximum: `ties="all"`."""
    x = np.random.default_rng(0).integers(0, 3, (2, 6, 5, 3)).astype("float64")
    a, cache = reference.pool_forward(x, {"f": 3, "stride": stride})
    g = np.random.default_rng(1).normal(size=a.shape)
    y, dx = with_gradient(lambda x: ops.max_pool(x, 3, stride, ties="all"), tf.constant(x), g)
    np.testing.assert_array_equal(y, a)
    np.testing.assert_allclose(dx, reference.pool_backward(g, cache), atol=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_global_pooling(rank, data_format):
    generator = np.random.default_rng(0)
    x = generator.integers(0, 3, (2, 4, 3, 5, 6)[: rank + 2]).astype("float64")
    axes = tuple(range(1, rank + 1) if data_format == "channels_last" else range(2, rank + 2))
    for pool, reduce, theirs in (
        (ops.global_max_pool, np.max, tf.reduce_max),
        (ops.global_average_pool, np.mean, tf.reduce_mean),
    ):
        np.testing.assert_allclose(pool(x, data_format), reduce(x, axes))
        np.testing.assert_allclose(pool(x, data_format, True), reduce(x, axes, keepdims=True))
        g = generator.normal(size=pool(x, data_format).shape)
        _, dx = with_gradient(lambda x, pool=pool: pool(x, data_format), tf.constant(x), g)
        _, expected = with_gradient(lambda x, theirs=theirs: theirs(x, axes), tf.constant(x), g)
        np.testing.assert_allclose(dx, expected, atol=1e-12)


def test_global_average_pool_does_not_overflow_in_half_precision():
    x = np.full((1, 300, 300, 1), 3, "float16")  # whose sum is beyond float16
    y = ops.global_average_pool(x)
    assert (y.dtype, float(y[0, 0])) == ("float16", 3)


def test_float64_in_three_dimensions_where_tensorflow_has_no_kernel():
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 6, 3))
    np.testing.assert_array_equal(ops.max_pool(x, 2, algorithm="native"), ops.max_pool(x, 2))


def test_global_average_pool_with_a_mask():
    x = np.arange(24.0).reshape(2, 4, 3)
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)
    expected = np.stack([x[0, :2].mean(0), x[1, 1:].mean(0)])
    y, dx = with_gradient(lambda x: ops.global_average_pool(x, mask=mask), tf.constant(x), np.ones((2, 3)))
    np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(dx[:, :, 0], [[1 / 2, 1 / 2, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3]])


class TestBadInput:
    x = np.ones((2, 5, 6, 3), "float32")

    def message(self, kind, function, *args, **kwargs):
        with pytest.raises(kind) as error:
            function(*args, **kwargs)
        return str(error.value)

    def test_ties(self):
        assert self.message(ValueError, ops.max_pool, self.x, 2, ties="last") == (
            'max_pool: `ties` must be "first", "all" or "split". Received: ties=\'last\'.'
        )

    def test_algorithm(self):
        assert self.message(ValueError, ops.max_pool, self.x, 2, algorithm="gemm") == (
            'max_pool: `algorithm` must be "auto", "direct" or "native", and "native" takes no dilation. '
            "Received: algorithm='gemm', dilation_rate=(1, 1)."
        )
        assert self.message(ValueError, ops.average_pool, self.x, 2, dilation_rate=(1, 2), algorithm="native") == (
            'average_pool: `algorithm` must be "auto", "direct" or "native", and "native" takes no dilation. '
            "Received: algorithm='native', dilation_rate=(1, 2)."
        )

    def test_integers_have_no_mean(self):
        assert self.message(TypeError, ops.average_pool, self.x.astype("int32"), 2) == (
            "average_pool: `inputs` must be floating-point tensors of one dtype. Received: inputs of dtype int32."
        )

    def test_window_too_large(self):
        assert self.message(ValueError, ops.max_pool, self.x, (6, 2)) == (
            "max_pool: the window must fit into the padded input. Computed output size would be zero or negative. Along spatial axis 0 it spans 6 elements and the padded "
            "input has 5. Received: pool_size=(6, 2), dilation_rate=(1, 1), padding='valid', spatial sizes (5, 6)."
        )

    def test_rank(self):
        assert self.message(ValueError, ops.max_pool, self.x[0, 0], 2) == (
            "max_pool: `inputs` must have a batch axis, spatial axes and a channel axis: three axes or more. "
            "Received: shape (6, 3)."
        )


@pytest.mark.parametrize("axes", [(9, 11), (8, 5), (1, 37)], ids=str)
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)], ids=str)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_windows_too_large_for_one_pass(axes, strides, padding):
    """One axis after the other, by doubling: the values and gradients of TensorFlow, ties on equal elements included."""
    x = tf.constant(np.random.default_rng(0).integers(0, 4, size=(2, 20, 40, 3)), tf.float32)
    for ours, theirs in ((ops.max_pool, tf.nn.max_pool2d), (ops.average_pool, tf.nn.avg_pool2d)):
        results = []
        for pool in (ours, theirs):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = pool(x, axes, strides, padding if pool is ours else padding.upper())
            results.append((y, tape.gradient(y, x, tf.reshape(tf.range(tf.size(y), dtype=tf.float32), y.shape))))
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


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


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("size", [3, 9])  # in one stage, in one for each axis
@pytest.mark.parametrize("p", [2, 3.5, 8])
def test_norms_far_below_the_largest_of_an_image(p, size, dtype):
    x = oracle.normal(1, 2 * size, 2 * size, 1)
    x[:, :size] *= 2e-3
    x[:, size:] *= 2e2
    with tf.GradientTape() as tape:
        given = tf.constant(x, dtype)
        tape.watch(given)
        y = ops.lp_pool(given, p, size)
    blocks = np.float64(given).reshape(1, 2, size, 2, size, 1)
    wanted = (np.abs(blocks) ** p).sum((2, 4), keepdims=True) ** (1 / p)
    rtol = 1e-2 if dtype == "float16" else 1e-5
    np.testing.assert_allclose(y, wanted[:, :, 0, :, 0], rtol=rtol)
    gradient = (np.sign(blocks) * (np.abs(blocks) / wanted) ** (p - 1)).reshape(x.shape)
    np.testing.assert_allclose(tape.gradient(y, given), gradient, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("algorithm", ["auto", "native"])
def test_native_sums_are_the_same(algorithm):
    x = oracle.normal(2, 7, 8, 3)
    for options in (
        {"ceil_mode": True}, {"count_include_pad": True, "ceil_mode": True}, {"divisor_override": 5}, {"strides": 1}
    ):  # fmt: skip
        options = {"strides": 2, "padding": 1, **options}
        ours = ops.average_pool(x, 3, **options, algorithm=algorithm)
        np.testing.assert_allclose(ours, ops.average_pool(x, 3, **options, algorithm="direct"), atol=1e-12)
    ours = ops.lp_pool(x, 3, 3, 2, "same", algorithm=algorithm)
    np.testing.assert_allclose(ours, ops.lp_pool(x, 3, 3, 2, "same", algorithm="direct"), atol=1e-12)
