"""Presets: there and back, and all that a folder from elsewhere may do to whoever loads it."""

import hashlib
import json
import os
import pickle
import re

import keras
import numpy as np
import pytest
from keras.src.saving.serialization_lib import SafeModeScope
from safetensors.numpy import load_file, save

import kerasconv
from kerasconv import models
from kerasconv.export import Preprocessing
from kerasconv.models import _preset as preset_module
from kerasconv.models._network import classifier
from tests.models.test_zoo import inputs_for, one_of_each_family, small

FILES = ("config.json", "metadata.json", "model.safetensors")


def message(kind, function, *args, **kwargs):
    with pytest.raises(kind) as error:
        function(*args, **kwargs)
    return str(error.value)


def tiny(**options):
    return models.resnet18((32, 32, 3), classes=3, **options)


def stack():
    """Not of the zoo."""
    return keras.Sequential(
        [
            keras.Input((8, 9, 3), name="image"),
            kerasconv.layers.Conv2D(4, 3, padding=((0, 1), (2, 0)), padding_mode="reflect", name="conv"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(2, name="dense"),
        ],
        name="stack",
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A preset to copy and damage."""
    folder = tmp_path_factory.mktemp("presets") / "stack"
    models.save_to_preset(stack(), folder, labels=["cat", "dog"])
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture
def preset(saved, tmp_path):
    """Of the stack, with labels."""
    folder = tmp_path / "stack"
    folder.mkdir()
    for name, content in saved.items():
        (folder / name).write_bytes(content)
    return folder


def rewrite(folder, name, content, **metadata):
    """Exchanges a file, as somebody does who knows how to hash."""
    (folder / name).write_bytes(content)
    about = json.loads((folder / "metadata.json").read_text()) | metadata
    about["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "metadata.json").write_text(json.dumps(about))


def assert_same(one, other):
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    x = np.random.default_rng(0).uniform(size=(2, *one.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(one(x), other(x), rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{"data_format": "channels_first"}, {"layers": keras.layers, "include_top": False, "name": "mine"}]
)
def test_a_model_of_the_zoo(options, tmp_path):
    if options.get("data_format") == "channels_first":
        model = models.resnet18((3, 32, 40), classes=3, **options)
    else:
        model = tiny(**options)
    models.save_to_preset(model, tmp_path / "preset")
    again = models.from_preset(tmp_path / "preset")
    assert_same(model, again)
    assert again.name == model.name
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    info = models.preset_info(tmp_path / "preset")
    assert (info.name, info.task, info.labels) == ("resnet18", "classification", None)
    assert info.options["classes"] == 3
    assert info.parameters == model.count_params()
    assert info.kerasconv == kerasconv.__version__
    size = (32, 40) if "data_format" in options else (32, 32)
    assert info.preprocessing == Preprocessing(size, 3, **models.get_entry("resnet18").preprocessing)
    assert sorted(os.listdir(tmp_path / "preset")) == list(FILES)


@pytest.mark.parametrize(
    "name",
    [pytest.param(p.id, marks=pytest.mark.exhaustive if p.marks else pytest.mark.large) for p in one_of_each_family()],
)
def test_every_model_of_the_zoo(name, tmp_path):
    model = small(name)
    models.save_to_preset(model, tmp_path / "preset")
    again = models.from_preset(tmp_path / "preset")
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    x = inputs_for(model)
    for y, z in zip(keras.tree.flatten(model(x)), keras.tree.flatten(again(x)), strict=True):
        np.testing.assert_allclose(z, y, rtol=1e-4, atol=1e-5 * np.abs(y).max())
    info = models.preset_info(tmp_path / "preset")
    assert info.name == name
    assert info.options is not None
    assert info.task == models.get_entry(name).task


def test_a_model_that_is_not_of_the_zoo(tmp_path):
    model, preprocessing = stack(), Preprocessing((8, 9), 3, scale=1)
    models.save_to_preset(
        model, tmp_path / "preset", preprocessing=preprocessing, labels=("cat", "dog"), task="classification"
    )
    again = models.from_preset(tmp_path / "preset")
    assert_same(model, again)
    assert type(again) is keras.Sequential
    assert again.layers[0].padding_mode == "reflect"
    info = models.preset_info(tmp_path / "preset")
    assert (info.name, info.options, info.task) == ("stack", None, "classification")
    assert (info.labels, info.preprocessing) == (("cat", "dog"), preprocessing)


def nested():
    """Variables that share their names, and some that have none."""

    class Unnamed(keras.layers.Layer):
        def build(self, shape):
            self.scales = [self.add_weight(shape=(1,), initializer="ones") for _ in range(2)]

        def call(self, x):
            return x * self.scales[0] - self.scales[1]

    keras.saving.register_keras_serializable("tests", "Unnamed")(Unnamed)
    image = keras.Input((8, 9, 3))
    x = image
    for name in ("a", "b"):
        inner = keras.Sequential([keras.layers.Dense(3, name="dense"), Unnamed(name="unnamed")], name=name)
        inner.layers[0].build((None, 8, 9, 3))
        x = inner(x)
    x = keras.layers.TimeDistributed(kerasconv.layers.Conv1D(4, 3, name="conv"), name="rows")(x)
    return keras.Model(image, keras.layers.Bidirectional(keras.layers.LSTM(2), name="both")(x[:, 0]), name="nested")


def test_what_a_normalisation_has_learnt(tmp_path):
    """It computes with a copy of its weights."""
    image = keras.Input((4, 3), name="image")
    model = keras.Model(image, keras.layers.Normalization(name="norm")(image), name="scaled")
    x = np.random.default_rng(0).normal(3, 2, (5, 4, 3)).astype("float32")
    model.get_layer("norm").adapt(x)
    models.save_to_preset(model, tmp_path / "scaled")
    np.testing.assert_array_equal(models.from_preset(tmp_path / "scaled")(x), model(x))


def test_models_in_models(tmp_path):
    model = nested()
    for i, variable in enumerate(model.weights):
        variable.assign(np.random.default_rng(i).normal(size=variable.shape))
    models.save_to_preset(model, tmp_path / "preset")
    assert_same(model, models.from_preset(tmp_path / "preset"))
    paths = list(load_file(tmp_path / "preset" / "model.safetensors"))
    assert {"a/dense/kernel", "b/dense/kernel", "a/unnamed/variable", "a/unnamed/variable_1"} < set(paths)


@pytest.mark.parametrize("change", ["function", "builder", "graph"])
def test_a_model_that_the_zoo_cannot_build_again_is_kept_by_its_layers(change, tmp_path):
    if change == "function":  # an option that JSON does not know
        model = tiny(classifier_activation=keras.activations.sigmoid)
    elif change == "builder":  # of the frame, but somebody else's

        @classifier((8, 8, 3), classes=2)
        def theirs(net, image):
            """A convolution."""
            return [net.Conv2D(4, 3, padding=2, name="conv")(image)]

        model = theirs()
    else:  # no longer what the builder made
        model = tiny()
        model.get_layer("predictions").enable_lora(2)
    models.save_to_preset(model, tmp_path / "preset")
    assert models.preset_info(tmp_path / "preset").options is None
    assert_same(model, models.from_preset(tmp_path / "preset"))


def test_the_same_model_gives_the_same_files(saved, tmp_path):
    model = stack()
    for name in ("a", "b"):
        models.save_to_preset(model, tmp_path / name)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert json.loads(saved["metadata.json"])["labels"] == ["cat", "dog"]


def test_a_preset_as_weights(tmp_path, preset):
    model = tiny()
    models.save_to_preset(model, tmp_path / "resnet18")
    assert_same(model, tiny(weights=tmp_path / "resnet18"))
    assert message(ValueError, models.resnet18, (32, 32, 3), 7, weights=tmp_path / "resnet18") == (
        "resnet18: the weights must be those of this architecture. The first layer that differs is 'predictions': its "
        "kernel has the shape (512, 7) and type float32. Received: (512, 3) and float32."
    )
    (preset / "extra").touch()
    assert message(ValueError, tiny, weights=preset) == (
        "resnet18: a preset must have no files but LICENSE, README.md, config.json, metadata.json, model.safetensors "
        f"and hidden ones. Received: {str(preset)!r}, which has 'extra'."
    )


# What somebody may do to a preset, and what is said then. `{}` stands for the folder.


def pipe(folder):
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


def linked_file(folder):
    """A hub's cache has links too, to where everything else of it is."""
    (folder.parent / "elsewhere.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../elsewhere.safetensors")


def folder_for_a_file(folder):
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()


def missing(folder):
    (folder / "config.json").unlink()


def extra(folder):
    (folder / "model.py").write_text("print('run me')")


def flipped_bit(folder):
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


def truncated(folder):
    path = folder / "model.safetensors"
    rewrite(folder, path.name, path.read_bytes()[:-4])


class Payload:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def pickled(folder):
    rewrite(folder, "model.safetensors", pickle.dumps({"conv/kernel": Payload()}))


def numpy_pickled(folder):
    path = folder / "objects.npy"
    np.save(path, np.array([Payload()], object), allow_pickle=True)
    rewrite(folder, "model.safetensors", path.read_bytes())
    path.unlink()


def other_file_listed(folder):
    about = json.loads((folder / "metadata.json").read_text())
    about["files"]["../../etc/passwd"] = "0" * 64
    (folder / "metadata.json").write_text(json.dumps(about))


def path_for_a_file(folder):
    about = json.loads((folder / "metadata.json").read_text())
    about["files"] = {"config.json": about["files"]["config.json"], "/etc/passwd": "0" * 64}
    (folder / "metadata.json").write_text(json.dumps(about))


def set_metadata(**changes):
    def change(folder):
        about = json.loads((folder / "metadata.json").read_text()) | changes
        (folder / "metadata.json").write_text(json.dumps(about))

    return change


def raw(name, content):
    def change(folder):
        (folder / name).write_bytes(content)

    return change


def set_config(config):
    def change(folder):
        rewrite(folder, "config.json", json.dumps(config).encode())

    return change


def set_layer(**changes):
    """Another layer in the place of `Flatten`."""

    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        layer = config["keras"]["config"]["layers"][2]
        assert layer["class_name"] == "Flatten"
        layer |= changes
        rewrite(folder, "config.json", json.dumps(config).encode())

    return change


def set_weights(alter):
    def change(folder):
        state = load_file(folder / "model.safetensors")
        alter(state)
        rewrite(folder, "model.safetensors", save(state), parameters=int(sum(a.size for a in state.values())))

    return change


def nest(depth):
    config = {}
    for _ in range(depth):
        config = {"x": config}
    return config


KERAS = "config.json of a preset must name layers of Keras that run no code and read no files, or registered ones. Received: '{}', with "
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["eA==", None, None]}}

