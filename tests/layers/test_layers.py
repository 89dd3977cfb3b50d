"""Every public layer, in one table, through everything that a Keras layer must stand."""

import inspect
import subprocess
import sys
import warnings
from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import layers
from tests.cases import CONVOLUTIONS, WINDOWS

SIZES = (9, 8, 7)


def descriptors():
    """`(class name, arguments, rank)`, plain and with what stock Keras refuses."""
    for rank in (1, 2, 3):
        pairs = tuple((i, i + 1) for i in range(rank))
        yield (
            f"Conv{rank}D",
            {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"},
            rank,
        )
        beyond = {"strides": 2, "dilation_rate": 2, "padding": pairs, "groups": 2, "flip_kernel": True}
        yield f"Conv{rank}D", {"filters": 4, "kernel_size": 2, **beyond, "algorithm": "direct", "use_bias": False}, rank
        yield f"Conv{rank}D", {"filters": 4, "kernel_size": 3, "padding": "same", "padding_mode": "reflect"}, rank
        yield f"Conv{rank}DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, rank
        beyond = {"strides": 3, "dilation_rate": 2, "padding": pairs, "output_padding": 1, "groups": 2}
        yield f"Conv{rank}DTranspose", {"filters": 4, "kernel_size": 3, **beyond, "flip_kernel": True}, rank
        yield f"DepthwiseConv{rank}D", {"kernel_size": 3, "padding": "same", "activation": "relu"}, rank
        beyond = {"strides": 2, "dilation_rate": 2, "padding": pairs, "depth_multiplier": 2}
        yield f"DepthwiseConv{rank}D", {"kernel_size": 2, **beyond, "padding_value": 3.0}, rank
        if rank < 3:
            yield f"SeparableConv{rank}D", {"filters": 4, "kernel_size": 3, "strides": 2}, rank
            yield f"SeparableConv{rank}D", {"filters": 4, "kernel_size": 2, **beyond, "padding_mode": "circular"}, rank
        for kind, extra in (("Max", {"ties": "split"}), ("Average", {"count_include_pad": True})):
            yield f"{kind}Pooling{rank}D", {"pool_size": 3, "strides": 2, "padding": "same"}, rank
            yield f"{kind}Pooling{rank}D", {"pool_size": 3, "strides": 2, "ceil_mode": True}, rank
            yield f"Adaptive{kind}Pooling{rank}D", {"output_size": (4, None, 9)[:rank]}, rank
            yield f"{kind}Pooling{rank}D", {"pool_size": 2, "padding": pairs, "dilation_rate": 3, **extra}, rank
            yield f"Global{kind}Pooling{rank}D", {"keepdims": rank == 2}, rank
        yield f"LpPooling{rank}D", {"norm_type": 3, "pool_size": 2, "padding": pairs, "dilation_rate": 3}, rank
        yield f"ZeroPadding{rank}D", {"padding": pairs if rank > 1 else (1, 2)}, rank
        yield f"Padding{rank}D", {"padding": pairs if rank > 1 else (1, 2), "mode": "symmetric"}, rank


DESCRIPTORS = list(descriptors())
every_layer = pytest.mark.parametrize(
    ("name", "arguments", "rank"), DESCRIPTORS, ids=[f"{n}-{i % 9}" for i, (n, _, _) in enumerate(DESCRIPTORS)]
)


def draw(rank, data_format="channels_last", batch=3, dtype="float32"):
    x = np.random.default_rng(rank).normal(size=(batch, *SIZES[:rank], 6)).astype(dtype)
    return x if data_format == "channels_last" else np.moveaxis(x, -1, 1)


def test_the_table_is_complete():
    public = {cls.__name__ for cls in (getattr(layers, name) for name in layers.__all__)}
    unpooling = {f"MaxUnpooling{rank}D" for rank in (1, 2, 3)}  # takes two inputs; see test_unpooling
    assert {name for name, _, _ in DESCRIPTORS} | unpooling == public


@every_layer
def test_it_is_a_stock_layer(name, arguments, rank):
    """A subclass, with the stock arguments in the stock order; what is new takes keywords only."""
    ours, stock = getattr(layers, name), getattr(keras.layers, name, None)
    if stock is None:
        assert issubclass(ours, keras.layers.Layer)
        assert name[:-2] in ("DepthwiseConv", "LpPooling", "Padding")
        return
    assert issubclass(ours, stock)

    def one(default):
        return one(default[0]) if isinstance(default, tuple) else default

    def parameters(cls):
        return [
            (p.name, one(p.default))
            for p in inspect.signature(cls).parameters.values()
            if p.kind is p.POSITIONAL_OR_KEYWORD
        ]

    expected = [
        (key, 2 if default is inspect.Parameter.empty and key == "pool_size" else default)
        for key, default in parameters(stock)
    ]
    assert parameters(ours) == expected


by_data_format = pytest.mark.parametrize(
    ("name", "arguments", "rank", "data_format"),
    [
        pytest.param(*descriptor, data_format, id=f"{descriptor[0]}-{i % 9}-{data_format}", marks=marks)
        for tier, data_format in enumerate(("channels_last", "channels_first"))
        for i, descriptor in enumerate(DESCRIPTORS)
        for marks in ([[], pytest.mark.large, pytest.mark.exhaustive][tier + i % 2],)
    ],
)


@by_data_format
def test_life_of_a_layer(name, arguments, rank, data_format, tmp_path):
    """Shape inference, configuration, eager, graph and XLA, training, saving and loading."""
    x = draw(rank, data_format)
    make = getattr(layers, name)
    layer = make(**arguments, data_format=data_format)
    y = layer(x)
    assert layer.compute_output_shape(x.shape) == y.shape
    unknown = layer.compute_output_shape((None,) * (rank + 2) if not layer.weights else (None, *x.shape[1:]))
    assert unknown[0] is None

    copy = make.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    copy.build(x.shape)
    copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(x), y)

    for jit in (False, True):
        np.testing.assert_allclose(tf.function(layer, jit_compile=jit)(x), y, rtol=1e-4, atol=1e-5)

    model = keras.Sequential([keras.Input(x.shape[1:]), layer, keras.layers.Flatten(), keras.layers.Dense(2)])
    before = [np.array(w) for w in model.trainable_weights]
    model.compile("sgd", "mse")
    model.fit(x, np.ones((len(x), 2)), verbose=0)
    assert all(np.any(np.array(w) != b) for w, b in zip(model.trainable_weights, before, strict=True))

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is make
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-6)


