"""The explanation of algorithms: each convolution has a row, which names its layer, whoever computes it."""

import keras
import pytest

import kerasconv
from kerasconv import config, explain_algorithm, layers, ops

FORWARD_AND_BACK = ["forward", "input_gradient", "kernel_gradient"]


class Own:
    """An algorithm of a user's."""

    forward = staticmethod(ops.algorithms.direct.forward)
    input_gradient = staticmethod(ops.algorithms.direct.input_gradient)
    kernel_gradient = staticmethod(ops.algorithms.direct.kernel_gradient)


@pytest.mark.parametrize(
    ("layer", "algorithm", "reason"),
    [
        (layers.Conv2D(4, 3, name="conv", algorithm="fft"), "fft", "asked for"),
        (layers.Conv2D(4, 3, name="conv", algorithm="native"), "native", "asked for"),
        (layers.Conv2D(4, 3, name="conv", algorithm=ops.algorithms.direct), "direct", "asked for"),
        (keras.layers.Conv2D(4, 3, name="conv"), "TensorFlow", "of a stock layer"),
        (keras.layers.DepthwiseConv2D(3, name="conv"), "TensorFlow", "of a stock layer"),
        (keras.layers.Conv2DTranspose(4, 3, name="conv"), "TensorFlow", "of a stock layer"),
    ],
)
def test_what_auto_does_not_choose(layer, algorithm, reason):
    rows = explain_algorithm(layer, (2, 9, 8, 3)).rows
    assert sorted(row.operation for row in rows) == FORWARD_AND_BACK
    assert {(row.layer, row.algorithm) for row in rows} == {("conv", algorithm)}
    assert all(row.reason.startswith(reason) for row in rows)


def test_an_object_of_a_user():
    rows = explain_algorithm(layers.Conv2D(4, 3, name="conv", algorithm=Own()), (2, 9, 8, 3)).rows
    assert [row.operation for row in rows if row.algorithm == "Own"] == FORWARD_AND_BACK


def test_a_setting():
    with config.algorithm("gemm"):
        rows = explain_algorithm(layers.Conv2D(4, 3, name="conv"), (2, 9, 8, 3)).rows
    assert [(row.layer, row.operation, row.algorithm, row.reason) for row in rows] == [
        ("conv", operation, "gemm", "set by kerasconv.config") for operation in FORWARD_AND_BACK
    ]


def test_each_row_names_its_layer():
    """Where automatic names end in numbers, as scopes do, and where two blocks have a layer of one name."""
    keras.backend.clear_session()

    def block(name):
        return keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.DepthwiseConv2D(3, name="dw")], name=name)

    model = keras.Sequential(
        [keras.Input((20, 19, 3)), layers.Conv2D(3, 3), layers.Conv2D(3, 3), block("a"), block("b")]
    )
    model.add(keras.layers.Conv2D(2, 3, name="stock"))
    explanation = explain_algorithm(model, (2, 20, 19, 3))
    forward = [row for row in explanation.rows if row.operation == "forward"]
    assert [row.layer for row in forward] == ["conv2d", "conv2d_1", "a/conv", "a/dw", "b/conv", "b/dw", "stock"]
    assert len(explanation.rows) == 3 * len(forward)
    assert len(explanation.choices) == 3 * 6


def test_the_table():
    lines = str(explain_algorithm(layers.Conv2D(4, 3, name="conv"), (2, 9, 8, 3))).splitlines()
    assert lines[0].split() == [
        "layer",
        "operation",
        "positions",
        "kernel",
        "channels",
        "algorithm",
        "chunks",
        "reason",
    ]
    assert lines[1].startswith("conv   forward          2 x 7x6    3x3     3 -> 4    gemm       1       gemm 0.0")
    steps = keras.layers.TimeDistributed(layers.Conv1D(4, 3), name="steps")
    assert "forward x 5 " in str(explain_algorithm(steps, (2, 5, 9, 3)))
    assert str(explain_algorithm(lambda x: kerasconv.ops.conv(x, x), (3, 3, 3))).count("\n") == 3


def test_no_convolution():
    pooling = layers.MaxPooling2D(2, name="pool")
    assert str(explain_algorithm(pooling, (2, 9, 8, 3))) == "'pool' (MaxPooling2D) has no convolutions."
