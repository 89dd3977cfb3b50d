"""NaN and infinities: which outputs they reach, by every algorithm, in every mode, forwards and backwards.

The oracle is NumPy, tap by tap: once with products of real elements only, once with padding as zeros, and zero times
NaN or infinity is NaN. It is itself compared with TensorFlow's kernels on an input that `tf.pad` has padded. (What
these make of zero times infinity when they pad themselves depends on the sizes.)
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import config, ops
from kerasconv.engine.auto import choices
from tests.cases import Case

NAN, INF = np.nan, np.inf
VALUES = [((NAN,), True), ((INF,), True), ((NAN,), False), ((-INF,), False), ((INF, -INF), False)]  # and whether first
FEW = VALUES[-2:]
LOWEST = float(np.finfo("float32").min)
NAMES = ("y", "dx", "dw")

CASES = [
    Case((7, 9), (3, 2)),
    Case((8, 7), (3, 4), padding="same", channels=2),
    Case((7, 8), (3, 2), strides=(2, 3), padding="same"),
    Case((9, 10), (2, 3), strides=(2, 1), padding=((1, 0), (2, 4)), dilation=(3, 2)),
    Case((9,), (2,), strides=3),  # some elements are never seen
    Case((11,), (3,), strides=2, padding=(3, 1), dilation=2),
    Case((7, 8), (3, 2), padding="same", groups=2),
    Case((7, 8), (3, 2), padding=((2, 0), (0, 1)), groups=5, channels=1, filters=1),
    Case((7, 8), (2, 3), strides=(2, 1), groups=3, channels=1, filters=2),
    Case((4, 5, 6), (2, 3, 2), padding="same"),
    Case((9, 8), (6, 5), padding="same", channels=2, filters=3),
    Case((6, 5), (3, 2), padding="same", channels=20, filters=18),
]
CHUNKED = Case((33, 32), (3, 2), padding="same", channels=16, filters=17, batch=3)
TILED = [
    Case((15, 17), (3, 3), padding="same", channels=2, filters=4),
    Case((14, 19), (5, 2), padding=((1, 2), (0, 1)), groups=2),
    Case((23,), (3,), padding="same"),
    Case((7, 9, 8), (3, 1, 2), padding="same", channels=2),
]


def classes(a):
    """0 for finite numbers, 1 and 2 for the infinities, 3 for NaN."""
    a = np.asarray(a)
    return 3 * np.isnan(a) + 1 * np.isposinf(a) + 2 * np.isneginf(a)


def exact(case, x, w, g, padding_counts):
    """The three operations, tap by tap, with or without the products of the padding."""
    window = case.window
    padded = np.pad(x, [(0, 0), *window.pads, (0, 0)])
    real = np.pad(np.ones((1, *case.sizes, 1), bool), [(0, 0), *window.pads, (0, 0)])
    y, dx, dw = np.zeros(case.y_shape), np.zeros(padded.shape), np.zeros(case.w_shape)
    c, f = case.channels, case.filters
    for tap in np.ndindex(*case.kernel):
        seen = (
            slice(None),
            *(
                slice(t * d, t * d + (o - 1) * s + 1, s)
                for t, d, o, s in zip(tap, window.dilation, case.output, window.strides, strict=True)
            ),
        )
        counts = True if padding_counts else real[seen][..., None]
        for q in range(case.groups):
            of_x, of_y = slice(q * c, (q + 1) * c), slice(q * f, (q + 1) * f)
            a, b, e = padded[(*seen, of_x)][..., None], w[(*tap, slice(None), of_y)], g[..., None, of_y]
            y[..., of_y] += np.where(counts, a * b, 0).sum(-2)
            dw[(*tap, slice(None), of_y)] += np.where(counts, a * e, 0).sum(tuple(range(case.rank + 1)))
            dx[(*seen, of_x)] += (e * b).sum(-1)
    crop = (slice(None), *(slice(lo, lo + n) for (lo, _), n in zip(window.pads, case.sizes, strict=True)))
    return y, dx[crop], dw


def zeros_met(case, x, w, g):
    """Where an element that is not finite may meet a zero of padding, in a convolution or in its adjoint."""
    of_x, of_w, of_g = (~np.isfinite(t) for t in (x, w, g))
    space, taps = tuple(range(case.rank + 1)), tuple(range(case.rank))
    w_out = of_w.any((*taps, -2))
    w_in = of_w.any(taps).reshape(case.channels, case.groups, case.filters).any(-1).T.reshape(-1)
    x_in = np.repeat(of_x.any(space).reshape(case.groups, 1, case.channels), case.filters, 1).reshape(-1, case.channels)
    y = np.broadcast_to(w_out, case.y_shape)
    dx = np.broadcast_to(w_in, case.x_shape)
    dw = np.broadcast_to(x_in.T | of_g.any(space), case.w_shape)
    return y, dx, dw


@functools.cache
def operations(case, mode, algorithm):
    call = case.operations(algorithm)
    if mode == "eager":
        return call
    specs = [tf.TensorSpec(shape, "float32") for shape in (case.x_shape, case.w_shape, case.y_shape)]
    return tf.function(call, autograph=False, jit_compile=mode == "xla", input_signature=specs)


@functools.cache
def problems(case):
    """Operands with values that are not finite in one of them, at its begin and somewhere, and what they should give.

    Each is a description, the operands, and their results with real products only and with those of padding.
    """
    operands = case.arrays(case.x_shape, case.w_shape, case.y_shape, dtype="float32")
    generator = np.random.default_rng(1)
    found = []
    for which in range(3):
        for values, first in FEW if case is CHUNKED else VALUES:
            changed = [t.copy() for t in operands]
            size = changed[which].size
            at = range(len(values)) if first else generator.choice(size, len(values), replace=False)
            changed[which].reshape(-1)[at] = values
            with np.errstate(invalid="ignore"):
                results = [exact(case, *changed, counts) for counts in (False, True)]
            found.append((f"{values} in {'xwg'[which]} at {list(at)}", changed, *results))
    return found


def of_modes(cases):
    """Each case with modes: all of them eagerly, and what takes long to trace or compile in none or one other."""
    rows = [(case, "eager") for case in (*cases, CHUNKED)]
    rows += [(case, "graph") for case in (*cases[::6], CHUNKED) if np.prod(case.kernel) < 20]
    rows += [(case, "xla") for case in cases[1::5]]
    return pytest.mark.parametrize(("case", "mode"), rows, ids=str)


@of_modes(CASES)
@pytest.mark.parametrize("algorithm", ["direct", "gemm"])
def test_the_sums_of_the_definition(case, mode, algorithm):
    """What is not finite, and how, is what the definition says, with padding as zeros."""
    with config.memory_limit(10**6):
        function = operations(case, mode, algorithm)
        for what, operands, real, padded in problems(case):
            found = function(*map(tf.constant, operands))
            for name, expected, result in zip(NAMES, (padded[0], real[1], padded[2]), found, strict=True):
                np.testing.assert_array_equal(classes(result), classes(expected), f"{name}: {what}")


@pytest.mark.parametrize("case", [c for c in CASES if c.rank == 2 and c.groups == 1], ids=str)
def test_the_oracle_is_tensorflow(case):
    if max(case.window.dilation) > 1:
        pytest.skip("TensorFlow refuses stride with dilation, and has no gradient with dilation")
    pads = [[0, 0], *map(list, case.window.pads), [0, 0]]
    options = {"strides": [1, *case.window.strides, 1], "padding": "VALID"}
    for what, operands, real, padded in problems(case):
        x, w, g = map(tf.constant, operands)
        x = tf.pad(x, pads)
        results = (
            tf.raw_ops.Conv2D(input=x, filter=w, **options),
            ops.pad(
                tf.raw_ops.Conv2DBackpropInput(input_sizes=x.shape, filter=w, out_backprop=g, **options),
                [(-lo, -hi) for lo, hi in pads],
            ),
            tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=w.shape, out_backprop=g, **options),
        )
        for name, expected, result in zip(NAMES, (padded[0], real[1], padded[2]), results, strict=True):
            np.testing.assert_array_equal(classes(result), classes(expected), f"{name}: {what}")


@of_modes(CASES)
def test_auto_without_winograd(case, mode):
    """The same, but that zero times what is not finite may be left out, or come from the padding of the adjoint."""
    with config.winograd(False), config.memory_limit(10**6), choices() as found:
        function = operations(case, mode, "auto")
        for what, operands, real, _ in problems(case):
            results = function(*map(tf.constant, operands))
            for name, expected, met, result in zip(NAMES, real, zeros_met(case, *operands), results, strict=True):
                same = classes(result) == classes(expected)
                assert np.all(same | (met & np.isnan(result))), f"{name}: {what}"
    assert {choice.chosen for choice in found} <= {"direct", "gemm"}
    assert case is not CHUNKED or any(choice.chunks > 1 for choice in found)


@pytest.mark.parametrize(
    ("case", "mode"), [*((case, "eager") for case in TILED), (TILED[2], "graph"), (TILED[0], "xla")], ids=str
)
def test_winograd_stays_within_its_tile(case, mode):
    """What the definition makes non-finite is so, and so may be what is less than a tile away, and nothing else."""
    function = operations(case, mode, "winograd")
    for what, operands, real, _ in problems(case):
        results = function(*map(tf.constant, operands))
        for name, expected, near, result in zip(NAMES, real, zeros_met(case, *operands), results, strict=True):
            broken, finite = ~np.isfinite(expected), np.isfinite(result)
            if name != "dw":
                share_a_tile = ops.max_pool(broken.any(-1, keepdims=True).astype("float32"), 11, 1, "same").numpy() > 0
                near = near | share_a_tile
            assert not np.any(finite & broken), f"{name}: {what}"
            assert np.all(finite | near), f"{name}: {what}"


@pytest.mark.parametrize("case", TILED[::2], ids=str)
def test_fft_stays_within_its_example(case):
    for what, operands, real, _ in problems(case):
        if np.isfinite(operands[1]).all():
            for name, expected, result in zip(
                NAMES[:2], real, operations(case, "eager", "fft")(*operands), strict=False
            ):
                finite, broken = np.isfinite(result), ~np.isfinite(expected)
                assert not np.any(finite & broken), f"{name}: {what}"
                assert np.all(finite | broken.any(tuple(range(1, case.rank + 2)), keepdims=True)), f"{name}: {what}"


WINDOW = {"pool_size": (3, 2), "strides": (2, 1), "padding": ((1, 0), (1, 1))}
DILATED = {"pool_size": 2, "strides": 2, "dilation_rate": (2, 1), "ceil_mode": True}

# Each pooling, and one with the same windows that shows what they see.
POOLINGS = {
    "max": (lambda x: ops.max_pool(x, **WINDOW), lambda x: ops.average_pool(x, **WINDOW)),
    "dilated max": (lambda x: ops.max_pool(x, **DILATED), lambda x: ops.average_pool(x, **DILATED)),
    "average": (lambda x: ops.average_pool(x, **WINDOW),) * 2,
    "average with padding": (lambda x: ops.average_pool(x, 3, 2, "same", count_include_pad=True),) * 2,
    "norm 1": (lambda x: ops.lp_pool(x, 1, **WINDOW),) * 2,
    "norm 2": (lambda x: ops.lp_pool(x, 2, **WINDOW),) * 2,
    "norm 3": (lambda x: ops.lp_pool(x, 3, **DILATED),) * 2,
    "norm max": (lambda x: ops.lp_pool(x, INF, (2, 3)), lambda x: ops.average_pool(x, (2, 3))),
    "adaptive max": (lambda x: ops.adaptive_max_pool(x, (3, 4)), lambda x: ops.adaptive_average_pool(x, (3, 4))),
    "adaptive average": (lambda x: ops.adaptive_average_pool(x, (3, 4)),) * 2,
    "global max": (
        lambda x: ops.global_max_pool(x, keepdims=True),
        lambda x: ops.global_average_pool(x, keepdims=True),
    ),
    "global average": (lambda x: ops.global_average_pool(x, keepdims=True),) * 2,
}


def seen_by(pool, sizes):
    """For each output the elements of its window, `(elements, *O)`: what a pooling of one of them at a time shows."""
    one = np.eye(np.prod(sizes), dtype="float32").reshape(-1, *sizes, 1)
    return np.asarray(pool(one) != 0)[..., 0]


def pooled(name, x, seen):
    """The pooling of each window, in NumPy; a norm as the sum of magnitudes."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1]).astype("float64")
    y = np.zeros((x.shape[0], *seen.shape[1:], x.shape[-1]))
    for at in np.ndindex(*seen.shape[1:]):
        window = flat[:, seen[(slice(None), *at)]]
        if "norm" in name:
            window = abs(window)
        if name == "global max":
            y[:, *at] = window.max(1)  # NaN wins
        elif "max" in name:
            y[:, *at] = np.where(np.isnan(window), LOWEST, np.maximum(window, LOWEST)).max(1)
        else:
            y[:, *at] = window.sum(1)
    return y


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize("name", POOLINGS)
def test_poolings(name, mode):
    """The result of a window depends on its own elements only, and is of the same kind in every mode."""
    pool, like = POOLINGS[name]
    x = np.random.default_rng(2).normal(size=(2, 7, 8, 3)).astype("float32")
    seen = seen_by(like, x.shape[1:-1])
    sees = seen.reshape(seen.shape[0], -1)  # (elements, windows)

    def call(x, c):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool(x)
        return y, tape.gradient(y, x, c)

    shape = (2, *seen.shape[1:], 3)
    if mode != "eager":
        specs = [tf.TensorSpec(x.shape, "float32"), tf.TensorSpec(shape, "float32")]
        call = tf.function(call, autograph=False, jit_compile=mode == "xla", input_signature=specs)
    generator = np.random.default_rng(3)
    for values in [(NAN,), (INF,), (-INF,), (INF, -INF), (NAN, INF, -INF), (NAN,) * 60]:
        changed = x.copy()
        changed.reshape(-1)[generator.choice(x.size, len(values), replace=False)] = values
        y, dx = call(tf.constant(changed), tf.ones(shape))
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(classes(y), classes(pooled(name, changed, seen)), str(values))
        broken = ~np.isfinite(changed.reshape(2, -1, 3))
        windows = np.einsum("nec,ew->nwc", broken, sees)
        near = np.einsum("nwc,ew->nec", windows, sees)  # elements that share a window with such a value
        assert np.all(np.isfinite(np.reshape(dx, near.shape)) | near | broken), str(values)
    c = np.ones(shape, "float32")
    c[0, 0, 0, 1] = NAN
    _, dx = call(tf.constant(x), tf.constant(c))
    of_first = np.zeros((2, len(sees), 3), bool)
    of_first[0, :, 1] = sees[:, 0]
    broken = ~np.isfinite(np.reshape(dx, of_first.shape))
    assert broken.any()
    assert not np.any(broken & ~of_first)
