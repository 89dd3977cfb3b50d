"""Runs of training: what they leave behind, how they stop, and that interruptions leave no trace."""

import csv
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from kerasconv.train import Data, Plan, checkpoint, fit, inputs_of, load, measure, open_trained, train
from kerasconv.train.data import Batches

OPTIONS = {"input_shape": (8, 8, 1)}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """200 digits, as an `.npz` file of pixels."""
    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(path, x=(digits.images[:200] * (255 / 16)).astype("uint8"), y=digits.target[:200])
    return path


def plan(few, **changes):
    return Plan(**{"name": "conv_bn_classifier", "data": str(few), "options": OPTIONS, "epochs": 2, **changes})


def state(folder):
    return load_file(folder / "checkpoint.safetensors")


def assert_same_run(folder, expected):
    ours, theirs = state(folder), state(expected)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)
    for name in ("log.csv", "report.json", "run.json", "confusion.png"):
        assert (folder / name).read_bytes() == (expected / name).read_bytes()


def test_what_a_run_leaves(few, tmp_path):
    said = []
    result = train(plan(few, validation_split=0.25), tmp_path / "run", announce=said.append)
    assert said == ["150 examples to train on, 50 held out; 10 classes; 8 x 8 x 1"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "checkpoint.safetensors", "confusion.png", "log.csv", "model", "report.json", "run.json",
    ]  # fmt: skip
    with (tmp_path / "run" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["val_loss"]) for row in rows] == [row["val_loss"] for row in result.history]
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == result.report.to_json()
    with Image.open(tmp_path / "run" / "confusion.png") as image:
        assert image.format == "PNG"
    # The model from the folder, on what was held out, gives what the report says; by hand, from what was loaded.
    trained = open_trained(str(tmp_path / "run" / "model"))
    data = load(few, trained.inputs)
    held_out = trained.held_out(data)
    assert len(held_out) == 50
    right = trained.probabilities(data.x[held_out]).argmax(-1) == data.y[held_out]
    assert right.mean() == result.report.accuracy == pytest.approx(result.history[-1]["val_accuracy"])
    np.testing.assert_array_equal(measure(trained.model, data, held_out).confusion, result.report.confusion)
    assert trained.labels == tuple("0123456789")


def test_tensorboard(few, tmp_path):
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ImportError) as error:
            train(plan(few), tmp_path / "run", tensorboard=True)
        assert str(error.value) == (
            "train: logs for TensorBoard need the package tensorboard, which the extra of that name has: "
            "pip install 'kerasconv[tensorboard]'."
        )
        assert os.listdir(tmp_path) == []
        return
    train(plan(few, epochs=1), tmp_path / "run", tensorboard=True)
    assert {path.parent.name for path in (tmp_path / "run").rglob("events.*")} == {"train", "validation"}


@pytest.mark.large
def test_it_learns(tmp_path):
    result = train(Plan("lenet5", "digits", epochs=3, learning_rate=3e-3), tmp_path / "run")
    assert result.report.examples == 360
    assert result.report.accuracy > 0.9


