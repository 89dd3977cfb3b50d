"""The algorithms of the arithmetic, as they are: each against the definition in NumPy, and its adjoints."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from kerasconv.arithmetic import depthwise, direct, fft, im2col, native
from kerasconv.arithmetic.convolution import Algorithm, convolve
from kerasconv.arithmetic.groups import merge_groups, split_groups, transpose_kernel
from kerasconv.arithmetic.winograd import Winograd
from kerasconv.config import Settings
from kerasconv.engine.convolution import refusal
from kerasconv.engine.problem import problem
from kerasconv.geometry import Window
from tests import oracle
from tests.cases import CONVOLUTIONS, LARGER_CONVOLUTIONS

CASES = [*CONVOLUTIONS, *LARGER_CONVOLUTIONS]
MODULES = {
    "direct": direct,
    "depthwise": depthwise,
    "gemm": im2col,
    "winograd, 2": Winograd(2),
    "winograd, 4": Winograd(4),
    "fft": fft,
    "native": native,
}


def takes(name, case):
    """Whether an algorithm takes a case."""
    if name == "depthwise":
        return case.groups > 1 and case.channels == 1
    p = problem("forward", case.batch, case.output, case.window, case.groups, case.channels, case.filters)
    return refusal(name.partition(",")[0], p, Settings(True, True, None)) is None


def prepared(module, w, case):
    prepare = getattr(module, "prepare", None)
    return w if prepare is None else prepare(w, case.window, case.groups)


def operations(case):
    """The arguments of each operation, of which the second is the kernel where there is one."""
    x, w, dy = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    return {
        "forward": (x, w, case.window, case.groups),
        "input_gradient": (dy, w, case.window, case.groups, case.sizes),
        "kernel_gradient": (x, dy, case.window, case.groups),
    }


ALL = [(name, case) for name in MODULES for case in CASES if takes(name, case)]
by_algorithm = pytest.mark.parametrize(("name", "case"), ALL, ids=lambda a: str(a).replace(" ", ""))


@by_algorithm
def test_the_three_operations(name, case):
    """Forward is the definition; the gradients are its adjoints, which fixes them for good."""
    module = MODULES[name]
    arguments = operations(case)
    x, w, *_ = arguments["forward"]
    _, dy, *_ = arguments["kernel_gradient"]
    y = oracle.conv(x.numpy(), w.numpy(), case)
    expected = {
        "forward": y,
        "input_gradient": native.input_gradient(*arguments["input_gradient"]),
        "kernel_gradient": native.kernel_gradient(*arguments["kernel_gradient"]),
    }
    inner = float(tf.reduce_sum(y * dy))
    np.testing.assert_allclose(float(tf.reduce_sum(x * expected["input_gradient"])), inner, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(float(tf.reduce_sum(w * expected["kernel_gradient"])), inner, rtol=1e-10, atol=1e-10)
    for operation, (a, b, *options) in arguments.items():
        b = b if operation == "kernel_gradient" else prepared(module, b, case)
        result = getattr(module, operation)(a, b, *options)
        assert result.shape == expected[operation].shape
        np.testing.assert_allclose(result, expected[operation], atol=1e-11)


@pytest.mark.parametrize("case", [c for c in CASES if c.window.adjoint], ids=str)
def test_the_adjoint_window_exchanges_the_gradients(case):
    """In steps of one a convolution is the input gradient of another, and the other way round."""
    adjoint, groups = case.window.adjoint, case.groups
    assert adjoint.output(case.output) == case.sizes
    assert adjoint.adjoint == case.window
    x, w, dy = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    transposed = transpose_kernel(w, groups)
    np.testing.assert_array_equal(transpose_kernel(transposed, groups), w)
    same = functools.partial(np.testing.assert_allclose, atol=1e-11)
    y = direct.forward(x, w, case.window, groups)
    same(direct.input_gradient(x, transposed, adjoint, groups, case.output), y)
    dx = direct.input_gradient(dy, w, case.window, groups, case.sizes)
    same(direct.forward(dy, transposed, adjoint, groups), dx)
    dw = direct.kernel_gradient(x, dy, case.window, groups)
    same(transpose_kernel(direct.kernel_gradient(dy, x, adjoint, groups), groups), dw)


def test_what_has_no_adjoint_window():
    assert Window((3,), (2,), (1,), ((0, 0),)).adjoint is None
    assert Window((3,), (1,), (1,), ((0, 3),)).adjoint is None


@pytest.mark.parametrize("groups", [1, 3])
def test_groups_are_merged_as_they_were_split(groups):
    w = np.random.default_rng(0).normal(size=(2, 3, 4, 5 * groups))
    parts = split_groups(w, groups)
    assert parts.shape == ((6, 4, 5) if groups == 1 else (groups, 6, 4, 5))
    np.testing.assert_array_equal(merge_groups(parts, (2, 3), groups), w)


def test_gradients_of_every_order_from_three_functions():
    """`d/dx` of `d/dw` of a cubic in the convolution, against the same of `tf.nn.conv2d`."""
    x, w = (tf.constant(np.random.default_rng(i).normal(size=s)) for i, s in enumerate([(2, 6, 5, 3), (3, 2, 3, 4)]))
    algorithm = Algorithm(direct.forward, direct.input_gradient, direct.kernel_gradient)
    window = Window((3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)))

    def third(function):
        with tf.GradientTape() as a:
            a.watch(x)
            with tf.GradientTape() as b:
                b.watch(w)
                with tf.GradientTape() as c:
                    c.watch(x)
                    loss = tf.reduce_sum(function(x, w) ** 3)
                first = tf.reduce_sum(c.gradient(loss, x) ** 2)
            second = tf.reduce_sum(b.gradient(first, w) ** 2)
        return a.gradient(second, x)

    ours = third(lambda x, w: convolve(x, w, window, 1, algorithm))
    theirs = third(lambda x, w: tf.nn.conv2d(x, w, 1, "VALID"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
