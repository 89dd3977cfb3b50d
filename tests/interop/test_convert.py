"""`convert_model`: models of every make, there and back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import interop, layers, structure
from kerasconv.ops.algorithms import direct
from tests.interop import zoo


def randomise(model):
    """All weights differ, so that exchanged ones show; but not what `Normalization` has learnt, which it copies."""
    generator = np.random.default_rng(1)
    for variable in model.weights:
        if "float" in variable.dtype and variable.name not in ("mean", "variance"):
            variable.assign(generator.uniform(0.1, 0.9, variable.shape))


def houses(model):
    """Which layers are ours, by path."""
    return {
        structure.path(where): type(layer).__module__.startswith("kerasconv") for where, layer in structure.walk(model)
    }


def gradients(model, x):
    with tf.GradientTape() as tape:
        outputs = keras.tree.flatten(model(x, training=False))
        loss = sum(tf.reduce_sum(tf.sin(tf.cast(y, "float32"))) for y in outputs) + sum(model.losses)
    return tape.gradient(loss, [weight.value for weight in model.trainable_weights])


def assert_same(one, other, x, tolerance=1e-5):
    assert type(one) is type(other)
    assert one.name == other.name
    for a, b in zip(keras.tree.flatten(one(x)), keras.tree.flatten(other(x)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    assert [w.trainable for w in one.weights] == [w.trainable for w in other.weights]
    for a, b in zip(one.weights, other.weights, strict=True):
        assert a is not b
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    for a, b in zip(gradients(one, x), gradients(other, x), strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            a, b = np.array(tf.convert_to_tensor(a)), np.array(tf.convert_to_tensor(b))
            np.testing.assert_allclose(a, b, rtol=100 * tolerance, atol=100 * tolerance * max(1, np.abs(b).max()))


@pytest.mark.parametrize("make", zoo.MODELS)
def test_there_and_back(make):
    model, x = make()
    randomise(model)
    before = dict(structure.walk(model))
    outputs, values = model(x), [np.array(variable) for variable in model.variables]

    ours = interop.convert_model(model)
    back = interop.convert_model(ours, to="keras")

    tolerance = 1e-2 if make is zoo.mixed_precision else 1e-5
    assert_same(model, ours, x, tolerance)
    assert_same(model, back, x, 1e-6)
    assert houses(ours) == {
        path: hasattr(layers, type(layer).__name__)
        for path, layer in ((structure.path(where), layer) for where, layer in structure.walk(model))
    }
    assert not any(houses(back).values())
    for converted in (ours, back):
        copied = dict(structure.walk(converted))
        assert list(copied) == list(before)
        assert [layer.name for layer in copied.values()] == [layer.name for layer in before.values()]
        assert [layer.trainable for layer in copied.values()] == [layer.trainable for layer in before.values()]
        assert [layer.dtype_policy for layer in copied.values()] == [layer.dtype_policy for layer in before.values()]
        assert [weight.path for weight in converted.weights] == [weight.path for weight in model.weights]
        assert not {id(layer) for layer in copied.values()} & {id(layer) for layer in before.values()}

    assert dict(structure.walk(model)) == before, "the original is altered"
    for a, b in zip(model.variables, values, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(keras.tree.flatten(outputs), keras.tree.flatten(model(x)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "size"), [("MobileNetV3Small", 64), ("ConvNeXtTiny", 32)])
def test_applications(name, size):
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size + 8, 3), include_top=False, pooling="avg", include_preprocessing=True
    )
    randomise(model)
    x = np.random.default_rng(0).uniform(0, 255, (2, size, size + 8, 3)).astype("float32")
    ours = interop.convert_model(model)
    back = interop.convert_model(ours, to="keras")
    expected = np.array(model(x))
    np.testing.assert_allclose(ours(x), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(back(x), expected)
    assert [operation.name for operation in ours.operations] == [operation.name for operation in model.operations]
    assert [layer.get_config() for layer in back.layers] == [layer.get_config() for layer in model.layers]
    convolutions = [layer for layer in model.layers if hasattr(layer, "kernel_size")]
    assert convolutions
    assert all(type(ours.get_layer(layer.name)).__module__.startswith("kerasconv") for layer in convolutions)


def test_a_converted_model_trains_saves_and_is_exported(tmp_path):
    model, x = zoo.subclassed()
    ours = interop.convert_model(model)
    expected = np.array(model(x))
    np.testing.assert_allclose(ours(x), expected, atol=1e-5)
    ours.export(tmp_path / "saved", verbose=False)
    served = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_allclose(served.serve(x), expected, atol=1e-5)
    ours.compile("sgd", "mse")
    ours.fit(x, np.zeros(expected.shape), verbose=0)
    assert np.abs(ours(x) - expected).max() > 1e-3
    np.testing.assert_array_equal(model(x), expected)

    model, x = zoo.functional_with_operations()
    ours = interop.convert_model(model)
    ours.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "model.keras")(x)["map"], model(x)["map"], atol=1e-5)


def test_dropout_draws_the_same_numbers():
    model, x = zoo.sequential()
    ours = interop.convert_model(model)
    np.testing.assert_allclose(ours(x, training=True), model(x, training=True), atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_masks_go_as_far_as_before():
    steps = keras.Input((9, 3))
    x = keras.layers.Conv1D(4, 3, padding="same")(keras.layers.Masking()(steps))
    x = keras.layers.MaxPooling1D(2)(x)
    model = keras.Model(steps, keras.layers.GlobalAveragePooling1D()(x))
    sequences = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("float32")
    sequences[:, 5:] = 0
    there = interop.convert_model(model)
    np.testing.assert_allclose(there(sequences), model(sequences), rtol=1e-5)
    back = interop.convert_model(there, to="keras")
    np.testing.assert_array_equal(back(sequences), model(sequences))


def test_an_unbuilt_model_stays_unbuilt():
    ours = interop.convert_model(keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.MaxPooling2D()]))
    assert not ours.built
    assert ours(zoo.IMAGES).shape == (2, 3, 3, 4)


def test_the_report():
    report = interop.conversion_report(zoo.nested()[0])
    assert str(report) == (
        "first/shared: keras Conv2D becomes kerasconv Conv2D\n"
        "first/pool: keras MaxPooling2D becomes kerasconv MaxPooling2D\n"
        "second/mean: keras AveragePooling2D becomes kerasconv AveragePooling2D\n"
        "add: keras Add stays\n"
        "flatten: keras Flatten stays"
    )
    assert [row.path for row in report.replaced] == ["first/shared", "first/pool", "second/mean"]
    assert report.problems == ()
    assert report.rows[0].before is keras.layers.Conv2D
    assert report.rows[0].after is layers.Conv2D
    paths = [row.path for row in interop.conversion_report(zoo.subclassed()[0]).rows]
    assert paths == [
        "stem/stem_conv",
        "stem/stem_relu",
        "block/convs/0",
        "block/convs/1",
        "block/branches/max",
        "block/branches/mean",
        "block/pair/0",
        "block/pair/1",
        "late/conv",
        "attention",
        "head",
    ]


class Binary:
    """An algorithm of the user's own."""

    def forward(self, x, w, window, groups):
        return direct.forward(x, tf.sign(w), window, groups)

    input_gradient = kernel_gradient = forward  # not called here

    def __repr__(self):
        return "Binary()"


