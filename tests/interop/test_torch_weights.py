"""Weights from PyTorch and back, and the proof, layer by layer, that both then do the same."""

import doctest
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers as stock

from kerasconv import interop, layers
from kerasconv.interop import torch_files

torch = pytest.importorskip("torch", reason="PyTorch is an optional extra: pip install .[torch]")
nn = torch.nn


def image(*shape):
    return np.random.default_rng(5).normal(size=shape).astype("float32")


def sequential(*keras_layers, shape):
    return keras.Sequential([keras.Input(shape), *keras_layers], name="model")


def convolutions(rank):
    x = image(2, *(9, 10, 8)[:rank], 3)
    model = sequential(
        getattr(layers, f"Conv{rank}D")(6, 3, strides=2, padding=1, dilation_rate=2, groups=3, name="grouped"),
        getattr(layers, f"Conv{rank}DTranspose")(4, 3, strides=2, padding=1, output_padding=1, groups=2, name="up"),
        getattr(layers, f"DepthwiseConv{rank}D")(2, depth_multiplier=3, use_bias=False, name="depthwise"),
        shape=x.shape[1:],
    )
    module = nn.Sequential(
        getattr(nn, f"Conv{rank}d")(3, 6, 3, stride=2, padding=1, dilation=2, groups=3),
        getattr(nn, f"ConvTranspose{rank}d")(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
        getattr(nn, f"Conv{rank}d")(4, 12, 2, groups=4, bias=False),
    )
    return model, module, x


def separable():
    model = sequential(
        layers.SeparableConv2D(5, 3, depth_multiplier=2, name="separable"),
        layers.ZeroPadding2D(((0, 1), (2, 0))),
        layers.MaxPooling2D(2, padding=1, ceil_mode=True),
        layers.AveragePooling2D(2, count_include_pad=True),
        stock.Conv2D(2, (1, 2), name="last"),
        shape=(8, 9, 3),
    )
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3, bias=False),
        nn.Conv2d(6, 5, 1),
        nn.ZeroPad2d((2, 0, 0, 1)),
        nn.MaxPool2d(2, padding=1, ceil_mode=True),
        nn.AvgPool2d(2, count_include_pad=True),
        nn.Conv2d(5, 2, (1, 2)),
    )
    return model, module, image(2, 8, 9, 3)


def normalised_and_flattened():
    """`Flatten` of a feature map; and what follows keeps the order of the features until `Dense`."""
    model = sequential(
        layers.Conv2D(4, 3, name="conv"),
        stock.BatchNormalization(epsilon=1e-5, name="norm"),
        stock.Activation("relu"),
        layers.MaxPooling2D((2, 1)),
        stock.Flatten(),
        stock.Dropout(0.5),
        stock.BatchNormalization(epsilon=1e-5, name="flat_norm"),
        stock.Dense(6, activation="tanh", name="first"),
        stock.LayerNormalization(epsilon=1e-5, name="layer_norm"),
        stock.Dense(2, name="second"),
        shape=(8, 9, 3),
    )
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d((2, 1)),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.BatchNorm1d(84),
        nn.Linear(84, 6),
        nn.Tanh(),
        nn.LayerNorm(6),
        nn.Linear(6, 2),
    )
    return model, module, image(2, 8, 9, 3)


def text():
    """Sequences, whose axes are in the same order in both until a convolution."""
    model = sequential(
        stock.Embedding(9, 3, name="embedding"), stock.Flatten(), stock.Dense(4, name="dense"), shape=(5,)
    )
    module = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(15, 4))
    return model, module, np.array([[1, 2, 3, 4, 5], [8, 7, 6, 0, 1]])


def steps():
    model = sequential(
        layers.Conv1D(4, 3, name="conv"),
        stock.GroupNormalization(2, epsilon=1e-5, name="norm"),
        stock.Reshape((-1,)),
        stock.Dense(2, name="dense"),
        shape=(9, 3),
    )
    return model, nn.Sequential(nn.Conv1d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(28, 2)), image(2, 9, 3)


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.movedim(1, -1)


def cell_by_cell():
    """After `Linear`, which has the channels last, PyTorch flattens in the order of Keras."""
    model = sequential(
        layers.Conv2D(4, 3, name="conv"),
        stock.Dense(2, activation="relu", name="each"),
        stock.Flatten(),
        stock.Dense(2, name="dense"),
        shape=(8, 9, 3),
    )
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), ChannelsLast(), nn.Linear(4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(84, 2)
    )
    return model, module, image(2, 8, 9, 3)