@every_layer
def test_both_data_formats_agree(name, arguments, rank):
    first = getattr(layers, name)(**arguments, data_format="channels_first")
    last = getattr(layers, name)(**arguments, data_format="channels_last")
    y = last(draw(rank))
    first.build(draw(rank, "channels_first").shape)
    first.set_weights(last.get_weights())
    result = first(draw(rank, "channels_first"))
    np.testing.assert_allclose(np.moveaxis(result, 1, -1) if result.shape.rank > 2 else result, y, atol=1e-5)


@every_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_dtype_policies(name, arguments, rank, policy):
    layer = getattr(layers, name)(**arguments, dtype=policy)
    x = draw(rank)
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = tf.reduce_sum(y)
    assert y.dtype == layer.compute_dtype
    for weight, gradient in zip(layer.weights, tape.gradient(loss, [w.value for w in layer.weights]), strict=True):
        assert gradient.dtype == weight.dtype == layer.variable_dtype
    wide = getattr(layers, name)(**arguments, dtype="float64")
    wide.build(x.shape)
    wide.set_weights(layer.get_weights())
    np.testing.assert_allclose(tf.cast(y, "float64"), wide(x), rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("name", "arguments", "rank"),
    [pytest.param(*d, marks=[pytest.mark.large] if i % 2 else [], id=f"{d[0]}-{i}") for i, d in enumerate(DESCRIPTORS)],
)
def test_unknown_sizes(name, arguments, rank):
    layer = getattr(layers, name)(**arguments)
    model = keras.Sequential([keras.Input((*[None] * rank, 6)), layer])
    x = draw(rank)
    np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), rtol=1e-5, atol=1e-5)


