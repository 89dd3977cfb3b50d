"""Time where nothing is warm: first steps, sizes that vary, and small networks: `python -m benchmarks.cold [NAME ...]`.

Each workload runs in fresh processes, one of stock Keras and one of ours after the other, so that nothing is traced or
compiled before; TensorFlow itself has run, since its own start would hide the rest. A ratio is our time over that of
stock Keras, in the same round: below 1 we are faster. `goal` is the largest ratio that we allow ourselves.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

import kerasconv
import kerasconv.layers
from benchmarks import machine
from kerasconv import models

HOUSES = ("keras", "kerasconv")
SIZES = 48
Figures = dict[str, float]
"""What a workload measures, in seconds (or MB), by name."""


@dataclass(frozen=True)
class Workload:
    """A workload.

    Attributes:
        run: Runs it with the layers of a house, and returns its figures.
        goal: The largest ratio that its figures should have.
        parts: The figures that the goal is for; the others are printed beside them.
    """

    run: Callable[[str], Figures]
    goal: float
    parts: tuple[str, ...]


# Models


def of_zoo(name: str, house: str, **options: Any) -> keras.Model:
    """Returns a model of the zoo, built of the layers of a house."""
    model = models.create_model(name, **options)
    return model if house == "kerasconv" else kerasconv.convert_model(model, to="keras")


def layers_of(house: str) -> Any:
    """Returns the module of layers of a house."""
    return kerasconv.layers if house == "kerasconv" else keras.layers


def five_layers(house: str, rank: int = 2, classes: int = 10) -> keras.Model:
    """Returns three convolutions and two poolings, for any size."""
    layers = layers_of(house)
    conv, pool = getattr(layers, f"Conv{rank}D"), getattr(layers, f"MaxPooling{rank}D")
    return keras.Sequential(
        [
            keras.Input((*[None] * rank, 3)),
            conv(16, 3, padding="same", activation="relu"),
            pool(2),
            conv(32, 3, padding="same", activation="relu"),
            pool(2),
            conv(32, 3, padding="same", activation="relu"),
            getattr(layers, f"GlobalAveragePooling{rank}D")(),
            keras.layers.Dense(classes),
        ]
    )


def stack(house: str, depth: int) -> keras.Model:
    """Returns a small network for 32x32 images with so many convolutions, each with batch normalisation."""
    layers = layers_of(house)
    inputs = x = keras.Input((32, 32, 3))
    for i in range(depth):
        strides = 2 if i and i % (depth // 2) == 0 else 1
        x = layers.Conv2D(16 if i < depth // 2 else 32, 3, strides, "same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def small_resnet(house: str) -> keras.Model:
    """Returns a ResNet of nine convolutions for 32x32 images."""
    layers = layers_of(house)
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same")(inputs)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
        y = keras.layers.ReLU()(keras.layers.BatchNormalization()(y))
        y = keras.layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
        shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides, "same", use_bias=False)(x)
        x = keras.layers.ReLU()(y + shortcut)
    return keras.Model(inputs, keras.layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


# Measuring


def warm_tensorflow() -> None:
    """Trains a dense layer, so that TensorFlow has started."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((2, 4), "float32"), np.zeros((2, 2), "float32"))
    model.predict(np.zeros((2, 4), "float32"), verbose=0)


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """Returns the time of a call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def normal(*shape: int) -> np.ndarray:
    """Returns random numbers."""
    return np.random.default_rng(0).standard_normal(shape, "float32")


def steps(model: keras.Model, batch: int, size: int | None = None, later: int = 20) -> Figures:
    """Times the first training step of a model and later ones."""
    model.compile("sgd", "mse")
    x = normal(batch, *(n or size for n in model.input_shape[1:]))
    y = keras.tree.map_structure(
        lambda t: np.zeros((batch, *(n or size for n in t.shape[1:])), "float32"), model.output
    )
    first = seconds(model.train_on_batch, x, y)
    return {
        "first step": first,
        "later step": statistics.median(seconds(model.train_on_batch, x, y) for _ in range(later)),
    }


def first_step(house: str, **named: dict[str, Any]) -> Figures:
    """Times training steps of models of the zoo with these options, of 16 examples, added up."""
    warm_tensorflow()
    found = [steps(of_zoo(name, house, **options), 16, later=5) for name, options in named.items()]
    return {part: sum(figures[part] for figures in found) for part in found[0]}


def sizes(rank: int) -> list[tuple[int, ...]]:
    """Returns different sizes: of images of 40 to 95 pixels, or of sequences of 200 to 1,999 elements."""
    generator = np.random.default_rng(1)
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < SIZES:
        drawn[tuple(int(n) for n in generator.integers(*((40, 96) if rank == 2 else (200, 2000)), rank))] = None
    return list(drawn)


def open_model(name: str, house: str) -> tuple[keras.Model, list[np.ndarray]]:
    """Returns a model for any size, and a batch of each size."""
    rank = 1 if name == "1-D" else 2
    if name == "MobileNetV2":
        model = of_zoo("mobilenet_v2", house, input_shape=(None, None, 3), classes=10, alpha=0.35)
    else:
        model = five_layers(house, rank)
    return model, [normal(4, *size, 3) for size in sizes(rank)]


def predict_sizes(name: str, house: str) -> Figures:
    """Times `predict` over all sizes, four times."""
    warm_tensorflow()
    model, batches = open_model(name, house)
    return passes(lambda: [model.predict(x, verbose=0) for x in batches])


def fit_sizes(name: str, house: str) -> Figures:
    """Times epochs of `fit` over all sizes."""
    warm_tensorflow()
    model, batches = open_model(name, house)
    model.compile("sgd", "mse")

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for x in batches:
            yield x, np.zeros((len(x), 10), "float32")

    spec = tf.TensorSpec((None, *model.input_shape[1:])), tf.TensorSpec((None, 10))
    data = tf.data.Dataset.from_generator(pairs, output_signature=spec)
    return passes(lambda: model.fit(data, verbose=0))


def function_sizes(name: str, house: str) -> Figures:
    """Times a `tf.function` of a model and its gradients, with open sizes, over all sizes."""
    warm_tensorflow()
    model, batches = open_model(name, house)

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]))])
    def gradients(x: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    return passes(lambda: [gradients(x) for x in batches])


def eager_sizes(name: str, house: str) -> Figures:
    """Times eager calls of a model with gradients over all sizes."""
    warm_tensorflow()
    model, batches = open_model(name, house)

    def gradients(x: np.ndarray) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x) ** 2)
        tape.gradient(loss, [v.value for v in model.trainable_variables])

    return passes(lambda: [gradients(x) for x in batches], 3)


def passes(function: Callable[[], Any], count: int = 4) -> Figures:
    """Times so many calls."""
    return {f"pass {i + 1}": seconds(function) for i in range(count)}


def grad_cam(house: str) -> Figures:
    """Times eager Grad-CAMs of 20 images, each of a size of its own."""
    warm_tensorflow()
    model = five_layers(house)
    both = keras.Model(model.inputs, [model.layers[-3].output, model.output])

    def maps() -> None:
        for size in sizes(2)[:20]:
            with tf.GradientTape() as tape:
                features, scores = both(normal(1, *size, 3))
                best = tf.reduce_max(scores)
            weights = tf.reduce_mean(tape.gradient(best, features), (1, 2), keepdims=True)
            tf.nn.relu(tf.reduce_sum(weights * features, -1))

    return {"loop": seconds(maps)}


def deep_dream(house: str) -> Figures:
    """Times gradient ascent on an image at six scales, ten steps each, with one `tf.function` for all."""
    warm_tensorflow()
    model = five_layers(house)

    @tf.function(reduce_retracing=True)
    def step(image: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_mean(model(image) ** 2)
        return image + 0.01 * tape.gradient(loss, image)

    def dream() -> None:
        image = tf.constant(normal(1, 60, 80, 3))
        for scale in range(6):
            image = tf.image.resize(image, (60 + 20 * scale, 80 + 27 * scale))
            for _ in range(10):
                image = step(image)

    return {"loop": seconds(dream)}


def reptile(house: str) -> Figures:
    """Times 20 eager tasks of Reptile, of five inner steps each."""
    warm_tensorflow()
    model = five_layers(house)
    optimizer = keras.optimizers.SGD(0.01)

    def tasks() -> None:
        for task in range(20):
            old = model.get_weights()
            for _ in range(5):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((model(normal(10, 28, 28, 3), training=True) - task % 10) ** 2)
                variables = model.trainable_variables
                optimizer.apply_gradients(
                    zip(tape.gradient(loss, [v.value for v in variables]), variables, strict=True)
                )
            model.set_weights([a + 0.1 * (b - a) for a, b in zip(old, model.get_weights(), strict=True)])

    return {"loop": seconds(tasks)}


def small_steps(name: str, house: str) -> Figures:
    """Times training steps of small networks, of eight 32x32 images."""
    warm_tensorflow()
    model = small_resnet(house) if name == "ResNet" else stack(house, int(name))
    return steps(model, 8, later=60)


def readme(house: str) -> Figures:
    """Times `fit` of the small network of the README, whole."""
    warm_tensorflow()
    layers = layers_of(house)
    x, y = normal(360, 8, 8, 1), np.zeros(360, "int32")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return {"fit": seconds(lambda: model.fit(x, y, epochs=10, verbose=0))}


FIRST_CALLS: dict[str, tuple[int, dict[str, Any]]] = {
    "Conv1D": (1, {"filters": 16, "kernel_size": 3}),
    "Conv2D": (2, {"filters": 16, "kernel_size": 3, "padding": "same"}),
    "Conv3D": (3, {"filters": 16, "kernel_size": 3}),
    "Conv2DTranspose": (2, {"filters": 16, "kernel_size": 4, "strides": 2}),
    "DepthwiseConv2D": (2, {"kernel_size": 3}),
    "SeparableConv2D": (2, {"filters": 16, "kernel_size": 3}),
    "MaxPooling2D": (2, {"pool_size": 3, "strides": 2}),
    "AveragePooling2D": (2, {"pool_size": 3, "strides": 2}),
    "GlobalMaxPooling2D": (2, {}),
    "GlobalAveragePooling2D": (2, {}),
    "AdaptiveAveragePooling2D": (2, {"output_size": 4}),
    "AdaptiveMaxPooling2D": (2, {"output_size": 4}),
    "ZeroPadding2D": (2, {}),
}


def first_calls(name: str, house: str) -> Figures:
    """Times the first eager call of a layer."""
    warm_tensorflow()
    rank, arguments = FIRST_CALLS[name]
    x = tf.constant(normal(8, *[20] * rank, 16)) + 1
    make = getattr(layers_of(house), name)
    return {"first call": seconds(lambda: make(**arguments)(x))}


def memory(house: str) -> Figures:
    """Measures how resident memory grows while a `tf.function` with open sizes and eager calls meet 500 sizes."""
    warm_tensorflow()
    model = five_layers(house)
    function = tf.function(model, input_signature=[tf.TensorSpec((None, None, None, 3))])

    def resident() -> float:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    for i in range(5):
        function(normal(1, 130, 130 + i, 3)), model(normal(1, 130, 130 + i, 3))
    before = resident()
    for i in range(500):
        x = normal(1, 40 + i % 25, 40 + i // 25, 3)
        function(x), model(x)
    return {"MB": resident() - before}


_IMAGE = {"input_shape": (64, 64, 3)}
_FIRST_STEPS: dict[str, dict[str, dict[str, Any]]] = {
    "ResNet-18": {"resnet18": _IMAGE},
    "MobileNetV2": {"mobilenet_v2": _IMAGE},
    "ShuffleNetV2": {"shufflenet_v2_x1_0": _IMAGE},
    "SqueezeNet": {"squeezenet1_1": _IMAGE},
    "GoogLeNet": {"googlenet": _IMAGE},
    "U-Net": {"unet": {**_IMAGE, "padding": "same", "filters": 16}},
    "DCGAN": {"dcgan_generator": {}, "dcgan_discriminator": {}},
}
_OPEN = ("five layers", "MobileNetV2", "1-D")
_PASSES = ("pass 1", "pass 2", "pass 3", "pass 4")

WORKLOADS: dict[str, Workload] = {
    **{
        f"step/{name}": Workload(functools.partial(first_step, **named), 2.0, ("first step",))
        for name, named in _FIRST_STEPS.items()
    },
    **{
        f"{what}/{name}": Workload(functools.partial(run, name), 1.5, _PASSES)
        for what, run in (("predict", predict_sizes), ("fit", fit_sizes), ("function", function_sizes))
        for name in _OPEN
    },
    **{f"eager/{name}": Workload(functools.partial(eager_sizes, name), 1.5, _PASSES[:3]) for name in _OPEN},
    "loop/Grad-CAM": Workload(grad_cam, 1.5, ("loop",)),
    "loop/deep dream": Workload(deep_dream, 1.5, ("loop",)),
    "loop/Reptile": Workload(reptile, 1.5, ("loop",)),
    **{
        f"small/{name}": Workload(functools.partial(small_steps, name), 1.1, ("later step",))
        for name in ("6", "12", "20", "ResNet")
    },
    "readme": Workload(readme, 1.3, ("fit",)),
    **{f"call/{name}": Workload(functools.partial(first_calls, name), 2.0, ("first call",)) for name in FIRST_CALLS},
    "memory": Workload(memory, 1.1, ("MB",)),
}


def measured(name: str, house: str) -> Figures:
    """Runs a workload in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cold", name, "--house", house],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise RuntimeError(f"{name} of {house} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def select(patterns: Sequence[str]) -> list[str]:
    """Returns the names of the workloads that begin with one of these."""
    found = [name for name in WORKLOADS if not patterns or name.startswith(tuple(patterns))]
    if not found:
        raise typer.BadParameter(f"no workload begins with {', '.join(patterns)}. Known: {', '.join(WORKLOADS)}")
    return found


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Beginnings of names of workloads; all if none.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Processes of each house, of which the median counts.")] = 1,
    house: Annotated[
        str | None, typer.Option(help="Run one workload in this process, for `keras` or `kerasconv`, and print JSON.")
    ] = None,
) -> None:
    """Times workloads of stock Keras and of ours in fresh processes, side by side."""
    if house:
        print(json.dumps(WORKLOADS[(only or [""])[0]].run(house)))
        return
    console = Console() if sys.stdout.isatty() else Console(width=120)
    details = machine.describe(os.cpu_count() or 1)
    caption = ", ".join([details["processor"], f"{details['cores']} cores", f"TensorFlow {details['tensorflow']}"])
    table = Table("workload", "part", title="Cold starts and sizes that vary", caption=caption)
    for column in ("Keras", "ours", "ratio", "goal"):
        table.add_column(column, justify="right")
    for name in track(select(only or ()), "", console=Console(stderr=True)):
        taken: list[dict[str, Figures]] = [{h: measured(name, h) for h in HOUSES} for _ in range(rounds)]
        workload = WORKLOADS[name]
        for part in taken[0]["keras"]:
            theirs, ours = (statistics.median(figures[h][part] for figures in taken) for h in HOUSES)
            ratio = statistics.median(figures["kerasconv"][part] / figures["keras"][part] for figures in taken)
            goal = f"{workload.goal:.1f}" if part in workload.parts else ""
            style = "red" if goal and ratio > workload.goal else ""
            cells = [name, part, f"{theirs:.3f}", f"{ours:.3f}", f"{ratio:.2f}", goal]
            table.add_row(*cells, style=style)
            if not console.is_terminal:
                print(" | ".join(cells), flush=True)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
