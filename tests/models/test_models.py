import keras
import numpy as np
import pytest

from kerasconv import layers, models
from kerasconv.models.filter_bank import FILTERS

LINE = np.zeros((1, 8, 8, 1), "float32")
LINE[:, :, 3:5] = 1

THIN_LINES = {
    "vertical": LINE * (np.arange(8) == 3)[:, None],
    "horizontal": LINE.transpose(0, 2, 1, 3) * (np.arange(8) == 3)[:, None, None],
    "diagonal": np.eye(8, dtype="float32").reshape(1, 8, 8, 1),
    "antidiagonal": np.fliplr(np.eye(8, dtype="float32")).reshape(1, 8, 8, 1),
}

BUILDS = [
    ("line_detector", {}),
    ("line_detector", {"pooling": "max", "orientation": "diagonal"}),
    ("line_detector", {"pooling": "average"}),
    ("line_detector", {"pooling": "global_max"}),
    ("line_detector", {"pooling": "global_average", "input_shape": (None, None, 1)}),
    ("same_padding_stack", {"input_shape": (9, 8, 3), "classes": 4}),
    ("same_padding_stack", {"input_shape": (9, 8, 3), "classes": 4, "padding": "valid"}),
    ("conv_pool_classifier", {"input_shape": (8, 8, 1)}),
    ("conv_pool_classifier", {"input_shape": (9, 8, 3), "subsampling": "average", "filters": (5, 4, 3)}),
    ("lenet5", {"subsampling": "max", "activation": "relu", "padding": 2, "input_shape": (28, 28, 1)}),
    ("filter_bank", {"input_shape": (9, 8, 1)}),
    ("filter_bank", {"names": ["emboss", "sharpen"], "input_shape": (9, 8, 3), "padding": "valid"}),
]


def test_the_tutorials_feature_map():
    model = models.line_detector()
    assert model.count_params() == 10
    y = model.predict(LINE.astype(int), verbose=0)  # integers, as in the tutorial
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 0, 3, 3, 0, 0]] * 6)


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_the_tutorials_pooled_feature_map(pooling):
    y = models.line_detector(pooling=pooling).predict(LINE, verbose=0)
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 3, 0]] * 3)


@pytest.mark.parametrize("orientation", THIN_LINES)
def test_a_detector_answers_in_full_to_its_own_line_only(orientation):
    detector = models.line_detector(orientation, "global_max")
    answers = {name: float(detector(image)[0, 0]) for name, image in THIN_LINES.items()}
    assert [name for name, answer in answers.items() if answer == 3] == [orientation]


@pytest.mark.parametrize(("name", "options"), BUILDS, ids=str)
def test_the_same_graph_on_stock_layers_agrees(name, options):
    """Output for output, layer by layer; groups apart, whose stock layer needs XLA and seconds on a CPU."""
    ours, stock = models.create_model(name, **options), models.create_model(name, **options, layers=keras.layers)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in stock.layers]
    assert not any(type(layer).__module__.startswith("kerasconv") for layer in stock.layers)
    assert ours.output_shape == stock.output_shape
    assert ours.count_params() == stock.count_params()
    stock.set_weights(ours.get_weights())
    x = np.random.default_rng(0).normal(size=(2, *(n or 11 for n in ours.input_shape[1:]))).astype("float32")
    a, b = x, x
    for our_layer, stock_layer in zip(ours.layers, stock.layers, strict=True):
        if isinstance(our_layer, keras.layers.InputLayer):
            continue
        a, b = our_layer(a), stock_layer(b)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_same_padding_stack_is_the_tutorials():
    model = models.same_padding_stack((28, 28, 1))
    shapes = [(layer.name, layer.output.shape[1:]) for layer in model.layers]
    assert shapes == [
        ("conv1", (28, 28, 32)),
        ("conv2", (28, 28, 64)),
        ("conv3", (28, 28, 128)),
        ("flatten", (28 * 28 * 128,)),
        ("dense", (256,)),
        ("probabilities", (10,)),
    ]
    assert models.same_padding_stack(padding="valid").get_layer("conv3").output.shape == (None, 22, 22, 128)
    np.testing.assert_allclose(np.sum(model.predict(np.ones((1, 28, 28, 1)), verbose=0)), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["line_detector", "same_padding_stack"])
