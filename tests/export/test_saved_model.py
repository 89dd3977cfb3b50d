"""The SavedModel as TF Serving, TensorFlow and Keras take it."""

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.unknown_fields import UnknownFieldSet
from PIL import Image
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import saved_model_pb2

from kerasconv import export, layers
from kerasconv.export.manifest import check_manifest
from kerasconv.export.saved_model import to_saved_model
from kerasconv.export.saved_model.serving import save_beside
from kerasconv.preprocessing import Preprocessing

LABELS = ["cat", "dög", "a bird"]
PREPROCESSING = Preprocessing((8, 6), scale=1 / 255, mean=(0.5, 0.4, 0.3), std=0.25)
EXISTING = {"3/saved_model.pb": b"older", "7/saved_model.pb": b"old", "models.config": b"mine"}


def shapes_model():
    """Our layers, one input and one output: all four signatures."""
    return keras.Sequential(
        [
            keras.Input((8, 6, 3), name="image"),
            layers.Conv2D(4, 3, strides=2, dilation_rate=2, padding="same", activation="tanh", name="conv"),
            layers.MaxPooling2D(2, 1, name="pool"),
            layers.GlobalAveragePooling2D(name="mean"),
            keras.layers.Dense(3, activation="softmax", name="probabilities"),
        ]
    )


def stock_model():
    """Keras' layers, two inputs, one of them integers, with names that TensorFlow changes."""
    a, b = keras.Input((4, 3, 1), name="left-1"), keras.Input((2,), name="2nd", dtype="int32")
    maps = keras.layers.Conv2D(2, 2, activation="tanh")(a)
    c = keras.layers.Concatenate()([keras.layers.Flatten()(maps), keras.layers.Rescaling(0.1)(b)])
    return keras.Model([a, b], keras.layers.Dense(2, activation="softmax", name="scores")(c))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model, path = shapes_model(), tmp_path_factory.mktemp("models") / "shapes"
    report = to_saved_model(
        model, path, version=7, labels=LABELS, preprocessing=PREPROCESSING, features=["conv", "mean"]
    )
    assert report.passed
    assert report.path == path / "7"
    return model, report.path, tf.saved_model.load(report.path)


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    keras.utils.set_random_seed(2)
    model, path = stock_model(), tmp_path_factory.mktemp("models") / "stock"
    for name, data in EXISTING.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    report = to_saved_model(model, path, version="next", labels=["no", "yes"])
    return model, report.path, tf.saved_model.load(report.path)


def random(*shape):
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def picture(kind, height=8, width=6):
    """A random image, and what Pillow reads from its file."""
    pixels = np.random.default_rng(4).integers(0, 256, (height, width, 3), "uint8")
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=kind)
    return stream.getvalue(), np.asarray(Image.open(stream), "float32")


def normalised(pixels):
    return (pixels / 255 - [0.5, 0.4, 0.3]) / 0.25


def example(**features):
    """A serialized `tf.train.Example`."""
    lists = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
    message = tf.train.Example()
    for name, values in features.items():
        getattr(message.features.feature[name], lists[type(values[0])]).value.extend(values)
    return message.SerializeToString()


def meta_graph(path):
    (graph,) = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs
    return graph


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------------------------------ signatures


def test_signatures(shapes, stock):
    def described(loaded):
        return {
            name: (
                {k: (tuple(v.shape), v.dtype.name) for k, v in signature.structured_input_signature[1].items()},
                {k: (tuple(v.shape), v.dtype.name) for k, v in signature.structured_outputs.items()},
            )
            for name, signature in loaded.signatures.items()
        }

    image = {"image": ((None, 8, 6, 3), "float32")}
    probabilities = {"probabilities": ((None, 3), "float32")}
    assert described(shapes[2]) == {
        "serve": (image, probabilities),
        "serving_default": (image, probabilities),
        "serving_bytes": ({"image_bytes": ((None,), "string")}, probabilities),
        "classify": (
            {"inputs": ((None,), "string")},
            {"classes": ((None, 3), "string"), "scores": ((None, 3), "float32")},
        ),
        "features": (image, {"conv": ((None, 4, 3, 4), "float32"), "mean": ((None, 4), "float32")}),
    }
    both = {"left_1": ((None, 4, 3, 1), "float32"), "arg_2nd": ((None, 2), "int32")}
    assert described(stock[2]) == {
        "serve": (both, {"scores": ((None, 2), "float32")}),
        "serving_default": (both, {"scores": ((None, 2), "float32")}),
        "classify": (
            {"inputs": ((None,), "string")},
            {"classes": ((None, 2), "string"), "scores": ((None, 2), "float32")},
        ),
    }


