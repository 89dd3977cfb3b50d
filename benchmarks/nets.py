"""Three networks, built of Keras' layers or of ours, and a training step of each.

Sources: K. He et al., "Deep residual learning", 2015 (ResNet-18); S. Xie et al., "Aggregated residual transformations",
2016 (ResNeXt-50, 32x4d); M. Sandler et al., "MobileNetV2", 2018, which is that of `keras.applications`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import kerasconv
import kerasconv.layers
from benchmarks.shapes import Step

CLASSES = 100
Layers = ModuleType


def prepare(name: str, case: Step, mode: str) -> Callable[[], Any]:
    """A training step of a network, as `fit` takes it: of Keras' layers, or of ours with this algorithm."""
    keras.utils.set_random_seed(0)
    with kerasconv.config.algorithm("auto" if name == "keras" else name):
        model = build(case, keras.layers if name == "keras" else kerasconv.layers)
    model.compile(
        keras.optimizers.SGD(0.01),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=mode == "xla",
        run_eagerly=mode == "eager",
    )
    model.make_train_function()
    batches = same_batch(case)

    def step() -> Any:
        with kerasconv.config.algorithm("auto" if name == "keras" else name):
            return model.train_function(batches)

    return step


def same_batch(case: Step) -> Iterator[Any]:
    """The same images and labels, again and again."""
    generator = np.random.default_rng(0)
    images = generator.standard_normal((case.batch, case.size, case.size, 3), "float32")
    labels = generator.integers(0, CLASSES, case.batch)
    return iter(tf.data.Dataset.from_tensors((images, labels)).repeat())


def build(case: Step, layers: Layers) -> keras.Model:
    """The network of a case, made of the layers of one house."""
    if case.net == "mobilenet_v2":
        shape = (case.size, case.size, 3)
        model = keras.applications.MobileNetV2(shape, weights=None, classes=CLASSES, classifier_activation=None)
        return model if layers is keras.layers else kerasconv.convert_model(model)
    return residual(case, layers, *{"resnet18": (basic, 2, 2, 2, 2), "resnext50": (aggregated, 3, 4, 6, 3)}[case.net])


def residual(case: Step, layers: Layers, block: Callable[..., Any], *repeats: int) -> keras.Model:
    """A stem, four stages of blocks each of which halves the image but the first, and a classifier."""
    inputs = keras.Input((case.size, case.size, 3))
    x = normalised(layers, inputs, 64, 7, 2)
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for stage, repeat in enumerate(repeats):
        for i in range(repeat):
            x = block(layers, x, 64 * 2**stage, 2 if stage and not i else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES)(x))


def basic(layers: Layers, x: Any, filters: int, strides: int) -> Any:
    """Two 3x3 convolutions and a shortcut."""
    y = normalised(layers, x, filters, 3, strides)
    y = normalised(layers, y, filters, 3, activation=None)
    return joined(layers, x, y, strides)


def aggregated(layers: Layers, x: Any, filters: int, strides: int) -> Any:
    """1x1, 3x3 in 32 groups, 1x1, and a shortcut; four channels in a group in the first stage."""
    y = normalised(layers, x, 2 * filters, 1)
    y = normalised(layers, y, 2 * filters, 3, strides, groups=32)
    y = normalised(layers, y, 4 * filters, 1, activation=None)
    return joined(layers, x, y, strides)


def joined(layers: Layers, x: Any, y: Any, strides: int) -> Any:
    """The sum of a shortcut and a branch."""
    if x.shape != y.shape:
        x = normalised(layers, x, y.shape[-1], 1, strides, activation=None)
    return keras.layers.ReLU()(x + y)


def normalised(
    layers: Layers, x: Any, filters: int, size: int, strides: int = 1, groups: int = 1, activation: str | None = "relu"
) -> Any:
    """Convolution, batch normalisation, activation."""
    x = layers.Conv2D(filters, size, strides, "same", use_bias=False, groups=groups)(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.layers.Activation(activation)(x) if activation else x
