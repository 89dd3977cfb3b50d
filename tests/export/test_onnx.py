"""The ONNX graph: of what nodes it consists, what they are called, and that ONNX Runtime gives what Keras gives."""

import collections
import hashlib
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import sklearn.datasets

from kerasconv import convert_model, export, layers, models, structure

stock = keras.layers
SPATIAL = {1: (9,), 2: (9, 8), 3: (5, 7, 6)}


def randomised(model):
    """Every weight differs, so that exchanged ones show."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "variance")):
            weight.assign(generator.uniform(0.6, 1.4, weight.shape))
        elif "float" in weight.dtype and not weight.path.endswith("kernel"):
            weight.assign(generator.normal(size=weight.shape) * 0.1)
    return model


def exported(model, folder, **options):
    """The operators of the file, whose answers `to_onnx` has compared with Keras'."""
    path = folder / "model.onnx"
    assert export.to_onnx(randomised(model), path, overwrite=True, **options).passed
    proto = onnx.load(path)
    onnx.shape_inference.infer_shapes(proto, strict_mode=True, check_type=True)
    assert {node.domain for node in proto.graph.node} == {""}
    assert not [node for node in proto.graph.node for a in node.attribute if a.name == "auto_pad"]
    return collections.Counter(node.op_type for node in proto.graph.node), proto


def property_of(proto, key):
    return next(entry.value for entry in proto.metadata_props if entry.key == f"kerasconv.{key}")


def families(rank):
    """For each layer what it must become: the operators, besides `Transpose`."""
    last = (*SPATIAL[rank], 4)

    def ours(name):
        return getattr(layers, f"{name}{rank}D")

    def both(name):
        return [(place, getattr(library, f"{name}{rank}D")) for place, library in (("", layers), ("stock ", stock))]

    for place, conv in both("Conv"):
        yield f"{place}conv", conv(6, 3, strides=2, padding="same"), last, {"Conv": 1}
        yield f"{place}groups", conv(6, 3, groups=2, activation="relu"), last, {"Conv": 1, "Relu": 1}
        yield f"{place}dilated", conv(6, 3, dilation_rate=2, use_bias=False), last, {"Conv": 1}
    for place, name in (("", layers), ("stock ", stock)):
        transpose = getattr(name, f"Conv{rank}DTranspose")
        for padding in ("same", "valid"):
            yield f"{place}transposed {padding}", transpose(6, 3, 2, padding), last, {"ConvTranspose": 1}
        yield f"{place}transposed, gaps", transpose(6, 2, strides=3), last, {"ConvTranspose": 1}
    for place, pool in both("MaxPooling"):
        yield f"{place}max", pool(3, 2, "same"), last, {"MaxPool": 1}
    for place, pool in both("AveragePooling"):
        yield f"{place}average", pool(3, 2, "same"), last, {"AveragePool": 1}
    for place, pool in both("GlobalMaxPooling"):
        yield f"{place}global max", pool(keepdims=True), last, {"GlobalMaxPool": 1} if not place else None
    for place, pool in both("GlobalAveragePooling"):
        yield f"{place}global average", pool(keepdims=True), last, {"GlobalAveragePool": 1} if not place else None
    for place, pool in (*both("AdaptiveMaxPooling"), *both("AdaptiveAveragePooling")):
        yield f"{place}{pool.__name__}", pool(3), last, None
    yield "adaptive, even", ours("AdaptiveAveragePooling")(SPATIAL[rank]), last, {"AveragePool": 1}
    if rank < 3:
        for place, depthwise in both("DepthwiseConv"):
            yield f"{place}depthwise", depthwise(3, 2, depth_multiplier=2), last, {"Conv": 1}
        for place, separable in both("SeparableConv"):
            yield f"{place}separable", separable(5, 3, padding="same"), last, {"Conv": 2}
    else:
        yield "depthwise", ours("DepthwiseConv")(3, 2, depth_multiplier=2), last, {"Conv": 1}
    yield "zero padding", ours("ZeroPadding")(2), last, {"Pad": 1}
    for mode in ("reflect", "replicate"):
        yield f"padding {mode}", ours("Padding")(2, mode=mode), last, {"Pad": 1}
    for mode in ("symmetric", "circular"):
        yield f"padding {mode}", ours("Padding")(2, mode=mode), last, None
        yield f"conv {mode}", ours("Conv")(5, 3, padding=1, padding_mode=mode), last, None
    yield "conv reflect", ours("Conv")(5, 3, padding=1, padding_mode="reflect"), last, {"Pad": 1, "Conv": 1}
    yield "conv value", ours("Conv")(5, 3, padding=1, padding_value=2.5, flip_kernel=True), last, {"Pad": 1, "Conv": 1}
    yield "conv all", ours("Conv")(5, 2, strides=2, dilation_rate=2, padding=1), last, {"Conv": 1}
    transposed = getattr(layers, f"Conv{rank}DTranspose")
    options = {"groups": 2, "padding": 1, "output_padding": 1}
    yield "transposed, all", transposed(6, 3, 2, **options), last, {"ConvTranspose": 1}
    yield "max dilated", ours("MaxPooling")(2, 1, dilation_rate=3, padding=2), last, {"Pad": 1, "MaxPool": 1}
    yield "max ceil", ours("MaxPooling")(2, 2, ceil_mode=True), last, {"MaxPool": 1}
    average = ours("AveragePooling")
    counted = {"ceil_mode": True, "padding": 1, "count_include_pad": True}
    yield "average counted", average(3, 2, **counted), last, {"Pad": 1, "AveragePool": 1}
    yield "average divisor", average(3, 2, divisor_override=5, padding=1), last, {"AveragePool": 1, "Mul": 1}
    yield "average dilated", average(2, 1, dilation_rate=2, padding=1), last, None
    yield "lp", ours("LpPooling")(2, 2), last, {"LpPool": 1}
    yield "lp of a fraction", ours("LpPooling")(2.5, 3, 2, ceil_mode=True), last, None
    unknown = (*(None,) * rank, 4)
    yield "unknown conv", ours("Conv")(5, 3, strides=2, padding="same"), unknown, None
    yield "unknown stock conv", getattr(stock, f"Conv{rank}D")(5, 3, strides=2, padding="same"), unknown, None
    yield "unknown max", ours("MaxPooling")(3, 2, "same"), unknown, None
    yield "unknown average", average(3, 2, "same"), unknown, None
    yield "unknown ceil", average(3, 2, ceil_mode=True), unknown, None
    yield "unknown circular", ours("Padding")(2, mode="circular"), unknown, None
    yield "up-sampling", getattr(stock, f"UpSampling{rank}D")(2), unknown, {"Resize": 1}
    yield "cropping", getattr(stock, f"Cropping{rank}D")(1), last, {"Slice": 1}


