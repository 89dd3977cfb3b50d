"""Which algorithm is chosen, how exact the fast ones are, what they refuse, and operations in parts."""

import functools
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import config, layers, ops
from kerasconv.geometry import Window
from kerasconv.ops.algorithms import auto, chunks, direct, fft, gemm, winograd
from kerasconv.ops.algorithms.groups import turned
from kerasconv.ops.algorithms.problem import problem
from tests.cases import CONVOLUTIONS, Case

OPERATIONS = ("forward", "input_gradient", "kernel_gradient")

LARGER = [
    Case((13, 14), (5, 7), padding="same"),
    Case((13, 14), (5, 1), padding=((2, 1), (0, 0)), groups=3),
    Case((9, 10), (9, 3), padding="same"),
    Case((6, 5, 7), (2, 3, 4), padding="same", groups=2),
    Case((15,), (3,), padding="same", channels=40, filters=41),
    Case((8, 9), (3, 4), padding=((2, 2), (0, 3))),
    Case((7, 8), (3, 2), padding="same", dilation=(2, 1), groups=2, channels=17, filters=5),
    Case((9, 8), (3, 2), strides=2, padding="same", channels=4, filters=18),
    Case((4, 5, 6), (2, 3, 2), padding=((0, 1), (2, 1), (0, 0)), channels=5, filters=16),
]


def _run(name, options, *tensors):
    return getattr(chunks, name)(direct, *tensors, *options)


def operations(case):
    x, w, dy = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    yield "forward", (x, w, case.window, case.groups)
    yield "input_gradient", (dy, w, case.window, case.groups, case.sizes)
    yield "kernel_gradient", (x, dy, case.window, case.groups)


@pytest.mark.parametrize("case", [*CONVOLUTIONS, *LARGER], ids=str)
@pytest.mark.parametrize("algorithm", [winograd, fft, gemm, auto], ids=lambda a: a.__name__.rpartition(".")[2])
def test_they_agree_in_float64(algorithm, case):
    if hasattr(algorithm, "refusal") and algorithm.refusal(case.window, case.groups, case.channels):
        pytest.skip("it says that it does not take this")
    for name, arguments in operations(case):
        expected = getattr(direct, name)(*arguments)
        for run in (getattr(algorithm, name), tf.function(getattr(algorithm, name), autograph=False)):
            result = run(*arguments)
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, atol=1e-11)


@pytest.mark.parametrize("case", [c for c in (*CONVOLUTIONS, *LARGER) if c.window.mirrored], ids=str)
def test_the_roles_of_inputs_and_outputs_may_be_exchanged(case):
    """In steps of one a convolution is the input gradient of another, and the other way round."""
    mirrored, groups = case.window.mirrored, case.groups
    assert mirrored.output(case.output) == case.sizes
    assert mirrored.mirrored == case.window
    x, w, dy = map(tf.constant, case.arrays(case.x_shape, case.w_shape, case.y_shape))
    turned_w = turned(w, groups)
    np.testing.assert_array_equal(turned(turned_w, groups), w)
    same = functools.partial(np.testing.assert_allclose, atol=1e-11)
    y = direct.forward(x, w, case.window, groups)
    same(direct.input_gradient(x, turned_w, mirrored, groups, case.output), y)
    dx = direct.input_gradient(dy, w, case.window, groups, case.sizes)
    same(direct.forward(dy, turned_w, mirrored, groups), dx)
    dw = direct.kernel_gradient(x, dy, case.window, groups)
    same(turned(direct.kernel_gradient(dy, x, mirrored, groups), groups), dw)


def test_what_has_no_mirrored_window():
    assert Window((3,), (2,), (1,), ((0, 0),)).mirrored is None
    assert Window((3,), (1,), (1,), ((0, 3),)).mirrored is None


