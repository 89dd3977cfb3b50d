"""Small models of every make that a conversion may meet. Each function returns one, of stock layers, and an input."""

import keras
import numpy as np
from keras import layers

IMAGES = np.random.default_rng(3).normal(size=(2, 8, 9, 3)).astype("float32")


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 9, 3), name="image"),
            layers.ZeroPadding2D(((0, 1), (2, 0)), name="pad"),
            layers.Conv2D(4, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1), name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(2, padding="same", name="pool"),
            layers.Dropout(0.5, name="drop"),
            layers.Flatten(name="flatten"),
            layers.Dense(5, name="dense"),
        ],
        name="sequential",
    ), IMAGES


def sequential_built_by_its_first_call():
    model = keras.Sequential(
        [layers.Conv2D(4, 3, name="conv"), layers.AveragePooling2D(2, name="pool")], name="deferred"
    )
    model(IMAGES)
    return model, IMAGES


def functional_with_operations():
    """Shared layers, plain operations, slices, two inputs and outputs in structures, keyword arguments."""
    image, scale = keras.Input((8, 9, 3), name="image"), keras.Input((1,), name="scale")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = shared(shared(image)) * 2.0 + image
    x = keras.ops.relu(x[:, 1:, ::2])
    x = layers.Dropout(0.5, name="drop")(x, training=False)
    pooled = layers.GlobalAveragePooling2D(name="pool")(x)
    both = layers.Concatenate(name="both")([pooled, scale])
    model = keras.Model(
        {"image": image, "scale": scale}, {"map": x, "vector": layers.Dense(2, name="dense")(both)}, name="functional"
    )
    return model, {"image": IMAGES, "scale": np.float32([[2], [3]])}


def nested():
    """Two inner models that share a layer, one of them used twice."""
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    first = keras.Sequential([keras.Input((8, 9, 3)), shared, layers.MaxPooling2D(2, name="pool")], name="first")
    inside = keras.Input((8, 9, 3), name="inside")
    second = keras.Model(inside, layers.AveragePooling2D(2, name="mean")(shared(inside)), name="second")
    image = keras.Input((8, 9, 3), name="image")
    total = layers.Add(name="add")([first(image), second(image), second(-image)])
    return keras.Model(image, layers.Flatten(name="flatten")(total), name="nested"), IMAGES


