"""What is fused is the same as before, in every mode; how often it is traced; and that exporters read it."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from kerasconv import layers, ops
from kerasconv.engine import fusion


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
    monkeypatch.setattr(fusion, "materialize", lambda x: x)
    assert loops(tf.ones([1, 8, 8, 5])) > 2


@pytest.fixture
def compiled(monkeypatch):
    """How often `tf.function` was asked to compile, from empty caches."""
    built = []
    real = tf.function

    def counted(*args, **kwargs):
        built.append(kwargs)
        return real(*args, **kwargs)

    fusion._eager.cache_clear()
    monkeypatch.setattr(tf, "function", counted)
    return built


def doubled(x, factor):
    return x * factor


def test_eager_compiles_what_has_come_back_often(compiled):
    """And what is small never."""
    large, small = tf.ones([2**16]), tf.ones([9])
    for call in range(20):
        for x in (large, small):
            np.testing.assert_array_equal(fusion.run(doubled, x, 2.0), 2 * x)
        assert len(compiled) == (call >= fusion._CALLS_BEFORE_COMPILING)
    assert compiled == [{"jit_compile": True, "autograph": False}]


def test_threads_that_meet_a_shape_compile_it_once(compiled):
    x = tf.ones([2**16])
    with ThreadPoolExecutor(8) as executor:
        results = list(executor.map(lambda _: fusion.run(doubled, x, 3.0), range(64)))
    assert len(compiled) == 1
    for result in results:
        np.testing.assert_array_equal(result, 3 * x)


def test_many_sizes_warn_of_nothing_and_keep_little(compiled, caplog):
    """Sizes that do not return are not compiled, and no warning names functions that the user never wrote."""
    x = np.ones((1, 300, 300, 8), "float32")
    for size in range(40, 120):
        ops.max_pool(x[:, :size, :size], 3, 1)
        ops.depthwise_conv(x[:, :size, :size], np.ones((3, 3, 8, 1), "float32"))
    assert compiled == []
    assert caplog.text == ""
    assert fusion._eager.cache_info().currsize <= fusion._eager.cache_info().maxsize == 64


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