# Layers of ours that stock Keras has as well, in other words or in the same.
SAYABLE = [
    (layers.Conv2D(3, 3, algorithm="gemm", padding_value=0), {}),
    (layers.Conv2D(3, 3, strides=2, padding=0), {"padding": "valid", "strides": (2, 2)}),
    (layers.Conv2D(3, (3, 2), padding=((2, 2), (0, 1)), dilation_rate=(2, 1)), {"padding": "same"}),
    (layers.Conv1D(3, 3, padding="causal", groups=3), {"padding": "causal", "groups": 3}),
    (layers.Conv2DTranspose(3, 3, strides=2, output_padding=1), {"output_padding": (1, 1)}),
    (layers.Conv2DTranspose(3, 4, strides=2, padding=1), {"padding": "same"}),
    (layers.Conv2DTranspose(3, 3, strides=2, padding=0), {"padding": "valid"}),
    (layers.DepthwiseConv2D(3, depth_multiplier=2, padding=1), {"padding": "same", "depth_multiplier": 2}),
    (layers.SeparableConv1D(3, 3), {"padding": "valid"}),
    (layers.MaxPooling2D(3, 1, padding=1, dilation_rate=1, ties="first"), {"padding": "same"}),
    (layers.AveragePooling1D(3, padding=((0, 0),), ceil_mode=False), {"padding": "valid", "strides": (3,)}),
    (layers.MaxPooling2D(3, 1, padding=1, ceil_mode=True), {"padding": "same"}),
    (layers.AveragePooling2D(2, count_include_pad=True), {"padding": "valid"}),
    (layers.AdaptiveMaxPooling2D((2, 3)), {"output_size": (2, 3)}),
    (layers.ZeroPadding2D(((0, 1), (2, 3))), {"padding": ((0, 1), (2, 3))}),
    (layers.GlobalAveragePooling2D(keepdims=True), {"keepdims": True}),
]


