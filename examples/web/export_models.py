"""Writes what the page serves: the ONNX models, sample images, and `models.json`, which lists them.

Run it from anywhere: `python examples/web/export_models.py`. It takes about half a minute, most of it for training.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_sample_images

import kerasconv
from kerasconv.cli.demo import digits_split, train_digits
from kerasconv.models.filter_bank import FILTERS

FOLDER = Path(__file__).parent / "public" / "models"
DIGITS_PER_CLASS = 2
# scikit-learn ships both photographs, under CC BY 2.0.
PHOTOGRAPHS = {"china.jpg": ("Temple", "danielbuechele"), "flower.jpg": ("Flower", "danielbuechele, vultilion")}


def export_model(model: keras.Model, folder: Path) -> str:
    """Exports a model for the browser.

    Args:
        model: The model.
        folder: Where its `.onnx` file shall stand.

    Returns:
        The file's name.
    """
    file = f"{model.name}.onnx"
    with tempfile.TemporaryDirectory() as work:  # the page does not need what `to_onnx` writes beside the file
        kerasconv.export.to_onnx(model, Path(work) / file, profile="web")
        shutil.copy(Path(work) / file, folder / file)
    return file


def export_filter_banks(folder: Path) -> dict[str, Any]:
    """Exports all filters for grey and for coloured photographs.

    Args:
        folder: Where the files shall stand.

    Returns:
        The two entries of `models.json`.
    """
    entries = {}
    for name, channels in (("filter_bank", 1), ("filter_bank_rgb", 3)):
        model = kerasconv.models.filter_bank(input_shape=(None, None, channels), name=name)
        entries[name] = {"file": export_model(model, folder), "channels": channels}
    return entries


def export_digits(folder: Path, epochs: int) -> dict[str, Any]:
    """Trains the network of `kerasconv demo` on scikit-learn's digits, and exports it.

    Args:
        folder: Where the file shall stand.
        epochs: Epochs of training.

    Returns:
        The entry of `models.json`.
    """
    network = train_digits(Console(stderr=True), epochs)
    _, height, width, channels = network.input_shape
    return {"file": export_model(network, folder), "channels": channels, "height": height, "width": width}


def write_photographs(folder: Path) -> list[dict[str, str]]:
    """Writes scikit-learn's two photographs as PNG, so that every decoder gives the same pixels.

    Args:
        folder: Where they shall stand.

    Returns:
        The list of `models.json`.
    """
    samples = load_sample_images()
    listed = []
    for path, pixels in zip(samples.filenames, samples.images, strict=True):
        title, author = PHOTOGRAPHS[Path(path).name]
        file = Path(path).with_suffix(".png").name
        Image.fromarray(pixels).save(folder / file)
        listed.append({"file": file, "title": title, "author": author})
    return listed


def write_digits(folder: Path) -> list[dict[str, Any]]:
    """Writes some digits that the network was not trained on, as 8 x 8 grey PNG images.

    Args:
        folder: Where they shall stand.

    Returns:
        The list of `models.json`, from 0 to 9.
    """
    _, x_test, _, y_test = digits_split()
    listed = []
    for label in range(10):
        for number, image in enumerate(x_test[y_test == label][:DIGITS_PER_CLASS], 1):
            file = f"digit_{label}_{number}.png"
            Image.fromarray((image[..., 0] * 255).round().astype("uint8")).save(folder / file)
            listed.append({"file": file, "label": label})
    return listed


def export_all(folder: Path, epochs: int) -> None:
    """Writes all that the page serves.

    Args:
        folder: Where it shall stand. Files of the same names are replaced.
        epochs: Epochs of training for the digits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = {
        "filters": [{"name": name, "kernel": np.asarray(kernel).tolist()} for name, kernel in FILTERS.items()],
        "models": {**export_filter_banks(folder), "digits": export_digits(folder, epochs)},
        "photographs": write_photographs(folder),
        "digits": write_digits(folder),
    }
    (folder / "models.json").write_text(json.dumps(catalogue, indent=2) + "\n")


def main() -> None:
    """Reads the command line and writes the files."""
    parser = argparse.ArgumentParser(description="Write the models and sample images that the page serves.")
    parser.add_argument("--output", type=Path, default=FOLDER, help=f"where to (default: {FOLDER})")
    parser.add_argument("--epochs", type=int, default=12, help="epochs of training for the digits (default: 12)")
    arguments = parser.parse_args()
    export_all(arguments.output, arguments.epochs)
    print(f"Wrote {len(list(arguments.output.iterdir()))} files to {arguments.output}")


if __name__ == "__main__":
    main()
