"""Receptive fields beside gradients and published numbers, multiply-adds beside those of torchvision and by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as stock

from kerasconv import layers as ours
from kerasconv import models
from kerasconv.inspection import layer_table, summarise
from kerasconv.inspection.receptive_field import Reach, of_transposed, of_window
from kerasconv.models import model_info
from kerasconv.models._info import counted, facts
from tests.models.test_outside import torchvision_models
from tests.models.test_zoo import every_model, one_of_each_family


def chain(shape, *steps):
    x = inputs = keras.Input(shape)
    for step in steps:
        x = step(x)
    return keras.Model(inputs, x)


def u_net(layers):
    x = inputs = keras.Input((14, 16, 2))
    x = skip = layers.Conv2D(2, 3, padding="same")(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(2, 3, padding="same")(x)
    x = layers.Conv2DTranspose(2, 2, strides=2)(x)
    x = stock.Concatenate()([skip, x])
    return keras.Model(inputs, layers.Conv2D(1, 3, padding="same")(x))


def branches_that_look_to_other_sides(layers):
    x = inputs = keras.Input((21, 2))
    a = layers.Conv1D(3, 4, padding="causal", dilation_rate=2)(x)
    b = layers.Conv1D(3, 3)(stock.ZeroPadding1D((0, 2))(x))
    return keras.Model(inputs, stock.Add()([a, b]))


def nested(layers):
    inner = chain((None, None, 2), layers.Conv2D(2, 3, strides=2), layers.Conv2D(2, (1, 3)))
    return chain((20, 22, 2), layers.Conv2D(2, 2), inner)


def channel_shuffle(layers):
    return chain(
        (9, 8, 6),
        stock.Reshape((9, 8, 3, 2)),
        stock.Permute((1, 2, 4, 3)),
        stock.Reshape((9, 8, 6)),
        layers.Conv2D(2, 3),
    )


def pixel_shuffle(layers):
    """From 4 channels to elements of half the size, as ESPCN does."""
    return chain(
        (9, 7, 3),
        layers.Conv2D(4, 3, padding="same"),
        stock.Reshape((9, 7, 2, 2)),
        stock.Permute((1, 3, 2, 4)),
        stock.Reshape((18, 14, 1)),
        layers.Conv2D(1, 2),
    )


def channels_first(layers):
    return chain(
        (2, 18, 20),
        ours.Conv2D(4, (3, 2), strides=(2, 1), padding=((1, 0), (0, 2)), data_format="channels_first"),
        stock.Reshape((2, 2, 9, 21)),
        stock.Reshape((4, 9, 21)),
        ours.MaxPooling2D(2, ties="all", data_format="channels_first"),
    )


NETS = {
    "strides": lambda it: chain((40, 41, 2), it.Conv2D(2, 3, 2), it.Conv2D(2, (5, 1)), it.AveragePooling2D(3, 2)),
    "same padding": lambda it: chain((39, 2), *[it.Conv1D(2, 4, 3, padding="same")] * 1, it.Conv1D(2, 2, 2, "same")),
    "dilation": lambda it: chain((30, 2), *[it.Conv1D(2, 2, padding="causal", dilation_rate=d) for d in (1, 2, 4)]),
    "three axes": lambda it: chain((9, 8, 10, 1), it.Conv3D(2, (3, 1, 2), (1, 2, 1)), it.AveragePooling3D((1, 2, 2))),
    "depthwise": lambda it: chain((12, 13, 2), it.DepthwiseConv2D(3, 2), it.SeparableConv2D(3, (2, 3))),
    "transposed": lambda it: chain((4, 5, 1), it.Conv2DTranspose(2, 5, 3, "same"), it.Conv2DTranspose(1, 3, 2)),
    "u-net": u_net,
    "nested": nested,
    "two sides": branches_that_look_to_other_sides,
    "channel shuffle": channel_shuffle,
    "pixel shuffle": pixel_shuffle,
    "space to depth": lambda it: chain((12, 2), stock.Reshape((4, 6)), it.Conv1D(1, 2)),
    "crops": lambda it: chain((16, 18, 1), stock.Cropping2D(((1, 2), (0, 3))), it.Conv2D(1, 3), it.ZeroPadding2D(1)),
    "nearest": lambda it: chain((12, 1), it.Conv1D(1, 3), stock.UpSampling1D(3), it.Conv1D(1, 2)),
    "bilinear": lambda it: chain((9, 11, 1), stock.UpSampling2D((2, 3), interpolation="bilinear"), it.Conv2D(1, 2)),
    "adaptive": lambda it: chain((10, 13, 1), it.AdaptiveAveragePooling2D((4, 5)), it.Conv2D(1, 2)),
    "channels first": channels_first,
    "explicit": lambda _: chain((31, 2), ours.Conv1D(2, 3, 2, padding=(2, 0), dilation_rate=2), ours.LpPooling1D(2, 3)),
    "ceil": lambda _: chain((20, 2), ours.AveragePooling1D(3, 2, ceil_mode=True), ours.AveragePooling1D(2, padding=1)),
    "reflection": lambda _: chain((12, 13, 1), ours.Padding2D(2, "reflect"), ours.Conv2D(1, 5)),
    "transposed, cropped": lambda _: chain((9, 2), ours.Conv1D(2, 3), ours.Conv1DTranspose(2, 5, 2, padding=1)),
}  # fmt: skip


def seen(model):
    """The largest extent of elements along each axis that an element of the output has a gradient for.

    All weights are positive and there is no ReLU, so that nothing cancels. The outermost outputs, of which padding
    hides elements, do no harm: of a whole period in the middle one sees most.
    """
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1, weight.shape))
    first = any(getattr(layer, "data_format", None) == "channels_first" for layer in model.layers)
    sizes, channels = model.output_shape[2:] if first else model.output_shape[1:-1], -1 if not first else 1
    places = np.eye(np.prod(sizes), dtype="float32").reshape(-1, *sizes)  # each output in a copy of the input
    x = tf.ones((len(places), *model.input_shape[1:]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x)
    gradient = tape.gradient(y, x, tf.zeros_like(y) + np.expand_dims(places, channels))
    reached = np.abs(gradient).sum(channels) > 1e-4  # a convolution by Fourier transform gives no zeros
    extents = []
    for axis in range(1, reached.ndim):
        elements = reached.any(tuple({*range(1, reached.ndim)} - {axis}))
        elements = elements[elements.any(1)]
        extents.append(int((elements.shape[1] - elements[:, ::-1].argmax(1) - elements.argmax(1)).max()))
    return tuple(extents)


@pytest.mark.parametrize("layers", [ours, stock], ids=["ours", "stock"])
@pytest.mark.parametrize("net", NETS)
def test_the_receptive_field_is_where_the_gradient_is(net, layers):
    keras.utils.set_random_seed(0)
    model = NETS[net](layers)
    assert layer_table(model)[-1].receptive_field == seen(model)


def test_strides_are_fractions_after_upsampling():
    table = layer_table(NETS["transposed"](stock))
    assert [tuple(map(str, row.stride)) for row in table] == [("1/3", "1/3"), ("1/6", "1/6")]


def test_global_pooling_on_a_branch():
    """Each element sees all, as the gradient does; the receptive field is that of the convolutions."""
    x = inputs = keras.Input((9, 10, 2))
    x = ours.Conv2D(2, 3, name="conv")(x)
    gate = ours.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = ours.Conv2D(2, 1, name="excite")(gate)
    x = stock.Multiply(name="scale")([x, gate])
    model = keras.Model(inputs, stock.Dense(3, name="logits")(ours.GlobalAveragePooling2D(name="pool")(x)))
    fields = {row.name: (row.receptive_field, row.global_context) for row in layer_table(model)}
    assert fields == {
        "conv": ((3, 3), False),
        "squeeze": (None, False),
        "excite": (None, False),
        "scale": ((3, 3), True),
        "pool": (None, False),
        "logits": (None, False),
    }
    assert seen(keras.Model(inputs, x)) == (9, 10)
    summary = summarise(model)
    assert (summary.receptive_field, summary.global_context, summary.depth) == ((3, 3), True, 3)


def test_max_unpooling_sees_what_was_pooled():
    x = inputs = keras.Input((8, 6, 1))
    maxima, indices = ours.MaxPooling2D(2, return_indices=True)(ours.Conv2D(1, 3, padding="same")(x))
    y = ours.MaxUnpooling2D(2)(maxima, indices)
    row = layer_table(keras.Model(inputs, y))[-1]
    assert (row.receptive_field, row.stride, row.output_shape) == ((4, 4), (1, 1), (8, 6, 1))


def test_reaches():
    up, down = of_transposed(2, stride=2), of_window(2, stride=2)
    assert up.then(down) == Reach()  # two halves are a whole
    assert down.then(up) == Reach(2, (0, 0), (1, 1))
    with pytest.raises(ValueError) as error:
        up.union(down)
    assert str(error.value) == "Reach.union: the branches must have the same stride. Received: 1/2 and 2."


MACS = {
    # positions of the output (or, transposed, of the input), numbers in the kernel
    "conv": (ours.Conv2D(4, (3, 2), 2, data_format="channels_first"), (6, 9, 8), 4 * 4 * (3 * 2 * 6 * 4)),
    "groups": (stock.Conv1D(4, 3, groups=2), (9, 6), 7 * (3 * 3 * 4)),
    "depthwise": (ours.DepthwiseConv2D(3, padding="same", depth_multiplier=2), (5, 4, 3), 5 * 4 * (9 * 3 * 2)),
    "separable": (stock.SeparableConv2D(5, 2, use_bias=False), (5, 4, 3), 4 * 3 * (4 * 3 + 3 * 5)),
    "transposed": (ours.Conv3DTranspose(2, 2, 2), (2, 3, 4, 5), 2 * 3 * 4 * (8 * 5 * 2)),
    "dense": (stock.Dense(7), (6, 5), 6 * 5 * 7),
    "a scale": (ours.DepthwiseConv1D(1), (6, 5), 0),
    "free": (stock.BatchNormalization(), (6, 5), 0),
    "size unknown": (ours.Conv2D(1, 3), (None, 8, 1), None),
    "kernel unknown": (stock.LSTM(3), (6, 5), None),
}


@pytest.mark.parametrize("case", MACS)
def test_multiply_adds_by_hand(case):
    layer, shape, expected = MACS[case]
    (row,) = layer_table(chain(shape, layer))
    assert row.macs == expected


def large_but(first, names):
    """Those of these models that the zoo has; but for one, they are for `make test-zoo`."""
    return [
        pytest.param(n, marks=[] if n == first else [pytest.mark.large]) for n in names if n in models.list_models()
    ]


# The same in torchvision, though we have them from elsewhere.
IN_TORCHVISION_TOO = ["convnext_tiny", "densenet121", "densenet169", "densenet201", "efficientnet_b0", "mobilenet_v2", "vgg16", "vgg19"]  # fmt: skip
OF_TORCHVISION = [p.values[0] for p in one_of_each_family() if models.get_entry(*p.values).source.startswith("torchv")]


@pytest.mark.parametrize("name", large_but("resnet18", OF_TORCHVISION + IN_TORCHVISION_TOO))
def test_multiply_adds_are_those_that_torchvision_publishes(name):
    """In units of 10**9, to three decimals.

    Those of segmentation are for 520x520 pixels, with an auxiliary classifier on 65x65 positions that we leave out.
    """
    entry = models.get_entry(name)
    segments = entry.task == "segmentation"
    in_torchvision = entry.source.split()[1] if entry.source.startswith("torchvision") else name
    published = next(iter(torchvision_models().get_model_weights(in_torchvision))).meta["_ops"]
    macs = model_info(name, **({"input_shape": (520, 520, 3)} if segments else {})).macs
    macs += segments * 65 * 65 * (3 * 3 * 1024 * 256 + 256 * 21)
    assert macs / 1e9 == pytest.approx(published, abs=6e-4)


# K. He et al., "Deep residual learning for image recognition", 2015, table 1, "FLOPs", which it says are multiply-adds.
HE = {"resnet18": 1.8e9, "resnet34": 3.6e9, "resnet50": 3.8e9, "resnet101": 7.6e9, "resnet152": 11.3e9}


@pytest.mark.parametrize("name", large_but("resnet18", HE))
def test_multiply_adds_and_depth_are_those_of_the_paper(name):
    info = model_info(name)
    assert info.macs == pytest.approx(HE[name], rel=0.02)
    assert info.depth == int(name.removeprefix("resnet"))


# A. Araujo et al., "Computing receptive fields of convolutional neural networks", 2019, and the table of their library
# (google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md): alexnet_v2, vgg_a, vgg_16, resnet_v1_*, mobilenet_v1.
ARAUJO = {"alexnet": 195, "mobilenet": 315, "resnet50": 483, "resnet101": 1027, "resnet152": 1507, "vgg11": 150, "vgg16": 212}  # fmt: skip


@pytest.mark.parametrize("name", large_but("resnet50", ARAUJO))
def test_receptive_fields_are_the_published_ones(name):
    summary = summarise(models.create_model(name, input_shape=(96, 96, 3), include_top=False))
    assert summary.receptive_field == (ARAUJO[name],) * 2


@every_model
def test_the_facts_are_those_of_the_model(name):
    """If this fails: `python -m cards`."""
    assert facts()[name] == counted(name)


def test_there_are_facts_of_all_models():
    assert sorted(facts()) == models.list_models()


def test_model_info():
    info = model_info("resnet50", input_shape=(64, 48, 3), classes=7)
    assert (info.input_shape, info.output_shape, info.depth) == ((64, 48, 3), (7,), 50)
    assert (info.published, info.source, info.pretrained) == (25_583_592, "keras.applications.ResNet50", ("imagenet",))
    assert (info.licence, info.weights_licence) == ("Apache-2.0", {"imagenet": "MIT"})
    assert (info.preprocessing.size, info.preprocessing.channel_order) == ((64, 48), "bgr")
    assert info.trained == info.parameters - 2 * 26_560  # the averages and variances of batch normalisation


def test_a_model_without_a_graph():
    with pytest.raises(ValueError) as error:
        layer_table(keras.Sequential([stock.Dense(2)], name="unbuilt"))
    assert str(error.value) == (
        "layer_table: `model` must be a functional or Sequential model that has been built. "
        "Received: Sequential 'unbuilt'."
    )


def test_a_shared_layer_is_counted_once():
    x = inputs = keras.Input((6, 2))
    conv = ours.Conv1D(2, 1)
    table = layer_table(keras.Model(inputs, conv(conv(x))))
    assert [(row.parameters, row.macs, row.depth) for row in table] == [(6, 24, 1), (0, 24, 2)]


@pytest.mark.parametrize("layer", [ours.AdaptiveAveragePooling2D(4), ours.AdaptiveMaxPooling2D((None, 3))])
def test_adaptive_pooling_of_an_unknown_size(layer):
    row = layer_table(chain((None, None, 3), ours.Conv2D(4, 3), layer))[-1]
    assert (row.name, row.receptive_field, row.macs) == (layer.name, None, 0)
