"""Transformations of the operations: what TensorFlow and Keras do with them gives what plain loops give.

In float32, since that is what TensorFlow's kernels are optimised for, and where they have been wrong.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import layers, ops
from kerasconv.ops.algorithms import direct


class Custom:
    """An algorithm of the user's."""

    forward = staticmethod(direct.forward)
    input_gradient = staticmethod(direct.input_gradient)
    kernel_gradient = staticmethod(direct.kernel_gradient)


# A layer, and the shape of an example.
LAYERS = {
    "Conv1D": (lambda **a: layers.Conv1D(4, 3, padding="same", **a), (7, 2)),
    "Conv2D": (lambda **a: layers.Conv2D(4, 3, **a), (6, 6, 2)),
    "Conv2D, one channel": (lambda **a: layers.Conv2D(1, 3, **a), (5, 6, 1)),
    "Conv2D, 1x1": (lambda **a: layers.Conv2D(4, 1, **a), (6, 5, 2)),
    "Conv2D, strides": (lambda **a: layers.Conv2D(4, 3, strides=2, padding="same", **a), (7, 6, 2)),
    "Conv2D, groups": (lambda **a: layers.Conv2D(4, 3, groups=2, **a), (6, 5, 4)),
    "Conv3D": (lambda **a: layers.Conv3D(3, 2, **a), (4, 3, 5, 2)),
    "Conv1DTranspose": (lambda **a: layers.Conv1DTranspose(3, 4, strides=2, **a), (5, 2)),
    "Conv2DTranspose": (lambda **a: layers.Conv2DTranspose(3, 3, strides=2, **a), (4, 3, 2)),
    "DepthwiseConv2D": (lambda **a: layers.DepthwiseConv2D(3, depth_multiplier=2, **a), (6, 5, 2)),
    "SeparableConv2D": (lambda **a: layers.SeparableConv2D(3, 3, **a), (6, 5, 2)),
    "MaxPooling2D": (lambda **a: layers.MaxPooling2D(3, 2, padding="same", **a), (6, 5, 2)),
    "AveragePooling2D": (lambda **a: layers.AveragePooling2D(2, 1, padding="same", **a), (6, 5, 2)),
    "GlobalMaxPooling1D": (lambda **a: layers.GlobalMaxPooling1D(), (7, 2)),
}
ALGORITHMS = ["auto", "direct", "gemm", "winograd", "fft", "native", Custom()]
NO_STRIDES = ("winograd", "fft")


# Layers that stand for the others in the default run: a product, a product for each group, none, and a pooling.
FEW = ("Conv2D", "Conv2D, groups", "DepthwiseConv2D", "MaxPooling2D")


def by_layer(test):
    """Parametrizes a test with all layers and algorithms, which takes hours for all tests.

    The default run has a few layers by `auto`, and one by each algorithm. The `large` one has a 32nd of the others, so
    that each layer and algorithm meets several transformations and each transformation several of them. The rest is
    `exhaustive`.
    """
    combinations = []
    for i, name in enumerate(LAYERS):
        for j, algorithm in enumerate(["auto"] if "Pooling" in name else ALGORITHMS):
            if algorithm in NO_STRIDES and (name in ("Conv2D, 1x1", "Conv2D, strides") or "Transpose" in name):
                continue
            by_each = test.__name__ == "test_gradients_of_each_example_by_vectorized_map" and name == "Conv2D"
            failed_once = test.__name__ == "test_forward_accumulator" and (name, algorithm) == ("Conv3D", "fft")
            if by_each or failed_once or (algorithm == "auto" and name in FEW):
                marks = []
            else:
                marks = [pytest.mark.large if (i + j + len(test.__name__)) % 32 == 0 else pytest.mark.exhaustive]
            label = algorithm if isinstance(algorithm, str) else "object"
            combinations.append(pytest.param(name, algorithm, id=f"{name}-{label}", marks=marks))
    return pytest.mark.parametrize(("name", "algorithm"), combinations)(test)


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


def built(name, algorithm, batch=3):
    make, shape = LAYERS[name]
    layer = make(algorithm=algorithm) if algorithm != "auto" else make()
    layer.build((None, *shape))
    return layer, tf.constant(normal(batch, *shape))


