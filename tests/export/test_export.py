"""Exports as their users meet them: a stock runtime, a fresh process, a full disk of mistakes."""

import os
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

from kerasconv import export, layers, models
from kerasconv.export.manifest import manifest_file
from kerasconv.export.verify import golden_folder


def small_models():
    """One of each: ranks, groups, dilation, asymmetric pads, unknown sizes, several inputs and outputs."""
    rank1 = [layers.Conv1D(4, 3, padding="causal", dilation_rate=2), layers.MaxPooling1D(3, 2, "same")]
    yield "rank 1", keras.Sequential([keras.Input((11, 3)), *rank1])
    pads = ((1, 0), (0, 2))
    odd = [
        layers.Conv2D(6, (3, 2), strides=2, padding=pads, dilation_rate=(1, 2), groups=3, activation="relu"),
        layers.AveragePooling2D(3, 1, padding=1),
        layers.MaxPooling2D(3, 1, padding=pads),
        layers.AveragePooling2D(2, 1, padding=1, count_include_pad=True),
    ]
    yield "rank 2", keras.Sequential([keras.Input((9, 8, 3)), *odd])
    rank3 = [
        layers.ZeroPadding3D(1),
        layers.Conv3D(4, 2, strides=(1, 2, 1)),
        layers.AveragePooling3D(2, padding="same"),
    ]
    yield "rank 3", keras.Sequential([keras.Input((5, 7, 6, 2)), *rank3, layers.GlobalMaxPooling3D()])
    unknown = [layers.Conv2D(4, 3, strides=2, padding="same", algorithm="gemm"), layers.MaxPooling2D()]
    yield "unknown sizes", keras.Sequential([keras.Input((None, None, 3)), *unknown, layers.GlobalAveragePooling2D()])
    a, b = keras.Input((8, 7, 2), name="left"), keras.Input((8, 7, 3), name="right")
    c = layers.Conv2D(4, 3, name="conv")(keras.layers.Concatenate()([a, b]))
    d = layers.GlobalAveragePooling2D(name="mean")(c)
    yield "two inputs and outputs", keras.Model([a, b], {"maps": c, "summary": d})


SMALL = list(small_models())
every_model = pytest.mark.parametrize("model", [m for _, m in SMALL], ids=[n for n, _ in SMALL])
# For exports to folders, which take seconds each.
most_models = pytest.mark.parametrize(
    "model", [pytest.param(m, id=n, marks=[pytest.mark.large] if n in ("rank 1", "rank 3") else []) for n, m in SMALL]
)


@every_model
def test_onnx(model, tmp_path):
    path = tmp_path / "model.onnx"
    report = export.to_onnx(model, path)
    assert report.passed
    assert {row.batch_size for row in report.rows} == {1, 3}
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("Conv") == sum("Conv" in type(layer).__name__ for layer in model.layers)
    assert not {"PartitionedCall", "StatefulPartitionedCall", "Loop", "If"} & set(operators)
    assert {node.domain for node in proto.graph.node} == {""}
    assert [entry.version for entry in proto.opset_import if entry.domain == ""] == [18]
    for value in (*proto.graph.input, *proto.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.golden", "model.manifest.json", "model.onnx"]


@most_models
def test_saved_model(model, tmp_path):
    path = tmp_path / "model"
    assert export.to_saved_model(model, path).passed
    loaded = tf.saved_model.load(path)
    served = loaded.signatures["serving_default"]
    operators = {node.op for function in served.graph.as_graph_def().library.function for node in function.node_def}
    operators |= {op.type for op in served.graph.get_operations()}
    assert operators & {"Conv2D", "Conv3D"}
    assert not any("Xla" in name for name in operators)
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_pooling_becomes_one_operator(pooling, tmp_path):
    export.to_onnx(models.line_detector(pooling=pooling), tmp_path / "model.onnx")
    operators = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert operators.count("MaxPool" if pooling == "max" else "AveragePool") == 1
    assert operators.count("Conv") == 1


def test_names(tmp_path):
    """Inputs and outputs are called what the model calls them, in both formats."""
    model = SMALL[-1][1]
    export.to_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [i.name for i in session.get_inputs()] == ["left", "right"]
    assert [o.name for o in session.get_outputs()] == ["maps", "summary"]
    export.to_saved_model(model, tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model").signatures["serving_default"]
    assert set(served.structured_input_signature[1]) == {"left", "right"}
    assert set(served.structured_outputs) == {"maps", "summary"}
    inputs = {"left": np.ones((1, 8, 7, 2), "float32"), "right": np.ones((1, 8, 7, 3), "float32")}
    expected = model(list(inputs.values()))
    for name, value in zip(["maps", "summary"], session.run(["maps", "summary"], inputs), strict=True):
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5)
    a_list = keras.Model(model.inputs, model.outputs)
    export.to_onnx(a_list, tmp_path / "list.onnx")
    assert [o.name for o in onnx.load(tmp_path / "list.onnx").graph.output] == ["conv", "mean"]
    export.to_onnx(models.filter_bank(), tmp_path / "bank.onnx")
    dims = onnx.load(tmp_path / "bank.onnx").graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", "height", "width", 1]


@most_models
def test_plain_keras_export_gives_valid_files(model, tmp_path):
    """A user's own `model.export` takes our layers as they are, from scratch and all."""
    inputs = [
        np.random.default_rng(0).normal(size=[2, *(n or 12 for n in i.shape[1:])]).astype("float32")
        for i in model.inputs
    ]
    expected = keras.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0]))
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    outputs = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")  # holds the variables
    served = loaded.serve(inputs if len(inputs) > 1 else inputs[0])
    for got in (outputs, keras.tree.flatten(served)):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_reloaded_saved_model_trains_on(tmp_path):
    """The gradients that were traced at save time are the layers' own."""
    model = SMALL[1][1]
    export.to_saved_model(model, tmp_path / "model")
    loaded = tf.saved_model.load(tmp_path / "model")  # holds the variables
    served = loaded.signatures["serving_default"]
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 9, 8, 3)), tf.float32)
    gradients = []
    for function in (model, lambda x: next(iter(served(x).values()))):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(function(x) ** 2)
        gradients.append(tape.gradient(loss, x))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.large
