"""What holds for every model of the zoo, by its table. A model is tested the moment it stands there."""

import importlib
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import models

FAMILIES = sorted(path.stem for path in pathlib.Path(models.__file__).parent.glob("*.py"))


# Families of which even the smallest model takes long.
DEEP = ("convnext", "densenet", "efficientnet", "fcn", "googlenet", "regnet", "segnet", "shufflenet", "vgg")

# Models that differ from another one of their family by numbers of layers and channels only.
SCALED = {
    *("densenet169", "densenet201", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "resnet34", "resnet101"),
    *("resnet152", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "vgg13", "vgg19", "wide_resnet50_2"),
}


def one_of_each_family(scaled=pytest.mark.large):
    """Yields the names of all models: the first of a family for the default run, the others for `make test-zoo`.

    Scaled models have a mark of their own: by default that of the others, too.
    """
    for family in FAMILIES:
        for i, name in enumerate(getattr(importlib.import_module(f"kerasconv.models.{family}"), "ZOO", {})):
            mark = scaled if name in SCALED else pytest.mark.large
            yield pytest.param(name, id=name, marks=[mark] if i or family in DEEP else [])


# With scaled models by hand: `test_outside.py` compares them with others' in `make test-zoo`.
every_model = pytest.mark.parametrize("name", list(one_of_each_family(scaled=pytest.mark.exhaustive)))


def small(name, **options):
    """The model at a small size, with the same weights each time."""
    keras.utils.set_random_seed(0)
    entry = models.get_entry(name)
    options = {**entry.small, **options}
    if options.get("data_format") == "channels_first" and "input_shape" in options:
        *spatial, channels = options["input_shape"]
        options["input_shape"] = (channels, *spatial)
    return models.create_model(name, **options)


def inputs_for(model, batch=2):
    shape = [n or 16 for n in model.input_shape[1:]]
    return np.random.default_rng(1).uniform(size=(batch, *shape)).astype("float32")


def to_channels_first(x):
    return np.moveaxis(x, -1, 1)


def test_all_families_are_in_the_zoo():
    assert sorted(param.values[0] for param in one_of_each_family()) == models.list_models()


@pytest.mark.parametrize("name", list(one_of_each_family()))
def test_the_published_number_of_parameters(name):
    entry = models.get_entry(name)
    if entry.parameters is None:
        pytest.skip("nobody has published one")
    assert sum(int(np.prod(v.shape)) for v in models.create_model(name).trainable_variables) == entry.parameters
    assert entry.source


@every_model
def test_both_data_formats_give_the_same(name):
    last, first = small(name, data_format="channels_last"), small(name, data_format="channels_first")
    first.set_weights(last.get_weights())
    x = inputs_for(last)
    for ours, theirs in zip(keras.tree.flatten(last(x)), keras.tree.flatten(first(to_channels_first(x))), strict=True):
        ours = ours if ours.shape == theirs.shape else to_channels_first(ours)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@every_model
def test_every_parameter_receives_a_gradient(name):
    model = small(name)
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(inputs_for(model), training=True))
        weights = [np.random.default_rng(2).normal(size=y.shape).astype("float32") for y in outputs]
        loss = sum(tf.reduce_sum(y * w) for y, w in zip(outputs, weights, strict=True))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    without = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None]
    assert not without
    assert all(np.isfinite(g).all() for g in gradients)


# What stock Keras has no layer for; `test_other_uses.py` checks what the conversion says instead.
WITHOUT_COUNTERPART = {"segnet": "MaxUnpooling2D"}


@every_model
def test_to_stock_keras_and_back(name):
    if name in WITHOUT_COUNTERPART:
        assert not hasattr(keras.layers, WITHOUT_COUNTERPART[name])
        pytest.skip(f"stock Keras has no {WITHOUT_COUNTERPART[name]}")
    ours = small(name)
    stock = kerasconv.convert_model(ours, to="keras")
    assert not any(type(layer).__module__.startswith("kerasconv") for layer in stock.layers)
    back = kerasconv.convert_model(stock, to="kerasconv")
    x = inputs_for(ours)
    for expected, y, z in zip(*map(keras.tree.flatten, (ours(x), stock(x), back(x))), strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-5)


@every_model
def test_export(name, tmp_path):
    """To an ONNX file, which ONNX Runtime runs; the export verifies that the outputs are equal."""
    report = kerasconv.export.to_onnx(small(name), tmp_path / "model.onnx")
    assert report.passed