# Without the empty batch, to which oneDNN's kernel gives as many filters as the input has channels on some processors.
@pytest.mark.parametrize("case", [c for c in CONVOLUTIONS if isinstance(c.padding, str) and c.batch], ids=str)
def test_convolutions_agree_with_stock(case):
    """Weights interchange; outputs and gradients are the same where stock Keras takes the arguments."""
    if (max(case.window.strides) > 1 and max(case.window.dilation) > 1) or case.groups > 1:
        pytest.skip("stock Keras refuses stride with dilation, and needs XLA and seconds for groups")
    options = {"filters": case.filters, "kernel_size": case.kernel, **case.options, "bias_initializer": "normal"}
    (x,) = case.arrays(case.x_shape, dtype="float32")
    stock = getattr(keras.layers, f"Conv{case.rank}D")(**options)
    stock.build(x.shape)
    ours = getattr(layers, f"Conv{case.rank}D").from_config(stock.get_config())
    ours.build(x.shape)
    ours.set_weights(stock.get_weights())
    agree(ours, stock, x)
    stock.set_weights(ours.get_weights())


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("case", [c for c in WINDOWS if isinstance(c.padding, str) and c.dilation == 1], ids=str)
def test_poolings_agree_with_stock(case, kind):
    options = {"pool_size": case.kernel, "strides": case.strides, "padding": case.padding}
    (x,) = case.arrays(case.x_shape, dtype="float32")
    stock = getattr(keras.layers, f"{kind}Pooling{case.rank}D")(**options)
    agree(getattr(layers, f"{kind}Pooling{case.rank}D").from_config(stock.get_config()), stock, x)


def agree(ours, stock, x):
    results = []
    for layer in (ours, stock):
        variable = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(variable)
            y = layer(variable)
            loss = tf.reduce_sum(y * y)
        results.append([y, *tape.gradient(loss, [variable, *(w.value for w in layer.weights)])])
        assert layer.compute_output_shape(x.shape) == y.shape
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_masked_global_average():
    x, mask = draw(1), np.arange(9)[None] < np.array([[3], [9], [1]])
    ours, stock = layers.GlobalAveragePooling1D(), keras.layers.GlobalAveragePooling1D()
    np.testing.assert_allclose(ours(x, mask=mask), stock(x, mask=mask), rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv1D(4, 3, padding="same"), [1, 1, 1, 1, 1, 0, 0, 0, 0]),
        (layers.Conv1D(4, 3, strides=2, padding="same"), [1, 1, 1, 0, 0]),
        (layers.Conv1D(4, 2, dilation_rate=3, padding="causal"), [1, 1, 1, 1, 1, 0, 0, 0, 0]),
        (layers.Conv1D(4, 3), None),
        (layers.DepthwiseConv1D(3, padding="same"), [1, 1, 1, 1, 1, 0, 0, 0, 0]),
        (layers.SeparableConv1D(4, 3, strides=2, padding="same"), [1, 1, 1, 0, 0]),
        (layers.MaxPooling1D(2), [1, 1, 1, 0]),
        (layers.AveragePooling1D(3, strides=2, padding=1), [1, 1, 1, 0, 0]),
        (layers.LpPooling1D(2, 2, ceil_mode=True), [1, 1, 1, 0, 0]),
        (layers.Conv1D(4, 3, padding="same", propagate_mask=False), None),
        (layers.MaxPooling1D(2, propagate_mask=False), None),
    ],
)
def test_masks_of_sequences(layer, expected):
    """They reach the layers behind: here the average, which is taken over the steps that are left. Else Keras warns."""
    x = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    x[:, 5:] = 0
    steps = keras.Input((None, 3))
    with nullcontext() if expected is not None else pytest.warns(UserWarning, match="was passed an input with a mask"):
        masked = layer(keras.layers.Masking()(steps))
    model = keras.Model(steps, [masked, layers.GlobalAveragePooling1D()(masked)])
    for run in (model, lambda x: model.predict(x, verbose=0)):
        with warnings.catch_warnings():
            if expected is None:
                warnings.simplefilter("ignore", UserWarning)
            y, average = map(np.asarray, run(x))
        weights = np.ones(y.shape[1]) if expected is None else np.array(expected)
        np.testing.assert_allclose(average, np.average(y, axis=1, weights=weights), rtol=1e-4, atol=1e-6)
    again = type(layer).from_config(layer.get_config())
    assert again.propagate_mask == layer.propagate_mask


def test_lora_and_the_rest_of_keras_keep_working():
    layer = layers.Conv2D(4, 3, kernel_regularizer="l2", activity_regularizer="l2", bias_constraint="non_neg")
    x = draw(2)
    y = layer(x)
    assert len(layer.losses) == 2
    layer.enable_lora(2)
    np.testing.assert_allclose(layer(x), y, rtol=1e-5)
    assert len(layer.trainable_weights) == 3
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    assert all(gradient is not None for gradient in tape.gradient(loss, [w.value for w in layer.trainable_weights]))
    model = keras.Sequential([keras.Input((9, 8, 6)), layers.MaxPooling2D()])
    assert isinstance(keras.models.clone_model(model).layers[0], layers.MaxPooling2D)