FAMILIES = [(f"{name} {rank}D", *case) for rank in SPATIAL for name, *case in families(rank)]


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("layer", "shape", "expected"), [c[1:] for c in FAMILIES], ids=[c[0] for c in FAMILIES])
def test_layers_with_windows(layer, shape, expected, layout, tmp_path):
    x = keras.Input(shape)
    operators, proto = exported(keras.Model(x, layer(x)), tmp_path, layout=layout)
    assert operators.pop("Transpose", 0) <= (2 if layout == "channels_last" else 0)
    if layer.name.startswith("global"):  # an image of one cell is rearranged by giving it another shape
        del operators["Reshape"]
    assert property_of(proto, "traced") == "[]"
    if expected is not None:
        assert operators == expected


@pytest.mark.parametrize("rank", SPATIAL)
def test_maxima_and_where_they_were(rank, tmp_path):
    x = keras.Input((*SPATIAL[rank], 4))
    y, indices = getattr(layers, f"MaxPooling{rank}D")(3, 2, padding=1, return_indices=True)(x)
    back = getattr(layers, f"MaxUnpooling{rank}D")(3, 2, padding=1, output_size=SPATIAL[rank])(y, indices)
    operators, proto = exported(keras.Model(x, [y, indices, back]), tmp_path)
    assert operators["MaxPool"] == operators["MaxUnpool"] == 1
    assert property_of(proto, "traced") == "[]"


