"""The error bounds that `kerasconv.ops.conv` states, for every algorithm, operation and kind of data.

The kinds are those of oneDNN's benchdnn and some that are worse. The oracle is TensorFlow's kernel in float64.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import config, ops
from kerasconv.engine.auto import choices
from tests.cases import Case

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}
WINOGRAD = 100  # units, of the sum of the terms with each input as large as the largest of its tile
FFT = 16  # units, of the product of the norms
TILE = 6

CASES = [
    Case((13, 14), (3, 3), padding="same", channels=16, filters=18),
    Case((9, 10), (5, 7), padding="same", channels=17, filters=8),  # several blocks of three taps
    Case((7, 6), (3, 2), padding="same", channels=256, filters=5),
    Case((19,), (9,), padding="same", channels=4, filters=20),
    Case((5, 6, 7), (3, 2, 3), padding="same", channels=5, filters=4),
    Case((12, 13), (3, 4), padding="same", groups=3, channels=4, filters=5),
]
LARGE_KERNEL = Case((64, 65), (31, 31), padding="same", channels=8, filters=4, batch=1)

by_case = pytest.mark.parametrize("case", CASES, ids=str)


def even(generator, shape):
    return generator.uniform(-1, 1, shape)


def large_mean(generator, shape):
    return 1e3 + generator.uniform(-1, 1, shape)


def large_columns(generator, shape):
    x = generator.uniform(-1, 1, shape)
    x[(slice(None),) * (len(shape) - 2) + (slice(shape[-2] // 4 + 1),)] *= 1e7
    return x


def one_large(generator, shape):
    x = generator.uniform(-1, 1, shape)
    x[tuple(n // 3 for n in shape)] = 1e7
    return x


def all_magnitudes(generator, shape):
    return generator.uniform(-1, 1, shape) * 10 ** generator.uniform(-5, 5, shape)


KINDS = (even, large_mean, large_columns, one_large, all_magnitudes)


@functools.cache
def problem(case, kind, dtype):
    """Operands of the three operations in the narrow type, their exact results, and the sums of the magnitudes."""
    generator = np.random.default_rng(3)
    x, g = kind(generator, case.x_shape), kind(generator, case.y_shape)
    w = (large_mean if kind is large_mean else even)(generator, case.w_shape)
    x, w, g = (tf.cast(t, dtype) for t in (x, w, g))
    wide = [tf.cast(t, "float64") for t in (x, w, g)]
    return (x, w, g), operations(case, *wide, "native"), operations(case, *map(tf.abs, wide), "native")


def operations(case, x, w, g, algorithm):
    options = {**case.options, "algorithm": algorithm}
    return [
        ops.conv(x, w, **options),
        ops.conv_input_gradient(g, w, case.sizes, groups=case.groups, **options),
        ops.conv_kernel_gradient(x, g, case.kernel, groups=case.groups, **options),
    ]


def terms(case):
    """The most products in an output, an input gradient and a kernel gradient."""
    taps = np.prod(case.kernel)
    return taps * case.channels, taps * case.filters, case.batch * np.prod(case.output)


def errors(case, kind, dtype, algorithm):
    operands, exact, _ = problem(case, kind, dtype)
    results = operations(case, *operands, algorithm)
    assert all(y.dtype == dtype for y in results)
    return [np.abs(tf.cast(y, "float64") - z) for y, z in zip(results, exact, strict=True)]


def of_sums(case, kind, dtype):
    """The bound of the algorithms that add up the products of the definition, and nothing else."""
    *_, magnitudes = problem(case, kind, dtype)
    unit = UNIT["float32" if dtype in ("float16", "bfloat16") else dtype]
    return [2 * unit * t**0.5 * m.numpy() for t, m in zip(terms(case), magnitudes, strict=True)]


def of_tiles(case, kind):
    """Winograd's bound: that of a convolution of inputs as large as the largest that share a tile with them."""
    (x, w, g), *_ = problem(case, kind, "float32")
    x, w, g = (tf.cast(tf.abs(t), "float64") for t in (x, w, g))

    def largest(x):
        return ops.max_pool(x, 2 * TILE - 1, 1, "same")

    options = {"groups": case.groups, **case.options}
    return [
        WINOGRAD * UNIT["float32"] * m.numpy()
        for m in (
            operations(case, largest(x), w, g, "native")[0],
            ops.conv_input_gradient(largest(g), w, case.sizes, **options),
            ops.conv_kernel_gradient(largest(x), g, case.kernel, **options),
        )
    ]


def of_norms(case, kind, dtype):
    """The bound of `fft`: the product of the norms of what is transformed, summed over what the matrices sum over."""
    (x, w, g), *_ = problem(case, kind, dtype)
    assert case.groups == 1
    x, w, g = (tf.cast(t, "float64").numpy() for t in (x, w, g))
    space, taps = tuple(range(1, case.rank + 1)), tuple(range(case.rank))
    x, w, g = (np.sqrt((t**2).sum(axes)) for t, axes in ((x, space), (w, taps), (g, space)))
    one = (1,) * case.rank
    return [
        FFT * UNIT[dtype] * b.reshape(shape)
        for b, shape in (
            (x @ w, (case.batch, *one, -1)),
            (g @ w.T, (case.batch, *one, -1)),
            (x.T @ g, (*one, *w.shape)),
        )
    ]


