"""Weights by name and from files: what the builders' `weights` takes, and what it refuses.

The files are made here, in the formats of those that Keras and PyTorch publish; nothing is downloaded.
"""

import hashlib
import importlib

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from safetensors.numpy import save_file

from kerasconv import models
from kerasconv.models._network import classifier
from kerasconv.models._variables import state_of
from tests.models.test_outside import randomise, torchvision_models


def write_official(model, path):
    """A file as Keras publishes them; its weights, or else random ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


def image(model, seed=4):
    return np.random.default_rng(seed).uniform(0, 255, (1, *model.input_shape[1:])).astype("float32")


def assert_equal_outputs(ours, theirs):
    x = image(ours)
    expected = np.asarray(theirs(x))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(ours(x), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


# Model, options, and what Keras calls the file.
PUBLISHED = [
    ("mobilenet", {"alpha": 0.5, "input_shape": (128, 128, 3)}, "mobilenet_5_0_128_tf.h5"),
    *(
        pytest.param(*case, marks=pytest.mark.large)
        for case in [
            ("convnext_tiny", {}, "convnext_tiny.h5"),
            ("convnext_tiny", {"include_top": False, "pooling": "max"}, "convnext_tiny_notop.h5"),
            ("efficientnet_b0", {}, "efficientnetb0.h5"),
            ("efficientnet_b0", {"include_top": False, "pooling": "avg"}, "efficientnetb0_notop.h5"),
            (
                "mobilenet_v2",
                {"include_top": False, "input_shape": (224, 224, 3)},
                "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            ),
            (
                "mobilenet_v3_small",
                {"minimalistic": True, "input_shape": (224, 224, 3)},
                "weights_mobilenet_v3_small_minimalistic_224_1.0_float.h5",
            ),
            ("resnet50", {}, "resnet50_weights_tf_dim_ordering_tf_kernels.h5"),
        ]
    ),
]


@pytest.mark.parametrize(("name", "options", "file"), PUBLISHED)
def test_imagenet_weights_are_those_of_keras(name, options, file, tmp_path, monkeypatch):
    """Keras finds the file in its cache, checks its hash, and reads it, for its own model and for ours."""
    build = getattr(keras.applications, models.get_entry(name).source.rpartition(".")[2])
    options = {"classifier_activation": None, **options}
    random = build(weights=None, **options)
    randomise(random)
    path = write_official(random, tmp_path / "models" / file)
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    hashes = getattr(importlib.import_module(build.__module__), "WEIGHTS_HASHES", {})
    for key in hashes:
        monkeypatch.setitem(hashes, key, [hashlib.md5(path.read_bytes()).hexdigest()] * 2)
    assert_equal_outputs(models.create_model(name, weights="imagenet", **options), build(weights="imagenet", **options))


def test_imagenet_knows_1000_classes():
    with pytest.raises(ValueError) as raised:
        models.efficientnet_b0((32, 32, 3), classes=5, weights="imagenet")
    assert str(raised.value) == (
        "efficientnet_b0: with weights='imagenet', `classes` must be 1000, or `include_top` False. Received: classes=5."
    )


def test_a_word_that_the_model_has_not():
    with pytest.raises(FileNotFoundError) as raised:
        models.efficientnet_b0((32, 32, 3), weights="imagenet21k")
    assert str(raised.value) == (
        "efficientnet_b0: `weights` must be 'imagenet' or the path of a file or of a preset. Received: weights='imagenet21k'."
    )
    with pytest.raises(FileNotFoundError) as raised:
        tiny(weights="imagenet")
    assert (
        str(raised.value) == "tiny: `weights` must be the path of a file or of a preset. Received: weights='imagenet'."
    )


@pytest.fixture(scope="module")
def stock():
    """A model of Keras, made after others, so that Keras numbers the layers that have no name in it."""
    keras.layers.Rescaling(1.0), keras.layers.Normalization()
    model = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classifier_activation=None)
    randomise(model)
    assert not {"rescaling", "normalization"} & {layer.name for layer in model.layers}
    return model


@pytest.fixture(scope="module")
def official(stock, tmp_path_factory):
    return write_official(stock, tmp_path_factory.mktemp("official") / "efficientnetb0.h5")


def test_a_published_file_is_read_in_order_where_its_layers_are_called_otherwise(stock, official):
    ours = models.efficientnet_b0((32, 32, 3), classifier_activation=None, weights=official)
    assert_equal_outputs(ours, stock)
    stock_layers = models.efficientnet_b0(
        (3, 32, 32), classifier_activation=None, weights=official, layers=keras.layers, data_format="channels_first"
    )
    for ours, theirs in zip(stock_layers.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.large
def test_feature_maps_do_without_the_classifier_in_a_file(stock, official):
    features = models.efficientnet_b0((32, 32, 3), features_only=True, weights=official)
    expected = keras.Model(stock.input, stock.get_layer("top_activation").output)
    x = image(stock)
    np.testing.assert_allclose(features(x)[-1], expected(x), rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError) as raised:
        models.efficientnet_b0((32, 32, 3), include_top=False, weights=official)
    assert str(raised.value) == (
        "efficientnet_b0: the weights must be those of this architecture. It has no variable 'predictions/0', the "
        "first of 2 that are left over."
    )


@pytest.mark.large
def test_a_published_file_of_another_architecture(official):
    with pytest.raises(ValueError) as raised:
        models.efficientnet_b1((32, 32, 3), weights=official)
    assert str(raised.value) == (
        "efficientnet_b1: the weights must be those of this architecture. The first layer that differs is "
        "'block1b_dwconv': its kernel has the shape (3, 3, 16, 1). Received: (1, 1, 16, 96)."
    )


@classifier((8, 9, 3), classes=4)
def tiny(net, pixels, *, filters=5):
    """A model that is not in the zoo."""
    x = net.Conv2D(filters, 3, name="conv")(pixels)
    x = net.BatchNormalization(name="bn")(x)
    return [net.Conv2D(filters + 1, 2, name="deeper")(x)]


def write(model, path):
    """The weights of a model, in a file of the format that its name says."""
    if path.name.endswith(".weights.h5"):
        model.save_weights(path)
    elif path.suffix == ".h5":
        write_official(model, path)
    elif path.suffix == ".safetensors":
        save_file(state_of(model), path)
    return path


FILES = ["own.weights.h5", "own.h5", "own.safetensors"]


@pytest.mark.parametrize("file", FILES)
def test_what_was_saved_is_loaded(file, tmp_path):
    saved = tiny()
    randomise(saved)
    loaded = tiny(weights=write(saved, tmp_path / file))
    for ours, theirs in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_that_keras_saved_whole(tmp_path):
    saved = tiny(layers=keras.layers)
    legacy_h5_format.save_model_to_hdf5(saved, tmp_path / "whole.h5")
    loaded = tiny(weights=tmp_path / "whole.h5")
    for ours, theirs in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("options", "layer", "difference"),
    [
        ({"filters": 6}, "conv", "kernel has the shape (3, 3, 3, 5). Received: (3, 3, 3, 6)."),
        ({"classes": 7}, "predictions", "kernel has the shape (6, 4). Received: (6, 7)."),
        ({"include_top": False}, "predictions", "kernel has the shape (6, 4). Received: nothing."),
    ],
)
def test_the_first_layer_that_differs_is_named(options, layer, difference, file, tmp_path):
    path = write(tiny(**options), tmp_path / file)
    with pytest.raises(ValueError) as raised:
        tiny(weights=path)
    assert str(raised.value) == (
        f"tiny: the weights must be those of this architecture. The first layer that differs is {layer!r}: "
        f"its {difference}"
    )


@pytest.mark.parametrize("file", [*FILES, "own.pth"])
@pytest.mark.parametrize("cut", [0, 100])
def test_a_corrupt_file(file, cut, tmp_path):
    path = tmp_path / file
    if path.suffix == ".pth":
        pytest.importorskip("torch").save({}, path)
    else:
        write(tiny(), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError) as raised:
        tiny(weights=path)
    cause = raised.value.__cause__
    assert str(raised.value) == (
        "tiny: a file of `weights` must be whole, and of the format that its name says. Received: "
        f"weights={str(path)!r}, and on reading it, {type(cause).__name__}: {cause}"
    )


def test_a_file_of_another_kind(tmp_path):
    path = tmp_path / "model.onnx"
    path.touch()
    with pytest.raises(ValueError) as raised:
        tiny(weights=path)
    assert str(raised.value) == (
        "tiny: a file of `weights` must end in '.weights.h5', '.safetensors', '.h5', '.pt' or '.pth'. "
        f"Received: weights={str(path)!r}."
    )


@pytest.fixture(scope="module")
def resnet():
    torchvision = torchvision_models()
    import torch

    torch.manual_seed(0)
    return torchvision.resnet18(weights=None, num_classes=5).eval()


@pytest.mark.parametrize("file", ["resnet18.pth", "resnet18.safetensors"])
def test_weights_of_torchvision(file, resnet, tmp_path):
    """A state dict as `torch.save` writes it, or with the same names as safetensors."""
    import torch
    from safetensors.torch import save_file as save_tensors

    write = torch.save if file.endswith(".pth") else save_tensors
    write(resnet.state_dict(), tmp_path / file)
    ours = models.resnet18((33, 40, 3), classes=5, classifier_activation=None, weights=tmp_path / file)
    x = image(ours)
    with torch.no_grad():
        expected = resnet(torch.tensor(np.moveaxis(x, -1, 1))).numpy()
    np.testing.assert_allclose(ours(x), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_weights_of_torchvision_for_other_classes(resnet, tmp_path):
    import torch

    torch.save(resnet.state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ValueError) as raised:
        models.resnet18((32, 32, 3), classes=7, weights=tmp_path / "resnet18.pth")
    assert str(raised.value) == (
        "load_torch: the weights must be those of the model, in the shapes of PyTorch, and nothing else; if their order "
        "differs, `names` tells which is which. Received, for model 'resnet18':\n"
        "  wrong shape: 'fc.weight' is (5, 512), and 'predictions' needs (7, 512)\n"
        "  wrong shape: 'fc.bias' is (5,), and 'predictions' needs (7,)"
    )
