"""A slice of each judge, and that each notices a wrong answer."""

import importlib
import os
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasconv.layers
from kerasconv import ops
from scoreboard import keras_plugin, keras_tests, onnx_nodes, stock_models
from scoreboard.verdicts import Outcome, settled


def failures(verdicts):
    return [(v.case, v.detail) for v in verdicts if v.outcome is Outcome.FAILED]


def sabotaged(**functions):
    """`kerasconv.ops` with some functions replaced."""
    return types.SimpleNamespace(**{**vars(ops), **functions})


# ONNX


def test_onnx_cases_pass():
    verdicts = list(onnx_nodes.judge())
    assert {v.subject for v in verdicts} == set(onnx_nodes.ADAPTERS)
    assert len(verdicts) >= 76
    assert failures(verdicts) == []


def test_onnx_notices_a_wrong_answer(monkeypatch):
    wrong = lambda x, *args, **kwargs: ops.average_pool(x, *args, **{**kwargs, "count_include_pad": True})  # noqa: E731
    monkeypatch.setattr(onnx_nodes, "ops", sabotaged(average_pool=wrong, lp_pool=None))
    found = dict(failures(onnx_nodes.judge("pool_2d_pads")))
    assert set(found) == {"test_averagepool_2d_pads", "test_lppool_2d_pads"}
    assert "output y: off by up to" in found["test_averagepool_2d_pads"]
    assert found["test_lppool_2d_pads"] == "TypeError: 'NoneType' object is not callable"


# PyTorch


@pytest.fixture
def torch_samples():
    pytest.importorskip("torch", reason="PyTorch is an optional extra: pip install .[torch]")
    pytest.importorskip("expecttest", reason="PyTorch's test suite needs it: pip install .[scoreboard]")
    return importlib.import_module("scoreboard.torch_samples")


torch_warns = pytest.mark.filterwarnings("ignore")


@torch_warns
@pytest.mark.parametrize(
    "select", ["conv1d", "conv_transpose2d", "adaptive_max_pool3d", "avg_pool1d", "max_unpool1d grad"]
)
def test_torch_samples_pass(torch_samples, select):
    verdicts = list(torch_samples.judge(select))
    assert len(verdicts) >= 6
    assert failures(verdicts) == []


@torch_warns
def test_torch_lp_pool_deviates_as_declared(torch_samples):
    from scoreboard import deviations

    verdicts = list(settled(torch_samples.judge("lp_pool1d"), deviations.of("torch"), complete=False))
    assert {v.outcome for v in verdicts} == {Outcome.PASSED, Outcome.DEVIATES}


@torch_warns
def test_torch_notices_a_wrong_answer(torch_samples, monkeypatch):
    def wrong_value(x, w, *args, bias=None, **kwargs):
        return ops.conv(x, w, *args, **kwargs)

    monkeypatch.setattr(torch_samples, "ops", sabotaged(conv=wrong_value))
    found = failures(torch_samples.judge("conv1d"))
    assert len(found) == 6  # of ten, four have no bias
    assert all(detail.startswith("output 0: off by") for _, detail in found)


@torch_warns
def test_torch_notices_a_wrong_gradient(torch_samples, monkeypatch):
    @tf.custom_gradient
    def doubled(w):
        return tf.identity(w), lambda dw: 2 * dw

    monkeypatch.setattr(
        torch_samples, "ops", sabotaged(conv=lambda x, w, *args, **kwargs: ops.conv(x, doubled(w), *args, **kwargs))
    )
    found = failures(torch_samples.judge("conv1d"))
    assert len(found) == 10
    assert all(detail.startswith("gradient for the argument of shape (") for _, detail in found)


# Keras' tests


def test_a_stand_in_replaces_what_it_names_and_leaves_keras_alone():
    import keras.src

    aim = keras_plugin.Aim("file", ("Conv2D",))
    stock = keras.src.layers
    with keras_plugin.standing_in(aim):
        from keras.src import layers
    assert layers.Conv2D is kerasconv.layers.Conv2D
    assert layers.Conv1D is keras.layers.Conv1D
    assert keras.src.layers is stock
    assert aim.drawn == {"Conv2D"}


@pytest.mark.large
def test_keras_tests_notice_a_wrong_answer():
    files = [str(keras_plugin.SOURCE / "layers/reshaping/zero_padding1d_test.py")]
    if not os.path.exists(files[0]):
        pytest.skip(f"the wheel of Keras {keras.__version__} has no tests")
    script = (
        "import sys, keras, pytest, kerasconv.layers;"
        "kerasconv.layers.ZeroPadding1D.call = lambda self, x: keras.layers.ZeroPadding1D.call(self, x) + 1;"
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    happened = keras_tests.run(files, runner=("-c", script))
    found = {name.rpartition("::")[2]: test["outcome"] for name, test in happened["tests"].items()}
    assert {name for name, outcome in found.items() if outcome == "failed"} >= {
        "test_zero_padding_1d0",
        "test_zero_padding_1d1",
    }
    assert found["test_zero_padding_1d_with_dynamic_spatial_dim"] == "passed"  # it asks for a shape only
    assert happened["unaimed"]["layers/reshaping/zero_padding1d_test.py"] == []


# Stock models


def model():
    return keras.Sequential([keras.Input((8, 9, 3)), keras.layers.Conv2D(4, 3), keras.layers.GlobalMaxPooling2D()])


def test_models_notice_a_difference():
    stock, x = model(), np.random.default_rng(0).normal(size=(2, 8, 9, 3)).astype("float32")
    cotangent = np.ones((2, 4), "float32")
    ours = kerasconv.convert_model(stock)
    errors = stock_models._errors(ours, stock, x, cotangent)
    assert errors["outputs"] < 1e-6
    assert errors["gradients"] < 1e-6
    ours.layers[0].bias.assign([0, 0, 0.01, 0])
    assert stock_models._errors(ours, stock, x, cotangent)["outputs"] > 1e-4
    ours.layers[0].bias.assign([0, 0, 0, 0])
    ours.layers[0].kernel.assign(ours.layers[0].kernel[::-1])
    assert stock_models._errors(ours, stock, x, cotangent)["gradients"] > 1e-3


def test_models_notice_layers_that_are_not_ours():
    assert stock_models._left_in_stock(kerasconv.convert_model(model())) == ""
    assert stock_models._left_in_stock(model()).startswith("2 of 2 layers are stock Keras'")


def test_models_notice_dead_values():
    alive = np.float32([[1, 2]])
    assert stock_models._dead(alive, [alive, alive]) == ""
    assert stock_models._dead(alive, [alive, 1e-9 * alive, 0 * alive]) == "2 of 3 gradients are zero or all but zero"
    assert stock_models._dead(np.zeros((1, 2)), [alive]) == "outputs between 0 and 0"
    assert stock_models._unequal([alive], [alive + 1]) == "1 of 1 arrays differ"
    assert stock_models._unequal([alive], [alive]) == ""
