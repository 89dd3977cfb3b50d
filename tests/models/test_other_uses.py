"""What is special about networks that do not classify images: sizes, causality, places, what papers say of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasconv
from kerasconv import models
from kerasconv.interop import load_torch
from kerasconv.models._weights import torch_names
from tests.models.test_outside import torchvision_models
from tests.models.test_zoo import inputs_for, small, to_channels_first


def sizes_of(model, *layers):
    return [tuple(model.get_layer(name).output.shape[1:]) for name in layers]


def number_of(model, *kinds):
    return sum(type(layer).__name__ in kinds for layer in model.layers)


def weights_without_biases(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables if v.name == "kernel")


# The sizes that papers print


def test_unet_has_the_sizes_of_its_figure():
    model = models.unet(filters=2)
    names = ["down0_2_relu", "down1_2_relu", "down2_2_relu", "down3_2_relu", "down4_2_relu"]
    assert [size[0] for size in sizes_of(model, *names)] == [568, 280, 136, 64, 28]
    names = ["up3_conv", "up3_concat", "up3_2_relu", "up2_2_relu", "up1_2_relu", "up0_2_relu", "logits"]
    sizes = [(56, 16), (56, 32), (52, 16), (100, 8), (196, 4), (388, 2), (388, 2)]
    assert [(size[0], size[2]) for size in sizes_of(model, *names)] == sizes
    assert number_of(model, "Conv2D", "Conv2DTranspose") == 23
    assert models.unet((64, 96, 1), filters=2, padding="same").output_shape == (None, 64, 96, 2)


def test_unet3d_has_the_sizes_of_its_figure():
    model = models.unet3d(filters=2)
    assert sizes_of(model, "down3_2_relu", "up2_concat") == [(9, 9, 7, 32), (18, 18, 14, 48)]
    assert model.output_shape == (None, 44, 44, 28, 3)


def test_srcnn_has_the_weights_and_sizes_of_its_paper():
    counts = [weights_without_biases(models.srcnn(sizes=(9, middle, 5))) for middle in (1, 3, 5)]
    assert counts == [8_032, 24_416, 57_184]
    assert models.srcnn((33, 33, 1)).output_shape == (None, 21, 21, 1)
    assert models.srcnn((33, 31, 1), padding="same").output_shape == (None, 33, 31, 1)


def test_the_keyword_spotter_has_the_sizes_of_its_table():
    model = models.keyword_spotter()
    names = ["conv1", "pool1", "pool2", "pool3", "pool4"]
    assert sizes_of(model, *names) == [(8000, 128), (2000, 128), (500, 128), (125, 256), (32, 512)]
    assert round(model.count_params() / 1e6, 2) == 0.56
    m18 = models.keyword_spotter(filters=64, widths=(1, 2, 4, 8), depths=(4, 4, 4, 4))
    assert number_of(m18, "Conv1D", "Dense") == 18
    assert round(m18.count_params() / 1e6, 1) == 3.7


def test_c3d_has_the_sizes_of_its_figure():
    model = models.c3d(filters=1)
    names = ["pool1", "pool2", "pool3", "pool4", "pool5"]
    sizes = [(16, 56, 56, 1), (8, 28, 28, 2), (4, 14, 14, 4), (2, 7, 7, 8), (1, 4, 4, 8)]
    assert sizes_of(model, *names) == sizes
    assert number_of(model, "Conv3D") == 8


def test_segnet_is_vgg16_and_its_mirror_image():
    model = models.segnet((32, 32, 3))
    assert number_of(model, "Conv2D") == 26
    encoder = [layer for layer in model.layers if layer.name.startswith("conv") and "decoder" not in layer.name]
    assert sum(layer.count_params() for layer in encoder if isinstance(layer, keras.layers.Conv2D)) == 14_714_688


def test_fcn8s_takes_the_weights_of_vgg16():
    """By name and shape; the dense layers have those of VGG-16 too, read as windows of 7x7 and 1x1."""
    model, vgg = models.fcn8s(), keras.applications.VGG16(weights=None, include_top=False)
    ours = {v.path: tuple(v.shape) for v in model.variables}
    assert {v.path: tuple(v.shape) for v in vgg.variables}.items() <= ours.items()
    assert (ours["fc6/kernel"], ours["fc7/kernel"]) == ((7, 7, 512, 4096), (1, 1, 4096, 4096))
    assert round(model.count_params() / 1e6) == 134  # the paper, table 1


# Sizes that are not known


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {}),
        ("unet", {"input_shape": (16, 24, 3), "padding": "same", "batch_norm": True}),
        ("segnet", {"input_shape": (16, 24, 3)}),
        ("fcn8s", {}),
        ("srcnn", {}),
        ("espcn", {}),
        ("convolutional_autoencoder", {}),
        ("wavenet", {}),
        ("tcn", {}),
        ("keyword_spotter", {}),
        pytest.param("unet3d", {}, marks=pytest.mark.large),
        pytest.param("fcn_resnet50", {}, marks=pytest.mark.large),
        pytest.param("deeplab_v3", {}, marks=pytest.mark.large),
    ],
    ids=str,
)
def test_a_model_for_any_size_gives_the_same(name, options):
    known = small(name, **options)
    *sizes, channels = known.input_shape[1:]
    unknown = small(name, **options | {"input_shape": (*[None] * len(sizes), channels)})
    unknown.set_weights(known.get_weights())
    x = inputs_for(known)
    np.testing.assert_allclose(unknown(x), known(x), rtol=1e-4, atol=1e-6)


# Causality


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("name", "field"), [("wavenet", 1 + 2 * (2**3 - 1) + 1), ("tcn", 1 + 2 * (3 - 1) * (2**3 - 1))]
)
def test_an_output_sees_what_was_before_and_no_more(name, field, data_format):
    """Of the input's steps just the last `field` up to a step of the output have an influence on it."""
    length, step = field + 6, field + 2
    channels = small(name).input_shape[-1]
    model = small(name, input_shape=(length, channels), data_format=data_format)
    steps = 1 if data_format == "channels_last" else 2
    x = inputs_for(model, batch=1)
    run = tf.function(model)
    before = np.moveaxis(np.asarray(run(x)), steps, 0)
    changed = set()
    for i in range(length):
        other = x.copy()
        np.moveaxis(other, steps, 0)[i] += 1
        after = np.moveaxis(np.asarray(run(other)), steps, 0)
        np.testing.assert_array_equal(after[:i], before[:i])
        changed |= {i} if np.any(after[step] != before[step]) else set()
    assert changed == set(range(step - field + 1, step + 1))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_tcn_drops_whole_channels(data_format):
    model = small("tcn", dropout=0.5, data_format=data_format)
    dropout = model.get_layer("block3_dropout2")
    y = np.asarray(dropout(np.ones((5, *dropout.output.shape[1:]), "float32"), training=True))
    steps = 1 if data_format == "channels_last" else 2
    assert np.all(y == np.take(y, [0], steps))
    assert set(np.unique(y)) == {0, 2}


