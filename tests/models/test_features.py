"""`features_only`: what the stages of a classifier give, each of half the size of the one before."""

import re

import keras
import numpy as np
import pytest

import kerasconv.layers
from kerasconv import models
from tests.models.test_zoo import one_of_each_family

STRIDES = (2, 4, 8, 16, 32)
PYRAMIDS = ("densenet", "mobilenet", "resn", "shufflenet", "wide_resnet")


@pytest.mark.parametrize(
    "name", [p for p in one_of_each_family(pytest.mark.exhaustive) if p.values[0].startswith(PYRAMIDS)]
)
def test_a_pyramid(name):
    height, width = 64, 96
    last = models.create_model(name, input_shape=(height, width, 3), features_only=True)
    assert [shape[1:3] for shape in last.output_shape] == [(height // s, width // s) for s in STRIDES]
    first = models.create_model(name, input_shape=(3, height, width), data_format="channels_first", features_only=True)
    assert [(n, *spatial, c) for n, c, *spatial in first.output_shape] == last.output_shape
    map_alone = models.create_model(name, input_shape=(height, width, 3), include_top=False)
    assert map_alone.output_shape == last.output_shape[-1]
    assert map_alone.count_params() == last.count_params()


@pytest.mark.parametrize("layers", [kerasconv.layers, keras.layers])
@pytest.mark.parametrize("name", ["unet", "wavenet", "lenet5", "line_detector", "filter_bank"])
def test_the_outputs_of_layers(name, layers):
    options = {**models.get_entry(name).small, "layers": layers}
    whole = models.create_model(name, **options)
    names = [layer.name for layer in whole.layers if layer.weights][:2]
    part = models.create_model(name, **options, features_only=names)
    assert [layer.name for layer in part.layers if layer.weights] == names
    assert [t.shape for t in part.outputs] == [whole.get_layer(name).output.shape for name in names]


def test_outputs_of_layers_with_weights(tmp_path):
    whole = models.lenet5(weights="digits")
    part = models.lenet5(weights="digits", features_only=["F6", "C1"])
    x = np.random.default_rng(0).uniform(size=(2, *whole.input_shape[1:])).astype("float32")
    f6, c1 = part.predict(x, verbose=0)
    np.testing.assert_array_equal(whole.get_layer("predictions")(f6), whole.predict(x, verbose=0))
    np.testing.assert_array_equal(c1, whole.get_layer("C1")(x))
    models.save_to_preset(part, tmp_path / "part")
    for ours, kept in zip((f6, c1), models.from_preset(tmp_path / "part").predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(ours, kept)


@pytest.mark.parametrize("features_only", [True, "lines", [], None])
def test_no_names_of_layers(features_only):
    rule = "must be a list of names of layers, or a bool if the model has stages"
    with pytest.raises(
        ValueError,
        match=re.escape(f"line_detector: `features_only` {rule}. Received: features_only={features_only!r}.") + "$",
    ):
        models.line_detector(features_only=features_only)


@pytest.mark.parametrize(
    ("name", "hint"), [("line", "Near it: 'lines'."), ("stage", "`kerasconv show line_detector` has them.")]
)
def test_an_unknown_layer(name, hint):
    message = f"line_detector: `features_only` must be names of its layers. Received: {name!r}. {hint}"
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        models.line_detector(features_only=["lines", name])