@pytest.mark.parametrize(("layer", "expected"), SAYABLE, ids=[type(layer).__name__ for layer, _ in SAYABLE])
def test_what_stock_keras_can_say(layer, expected):
    rank = 1 if type(layer).__name__.endswith("1D") else 2
    x = np.random.default_rng(0).normal(size=(2, *(8, 9)[:rank], 3)).astype("float32")
    model = keras.Sequential([keras.Input(x.shape[1:]), layer])
    back = interop.convert_model(model, to="keras")
    assert type(back.layers[0]) is getattr(keras.layers, type(layer).__name__)
    assert {name: getattr(back.layers[0], name) for name in expected} == expected
    np.testing.assert_allclose(back(x), model(x), atol=1e-5)


# Layers of ours whose padding is numbers that no word of Keras means, and the layers that do the same there.
PADDED = [
    (layers.Conv1D(6, 3, padding=(3, 1), dilation_rate=2, groups=3), ["ZeroPadding1D", "Conv1D"]),
    (layers.Conv2D(4, 3, 2, padding=1, activation="relu"), ["ZeroPadding2D", "Conv2D"]),
    (layers.Conv2D(4, 3, padding=((0, 1), (2, 4)), dilation_rate=(1, 2)), ["ZeroPadding2D", "Conv2D"]),
    (layers.Conv3D(4, (3, 2, 1), (1, 2, 1), padding=((1, 0), (0, 2), (0, 0))), ["ZeroPadding3D", "Conv3D"]),
    (layers.DepthwiseConv1D(3, 2, padding=1), ["ZeroPadding1D", "DepthwiseConv1D"]),
    (layers.DepthwiseConv2D(3, 2, padding=1, depth_multiplier=2), ["ZeroPadding2D", "DepthwiseConv2D"]),
    (layers.SeparableConv1D(4, 3, padding=(0, 3)), ["ZeroPadding1D", "SeparableConv1D"]),
    (layers.SeparableConv2D(4, 3, 2, padding=1), ["ZeroPadding2D", "SeparableConv2D"]),
    (layers.AveragePooling1D(3, 2, padding=1, count_include_pad=True), ["ZeroPadding1D", "AveragePooling1D"]),
    (
        layers.AveragePooling2D((3, 2), 1, padding="same", count_include_pad=True),
        ["ZeroPadding2D", "AveragePooling2D"],
    ),
    (layers.AveragePooling2D(4, padding=1), ["Functional"]),
    (layers.AveragePooling3D(3, 2, padding=((0, 1), (2, 0), (1, 1))), ["Functional"]),
    (layers.AveragePooling1D(3, 2, ceil_mode=True), ["Functional"]),
    (layers.MaxPooling1D(3, 2, padding=(0, 2)), ["Functional"]),
    (layers.MaxPooling2D(3, 2, padding=1), ["Functional"]),
    (layers.MaxPooling2D((3, 2), 2, padding=((1, 0), (0, 0)), ceil_mode=True), ["Functional"]),
    (layers.MaxPooling3D(3, 2, padding=1), ["Functional"]),
]