# Places


def test_unpooling_puts_maxima_back():
    """Sizes are odd, so that the last windows hang over."""
    model = small("segnet", input_shape=(7, 9, 3))
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 4)).astype("float32")
    y = np.asarray(model.get_layer("unpool1")(*model.get_layer("pool1")(x)))
    for row in range(0, 7, 2):
        for column in range(0, 9, 2):
            window = np.s_[:, row : row + 2, column : column + 2]
            largest = x[window].max((1, 2), keepdims=True)
            np.testing.assert_array_equal(y[window], np.where(x[window] == largest, x[window], 0))


def test_stock_keras_cannot_be_segnet():
    with pytest.raises(ValueError) as error:
        kerasconv.convert_model(small("segnet", depths=(1,)), to="keras")
    assert str(error.value) == (
        "convert_model: every layer must be one that the other side has too, or one that can be copied. "
        "Received: Functional 'segnet', in which\n"
        "  pool1 (kerasconv MaxPooling2D): stock Keras has no return_indices but False. Received: return_indices=True.\n"
        "  unpool1 (kerasconv MaxUnpooling2D): stock Keras must have a layer of this name. Received: MaxUnpooling2D."
    )


@pytest.mark.parametrize("channels", [1, 2])
def test_depth_to_space(channels):
    """TensorFlow's order, and the paper's equation 4; with one channel, PyTorch's too."""
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 9 * channels)).astype("float32")
    last, first = (
        small("espcn", input_shape=(4, 5, channels), data_format=f"channels_{where}").get_layer("depth_to_space")
        for where in ("last", "first")
    )
    expected = tf.nn.depth_to_space(x, 3)
    np.testing.assert_array_equal(last(x), expected)
    np.testing.assert_array_equal(first(to_channels_first(x)), to_channels_first(expected))
    if channels == 1:
        torch = pytest.importorskip("torch")
        shuffled = torch.nn.PixelShuffle(3)(torch.tensor(to_channels_first(x)))
        np.testing.assert_array_equal(to_channels_first(expected), shuffled.numpy())


@pytest.mark.parametrize(("name", "layer"), [("espcn", "depth_to_space"), ("fcn8s", "enlarge_to_image")])
def test_fixed_kernels_survive(name, layer, tmp_path):
    """Saving and loading a model, and cloning it, which makes layers anew."""
    model = small(name)
    model.save(tmp_path / "model.keras")
    for copy in (keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        np.testing.assert_array_equal(*(m.get_layer(layer).get_weights()[0] for m in (model, copy)))
        assert not copy.get_layer(layer).trainable_variables


def test_fcn8s_enlarges_bilinearly():
    """As Keras interpolates, but at the border, where a transposed convolution sees zeros."""
    enlarge = small("fcn8s", filters=1).get_layer("enlarge_to_image")
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 5)).astype("float32")
    y, expected = enlarge(x), keras.layers.UpSampling2D(8, interpolation="bilinear")(x)
    np.testing.assert_allclose(y[:, 4:-4, 4:-4], expected[:, 4:-4, 4:-4], rtol=1e-4, atol=1e-5)