def wrapped():
    """Layers that hold layers."""
    video = keras.Input((4, 8, 9, 3), name="video")
    inner = keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.GlobalMaxPooling2D(name="pool")], name="frame")
    x = layers.TimeDistributed(layers.SpectralNormalization(layers.Conv2D(3, 2, name="conv"), name="spectral"))(video)
    x = layers.TimeDistributed(inner, name="each")(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.Conv1D(2, 2, dilation_rate=2, padding="causal", name="causal")(x)
    return keras.Model(video, x, name="wrapped"), np.random.default_rng(4).normal(size=(2, 4, 8, 9, 3)).astype(
        "float32"
    )


class Block(layers.Layer):
    """Makes its layers in `__init__`, in attributes, lists and dictionaries; knows its arguments only."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.convs = [layers.Conv2D(width, 3, padding="same") for _ in range(2)]
        self.branches = {"max": layers.MaxPooling2D(2), "mean": layers.AveragePooling2D(2)}
        self.pair = (layers.Dense(width), layers.Conv2D(width, 1))
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x, training=False):
        for conv in self.convs:
            x = conv(x)
        x = self.branches["max"](x) - self.branches["mean"](x)
        return self.pair[1](self.pair[0](x)) * self.scale


class LateBlock(layers.Layer):
    """Makes its layer in `build`."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, shape):
        self.conv = layers.Conv2D(self.width, (1, 2), name="late")
        self.conv.build(shape)

    def call(self, x):
        return self.conv(x)


class Net(keras.Model):
    """Subclassed; has a functional part."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.stem = keras.Sequential([layers.Conv2D(width, 3, name="stem_conv"), layers.ReLU(name="stem_relu")])
        self.block = Block(width)
        self.late = LateBlock(width)
        self.attention = layers.MultiHeadAttention(2, 3)
        self.head = layers.Dense(2)

    def call(self, x, training=False):
        x = self.late(self.block(self.stem(x)))
        x = keras.ops.reshape(x, (keras.ops.shape(x)[0], -1, self.width))
        return self.head(self.attention(x, x))

    def get_config(self):
        return super().get_config() | {"width": self.width}


def subclassed():
    model = Net(4, name="net")
    model(IMAGES)
    return model, IMAGES


def composite_in_graph():
    image = keras.Input((8, 9, 3), name="image")
    x = LateBlock(5, name="late")(Block(4, name="block")(image))
    return keras.Model(image, x, name="composite"), IMAGES


def lambdas():
    """Functions that are not registered, some without a name."""
    factor = 3.0

    def swish_like(x):
        return x * keras.ops.sigmoid(x)

    image = keras.Input((8, 9, 3), name="image")
    x = layers.Conv2D(4, 3, activation=swish_like, name="named")(image)
    x = layers.Lambda(lambda t: keras.ops.tanh(t) * factor, name="lambda")(x)
    return keras.Model(image, layers.Conv2D(2, 1, activation=lambda t: keras.ops.relu(t), name="unnamed")(x)), IMAGES


def lora():
    model = keras.Sequential([keras.Input((8, 9, 3)), layers.Conv2D(4, 3, name="conv"), layers.Dense(2, name="dense")])
    for layer in model.layers:
        layer.enable_lora(2)
    return model, IMAGES


def mixed_precision():
    model = keras.Sequential(
        [
            keras.Input((8, 9, 3)),
            layers.Conv2D(4, 3, dtype="mixed_float16", name="conv"),
            layers.Conv2D(4, 3, dtype="float64", name="precise"),
        ]
    )
    return model, IMAGES


class Tied(layers.Layer):
    """Holds a layer that the model also has elsewhere."""

    def __init__(self, dense, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense
        self.flag = "x"

    def call(self, x):
        return self.dense(x) + 1.0

    def get_config(self):
        return super().get_config() | {"dense": keras.saving.serialize_keras_object(self.dense)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"dense": keras.saving.deserialize_keras_object(config["dense"])})


def tied():
    image, dense = keras.Input((8, 9, 3), name="image"), layers.Dense(3, name="dense")
    x = Tied(dense, name="tied")(layers.Conv2D(3, 3, name="conv")(dense(image)))
    return keras.Model(image, x, name="tied"), IMAGES


def preprocessing():
    """What `adapt` has learnt is no weight, or no weight alone."""
    text, image = keras.Input((1,), dtype="string", name="text"), keras.Input((8, 9, 3), name="image")
    words = layers.TextVectorization(output_sequence_length=6, name="words")
    words.adapt(["so it goes", "it goes on"])
    normal = layers.Normalization(name="normal")
    normal.adapt(IMAGES)
    x = layers.Conv1D(2, 3, name="conv1")(layers.Embedding(8, 3, name="embedding")(words(text)))
    y = layers.Conv2D(2, 3, name="conv2")(normal(image))
    y = layers.Add(name="add")([layers.GlobalMaxPooling1D(name="pool1")(x), layers.GlobalMaxPooling2D(name="pool2")(y)])
    inputs = {"text": np.array([["so so it goes"], ["on"]]), "image": IMAGES}
    return keras.Model({"text": text, "image": image}, y, name="preprocessing"), inputs


class OwnStep(keras.Model):
    """A functional model with a method of its own."""

    def train_step(self, data):
        return {"loss": 0.0}


def functional_of_own_class():
    image = keras.Input((8, 9, 3), name="image")
    return OwnStep(image, layers.Conv2D(3, 3, name="conv")(image), name="own"), IMAGES


def frozen():
    model, x = nested()
    model.get_layer("first").trainable = False
    model.get_layer("second").get_layer("shared").trainable = True
    model.get_layer("add").trainable = False
    model.get_layer("second").get_layer("shared").bias.trainable = False
    return model, x


MODELS = [
    sequential,
    sequential_built_by_its_first_call,
    functional_with_operations,
    nested,
    wrapped,
    subclassed,
    composite_in_graph,
    lambdas,
    lora,
    mixed_precision,
    frozen,
    tied,
    preprocessing,
    functional_of_own_class,
]
