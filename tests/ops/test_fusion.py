"""What is fused is the same as before, in every mode; how often it is traced; and that exporters read it."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from kerasconv import layers, ops
from kerasconv.ops import fusion, reductions


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


LARGE = {
    "winograd": (lambda x: ops.conv(x, KERNEL, padding="same"), (4, 25, 26, 32)),
    "direct": (lambda x: ops.conv(x, KERNEL, 2, "same"), (4, 25, 26, 32)),
    "depthwise": (lambda x: ops.depthwise_conv(x, DEPTHWISE, padding="same"), (4, 25, 26, 32)),
    "max": (lambda x: ops.max_pool(x, 3, 2, "same"), (4, 25, 26, 32)),
    "average": (lambda x: ops.average_pool(x, 3, 1, "same"), (4, 25, 26, 32)),
    "average of many": (lambda x: ops.average_pool(x, (9, 11), 1), (4, 25, 26, 32)),
}
KERNEL, DEPTHWISE = normal(3, 3, 32, 48) / 10, normal(3, 3, 32, 1)
by_operation = pytest.mark.parametrize("name", LARGE)


def with_gradient(function):
    def call(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x, tf.cos(y))

    return call


@by_operation
def test_every_mode_and_every_call_gives_the_same(name):
    """The first calls run as they are, later ones are compiled; the batch may be unknown."""
    function, shape = LARGE[name]
    x = tf.constant(normal(*shape))
    function = with_gradient(function)
    expected = function(x)
    spec = [tf.TensorSpec([None, *shape[1:]])]
    modes = [
        function,
        tf.function(function, autograph=False),
        tf.function(function, input_signature=spec, autograph=False),
        tf.function(function, jit_compile=True, autograph=False),
    ]
    for mode in modes:
        for _ in range(4):
            for a, b in zip(mode(x), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("known", [True, False], ids=["known batch", "unknown batch"])
@pytest.mark.parametrize("name", ["depthwise", "max", "average"])
def test_a_plain_graph_is_compiled(name, known, tmp_path):
    """After some calls no arithmetic is left outside XLA's clusters, whatever Grappler did to it."""
    function, shape = LARGE[name]
    x = tf.constant(normal(*shape))
    compiled = tf.function(
        with_gradient(function),
        input_signature=[tf.TensorSpec(shape if known else [None, *shape[1:]])],
        autograph=False,
    )
    for _ in range(2):
        compiled(x)
    with tf.profiler.experimental.Profile(str(tmp_path)):
        compiled(x)
    (file,) = tmp_path.glob("plugins/profile/*/*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(file.read_bytes())
    events = {p.event_metadata[e.metadata_id].name for p in space.planes for line in p.lines for e in line.events}
    operations = {event.rpartition(":")[2] for event in events}
    assert "_XlaRun" in operations
    assert not {"AddV2", "AddN", "Maximum", "SelectV2"} & operations


def test_layers_of_one_shape_share_a_function():
    """In a plain graph: each of the operations is traced once for all of them, and is there once."""
    model = keras.Sequential(
        [keras.Input((12, 13, 16)), *[layers.DepthwiseConv2D(3, padding="same") for _ in range(3)]]
    )
    x = tf.constant(normal(2, 12, 13, 16))

    @tf.function(autograph=False)
    def gradients(x):
        with tf.GradientTape() as tape:
            y = model(x)
        return tape.gradient(y, model.trainable_variables)

    graph = gradients.get_concrete_function(x).graph.as_graph_def()
    calls = [node.attr["f"].func.name for node in graph.node if node.op == "PartitionedCall"]
    assert len(calls) == 3 * 3  # forward and two gradients
    assert len(set(calls)) == 3


@pytest.mark.skipif(
    tf.__version__.startswith("2.20."), reason="the XLA of TensorFlow 2.20 makes other plans in any case"
)
def test_xla_computes_winners_once(monkeypatch):
    """One loop finds who won in each window, one hands them their gradients; left alone, XLA makes other plans."""

    @tf.function(autograph=False, jit_compile=True)
    def gradient(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = ops.max_pool(x, 3, 1, "same")
        return tape.gradient(y, x, dy)

    def loops(x):
        text = gradient.experimental_get_compiler_ir(x, x)(stage="optimized_hlo")
        return text[text.index("ENTRY") :].count(" fusion(")

    assert loops(tf.ones([1, 8, 8, 4])) == 2
    monkeypatch.setattr(reductions, "kept", lambda x: x)
    assert loops(tf.ones([1, 8, 8, 5])) > 2


def test_eager_compiles_what_comes_back(monkeypatch):
    """Twice plain, then compiled; what is small never."""
    built = []
    real = tf.function

    def counted(*args, **kwargs):
        built.append(kwargs)
        return real(*args, **kwargs)

    fusion._eager.cache_clear()
    monkeypatch.setattr(tf, "function", counted)
    traces = []

    @fusion.fused
    def double(x, factor):
        traces.append(type(x).__name__)
        return x * factor

    x = tf.ones([2**16])
    for _ in range(5):
        np.testing.assert_array_equal(double(x, 2.0), 2 * x)
    assert len(traces) == 3  # twice as it is, once traced
    assert [kwargs["jit_compile"] for kwargs in built] == [True]
    for _ in range(5):
        double(tf.ones([9]), 2.0)
    assert len(traces) == 8


def test_traces_do_not_multiply():
    """An epoch with a smaller last batch, and batches of any size in prediction, trace a model as often as Keras does."""
    traces = []

    class Counted(layers.Conv2D):
        def call(self, inputs):
            traces.append(inputs.shape)
            return super().call(inputs)

    model = keras.Sequential(
        [
            keras.Input((12, 13, 16)),
            Counted(24, 3, padding="same"),
            layers.DepthwiseConv2D(3),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
        ]
    )
    model.compile("sgd", "mse")
    traces.clear()
    model.fit(normal(22, 12, 13, 16), normal(22, 24), batch_size=8, epochs=2, verbose=0)
    assert len(traces) <= 2
    traces.clear()
    for batch in (1, 5, 2, 7, 3, 9, 4):
        model.predict(normal(batch, 12, 13, 16), verbose=0)
    assert len(traces) <= 3


def test_what_is_replaced_on_a_cpu(tmp_path):
    """In a plain graph only, also within a loop; not where it is compiled as a whole, nor where the two see other inputs."""

    def call(x):
        first, second = (lambda: x + 1), (lambda: tf.raw_ops.InplaceUpdate(x=x + 0, i=[0], v=x[:1] + 2))
        return fusion.replaced_on_cpu(first, second)

    def loop(x):
        return tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, call(x)), (0, x))[1]

    x = tf.zeros([1])
    assert tf.function(call)(x) == 2
    assert tf.function(loop)(x) == 6
    assert tf.function(call, jit_compile=True)(x) == 1
    assert tf.function(loop, jit_compile=True)(x) == 3
    assert tf.function(lambda x, y: fusion.replaced_on_cpu(lambda: x + 1, lambda: y + 2))(x, x) == 1
    module = tf.Module()
    module.call = tf.function(call, input_signature=[tf.TensorSpec([1])])
    tf.saved_model.save(module, tmp_path)
    assert tf.saved_model.load(tmp_path).call(x) in (1, 2)


def test_exporters_read_it(tmp_path):
    """Keras' own export of a model whose layers choose Winograd: a valid file with the same answers."""
    model = keras.Sequential([keras.Input((12, 13, 16)), layers.Conv2D(24, 3, padding="same"), layers.MaxPooling2D(3)])
    x = normal(3, 12, 13, 16)
    expected = model(x)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (y,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    model.export(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "model")
    for _ in range(3):
        np.testing.assert_allclose(loaded.serve(x), expected, rtol=1e-4, atol=1e-4)
