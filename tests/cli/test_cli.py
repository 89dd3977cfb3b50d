"""The command line as a person meets it, but in one process."""

import json
import os
import re
import subprocess
import sys

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from kerasconv import cli, models
from kerasconv.cli import images, tables
from kerasconv.export import Preprocessing


def run(monkeypatch, capsys, *arguments):
    """Exit status, standard output and standard error of `kerasconv ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["kerasconv", *map(str, arguments)])
    monkeypatch.setattr(cli.console, "width", 200)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    out, err = capsys.readouterr()
    return exit_.value.code or 0, out, err


@pytest.fixture
def command(monkeypatch, capsys):
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


@pytest.fixture
def photo(tmp_path):
    """A picture with a vertical edge at column 20."""
    pixels = np.zeros((30, 40, 3), "uint8")
    pixels[:, 20:] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_list(command):
    status, out, _ = command("list")
    assert status == 0
    for name in models.list_models():
        assert name in out
    assert re.search(r"line_detector +│ filter +│ 8 x 8 x 1 +│ +10 │ A 3x3 convolution .*│ The tutorial ", out)
    assert re.search(r"resnet18 +│ classification +│ 224 x 224 x 3 +│ +11,699,112 │ .*│ K. He et al., 2015 ", out)


def test_list_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setattr(cli.console, "width", 80)
    with cli.console.capture() as captured:
        cli.console.print(tables.zoo(["resnet18", "lenet5"], cli.console.width))
    assert re.search(r"^│ resnet18 │ +11,699,112 │ \S.*│$", captured.get(), re.MULTILINE)


def test_list_some(command):
    def names(*arguments):
        return re.findall(r"^│ (\w+)", command("list", *arguments)[1], re.MULTILINE)

    assert names("filter*") == ["filter_bank"]
    assert names("--task", "filter") == models.list_models(task="filter")
    assert names("--pretrained") == models.list_models(pretrained=True)
    assert names("line*", "--untrained") == ["line_detector"]


def test_show(command):
    status, out, _ = command("show", "line_detector", "--set", "pooling=average", "--set", "input_shape=(10, 8, 1)")
    assert status == 0
    assert re.search(r"lines +│ Conv2D +│ 8 x 6 x 1 +│ +10 │ +432 │ +3 x 3 │ +1 x 1 │", out)
    assert re.search(r"pooling +│ AveragePooling2D +│ 4 x 3 x 1 +│ +│ +│ +4 x 4 │ +2 x 2 │", out)
    for line in (
        "Input and output  10 x 8 x 1 to 4 x 3 x 1",
        "Parameters        10, of which 10 are trained",
        "Multiply-adds     432",
        "Activations       240 bytes in float32",
        "Licence           Apache-2.0",
    ):
        assert line in out


def test_show_a_file_of_ones_own(command, tmp_path):
    """It has no paper, no licence and no preprocessing that we know of."""
    models.filter_bank("box_blur", (None, None, 3)).save(tmp_path / "own.keras")
    status, out, _ = command("show", tmp_path / "own.keras")
    lines = re.findall(r"^([A-Z][a-z -]+?)  ", out, re.MULTILINE)
    assert (status, lines) == (0, ["Input and output", "Parameters", "Receptive field", "Depth"])
    assert re.search(r"filters +│ Conv2D +│ \? x \? x 3 +│ +27 │ +\? │", out)


def test_run(command, photo, tmp_path):
    status, out, _ = command("run", "filter_bank", photo, "-o", tmp_path / "edges.png", "--set", "names=sobel_vertical")
    assert status == 0
    assert f"Wrote 1 feature map(s) of 40x30 pixels to {tmp_path / 'edges.png'}" in out.replace("\n", "")
    edges = read(tmp_path / "edges.png")
    assert edges.shape == (30, 40)
    assert np.all(edges[1:-1, 19:21] == 255)
    assert np.all(edges[1:-1, 2:18] == 0)


def test_run_many_maps_as_a_grid(command, photo, tmp_path):
    assert command("run", "filter_bank", photo, "-o", tmp_path / "all.png")[0] == 0
    assert read(tmp_path / "all.png").shape == (3 * 30, 4 * 40)


def test_a_photograph_is_turned_as_the_camera_says(command, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right-hand side
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.png", exif=exif)
    out = tmp_path / "out.png"
    assert command("run", "filter_bank", tmp_path / "turned.png", "-o", out, "--set", "names=box_blur")[0] == 0
    assert read(out).shape == (40, 30)


def test_run_a_file_of_ones_own(command, photo, tmp_path):
    models.filter_bank("box_blur", (16, 20, 3)).save(tmp_path / "own.keras")
    assert command("run", tmp_path / "own.keras", photo, "-o", tmp_path / "blur.png")[0] == 0
    assert read(tmp_path / "blur.png").shape == (2 * 16, 2 * 20)


@pytest.mark.large
def test_run_gives_a_model_the_numbers_that_it_takes(command, photo, tmp_path):
    """Blue first, less the mean of ImageNet, for a network of `keras.applications`."""
    out = tmp_path / "maps.png"
    options = ["--set", "include_top=False"]
    assert command("run", "resnet50", photo, "-o", out, *options)[0] == 0
    pixels = read(photo).astype("float32")[None]
    preprocessing = models.model_info("resnet50", input_shape=(30, 40, 3)).preprocessing
    expected = keras.applications.resnet.preprocess_input(pixels.copy())[0]
    np.testing.assert_allclose(images.normalise(images.read(photo), preprocessing), expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(images.normalise(images.read(photo), None), pixels[0] / 255)


@pytest.mark.large
def test_preprocessing_is_exported(command, tmp_path):
    expected = models.model_info("line_detector").preprocessing
    assert command("export", "line_detector", "--format", "onnx", "-o", tmp_path / "a.onnx")[0] == 0
    properties = {p.key: p.value for p in onnx.load(tmp_path / "a.onnx").metadata_props}
    assert Preprocessing.from_dict(json.loads(properties["preprocessing"])) == expected
    assert command("export", "line_detector", "--format", "savedmodel", "-o", tmp_path / "a")[0] == 0
    written = json.loads((tmp_path / "a" / "assets" / "preprocessing.json").read_text())
    assert Preprocessing.from_dict(written) == expected
    own = ["--option", "metadata={'preprocessing': 'mine', 'labels': ['a']}"]
    assert command("export", "line_detector", "--format", "onnx", "-o", tmp_path / "b.onnx", *own)[0] == 0
    properties = {p.key: p.value for p in onnx.load(tmp_path / "b.onnx").metadata_props}
    assert (properties["preprocessing"], properties["labels"]) == ("mine", '["a"]')


RUNTIMES = {"onnx": "onnxruntime", "savedmodel": "savedmodel"}


def test_options_of_an_export(command, tmp_path):
    path = tmp_path / "bank.onnx"
    options = ["--option", "opset=17", "--option", "layout=channels_first", "--option", "input_names=['photo']"]
    status, _, _ = command("export", "filter_bank", "--format", "onnx", "-o", path, *options)
    assert status == 0
    proto = onnx.load(path)
    assert proto.opset_import[0].version == 17
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    assert proto.graph.input[0].name == "photo"
    assert [d.dim_param or d.dim_value for d in dims][:2] == ["batch", 1]


@pytest.mark.parametrize(
    ("kind", "name"), [("onnx", "detector.onnx"), pytest.param("savedmodel", "detector", marks=pytest.mark.large)]
)
def test_export_and_verify(command, kind, name, tmp_path):
    path = tmp_path / name
    status, out, _ = command("export", "line_detector", "--format", kind, "-o", path)
    assert status == 0
    assert out.count("equal") >= 2
    assert "differs" not in out
    assert "Wrote" in out
    own = ["--runtime", RUNTIMES[kind]]
    status, out, _ = command("verify", path, *own)
    assert (status, out.count("equal")) == (0, 2)
    other = ["--model", "line_detector", "--set", "orientation=horizontal"]
    status, out, err = command("verify", path, *own, *other)
    assert (status, out.count("random"), len(re.findall("random.*differs", out))) == (1, 2, 2)
    assert err.startswith("Error: verify: ")
    assert err.count("\n") == 1
    status, _, err = command("export", "line_detector", "--format", kind, "-o", path)
    assert (status, err) == (
        1,
        f"Error: to_{'onnx' if kind == 'onnx' else 'saved_model'}: `path` must not exist yet, unless `overwrite=True`. "
        f"Received: path={str(path)!r}.\n",
    )
    assert command("export", "line_detector", "--format", kind, "-o", path, "--overwrite")[0] == 0


def test_bad_input(command, photo, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    out = str(tmp_path / "out.png")
    expected = {
        ("list", "resnet*", "--task", "audio"): "list: some model must match. Received: 'resnet*', task='audio', pretrained=None; tasks are audio, classification, filter, generation, reconstruction, segmentation, sequence, super-resolution, video.",
        ("show", "nonsense"): "create_model: `name` must be that of a model of the zoo. Received: name='nonsense'. `kerasconv list` shows them.",
        ("export", "line_detector", "--format", "onnx", "-o", out, "--option", "opse=17"): "export: an `--option` of 'onnx' must be one of opset, layout, input_names, output_names, dynamic_axes, metadata, fold_batch_norm, profile, quantize, external_data, tolerance. Received: 'opse'.",
        ("export", "line_detector", "--format", "onnx", "-o", out, "--option", "opset"): "--option: must have the form KEY=VALUE. Received: 'opset'.",
        ("show", "line_detector", "--set", "pooling"): "--set: must have the form KEY=VALUE. Received: 'pooling'.",
        ("run", "filter_bank", str(tmp_path / "text.png"), "-o", out): f"run: `image` must be an image file. Received: {str(tmp_path / 'text.png')!r}, which is no image that Pillow can read.",
        ("run", "filter_bank", str(tmp_path / "none.png"), "-o", out): f"run: `image` must be an image file. Received: {str(tmp_path / 'none.png')!r}, which is no file.",
        ("run", "filter_bank", str(photo), "-o", str(photo)): f"run: `path` must not exist yet, unless `overwrite=True`. Received: path={str(photo)!r}.",
        ("run", "filter_bank", str(photo), "-o", str(tmp_path / "out.xyz")): f"run: `--output` must end like an image file, such as `.png`. Received: {str(tmp_path / 'out.xyz')!r}.",
        ("run", "same_padding_stack", str(photo), "-o", out): "run: the model must give feature maps (batch, height, width, channels). Received: 'same_padding_stack', whose output has the shape 10.",
        ("export", "line_detector", "--format", "tflite", "-o", out): "export: `--format` must be one of 'savedmodel', 'onnx', 'litert'. Received: 'tflite'.",
    }  # fmt: skip
    for arguments, message in expected.items():
        assert command(*arguments) == (1, "", f"Error: {message}\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photo.png", "text.png"]


def test_verify_for_machines(command, tmp_path):
    path = tmp_path / "detector.onnx"
    command("export", "line_detector", "--format", "onnx", "-o", path)
    for orientation, passes in (("vertical", True), ("horizontal", False)):
        model = ["--model", "line_detector", "--set", f"orientation={orientation}"]
        status, out, err = command("verify", path, *model, "--json")
        report = json.loads(out)
        assert (status == 0, report["passed"], err == "") == (passes, passes, passes)
        assert {row["passed"] for row in report["rows"] if row["inputs"] == "random"} == {passes}


def test_verify_without_a_verdict_has_a_status_of_its_own(command, tmp_path):
    """2, so that a script does not take a damaged file for one that was measured."""
    none, damaged = str(tmp_path / "none"), tmp_path / "damaged.onnx"
    damaged.write_bytes(b"\x08")
    rule = "verify: `path` must be the folder of a SavedModel, an ONNX file or a LiteRT file."
    assert command("verify", none) == (2, "", f"Error: {rule} Received: path={none!r}, which does not exist.\n")
    status, out, err = command("verify", damaged, "--model", "line_detector", "--json")
    assert (status, out) == (2, "")
    assert err.startswith(f"Error: verify: the ONNX file must run. Received: path={str(damaged)!r}, which fails: ")
    status, _, err = command("verify", damaged, "--model", "lenet")
    assert status == 2
    assert err.startswith("Error: create_model: `name` must be that of a model of the zoo.")
    assert command("verify", damaged, "--tolerance", "small")[0] == 2


def test_litert(command, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="LiteRT is the optional extra `litert`")
    path = tmp_path / "detector.tflite"
    status, out, _ = command("export", "line_detector", "--format", "litert", "-o", path)
    assert status == 0
    assert out.count("equal") == 2
    assert "LiteRT" in out
    status, out, _ = command("verify", path, "--model", "line_detector", "--json")
    assert status == 0
    assert json.loads(out)["passed"] is True
    assert {row["runtime"] for row in json.loads(out)["rows"]} == {"Keras", "LiteRT"}


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["kerasconv", "--debug", "show", "lenet"])
    with pytest.raises(ValueError, match="create_model"):
        cli.main()


def test_the_extra_is_named(command, monkeypatch, tmp_path):
    """What the base install lacks, before anything is made."""
    for module, use in (
        ("sklearn.datasets", "demo: its digits and its photograph need the package scikit-learn"),
        ("matplotlib.figure", "evaluate: drawings of the confusion matrix need the package matplotlib"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        out = tmp_path / "out"
        evaluate = ("evaluate", "lenet5", "--set", "weights=digits", "--data", tmp_path, "--confusion", out)
        arguments = evaluate if use.startswith("evaluate") else ("demo", "-o", out)
        assert command(*arguments) == (
            1,
            "",
            f"Error: {use}, which the extra `train` installs. Received: import of {module} halted; None in sys.modules. "
            'Install it with: pip install "kerasconv[train]"\n',
        )
        assert not out.exists()


def test_help_teaches(command):
    status, out, _ = command("--help")
    assert status == 0
    for name in ("demo", "list", "show", "run", "train", "evaluate", "predict", "export", "verify"):
        assert name in out
        status, text, _ = command(name, "--help")
        assert status == 0
        assert "Example:" in text or name == "demo"
    assert command()[0] == 2  # no command: the help, and the status of a mistake
    assert command("paint")[0] == 2


@pytest.mark.large
def test_demo(tmp_path):
    """The main job, whole, as its own process: what it prints, and that nobody else's log drowns it."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"} | {"COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "kerasconv.cli", "demo", "-o", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = done.stdout
    assert "Total params: 10" in out
    assert out.count("  0.0 0.0 3.0 3.0 0.0 0.0\n") == 6
    assert out.count("  0.0 3.0 0.0\n") == 6
    accuracy = float(re.search(r"Held-out accuracy: ([0-9.]+)%", out)[1])
    assert accuracy > 97
    assert out.count("equal") >= 8
    assert "differs" not in out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "digits", "digits.golden", "digits.manifest.json", "digits.onnx",
        "line_detector", "line_detector.golden", "line_detector.manifest.json", "line_detector.onnx",
        "sobel_vertical.png",
    ]  # fmt: skip
    picture = read(tmp_path / "out" / "sobel_vertical.png")
    assert picture.shape == (427, 640)
    assert 10 < picture.mean() < 128
    session = onnxruntime.InferenceSession(tmp_path / "out" / "digits.onnx")
    assert session.get_inputs()[0].shape == ["batch", 8, 8, 1]
