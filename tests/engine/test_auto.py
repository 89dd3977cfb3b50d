"""Which algorithm is chosen for an operation, and why."""

import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import config, layers, ops
from kerasconv.engine.auto import choices
from kerasconv.ops import algorithms
from tests.arithmetic.test_convolution import operations
from tests.cases import CONVOLUTIONS, LARGER_CONVOLUTIONS, Case

OPERATIONS = ("forward", "input_gradient", "kernel_gradient")
CASES = [*CONVOLUTIONS, *LARGER_CONVOLUTIONS]


def cases_with_modes():
    """Yields all algorithms eagerly, and in a graph, whose compilation takes long, `auto` for every other case.

    `make test-zoo` has the rest of `auto`; the other algorithms in a graph are `exhaustive`.
    """
    for name in ("auto", "direct", "gemm", "winograd", "fft"):
        for i, case in enumerate(CASES):
            yield pytest.param(name, False, case, id=f"{name}-eager-{case}")
            marks = [[], pytest.mark.large][i % 2] if name == "auto" else pytest.mark.exhaustive
            yield pytest.param(name, True, case, id=f"{name}-graph-{case}", marks=marks)


@pytest.mark.parametrize(("name", "graph", "case"), list(cases_with_modes()))
def test_they_agree_in_float64(name, graph, case):
    """As the engine runs them."""
    algorithm = algorithms.ALGORITHMS[name]
    arguments = operations(case)
    try:
        ops.conv(*arguments["forward"][:2], **case.options, algorithm=name)
    except ValueError as error:
        pytest.skip(str(error))

    def results(algorithm):
        return {operation: getattr(algorithm, operation)(*given) for operation, given in arguments.items()}

    found = (tf.function(results, autograph=False) if graph else results)(algorithm)
    for operation, expected in results(algorithms.native).items():
        assert found[operation].shape == expected.shape
        np.testing.assert_allclose(found[operation], expected, atol=1e-11)


@pytest.mark.parametrize(("channels", "filters", "expected"), [(64, 3, True), (3, 64, False)])
def test_roles_are_exchanged_where_that_lays_out_less(channels, filters, expected):
    layer = layers.Conv2D(filters, 5, padding="same")
    explanation = kerasconv.explain_algorithm(layer, (8, 64, 64, channels))
    assert [(c.chosen, c.adjoint) for c in explanation.choices] == [("gemm", expected)] * 3
    assert str(explanation).count("gemm, adjoint") == 3 * expected


def test_what_would_exceed_the_limit_by_itself_is_not_chosen():
    """A kernel of 256 x 256 channels takes 9 MiB where it is transformed."""
    reason = "its kernel alone takes more memory than allowed"
    for limit, chosen, refused in ((None, "winograd", set()), (10**6, "gemm", {"winograd"})):
        with config.memory_limit(limit):
            choice = kerasconv.explain_algorithm(layers.Conv2D(256, 3), (16, 32, 32, 256)).choices[0]
        assert choice.chosen == chosen
        assert {name for name, why in choice.refusals.items() if why == reason} == refused


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


def test_winograd_is_switched_off():
    layer = layers.Conv2D(64, 3)
    with config.winograd(False):
        explanation = kerasconv.explain_algorithm(layer, (None, 28, 28, 64))
    assert {c.chosen for c in explanation.choices} <= {"direct", "gemm"}
    assert {c.refusals["winograd"] for c in explanation.choices} == {"switched off by kerasconv.config.set_winograd"}


def test_winograd_is_for_float32_and_what_is_widened_to_it():
    for dtype, expected in (("float64", False), ("float32", True), ("float16", True)):
        x, w = tf.zeros([8, 28, 28, 128], dtype), tf.zeros([3, 3, 128, 128], dtype)
        with choices() as found:
            ops.conv(x, w, padding="same")
        assert [c.chosen == "winograd" for c in found] == [expected]


def test_fft_is_chosen_only_when_it_is_switched_on():
    layer = layers.Conv2D(8, 31, padding="same")
    chosen = {}
    for enabled in (False, True):
        with config.fft(enabled):
            chosen[enabled] = [c.chosen for c in kerasconv.explain_algorithm(layer, (1, 128, 128, 8)).choices]
    assert "fft" not in chosen[False]
    assert "fft" in chosen[True]


def test_the_settings_of_the_forward_pass_are_those_of_its_gradients():
    x, w = tf.ones([8, 28, 28, 128]), tf.ones([3, 3, 128, 128])
    with choices() as found:
        with tf.GradientTape() as tape, config.winograd(False):
            tape.watch([x, w])
            y = ops.conv(x, w, padding="same")
        tape.gradient(y, [x, w])
    assert len(found) == 3
    assert "winograd" not in {c.chosen for c in found}


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