IMAGE, STEPS = (9, 8, 4), (9, 4)
OTHERS = {
    **{f"activation {name}": (stock.Activation(name), IMAGE) for name in (
        "relu", "relu6", "sigmoid", "tanh", "gelu", "silu", "elu", "selu", "softplus", "softsign", "hard_sigmoid",
        "hard_silu", "mish", "leaky_relu", "exponential", "softmax", "log_softmax", "celu", "hard_tanh", "log_sigmoid",
    )},
    "dense": (stock.Dense(5, activation="relu"), (7,)),
    "dense over images": (stock.Dense(5), IMAGE),
    "dense over steps": (stock.Dense(5), STEPS),
    "einsum": (stock.EinsumDense("abc,cd->abd", (None, 5)), STEPS),
    "batch norm": (stock.BatchNormalization(), (7,)),
    "batch norm of channels first": (stock.BatchNormalization(axis=1), IMAGE),
    "layer norm": (stock.LayerNormalization(), IMAGE),
    "group norm": (stock.GroupNormalization(2), IMAGE),
    "spectral norm": (stock.SpectralNormalization(stock.Conv2D(3, 3)), IMAGE),
    "flatten": (stock.Flatten(), IMAGE),
    "reshape": (stock.Reshape((8, 9, 4)), IMAGE),
    "permute": (stock.Permute((3, 1, 2)), IMAGE),
    "repeat": (stock.RepeatVector(3), (7,)),
    "rescaling": (stock.Rescaling(1 / 255, offset=[1.0, 2.0, 3.0, 4.0]), IMAGE),
    "normalization": (stock.Normalization(mean=[1.0, 2, 3, 4], variance=[2.0, 3, 4, 5]), IMAGE),
    "p-relu": (stock.PReLU(alpha_initializer="uniform"), IMAGE),
    "dropout": (stock.Dropout(0.5), IMAGE),
    "bilinear": (stock.UpSampling2D(2, interpolation="bilinear"), IMAGE),
    "channels first": (stock.Conv3D(4, 3, data_format="channels_first"), (4, 6, 7, 8)),
    "ours, channels first": (layers.Conv2D(5, 3, data_format="channels_first", padding="same"), (4, 6, 7)),
    "time distributed": (stock.TimeDistributed(stock.Conv2D(3, 3)), (2, *IMAGE)),
    "lambda of operations": (stock.Lambda(lambda x: keras.ops.sqrt(keras.ops.abs(x)) * 2 + 1), IMAGE),
}  # fmt: skip


@pytest.mark.parametrize(("layer", "shape"), OTHERS.values(), ids=OTHERS)
def test_other_layers(layer, shape, tmp_path):
    x = keras.Input(shape)
    _, proto = exported(keras.Model(x, layer(x)), tmp_path)
    assert property_of(proto, "traced") == "[]"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(stock.LSTM(5), STEPS), (stock.GRU(5, return_sequences=True), STEPS), (stock.Resizing(5, 6), IMAGE)],
)
def test_what_has_no_rule_is_traced(layer, shape, tmp_path):
    x = keras.Input(shape)
    _, proto = exported(keras.Model(x, layer(x)), tmp_path)
    assert json.loads(property_of(proto, "traced")) == [layer.name]


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = stock.Conv2D(4, 3, padding="same"), stock.BatchNormalization()

    def call(self, x, training=None):
        return keras.ops.relu(self.norm(self.conv(x), training=training)) + x


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks, self.dense = [Block(), Block()], stock.Dense(3)

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x)
        return self.dense(keras.ops.mean(x, axis=(1, 2)))


def test_a_subclassed_model_is_written_like_any_other(tmp_path):
    model = Net()
    model(np.zeros((1, *IMAGE), "float32"))
    operators, proto = exported(model, tmp_path)
    assert operators == {
        "Transpose": 1, "Conv": 2, "Relu": 2, "Add": 3, "GlobalAveragePool": 1, "Flatten": 1, "MatMul": 1
    }  # fmt: skip
    assert property_of(proto, "traced") == "[]"
    assert [value.name for value in proto.graph.input] == ["input"]


def test_branches_and_merges(tmp_path):
    """One `Transpose` for the input and for each output, though channels are cut, joined, scaled and averaged inside."""
    image, scale = keras.Input(IMAGE, name="image"), keras.Input((6,), name="scale")
    x = stock.Rescaling(2.0)(image)
    a = layers.Conv2D(6, 3, padding="same")(x)
    b = stock.Conv2D(6, 3, padding="same")(x[..., ::-1])
    gate = stock.Reshape((1, 1, 6))(stock.GlobalAveragePooling2D()(a) * scale)
    x = stock.Concatenate()([a * stock.Activation("sigmoid")(gate), stock.Maximum()([a, b]), a[..., :2]])
    x = stock.BatchNormalization()(stock.Conv2D(5, 1)(x))
    flat = stock.Dense(3)(stock.Flatten()(stock.AveragePooling2D(2)(x)))
    operators, _ = exported(keras.Model([image, scale], [x, flat, stock.GlobalMaxPooling2D()(x)]), tmp_path)
    assert operators["Transpose"] == 2
    assert operators["Conv"] == 3
    assert operators["BatchNormalization"] == 0