def test_weights_from_a_file(name, tmp_path):
    trained = models.create_model(name, input_shape=(8, 8, 1))
    trained.set_weights([w + 1 for w in trained.get_weights()])
    trained.save_weights(tmp_path / "of.weights.h5")
    loaded = models.create_model(name, input_shape=(8, 8, 1), weights=tmp_path / "of.weights.h5")
    for ours, theirs in zip(loaded.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_lenet5_has_the_papers_layers():
    """Section II.B counts 156, 48,120 and 10,164; S2 and S4, whose means have weights there, have none here."""
    counts = {layer.name: layer.count_params() for layer in models.lenet5().layers}
    assert (counts["C1"], counts["C5"], counts["F6"]) == (156, 48_120, 10_164)
    assert (counts["C3"], counts["S2"], counts["S4"]) == (6 * 16 * 25 + 16, 0, 0)
    assert models.lenet5().get_layer("C5").output.shape == (None, 1, 1, 120)


def test_filters_do_what_they_are_called():
    steps = np.zeros((1, 6, 7, 1), "float32")
    steps[:, :, 4:] = 1  # a vertical edge, brighter to the right
    bank = models.filter_bank(input_shape=(6, 7, 1), padding="valid")
    answers = dict(zip(FILTERS, np.moveaxis(bank.predict(steps, verbose=0)[0], -1, 0), strict=True))
    for kind, largest in (("sobel", 4), ("prewitt", 3), ("scharr", 16)):
        assert answers[f"{kind}_vertical"].max() == largest
        assert np.all(answers[f"{kind}_horizontal"] == 0)
    flat = bank.predict(np.ones((1, 6, 7, 1), "float32"), verbose=0)[0, 0, 0]
    kept = ("box_blur", "gaussian_blur", "sharpen", "emboss")
    np.testing.assert_allclose(flat, [float(name in kept) for name in answers], atol=1e-6)


def test_each_channel_is_filtered_by_itself():
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    both = models.filter_bank(["emboss", "laplacian"], (6, 7, 3)).predict(x, verbose=0)
    one = models.filter_bank("laplacian", (6, 7, 1))
    for channel in range(3):
        alone = one.predict(x[..., channel : channel + 1], verbose=0)
        np.testing.assert_allclose(both[..., 2 * channel + 1 : 2 * channel + 2], alone, atol=1e-5)


def test_list_models():
    assert {"filter_bank", "line_detector", "resnet18", "same_padding_stack"} <= set(models.list_models())
    assert models.list_models(pretrained="imagenet", task="classification", filter="resnet*") == [
        "resnet101",
        "resnet152",
        "resnet50",
    ]
    assert models.list_models("*e_d*") == ["line_detector"]
    assert models.list_models("nothing") == []


def test_models_are_built_on_our_layers():
    assert isinstance(models.line_detector().layers[0], layers.Conv2D)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: models.create_model("line_detectr"), "create_model: `name` must be that of a model of the zoo. Received: name='line_detectr'. Did you mean 'line_detector'?"),
        (lambda: models.create_model("zzz"), "create_model: `name` must be that of a model of the zoo. Received: name='zzz'. `kerasconv list` shows them."),
        (lambda: models.densenet121(compression=1.5), "densenet121: `compression` must be a number above 0 and at most 1. Received: compression=1.5."),
        (lambda: models.mobilenet(alpha=0), "mobilenet: `alpha` must be a number above 0. Received: alpha=0."),
        (lambda: models.mobilenet_v2(alpha="half"), "mobilenet_v2: `alpha` must be a number above 0. Received: alpha='half'."),
        (lambda: models.mobilenet_v3_small(alpha=float("nan")), "mobilenet_v3_small: `alpha` must be a number above 0. Received: alpha=nan."),
        (lambda: models.line_detector("oblique"), "line_detector: `orientation` must be one of 'vertical', 'horizontal', 'diagonal', 'antidiagonal'. Received: orientation='oblique'."),
        (lambda: models.line_detector(pooling="min"), "line_detector: `pooling` must be one of None, 'max', 'average', 'global_max', 'global_average'. Received: pooling='min'."),
        (lambda: models.line_detector(input_shape=(8, 8, 3)), "line_detector: the images must have one channel. Received: input_shape=(8, 8, 3)."),
        (lambda: models.same_padding_stack(classes=0), "same_padding_stack: `classes` must be an int, at least 1. Received: classes=0."),
        (lambda: models.same_padding_stack((None, 8, 1)), "same_padding_stack: `input_shape` must be known, since a dense layer follows. Received: input_shape=(None, 8, 1)."),
        (lambda: models.filter_bank(["sobel"]), "filter_bank: `names` must be some of 'sobel_vertical', 'sobel_horizontal', 'prewitt_vertical', 'prewitt_horizontal', 'scharr_vertical', 'scharr_horizontal', 'laplacian', 'box_blur', 'gaussian_blur', 'sharpen', 'emboss'. Received: names=['sobel']."),
        (lambda: models.filter_bank(input_shape=(8, 8)), "filter_bank: `input_shape` must have 3 entries, positive ints or None, with a known number of channels (channels_last). Received: input_shape=(8, 8)."),
        (lambda: models.line_detector(data_format="last"), "line_detector: `data_format` must be one of 'channels_last', 'channels_first'. Received: data_format='last'."),
        (lambda: models.lenet5(subsampling="avg"), "lenet5: `subsampling` must be one of 'max', 'average'. Received: subsampling='avg'."),
        (lambda: models.lenet5(pooling="average"), "lenet5: `pooling` must be one of None, 'avg', 'max'. Received: pooling='average'."),
        (lambda: models.conv_pool_classifier(subsampling="min"), "conv_pool_classifier: `subsampling` must be one of 'max', 'average'. Received: subsampling='min'."),
    ],
)  # fmt: skip
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
