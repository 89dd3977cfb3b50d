"""Algorithms of the user's own: three worked examples, each an object with the three operations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import config, layers, ops
from kerasconv.ops.algorithms import direct


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Quantised:
    """The product of an accelerator with few bits: both factors rounded to a grid, gradients of the exact product."""

    def __init__(self, bits=8):
        self.bits = bits

    def get_config(self):
        return {"bits": self.bits}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def _round(self, x):
        step = tf.reduce_max(tf.abs(x)) / (2 ** (self.bits - 1) - 1)
        return tf.round(x / step) * step

    def forward(self, x, w, window, groups):
        return direct.forward(self._round(x), self._round(w), window, groups)

    def input_gradient(self, dy, w, window, groups, sizes):
        return direct.input_gradient(dy, w, window, groups, sizes)

    def kernel_gradient(self, x, dy, window, groups):
        return direct.kernel_gradient(x, dy, window, groups)


class GuidedBackpropagation:
    """Only positive evidence goes back through a ReLU: Springenberg et al., "Striving for simplicity", 2015, section 3.4.

    A convolution hands its input gradient to the ReLU before it, which stops it where it was off; so here it is enough
    to stop what is negative.
    """

    forward = staticmethod(direct.forward)
    kernel_gradient = staticmethod(direct.kernel_gradient)

    def input_gradient(self, dy, w, window, groups, sizes):
        return tf.nn.relu(direct.input_gradient(dy, w, window, groups, sizes))


class StraightThrough:
    """A binary kernel, trained by the gradient of its signs: Bengio, Leonard, Courville, 2013, section 4."""

    kernel_gradient = staticmethod(direct.kernel_gradient)

    def forward(self, x, w, window, groups):
        return direct.forward(x, tf.sign(w), window, groups)

    def input_gradient(self, dy, w, window, groups, sizes):
        return direct.input_gradient(dy, tf.sign(w), window, groups, sizes)


def test_quantised_product(tmp_path):
    x = normal(4, 9, 8, 3)
    layer = layers.Conv2D(5, 3, algorithm=Quantised(bits=12))
    exact = layers.Conv2D(5, 3)
    y = layer(x)
    exact.build(x.shape)
    exact.set_weights(layer.get_weights())
    error = np.abs(y - exact(x)).max() / np.abs(y).max()
    assert 1e-5 < error < 1e-2
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(layer.kernel.value)
        losses = [tf.reduce_sum(one(x) * tf.stop_gradient(y)) for one in (layer, exact)]
    gradients = [
        tape.gradient(loss, one.trainable_variables[0].value) for loss, one in zip(losses, (layer, exact), strict=True)
    ]
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-3)

    model = keras.Sequential([keras.Input((9, 8, 3)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].algorithm.bits == 12
    np.testing.assert_array_equal(loaded(x), model(x))


def test_guided_backpropagation():
    """Saliency without negative evidence, and the same prediction."""
    x = tf.constant(normal(1, 9, 8, 3))
    model = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(1, 3)])

    def saliency():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        return y, tape.gradient(y, x)

    plain, gradient = saliency()
    with config.algorithm(GuidedBackpropagation()):
        guided, evidence = saliency()
    np.testing.assert_allclose(guided, plain, rtol=1e-5, atol=1e-6)
    assert np.min(gradient) < 0 <= np.min(evidence)
    assert np.max(evidence) > 0
    first, second = model.layers
    inner = tf.nn.relu(ops.conv_input_gradient(tf.ones_like(plain), second.kernel, (7, 6)))
    gate = tf.cast(ops.conv(x, first.kernel, bias=first.bias) > 0, inner.dtype)
    expected = tf.nn.relu(ops.conv_input_gradient(inner * gate, first.kernel, (9, 8)))
    np.testing.assert_allclose(evidence, expected, atol=1e-5)


def test_straight_through_estimator():
    """A binary kernel learns the signs of the one that made the targets, which no true gradient would."""
    x = normal(64, 8, 8, 1)
    teacher = np.sign(normal(3, 3, 1, 1))
    y = ops.conv(x, teacher)
    layer = layers.Conv2D(1, 3, use_bias=False, algorithm=StraightThrough())
    model = keras.Sequential([keras.Input((8, 8, 1)), layer])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, y, epochs=20, verbose=0)
    np.testing.assert_array_equal(np.sign(layer.kernel), teacher)
    assert not kerasconv.check_gradients(lambda x, w: ops.conv(x, w, algorithm=StraightThrough()), [x, teacher]).passed


def test_every_layer_takes_one():
    x = normal(2, 9, 8, 4)
    for layer in (
        layers.DepthwiseConv2D(3, algorithm=Quantised(4)),
        layers.SeparableConv2D(3, 3, algorithm=Quantised(4)),
        layers.Conv2DTranspose(3, 3, algorithm=Quantised(4)),
    ):
        assert type(layer).from_config(layer.get_config()).algorithm is layer.algorithm
        layer(x)


def test_what_is_no_algorithm():
    with pytest.raises(ValueError) as error:
        ops.conv(normal(1, 5, 1), normal(2, 1, 1), algorithm=np)
    assert str(error.value).startswith(
        "conv: `algorithm` must be one of 'auto', 'direct', 'gemm', 'winograd', 'fft', 'native', or an object with the operations "
        "forward, input_gradient, kernel_gradient. Received: algorithm=<module 'numpy'"
    )


def broken(operation, result):
    """An algorithm whose `operation` returns what `result` makes of the right tensor."""

    def method(*arguments):
        return result(getattr(direct, operation)(*arguments))

    names = ("forward", "input_gradient", "kernel_gradient")
    methods = {name: staticmethod(getattr(direct, name)) for name in names} | {operation: staticmethod(method)}
    return type("Broken", (), methods | {"__repr__": lambda self: "<mine>"})()


RESULTS = {
    "a row short": lambda y: y[:, 1:],
    "another dtype": lambda y: tf.cast(y, "float64"),
    "half precision": lambda y: tf.cast(y, "float16"),
    "another rank": lambda y: y[..., None],
    "nothing": lambda y: None,
    "a list": lambda y: [1.0],
    "an array": lambda y: y.numpy(),
}
SHAPES = {"forward": (2, 6, 5, 3), "input_gradient": (2, 7, 6, 4), "kernel_gradient": (2, 2, 4, 3)}


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("what", RESULTS)
@pytest.mark.parametrize("operation", SHAPES)
def test_results_that_are_none(operation, what, mode):
    """The error names the object, the operation, what it should return, and what it did, also from a gradient."""
    if what == "an array" and mode == "graph":
        pytest.skip("there are no numbers yet")
    result = RESULTS[what]
    x, w, shape = normal(2, 7, 6, 4), normal(2, 2, 4, 3), SHAPES[operation]

    def gradients(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = ops.conv(x, w, algorithm=broken(operation, result))
        return tape.gradient(y, [x, w])

    function = gradients if mode == "eager" else tf.function(gradients, autograph=False)
    with pytest.raises(ValueError) as error:
        function(tf.constant(x), tf.constant(w))
    received = {
        "a row short": f"float32 {(shape[0], shape[1] - 1, *shape[2:])}",
        "another dtype": f"float64 {shape}",
        "half precision": f"float16 {shape}",
        "another rank": f"float32 {(*shape, 1)}",
        "nothing": "None",
        "a list": "[1.0]",
        "an array": "array(",
    }[what]
    text = str(error.value)
    assert (
        f"Broken: `{operation}` of an algorithm must return a tensor of the shape and dtype of its result, "
        f"float32 {shape}. Received: {received}"
    ) in text
    assert text.rstrip().endswith("from <mine>.")


def test_results_of_unknown_shape():
    """They are taken, and their shape is what it must be."""

    def forget(y):
        return tf.compat.v1.placeholder_with_default(y, None)

    seen = []

    @tf.function(autograph=False)
    def gradients(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = x
            for operation in SHAPES:
                y = ops.conv(y, w, padding="same", algorithm=broken(operation, forget))
                seen.append(y.shape.as_list())
        return tape.gradient(y, [x, w])

    x, w = tf.constant(normal(2, 7, 6, 4)), tf.constant(normal(3, 2, 4, 4))
    found = gradients(x, w)
    assert seen == [[2, 7, 6, 4]] * 3
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        y = x
        for _ in SHAPES:
            y = ops.conv(y, w, padding="same", algorithm="direct")
    for a, b in zip(found, tape.gradient(y, [x, w]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("missing", SHAPES)
def test_an_object_that_lacks_an_operation(missing):
    mine = broken("forward", lambda y: y)
    setattr(mine, missing, None)
    with pytest.raises(ValueError) as error:
        layers.Conv2D(4, 3, algorithm=mine, name="c")
    assert str(error.value) == (
        "Conv2D layer 'c': `algorithm` must be one of 'auto', 'direct', 'gemm', 'winograd', 'fft', 'native', or an "
        "object with the operations forward, input_gradient, kernel_gradient. Received: algorithm=<mine>."
    )
