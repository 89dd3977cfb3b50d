"""What taps see, and its adjoint: against loops over the definition, for known and unknown sizes."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import geometry
from kerasconv.arithmetic import windows
from kerasconv.geometry import AdaptiveWindow, Window
from tests.cases import WINDOWS, Case

LARGE = [
    Case((9,), (40,), padding=20),
    Case((9, 8), (7, 6), padding="same"),  # scattered along one axis after the other
    Case((9, 8), (1, 40), padding=((0, 0), (20, 19))),
    Case((9, 10), (9, 8), strides=(2, 1), padding="same"),
]
by_case = pytest.mark.parametrize("case", [*WINDOWS, *LARGE], ids=str)


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def seen(x, window, outside):
    """What each tap sees, by a loop over output positions and taps."""
    output = window.output(x.shape[1:-1])
    taps = np.full((len(list(np.ndindex(*window.size))), x.shape[0], *output, x.shape[-1]), float(outside))
    for t, tap in enumerate(np.ndindex(*window.size)):
        for position in np.ndindex(*output):
            at = [
                p * s + j * d - lo
                for p, s, j, d, (lo, _) in zip(position, window.strides, tap, window.dilation, window.pads, strict=True)
            ]
            if all(0 <= i < n for i, n in zip(at, x.shape[1:-1], strict=True)):
                taps[(t, slice(None), *position)] = x[(slice(None), *at)]
    return taps


def as_columns(taps):
    """`(K, N, *O, C)` as `(N, *O, K C)`."""
    columns = np.moveaxis(taps, 0, -2)
    return columns.reshape(*columns.shape[:-2], -1)


def in_a_graph_of_unknown_sizes(function, *tensors):
    specs = [tf.TensorSpec([None] * (t.ndim - 1) + [t.shape[-1]], t.dtype) for t in tensors]
    return tf.function(function, input_signature=specs, autograph=False)(*tensors)


@by_case
@pytest.mark.parametrize("outside", [0, -3])
def test_gather_windows_is_the_definition(case, outside):
    x = normal(*case.x_shape)
    expected = seen(x, case.window, outside)
    np.testing.assert_array_equal(tf.stack(windows.gather_windows(tf.constant(x), case.window, outside)), expected)
    unknown = in_a_graph_of_unknown_sizes(lambda x: tf.stack(windows.gather_windows(x, case.window, outside)), x)
    np.testing.assert_array_equal(unknown, expected)


@by_case
def test_scatter_add_windows_is_the_adjoint(case):
    """Against `<x_t, g_t> = <x, scatter_add(g)>` for the unit vectors `x`, all at once."""
    taps = normal(np.prod(case.kernel), 2, *case.output, 3)
    unit = np.eye(np.prod(case.sizes)).reshape(-1, *case.sizes, 1)
    expected = np.einsum("tsp,tnpc->nsc", *_flat(seen(unit, case.window, 0)[..., 0], taps)).reshape(2, *case.sizes, 3)
    columns = as_columns(taps)
    dx = windows.scatter_add_windows(tf.constant(columns), case.window, case.sizes)
    np.testing.assert_allclose(dx, expected, atol=1e-12)
    unknown = in_a_graph_of_unknown_sizes(
        lambda columns, like: windows.scatter_add_windows(columns, case.window, tf.unstack(tf.shape(like)[1:-1])),
        columns,
        expected,
    )
    np.testing.assert_allclose(unknown, expected, atol=1e-12)


def _flat(unit, taps):
    return unit.reshape(*unit.shape[:2], -1), taps.reshape(*taps.shape[:2], -1, taps.shape[-1])


@by_case
def test_scatter_add_terms_is_that_of_their_columns(case):
    dy, w = normal(2, *case.output, 3), normal(np.prod(case.kernel), 3)
    columns = as_columns(np.stack([dy * w_t for w_t in w]))
    expected = windows.scatter_add_windows(tf.constant(columns), case.window, case.sizes)

    def terms(dy):
        return windows.scatter_add_terms(tf.multiply, [dy], [tf.constant(w)], case.window, case.sizes)

    np.testing.assert_allclose(terms(tf.constant(dy)), expected, atol=1e-12)
    np.testing.assert_allclose(in_a_graph_of_unknown_sizes(terms, dy), expected, atol=1e-12)


@by_case
@pytest.mark.parametrize("pieces", [1, 3])
def test_seen_at_positions(case, pieces):
    """All taps at once, in pieces of equally many rows."""
    x = normal(*case.x_shape)
    elements = x.reshape(x.shape[0], -1, x.shape[-1])
    expected = np.moveaxis(seen(x, case.window, 0), 0, -2).reshape(2, *case.output, *case.kernel, x.shape[-1])
    found = []
    for piece in windows.seen_at_positions(case.window, case.sizes, pieces):
        taps = tf.gather(elements, piece.position, axis=1)
        found.append(windows.where(piece.valid, taps))
    assert len({f.shape for f in found}) == 1
    whole = np.concatenate(found, 1)
    np.testing.assert_array_equal(whole[:, : case.output[0]], expected)
    assert not whole[:, case.output[0] :].any()


@by_case
def test_which_taps_are_valid(case):
    valid = seen(np.ones((1, *case.sizes, 1)), case.window, 0)[:, 0, ..., 0] > 0
    masks = windows.valid_masks(case.window, case.sizes)
    for mask, expected in zip(masks, valid, strict=True):
        mask = np.ones(case.output) if mask is None else np.broadcast_to(mask[..., 0], case.output)
        np.testing.assert_array_equal(mask, expected)
    counts = np.broadcast_to(windows.valid_counts(case.window, case.sizes)[..., 0], case.output)
    np.testing.assert_array_equal(counts, valid.sum(0))
    first = np.broadcast_to(windows.first_valid_tap(case.window, case.sizes)[..., 0], case.output)
    np.testing.assert_array_equal(first, np.where(valid.any(0), valid.argmax(0), -1))


@pytest.mark.parametrize(
    ("sizes", "outputs"),
    [
        ((5,), (2,)),
        ((7,), (3,)),
        ((6,), (3,)),
        ((3,), (7,)),
        ((4,), (1,)),
        ((1,), (3,)),
        ((5,), (5,)),
        ((5, 7), (3, 2)),
    ],
)
def test_adaptive_windows(sizes, outputs):
    """They cover each axis, and the two directions are adjoint."""
    window = AdaptiveWindow(outputs, sizes)
    for n, o in zip(sizes, outputs, strict=True):
        assert sorted({i for share in geometry.shares(n, o) for i in share}) == list(range(n))
    x = tf.constant(normal(2, *sizes, 3))
    taps = windows.gather_windows(x, window)
    for position in np.ndindex(*outputs):
        shares = [geometry.shares(n, o)[p] for n, o, p in zip(sizes, outputs, position, strict=True)]
        elements = [x[(slice(None), *at)] for at in itertools.product(*shares)]
        masks = windows.valid_masks(window, sizes)
        found = [
            tap[(slice(None), *position)]
            for tap, mask in zip(taps, masks, strict=True)
            if mask is None or np.broadcast_to(mask[..., 0], outputs)[position]
        ]
        np.testing.assert_array_equal(found, elements)
    g = normal(len(taps), 2, *outputs, 3)
    dx = windows.scatter_add_windows(tf.constant(as_columns(g)), window, sizes)
    np.testing.assert_allclose(
        tf.reduce_sum(x * dx), sum(float(tf.reduce_sum(t * h)) for t, h in zip(taps, g, strict=True))
    )


def test_an_empty_axis_has_padding_alone():
    window = Window((3,), (1,), (1,), ((2, 2),))
    taps = windows.gather_windows(tf.zeros([2, 0, 5]), window, 7.0)
    np.testing.assert_array_equal(tf.stack(taps), np.full((3, 2, 2, 5), 7.0))