def test_serving_default_and_features(shapes):
    model, _, loaded = shapes
    x = random(5, 8, 6, 3)
    close(loaded.signatures["serving_default"](image=x)["probabilities"], model(x))
    named = loaded.signatures["features"](image=x)
    for name in ("conv", "mean"):
        close(named[name], keras.Model(model.inputs, model.get_layer(name).output)([x]))


def test_serving_bytes(shapes):
    """Images of the model's size, so that Pillow's pixels are ours; sizes are the matter of `test_preprocessing`."""
    model, _, loaded = shapes
    (jpeg, a), (png, b) = picture("JPEG"), picture("PNG")
    outputs = loaded.signatures["serving_bytes"](image_bytes=tf.constant([jpeg, png]))
    close(outputs["probabilities"], model(normalised(np.stack([a, b]))))


def test_classify_images(shapes):
    model, _, loaded = shapes
    (jpeg, a), (png, b) = picture("JPEG"), picture("PNG")
    examples = tf.constant([example(image_bytes=[data]) for data in (jpeg, png)])
    outputs = loaded.signatures["classify"](inputs=examples)
    assert outputs["classes"].numpy().tolist() == [[label.encode() for label in LABELS]] * 2
    close(outputs["scores"], model(normalised(np.stack([a, b]))))


def test_classify_flat_lists(stock):
    model, _, loaded = stock
    a, b = random(3, 4, 3, 1), np.array([[1, 2], [3, 4], [5, 6]], "int32")
    examples = [example(left_1=x.ravel().tolist(), arg_2nd=n.tolist()) for x, n in zip(a, b, strict=True)]
    outputs = loaded.signatures["classify"](inputs=tf.constant(examples))
    assert outputs["classes"].numpy().tolist() == [[b"no", b"yes"]] * 3
    close(outputs["scores"], model([a, b]))


def test_method_names(shapes):
    """By which TF Serving knows what it may call; TensorFlow writes `predict` for all."""
    graph = meta_graph(shapes[1])
    names = {name: signature.method_name for name, signature in graph.signature_def.items()}
    assert names.pop("classify") == "tensorflow/serving/classify"
    assert names.pop("__saved_model_init_op") == ""
    assert names == dict.fromkeys(
        ["serve", "serving_default", "serving_bytes", "features"], "tensorflow/serving/predict"
    )