def of_rank(layer, data_format, size):
    """A layer like this one, with its rank in its name, and an input for it; all negative, so that zeros would show."""
    rank = int(type(layer).__name__[-2])
    spatial = (size, size + 1, size - 2)[:rank]
    shape = (*spatial, 3) if data_format == "channels_last" else (3, *spatial)
    x = -np.random.default_rng(0).uniform(0.1, 1, (2, *shape)).astype("float32")
    return type(layer).from_config(layer.get_config() | {"data_format": data_format, "name": "padded"}), x


@pytest.mark.parametrize(
    ("data_format", "make", "size"), [("channels_last", "sequential", 8), ("channels_first", "functional", 9)]
)
@pytest.mark.parametrize(
    ("layer", "expected"), PADDED, ids=[f"{i}-{type(p[0]).__name__}" for i, p in enumerate(PADDED)]
)
def test_padding_by_numbers_is_padding_in_front(layer, expected, make, data_format, size):
    layer, x = of_rank(layer, data_format, size)
    model = keras.Sequential([keras.Input(x.shape[1:]), layer], name="model")
    if make == "functional":
        image = keras.Input(x.shape[1:])
        model = keras.Model(image, layer(image), name="model")
    randomise(model)

    stock = interop.convert_model(model, to="keras")
    back = interop.convert_model(stock)

    inner = [layer for layer in stock.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [type(layer).__name__ for layer in inner] == expected
    assert [layer.name for layer in inner] == ["padded_pad", "padded"][-len(expected) :]
    assert not any(houses(stock).values())
    assert any(houses(back).values())
    assert [weight.path for weight in stock.weights] == [weight.path for weight in model.weights]
    for other in (stock, back):
        assert other.output_shape == model.output_shape
        assert_same(model, other, x)
    (row,) = interop.conversion_report(model, to="keras").rows
    names = " and ".join(f"keras {name}" for name in expected)
    assert str(row) == f"padded: kerasconv {type(layer).__name__} becomes {names}"


def test_gradients_of_the_input_through_padding():
    """A window that has its maximum, or its mean, at the rim."""
    image = keras.Input((8, 9, 3))
    x = layers.MaxPooling2D(3, 2, padding=1)(layers.Conv2D(4, 3, padding=(2, 1), strides=2)(image))
    model = keras.Model(image, layers.AveragePooling2D(3, 2, padding=1)(x))
    x = tf.constant(zoo.IMAGES)
    found = []
    for each in (model, interop.convert_model(model, to="keras")):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.sin(each(x)))
        found.append(tape.gradient(loss, x))
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    assert np.abs(found[0]).max() > 1e-3


def test_padding_in_front_of_shared_layers_in_models_in_models(tmp_path):
    """One pad for all calls in one model, a name that is taken, half precision, and a file of stock layers."""
    shared = layers.Conv2D(3, 3, padding=((2, 0), (0, 2)), name="shared", dtype="mixed_float16")
    inner = keras.Sequential([shared, layers.MaxPooling2D(3, 1, padding=((2, 0), (0, 2)), dtype="mixed_float16")])
    image = keras.Input((8, 9, 3))
    x = keras.layers.ReLU(name="shared_pad")(image)
    x = keras.layers.TimeDistributed(layers.MaxPooling1D(3, 2, padding=1))(inner(shared(x)) + shared(image))
    model = keras.Model(image, x)
    randomise(model)
    stock = interop.convert_model(model, to="keras")
    assert_same(model, stock, zoo.IMAGES, 1e-2)
    names = [name for name in houses(stock) if "shared" in name]
    assert sorted(names) == ["shared", "shared_pad", "shared_pad_"]
    stock = interop.convert_model(inner, to="keras")  # Keras cannot load layers that two models share
    stock.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(zoo.IMAGES), stock(zoo.IMAGES))


