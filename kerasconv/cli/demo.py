"""`kerasconv demo`: the main job of the package, on real input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from kerasconv import export, layers, models
from kerasconv.cli import images, tables
from kerasconv.cli.terminal import say
from kerasconv.train.extras import import_extra


def run_demo(console: Console, folder: Path, image: Path | None, epochs: int) -> None:
    """Runs the four parts and writes their results to `folder`."""
    datasets = import_extra("sklearn.datasets", "demo", "its digits and its photograph")
    photograph = datasets.load_sample_image("china.jpg") / np.float32(255) if image is None else images.read(image)

    console.rule("1. Build: the tutorial's line detector")
    detector = show_line_detector(console)

    console.rule("2. Train: a small network on scikit-learn's digits")
    network = train_digits(console, epochs)

    console.rule("3. Look: a vertical Sobel filter over a photograph")
    sobel = models.filter_bank("sobel_vertical", (None, None, 1))
    edges = sobel.predict(images.fit(photograph, sobel.input_shape)[None], verbose=0)[0]
    picture = folder / "sobel_vertical.png"
    images.write(picture, images.montage(edges), overwrite=True)
    say(f"Wrote {picture}: {edges.shape[1]} x {edges.shape[0]} pixels, bright at vertical edges.")

    console.rule("4. Ship: export and verify")
    console.print("Each SavedModel runs in a fresh process without kerasconv, each ONNX file in ONNX Runtime.")
    reports = []
    for model in (detector, network):
        reports.append(export.to_saved_model(model, folder / model.name, overwrite=True))
        reports.append(export.to_onnx(model, folder / f"{model.name}.onnx", overwrite=True))
    console.print(tables.parity(reports))
    say(f"Everything is in {folder}")


def show_line_detector(console: Console) -> keras.Model:
    """Feeds the tutorial's picture, a vertical line, to the line detector with and without pooling."""
    picture = np.zeros((1, 8, 8, 1), "float32")
    picture[:, :, 3:5] = 1
    detector = models.line_detector()
    detector.summary()
    for title, model in (
        ("Feature map", detector),
        ("With average pooling", models.line_detector(pooling="average")),
        ("With max pooling", models.line_detector(pooling="max")),
    ):
        maps = model.predict(picture, verbose=0)[0, :, :, 0]
        console.print(f"{title}, {maps.shape[0]} x {maps.shape[1]}:")
        for row in maps:
            console.print("  " + " ".join(f"{value:.1f}" for value in row), highlight=False)
    return detector


def digits_split() -> list[np.ndarray[Any, Any]]:
    """scikit-learn's digits, as `train_test_split` gives them: images `(digits, 8, 8, 1)` from 0 to 1, and labels."""
    digits = import_extra("sklearn.datasets", "demo", "its digits").load_digits()
    x = digits.images[..., None].astype("float32") / 16
    selection = import_extra("sklearn.model_selection", "demo", "its digits")
    parts: list[np.ndarray[Any, Any]] = selection.train_test_split(
        x, digits.target, test_size=0.2, random_state=1, stratify=digits.target
    )
    return parts


def train_digits(console: Console, epochs: int) -> keras.Model:
    """Trains on 1437 digits of 8 x 8 pixels, tests on the 360 others."""
    keras.utils.set_random_seed(1)
    x_train, x_test, y_train, y_test = digits_split()
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool"),
            keras.layers.Dropout(0.3, name="dropout1"),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(128, activation="relu", name="dense"),
            keras.layers.Dropout(0.5, name="dropout2"),
            keras.layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="digits",
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(x_train, y_train, batch_size=32, epochs=epochs, validation_data=(x_test, y_test))
    _, accuracy = network.evaluate(x_test, y_test, verbose=0)
    console.print(f"Held-out accuracy: {accuracy:.1%} of {len(x_test)} digits")
    return network