@pytest.mark.parametrize(
    ("name", "ours"), [("MobileNetV3Small", False), ("ConvNeXtTiny", False), ("MobileNetV3Small", True)]
)
def test_applications(name, ours, tmp_path):
    """What Keras' own exporter gets wrong or covers with transpositions; benchmarks/exports.py has more of them."""
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=10)
    kinds = [type(layer).__name__ for _, layer in structure.walk(model)]
    operators, proto = exported(convert_model(model) if ours else model, tmp_path)
    products = max(kinds.count("Dense") - 1, 0)  # over channels; the last one is not
    assert operators["Conv"] == sum("Conv" in kind for kind in kinds) + products
    assert operators["Transpose"] == 1
    assert property_of(proto, "traced") == "[]"


def test_a_layer_that_is_called_twice_has_its_weights_once(tmp_path):
    twin = keras.Sequential([keras.Input(IMAGE), layers.Conv2D(16, 3), stock.BatchNormalization()], name="twin")
    a, b = keras.Input(IMAGE), keras.Input(IMAGE)
    _, proto = exported(keras.Model([a, b], stock.Subtract()([twin(a), twin(b)])), tmp_path)
    assert sum(tensor.dims[:] == [16, 4, 3, 3] for tensor in proto.graph.initializer) == 1
    assert [value.name for value in proto.graph.input] == ["input", "input_1"]


def test_an_input_of_several_branches_is_transposed_once(tmp_path):
    x = keras.Input(IMAGE)
    branches = [layers.Conv2D(3, 3)(stock.Rescaling(scale)(x)) for scale in (2.0, 3.0)]
    operators, _ = exported(keras.Model(x, stock.GlobalMaxPooling2D()(stock.Add()(branches))), tmp_path)
    assert operators["Transpose"] == 1