# Layers of ours that it has not, and what the report says of them.
UNSAYABLE = [
    (
        layers.Conv2D(3, 3, padding=((1, 2), (0, 0)), padding_mode="reflect", flip_kernel=True),
        "stock Keras has no flip_kernel but False. Received: flip_kernel=True. stock Keras has no padding_mode but "
        "'constant'. Received: padding_mode='reflect'.",
    ),
    (
        layers.Conv2D(3, 3, strides=2, dilation_rate=2),
        "stock Keras must take its arguments. It raises ValueError: `strides > 1` not supported in conjunction with "
        "`dilation_rate > 1`. Received: strides=(2, 2) and dilation_rate=(2, 2)",
    ),
    (
        layers.MaxPooling2D(3, 2, padding=((0, 2), (0, 0)), ceil_mode=True),
        "stock Keras has no ceil_mode but False. Received: ceil_mode=True. stock Keras pads by words such as 'valid' "
        "and 'same'. Received: padding=((0, 2), (0, 0)).",
    ),
    (
        layers.Conv1DTranspose(4, 3, padding=2, groups=2),
        "stock Keras has no groups but 1. Received: groups=2. stock Keras pads by words such as 'valid' and 'same'. "
        "Received: padding=((2, 2),).",
    ),
    (
        layers.Conv1D(3, 3, algorithm=Binary()),
        "stock Keras has no algorithm but 'auto'. Received: algorithm=Binary().",
    ),
    (
        layers.MaxPooling2D(2, ties="all", dilation_rate=(1, 2)),
        "stock Keras has no dilation_rate but (1, 1). Received: dilation_rate=(1, 2). stock Keras has no ties but "
        "'first'. Received: ties='all'.",
    ),
    (
        layers.AveragePooling1D(2, ceil_mode=True, count_include_pad=True),
        "stock Keras has no ceil_mode but False. Received: ceil_mode=True. stock Keras has no count_include_pad but "
        "False. Received: count_include_pad=True.",
    ),
    (layers.Padding2D(1), "stock Keras must have a layer of this name. Received: Padding2D."),
    (layers.LpPooling2D(2, 2), "stock Keras must have a layer of this name. Received: LpPooling2D."),
    (layers.DepthwiseConv3D(2), "stock Keras must have a layer of this name. Received: DepthwiseConv3D."),
]


def test_what_stock_keras_cannot_say_is_one_error():
    model = keras.Sequential([layer for layer, _ in UNSAYABLE], name="impossible")
    lines = [f"{layer.name} (kerasconv {type(layer).__name__}): {problem}" for layer, problem in UNSAYABLE]
    report = interop.conversion_report(model, to="keras")
    assert [str(row) for row in report.problems] == lines
    assert message(ValueError, interop.convert_model, model, to="keras") == (
        "convert_model: every layer must be one that the other side has too, or one that can be copied. "
        "Received: Sequential 'impossible', in which\n  " + "\n  ".join(lines)
    )
    assert interop.conversion_report(model).problems == ()


def test_no_place_for_padding_in_front():
    model = keras.Sequential(
        [keras.layers.TimeDistributed(layers.Conv2D(3, 3, 2, padding=1, name="conv"), name="each")]
    )
    (problem,) = interop.conversion_report(model, to="keras").problems
    assert str(problem) == (
        "each/layer (kerasconv Conv2D): stock Keras pads by a layer in front, for which there is no place in a "
        "TimeDistributed, or by words such as 'valid' and 'same'. Received: padding=((1, 1), (1, 1))."
    )


def message(kind, function, *args, **kwargs):
    with pytest.raises(kind) as error:
        function(*args, **kwargs)
    return str(error.value)