def check(found, bounds):
    for error, bound in zip(found, bounds, strict=True):
        assert np.all(error <= bound), f"{np.max(error / np.maximum(bound, 1e-300)):.2f} times the bound"


@by_case
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["direct", "gemm"])
def test_sums_of_the_definition(case, kind, algorithm):
    check(errors(case, kind, "float32", algorithm), of_sums(case, kind, "float32"))


@pytest.mark.parametrize("case", CASES[::2], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_auto_without_winograd(case, kind):
    """It takes nothing whose error is not that of sums of the definition."""
    with config.winograd(False):
        check(errors(case, kind, "float32", "auto"), of_sums(case, kind, "float32"))


@pytest.mark.parametrize("kind", [large_mean, large_columns])
def test_auto_with_large_kernels(kind):
    """Where `fft` would be fastest, `auto` takes it only when it is allowed to."""
    check(errors(LARGE_KERNEL, kind, "float32", "auto"), of_sums(LARGE_KERNEL, kind, "float32"))
    with config.fft(True), choices() as found:
        check(errors(LARGE_KERNEL, kind, "float32", "auto"), of_norms(LARGE_KERNEL, kind, "float32"))
    assert found[0].chosen == "fft"


@pytest.mark.parametrize("case", CASES[1::2], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["gemm", "auto"])
def test_double_precision(case, kind, algorithm):
    """`auto` does not take Winograd's algorithm in float64."""
    operands, _, magnitudes = problem(case, kind, "float64")
    found = operations(case, *operands, algorithm)
    others = operations(case, *operands, "native")
    # The oracle errs as much.
    for y, z, t, m in zip(found, others, terms(case), magnitudes, strict=True):
        assert np.all(np.abs(y - z) <= 4 * UNIT["float64"] * t**0.5 * m)


@pytest.mark.parametrize("case", CASES[::2], ids=str)
@pytest.mark.parametrize("kind", [even, one_large])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("algorithm", ["auto"])
def test_half_precision(case, kind, dtype, algorithm):
    """Sums are those of float32, rounded once."""
    if dtype == "float16" and kind is one_large:
        kind = even  # 1e7 is beyond its largest number
    _, exact, _ = problem(case, kind, dtype)
    with config.winograd(False):
        found = errors(case, kind, dtype, algorithm)
    rounding = [UNIT[dtype] * np.maximum(np.abs(y), np.finfo("float16").tiny) for y in exact]
    check(found, [1.01 * (a + b) for a, b in zip(of_sums(case, kind, dtype), rounding, strict=True)])


@by_case
@pytest.mark.parametrize("kind", KINDS)
def test_winograd_follows_the_largest_of_a_tile(case, kind):
    check(errors(case, kind, "float32", "winograd"), of_tiles(case, kind))


@pytest.mark.parametrize("case", CASES[:5:2], ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fft_follows_the_norms(case, kind, dtype):
    bounds = of_norms(case, kind, dtype)
    if dtype == "float64":  # the oracle errs, too
        bounds = [a + b for a, b in zip(bounds, of_sums(case, kind, dtype), strict=True)]
    check(errors(case, kind, dtype, "fft"), bounds)


@pytest.mark.parametrize("kind", [even, one_large])
def test_auto_with_winograd(kind):
    """By default `auto` may take Winograd's algorithm, whose bound it then keeps."""
    case = Case((28, 29), (3, 3), channels=128, filters=130, padding="same", batch=3)
    with choices() as found:
        check(errors(case, kind, "float32", "auto"), of_tiles(case, kind))
    assert "winograd" in {choice.chosen for choice in found}


@pytest.mark.parametrize("case", CASES[:2], ids=str)
@pytest.mark.parametrize("algorithm", ["direct", "gemm", "winograd", "auto"])
def test_denormal_numbers_may_count_as_zero(case, algorithm):
    """As in TensorFlow's own kernels; each is never taken for more than it is."""
    tiny = float(np.finfo("float32").tiny)
    generator = np.random.default_rng(3)
    x, g = (
        (generator.uniform(-1, 1, shape) * generator.choice([4 * tiny, tiny], shape)).astype("float32")
        for shape in (case.x_shape, case.y_shape)
    )
    w = np.ones(case.w_shape, "float32")
    found = operations(case, x, w, g, algorithm)[:2]
    exact = operations(case, *(t.astype("float64") for t in (x, w, g)), "native")
    for y, z, t in zip(found, exact, terms(case), strict=False):
        assert np.max(np.abs(tf.cast(y, "float64") - z)) <= (8 if algorithm == "winograd" else 1) * t * tiny
