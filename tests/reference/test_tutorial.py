"""Every number that the tutorial prints, or that its source course publishes."""

import numpy as np
import pytest

from kerasconv import reference


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(1)  # the tutorial's


def test_zero_pad():
    x = np.random.randn(4, 3, 3, 2)
    x_pad = reference.zero_pad(x, 3)
    assert x_pad.shape == (4, 9, 9, 2)
    np.testing.assert_allclose(
        x[1, 1], [[0.90085595, -0.68372786], [-0.12289023, -0.93576943], [-0.26788808, 0.53035547]], atol=1e-8
    )
    np.testing.assert_array_equal(x_pad[1, 1], np.zeros((9, 2)))
    np.testing.assert_array_equal(x_pad[:, 3:6, 3:6], x)


def test_conv_single_step():
    assert (
        reference.conv_single_step(np.random.randn(4, 4, 3), np.random.randn(4, 4, 3), np.random.randn(1, 1, 1))
        == -6.999089450680221
    )


def test_conv_forward():
    A_prev, W, b = np.random.randn(2, 5, 7, 4), np.random.randn(3, 3, 4, 8), np.random.randn(1, 1, 1, 8)
    Z, cache = reference.conv_forward(A_prev, W, b, {"pad": 1, "stride": 2})
    assert np.mean(Z) == pytest.approx(0.5511276474566768, rel=1e-14)
    np.testing.assert_allclose(
        Z[0, 2, 1],
        [-2.17796037, 8.07171329, -0.5772704, 3.36286738, 4.48113645, -2.89198428, 10.99288867, 3.03171932],
        atol=1e-8,
    )
    np.testing.assert_allclose(cache[0][1][2][3], [-1.1191154, 1.9560789, -0.3264995, -1.34267579], atol=1e-8)
    assert cache[0] is A_prev
    assert cache[1] is W
    assert cache[2] is b


def test_conv_backward():
    A_prev, W, b = np.random.randn(10, 4, 4, 3), np.random.randn(2, 2, 3, 8), np.random.randn(1, 1, 1, 8)
    Z, cache = reference.conv_forward(A_prev, W, b, {"pad": 2, "stride": 2})
    dA, dW, db = reference.conv_backward(Z, cache)
    assert (dA.shape, dW.shape, db.shape) == (A_prev.shape, W.shape, b.shape)
    means = [np.mean(gradient) for gradient in (dA, dW, db)]
    np.testing.assert_allclose(means, [1.45243777754, 1.72699145831, 7.83923256462], rtol=1e-11)


def test_pool_forward_with_stride_one():
    A_prev = np.random.randn(2, 5, 5, 3)
    A, _ = reference.pool_forward(A_prev, {"stride": 1, "f": 3})
    assert A.shape == (2, 3, 3, 3)
    expected = [
        [1.96710175, 0.84616065, 1.27375593],
        [1.96710175, 0.84616065, 1.23616403],
        [1.62765075, 1.12141771, 1.2245077],
    ]
    np.testing.assert_allclose(A[1, 1], expected, atol=1e-8)
    A, _ = reference.pool_forward(A_prev, {"stride": 1, "f": 3}, mode="average")
    assert A.shape == (2, 3, 3, 3)
    expected = [
        [0.44497696, -0.00261695, -0.31040307],
        [0.50811474, -0.23493734, -0.23961183],
        [0.11872677, 0.17255229, -0.22112197],
    ]
    np.testing.assert_allclose(A[1, 1], expected, atol=1e-8)


def test_pool_forward_with_stride_two():
    A_prev = np.random.randn(2, 5, 5, 3)
    A, _ = reference.pool_forward(A_prev, {"stride": 2, "f": 3})
    expected = [
        [[1.74481176, 0.90159072, 1.65980218], [1.74481176, 1.6924546, 1.65980218]],
        [[1.13162939, 1.51981682, 2.18557541], [1.13162939, 1.6924546, 2.18557541]],
    ]
    np.testing.assert_allclose(A[0], expected, atol=1e-8)
    A, _ = reference.pool_forward(A_prev, {"stride": 2, "f": 3}, mode="average")
    expected = [
        [[-0.17313416, 0.32377198, -0.34317572], [0.02030094, 0.14141479, -0.01231585]],
        [[0.42944926, 0.08446996, -0.27290905], [0.15077452, 0.28911175, 0.00123239]],
    ]
    np.testing.assert_allclose(A[1], expected, atol=1e-8)


def test_create_mask_from_window():
    x = np.random.randn(2, 3)
    np.testing.assert_array_equal(reference.create_mask_from_window(x), [[True, False, False], [False, False, False]])
    x = np.array([[-1, 2, 3], [2, -3, 2], [1, 5, -2]])
    np.testing.assert_array_equal(
        reference.create_mask_from_window(x), [[False, False, False], [False, False, False], [False, True, False]]
    )
    np.testing.assert_array_equal(reference.create_mask_from_window(np.array([7, 1, 7])), [True, False, True])


def test_distribute_value():
    np.testing.assert_array_equal(reference.distribute_value(2, (2, 2)), [[0.5, 0.5], [0.5, 0.5]])


def test_pool_backward():
    A_prev = np.random.randn(5, 5, 3, 2)
    A, cache = reference.pool_forward(A_prev, {"stride": 1, "f": 2})
    assert (A.shape, cache[0].shape) == ((5, 4, 2, 2), (5, 5, 3, 2))
    dA = np.random.randn(5, 4, 2, 2)
    dA_prev = reference.pool_backward(dA, cache, mode="max")
    np.testing.assert_allclose(dA_prev[1, 1], [[0, 0], [5.05844394, -1.68282702], [0, 0]], atol=1e-8)
    dA_prev = reference.pool_backward(dA, cache, mode="average")
    np.testing.assert_allclose(
        dA_prev[1, 1], [[0.08485462, 0.2787552], [1.26461098, -0.25749373], [1.17975636, -0.53624893]], atol=1e-8
    )


@pytest.mark.parametrize(("x", "expected"), [(1.0, 1.0), (1000.0, 1000.0), (0.0, 0.0), (-1.0, 0.0), (-1000.0, 0.0)])
def test_rectified(x, expected):
    assert reference.rectified(x) == expected


def test_rectified_of_the_tutorials_series():
    np.testing.assert_array_equal(reference.rectified(np.arange(-10, 11)), [0] * 10 + list(range(11)))