ATTACKS = {
    "missing": (missing, FileNotFoundError, "a preset must have the files config.json, metadata.json, model.safetensors. Received: '{}', which has no config.json."),
    "extra": (extra, ValueError, "a preset must have no files but LICENSE, README.md, config.json, metadata.json, model.safetensors and hidden ones. Received: '{}', which has 'model.py'."),
    "linked": (linked_file, ValueError, "model.safetensors of a preset must be a plain file, and no link. Received: '{}', with Too many levels of symbolic links."),
    "pipe": (pipe, ValueError, "model.safetensors of a preset must be a plain file, and no link. Received: '{}', with prw-r--r--."),
    "folder": (folder_for_a_file, ValueError, "config.json of a preset must be a plain file, and no link. Received: '{}', with drwxr-xr-x."),
    "large": (raw("metadata.json", b" " * ((1 << 24) + 1)), ValueError, "metadata.json of a preset must have at most 16777216 bytes. Received: '{}', with 16777217."),
    "bit": (flipped_bit, ValueError, "model.safetensors of a preset must have the SHA-256 in the metadata. Received: '{}', with HASH for HASH."),
    "config": (raw("config.json", b"{}"), ValueError, "config.json of a preset must have the SHA-256 in the metadata. Received: '{}', with 44136fa355b3... for HASH."),
    "truncated": (truncated, ValueError, "model.safetensors of a preset must be a safetensors file. Received: '{}', with Error while deserializing: incomplete metadata, file not fully covered."),
    "pickle": (pickled, ValueError, "model.safetensors of a preset must be a safetensors file. Received: '{}', with Error while deserializing: header too large."),
    "npy": (numpy_pickled, ValueError, "model.safetensors of a preset must be a safetensors file. Received: '{}', with Error while deserializing: header too large."),
    "traversal": (other_file_listed, ValueError, "metadata.json of a preset must list config.json and model.safetensors, with their SHA-256. Received: '{}', with FILES"),
    "absolute": (path_for_a_file, ValueError, "metadata.json of a preset must list config.json and model.safetensors, with their SHA-256. Received: '{}', with FILES"),
    "format": (set_metadata(format=2), ValueError, "metadata.json of a preset must have the format 1. Received: '{}', with 2."),
    "parameters": (set_metadata(parameters=3), ValueError, "model.safetensors of a preset must hold 3 numbers. Received: '{}', with COUNT."),
    "labels": (set_metadata(labels="cat"), ValueError, "metadata.json of a preset must have `labels`, a list or null. Received: '{}', with 'cat'."),
    "label": (set_metadata(labels=[1]), ValueError, "metadata.json of a preset must have texts as `labels`. Received: '{}', with [1]."),
    "preprocessing": (set_metadata(preprocessing={"size": [8, 9], "run": "me"}), ValueError, "metadata.json of a preset must have arguments of `Preprocessing`. Received: '{}', with Preprocessing: `arguments` must have `size`, and no other than size, channels, resize, antialias, channel_order, scale, mean, std. Received: size, run.."),
    "no json": (raw("metadata.json", b"{"), ValueError, "metadata.json of a preset must be JSON. Received: '{}', with Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
    "no text": (raw("metadata.json", b"\xff"), ValueError, "metadata.json of a preset must be JSON. Received: '{}', with 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte."),
    "no object": (raw("metadata.json", b"[]"), ValueError, "metadata.json of a preset must be a JSON object. Received: '{}', with list."),
    "deep": (raw("metadata.json", b"[" * 100_000), ValueError, "metadata.json of a preset must be JSON. Received: '{}', with maximum recursion depth exceeded while decoding a JSON array from a unicode string."),
    "no kind of config": (set_config({"torch": {}}), ValueError, "config.json of a preset must have `zoo` and `options`, or `keras`. Received: '{}', with ['torch']."),
    "no model of the zoo": (set_config({"zoo": "os.system", "options": {}}), ValueError, "create_model: `name` must be that of a model of the zoo. Received: name='os.system'. `kerasconv list` shows them."),
    "weights of its own": (set_config({"zoo": "resnet18", "options": {"weights": "/etc/passwd"}}), ValueError, "config.json of a preset must have options of resnet18. Received: '{}', with 'weights'."),
    "layers of its own": (set_config({"zoo": "resnet18", "options": {"layers": "os"}}), ValueError, "config.json of a preset must have layers of 'keras' or 'kerasconv'. Received: '{}', with 'os'."),
    "lambda layer": (set_layer(class_name="Lambda", config={"function": LAMBDA}), ValueError, KERAS + "None.__lambda__."),
    "lambda": (set_layer(class_name="Activation", config={"activation": LAMBDA}), ValueError, KERAS + "None.__lambda__."),
    "function by name": (set_layer(class_name="Lambda", config={"function": "print"}), ValueError, KERAS + "keras.layers.Lambda."),
    "another module": (set_layer(module="os", class_name="system"), ValueError, KERAS + "os.system."),
    "a module that begins alike": (set_layer(module="keras_evil", class_name="Layer"), ValueError, KERAS + "keras_evil.Layer."),
    "no name": (set_layer(class_name=["Flatten"]), ValueError, "config.json of a preset must be a model that Keras can build. Received: '{}', with ANY."),
    "deep config": (set_layer(config=nest(200)), ValueError, "config.json of a preset must be nested at most 200 deep. Received: '{}', with more."),
    "reads a file": (set_layer(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}), ValueError, KERAS + "keras.layers.StringLookup."),
    "a saved model": (set_layer(class_name="TFSMLayer", config={"filepath": "/tmp"}), ValueError, KERAS + "keras.layers.TFSMLayer."),
    "no layer": (set_layer(module="keras.utils", class_name="get_file", config={"fname": "x", "origin": "http://127.0.0.1/x"}), ValueError, "config.json of a preset must be a model that Keras can build. Received: '{}', with ANY"),
    "no model": (set_config({"keras": {"module": "keras.layers", "class_name": "Flatten", "config": {}, "registered_name": None}}), ValueError, "config.json of a preset must be a model that Keras can build. Received: '{}', with Flatten."),
    "shape": (set_weights(lambda state: state.update({"conv/kernel": np.zeros((3, 3, 3, 5), "float32")})), ValueError, "the weights must be those of this architecture. The first layer that differs is 'conv': its kernel has the shape (3, 3, 3, 4) and type float32. Received: (3, 3, 3, 5) and float32."),
    "lacking": (set_weights(lambda state: state.pop("dense/bias")), ValueError, "the weights must be those of this architecture. The first layer that differs is 'dense': its bias has the shape (2,) and type float32. Received: nothing."),
    "type": (set_weights(lambda state: state.update({"dense/bias": np.zeros(2, "int32")})), ValueError, "the weights must be those of this architecture. The first layer that differs is 'dense': its bias has the shape (2,) and type float32. Received: (2,) and int32."),
    "left over": (set_weights(lambda state: state.update({"../x": np.zeros(1)})), ValueError, "the weights must be those of this architecture. It has no variable '../x', the first of 1 that are left over."),
}  # fmt: skip


