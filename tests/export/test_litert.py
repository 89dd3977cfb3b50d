"""LiteRT files, judged by LiteRT's own interpreter."""

import json
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import export, layers, models
from kerasconv.export.golden import golden_folder
from kerasconv.export.manifest import manifest_file

interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is the optional extra `litert`")


def small_models():
    """One of each: ranks, groups, dilation, asymmetric pads, transposed, several inputs and outputs, stock layers."""
    rank1 = [layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.MaxPooling1D(3, 2, "same")]
    yield "rank-1", keras.Sequential([keras.Input((11, 3)), *rank1])
    pads = ((1, 0), (0, 2))
    odd = [
        layers.Conv2D(6, (3, 2), strides=2, padding=pads, dilation_rate=(1, 2), groups=3, activation="relu"),
        layers.AveragePooling2D(2, 1, padding=1, count_include_pad=True),
        layers.MaxPooling2D(3, 1, padding=pads),
        layers.DepthwiseConv2D(2, depth_multiplier=2),
        layers.Conv2DTranspose(3, 3, strides=2),
    ]
    yield "rank-2", keras.Sequential([keras.Input((9, 8, 3)), *odd])
    yield "rank-3", keras.Sequential([keras.Input((5, 7, 6, 2)), layers.Conv3D(4, 2, strides=(1, 2, 1))])
    a, b = keras.Input((8, 7, 2), name="left"), keras.Input((8, 7, 3), name="right")
    c = layers.Conv2D(4, 3, name="conv")(keras.layers.Concatenate()([a, b]))
    d = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 2, groups=2)(c))
    yield "two-inputs-and-outputs", keras.Model([a, b], [layers.GlobalAveragePooling2D(name="mean")(d), c])


SMALL = dict(small_models())


@pytest.mark.parametrize("name", SMALL)
def test_parity(name, tmp_path):
    path = tmp_path / "model.tflite"
    report = export.to_litert(SMALL[name], path)
    assert report.passed
    assert report.rows
    assert {row.runtime for row in report.rows} == {"LiteRT"}
    assert [(row.inputs, row.batch_size) for row in report.rows] == [("golden", 1), ("golden", 3)]
    assert b"Flex" not in path.read_bytes()  # which is how TensorFlow's operators are called there
    report = export.verify(path, SMALL[name], batch_sizes=[2, 5])
    assert report.passed
    assert report.manifest
    assert [(row.runtime, row.inputs, row.batch_size) for row in report.rows] == [
        ("Keras", "golden", 1), ("Keras", "golden", 3), ("LiteRT", "golden", 1), ("LiteRT", "golden", 3),
        ("LiteRT", "random", 2), ("LiteRT", "random", 5),
        ("LiteRT", "zeros", 5), ("LiteRT", "large", 5), ("LiteRT", "nan", 5),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("litert") / "detector.tflite"
    export.to_litert(models.line_detector(), path)
    return path


@pytest.fixture
def artifact(exported, tmp_path):
    """A copy, without its manifest."""
    path = tmp_path / "detector.tflite"
    path.write_bytes(exported.read_bytes())
    golden_folder(path).symlink_to(golden_folder(exported))
    return path


def test_the_file_is_named_and_its_neighbours_listed(exported):
    names = ["detector.tflite", "detector.tflite.golden", "detector.tflite.manifest.json"]
    assert sorted(p.name for p in exported.parent.iterdir()) == names
    assert "detector.tflite" in json.loads(manifest_file(exported).read_text())["files"]
    signature = interpreter.Interpreter(model_path=str(exported)).get_signature_list()
    assert signature == {"serving_default": {"inputs": ["image"], "outputs": ["lines"]}}


def test_the_same_model_gives_the_same_bytes(exported, tmp_path):
    again = tmp_path / "detector.tflite"
    export.to_litert(models.line_detector(), again)
    assert again.read_bytes() == exported.read_bytes()
    assert manifest_file(again).read_bytes() == manifest_file(exported).read_bytes()


def test_another_model_differs(exported):
    report = export.verify(exported, models.line_detector("horizontal"), edge_inputs=False)
    failed = {(row.runtime, row.inputs) for row in report.rows if not row.passed}
    assert not report.passed
    assert failed == {("Keras", "golden"), ("LiteRT", "random")}
    with pytest.raises(export.ExportError) as error:
        report.raise_if_failed("verify")
    worst = max((row for row in report.rows if row.runtime == "LiteRT"), key=lambda row: row.relative)
    assert str(error.value) == (
        "verify: LiteRT must give what the Keras model gives, to a relative difference of 1e-05. "
        f"Received: {worst.relative:.3g} on random inputs at batch size {worst.batch_size}."
    )


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def random_layer():
    return keras.layers.Lambda(lambda x: x + tf.random.normal([4, 4, 1]), name="noise")


def unsupported():
    """A model with two operators that LiteRT has not, in layers whose names TensorFlow would number."""
    three = [
        layers.Conv3D(2, 2, name="pool_2"),
        layers.AveragePooling3D(2, name="pool"),
        layers.MaxPooling3D(1, name="pool_1"),
    ]
    return keras.Sequential([keras.Input((9, 8, 7, 3)), *three], name="three")


def unknown_sizes():
    convolution = layers.Conv2D(2, 3, strides=2, padding="same", name="conv")
    return keras.Sequential([keras.Input((None, None, 3)), convolution], name="unknown")


LACKS = "to_litert: every layer must have a counterpart in LiteRT's built-in operators. Write a custom layer with `keras.ops`, or leave it out of the exported model. Received: "


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (unsupported, f"{LACKS}model 'three', whose layers 'pool' (AveragePooling3D), 'pool_1' (MaxPooling3D) need AvgPool3D, MaxPool3D."),
        (unknown_sizes, f"{LACKS}model 'unknown', whose layers 'conv' (Conv2D) need Conv2D. Its inputs have unknown sizes, which many operators of LiteRT do not take: fix them, as in keras.Sequential([keras.Input((224, 224, 3)), model])."),
        (lambda: keras.Sequential([keras.Input((9, 8, 7, 3)), unsupported()], name="outer"), f"{LACKS}model 'outer', whose layers 'pool' (AveragePooling3D), 'pool_1' (MaxPooling3D) need AvgPool3D, MaxPool3D."),
        (lambda: keras.Sequential([keras.Input((4, 4, 1)), random_layer()]), "to_litert: LiteRT must give what the Keras model gives, to a relative difference of 1e-05. Received: "),
    ],
    ids=["unsupported", "unknown-sizes", "nested", "unrepeatable"],
)  # fmt: skip
def test_a_failing_export_leaves_what_stood_there(broken, message, tmp_path):
    path = tmp_path / "model.tflite"
    export.to_litert(models.line_detector(), path)
    before = contents(tmp_path)
    with pytest.raises(export.ExportError) as error:
        export.to_litert(broken(), path, overwrite=True)
    assert str(error.value).startswith(message)
    assert message.endswith("Received: ") or str(error.value) == message
    assert contents(tmp_path) == before
    export.to_litert(models.line_detector("horizontal"), path, overwrite=True)
    assert contents(tmp_path) != before
    assert export.verify(path).passed