def same(ours, expected):
    for a, b in zip(tf.nest.flatten(ours), tf.nest.flatten(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def loss(y):
    return tf.reduce_sum(y**3 + y)


def gradients(layer, x):
    """Of a cubic loss for input and weights."""
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(layer(x))
    return tape.gradient(value, [x, *variables])


def each(function, xs):
    """A function of each example, by a plain loop, stacked."""
    results = [function(x) for x in tf.unstack(xs)]
    return [tf.stack(parts) for parts in zip(*map(tf.nest.flatten, results), strict=True)]


@by_layer
def test_vectorized_map(name, algorithm):
    layer, xs = built(name, algorithm)
    expected = each(lambda x: layer(x[None])[0], xs)
    same(tf.vectorized_map(lambda x: layer(x[None])[0], xs), expected)
    same(tf.function(lambda xs: tf.vectorized_map(lambda x: layer(x[None])[0], xs))(xs), expected)


@by_layer
def test_gradients_of_each_example_by_vectorized_map(name, algorithm):
    """What differentially private training asks for."""
    layer, xs = built(name, algorithm)
    expected = each(lambda x: gradients(layer, x[None]), xs)
    vectorized = tf.function(lambda xs: tf.vectorized_map(lambda x: gradients(layer, x[None]), xs))
    for _ in range(3):  # memory that is overwritten shows now and then
        same(vectorized(xs), expected)


@by_layer
def test_jacobians(name, algorithm):
    """For the input, of the whole and by example, and for the weights."""
    layer, x = built(name, algorithm, batch=2)
    variables = [v.value for v in layer.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x)
    rows = []
    for i in range(y.shape.num_elements()):
        unit = tf.reshape(tf.one_hot(i, y.shape.num_elements()), y.shape)
        rows.append(tape.gradient(y, [x, *variables], unit))
    expected = [
        tf.reshape(tf.stack(parts), [*y.shape, *part.shape])
        for parts, part in zip(zip(*rows, strict=True), [x, *variables], strict=True)
    ]
    same(tape.jacobian(y, [x, *variables]), expected)

    @tf.function
    def by_example(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        return tape.batch_jacobian(y, x)

    of_each_for_itself = [tf.gather(expected[0][i], i, axis=y.shape.rank - 1) for i in range(2)]
    same(by_example(x), tf.stack(of_each_for_itself))


@by_layer
def test_hessian(name, algorithm):
    """The Jacobian of a gradient, against the gradients of its components."""
    layer, x = built(name, algorithm, batch=1)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = loss(layer(x))
        dx = inner.gradient(value, x)
        components = [tf.reshape(dx, [-1])[i] for i in range(0, tf.size(dx), 7)]
    hessian = tf.reshape(outer.jacobian(dx, x), [tf.size(dx), *x.shape])
    same(hessian[::7], tf.stack([outer.gradient(c, x) for c in components]))


@by_layer
@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_forward_accumulator(name, algorithm, graph):
    """A Jacobian-vector product, against `<J v, g> = <v, J^T g>`."""
    layer, x = built(name, algorithm)
    v = tf.constant(normal(*x.shape)[::-1].copy())

    def product(x):
        with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
            y = layer(x)
        return y, accumulator.jvp(y)

    y, jvp = (tf.function(product) if graph else product)(x)
    g = tf.constant(normal(*y.shape)[::-1].copy())
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = tf.reduce_sum(layer(x) * g)
    np.testing.assert_allclose(tf.reduce_sum(jvp * g), tf.reduce_sum(tape.gradient(value, x) * v), rtol=1e-3, atol=1e-3)


@by_layer
def test_loops(name, algorithm):
    """`map_fn` and `while_loop`, with gradients inside and through them."""
    layer, xs = built(name, algorithm)
    expected = each(lambda x: gradients(layer, x[None]), xs)
    specs = [tf.TensorSpec(e.shape[1:], e.dtype) for e in expected]
    mapped = tf.function(lambda xs: tf.map_fn(lambda x: gradients(layer, x[None]), xs, fn_output_signature=specs))
    same(mapped(xs), expected)

    @tf.function
    def through(xs):
        variables = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(xs)
            _, total = tf.while_loop(
                lambda i, _: i < tf.shape(xs)[0],
                lambda i, total: (i + 1, total + loss(layer(xs[i : i + 1]))),
                (0, 0.0),
            )
        return tape.gradient(total, [xs, *variables])

    same(through(xs), gradients(layer, xs))


@by_layer
def test_recomputed_gradients(name, algorithm):
    """`tf.recompute_grad`, and Keras' scope for it."""
    layer, x = built(name, algorithm)
    expected = gradients(layer, x)

    @tf.function
    def recomputed(x):
        return gradients_of(tf.recompute_grad(layer), x)

    def gradients_of(function, x):
        variables = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(function(x))
        return tape.gradient(value, [x, *variables])

    same(recomputed(x), expected)
    make, shape = LAYERS[name]
    with keras.RematScope("full"):
        scoped = make(algorithm=algorithm) if algorithm != "auto" else make()
    scoped.build((None, *shape))
    scoped.set_weights(layer.get_weights())
    same(tf.function(lambda x: gradients(scoped, x))(x), expected)


@by_layer
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_graphs(name, algorithm, jit_compile):
    if jit_compile and algorithm == "native" and "groups" in name:
        pytest.skip("TensorFlow's kernels for the gradients of groups are not for XLA")
    layer, x = built(name, algorithm)
    spec = tf.TensorSpec([None, *x.shape[1:]])
    graph = tf.function(lambda x: gradients(layer, x), input_signature=[spec], jit_compile=jit_compile)
    same(graph(x), gradients(layer, x))


@by_layer
def test_time_distributed(name, algorithm):
    """Known and unknown steps."""
    layer, xs = built(name, algorithm, batch=4)
    sequence = tf.reshape(xs, [2, 2, *xs.shape[1:]])
    expected = layer(xs)
    expected = tf.reshape(expected, [2, 2, *expected.shape[1:]])
    for steps in (2, None):
        inputs = keras.Input((steps, *xs.shape[1:]))
        model = keras.Model(inputs, keras.layers.TimeDistributed(layer)(inputs))
        same(model(sequence), expected)
        same(model.predict(sequence, verbose=0), expected)


@by_layer
def test_steps_per_execution(name, algorithm):
    """Several steps in one loop train as one after the other, by whatever compiles it."""
    _, shape = LAYERS[name]
    x = normal(8, *shape)
    trained = []
    for steps, jit_compile in ((1, False), (2, False), (2, True)):
        if jit_compile and algorithm == "native":
            continue
        make, _ = LAYERS[name]
        model = keras.Sequential(
            [
                keras.Input(shape),
                make(algorithm=algorithm) if algorithm != "auto" else make(),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )
        generator = np.random.default_rng(0)
        model.set_weights([generator.normal(size=w.shape) * 0.3 for w in model.get_weights()])
        model.compile(keras.optimizers.SGD(1e-3), "mse", steps_per_execution=steps, jit_compile=jit_compile)
        model.fit(x, np.ones((8, 1)), batch_size=2, epochs=1, shuffle=False, verbose=0)
        trained.append(model.get_weights())
    for weights in trained[1:]:
        same(weights, trained[0])


TWO_DEVICES = """
import keras, numpy as np, tensorflow as tf
from kerasconv import layers

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
x = np.random.default_rng(0).normal(size=(16, 9, 8, 3)).astype("float32")
y = np.random.default_rng(1).normal(size=(16, 1)).astype("float32")


def model():
    net = keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2, padding="same"),
            layers.DepthwiseConv2D(3),
            layers.SeparableConv2D(8, 2, padding="same"),
            layers.Conv2DTranspose(4, 3),
            layers.AveragePooling2D(2),
            layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    generator = np.random.default_rng(2)
    net.set_weights([generator.normal(size=w.shape) * 0.3 for w in net.get_weights()])
    return net


def fitted(net):
    net.compile(keras.optimizers.SGD(1e-2), "mse")
    net.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return net.get_weights()


expected = fitted(model())
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    mirrored = model()
    print("fit", max(np.abs(a - b).max() for a, b in zip(fitted(mirrored), expected)))

with strategy.scope():
    net = model()


@tf.function
def step(x, y):
    def replica(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((net(x) - y) ** 2) / 8
        return tape.gradient(loss, [v.value for v in net.trainable_variables])

    return [strategy.reduce("SUM", g, None) for g in strategy.run(replica, (x, y))]


data = tf.data.Dataset.from_tensor_slices((x[:8], y[:8])).batch(8)
(batch,) = strategy.experimental_distribute_dataset(data)
gradients = step(*batch)
plain = model()
with tf.GradientTape() as tape:
    loss = tf.reduce_sum((plain(x[:8]) - y[:8]) ** 2) / 8
reference = tape.gradient(loss, [v.value for v in plain.trainable_variables])
print("loop", max(float(tf.reduce_max(abs(a - b))) for a, b in zip(gradients, reference)))
"""


def test_two_devices_by_mirrored_strategy():
    """`fit` and a loop of one's own train as one device does. In a process of its own, which has two devices."""
    done = subprocess.run([sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True)
    differences = dict(line.split() for line in done.stdout.splitlines())
    assert set(differences) == {"fit", "loop"}, done.stderr
    assert all(float(d) < 1e-5 for d in differences.values()), differences


def test_batches_of_one_within_batches_of_one():
    """Two mappings, the inner one of a single example: the shapes of which a batch axis of size one could be made."""
    x, w = tf.constant(normal(5, 1, 1, 6, 6, 2)), tf.constant(normal(3, 3, 2, 4))
    conv = tf.function(lambda x: tf.vectorized_map(lambda x: tf.vectorized_map(lambda x: ops.conv(x, w), x), x))
    same(conv(x), tf.reshape(ops.conv(tf.reshape(x, [5, 6, 6, 2]), w), [5, 1, 1, 4, 4, 4]))


def test_autograph_leaves_the_operations_alone(caplog):
    """Without a warning about lines that the caller never wrote; about the caller's, Python 3.13 has one."""
    tf.get_logger().addHandler(caplog.handler)
    x, w = tf.constant(normal(2, 6, 6, 2)), tf.constant(normal(3, 3, 2, 4))

    @tf.function
    def step(x, w):
        y = ops.max_pool(ops.conv(x, w), 2)
        return ops.conv_transpose(y, w, strides=2, algorithm=ops.algorithms.direct)

    step(x, w)
    tf.get_logger().removeHandler(caplog.handler)
    assert [message for message in caplog.messages if "step" not in message.partition(" at 0x")[0]] == []