@pytest.mark.large
@pytest.mark.parametrize(
    "changes",
    [
        {"augment": ("rotate", "shift", "zoom", "flip"), "options": {"input_shape": (1, 8, 8), "data_format": "channels_first"}},
        {"mixed_precision": "float16", "patience": 1, "learning_rate": 1e-4},
    ],
    ids=str,
)  # fmt: skip
def test_two_runs_of_one_epoch_are_one_of_two(changes, few, tmp_path):
    train(plan(few, **changes), tmp_path / "whole")
    train(plan(few, epochs=1, **changes), tmp_path / "parts")
    keras.utils.set_random_seed(123)  # whatever another process would have drawn
    said = []
    result = train(plan(few, **changes), tmp_path / "parts", resume=True, announce=said.append)
    assert said[-1] == "Goes on after epoch 1 of 2"
    assert_same_run(tmp_path / "parts", tmp_path / "whole")
    assert {weight.dtype for weight in result.model.weights} == {"float32"}
    assert {layer.dtype_policy.name for layer in result.model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_mixed_precision_computes_in_it_but_for_the_probabilities(few):
    mixed = plan(few, mixed_precision="bfloat16", augment=("zoom",))
    inputs = inputs_of(mixed.name, OPTIONS)
    with fit._precision("bfloat16"):
        model, trainer = fit._build(mixed, load(few, inputs), inputs)
    assert trainer.layers[0].compute_dtype == "float32"
    assert [layer.compute_dtype for layer in model.layers[1:]] == ["bfloat16"] * (len(model.layers) - 2) + ["float32"]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert trainer(np.zeros((1, 8, 8, 1))).dtype == "float32"


@pytest.mark.large
def test_a_run_stops_and_keeps_its_best_epoch(few, tmp_path):
    """So high a rate that it soon gets worse; and the process dies between the two files of its last epoch."""
    hasty = plan(few, epochs=40, learning_rate=0.1, patience=2)
    train(dataclasses.replace(hasty, epochs=1), tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "early")
    result = train(hasty, tmp_path / "run", resume=True)
    losses = [row["val_loss"] for row in result.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 40
    data = load(few, inputs_of(hasty.name, OPTIONS))
    held_out = open_trained(str(tmp_path / "run" / "model")).held_out(data)
    probabilities = result.model.predict(data.x[held_out], verbose=0)
    loss = -np.log(probabilities[np.arange(len(held_out)), data.y[held_out]]).mean()
    assert loss == pytest.approx(losses[best], rel=1e-3)
    again = train(hasty, tmp_path / "run", resume=True)
    assert again.history == result.history
    shutil.copy(tmp_path / "run" / "best.safetensors", tmp_path / "early")
    train(hasty, tmp_path / "early", resume=True)
    assert_same_run(tmp_path / "early", tmp_path / "run")


@pytest.mark.large
def test_killed_and_resumed(few, tmp_path):
    """SIGKILL, somewhere behind the first epoch."""
    command = [
        sys.executable,
        "-m",
        "kerasconv.cli",
        "train",
        "conv_bn_classifier",
        "--data",
        str(few),
        "--epochs",
        "9",
    ]
    command += ["--set", "input_shape=(8,8,1)", "--augment", "shift", "--batch-size", "4", "--resume", "-o"]

    def start(name):
        return subprocess.Popen([*command, str(tmp_path / name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    killed, log = start("parts"), tmp_path / "parts" / "log.csv"
    while killed.poll() is None and not log.exists():
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    _, err = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, err.decode()
    assert not (tmp_path / "parts" / "model").exists()
    for process in (start("parts"), start("whole")):
        _, err = process.communicate()
        assert process.returncode == 0, err.decode()
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


def test_dropout_goes_on_where_it_was(tmp_path):
    x = np.random.default_rng(0).normal(size=(24, 5)).astype("float32")
    data = Data(x, np.arange(24) % 3, tuple("abc"), (), "")

    def fit_to(epochs, folder):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        model.optimizer.build(model.trainable_variables)
        saved = checkpoint.Checkpoint(folder)
        saved.set_model(model)
        saved.restore()
        model.fit(Batches(data, np.arange(24), 8), initial_epoch=len(saved.history), epochs=epochs, shuffle=False, verbose=0, callbacks=[saved])  # fmt: skip
        return state(folder)

    whole = fit_to(3, tmp_path / "whole")
    first = fit_to(1, tmp_path / "parts")
    parts = fit_to(3, tmp_path / "parts")
    for name, array in whole.items():
        np.testing.assert_array_equal(parts[name], array)
    assert any((first[name] != array).any() for name, array in whole.items() if array.dtype.kind in "iu")


def refused(few, folder, **changes):
    with pytest.raises(ValueError) as error:
        train(plan(few, **changes), folder, resume=True)
    return str(error.value)


def test_a_resumed_run_must_be_the_same(few, tmp_path):
    folder = tmp_path / "run"
    train(plan(few, epochs=1), folder)
    with pytest.raises(FileExistsError) as error:
        train(plan(few), folder)
    assert str(error.value) == (
        f"train: the output must be a new or empty folder, unless a run in it is to be resumed. "
        f"Received: {str(folder)!r}."
    )
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert refused(few, folder, learning_rate=0.01) == (
        "train: in a resumed run, `learning_rate` must be as before. Received: 0.01, not 0.001."
    )
    assert refused(few, folder, options={"input_shape": (8, 9, 1)}) == (
        "train: in a resumed run, `options` must be as before. Received: {'input_shape': [8, 9, 1]}, not "
        "{'input_shape': [8, 8, 1]}."
    )
    with np.load(few) as file:
        x, y = file["x"], file["y"]
    np.savez(tmp_path / "other.npz", x=x, y=np.where(y == 3, 10, y))
    assert refused(tmp_path / "other.npz", folder) == (
        "train: in a resumed run, the class names must be as before. Received: without '3' and with '10'."
    )
    np.savez(tmp_path / "fewer.npz", x=x[1:], y=y[1:])
    assert refused(tmp_path / "fewer.npz", folder).startswith("train: in a resumed run, the data must be as before.")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.large
def test_a_damaged_checkpoint(few, tmp_path):
    folder = tmp_path / "run"
    train(plan(few, epochs=1), folder)
    path = folder / "checkpoint.safetensors"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    rule = f"train: the checkpoint must be as it was written. Received: {str(path)!r}: "
    end = ". To start anew, delete the folder."
    path.write_bytes(flipped)
    assert refused(few, folder) == f"{rule}its SHA-256 is not that of what was written{end}"
    path.write_bytes(whole[:-7])
    assert refused(few, folder).startswith(rule)
    assert refused(few, folder).endswith(end)
    path.write_bytes(b"")
    assert refused(few, folder).startswith(rule)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "same_padding_stak"}, "create_model: `name` must be that of a model of the zoo. Received: name='same_padding_stak'. Did you mean 'same_padding_stack'?"),
        ({"epochs": 0}, "train: `epochs` must be at least 1. Received: epochs=0."),
        ({"batch_size": 0}, "train: `batch_size` must be at least 1. Received: batch_size=0."),
        ({"learning_rate": 0.0}, "train: `learning_rate` must be above 0. Received: learning_rate=0.0."),
        ({"seed": -1}, "train: `seed` must be from 0 to 4294967295. Received: seed=-1."),
        ({"validation_split": 1.0}, "train: `validation_split` must be between 0 and 1. Received: validation_split=1.0."),
        ({"augment": ("blur",)}, "train: `augment` must be some of 'flip', 'rotate', 'shift', 'zoom'. Received: augment=('blur',)."),
        ({"mixed_precision": "half"}, "train: `mixed_precision` must be 'float16', 'bfloat16' or None. Received: mixed_precision='half'."),
        ({"patience": 0}, "train: `patience` must be at least 1, or None. Received: patience=0."),
        ({"name": "filter_bank"}, "train: the model must be a classifier. Received: 'filter_bank', whose task is 'filter'."),
        ({"options": {"classes": 3}}, "train: `classes` is the number of classes in the data. Received: classes=3."),
        ({"options": {"input_shape": (None, 8, 1)}}, "train: `input_shape` must be known. Received: input_shape=(None, 8, 1)."),
        ({"options": {**OPTIONS, "include_top": False}}, "train: the model must give one number for each of 10 classes. Received: 'conv_bn_classifier', whose output has the shape (None, 1, 1, 32)."),
    ],
    ids=str,
)  # fmt: skip
def test_bad_plans(changes, message, few, tmp_path):
    with pytest.raises(ValueError) as error:
        train(plan(few, **changes), tmp_path / "run")
    assert str(error.value) == message
    assert os.listdir(tmp_path) == []