def test_a_killed_export_leaves_what_stood_there(tmp_path):
    """The process is killed while the model is traced, by a layer of it."""
    path = tmp_path / "model.tflite"
    export.to_litert(models.line_detector(), path)
    before = contents(tmp_path)
    script = f"""
        import os, keras
        from kerasconv import config, export
        def stop(x):
            if config.resolve("auto") == "native":  # being exported
                os.kill(os.getpid(), {int(signal.SIGKILL)})
            return x
        model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(stop)])
        export.to_litert(model, {str(path)!r}, overwrite=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith(".")} == before
    assert export.verify(path).passed


def test_unknown_sizes_can_be_fixed(tmp_path):
    """As the error says."""
    fixed = keras.Sequential([keras.Input((32, 24, 3)), unknown_sizes()])
    assert export.to_litert(fixed, tmp_path / "model.tflite").passed


class TestBadInput:
    def message(self, kind, function, *args, **kwargs):
        with pytest.raises(kind) as error:
            function(*args, **kwargs)
        return str(error.value)

    def test_arguments(self, tmp_path):
        model, path = models.line_detector(), tmp_path / "model.tflite"
        assert self.message(TypeError, export.to_litert, "model", path) == (
            "to_litert: `model` must be a Keras model. Received: 'model'."
        )
        unbuilt = keras.Sequential([layers.Conv2D(1, 3)], name="unbuilt")
        assert self.message(ValueError, export.to_litert, unbuilt, path) == (
            "to_litert: `model` must have been built: give it an input shape, or call it once. "
            "Received: Sequential 'unbuilt'."
        )
        assert self.message(ValueError, export.to_litert, model, tmp_path / "model.lite") == (
            f"to_litert: `path` must end in '.tflite'. Received: path={str(tmp_path / 'model.lite')!r}."
        )
        text = keras.Input((), dtype="string", name="text")
        reader = keras.Model(text, keras.layers.StringLookup(vocabulary=["a"])(text), name="reader")
        assert self.message(ValueError, export.to_litert, reader, path) == (
            "to_litert: the inputs and outputs of a model must be numbers. Received: model 'reader', whose 'text' is a string."
        )
        half = keras.Sequential([keras.Input((8, 7, 1)), layers.Conv2D(2, 3, name="conv", dtype="mixed_bfloat16")])
        assert self.message(ValueError, export.to_litert, half, path) == (
            "to_litert: the layers must compute in float32 or float64; make the model again without a policy of half "
            "precision, and load its weights. Received: layer 'conv' with the policy 'mixed_bfloat16'."
        )
        assert list(tmp_path.iterdir()) == []
        path.write_text("precious")
        assert self.message(FileExistsError, export.to_litert, model, path) == (
            f"to_litert: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
        )
        assert path.read_text() == "precious"

    @pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
    def test_truncated(self, share, artifact):
        data = artifact.read_bytes()
        artifact.write_bytes(data[: int(share * len(data))])
        assert self.message(export.ExportError, export.verify, artifact).startswith(
            f"verify: the LiteRT file must run. Received: path={str(artifact)!r}, which fails: "
        )

    def test_corrupted(self, artifact):
        data = np.frombuffer(artifact.read_bytes(), "uint8").copy()
        data[8:] ^= 0x55
        artifact.write_bytes(data.tobytes())
        assert self.message(export.ExportError, export.verify, artifact).startswith(
            f"verify: the LiteRT file must run. Received: path={str(artifact)!r}, which fails: "
        )

    def test_a_runtime_that_does_not_read_it(self, exported):
        assert self.message(ValueError, export.verify, exported, runtimes=["onnxruntime"]) == (
            "verify: `runtimes` must be a list of some that read the LiteRT file: 'keras', 'litert'. "
            "Received: runtimes=['onnxruntime']."
        )