@pytest.mark.parametrize(("channels", "filters", "expected"), [(64, 3, True), (3, 64, False)])
def test_roles_are_exchanged_where_that_lays_out_less(channels, filters, expected):
    layer = layers.Conv2D(filters, 5, padding="same")
    explanation = kerasconv.explain_algorithm(layer, (8, 64, 64, channels))
    assert [(c.chosen, c.mirrored) for c in explanation.choices] == [("gemm", expected)] * 3
    assert str(explanation).count("gemm, mirrored") == 3 * expected


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("cut", [chunks.Turns(2), pytest.param(chunks.Turns(1, 2), marks=pytest.mark.large)], ids=str)
def test_turns_are_the_whole(monkeypatch, cut, case):
    """Some examples, or some rows of one, also where these share inputs or leave some out; in every mode."""
    monkeypatch.setattr(chunks, "turns", lambda _, p, dtype: cut if p.batch else chunks.Turns())
    for name, arguments in operations(case):
        expected = getattr(direct, name)(*arguments)
        tensors = [a for a in arguments if isinstance(a, tf.Tensor)]
        run = functools.partial(_run, name, arguments[len(tensors) :])
        for result in (run(*tensors), tf.function(run)(*tensors)):
            assert result.shape == expected.shape
            np.testing.assert_allclose(result, expected, atol=1e-12)


TRANSPOSED = (
    Case((10, 14), (3, 3), channels=4, filters=6, batch=3),
    Case((10, 14), (3, 3), channels=4, filters=6, groups=2, batch=3),
    Case((16, 12), (9, 3), batch=3),
    Case((20, 12), (5, 1), batch=3),
    Case((15,), (4,), batch=3),
    Case((7, 6, 7), (3, 3, 3), batch=3),
)


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
@pytest.mark.parametrize("cut", [chunks.Turns(), chunks.Turns(2), chunks.Turns(1, 4)], ids=str)
def test_winograd_transposes_where_there_are_fewer_outputs(monkeypatch, case, cut):
    """All three operations, at once and in turns, which have the transformed kernel in common."""
    monkeypatch.setattr(chunks, "turns", lambda *_: cut)
    p = problem("input_gradient", case.batch, case.output, case.window, case.groups, 1, 1)
    assert winograd._transposes(p)
    for name, arguments in operations(case):
        tensors = [a for a in arguments if isinstance(a, tf.Tensor)]
        run = functools.partial(getattr(chunks, name), winograd)
        graph = tf.function(lambda tensors, rest, run=run: run(*tensors, *rest))
        for result in (run(*arguments), graph(tensors, arguments[len(tensors) :])):
            np.testing.assert_allclose(result, getattr(direct, name)(*arguments), atol=1e-12)


@pytest.mark.parametrize("cut", [chunks.Turns(2), chunks.Turns(1, 2)], ids=str)
@pytest.mark.parametrize("mode", ["xla", "unknown batch", "unknown batch, xla"])
def test_turns_in_other_modes(monkeypatch, cut, mode):
    """Three examples in turns of two: one is left over, which a graph may learn only when it runs."""
    monkeypatch.setattr(chunks, "turns", lambda _, p, dtype: cut if p.batch else chunks.Turns())
    case = Case((9, 8), (3, 2), strides=(2, 1), padding="same", batch=3)
    for name, arguments in operations(case):
        tensors = [a for a in arguments if isinstance(a, tf.Tensor)]
        options = arguments[len(tensors) :]
        batches = tensors[:1] if name != "kernel_gradient" else tensors
        specs = [tf.TensorSpec([None, *t.shape[1:]] if "unknown" in mode and any(t is b for b in batches) else t.shape, t.dtype) for t in tensors]  # fmt: skip
        run = tf.function(functools.partial(_run, name, options), input_signature=specs, jit_compile="xla" in mode)  # fmt: skip
        np.testing.assert_allclose(run(*tensors), getattr(direct, name)(*arguments), atol=1e-12)


@pytest.mark.parametrize(("size", "batch"), [(56, 16), (300, 2)], ids=["examples", "rows"])
def test_turns_leave_nothing_over(size, batch):
    """Where a number near the largest divides what there is."""
    p = problem("forward", batch, (size, size), Window((3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))), 1, 64, 64)
    cut = chunks.turns(gemm, p)
    assert (cut.rows is None) == (size == 56)
    assert cut.count(p) * cut.examples * (cut.rows or size) == batch * size
    assert cut.count(p) > 1