# Beside PyTorch


def generator(nn, noise, filters, channels=3):
    """What PyTorch's example `dcgan` has as `netG.main`."""
    widths = [8 * filters, 4 * filters, 2 * filters, filters]
    layers = []
    for i, (before, width) in enumerate(zip([noise, *widths], widths, strict=False)):
        convolution = nn.ConvTranspose2d(before, width, 4, 2 if i else 1, 1 if i else 0, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
    return [*layers, nn.ConvTranspose2d(filters, channels, 4, 2, 1, bias=False), nn.Tanh()]


def discriminator(nn, channels, filters):
    """What it has as `netD.main`."""
    layers = [nn.Conv2d(channels, filters, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for width in (filters, 2 * filters, 4 * filters):
        convolution = nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
    return [*layers, nn.Conv2d(8 * filters, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten()]


@pytest.mark.parametrize(("name", "make"), [("dcgan_generator", generator), ("dcgan_discriminator", discriminator)])
def test_equal_to_pytorchs_dcgan(name, make):
    torch = pytest.importorskip("torch")
    from torch import nn

    ours = small(name)
    x = inputs_for(ours)
    theirs = nn.Sequential()
    theirs.main = nn.Sequential(*make(nn, x.shape[-1], 4))
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(len(value)))
    load_torch(ours, theirs.state_dict(), torch_names(ours, name))
    expected = theirs.eval()(torch.tensor(to_channels_first(x))).detach().numpy()
    y = np.asarray(ours(x))
    np.testing.assert_allclose(y if y.ndim == 2 else to_channels_first(y), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.large
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("fcn_resnet50", "FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1"),
        ("deeplab_v3", "DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1"),
    ],
)
def test_equal_to_torchvision_with_the_auxiliary_head(name, weights):
    """So they have been published: number of parameters, names and shapes, and what the second head says."""
    torchvision = torchvision_models()
    import torch

    architecture = models.get_entry(name).source.split()[1]
    theirs = torchvision.get_model(architecture, weights=None, weights_backbone=None, aux_loss=True)
    ours = models.create_model(name, input_shape=(32, 40, 3), auxiliary=True)
    load_torch(ours, theirs.state_dict(), torch_names(ours, name))
    published = torchvision.get_weight(weights).meta["num_params"]
    assert sum(int(np.prod(v.shape)) for v in ours.trainable_variables) == published
    x = inputs_for(ours)
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(to_channels_first(x)))["aux"].numpy()
    np.testing.assert_allclose(to_channels_first(ours(x)[1]), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


# Probabilities


@pytest.mark.parametrize("name", ["unet", "segnet", "fcn8s", "wavenet", "tcn"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_probabilities_are_those_of_a_cell(name, data_format):
    model = small(name, data_format=data_format)
    axis = -1 if data_format == "channels_last" else 1
    np.testing.assert_allclose(np.sum(model(inputs_for(model)), axis), 1, rtol=1e-5)
    scores = small(name, data_format=data_format, classifier_activation=None)
    other = small(name, data_format=data_format, classifier_activation="sigmoid")
    x = inputs_for(model)
    np.testing.assert_allclose(other(x), keras.ops.sigmoid(scores(x)), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.unet((570, 572, 1)), "unet: the sizes in `input_shape` must be multiples of 16 plus 124, at least 185. Received: (570, 572)."),
        (lambda: models.unet((60, 64, 1), padding="same"), "unet: the sizes in `input_shape` must be multiples of 16. Received: (60, 64)."),
        (lambda: models.unet3d((132, 132, 84, 1)), "unet3d: the sizes in `input_shape` must be multiples of 8 plus 60, at least 89. Received: (132, 132, 84)."),
        (lambda: models.fcn8s((100, None, 3)), "fcn8s: the sizes in `input_shape` must be multiples of 32. Received: (100, None)."),
        (lambda: models.deeplab_v3((3, 100, 64), data_format="channels_first"), "deeplab_v3: the sizes in `input_shape` must be multiples of 8. Received: (100, 64)."),
        (lambda: models.convolutional_autoencoder((30, 28, 1)), "convolutional_autoencoder: the sizes in `input_shape` must be multiples of 4. Received: (30, 28)."),
        (lambda: models.segnet(classes=0), "segnet: `classes` must be an int, at least 1. Received: classes=0."),
    ],
)  # fmt: skip
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
