"""`kerasconv train`, `evaluate` and `predict` as a person meets them, but in one process."""

import json
import re

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.cli.test_cli import run


@pytest.fixture
def command(monkeypatch, capsys):
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of each class with 12 digits as PNG files."""
    digits = load_digits()
    folder = tmp_path_factory.mktemp("images")
    for digit in ("0", "1", "4"):
        (folder / digit).mkdir()
        for i in np.flatnonzero(digits.target == int(digit))[:12]:
            pixels = Image.fromarray((digits.images[i] * (255 / 16)).astype("uint8"))
            pixels.save(folder / digit / f"{i:04d}.png")
    return folder


def test_train_evaluate_predict_export(command, images, tmp_path):
    (images / "4" / "broken.png").write_bytes(b"no image")
    out, data = tmp_path / "run", ["--data", images]
    options = [
        "--set",
        "input_shape=(8,8,1)",
        "--epochs",
        "15",
        "--learning-rate",
        "0.02",
        "--validation-split",
        "0.25",
    ]
    status, said, _ = command("train", "conv_bn_classifier", *data, *options, "-o", out)
    assert status == 0
    assert "27 examples to train on, 9 held out; 3 classes; 8 x 8 x 1\n" in said
    assert f"Skipped 1 files that cannot be decoded: {images / '4' / 'broken.png'}\n" in said
    assert said.count("val_accuracy") == 15
    accuracy = re.search(r"Accuracy: .*\n", said)[0]
    assert f"Wrote {out}: model/, report.json, confusion.png, log.csv\n" in said

    status, again, _ = command("evaluate", out / "model", *data, "--confusion", tmp_path / "matrix.png")
    assert status == 0
    assert accuracy in again
    assert "the part that was held out" in again
    assert (tmp_path / "matrix.png").read_bytes() == (out / "confusion.png").read_bytes()
    report = json.loads(command("evaluate", out / "model", *data, "--json")[1])
    assert (report["examples"], report["held_out"]) == (9, True)
    (images / "4" / "broken.png").unlink()

    picture = images / "0" / "0000.png"
    answer = json.loads(command("predict", out / "model", picture, "--json", "--top", "3")[1])
    assert answer[0]["image"] == str(picture)
    assert set(answer[0]["classes"]) == {"0", "1", "4"}
    assert sum(answer[0]["classes"].values()) == pytest.approx(1, abs=1e-5)
    status, table, _ = command("predict", out / "model", picture, images / "1" / "0001.png", "--top", "1")
    label, probability = next(iter(answer[0]["classes"].items()))
    assert status == 0
    assert re.search(rf"0000.png +│ {label} +│ {100 * probability:.1f} % ", table)

    status, _, _ = command("export", out / "model", "--format", "onnx", "-o", tmp_path / "model.onnx")
    assert status == 0
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    with Image.open(picture) as image:
        x = np.asarray(image, "float32").reshape(1, 8, 8, 1) / 255
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(y[0].max(), probability, atol=1e-5)
    status, table, _ = command("show", out / "model")
    assert status == 0
    assert "bn2" in table


def test_what_stands_in_the_package(command, images):
    """Digits of LeNet-5's own kind, most of which it has seen: it says what they are."""
    files = [file.rename(file.with_name(f"[red]{file.name}")) for file in sorted((images / "4").iterdir())]
    status, out, _ = command("predict", "lenet5", *files, "--set", "weights=digits", "--top", "1", "--json")
    answers = [next(iter(answer["classes"])) for answer in json.loads(out)]
    assert status == 0
    assert answers.count("4") >= 11
    assert str(files[0]) in command("predict", "lenet5", files[0], "--set", "weights=digits")[1]
    status, out, _ = command("evaluate", "lenet5", "--set", "weights=digits", "--data", "digits")
    assert status == 0
    assert "of 599 examples" in out
    assert "held out" in out


def test_bad_input(command, images, tmp_path):
    other = tmp_path / "other"
    for label in ("0", "cat"):
        (other / label).mkdir(parents=True)
        Image.new("L", (8, 8)).save(other / label / "1.png")
    lenet = ["--set", "weights=digits"]
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken, none = str(tmp_path / "broken.png"), str(tmp_path / "none.png")
    out, no_preset = str(tmp_path / "out"), str(other)
    expected = {
        ("train", "same_padding_stak", "--data", "digits", "-o", out): "create_model: `name` must be that of a model of the zoo. Received: name='same_padding_stak'. Did you mean 'same_padding_stack'?",
        ("train", "lenet5", "--data", "nowhere", "-o", out): "load: the data must be 'digits', a folder with a folder of images for each class, or an `.npz` file. Received: 'nowhere'.",
        ("train", "lenet5", "--data", "digits", "-o", str(images)): f"train: the output must be a new or empty folder, unless a run in it is to be resumed. Received: {str(images)!r}.",
        ("evaluate", "lenet5", "--data", str(other), *lenet): "evaluate: the data must have the model's class names. Received: without '1', '2', '3', '4', '5', ... and with 'cat'.",
        ("evaluate", "lenet5", "--data", "digits"): "--set: a model of the zoo must be given `weights`. Received: 'lenet5' without.",
        ("predict", "lenet5", broken, *lenet): f"predict: an image must be a file that Pillow can decode. Received: {broken!r}, which cannot be decoded.",
        ("predict", "lenet5", none, *lenet): f"predict: an image must be a file that Pillow can decode. Received: {none!r}, which is no file.",
        ("predict", no_preset, broken, *lenet): f"--set: only models of the zoo have options. Received: {no_preset!r}, which is a file or folder.",
    }  # fmt: skip
    for arguments, message in expected.items():
        assert command(*arguments) == (1, "", f"Error: {message}\n")
    assert not (tmp_path / "out").exists()