def channels_first():
    model = sequential(
        layers.Conv2D(4, 3, data_format="channels_first", name="conv"),
        stock.BatchNormalization(axis=1, epsilon=1e-5, name="norm"),
        stock.Flatten(data_format="channels_last"),
        stock.Dense(2, name="dense"),
        shape=(3, 8, 9),
    )
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(168, 2))
    return model, module, image(2, 3, 8, 9)


def channels_first_transposed():
    model = sequential(
        layers.Conv2D(4, 3, data_format="channels_first", name="conv"),
        stock.Flatten(data_format="channels_first"),
        stock.Dense(2, name="dense"),
        shape=(3, 8, 9),
    )
    return model, nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(168, 2)), image(2, 3, 8, 9)


def nested():
    """The map is flattened in one model and read in another."""
    x = keras.Input((8, 9, 3), name="image")
    body = sequential(layers.Conv2D(4, 3, name="conv"), stock.Flatten(), shape=(8, 9, 3))
    head = sequential(stock.ReLU(), stock.Dense(2, name="dense"), shape=(168,))
    body.name, head.name = "body", "head"
    model = keras.Model(x, head(keras.ops.relu(body(x))), name="nested")
    return model, nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(168, 2)), image(2, 8, 9, 3)


def mirrored():
    model = sequential(layers.Conv2D(4, (3, 2), flip_kernel=True, name="conv"), shape=(8, 9, 3))
    return model, nn.Sequential(nn.Conv2d(3, 4, (3, 2))), image(2, 8, 9, 3)


CASES = {
    "1d": lambda: convolutions(1),
    "2d": lambda: convolutions(2),
    "3d": lambda: convolutions(3),
    "separable": separable,
    "flattened": normalised_and_flattened,
    "text": text,
    "steps": steps,
    "cell by cell": cell_by_cell,
    "channels first": channels_first,
    "channels first, transposed": channels_first_transposed,
    "nested": nested,
    "mirrored": mirrored,
}


def randomised(module):
    """All tensors differ from what they are at first, also those of normalisations."""
    generator = torch.Generator().manual_seed(3)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if "running_var" in name else -0.6))
    return module.eval()