def test_assets(shapes, stock):
    """The labels are tracked: TensorFlow reads them from the file when it loads the model."""
    _, path, _ = shapes
    assert (path / "assets" / "labels.txt").read_text("utf-8") == "cat\ndög\na bird\n"
    assert [asset.filename for asset in meta_graph(path).asset_file_def] == ["labels.txt"]
    written = json.loads((path / "assets" / "preprocessing.json").read_text())
    assert Preprocessing.from_dict(written) == PREPROCESSING
    assert [file.name for file in (stock[1] / "assets").iterdir()] == ["labels.txt"]
    assert check_manifest(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no image", "Unknown image file format."),
        (b"", "Input is empty."),
        (picture("JPEG", 80, 60)[0][:1500], "jpeg::Uncompress failed. Invalid JPEG data or crop window."),
        (picture("PNG", 80, 60)[0][:1500], "Invalid PNG data"),
    ],
    ids=["text", "empty", "half a JPEG", "half a PNG"],
)
def test_corrupt_images(data, reason, shapes):
    _, _, loaded = shapes
    good, _ = picture("PNG")
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(reason)):
        loaded.signatures["serving_bytes"](image_bytes=tf.constant([good, data]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(reason)):
        loaded.signatures["classify"](inputs=tf.constant([example(image_bytes=[data])]))


# -------------------------------------------------------------------------------------------------- stock TensorFlow


def test_weights_are_written_once_and_can_be_trained_on(shapes):
    """`model.export` of Keras 3.15 writes each twice."""
    model, path, loaded = shapes
    written = tf.train.list_variables(str(path / "variables" / "variables"))
    assert sorted(shape for name, shape in written if name != "_CHECKPOINTABLE_OBJECT_GRAPH") == sorted(
        list(variable.shape) for variable in model.variables
    )
    used = loaded.signatures["serving_default"].captured_inputs
    assert len(loaded.trainable_variables) == len(model.trainable_variables) == 4
    assert all(any(variable.handle is tensor for tensor in used) for variable in loaded.trainable_variables)


def test_operators(shapes):
    """All are TensorFlow's, none is XLA's, and the convolution is the one that it has kernels for."""
    graph = meta_graph(shapes[1]).graph_def
    names = {node.op for function in graph.library.function for node in function.node_def}
    names |= {node.op for node in graph.node}
    assert {"Conv2D", "MaxPool", "DecodeJpeg", "ParseExampleV2", "LookupTableFindV2"} <= names
    assert not [name for name in names if "Xla" in name or name in ("PyFunc", "EagerPyFunc")]
    assert all(hasattr(tf.raw_ops, name) for name in names)


def test_saved_model_cli(shapes, tmp_path):
    """The command that comes with TensorFlow, in a process without kerasconv."""
    model, path, _ = shapes
    x = random(3, 8, 6, 3)
    np.save(tmp_path / "x.npy", x)
    command = [os.path.join(os.path.dirname(sys.executable), "saved_model_cli"), "run", "--dir", path]
    command += ["--tag_set", "serve", "--signature_def", "features", "--inputs", f"image={tmp_path / 'x.npy'}"]
    done = subprocess.run([*command, "--outdir", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    close(np.load(tmp_path / "mean.npy"), keras.Model(model.inputs, model.get_layer("mean").output)([x]))


def test_tfsm_layer(shapes):
    model, path, _ = shapes
    x = random(2, 8, 6, 3)
    close(keras.layers.TFSMLayer(path)(x)["probabilities"], model(x))
    data, pixels = picture("PNG")
    images = keras.layers.TFSMLayer(path, call_endpoint="serving_bytes")(tf.constant([data]))
    close(images["probabilities"], model(normalised(pixels[None])))


def gradient(function, x):
    """Of the sum of the squares of what a function gives, times 100 so that second gradients are no small numbers."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum((10 * function(x)) ** 2)
    return tape.gradient(loss, x)


@pytest.mark.parametrize("name", ["shapes", "stock"])
def test_first_and_second_gradients(name, request):
    """The first by the layers' own gradients, stored with the model, the second by those of TensorFlow's operators."""
    model, _, loaded = request.getfixturevalue(name)
    served, n = loaded.signatures["serving_default"], tf.constant([[1, 2], [3, 4]])
    if name == "shapes":
        x, functions = random(2, 8, 6, 3), (model, lambda x: served(image=x)["probabilities"])
    else:
        x, functions = random(2, 4, 3, 1), (lambda x: model([x, n]), lambda x: served(left_1=x, arg_2nd=n)["scores"])
    first, second = [], []
    for function in functions:
        first.append(gradient(function, tf.constant(x)))
        second.append(gradient(lambda x, f=function: gradient(f, x), tf.constant(x)))
    for pair in (first, second):
        np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-4)
        assert np.abs(pair[0]).max() > 0.1


# -------------------------------------------------------------------------------------------------------- TF Serving

# From the .proto files of https://github.com/tensorflow/serving; what TensorFlow itself has is `bytes` here.
# A field is NUMBER TYPE, with * if repeated.
PROTOS = {
    "PredictionLog": {"classify_log": "2 ClassifyLog", "predict_log": "6 PredictLog"},
    "ClassifyLog": {"request": "1 ClassificationRequest"},
    "PredictLog": {"request": "1 PredictRequest"},
    "ClassificationRequest": {"model_spec": "1 ModelSpec", "input": "2 Input"},
    "PredictRequest": {"model_spec": "1 ModelSpec", "inputs": "2 Entry*"},
    "Entry": {"key": "1 string", "value": "2 bytes"},
    "ModelSpec": {"name": "1 string", "signature_name": "3 string"},
    "Input": {"example_list": "1 ExampleList"},
    "ExampleList": {"examples": "1 bytes*"},
    "ModelServerConfig": {"model_config_list": "1 ModelConfigList"},
    "ModelConfigList": {"config": "1 ModelConfig*"},
    "ModelConfig": {"name": "1 string", "base_path": "2 string", "model_platform": "4 string", "model_version_policy": "7 Policy", "version_labels": "8 Label*"},
    "Policy": {"latest": "100 Latest", "specific": "102 Specific"},
    "Latest": {"num_versions": "1 int64"},
    "Specific": {"versions": "1 int64*"},
    "Label": {"key": "1 string", "value": "2 int64"},
    "BatchingParameters": {"max_batch_size": "1 Int64", "batch_timeout_micros": "2 Int64", "max_enqueued_batches": "3 Int64", "num_batch_threads": "4 Int64"},
    "Int64": {"value": "1 int64"},
    "MonitoringConfig": {"prometheus_config": "1 PrometheusConfig"},
    "PrometheusConfig": {"enable": "1 bool", "path": "2 string"},
}  # fmt: skip


def message_classes():
    proto = descriptor_pb2.FieldDescriptorProto
    types = {"string": proto.TYPE_STRING, "bytes": proto.TYPE_BYTES, "int64": proto.TYPE_INT64, "bool": proto.TYPE_BOOL}
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    for name, fields in PROTOS.items():
        message = file.message_type.add(name=name)
        for field_name, text in fields.items():
            number, kind = text.rstrip("*").split()
            label = proto.LABEL_REPEATED if text.endswith("*") else proto.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=int(number), label=label)
            field.type = types.get(kind, proto.TYPE_MESSAGE)
            if kind not in types:
                field.type_name = f".serving.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{name}")) for name in PROTOS}


MESSAGES = message_classes()


def fully_known(message):
    """Whether a message, and those in it, have no field that the protos above do not name."""
    inner = [value for field, value in message.ListFields() if field.message_type]
    inner = [m for value in inner for m in (value if hasattr(value, "__len__") else [value])]
    return not len(UnknownFieldSet(message)) and all(map(fully_known, inner))


def test_warm_up(shapes, stock):
    """Each record is a request to one signature, and TF Serving reads it as it is meant."""
    for _, path, loaded in (shapes, stock):
        records = tf.data.TFRecordDataset(str(path / "assets.extra" / "tf_serving_warmup_requests"))
        warmed = set()
        for record in records:
            log = MESSAGES["PredictionLog"].FromString(record.numpy())
            assert fully_known(log)
            assert log.SerializeToString(deterministic=True)
            is_classify = log.HasField("classify_log")
            request = (log.classify_log if is_classify else log.predict_log).request
            assert is_classify == (request.model_spec.signature_name == "classify")
            if is_classify:
                inputs = {"inputs": tf.constant(list(request.input.example_list.examples))}
            else:
                tensors = {e.key: tensor_pb2.TensorProto.FromString(e.value) for e in request.inputs}
                inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in tensors.items()}
            outputs = loaded.signatures[request.model_spec.signature_name](**inputs)
            assert {int(value.shape[0]) for value in outputs.values()} <= {1, 2}
            warmed.add(request.model_spec.signature_name)
        assert warmed == set(loaded.signatures) - {"serve"}  # `serve` is `serving_default`


def test_server_configuration(shapes):
    folder = shapes[1].parent

    def parsed(file, kind, edit=lambda text: text):
        return text_format.Parse(edit((folder / file).read_text()), MESSAGES[kind]())

    (served,) = parsed("models.config", "ModelServerConfig").model_config_list.config
    assert (served.name, served.base_path, served.model_platform) == ("shapes", "/models/shapes", "tensorflow")
    assert served.model_version_policy.latest.num_versions == 1
    # What stands there as a comment, for people who serve several versions:
    edited = parsed("models.config", "ModelServerConfig", lambda text: re.sub(r"# (?=model_v|version_l)", "", text.replace("model_version_policy { latest { num_versions: 1 } }", "")))  # fmt: skip
    (served,) = edited.model_config_list.config
    assert list(served.model_version_policy.specific.versions) == [1, 2]
    assert {label.key: label.value for label in served.version_labels} == {"stable": 1, "canary": 2}
    assert parsed("batching_parameters.txt", "BatchingParameters").max_batch_size.value == 32
    monitoring = parsed("monitoring.config", "MonitoringConfig").prometheus_config
    assert (monitoring.enable, monitoring.path) == (True, "/monitoring/prometheus/metrics")
    readme = (folder / "README.md").read_text()
    assert monitoring.path in readme
    named = re.findall(r"=/models/shapes/(\S+)", readme)
    assert sorted(named) == ["batching_parameters.txt", "models.config", "monitoring.config"]
    assert all((folder / file).is_file() for file in named)


def sent(readme, folder):
    """What the commands of a README send: for each the address and the body. `curl` is one that writes it down."""
    curl = folder / "curl"
    curl.write_text("#!/bin/sh\ncat > body\necho $3 > address\n")
    curl.chmod(0o755)
    for block in re.findall(r"```sh\n(curl -d.*?)```", readme, re.DOTALL):
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", block], cwd=folder, env=environment, check=True)
        yield (folder / "address").read_text().strip(), json.loads((folder / "body").read_text())


def answered(loaded, body):
    """What TF Serving makes of a body, by its `api_rest.md`."""

    def value(x):
        if isinstance(x, list):
            return [value(y) for y in x]
        return base64.b64decode(x["b64"], validate=True) if isinstance(x, dict) else x

    signature = loaded.signatures[body.get("signature_name", "serving_default")]
    if "examples" in body:
        rows = [
            {k: value(v) if isinstance(v, list) else [value(v)] for k, v in row.items()} for row in body["examples"]
        ]
        tensors = {"inputs": [example(**row) for row in rows]}
    elif "instances" in body:
        rows = body["instances"]
        tensors = {name: [value(row[name]) for row in rows] for name in rows[0]}
    else:
        tensors = {name: value(column) for name, column in body["inputs"].items()}
    specs = signature.structured_input_signature[1]
    return signature(**{name: tf.constant(tensor, specs[name].dtype) for name, tensor in tensors.items()})


def test_the_commands_of_the_readme(shapes, stock, tmp_path):
    model, path, loaded = shapes
    photo, pixels = picture("JPEG")
    (tmp_path / "photo.jpg").write_bytes(photo)
    requests = list(sent((path.parent / "README.md").read_text(), tmp_path))
    address = "http://localhost:8501/v1/models/shapes"
    kinds = [(a, b.get("signature_name"), next(k for k in b if k != "signature_name")) for a, b in requests]
    assert kinds == [
        (f"{address}:predict", None, "instances"),
        (f"{address}:predict", None, "inputs"),
        (f"{address}:predict", "serving_bytes", "instances"),
        (f"{address}:predict", "serving_bytes", "inputs"),
        (f"{address}:classify", "classify", "examples"),
        (f"{address}:predict", "features", "instances"),
        (f"{address}:predict", "features", "inputs"),
    ]
    grey, photographed = model(np.full((1, 8, 6, 3), 0.5)), model(normalised(pixels[None]))
    expected = [grey, grey, photographed, photographed, photographed]
    for (_, body), scores in zip(requests, expected, strict=False):
        outputs = answered(loaded, body)
        close(outputs["scores" if "examples" in body else "probabilities"], scores)
    for _, body in requests[5:]:
        assert answered(loaded, body)["mean"].shape == (1, 4)

    model, path, loaded = stock
    bodies = [body for _, body in sent((path.parent / "README.md").read_text(), tmp_path)]
    scores = model([np.full((1, 4, 3, 1), 0.5), np.ones((1, 2))])
    assert len(bodies) == 3
    assert bodies[2]["examples"] == [{"left_1": [0.5] * 12, "arg_2nd": [1, 1]}]
    for body in bodies:
        close(answered(loaded, body)["scores"], scores)


def test_versions_stand_side_by_side(stock):
    """A new one changes nothing that exists."""
    folder = stock[1].parent
    after = contents(folder)
    assert stock[1].name == "8"
    assert {name: after[name] for name in EXISTING} == EXISTING
    assert {name.split("/")[0] for name in after.keys() - EXISTING} == {
        "8",
        "README.md",
        "batching_parameters.txt",
        "monitoring.config",
    }
    assert b"# stock, version 8\n" in after["README.md"]


def test_the_readme_is_that_of_the_last_version_unless_it_is_somebody_s(tmp_path):
    save_beside(tmp_path / "1", [])
    save_beside(tmp_path / "2", [])
    readme = tmp_path / "README.md"
    assert f"# {tmp_path.name}, version 2\n" in readme.read_text()
    readme.write_text(readme.read_text().partition("\n")[2])
    save_beside(tmp_path / "3", [])
    assert f"# {tmp_path.name}, version 2\n" in readme.read_text()


# ---------------------------------------------------------------------------------------------------------- bad input


def test_a_killed_export_leaves_the_versions(tmp_path):
    """Killed by a layer when it is traced. The folder that was begun has a hidden name, which TF Serving passes over."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"old")
    script = f"""
        import os, keras
        from kerasconv import config, export
        def stop(x):
            if config.resolve("auto") == "native":  # being exported
                os.kill(os.getpid(), {int(signal.SIGKILL)})
            return x
        model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(stop)])
        export.to_saved_model(model, {str(tmp_path)!r}, version="next")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["1"]
    assert contents(tmp_path / "1") == {"saved_model.pb": b"old"}


def test_a_signature_that_gives_something_else_is_not_written(tmp_path):
    """A model that never gives the same answer twice. What was made on the way is gone, folders included."""
    noise = keras.layers.Lambda(lambda x: x + tf.random.normal([4, 4, 1]), name="noise")
    model = keras.Sequential([keras.Input((4, 4, 1)), noise])
    with pytest.raises(export.ExportError) as error:
        to_saved_model(model, tmp_path / "new" / "model", version=1, features=["noise"])
    assert re.fullmatch(
        "to_saved_model: the signature `features` must give what the Keras model gives, to a relative difference of "
        r"1e-05. Received: \S+ in `noise`.",
        str(error.value),
    )
    assert list(tmp_path.iterdir()) == []


class Sorted(keras.layers.Layer):
    """A layer that calls NumPy when it runs, which no other process can."""

    def call(self, x):
        return tf.ensure_shape(tf.numpy_function(np.sort, [x], tf.float32), x.shape)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_a_layer_that_calls_python(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), Sorted(name="sorted")], name="net")
    with pytest.raises(export.ExportError) as error:
        to_saved_model(model, tmp_path / "model")
    assert str(error.value) == (
        "to_saved_model: every layer must consist of TensorFlow's operators, and call no Python when it runs. Write a "
        "custom layer with `keras.ops`, or leave it out of the exported model. Received: model 'net', whose layers "
        "'sorted' (Sorted) call Python."
    )
    assert list(tmp_path.iterdir()) == []


MODEL = keras.Sequential([keras.Input((None, 6, 3), name="image"), keras.layers.GlobalMaxPooling2D(name="mean")])


def two_outputs():
    a = keras.Input((2,))
    return keras.Model(a, [keras.layers.Dense(3)(a), keras.layers.Dense(3)(a)])


@pytest.mark.parametrize(
    ("kind", "model", "options", "message"),
    [
        (ValueError, MODEL, {"version": 0}, "`version` must be None, 'next' or an int from 1. Received: version=0."),
        (ValueError, MODEL, {"version": True}, "`version` must be None, 'next' or an int from 1. Received: version=True."),
        (ValueError, MODEL, {"version": "1"}, "`version` must be None, 'next' or an int from 1. Received: version='1'."),
        (ValueError, MODEL, {"version": 1, "overwrite": True}, "`overwrite` must be False with a `version`, which is never replaced. Received: overwrite=True."),
        (TypeError, MODEL, {"preprocessing": {"size": [8, 6]}}, "`preprocessing` must be a `Preprocessing`. Received: preprocessing={'size': [8, 6]}."),
        (ValueError, MODEL, {"preprocessing": Preprocessing((8, 7))}, "with this `preprocessing`, the model must have one input, of floating dtype, that takes the shape (None, 8, 7, 3). Received: image (None, None, 6, 3) float32."),
        (ValueError, stock_model(), {"preprocessing": Preprocessing((4, 3), 1)}, "with this `preprocessing`, the model must have one input, of floating dtype, that takes the shape (None, 4, 3, 1). Received: left_1 (None, 4, 3, 1) float32, arg_2nd (None, 2) int32."),
        (TypeError, MODEL, {"labels": "abc"}, "`labels` must be a sequence of non-empty strings. Received: labels='abc'."),
        (TypeError, MODEL, {"labels": ["a", "", "c"]}, "`labels` must be a sequence of non-empty strings. Received: labels=['a', '', 'c']."),
        (ValueError, MODEL, {"labels": []}, "`labels` must not be empty. Received: labels=[]."),
        (ValueError, MODEL, {"labels": ["a", "b\n", "c"]}, "a label must be one line. Received: labels=['a', 'b\\n', 'c']."),
        (ValueError, MODEL, {"labels": ["a", "b"]}, "with 2 `labels`, the model must have one output, of shape (None, 2). Received: (None, 3)."),
        (ValueError, two_outputs(), {"labels": ["a", "b", "c"]}, "with 3 `labels`, the model must have one output, of shape (None, 3). Received: (None, 3), (None, 3)."),
        (ValueError, MODEL, {"labels": ["a", "b", "c"]}, "with `labels`, the model's inputs must have known sizes, or there must be a `preprocessing`. Received: image (None, None, 6, 3) float32."),
        (TypeError, MODEL, {"features": "mean"}, "`features` must be a sequence of non-empty strings. Received: features='mean'."),
        (ValueError, MODEL, {"features": []}, "`features` must not be empty. Received: features=[]."),
        (ValueError, MODEL, {"features": ["mean", "max"]}, "`features` must be different names of the model's layers, image, mean. Received: features=['mean', 'max']."),
        (ValueError, MODEL, {"features": ["mean", "mean"]}, "`features` must be different names of the model's layers, image, mean. Received: features=['mean', 'mean']."),
    ],
)  # fmt: skip
def test_bad_options(kind, model, options, message, tmp_path):
    with pytest.raises(kind) as error:
        to_saved_model(model, tmp_path / "model", **options)
    assert str(error.value) == f"to_saved_model: {message}"
    assert list(tmp_path.iterdir()) == []


def test_bad_places(shapes, tmp_path):
    model, path, _ = shapes
    folder, file = path.parent, tmp_path / "file"
    file.write_text("precious")

    def message(kind, path, **options):
        with pytest.raises(kind) as error:
            to_saved_model(model, path, **options)
        return str(error.value).removeprefix("to_saved_model: ")

    before = contents(folder)
    assert message(FileExistsError, folder, version=7) == (
        "`version` must be one that does not exist yet; versions are never replaced. "
        f"Received: version=7, and path={str(folder)!r} has 7."
    )
    assert message(FileExistsError, folder, overwrite=True) == (
        f"versions are never replaced; `version='next'` adds one. Received: path={str(folder)!r}, with version(s) 7."
    )
    assert message(FileExistsError, path, version=1) == (
        "with a `version`, `path` must be a folder of versions, or not exist yet. "
        f"Received: path={str(path)!r}, which is a SavedModel."
    )
    assert contents(folder) == before
    assert message(FileExistsError, file, version=1) == (
        "with a `version`, `path` must be a folder of versions, or not exist yet. "
        f"Received: path={str(file)!r}, which is a file."
    )
    assert message(ValueError, tmp_path / "my model", version=1) == (
        "with a `version`, the last part of `path` is the model's name in URLs, and must have letters, digits, `.`, `_` "
        "and `-` only. Received: 'my model'."
    )
    assert message(FileExistsError, file / "model") == (
        f"`path` must be a place that can be written to. Received: path={str(file / 'model')!r}, for which the system "
        f"says: File exists: {str(file)!r}."
    )
    assert message(FileNotFoundError, "/proc/kerasconv/model") == (
        "`path` must be a place that can be written to. Received: path='/proc/kerasconv/model', for which the system "
        "says: No such file or directory: '/proc/kerasconv'."
    )
    assert contents(tmp_path) == {"file": b"precious"}