def test_layouts_of_a_model_that_has_its_channels_first(tmp_path):
    x = keras.Input((4, 6, 7))
    model = keras.Model(x, layers.Conv2D(5, 3, data_format="channels_first")(x))
    for layout in ("channels_last", "channels_first"):
        operators, proto = exported(model, tmp_path, layout=layout)
        assert operators["Transpose"] == 0
        assert [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == [0, 4, 6, 7]


def test_what_is_computed_twice_is_computed_once(tmp_path):
    x = keras.Input(IMAGE)
    y = stock.Concatenate()([layers.Conv2D(3, 3)(stock.ReLU()(x)), stock.Conv2D(3, 3)(stock.ReLU()(x))])
    operators, _ = exported(keras.Model(x, y), tmp_path)
    assert (operators["Relu"], operators["Conv"]) == (1, 2)


def test_attention(tmp_path):
    x = keras.Input((6, 8))
    operators, proto = exported(
        keras.Model(x, stock.LayerNormalization()(stock.MultiHeadAttention(2, 4)(x, x))), tmp_path
    )
    assert operators["Transpose"] == 0
    assert operators["LayerNormalization"] == 1
    tokens = keras.Input((6,), dtype="int32")
    operators, _ = exported(keras.Model(tokens, layers.Conv1D(3, 2)(stock.Embedding(10, 4)(tokens))), tmp_path)
    assert operators["Gather"] == 1
    assert property_of(proto, "traced") == "[]"


def test_batch_norms_are_folded_unless_told(tmp_path):
    x = keras.Input(IMAGE)
    y = stock.BatchNormalization()(layers.Conv2D(6, 3, groups=2)(x))
    y = stock.BatchNormalization(scale=False)(layers.Conv2DTranspose(6, 3, groups=2)(y))
    model = keras.Model(x, stock.BatchNormalization()(stock.ReLU()(y)))
    assert exported(model, tmp_path)[0]["BatchNormalization"] == 1  # behind the ReLU
    assert exported(model, tmp_path, fold_batch_norm=False)[0]["BatchNormalization"] == 3


def test_the_web_profile(tmp_path):
    """Uneven pads in a node of their own."""
    x = keras.Input(IMAGE)
    model = keras.Model(x, layers.Conv2D(5, 3, padding=1)(stock.Conv2D(5, 2, padding="same")(x)))
    for profile, pads in (("default", 0), ("web", 1)):
        operators, proto = exported(model, tmp_path, profile=profile)
        assert operators.get("Pad", 0) == pads
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name == "pads":
                assert list(attribute.ints[:2]) == list(attribute.ints[2:])


@pytest.mark.parametrize("opset", [13, 16, 17, 19, 20, 21, 22])
def test_opsets(opset, tmp_path):
    x = keras.Input(IMAGE)
    y = layers.AveragePooling2D(2, 1, dilation_rate=2)(layers.Conv2D(4, 3, padding=1, padding_mode="circular")(x))
    y = stock.Activation("gelu")(stock.LayerNormalization()(layers.LpPooling2D(2, 2)(y)))
    _, proto = exported(
        keras.Model(x, stock.Activation("hard_silu")(keras.ops.mean(y, axis=-1))), tmp_path, opset=opset
    )
    assert proto.opset_import[0].version == opset


def test_names_axes_and_metadata(tmp_path):
    x = keras.Input((None, None, 3))
    y = layers.Conv2D(4, 3, padding="same")(x)
    names = {"input_names": ["image"], "output_names": ["same", "half"]}
    model = keras.Model(x, [y, layers.MaxPooling2D(name="pool")(y)])
    metadata = {"licence": "MIT", "labels": ["cat", "dog"], "doc": "Ärzte"}
    _, proto = exported(model, tmp_path, layout="channels_first", metadata=metadata, **names)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    assert shapes == {
        "image": ["batch", 3, "height", "width"],
        "same": ["batch", 4, "height", "width"],
        "half": ["batch", 4, "pool_height", "pool_width"],
    }
    found = {entry.key: entry.value for entry in proto.metadata_props}
    assert found["licence"] == "MIT"
    assert json.loads(found["labels"]) == ["cat", "dog"]
    assert found["doc"] == "Ärzte"
    assert proto.producer_name == "kerasconv"
    assert model.name in proto.doc_string
    axes = {"input": {0: "n", 1: "rows"}}
    _, proto = exported(model, tmp_path, dynamic_axes=axes)
    assert [d.dim_param for d in proto.graph.output[0].type.tensor_type.shape.dim] == ["n", "rows", "width", ""]


@pytest.mark.parametrize("name", ["conv/kernel", "conv/Conv", "conv"])
def test_names_that_nodes_and_weights_would_have(name, tmp_path):
    model = keras.Sequential([keras.Input(IMAGE), layers.Conv2D(4, 3, name="conv"), stock.ReLU()])
    _, proto = exported(model, tmp_path, output_names=[name])
    assert [value.name for value in proto.graph.output] == [name]


def test_a_fixed_batch_and_layers_for_training_only(tmp_path):
    augmentation = [stock.RandomFlip(), stock.RandomRotation(0.1), stock.GaussianDropout(0.3)]
    model = keras.Sequential([keras.Input(batch_shape=(2, 8, 8, 3)), *augmentation, layers.Conv2D(4, 3, name="conv")])
    assert [row.batch_size for row in export.to_onnx(model, tmp_path / "model.onnx").rows] == [2]
    proto = onnx.load(tmp_path / "model.onnx")
    assert [node.op_type for node in proto.graph.node] == ["Transpose", "Conv", "Transpose"]
    assert [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == [2, 8, 8, 3]


def test_weights_beside_the_file(tmp_path):
    """In a file that is named after what is in it; the one of the file that was replaced is gone."""
    sizes = []
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        x = keras.Input((20,))
        model = keras.Model(x, stock.Dense(30, name="dense")(x))
        export.to_onnx(model, tmp_path / "model.onnx", external_data=1000, overwrite=True)
        (data,) = tmp_path.glob("*.data")
        sizes.append(data.name)
        assert data.stat().st_size == 20 * 30 * 4
        assert data.name in json.loads((tmp_path / "model.manifest.json").read_text())["files"]
    assert len({*sizes}) == 2
    x = np.random.default_rng(0).normal(size=(2, 20)).astype("float32")
    (y,) = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(None, {"input": x})
    np.testing.assert_allclose(y, model(x), rtol=1e-5)
    export.to_onnx(model, tmp_path / "model.onnx", overwrite=True)
    assert not list(tmp_path.glob("*.data"))


@pytest.mark.parametrize(("limit", "apart"), [(1, [240, 20]), (20, [240, 20]), (21, [240]), (241, [])])
def test_weights_from_a_limit_on_stand_beside_the_file(limit, apart, tmp_path):
    """Sizes and axes do not, whatever the limit: shapes could not be inferred."""
    head = [stock.Reshape((6, 2)), stock.Flatten(), stock.Dense(5, bias_initializer="ones", name="dense")]
    model = keras.Sequential([keras.Input((3, 4)), *head])
    assert export.to_onnx(model, tmp_path / "model.onnx", external_data=limit).passed
    assert [file.stat().st_size for file in tmp_path.glob("*.data")] == ([sum(apart)] if apart else [])


@pytest.mark.large
def test_the_same_model_gives_the_same_bytes(tmp_path):
    """In another process, too."""
    script = """
        import sys, keras
        from kerasconv import export, layers
        for _ in range(int(sys.argv[2])):
            keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])  # Keras counts its tensors
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten(),
                                  keras.layers.Lambda(lambda x: keras.ops.cumsum(x, 1), name="sum")], name="model")
        export.to_onnx(model, sys.argv[1] + "/model.onnx")
    """
    digests = []
    for count in ("0", "3"):
        folder = tmp_path / count
        folder.mkdir()
        command = [sys.executable, "-c", textwrap.dedent(script), str(folder), count]
        subprocess.run(command, check=True, capture_output=True)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append([(p.relative_to(folder), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files])
    assert digests[0] == digests[1]
    assert len(digests[0]) == 6  # the file, its manifest, two sets of golden data


def test_eight_bit_integers(tmp_path):
    """A quarter of the size, and nearly the same digits."""
    data = sklearn.datasets.load_digits()
    images, labels = (data.images[..., None] / 16).astype("float32"), data.target
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="digit"),
            layers.Conv2D(32, 3, activation="relu"),
            stock.BatchNormalization(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            stock.Flatten(),
            stock.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images[:1400], labels[:1400], epochs=3, verbose=0)
    report = export.to_onnx(model, tmp_path / "model.onnx", quantize=images[:200])
    found = report.quantization
    assert json.loads(json.dumps(report.to_json()))["quantization"]["bytes"] == found.bytes
    assert found.bytes == (tmp_path / "model.onnx").stat().st_size
    assert found.bytes < 0.45 * found.float_bytes
    assert found.relative < 0.2
    assert found.agreement > 0.97
    proto = onnx.load(tmp_path / "model.onnx")
    assert {"QuantizeLinear", "DequantizeLinear", "Conv", "MaxPool"} <= {node.op_type for node in proto.graph.node}
    assert json.loads(property_of(proto, "layers"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(None, {"digit": images[1400:]})
    right = np.mean(np.argmax(logits, 1) == labels[1400:])
    assert abs(right - np.mean(np.argmax(model(images[1400:]), 1) == labels[1400:])) < 0.02
    assert export.verify(tmp_path / "model.onnx", runtimes=["onnxruntime"]).passed  # against what it gave itself


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"opset": 18.0}, "to_onnx: `opset` must be an int from 13 to 22. Received: opset=18.0."),
            ({"layout": "NCHW"}, "to_onnx: `layout` must be one of ('channels_last', 'channels_first'). Received: layout='NCHW'."),
            ({"profile": "phone"}, "to_onnx: `profile` must be one of ('default', 'web'). Received: profile='phone'."),
            ({"external_data": 0}, "to_onnx: `external_data` must be a number of bytes, at least 1, or None. Received: external_data=0."),
            ({"external_data": True}, "to_onnx: `external_data` must be a number of bytes, at least 1, or None. Received: external_data=True."),
            ({"input_names": 1}, "to_onnx: `input_names` must be 1 different names, for 'image'. Received: input_names=1."),
            ({"input_names": ["a", "b"]}, "to_onnx: `input_names` must be 1 different names, for 'image'. Received: input_names=['a', 'b']."),
            ({"output_names": "y"}, "to_onnx: `output_names` must be 1 different names, for 'conv2d', and none of an input. Received: output_names='y'."),
            ({"output_names": ["image"]}, "to_onnx: `output_names` must be 1 different names, for 'conv2d', and none of an input. Received: output_names=['image']."),
            ({"dynamic_axes": {"image": ["n"]}}, "to_onnx: `dynamic_axes` must be a dictionary of dictionaries, as in {'image': {0: 'batch'}}. Received: dynamic_axes={'image': ['n']}."),
            ({"dynamic_axes": {"image": {0: 3}}}, "to_onnx: `dynamic_axes` must name axes by strings. Received: 3 for axis 0 of 'image'."),
            ({"dynamic_axes": {"image": {1: "height"}}}, "to_onnx: `dynamic_axes` must name axes of unknown size, by input and position. The inputs are {'image': (None, 8, 7, 1)}. Received: axis 1 of 'image'."),
            ({"dynamic_axes": {"photo": {0: "n"}}}, "to_onnx: `dynamic_axes` must name axes of unknown size, by input and position. The inputs are {'image': (None, 8, 7, 1)}. Received: axis 0 of 'photo'."),
            ({"metadata": {"kerasconv.layers": "x"}}, "to_onnx: the keys of `metadata` must be strings that do not begin with 'kerasconv.'. Received: 'kerasconv.layers'."),
            ({"quantize": np.zeros((3, 8, 8, 1))}, "to_onnx: `quantize` must be calibration data, an array of examples for each input: {'image': (None, 8, 7, 1)}. Received: {'image': (3, 8, 8, 1)}."),
            ({"quantize": np.zeros((3, 8, 7, 1)), "external_data": 1}, "to_onnx: `quantize` and `external_data` exclude each other. Received: both."),
            ({"metadata": {"labels": {1, 2}}}, "to_onnx: `metadata` must be a dictionary of strings, or of what JSON can write. Received: metadata={'labels': {1, 2}} (Object of type set is not JSON serializable)."),
        ],
    )  # fmt: skip
    def test_options(self, options, message, tmp_path):
        model = keras.Sequential([keras.Input((8, 7, 1), name="image"), layers.Conv2D(2, 3, name="conv2d")])
        with pytest.raises(ValueError) as error:
            export.to_onnx(model, tmp_path / "model.onnx", **options)
        assert str(error.value) == message
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
    def test_half_precision(self, policy, tmp_path):
        model = keras.Sequential([keras.Input((8, 7, 1)), layers.Conv2D(2, 3, name="conv", dtype=policy)])
        with pytest.raises(ValueError) as error:
            export.to_onnx(model, tmp_path / "model.onnx")
        assert str(error.value) == (
            "to_onnx: the layers must compute in float32 or float64; make the model again without a policy of half "
            f"precision, and load its weights. Received: layer 'conv' with the policy {policy!r}."
        )

    def test_strings(self, tmp_path):
        x = keras.Input((2,), dtype="string", name="text")
        with pytest.raises(ValueError) as error:
            export.to_onnx(keras.Model(x, stock.Identity()(x)), tmp_path / "model.onnx")
        assert str(error.value) == "to_onnx: the inputs must be numbers. Received: strings for 'text'."

    def test_a_model_of_several_arguments_that_keras_does_not_know(self, tmp_path):
        class Two(keras.Model):
            def call(self, a, b):
                return a + b

        model = Two(name="two")
        model(np.zeros((1, 4)), np.zeros((1, 4)))
        with pytest.raises(ValueError) as error:
            export.to_onnx(model, tmp_path / "model.onnx")
        assert str(error.value) == (
            "to_onnx: `model` must be one that Keras knows the inputs of; wrap one of several arguments as "
            "`keras.Model(inputs, model(*inputs))`. Received: Two 'two', built with {'input_shape': (1, 4)}."
        )


def test_the_tutorials_models(tmp_path):
    """The others of the zoo: `tests/models/test_zoo.py`."""
    for name in ("filter_bank", "line_detector", "same_padding_stack", "conv_pool_classifier", "lenet5"):
        operators, proto = exported(models.create_model(name), tmp_path)
        assert operators["Transpose"] <= 2
        assert property_of(proto, "traced") == "[]"