def state_of(module):
    return {name: value.numpy() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_there_and_back(case):
    model, module, x = CASES[case]()
    randomised(module)
    names = interop.load_torch(model, module.state_dict())
    rows = interop.compare_with_torch(model, module, x)
    assert [row.path for row in rows] == [*names, model.name]
    assert all(row.relative < 1e-5 for row in rows), "\n".join(map(str, rows))
    assert any(abs(weight.numpy()).max() > 0.1 for weight in model.weights)

    exported = interop.to_torch(model, names)
    expected = state_of(module)
    assert exported.keys() == expected.keys()
    for name, array in expected.items():
        assert exported[name].dtype == array.dtype
        np.testing.assert_array_equal(exported[name], array * 0 if "num_batches" in name else array)


class HeadFirst(nn.Module):
    """Makes its modules in another order than it calls them."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 2)
        self.block = nn.ModuleDict({"depthwise": nn.Conv2d(3, 3, 2, groups=3), "pointwise": nn.Conv2d(3, 5, 1)})
        self.block["depthwise"].bias = None
        self.stem = nn.Conv2d(3, 3, 3, padding=(1, 0))

    def forward(self, image):
        x = self.stem(image).relu()
        x = self.block["pointwise"](self.block["depthwise"](x))
        return self.head(x.mean((2, 3)))


def head_first():
    x = keras.Input((8, 9, 3), name="image")
    y = layers.Conv2D(3, 3, padding=(1, 0), activation="relu", name="conv")(x)
    y = layers.GlobalAveragePooling2D()(layers.SeparableConv2D(5, 2, name="separable")(y))
    return keras.Model({"image": x}, stock.Dense(2, name="dense")(y), name="model"), {"image": image(2, 8, 9, 3)}


@pytest.mark.parametrize("separable", ["block", ("block.depthwise", "block.pointwise")])
def test_names(separable):
    model, x = head_first()
    module = randomised(HeadFirst())
    names = {"dense": "head", "conv": "stem", "separable": separable}
    given = {"conv": "stem", "separable": ("block.depthwise", "block.pointwise"), "dense": "head"}
    assert interop.load_torch(model, module.state_dict(), names) == given
    rows = interop.compare_with_torch(model, module, x, names)
    assert [(row.path, row.module) for row in rows] == [
        ("conv", "stem"),
        ("separable", "block.pointwise"),
        ("dense", "head"),
        ("model", ""),
    ]
    assert all(row.relative < 1e-5 for row in rows)
    assert {name: array.shape for name, array in interop.to_torch(model, names).items()} == {
        name: tuple(value.shape)
        for part in ("stem", "block", "head")
        for name, value in module.state_dict().items()
        if name.startswith(part)
    }
    assert list(interop.to_torch(model)) == [
        "conv.weight",
        "conv.bias",
        "separable.depthwise.weight",
        "separable.pointwise.weight",
        "separable.pointwise.bias",
        "dense.weight",
        "dense.bias",
    ]


def test_a_difference_shows():
    model, module, x = normalised_and_flattened()
    interop.load_torch(model, randomised(module).state_dict())
    bias = model.get_layer("second").bias
    bias.assign(bias + np.float32([0.5, -2]))
    module.train()
    module[1].eval()
    modes = [inner.training for inner in module.modules()]
    rows = {row.path: row for row in interop.compare_with_torch(model, module, x)}
    assert [path for path, row in rows.items() if row.relative > 1e-3] == ["second", "model"]
    assert abs(rows["second"].absolute - 2) < 1e-4
    largest = abs(model(x) - np.float32([0.5, -2])).numpy().max()
    assert abs(rows["second"].relative - 2 / largest) < 1e-4
    assert str(rows["conv"]) == f"conv (0): {rows['conv'].absolute:.3g}, relative {rows['conv'].relative:.3g}"
    assert str(rows["model"]).startswith("model (the whole): ")
    assert [inner.training for inner in module.modules()] == modes
    assert not any(inner._forward_hooks for inner in module.modules())


class Block(stock.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convs = [layers.Conv2D(4, 3), layers.Conv2D(2, 2)]
        self.flatten = stock.Flatten()
        self.classifier = stock.Dense(3)

    def call(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.classifier(self.flatten(x))


class TorchBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 2)])
        self.classifier = nn.Linear(60, 3)

    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.classifier(x.flatten(1))


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block()

    def call(self, x):
        return self.block(x)


def test_subclassed_models():
    """Their layers are called by their attributes, as in PyTorch."""
    x = image(2, 8, 9, 3)
    model = Subclassed(name="model")
    model(x)
    module = nn.Module()
    module.block = randomised(TorchBlock())
    module.forward = module.block.forward
    state = module.state_dict()
    assert interop.load_torch(model, state) == {
        "block/convs/0": "block.convs.0",
        "block/convs/1": "block.convs.1",
        "block/classifier": "block.classifier",
    }
    assert list(interop.to_torch(model)) == list(state)
    (row,) = interop.compare_with_torch(model, module, x)
    assert row.relative < 1e-5

    interop.load_torch(model, state, flattened={"block/classifier": None})
    (row,) = interop.compare_with_torch(model, module, x)
    assert row.relative > 1e-2
    interop.load_torch(model, state, flattened={"block/classifier": (5, 6, 2)})
    (row,) = interop.compare_with_torch(model, module, x)
    assert row.relative < 1e-5


def test_normalisation_without_scale_or_shift():
    model = sequential(
        stock.BatchNormalization(scale=False, name="shifted"),
        stock.BatchNormalization(scale=False, center=False, name="plain"),
        shape=(8, 9, 3),
    )
    module = nn.Sequential(nn.BatchNorm2d(3, eps=1e-3), nn.BatchNorm2d(3, eps=1e-3, affine=False))
    interop.load_torch(model, module.state_dict())
    assert interop.to_torch(model, {"shifted": "0", "plain": "1"}).keys() == module.state_dict().keys()
    np.testing.assert_array_equal(interop.to_torch(model)["shifted.weight"], np.ones(3, "float32"))
    module[0].weight.data[1] = 2
    assert message(ValueError, interop.load_torch, model, module.state_dict()).split("\n")[1:] == [
        "  left over: '0.weight', which must be 1 throughout, for 'shifted' has none"
    ]


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_files(suffix, tmp_path):
    pytest.importorskip("safetensors", reason="an optional extra: pip install .[torch]")
    model, module, x = normalised_and_flattened()
    other, _, _ = normalised_and_flattened()
    path = tmp_path / f"weights{suffix}"
    interop.save_torch(model, path)
    interop.load_torch(other, path)
    np.testing.assert_array_equal(model(x), other(x))

    torch.save(randomised(module).half().state_dict(), tmp_path / "half.pt")
    interop.load_torch(model, tmp_path / "half.pt")
    np.testing.assert_allclose(model(x), module.float()(torch.from_numpy(np.moveaxis(x, -1, 1))).detach(), atol=1e-4)

    before = path.read_bytes()
    assert message(FileExistsError, interop.save_torch, model, path) == (
        f"save_torch: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
    )
    assert path.read_bytes() == before
    interop.save_torch(model, path, overwrite=True)
    assert path.read_bytes() != before
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["half.pt", path.name])


def test_safetensors_are_those_of_pytorch(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch", reason="an optional extra: pip install .[torch]")
    model, module, x = convolutions(2)
    safetensors.save_file(randomised(module).state_dict(), tmp_path / "a.safetensors")
    names = {"grouped": "0", "up": "1", "depthwise": "2"}
    assert message(ValueError, interop.load_torch, model, tmp_path / "a.safetensors") == (
        "load_torch: a file that keeps no order must have modules called like the layers, or `names` must tell which is "
        "which. Received, for model 'model': modules '0', '1', '2'; layers 'grouped' (Conv2D: weight (6, 1, 3, 3), bias "
        "(6,)), 'up' (Conv2DTranspose: weight (6, 2, 3, 3), bias (4,)), 'depthwise' (DepthwiseConv2D: weight (12, 1, 2, "
        "2))."
    )
    interop.load_torch(model, tmp_path / "a.safetensors", names)
    interop.save_torch(model, tmp_path / "b.safetensors", names)
    module.load_state_dict(safetensors.load_file(tmp_path / "b.safetensors"))
    assert interop.compare_with_torch(model, module, x)[-1].relative < 1e-5


def message(kind, function, *args, **kwargs):
    with pytest.raises(kind) as error:
        function(*args, **kwargs)
    return str(error.value)


class TestBadInput:
    def small(self):
        model = sequential(
            layers.Conv2D(4, 3, name="conv"), stock.Flatten(), stock.Dense(2, name="dense"), shape=(8, 9, 3)
        )
        state = {"c.weight": np.ones((4, 3, 3, 3)), "c.bias": np.ones(4), "d.weight": np.ones((2, 168))}
        return model, state | {"d.bias": np.ones(2)}

    def faults(self, model, state, *args):
        """What is wrong; and nothing has been assigned."""
        before = model.get_weights()
        first, *faults = message(ValueError, interop.load_torch, model, state, *args).split("\n  ")
        assert first == (
            "load_torch: the weights must be those of the model, in the shapes of PyTorch, and nothing else; if their "
            "order differs, `names` tells which is which. Received, for model 'model':"
        )
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        return faults

    def test_all_fits(self):
        model, state = self.small()
        assert interop.load_torch(model, state) == {"conv": "c", "dense": "d"}

    def test_missing_left_over_and_wrong_shapes_in_order(self):
        model, state = self.small()
        del state["c.bias"]
        state |= {"c.extra": np.ones(3), "d.weight": np.ones((168, 2)), "e.weight": np.ones(1)}
        assert self.faults(model, state) == [
            "missing: 'c.bias' (4,) for 'conv'",
            "wrong shape: 'd.weight' is (168, 2), and 'dense' needs (2, 168)",
            "left over: 'c.extra' (3,)",
            "left over: 'e.weight' (1,)",
        ]
        model, state = self.small()
        assert self.faults(model, {name: value for name, value in state.items() if name[0] == "c"}) == [
            "missing: a module for 'dense' (Dense: weight (2, 168), bias (2,))"
        ]

    def test_missing_and_left_over_by_name(self):
        model, state = self.small()
        assert self.faults(model, state, {"conv": "c", "dense": "x"}) == [
            "missing: 'x.weight' (2, 168) for 'dense'",
            "missing: 'x.bias' (2,) for 'dense'",
            "left over: 'd.weight' (2, 168)",
            "left over: 'd.bias' (2,)",
        ]

    def test_names(self):
        model, state = self.small()
        assert message(ValueError, interop.load_torch, model, state, {"conv": "c", "nonsense": "d"}) == (
            "load_torch: `names` must name the modules of layers with weights and of all of them: 'conv', 'dense'. "
            "Received: names={'conv': 'c', 'nonsense': 'd'}, which lacks 'dense', where 'nonsense' is none."
        )
        assert message(ValueError, interop.to_torch, model, {"nonsense": "d"}) == (
            "to_torch: `names` must name the modules of layers with weights: 'conv', 'dense'. "
            "Received: names={'nonsense': 'd'}, where 'nonsense' is none."
        )
        assert message(ValueError, interop.to_torch, model, {"conv": ("c", "d")}) == (
            "to_torch: `names` must give one name for each layer, for a separable convolution two or one. "
            "Received: ('c', 'd') for 'conv' (Conv2D: weight (4, 3, 3, 3), bias (4,))."
        )

    def test_flattened(self):
        model, state = self.small()
        assert message(ValueError, interop.load_torch, model, state, flattened={"flatten": None}) == (
            "load_torch: `flattened` must name layers with weights: 'conv', 'dense'. Received: flattened={'flatten': None}."
        )
        assert message(ValueError, interop.load_torch, model, state, flattened={"dense": (6, 7, 3)}) == (
            "load_torch: the shape that was flattened must have as many elements as the layer has features. Received: "
            "(6, 7, 3) for 'dense', which has 168."
        )

    def test_features_of_unknown_order(self):
        x = keras.Input((8, 9, 3), name="image")
        y = stock.Flatten()(layers.Conv2D(4, 3, name="conv")(x))
        y = stock.Dense(2, name="dense")(stock.Concatenate()([y, y]))
        model = keras.Model(x, y, name="model")
        assert message(ValueError, interop.to_torch, model) == (
            "to_torch: it must be known how the features of a layer after `Flatten` are ordered. Received: model 'model', "
            "where it is not for 'dense'. For each, `flattened` can tell the shape that was flattened, channels last, or "
            "`None` if the features are in the order of PyTorch."
        )
        assert interop.to_torch(model, flattened={"dense": None})["dense.weight"].shape == (2, 336)

    def test_models(self):
        assert message(TypeError, interop.to_torch, "model") == (
            "to_torch: `model` must be a Keras model. Received: 'model'."
        )
        unbuilt = keras.Sequential([layers.Conv2D(4, 3, name="conv")], name="unbuilt")
        assert message(ValueError, interop.to_torch, unbuilt) == (
            "to_torch: `model` must have been built: give it an input shape, or call it once. Received: Sequential "
            "'unbuilt', in which 'conv' is not."
        )
        strange = sequential(stock.Dense(4, name="dense"), stock.LSTM(3, name="lstm"), shape=(9, 3))
        strange.get_layer("dense").enable_lora(2)
        assert message(ValueError, interop.to_torch, strange) == (
            "to_torch: each layer with weights must be one whose layout in PyTorch is known, without LoRA or "
            "quantisation. Received: model 'model' with 'dense' (Dense), 'lstm/cell' (LSTMCell)."
        )

    def test_states(self, tmp_path):
        model, _ = self.small()
        assert message(TypeError, interop.load_torch, model, {"model": {}, "epoch": 3}) == (
            "load_torch: a state dict must have a tensor for each name. Received: {'model': 'dict', 'epoch': 'int'}."
        )
        path = str(tmp_path / "weights.h5")
        for function in (interop.load_torch, interop.save_torch):
            assert message(ValueError, function, model, path) == (
                f"{function.__name__}: a file of weights must end in '.safetensors', '.pt', '.pth'. Received: {path!r}."
            )

    def test_outputs_of_other_shapes(self):
        model = sequential(layers.Conv2D(4, 3, name="conv"), shape=(8, 9, 3))
        module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
        assert message(ValueError, interop.compare_with_torch, model, module, image(2, 8, 9, 3)) == (
            "compare_with_torch: a layer and its module must give outputs of one shape. Received: 'conv' with "
            "(2, 6, 7, 4), and '0' with (2, 8, 9, 4) in Keras' order."
        )


@pytest.mark.parametrize("function", [interop.save_torch, interop.compare_with_torch])
def test_examples_that_need_optional_packages(function):
    """`tests/test_house.py` leaves them out, since it runs without these packages too."""
    pytest.importorskip("safetensors", reason="an optional extra: pip install .[torch]")
    text = function.__doc__.replace("# doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, {}, function.__name__, None, None)
    found = doctest.DocTestRunner().run(example)
    assert found.attempted >= 5
    assert found.failed == 0


def python(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr


def test_optional_packages_are_not_imported():
    assert python("import sys, kerasconv.interop; print({'torch', 'safetensors'} & set(sys.modules))") == "set()"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_without_optional_packages(suffix, tmp_path, monkeypatch):
    def import_module(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(torch_files, "import_module", import_module)
    name = {".safetensors": "safetensors.numpy", ".pt": "torch"}[suffix]
    package = name.partition(".")[0]
    model, module, x = text()
    path = tmp_path / f"weights{suffix}"
    for function, arguments in [
        (interop.load_torch, (model, path)),
        (interop.save_torch, (model, path)),
        (interop.compare_with_torch, (model, module, x)),
    ]:
        needed, of = (name, package) if function is not interop.compare_with_torch else ("torch", "torch")
        assert message(ImportError, function, *arguments) == (
            f"{function.__name__}: this needs the package {of!r}, which is optional. Received: No module named "
            f"{needed!r}. `pip install {of}` installs it."
        )
    assert list(tmp_path.iterdir()) == []