def test_the_memory_limit_is_kept():
    """Or at least as few rows are done at once as can be, which of a volume with large planes may still be too much."""
    small = Case((112, 113), (3, 3), channels=64, filters=65, batch=64)
    large = Case((114, 130, 130), (3, 3, 3), channels=32, filters=64, batch=1)  # whose columns would take 6.3 GB
    for case, most in ((small, 2**26), (large, 2**28)):
        for name in OPERATIONS:
            p = problem(name, case.batch, case.output, case.window, 1, case.channels, case.filters)
            for algorithm in (direct, gemm, winograd):
                if algorithm is winograd and name == "input_gradient":
                    p = p.mirrored  # as `auto` has it
                cut = chunks.turns(algorithm, p)
                of_a_turn = replace(p, batch=cut.examples, output=(cut.rows or p.output[0], *p.output[1:]))
                assert algorithm.workspace(of_a_turn) <= 1.1 * most  # a tenth for the kernel in another form
                assert algorithm.workspace(p) > 10 * algorithm.workspace(of_a_turn)
    assert 4 * p.taps * p.positions * p.channels > 6.3e9


@pytest.mark.parametrize(
    ("size", "limit", "turns"), [(28, None, 1), (56, None, 4), (56, 2**26, 1), (112, None, 8), (448, None, 56)], ids=str
)
def test_the_limit_depends_on_the_tensors(size, limit, turns):
    """Half of them, between 16 and 64 MiB, if none is set; the tiles of 56 x 56 positions take 4 MiB."""
    with _limited(limit):
        (choice, *_) = kerasconv.explain_algorithm(layers.Conv2D(64, 3, padding="same"), (8, size, size, 64)).choices
    assert (choice.chosen, choice.chunks) == ("winograd", turns)


def test_what_would_exceed_the_limit_by_itself_is_not_chosen():
    """A kernel of 256 x 256 channels takes 9 MiB where it is transformed."""
    reason = "its kernel alone takes more memory than allowed"
    for limit, chosen, refusals in ((None, "winograd", {"fft"}), (10**6, "gemm", {"fft", "winograd"})):
        with _limited(limit):
            choice = kerasconv.explain_algorithm(layers.Conv2D(256, 3), (16, 32, 32, 256)).choices[0]
        assert choice.chosen == chosen
        assert choice.refusals == dict.fromkeys(refusals, reason)


@contextmanager
def _limited(limit):
    try:
        config.set_memory_limit(limit)
        yield
    finally:
        config.set_memory_limit(None)


@pytest.mark.parametrize("shape", [(0, 28, 28, 64), (512, None, 28, 64)], ids=["no examples", "unknown size"])
def test_one_turn(shape):
    assert [c.chunks for c in kerasconv.explain_algorithm(layers.Conv2D(64, 3), shape).choices] == [1, 1, 1]


def test_a_lower_limit_gives_the_same():
    x, w = np.random.default_rng(0).normal(size=(5, 40, 41, 16)), np.random.default_rng(1).normal(size=(3, 3, 16, 32))
    expected = ops.conv(x, w)
    with _limited(10**6), auto.choices() as found:
        np.testing.assert_allclose(ops.conv(x, w), expected, atol=1e-12)
    assert found[0].chunks > 2


@pytest.mark.parametrize("limit", [10, 1e9, True, "16"])
def test_what_is_no_limit(limit):
    with pytest.raises(ValueError) as error:
        config.set_memory_limit(limit)
    assert str(error.value) == (
        f"set_memory_limit: `limit` must be a number of bytes, an int of at least 1000000, or None. Received: limit={limit!r}."
    )


@pytest.mark.parametrize("algorithm", [winograd, direct], ids=["winograd", "direct"])
def test_errors_in_float32(algorithm):
    """The figures of winograd.py: errors relative to the largest number of the exact result."""
    bound = {winograd: 2e-5, direct: 2e-6}[algorithm]
    case = Case((28, 29), (3, 3), padding="same", channels=512, filters=96)
    for name, arguments in operations(case):
        exact = getattr(direct, name)(*arguments)
        narrow = [tf.cast(a, "float32") if isinstance(a, tf.Tensor) else a for a in arguments]
        exact = getattr(direct, name)(*(tf.cast(a, "float64") if isinstance(a, tf.Tensor) else a for a in narrow))
        error = tf.reduce_max(abs(tf.cast(getattr(algorithm, name)(*narrow), "float64") - exact))
        assert error / tf.reduce_max(abs(exact)) < bound


