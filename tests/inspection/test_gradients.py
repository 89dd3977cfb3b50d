"""The gradient check: what is right passes, and what is sabotaged does not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import check_gradients, geometry, layers, ops
from kerasconv.ops.algorithms import direct

X = np.random.default_rng(0).normal(size=(2, 9, 8, 3))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, strides=2, dilation_rate=2, padding=((1, 2), (0, 3)), padding_mode="circular"),
        layers.Conv2DTranspose(4, 3, strides=2, padding=1, output_padding=1),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        layers.SeparableConv2D(4, 3, padding=2, padding_mode="symmetric"),
        layers.MaxPooling2D(3, 2, ceil_mode=True),
        layers.AveragePooling2D(3, 2, padding=1, count_include_pad=True),
        layers.AdaptiveMaxPooling2D((4, 3)),
        layers.LpPooling2D(3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_pass(layer):
    report = check_gradients(layer, X)
    assert report.passed, str(report)
    assert report.rows[0].name == "inputs"


def test_a_model_in_its_own_dtype():
    """Nested, in mixed precision, with weights of its own: the copy has those weights, and the model keeps its dtype."""
    inner = keras.Sequential([keras.Input((7, 6, 4)), layers.MaxPooling2D(2), keras.layers.BatchNormalization()])
    stack = [keras.Input((9, 8, 3)), layers.Conv2D(4, 3, activation="relu", dtype="mixed_float16"), inner]
    model = keras.Sequential([*stack, keras.layers.Flatten(), keras.layers.Dense(2)])
    report = check_gradients(model, X.astype("float32"))
    assert report.passed, str(report)
    assert [row.shape for row in report.rows] == [X.shape, *(tuple(w.shape) for w in model.trainable_weights)]
    assert model.layers[0].dtype_policy.name == "mixed_float16"


def test_several_inputs_and_integers():
    table = np.random.default_rng(0).normal(size=(5, 3))
    report = check_gradients(lambda indices, table: tf.gather(table, indices), [np.array([1, 1, 4]), table])
    assert [row.name for row in report.rows] == ["inputs[1]"]
    assert report.passed
    with pytest.raises(ValueError) as error:
        check_gradients(lambda x: x, np.array([1, 2]))
    assert str(error.value) == (
        "check_gradients: there must be a floating-point input or a weight to differentiate by. "
        "Received: inputs of dtypes ['int64']."
    )


class ForgetsOverlap:
    """`=` for `+=`: of overlapping windows only the last one writes."""

    forward, kernel_gradient = staticmethod(direct.forward), staticmethod(direct.kernel_gradient)

    def input_gradient(self, dy, w, window, groups, sizes):
        dx = direct.input_gradient(dy, w, window, groups, sizes)
        counts = direct.input_gradient(tf.ones_like(dy), tf.ones_like(w), window, groups, sizes)
        return dx / tf.maximum(counts / w.shape[-1], 1)


class ShiftsPads:
    """The pads before and after exchanged, on the way back."""

    forward = staticmethod(direct.forward)

    def _shifted(self, window):
        return geometry.Window(window.size, window.strides, window.dilation, tuple((b, a) for a, b in window.pads))

    def input_gradient(self, dy, w, window, groups, sizes):
        return direct.input_gradient(dy, w, self._shifted(window), groups, sizes)

    def kernel_gradient(self, x, dy, window, groups):
        return direct.kernel_gradient(x, dy, self._shifted(window), groups)


class ForgetsToFlip:
    """The kernel not turned round, on the way back."""

    forward, kernel_gradient = staticmethod(direct.forward), staticmethod(direct.kernel_gradient)

    def input_gradient(self, dy, w, window, groups, sizes):
        return direct.input_gradient(dy, tf.reverse(w, [0, 1]), window, groups, sizes)


@pytest.mark.parametrize(
    ("sabotage", "wrong"),
    [(ForgetsOverlap(), {"inputs[0]"}), (ShiftsPads(), {"inputs[0]", "inputs[1]"}), (ForgetsToFlip(), {"inputs[0]"})],
    ids=lambda value: type(value).__name__,
)
def test_sabotage_is_caught(sabotage, wrong):
    w = np.random.default_rng(1).normal(size=(3, 2, 3, 4))

    def function(algorithm):
        return lambda x, w: ops.conv(x, w, padding=((0, 1), (1, 0)), algorithm=algorithm)

    assert check_gradients(function("direct"), [X, w]).passed
    report = check_gradients(function(sabotage), [X, w])
    assert {row.name for row in report.rows if row.error > report.tolerance} == wrong
    assert report.worst.error > 1e-2
    assert "WRONG" in str(report)


def test_a_lost_gradient_is_caught():
    assert check_gradients(lambda x: x * tf.stop_gradient(x), X).worst.error == pytest.approx(0.5, abs=0.01)


def test_the_report_shows_errors_beside_their_bounds():
    report = check_gradients(lambda x: x**3, X)
    (row,) = report.rows
    assert 0 < row.error < row.bound == pytest.approx(1e-6, rel=0.1)
    assert str(report) == f"inputs  error {row.error:.1e}  bound 1.0e-06  right  (2, 9, 8, 3)"


def test_an_error_that_is_no_number_is_wrong():
    assert not check_gradients(tf.sqrt, X).passed