@pytest.mark.parametrize("function", [interop.convert_model, interop.conversion_report])
def test_malformed_arguments(function):
    assert message(TypeError, function, "model") == (
        f"{function.__name__}: `model` must be a Keras model. Received: 'model'."
    )
    assert message(ValueError, function, zoo.sequential()[0], to="torch") == (
        f"{function.__name__}: `to` must be 'kerasconv' or 'keras'. Received: to='torch'."
    )


def failure(model):
    first, second = message(ValueError, interop.convert_model, model).split("\n")
    assert first == (
        "convert_model: every layer must be one that the other side has too, or one that can be copied. "
        f"Received: {type(model).__name__} {model.name!r}, in which"
    )
    return second


class Unspeaking(keras.layers.Layer):
    """Its argument is nothing that Keras can write down."""

    def __init__(self, thing, **kwargs):
        super().__init__(**kwargs)


class OwnGraph(keras.Model):
    """Makes its graph itself."""

    def __init__(self, width, **kwargs):
        image = keras.Input((8, 9, 3))
        super().__init__(image, keras.layers.Conv2D(width, 3)(image), **kwargs)


class Fickle(keras.layers.Layer):
    """What it holds depends on more than its arguments."""

    made = 0

    def __init__(self, what, **kwargs):
        super().__init__(**kwargs)
        self.what = what
        Fickle.made += 1
        self.conv = keras.layers.Conv2D(3, 3, name="conv")
        if Fickle.made == 1:
            self.more = keras.layers.Dense(2)

    def build(self, shape):
        if self.what == "variable":
            self.add_weight(shape=(Fickle.made,), name="scale")
        self.conv.build(shape)


def test_what_cannot_be_made_again():
    model = keras.Sequential([Unspeaking(object(), name="thing")], name="speechless")
    assert failure(model) == (
        "  thing (tests Unspeaking): `from_config(get_config())` must make it again. It raises NotImplementedError: "
        "Object Unspeaking was created by passing non-serializable argument values in `__init__()`, and therefore the "
        "object must override `get_config()` in order to be serializable. Please implement `get_config()`."
    )
    model = OwnGraph(4, name="own")
    assert failure(model) == (
        "  own (tests OwnGraph): its constructor must take `inputs` and `outputs`, and nothing of its own. Received: "
        "__init__(self, width, **kwargs). `keras.Model(model.input, model.output)` is the same without the class."
    )
    same = keras.Model(model.input, model.output)
    np.testing.assert_allclose(interop.convert_model(same)(zoo.IMAGES), model(zoo.IMAGES), atol=1e-5)


def test_a_stack_that_makes_itself():
    class Stack(keras.Sequential):
        def __init__(self, width):
            super().__init__([keras.layers.Conv2D(width, 3, name="conv"), keras.layers.ReLU()], name="stack")

    model = Stack(4)
    expected = model(zoo.IMAGES)
    assert failure(model) == (
        "  stack (tests Stack): its constructor must take `layers`, and nothing of its own. Received: "
        "__init__(self, width). `keras.Sequential(model.layers)` is the same without the class."
    )
    same = interop.convert_model(keras.Sequential(model.layers))
    assert [type(layer) for layer in same.layers] == [layers.Conv2D, keras.layers.ReLU]
    np.testing.assert_allclose(same(zoo.IMAGES), expected, atol=1e-5)


@pytest.mark.parametrize("what", ["layer", "variable"])
def test_what_is_made_again_differently(what):
    Fickle.made = {"layer": 0, "variable": 1}[what]
    model = keras.Sequential([Fickle(what, name="fickle")], name="model")
    model.layers[0].build((None, 8, 9, 3))
    assert (
        message(ValueError, interop.convert_model, model)
        == {
            "layer": "convert_model: a layer that is made again must have the same layers inside. Received: layer 'fickle' "
            "(Fickle), which has 'more', and made again has not.",
            "variable": "convert_model: a layer that is made again must have the same variables. Received: layer 'fickle' "
            "(Fickle), which has scale(2,), and made again scale(3,).",
        }[what]
    )