def test_a_saved_model_loads_in_a_process_that_imported_the_layers(tmp_path):
    path = str(tmp_path / "model.keras")
    keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3)]).save(path)
    script = f"import keras, kerasconv.layers; print(type(keras.saving.load_model({path!r}).layers[0]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "<class 'kerasconv.layers.convolution.Conv2D'>"


class TestBadInput:
    def message(self, function, *args, **kwargs):
        with pytest.raises((ValueError, TypeError)) as error:
            function(*args, **kwargs)
        return str(error.value)

    def test_construction(self):
        assert self.message(layers.Conv2D, 4, 3, padding="reflect", name="c") == (
            'Conv2D layer \'c\': `padding` must be "valid" or "same", an int, or for each of the 2 spatial axes an '
            "int or a (before, after) pair, none of them negative. Received: padding='reflect'."
        )
        assert self.message(layers.Conv2D, 4, 3, dilation_rate=(0, 1), name="c") == (
            "Conv2D layer 'c': `dilation_rate` must be an int or 2 ints, each at least 1. Received: dilation_rate=(0, 1)."
        )
        assert self.message(layers.Conv1D, 4, 3, algorithm="fast", name="c") == (
            "Conv1D layer 'c': `algorithm` must be one of 'auto', 'direct', 'gemm', 'winograd', 'fft', 'native', "
            "or an object with the operations forward, input_gradient, kernel_gradient. Received: algorithm='fast'."
        )
        assert self.message(layers.MaxPooling2D, 2, strides=0, name="p") == (
            "MaxPooling2D layer 'p': `strides` must be an int or 2 ints, each at least 1. Received: strides=(0, 0)."
        )
        assert self.message(layers.MaxPooling2D, 2, ties="none", name="p") == (
            'MaxPooling2D layer \'p\': `ties` must be "first", "all" or "split". Received: ties=\'none\'.'
        )
        assert self.message(layers.AveragePooling1D, 2, dilation_rate=2, algorithm="native", name="p") == (
            'AveragePooling1D layer \'p\': `algorithm` must be "auto", "direct" or "native", and "native" takes no '
            "dilation. Received: algorithm='native', dilation_rate=(2,)."
        )

    def test_pads_as_wide_as_the_window(self):
        assert self.message(layers.AveragePooling2D, (3, 2), padding=((0, 2), (0, 2)), name="p") == (
            "AveragePooling2D layer 'p': each pad must be smaller than the window, so that no window sees padding alone. "
            "Along spatial axis 1 the window spans 2 elements. Received: pool_size=(3, 2), dilation_rate=(1, 1), "
            "padding=((0, 2), (0, 2))."
        )

    def test_what_stock_keras_checks(self):
        """Keras' own words, which its own tests match, after the name of the layer."""
        assert self.message(layers.Conv2D, 5, 3, groups=2) == (
            "Conv2D layer: The number of filters must be evenly divisible by the number of groups. Received: groups=2, filters=5."
        )
        assert self.message(layers.Conv2D, 4, 3, strides=(1, 0)) == (
            "Conv2D layer: The `strides` argument must be a tuple of 2 integers. Received strides=(1, 0), including values {0} that "
            "do not satisfy `value > 0`"
        )
        assert self.message(layers.Conv2D(4, 3, groups=4, name="c").build, (None, 5, 6, 3)) == (
            "Conv2D layer 'c': The number of input channels must be evenly divisible by the number of groups. Received groups=4, but the "
            "input has 3 channels (full input shape is (None, 5, 6, 3))."
        )

    def test_build(self):
        assert self.message(layers.Conv2D(4, (3, 5), name="c").build, (None, 5, 4, 3)) == (
            "Conv2D layer 'c': the window must fit into the padded input. Computed output size would be zero or "
            "negative. Along spatial axis 1 it spans 5 elements and the padded input has 4. Received: kernel_size=(3, 5), dilation_rate=(1, 1), padding='valid', spatial sizes "
            "(5, 4)."
        )

    def test_call(self):
        assert (
            "conv: `inputs` and `kernel` must be floating-point tensors of one dtype. "
            "Received: inputs of dtype int32, kernel of dtype float32."
        ) in self.message(layers.Conv2D(4, 3), np.ones((1, 5, 5, 3), "int32"))
        assert "Exception encountered when calling MaxPooling2D.call()" in self.message(
            layers.MaxPooling2D(4), np.ones((1, 3, 5, 3))
        )
