"""Images in and out, by Pillow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kerasconv.files import staged

if TYPE_CHECKING:
    from kerasconv.preprocessing import Preprocessing

Array = np.ndarray[Any, Any]


def read(path: Path) -> Array:
    """An image file as `(height, width, 3)` floats from 0 to 1, turned as its EXIF data say.

    Raises:
        ValueError: If there is no such file, or it is no image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), "float32") / 255
    except (UnidentifiedImageError, OSError) as error:
        reason = "is no image that Pillow can read" if path.is_file() else "is no file"
        raise ValueError(f"run: `image` must be an image file. Received: {str(path)!r}, which {reason}.") from error


def fit(pixels: Array, input_shape: tuple[int | None, ...]) -> Array:
    """An image in the size and with the channels of a model's input.

    Raises:
        ValueError: If the model takes no images.
    """
    if len(input_shape) != 4 or input_shape[-1] not in (1, 3):
        raise ValueError(
            f"run: the model must take images (batch, height, width, 1 or 3). Received: input shape {input_shape}."
        )
    _, height, width, channels = input_shape
    size = (width or pixels.shape[1], height or pixels.shape[0])
    image = Image.fromarray((pixels * 255).round().astype("uint8")).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image.convert("L" if channels == 1 else "RGB"), "float32").reshape(*size[::-1], -1) / 255


def normalise(pixels: Array, preprocessing: Preprocessing | None) -> Array:
    """An image `(height, width, channels)` from 0 to 1, in the numbers that a model takes; as it is without any."""
    if preprocessing is None:
        return pixels
    return preprocessing.of_pixels(255 * pixels[None])[0].numpy()


def montage(maps: Array) -> Array:
    """Feature maps `(height, width, channels)` as one grey image, side by side in a grid.

    Each map shows magnitudes, from black for zero to white for its 99.5th percentile, so that single bright pixels do
    not darken the rest.
    """
    height, width, channels = maps.shape
    columns = math.ceil(math.sqrt(channels))
    rows = math.ceil(channels / columns)
    grid = np.zeros((rows * height, columns * width), "uint8")
    for c in range(channels):
        magnitudes = np.abs(maps[:, :, c])
        white = np.percentile(magnitudes, 99.5) or magnitudes.max() or 1
        row, column = divmod(c, columns)
        tile = (255 * np.clip(magnitudes / white, 0, 1)).round()
        grid[row * height : (row + 1) * height, column * width : (column + 1) * width] = tile
    return grid


def write(path: Path, pixels: Array, *, overwrite: bool) -> None:
    """Writes an image file, in the format that its name says.

    Raises:
        FileExistsError: If it exists, without `overwrite`.
        ValueError: If the name ends in no known format.
    """
    if path.suffix.lower() not in Image.registered_extensions():
        raise ValueError(f"run: `--output` must end like an image file, such as `.png`. Received: {str(path)!r}.")
    with staged(path, overwrite=overwrite, caller="run") as stage:
        Image.fromarray(pixels).save(stage)