CHOICES = [
    (Case((28, 29), (3, 3), padding="same", channels=128, filters=128, batch=8), ["winograd"] * 3),
    (Case((28, 29), (1, 1), channels=64, filters=256, batch=8), ["gemm"] * 3),
    (Case((224, 225), (3, 3), padding="same", channels=3, filters=64, batch=8), ["gemm"] * 3),
    (Case((56, 57), (3, 3), strides=2, padding="same", channels=128, filters=128, batch=8), ["gemm"] * 3),
    (Case((56, 57), (3, 3), padding="same", groups=128, channels=1, filters=1, batch=8), ["direct"] * 3),
]


@pytest.mark.parametrize(("case", "expected"), CHOICES, ids=lambda c: str(c) if isinstance(c, Case) else "")
def test_choices(case, expected):
    layer = layers.Conv2D(case.filters * case.groups, case.kernel, case.strides, "same", groups=case.groups)
    explanation = kerasconv.explain_algorithm(layer, case.x_shape)
    assert [c.problem.operation for c in explanation.choices] == list(OPERATIONS)
    assert [c.chosen for c in explanation.choices] == expected
    for c in explanation.choices:
        worth = {name: ms / (0.87 if name == "winograd" else 1) for name, ms in c.milliseconds.items()}
        assert c.chosen == min(worth, key=worth.get)
    first, *lines = str(explanation).splitlines()
    assert first.split() == [
        *("operation", "positions", "kernel", "channels", "algorithm", "parts", "estimates", "in", "ms,", "refusals")
    ]
    assert len(lines) == 3 and all(name in line for name, line in zip(expected, lines, strict=True))


def test_winograd_is_switched_off():
    layer = layers.Conv2D(64, 3)
    try:
        config.set_winograd(False)
        explanation = kerasconv.explain_algorithm(layer, (None, 28, 28, 64))
    finally:
        config.set_winograd(True)
    assert {c.chosen for c in explanation.choices} <= {"direct", "gemm"}
    assert {c.refusals["winograd"] for c in explanation.choices} == {"switched off by kerasconv.config.set_winograd"}


def test_winograd_is_for_float32_and_what_is_widened_to_it():
    for dtype, expected in (("float64", False), ("float32", True), ("float16", True)):
        x, w = tf.zeros([8, 28, 28, 128], dtype), tf.zeros([3, 3, 128, 128], dtype)
        with auto.choices() as found:
            ops.conv(x, w, padding="same")
        assert [c.chosen == "winograd" for c in found] == [expected]


def test_an_explanation_needs_inputs():
    with pytest.raises(ValueError) as error:
        kerasconv.explain_algorithm(layers.Conv2D(4, 3))
    assert str(error.value) == "explain_algorithm: an array or a shape is needed for each argument. Received: none."


@pytest.mark.parametrize(
    ("algorithm", "options", "reason"),
    [
        ("winograd", {"strides": 2}, "it takes strides and dilations of 1 only"),
        ("winograd", {"dilation_rate": 2}, "it takes strides and dilations of 1 only"),
        ("winograd", {"padding": 3}, "it takes pads smaller than the kernel only"),
        ("fft", {"strides": 2}, "it takes strides and dilations of 1 only"),
    ],
)
def test_refusals(algorithm, options, reason):
    with pytest.raises(ValueError) as error:
        ops.conv(np.zeros((1, 9, 8, 2)), np.zeros((3, 2, 2, 2)), algorithm=algorithm, **options)
    message = str(error.value)
    assert message.startswith(f"conv: algorithm={algorithm!r} does not take this convolution: {reason}. Received: ")
    assert "kernel_size=(3, 2), strides=" in message