# What differs from run to run in a message.
VARIES = {"HASH": r"[0-9a-f]{12}\.\.\.", "FILES": r"\{'config\.json': .*'0{64}'\}\.", "COUNT": r"\d+", "ANY": ".*?"}


@pytest.mark.parametrize("safe_mode", [True, False], ids=["safe", "unsafe"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack, safe_mode, preset):
    """Whether or not the program has switched Keras' safe mode off."""
    damage, kind, expected = ATTACKS[attack]
    damage(preset)
    with SafeModeScope(safe_mode):
        text = message(kind, models.from_preset, preset)
    pattern = re.escape(expected.replace("{}", str(preset)))
    for name, varying in VARIES.items():
        pattern = pattern.replace(name, varying)
    assert re.fullmatch(pattern if expected.startswith("create_model") else f"from_preset: {pattern}", text), text


def test_only_what_builds_a_model_is_asked_for(preset):
    """`preset_info` builds nothing, but checks all the same."""
    flipped_bit(preset)
    assert message(ValueError, models.preset_info, preset).startswith("preset_info: model.safetensors of a preset must")
    assert message(FileNotFoundError, models.from_preset, preset / "none") == (
        f"from_preset: a preset must be a folder. Received: {str(preset / 'none')!r}."
    )


def test_what_a_hub_adds(preset):
    (preset / "README.md").write_text("# A card")
    (preset / ".gitattributes").touch()
    (preset / ".cache").mkdir()
    assert models.from_preset(preset).name == "stack"


def test_a_registered_layer_may_be_in_it(tmp_path):
    @keras.saving.register_keras_serializable(package="tests")
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    model = keras.Sequential([keras.Input((3,)), Twice()], name="twice")
    models.save_to_preset(model, tmp_path / "preset")
    assert type(models.from_preset(tmp_path / "preset").layers[0]) is Twice


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    folder = tmp_path / "new" / "preset"
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x)], name="lambda")
    text = message(ValueError, models.save_to_preset, model, folder)
    assert text.startswith("save_to_preset: config.json of a preset must name layers of Keras that run no code")
    assert list(tmp_path.iterdir()) == []


