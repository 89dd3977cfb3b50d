"""What `verify` measures, what it notices, and what it says when it cannot.

The ONNX files are written here by hand, node by node, so that each can be wrong in a way that is known.
"""

import hashlib
import json
import pathlib
import shutil

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from kerasconv import export, layers
from kerasconv.export.golden import golden_folder, save_golden
from kerasconv.export.manifest import check_manifest, manifest_file, write_manifest
from kerasconv.export.onnx_file import from_layout, interface, to_layout
from kerasconv.export.runtimes import Runtime, require, run_onnxruntime
from kerasconv.export.signature import signature_of


def network():
    """Two convolutions, a pooling and a classifier; every size is another."""
    keras.utils.set_random_seed(3)
    image = keras.Input((9, 8, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu", bias_initializer="normal", name="first")(image)
    x = layers.Conv2D(5, (3, 2), strides=2, bias_initializer="normal", name="second")(x)
    x = layers.MaxPooling2D(2, 1, name="pool")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, keras.layers.Dense(2, name="scores")(x), name="network")


PLACES = {
    "image": ("moved", "channels_first"),
    "first": ("first_relu", "channels_first"),
    "second": ("second_sum", "channels_first"),
    "pool": ("pooled", "channels_first"),
    "mean": ("flat", "channels_last"),
    "scores": ("scores", "channels_last"),
}


def nodes(layout="channels_last", image="image", before=()):
    """The network's nodes. `before` are put in front of it, from `image` to `start`."""
    start = "start" if before else image
    yield from before
    if layout == "channels_last":
        yield helper.make_node("Transpose", [start], ["moved"], perm=[0, 3, 1, 2])
    yield helper.make_node("Conv", ["moved" if layout == "channels_last" else start, "w1", "b1"], ["first_sum"])
    yield helper.make_node("Relu", ["first_sum"], ["first_relu"])
    yield helper.make_node("Conv", ["first_relu", "w2", "b2"], ["second_sum"], strides=[2, 2])
    yield helper.make_node("MaxPool", ["second_sum"], ["pooled"], kernel_shape=[2, 2])
    yield helper.make_node("GlobalAveragePool", ["pooled"], ["mean"])
    yield helper.make_node("Flatten", ["mean"], ["flat"])
    yield helper.make_node("Gemm", ["flat", "w3", "b3"], ["scores"])


def weights(model):
    """The model's weights, in ONNX' layout."""
    found = {}
    for i, name in enumerate(("first", "second", "scores"), 1):
        kernel, bias = model.get_layer(name).get_weights()
        found |= {f"w{i}": kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel, f"b{i}": bias}
    return found


def graph(found, *, layout="channels_last", image="image", before=(), batch="batch", places=PLACES, shape=None):
    shape = shape or ([batch, 9, 8, 3] if layout == "channels_last" else [batch, 3, 9, 8])
    proto = helper.make_model(
        helper.make_graph(
            list(nodes(layout, image, before)),
            "network",
            [helper.make_tensor_value_info(image, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 2])],
            [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in found.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    if places is not None:
        text = json.dumps({layer: {"value": v, "layout": how} for layer, (v, how) in places.items()})
        helper.set_model_props(proto, {"kerasconv.layers": text, "kerasconv.layout": layout})
    onnx.checker.check_model(proto)
    return proto


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def served(model):
    return signature_of(model, "test")


@pytest.fixture
def artifact(model, served, tmp_path):
    """A faithful ONNX file with golden data and a manifest."""
    path = tmp_path / "network.onnx"
    onnx.save(graph(weights(model)), path)
    save_golden(served, golden_folder(path))
    write_manifest(path)
    return path


@pytest.fixture(scope="module")
def saved_model(served, tmp_path_factory):
    """The same as a SavedModel, in a folder of versions."""
    path = tmp_path_factory.mktemp("served")
    module = tf.Module()
    module.weights = [variable.value for variable in served.model.variables]
    function = tf.function(served.function(), input_signature=served.inputs, autograph=False)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    for version in ("2", "10"):
        signatures = {"serving_default": function.get_concrete_function()}
        tf.saved_model.save(module, str(path / version), signatures=signatures, options=options)
    (path / "2" / "saved_model.pb").write_bytes(b"an old one that is broken")
    save_golden(served, golden_folder(path / "10"))
    write_manifest(path / "10")
    return path


def message(kind, function, *args, **kwargs):
    with pytest.raises(kind) as error:
        function(*args, **kwargs)
    return str(error.value)


ALL_INPUTS = [("golden", 1), ("golden", 3), ("random", 1), ("random", 3), ("zeros", 3), ("large", 3), ("nan", 3)]


def rows(report, runtime):
    return [(row.inputs, row.batch_size) for row in report.rows if row.runtime == runtime]


class TestMeasuring:
    def test_with_golden_data(self, artifact):
        report = export.verify(artifact, runtimes=["onnxruntime"])
        assert report.passed
        assert report.manifest
        assert report.reference == "its golden data"
        assert rows(report, "ONNX Runtime") == [("golden", 1), ("golden", 3)]
        assert len(report.rows) == 2
        assert all(0 < row.relative < 1e-6 and row.misplaced == 0 for row in report.rows)

    def test_with_a_model(self, artifact, model):
        report = export.verify(artifact, model, runtimes=["keras", "onnxruntime"])
        assert report.passed
        assert report.reference == "the Keras model"
        assert rows(report, "Keras") == ALL_INPUTS[:2]
        assert rows(report, "ONNX Runtime") == ALL_INPUTS
        report = export.verify(artifact, model, batch_sizes=[2, 5], edge_inputs=False, runtimes=["onnxruntime"])
        assert rows(report, "ONNX Runtime") == [("golden", 1), ("golden", 3), ("random", 2), ("random", 5)]

    def test_openvino(self, artifact, model):
        pytest.importorskip("openvino", reason="OpenVINO is the optional extra `openvino`")
        report = export.verify(artifact, model)
        assert report.passed
        assert report.refused == ()
        assert rows(report, "OpenVINO") == rows(report, "ONNX Runtime") == ALL_INPUTS

    def test_a_saved_model_and_its_newest_version(self, saved_model, model):
        report = export.verify(saved_model, model)
        assert report.passed
        assert report.manifest
        assert report.path == saved_model / "10"
        assert rows(report, "SavedModel") == ALL_INPUTS

    def test_what_a_runtime_cannot_read_is_reported_and_fails_only_when_asked_for(self, tmp_path):
        """OpenVINO has no determinant, ONNX Runtime has."""
        pytest.importorskip("openvino", reason="OpenVINO is the optional extra `openvino`")
        x = keras.Input((3, 3), name="x")
        model = keras.Model(x, keras.layers.Lambda(tf.linalg.det, output_shape=(), name="y")(x))
        values = [helper.make_tensor_value_info("x", 1, ["n", 3, 3]), helper.make_tensor_value_info("y", 1, ["n"])]
        only = helper.make_graph([helper.make_node("Det", ["x"], ["y"])], "g", values[:1], values[1:])
        path = tmp_path / "det.onnx"
        onnx.save(helper.make_model(only, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
        report = export.verify(path, model)
        assert report.passed
        assert [title for title, _ in report.refused] == ["OpenVINO"]
        assert "Det" in report.refused[0][1]
        assert message(export.ExportError, export.verify, path, model, runtimes=["openvino"]).startswith(
            f"verify: the ONNX file must run in OpenVINO. Received: path={str(path)!r}, which fails: "
        )

    def test_other_names_and_layouts(self, model, served, tmp_path):
        """A file may call its input otherwise and have channels first; its metadata say so."""
        path = tmp_path / "first.onnx"
        places = {layer: place for layer, place in PLACES.items() if layer != "image"}
        proto = graph(weights(model), layout="channels_first", image="pixels", places=places)
        onnx.save(proto, path)
        save_golden(served, golden_folder(path), interface=interface(proto, served))
        report = export.verify(path, model, runtimes=["keras", "onnxruntime"])
        assert report.passed
        assert rows(report, "ONNX Runtime") == ALL_INPUTS
        tensor = onnx.TensorProto.FromString((golden_folder(path) / "test_data_set_1" / "input_0.pb").read_bytes())
        assert (tensor.name, tuple(tensor.dims)) == ("pixels", (3, 3, 9, 8))

    def test_layouts_leave_what_has_no_channels(self):
        for shape, moved in (
            ((2,), (2,)),
            ((2, 3), (2, 3)),
            ((2, 3, 4), (2, 4, 3)),
            ((2, 3, 4, 5, 6), (2, 6, 3, 4, 5)),
        ):
            array = np.arange(np.prod(shape)).reshape(shape)
            assert to_layout(array, True).shape == moved
            np.testing.assert_array_equal(from_layout(to_layout(array, True), True), array)

    def test_a_fixed_batch_size(self, model, tmp_path):
        onnx.save(graph(weights(model), batch=2), tmp_path / "two.onnx")
        report = export.verify(tmp_path / "two.onnx", model, runtimes=["onnxruntime"])
        assert rows(report, "ONNX Runtime") == [(inputs, 2) for inputs in ("random", "zeros", "large", "nan")]
        assert report.passed

    def test_large_inputs_pass_within_what_the_model_itself_moves(self, tmp_path):
        """The sine of 10,000 differs in the first digit when 10,000 changes by a part in 100,000."""
        x = keras.Input((50,), name="x")
        model = keras.Model(x, keras.layers.Activation(keras.ops.sin, name="y")(x))
        values = [helper.make_tensor_value_info(name, 1, ["n", 50]) for name in "xy"]
        only = helper.make_graph([helper.make_node("Sin", ["x"], ["y"])], "g", values[:1], values[1:])
        onnx.save(helper.make_model(only, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "s")
        report = export.verify(tmp_path / "s", model, runtimes=["onnxruntime"])
        tolerances = {row.inputs: row.tolerance for row in report.rows}
        assert report.passed
        assert 0.1 < tolerances.pop("large") < 0.5
        assert set(tolerances.values()) == {1e-5}

    def test_json(self, artifact, model):
        report = export.verify(artifact, model, runtimes=["onnxruntime"])
        data = json.loads(json.dumps(report.to_json(), allow_nan=False))
        assert data["passed"] is True
        assert data["manifest"] is True
        assert data["artifact"] == str(artifact)
        assert data["first_difference"] is None
        assert data["refused"] == {}
        assert data["quantization"] is None
        assert [(row["inputs"], row["batch_size"]) for row in data["rows"]] == ALL_INPUTS
        assert set(data["rows"][0]) == {
            "runtime", "inputs", "batch_size", "absolute", "relative", "misplaced", "tolerance", "required", "passed",
        }  # fmt: skip


def node(*args, **kwargs):
    return helper.make_node(*args, **kwargs)


# What is put in front of the network, and on which inputs that shows.
FAULTS = {
    "random": ([node("Neg", ["image"], ["start"])], "random"),
    "zero divided by zero": ([node("Div", ["image", "image"], ["one"]), node("Mul", ["one", "image"], ["start"])], "zeros"),
    "cut off at 100": ([node("Clip", ["image", "", "hundred"], ["start"])], "large"),
    "NaN become zero": ([node("IsNaN", ["image"], ["nan"]), node("Where", ["nan", "zero", "image"], ["start"])], "nan"),
}  # fmt: skip


class TestNoticing:
    @pytest.fixture(params=FAULTS, ids=lambda name: name.replace(" ", "-"))
    def fault(self, request, model, tmp_path):
        before, inputs = FAULTS[request.param]
        found = weights(model) | {"hundred": np.float32(100), "zero": np.float32(0)}
        onnx.save(graph(found, before=before, places=None), tmp_path / "fault.onnx")
        return tmp_path / "fault.onnx", inputs

    def test_a_fault_that_shows_on_some_inputs(self, fault, model):
        path, inputs = fault
        report = export.verify(path, model, runtimes=["onnxruntime"])
        failed = {row.inputs for row in report.rows if not row.passed}
        assert failed == {"random": {"random", "large", "nan"}}.get(inputs, {inputs})
        assert report.passed == (inputs == "nan")  # whose rows do not count, unless asked
        strict = export.verify(path, model, runtimes=["onnxruntime"], nan_must_match=True)
        assert not strict.passed
        text = message(export.ExportError, strict.raise_if_failed, "verify")
        assert text.startswith(
            "verify: ONNX Runtime must give what the Keras model gives, to a relative difference of "
        )
        if inputs in ("zeros", "nan"):
            count = next(row.misplaced for row in strict.rows if row.inputs == inputs)
            assert text == (
                "verify: ONNX Runtime must give what the Keras model gives, to a relative difference of 1e-05. "
                f"Received: {count} misplaced NaN on {inputs} inputs at batch size 3."
            )
        if inputs == "nan":  # one example has the NaN, and both of its scores
            assert count == 2

    def test_the_verdict_heeds_the_tolerance(self, artifact, model):
        found = weights(model)
        found["b3"] = found["b3"] + np.float32(1e-3)
        onnx.save(graph(found), artifact)
        manifest_file(artifact).unlink()
        report = export.verify(artifact, model, runtimes=["onnxruntime"])
        worst = max(row.relative for row in report.rows if row.required)
        assert 1e-4 < worst < 1e-1
        assert not report.passed
        assert all(
            abs(row.absolute - 1e-3) < 1e-5 for row in report.rows if row.inputs in ("golden", "random", "zeros")
        )
        assert export.verify(artifact, model, runtimes=["onnxruntime"], tolerance=worst).passed

    def test_a_model_that_is_not_that_of_the_golden_data(self, artifact, model):
        other = keras.models.clone_model(model)
        other.set_weights([2 * w for w in model.get_weights()])
        report = export.verify(artifact, other, runtimes=["keras"])
        worst = max(report.rows, key=lambda row: row.relative)
        assert message(export.ExportError, report.raise_if_failed, "verify") == (
            "verify: the Keras model must give what the artifact's golden data gives, to a relative difference of 1e-05. "
            f"Received: {worst.relative:.3g} on golden inputs at batch size {worst.batch_size}."
        )

    @pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
    @pytest.mark.parametrize(("name", "layer"), [("w1", "first"), ("b2", "second"), ("w2", "second"), ("w3", "scores")])
    def test_the_first_layer_that_differs(self, name, layer, runtime, model, tmp_path):
        if runtime == "openvino":
            pytest.importorskip("openvino", reason="OpenVINO is the optional extra `openvino`")
        found = weights(model)
        found[name] = found[name].copy()
        found[name].flat[1] += 0.25
        onnx.save(graph(found), tmp_path / "bad.onnx")
        report = export.verify(tmp_path / "bad.onnx", model, runtimes=[runtime], edge_inputs=False)
        first = report.first_difference
        assert (first.layer, first.kind) == (layer, type(model.get_layer(layer)).__name__)

        # by as much as a model with the same fault is away at this layer
        wrong = keras.models.clone_model(model)
        wrong.set_weights(model.get_weights())
        kernel, bias = wrong.get_layer(layer).get_weights()
        kernel = found[name] if name == "w3" else found[name].transpose(2, 3, 1, 0) if name[0] == "w" else kernel
        wrong.get_layer(layer).set_weights([kernel, found[name] if name[0] == "b" else bias])
        x = signature_of(model, "test").trial_inputs(1, seed=100)["image"]
        want, got = (keras.Model(m.inputs, m.get_layer(layer).output)([x]).numpy() for m in (model, wrong))
        np.testing.assert_allclose(first.absolute, np.abs(got - want).max(), rtol=1e-5)
        np.testing.assert_allclose(first.relative, np.abs(got - want).max() / np.abs(want).max(), rtol=1e-5)
        worst = max(report.rows, key=lambda row: row.relative)
        title = "OpenVINO" if runtime == "openvino" else "ONNX Runtime"
        assert message(export.ExportError, report.raise_if_failed, "verify") == (
            f"verify: {title} must give what the Keras model gives, to a relative difference of 1e-05. "
            f"Received: {worst.relative:.3g} on random inputs at batch size {worst.batch_size}. "
            f"The first layer that differs is {layer!r} ({first.kind}), by {first.relative:.3g}."
        )
        assert json.loads(json.dumps(report.to_json()))["first_difference"]["layer"] == layer

    def test_a_layer_of_another_shape(self, model, tmp_path):
        found = weights(model)
        found["w1"], found["w2"] = np.repeat(found["w1"], 2, 0), np.repeat(found["w2"], 2, 1)
        found["b1"] = np.repeat(found["b1"], 2)
        onnx.save(graph(found), tmp_path / "wide.onnx")
        report = export.verify(tmp_path / "wide.onnx", model, batch_sizes=[2], runtimes=["onnxruntime"])
        assert str(report.first_difference) == "'first' (Conv2D): its shape is (2, 7, 6, 8), not (2, 7, 6, 4)"

    def test_without_metadata_no_layer_is_named(self, model, tmp_path):
        found = weights(model) | {"b2": np.zeros(5, "float32")}
        onnx.save(graph(found, places=None), tmp_path / "bad.onnx")
        report = export.verify(tmp_path / "bad.onnx", model, runtimes=["onnxruntime"])
        assert not report.passed
        assert report.first_difference is None


class TestManifest:
    def test_it_lists_every_file_and_is_repeatable(self, artifact, served, tmp_path):
        (artifact.parent / "network.data").write_bytes(b"weights")
        data = write_manifest(artifact, [artifact.parent / "network.data"]).read_bytes()
        content = json.loads(data)
        sets = [f"network.golden/test_data_set_{i}/{kind}_0.pb" for i in (0, 1) for kind in ("input", "output")]
        assert list(content) == ["files", "format", "kerasconv"]
        assert content["format"] == 1
        assert list(content["files"]) == ["network.data", *sets, "network.onnx"]
        assert content["files"]["network.data"] == hashlib.sha256(b"weights").hexdigest()
        shutil.rmtree(golden_folder(artifact))
        save_golden(served, golden_folder(artifact))  # the same bytes again
        assert check_manifest(artifact)
        assert write_manifest(artifact, [artifact.parent / "network.data"]).read_bytes() == data

    def test_a_folder(self, saved_model):
        files = json.loads(manifest_file(saved_model / "10").read_text())["files"]
        assert {"saved_model.pb", "variables/variables.index", "assets.extra/golden/test_data_set_0/input_0.pb"} <= set(
            files
        )
        assert "assets.extra/manifest.json" not in files

    def test_none(self, artifact):
        manifest_file(artifact).unlink()
        assert check_manifest(artifact) is False
        assert export.verify(artifact, runtimes=["onnxruntime"]).manifest is False

    def test_what_is_wrong_with_it(self, artifact):
        manifest, name = manifest_file(artifact), "network.golden/test_data_set_1/output_0.pb"
        good, where = manifest.read_text(), repr(str(manifest))
        file = artifact.parent / name
        data = file.read_bytes()

        def complaint():
            return message(export.ExportError, export.verify, artifact)

        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        hashes = [hashlib.sha256(d).hexdigest()[:12] for d in (file.read_bytes(), data)]
        assert complaint() == (
            f"verify: the files of an artifact must have the SHA-256 in its manifest {where}. "
            f"Received: {name!r} with {hashes[0]}... in place of {hashes[1]}..."
        )
        file.unlink()
        assert complaint() == f"verify: every file in the manifest must exist. Received: {where}, which lists {name!r}."
        file.write_bytes(data)
        extra = file.parent.parent / "test_data_set_2" / "input_0.pb"
        extra.parent.mkdir()
        extra.write_bytes(data)
        assert complaint() == (
            f"verify: the artifact and its golden data must be in the manifest {where}. "
            "Received: 'network.golden/test_data_set_2/input_0.pb', which is not."
        )
        shutil.rmtree(extra.parent)
        content = json.loads(good)
        hash_ = content["files"].pop("network.onnx")
        manifest.write_text(json.dumps(content))
        assert complaint() == (
            f"verify: the artifact and its golden data must be in the manifest {where}. Received: 'network.onnx', which is not."
        )
        for outside in ("../secret", "/etc/passwd", "C:\\secret", "a\\..\\..\\b"):
            manifest.write_text(json.dumps({**content, "files": {outside: hash_}}))
            assert complaint() == (
                f"verify: the files in a manifest must stand in its artifact's folder. Received: {where}, which lists {outside!r}."
            )
        manifest.write_text(json.dumps({**content, "format": 2}))
        assert complaint() == (
            f"verify: the manifest must have format 1, with a text for each file. Received: {where} with format 2."
        )
        manifest.write_text(json.dumps({**content, "files": {"network.onnx": 3}}))
        assert complaint() == (
            f"verify: the manifest must have format 1, with a text for each file. Received: {where} with format 1."
        )
        for text in (good[:-20], "[]", "{}", "", '{"format": 1, "files": []}', "\x00"):
            manifest.write_text(text)
            assert complaint().startswith(
                f"verify: the manifest must be JSON with `format` and `files`. Received: {where}, which fails: "
            )
        manifest.write_text(good)
        assert export.verify(artifact, runtimes=["onnxruntime"]).passed

    def test_a_file_from_elsewhere(self, artifact):
        outside = artifact.parent.parent / "other"
        assert message(ValueError, write_manifest, artifact, [outside]) == (
            f"write_manifest: the files of an artifact must stand in its folder {str(artifact.parent)!r}. "
            f"Received: {str(outside)!r}."
        )


def external(proto, location):
    """The same, its largest weight in another file."""
    tensor = max(proto.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    data = tensor.raw_data
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    return data


class TestExternalData:
    def test_beside_the_file(self, model, tmp_path):
        found = weights(model)
        for name, passes in (("good", True), ("bad", False)):
            proto = graph(found)
            (tmp_path / name).mkdir()
            (tmp_path / name / "weights.bin").write_bytes(external(proto, "weights.bin"))
            onnx.save(proto, tmp_path / name / "network.onnx")
            report = export.verify(tmp_path / name / "network.onnx", model, runtimes=["onnxruntime"])
            assert report.passed == passes
            found["b2"] = found["b2"] + 1
        assert report.first_difference.layer == "second"

    @pytest.mark.parametrize(
        "location",
        ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "C:\\weights.bin", "..\\weights.bin", "link"],
    )
    def test_outside_its_folder(self, location, model, tmp_path):
        path = tmp_path / "inner" / "network.onnx"
        path.parent.mkdir()
        proto = graph(weights(model))
        (tmp_path / "weights.bin").write_bytes(external(proto, location))
        (tmp_path / "inner" / "link").symlink_to(tmp_path / "weights.bin")
        onnx.save(proto, path)
        assert message(export.ExportError, export.verify, path, model) == (
            f"verify: the external data of an ONNX file must stand in its own folder. Received: path={str(path)!r}, "
            f"whose weights are at {location!r}."
        )

    def test_outside_in_a_branch_of_an_if(self, model, tmp_path):
        """Wherever in the graph a tensor stands."""
        constant = numpy_helper.from_array(np.zeros(3, "float32"), "constant")
        onnx.external_data_helper.set_external_data(constant, "../secret")
        constant.ClearField("raw_data")
        value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [3])
        branch = helper.make_graph([helper.make_node("Constant", [], ["v"], value=constant)], "b", [], [value])
        proto = graph(weights(model))
        proto.graph.node.append(helper.make_node("If", ["c"], ["out"], then_branch=branch, else_branch=branch))
        path = tmp_path / "network.onnx"
        path.write_bytes(proto.SerializeToString())
        assert message(export.ExportError, export.verify, path, model) == (
            f"verify: the external data of an ONNX file must stand in its own folder. Received: path={str(path)!r}, "
            "whose weights are at '../secret'."
        )

    def test_missing(self, model, tmp_path):
        path = tmp_path / "network.onnx"
        proto = graph(weights(model))
        external(proto, "weights.bin")
        onnx.save(proto, path)
        assert message(export.ExportError, export.verify, path, model) == (
            f"verify: the external data of an ONNX file must stand beside it. Received: path={str(path)!r}, whose "
            "weights are in 'weights.bin', which does not exist."
        )


class TestBadInput:
    RULE = "verify: `path` must be the folder of a SavedModel, an ONNX file or a LiteRT file."

    def test_no_artifact(self, tmp_path):
        path = str(tmp_path / "none")
        assert message(FileNotFoundError, export.verify, path) == (
            f"{self.RULE} Received: path={path!r}, which does not exist."
        )
        assert message(FileNotFoundError, export.verify, tmp_path) == (
            f"{self.RULE} Received: path={str(tmp_path)!r}, a folder without `saved_model.pb`."
        )
        assert message(TypeError, export.verify, 3) == f"{self.RULE} Received: path=3, of type int."

    def test_no_golden_data(self, artifact, model):
        golden = golden_folder(artifact)
        shutil.rmtree(golden)
        manifest_file(artifact).unlink()
        assert message(FileNotFoundError, export.verify, artifact) == (
            f"verify: without a `model`, golden data must stand with the artifact. Received: path={str(artifact)!r}, "
            f"and nothing in {str(golden)!r}."
        )
        rule = (
            "verify: there must be inputs to compare on: golden data or `batch_sizes` with a `model`, and for the runtime "
            "'keras' both golden data and a `model`. "
        )
        assert message(ValueError, export.verify, artifact, model, batch_sizes=()) == (
            f"{rule}Received: path={str(artifact)!r}, model={model!r}, batch_sizes=(), runtimes=None."
        )
        assert message(ValueError, export.verify, artifact, model, runtimes=["keras"]) == (
            f"{rule}Received: path={str(artifact)!r}, model={model!r}, batch_sizes=(1, 3), runtimes=['keras']."
        )
        (golden / "test_data_set_0").mkdir(parents=True)
        assert message(export.ExportError, export.verify, artifact) == (
            f"verify: the golden data in {str(golden)!r} must be readable: a set lacks its inputs or its outputs"
        )
        (golden / "test_data_set_0" / "input_0.pb").write_bytes(b"\xff")
        assert message(export.ExportError, export.verify, artifact).startswith(
            f"verify: the golden data in {str(golden)!r} must be readable: "
        )

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
    def test_a_truncated_onnx_file(self, share, artifact):
        manifest_file(artifact).unlink()
        data = artifact.read_bytes()
        artifact.write_bytes(data[: int(share * len(data))])
        assert message(export.ExportError, export.verify, artifact).startswith(
            f"verify: the ONNX file must run. Received: path={str(artifact)!r}, which fails: "
        )

    def test_a_file_of_another_kind(self, artifact, model):
        manifest_file(artifact).unlink()
        artifact.write_text("not a graph")
        assert message(export.ExportError, export.verify, artifact, model).startswith(
            f"verify: the ONNX file must run. Received: path={str(artifact)!r}, which fails: "
        )

    @pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
    def test_a_truncated_saved_model(self, file, saved_model, tmp_path):
        path = pathlib.Path(shutil.copytree(saved_model / "10", tmp_path / "network"))
        data = (path / file).read_bytes()
        (path / file).write_bytes(data[: len(data) // 2])
        assert message(export.ExportError, export.verify, path).startswith(
            f"verify: the files of an artifact must have the SHA-256 in its manifest {str(manifest_file(path))!r}. "
            f"Received: {file!r} with "
        )
        manifest_file(path).unlink()
        assert message(export.ExportError, export.verify, path).startswith(
            f"verify: the SavedModel must run. Received: path={str(path)!r}, which fails: "
        )

    def test_options(self, artifact, model):
        expected = {
            ("batch_sizes", 3): "verify: `batch_sizes` must be positive ints. Received: batch_sizes=3.",
            ("batch_sizes", (1, 0)): "verify: `batch_sizes` must be positive ints. Received: batch_sizes=(1, 0).",
            ("batch_sizes", "13"): "verify: `batch_sizes` must be positive ints. Received: batch_sizes='13'.",
            ("tolerance", -1): "verify: `tolerance` must be a number, 0 or more. Received: tolerance=-1.",
            ("tolerance", float("nan")): "verify: `tolerance` must be a number, 0 or more. Received: tolerance=nan.",
            ("tolerance", "1e-5"): "verify: `tolerance` must be a number, 0 or more. Received: tolerance='1e-5'.",
        }
        for (name, value), text in expected.items():
            assert message(ValueError, export.verify, artifact, model, **{name: value}) == text
        rule = "verify: `runtimes` must be a list of some that read the ONNX file: 'keras', 'onnxruntime', 'openvino'. "
        for runtimes in ("onnxruntime", ["litert"], ["onnxruntime", "torch"], []):
            text = message(ValueError, export.verify, artifact, model, runtimes=runtimes)
            assert text == f"{rule}Received: runtimes={runtimes!r}."
        assert message(TypeError, export.verify, artifact, "model") == (
            "verify: `model` must be a Keras model. Received: 'model'."
        )

    def test_a_runtime_that_is_not_installed(self):
        absent = Runtime("x", "Runtime X", "no_such_module", "'kerasconv[x]'", (), run_onnxruntime)
        assert message(export.ExportError, require, absent, "verify") == (
            "verify: Runtime X must be installed: pip install 'kerasconv[x]'. Received: no module 'no_such_module'."
        )

    def test_text(self, artifact, tmp_path):
        text = keras.Input((), dtype="string", name="text")
        model = keras.Model(text, keras.layers.StringLookup(vocabulary=["a", "b"])(text), name="reader")
        rule = "the inputs and outputs of a model must be numbers. Received: model 'reader', whose 'text' is a string."
        assert message(ValueError, export.verify, artifact, model) == f"verify: {rule}"
        golden = tmp_path / "golden"
        assert message(ValueError, save_golden, signature_of(model, "test"), golden) == f"save_golden: {rule}"
        assert not golden.exists()

    def test_another_models_inputs_and_outputs(self, artifact, saved_model, model):
        two = keras.Model(model.inputs, [model.outputs[0], model.get_layer("mean").output])
        assert message(export.ExportError, export.verify, artifact, two) == (
            "verify: the artifact must have the outputs of its model, 'scores', 'mean'. Received: 'scores'."
        )
        other = keras.Input((9, 8, 3), name="photograph")
        assert message(
            export.ExportError, export.verify, saved_model, keras.Model(other, model(other)), runtimes=["keras"]
        ) == ("verify: the golden data must have the inputs of the model, 'photograph'. Received: 'image'.")
        wide = keras.Model(model.inputs, keras.layers.Dense(7, name="scores")(model.get_layer("mean").output))
        manifest_file(artifact).unlink()
        shutil.rmtree(golden_folder(artifact))
        assert message(export.ExportError, export.verify, artifact, wide) == (
            "verify: the artifact must have the outputs of its model, {'scores': (1, 7)}. Received: {'scores': (1, 2)}."
        )

    def test_damaged_metadata(self, artifact, model):
        proto = onnx.load(artifact)
        helper.set_model_props(proto, {"kerasconv.layers": '{"first": {"value": "x", "layout": "sideways"}}'})
        onnx.save(proto, artifact)
        manifest_file(artifact).unlink()
        assert message(export.ExportError, export.verify, artifact, model) == (
            'verify: the metadata \'kerasconv.layers\' must be JSON, {layer: {"value": name, "layout": "channels_first" or '
            '"channels_last"}}. Received: \'{"first": {"value": "x", "layout": "sideways"}}\'.'
        )