def test_verify_with_golden_data_and_with_a_model(tmp_path):
    model = models.line_detector()
    for path in (tmp_path / "model.onnx", tmp_path / "model"):
        (export.to_onnx if path.suffix else export.to_saved_model)(model, path)
        assert export.verify(path).passed
        report = export.verify(path, model, batch_sizes=(2, 5, 7))
        own = [row for row in report.rows if row.runtime == report.rows[-1].runtime and row.inputs == "random"]
        assert report.passed
        assert [row.batch_size for row in own] == [2, 5, 7]
        other = export.verify(path, models.line_detector("horizontal"))
        assert not other.passed
        assert all(row.relative > 0.1 for row in other.rows if row.inputs == "random")


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def unconvertible():
    """A model with an operation that ONNX has not."""
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(tf.math.bessel_i0)])


def unrepeatable():
    """A model that never gives the same answer twice."""
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(lambda x: x + tf.random.normal([4, 4, 1]))])


@pytest.mark.parametrize(
    ("to", "broken", "message"),
    [
        (export.to_onnx, unconvertible, "to_onnx: every layer must have a counterpart in ONNX' standard operators of opset 18. Write a custom layer with `keras.ops`, or leave it out of the exported model. Received: model "),
        (export.to_onnx, unrepeatable, "to_onnx: ONNX Runtime must give what the Keras model gives, to a relative difference of 1e-05. Received: "),
        pytest.param(export.to_saved_model, unrepeatable, "to_saved_model: SavedModel must give what the Keras model gives, to a relative difference of 1e-05. Received: ", marks=pytest.mark.large),
    ],
)  # fmt: skip
def test_a_failing_export_leaves_what_stood_there(to, broken, message, tmp_path):
    to(models.line_detector(), tmp_path / "model.onnx")
    before = contents(tmp_path)
    with pytest.raises(export.ExportError) as error:
        to(broken(), tmp_path / "model.onnx", overwrite=True)
    assert str(error.value).startswith(message)
    assert contents(tmp_path) == before
    to(models.line_detector("horizontal"), tmp_path / "model.onnx", overwrite=True)
    assert contents(tmp_path) != before
    assert export.verify(tmp_path / "model.onnx").passed


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
@pytest.mark.parametrize("to", ["to_onnx", "to_saved_model"])
@pytest.mark.large
def test_an_export_that_is_stopped_leaves_what_stood_there(to, number, tmp_path):
    """The process is stopped in the middle of its export, by a layer that does it when it is traced."""
    path = tmp_path / "model.onnx"
    getattr(export, to)(models.line_detector(), path)
    before = contents(tmp_path)
    script = f"""
        import os, signal, keras
        from kerasconv import config, export
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has none
        def stop(x):
            if config.resolve("auto") == "native":  # being exported
                os.kill(os.getpid(), {int(number)})
            return x
        model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(stop)])
        export.{to}(model, {str(path)!r}, overwrite=True)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, env=dict(os.environ))
    assert done.returncode in (-number, 1)
    assert b"KeyboardInterrupt" in done.stderr or done.returncode == -signal.SIGKILL
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith(".")} == before
    if number == signal.SIGINT:
        assert contents(tmp_path) == before


@pytest.mark.large
@pytest.mark.parametrize("to", ["to_onnx", "to_saved_model"])
def test_an_export_that_is_killed_while_it_moves_leaves_the_old_or_the_new_one_whole(to, tmp_path):
    """The process is killed when it renames for the first time, the second time and so on, until it gets through."""
    path = tmp_path / "model.onnx"
    script = f"""
        import os, signal, sys
        from kerasconv import export, models
        left = int(sys.argv[1])
        def count(event, arguments):
            global left
            if event == "os.rename" and os.fspath(arguments[1]).startswith({str(tmp_path)!r}):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        export.{to}(models.line_detector(*sys.argv[2:]), {str(path)!r}, overwrite=True)
    """
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    answers = [np.asarray(models.line_detector(orientation)(x)) for orientation in ("vertical", "horizontal")]
    getattr(export, to)(models.line_detector(), path)
    for survived in range(9):
        command = [sys.executable, "-c", textwrap.dedent(script), str(survived), "horizontal"]
        code = subprocess.run(command, capture_output=True).returncode
        if path.is_dir():
            loaded = tf.saved_model.load(path)  # holds the variables
            (y,) = loaded.signatures["serving_default"](image=x).values()
        else:
            (y,) = onnxruntime.InferenceSession(path).run(None, {"image": x})
        np.testing.assert_allclose(y, answers[code == 0], rtol=1e-5, atol=1e-6)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert export.verify(path, models.line_detector("horizontal")).passed


class TestBadInput:
    @pytest.mark.parametrize("to", [export.to_onnx, export.to_saved_model, export.to_litert])
    def test_impossible_target(self, to, tmp_path):
        path = tmp_path / f"{'x' * 300}.tflite"
        assert self.message(OSError, to, models.line_detector(), path) == (
            f"{to.__name__}: `path` must be a place that can be written to. Received: path={str(path)!r}, for which the "
            f"system says: File name too long: {str(path)!r}."
        )
        assert self.message(TypeError, to, models.line_detector(), None) == (
            f"{to.__name__}: `path` must be a path. Received: path=None."
        )
        assert list(tmp_path.iterdir()) == []

    def message(self, kind, function, *args, **kwargs):
        with pytest.raises(kind) as error:
            function(*args, **kwargs)
        return str(error.value)

    @pytest.mark.parametrize("to", [export.to_onnx, export.to_saved_model])
    def test_existing_target(self, to, tmp_path):
        path = tmp_path / "model.onnx"
        path.write_text("precious")
        assert self.message(FileExistsError, to, models.line_detector(), path) == (
            f"{to.__name__}: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
        )
        assert path.read_text() == "precious"

    @pytest.mark.parametrize("to", [export.to_onnx, export.to_saved_model])
    def test_what_is_no_built_model(self, to, tmp_path):
        assert self.message(TypeError, to, "model", tmp_path / "a") == (
            f"{to.__name__}: `model` must be a Keras model. Received: 'model'."
        )
        unbuilt = keras.Sequential([layers.Conv2D(1, 3)], name="unbuilt")
        assert self.message(ValueError, to, unbuilt, tmp_path / "a") == (
            f"{to.__name__}: `model` must have been built: give it an input shape, or call it once. "
            "Received: Sequential 'unbuilt'."
        )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("opset", [12, 23, "18"])
    def test_opset(self, opset, tmp_path):
        assert self.message(ValueError, export.to_onnx, models.line_detector(), tmp_path / "a", opset=opset) == (
            f"to_onnx: `opset` must be an int from 13 to 22. Received: opset={opset!r}."
        )

    def test_verify_nothing(self, tmp_path):
        path = str(tmp_path / "a")
        assert self.message(FileNotFoundError, export.verify, path) == (
            "verify: `path` must be the folder of a SavedModel, an ONNX file or a LiteRT file. "
            f"Received: path={path!r}, which does not exist."
        )

    @pytest.mark.parametrize("to", [export.to_onnx, pytest.param(export.to_saved_model, marks=pytest.mark.large)])
    def test_verify_what_is_damaged(self, to, tmp_path):
        path = tmp_path / "model.onnx"
        to(models.line_detector(), path)
        file = path / "saved_model.pb" if path.is_dir() else path
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2])
        assert self.message(export.ExportError, export.verify, path).startswith(
            f"verify: the files of an artifact must have the SHA-256 in its manifest {str(manifest_file(path))!r}. "
        )
        manifest_file(path).unlink()
        kind = "SavedModel" if path.is_dir() else "ONNX file"
        assert self.message(export.ExportError, export.verify, path).startswith(
            f"verify: the {kind} must run. Received: path={str(path)!r}, which fails: "
        )
        file.write_bytes(data)
        golden = golden_folder(path)
        (golden / "test_data_set_0" / "input_0.pb").write_bytes(b"\xff")
        assert self.message(export.ExportError, export.verify, path).startswith(
            f"verify: the golden data in {str(golden)!r} must be readable: "
        )

    def test_verify_without_golden_data(self, tmp_path):
        path = tmp_path / "model.onnx"
        path.write_bytes(b"")
        assert self.message(FileNotFoundError, export.verify, path) == (
            "verify: without a `model`, golden data must stand with the artifact. "
            f"Received: path={str(path)!r}, and nothing in {str(tmp_path / 'model.golden')!r}."
        )