def test_what_stands_there(tmp_path, preset):
    model = stack()
    assert message(FileExistsError, models.save_to_preset, model, preset) == (
        f"save_to_preset: `path` must not exist yet, unless `overwrite=True`. Received: path={str(preset)!r}."
    )
    models.save_to_preset(model, preset, overwrite=True)
    assert_same(model, models.from_preset(preset))
    extra(preset)
    assert message(FileExistsError, models.save_to_preset, model, preset, overwrite=True) == (
        f"save_to_preset: `overwrite=True` replaces presets only. Received: directory={str(preset)!r}, which is none."
    )
    assert (preset / "model.py").exists()
    assert os.listdir(tmp_path) == ["stack"]


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(preset_module, "_load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.save_to_preset(stack(), tmp_path / "preset")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "kind", "expected"),
    [
        (("model",), TypeError, "`model` must be a Keras model. Received: model='model'."),
        ((lambda: keras.Sequential([keras.layers.Dense(2)], name="new"),), ValueError, "`model` must be built. Received: 'new', which is not."),
        ((stack, {"labels": ["cat"]}), ValueError, "`labels` must be as many as the model has outputs, 2. Received: 1 labels."),
        ((stack, {"labels": "ab"}), TypeError, "`labels` must be texts. Received: labels='ab'."),
        ((stack, {"labels": [1, 2]}), TypeError, "`labels` must be texts. Received: labels=[1, 2]."),
        ((stack, {"task": 3}), TypeError, "`task` must be a text. Received: task=3."),
        ((stack, {"preprocessing": {"size": (8, 9)}}), TypeError, "`preprocessing` must be a kerasconv.export.Preprocessing. Received: {'size': (8, 9)}."),
    ],
)  # fmt: skip
def test_malformed_arguments(arguments, kind, expected, tmp_path):
    make, *options = arguments
    model = make() if callable(make) else make
    text = message(kind, models.save_to_preset, model, tmp_path / "preset", **dict(*options))
    assert text == f"save_to_preset: {expected}"
    assert list(tmp_path.iterdir()) == []
