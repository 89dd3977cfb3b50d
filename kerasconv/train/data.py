"""Training data: scikit-learn's digits, a folder with a folder for each class, or an `.npz` file."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageOps

from kerasconv import models
from kerasconv.export import Preprocessing
from kerasconv.train.extras import import_extra

Array = np.ndarray[Any, Any]

BAD_IMAGES = ("skip", "fail")
IN_MEMORY = 2**30
"""The largest number of bytes of images that are kept in memory. More are kept in a temporary file."""


_LUMA = np.asarray([[0.299], [0.587], [0.114]], np.float32)
"""The weights of red, green and blue in a grey value, as in JPEG and Pillow (ITU-R BT.601)."""


@dataclass(frozen=True)
class Data:
    """Examples and their classes.

    Attributes:
        x: The inputs of the model, float32, `(examples, *input_shape)`.
        y: The class of each example, an index into `labels`.
        labels: The names of the classes.
        unreadable: Files that could not be decoded and were skipped.
        fingerprint: The SHA-256 of the data.
    """

    x: Array
    y: Array
    labels: tuple[str, ...]
    unreadable: tuple[Path, ...]
    fingerprint: str


@dataclass(frozen=True)
class Inputs:
    """The input of a model.

    Attributes:
        shape: The shape of one input.
        preprocessing: The preprocessing of pixels from 0 to 255; `None` if the model takes no images.
    """

    shape: tuple[int, ...]
    preprocessing: Preprocessing | None = None

    @property
    def channels_first(self) -> bool:
        """`True` if the model has the channels of an image first."""
        return self.preprocessing is not None and self.shape != (*self.preprocessing.size, self.preprocessing.channels)

    def image_preprocessing(self) -> Preprocessing:
        """Returns the preprocessing of a model that takes images.

        Raises:
            ValueError: If the model takes no images.
        """
        if self.preprocessing is None:
            raise ValueError(f"load: a model must take images to be given any. Received: one that takes {self.shape}.")
        return self.preprocessing

    def of_pixels(self, pixels: Array) -> Array:
        """Converts an image `(height, width, channels)` of pixels from 0 to 255 to the input of the model."""
        preprocessing = self.image_preprocessing()
        given, wanted = pixels.shape[-1], preprocessing.channels
        if (given, wanted) == (1, 3):
            pixels = np.repeat(pixels, 3, axis=-1)
        elif (given, wanted) == (3, 1):
            pixels = pixels @ _LUMA
        elif given != wanted:
            raise ValueError(f"load: images must have 1 or 3 channels. Received: {given}.")
        image = np.asarray(preprocessing.of_pixels(pixels[None])[0])
        return np.moveaxis(image, -1, 0) if self.channels_first else image


def inputs_of(name: str, options: Mapping[str, Any]) -> Inputs:
    """Returns the input of a classifier of the zoo with these options.

    Raises:
        ValueError: If the model is not a classifier, or the size of its input is not known.

    Example:
        >>> inputs_of("lenet5", {"input_shape": (28, 28, 1)}).shape
        (28, 28, 1)
    """
    entry = models.get_entry(name)
    known = inspect.signature(entry.build).parameters
    if "classes" not in known:
        raise ValueError(f"train: the model must be a classifier. Received: {name!r}, whose task is {entry.task!r}.")
    shape = tuple(options.get("input_shape", known["input_shape"].default))
    first = (options.get("data_format") or keras.config.image_data_format()) == "channels_first"
    last_to_first = first and "input_shape" not in options
    if last_to_first:
        shape = (shape[-1], *shape[:-1])
    if None in shape:
        raise ValueError(f"train: `input_shape` must be known. Received: input_shape={shape!r}.")
    if entry.preprocessing is None or len(shape) != 3:
        return Inputs(shape)
    channels, *size = shape if first else (shape[-1], *shape[:-1])
    return Inputs(shape, Preprocessing(tuple(size), channels, **entry.preprocessing))


def load(source: str | os.PathLike[str], inputs: Inputs, bad_images: str = "skip") -> Data:
    """Reads data as inputs of a model.

    Args:
        source: `"digits"`, a folder with a folder of images for each class, or an `.npz` file. The file has `x`, either
            pixels as uint8, `(examples, height, width)` with or without channels, or floats that the model takes
            unchanged; `y`, the class of each example; and optionally `labels`, the names of the classes 0, 1, 2, ...
        inputs: The input of the model.
        bad_images: The treatment of files that cannot be decoded: `"skip"` or `"fail"`.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If a class has no images, or the data are malformed.

    Example:
        >>> data = load("digits", inputs_of("lenet5", {"input_shape": (28, 28, 1)}))
        >>> data.x.shape, len(data.labels)
        ((1797, 28, 28, 1), 10)
    """
    if bad_images not in BAD_IMAGES:
        raise ValueError(f"load: `bad_images` must be 'skip' or 'fail'. Received: bad_images={bad_images!r}.")
    path = Path(source)
    if str(source) == "digits":
        data = _load_digits(inputs)
    elif path.is_dir():
        data = _load_folder(path, inputs, bad_images)
    elif path.suffix == ".npz" and path.is_file():
        data = _load_npz(path, inputs)
    else:
        raise FileNotFoundError(
            f"load: the data must be 'digits', a folder with a folder of images for each class, or an `.npz` file. "
            f"Received: {str(source)!r}."
        )
    if len(data.labels) < 2:
        raise ValueError(f"load: the data must have at least two classes. Received: {', '.join(data.labels)}.")
    return data


def _load_digits(inputs: Inputs) -> Data:
    """Loads 1,797 handwritten digits of 8 x 8 pixels, whose 17 shades are scaled to 0 to 255."""
    digits = import_extra("sklearn.datasets", "load", "the digits").load_digits()
    pixels = digits.images[..., None].astype("float32") * (255 / 16)
    labels = tuple(map(str, digits.target_names))
    return Data(_preprocess_all(pixels, inputs), digits.target, labels, (), _fingerprint(pixels, digits.target, labels))


def _load_npz(path: Path, inputs: Inputs) -> Data:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        x, y = arrays["x"], arrays["y"]
    except Exception as error:  # a damaged archive fails in many ways
        raise ValueError(
            f"load: an `.npz` file must have arrays `x` and `y`, without pickles. Received: {str(path)!r}, for which "
            f"NumPy says: {type(error).__name__}: {error}."
        ) from error
    if y.ndim != 1 or len(x) != len(y) or not len(x):
        raise ValueError(
            f"load: `y` must have one class for each example in `x`. Received: x of shape {x.shape}, y of {y.shape}."
        )
    labels, y = _classes(y, arrays.get("labels"))
    fingerprint = _fingerprint(x, y, labels)
    if x.dtype == np.uint8:
        x = _preprocess_all((x if x.ndim == 4 else x[..., None]).astype("float32"), inputs)
    elif not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all():
        raise ValueError(f"load: `x` must be pixels as uint8, or finite floats. Received: {x.dtype} in {str(path)!r}.")
    elif x.shape[1:] != inputs.shape:
        raise ValueError(
            f"load: floats in `x` must have the shape that the model takes, {inputs.shape}. Received: {x.shape[1:]}."
        )
    return Data(x.astype("float32"), y, labels, (), fingerprint)


def _classes(y: Array, names: Array | None) -> tuple[tuple[str, ...], Array]:
    """Returns the names of the classes, and for each example an index into them."""
    if names is None:
        values, y = np.unique(y, return_inverse=True)
        return tuple(map(str, values)), y
    labels = tuple(map(str, names))
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= len(labels):
        raise ValueError(f"load: with {len(labels)} `labels`, `y` must be ints from 0 to {len(labels) - 1}.")
    for i, label in enumerate(labels):
        if i not in y:
            raise ValueError(f"load: each class must have examples. Received: none of {label!r}.")
    return labels, y.astype(int)


def _load_folder(folder: Path, inputs: Inputs, bad_images: str) -> Data:
    channels = inputs.image_preprocessing().channels
    labels = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))
    files = [
        (file, label)
        for label in labels
        for file in sorted((folder / label).iterdir())
        if file.is_file() and file.name[0] != "."
    ]
    x = _allocate(len(files), inputs.shape)
    y: list[int] = []
    unreadable, digest = [], hashlib.sha256()
    for file, label in files:
        pixels = read_pixels(file, channels)
        if pixels is None:
            if bad_images == "fail":
                raise ValueError(f"load: images must be files that Pillow can decode. Received: {str(file)!r}.")
            unreadable.append(file)
            continue
        digest.update(f"{label}/{file.name}\0".encode() + file.read_bytes())
        x[len(y)] = inputs.of_pixels(pixels)
        y.append(labels.index(label))
    for i, label in enumerate(labels):
        if i not in y:
            raise ValueError(
                f"load: the folder of each class must have images. Received: none that can be decoded in "
                f"{str(folder / label)!r}."
            )
    if not labels:
        raise ValueError(f"load: the data must have a folder of images for each class. Received: {str(folder)!r}.")
    return Data(x[: len(y)], np.asarray(y), labels, tuple(unreadable), digest.hexdigest())


def read_pixels(file: Path, channels: int) -> Array | None:
    """Reads an image file as pixels from 0 to 255, `(height, width, channels)`, rotated according to its EXIF data.

    Returns `None` if it cannot be decoded.
    """
    try:
        with Image.open(file) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB"), "float32")
        return pixels.reshape(*pixels.shape[:2], channels)
    except Exception:  # noqa: BLE001 - Pillow's decoders raise many kinds of errors
        return None


def read_image(file: Path, inputs: Inputs) -> Array:
    """Reads an image file as the input of a model.

    Raises:
        ValueError: If it cannot be decoded.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "grey.png")
        >>> Image.new("L", (40, 30), 128).save(file)
        >>> read_image(file, inputs_of("lenet5", {"input_shape": (28, 28, 1)})).shape
        (28, 28, 1)
    """
    pixels = read_pixels(file, inputs.image_preprocessing().channels)
    if pixels is None:
        reason = "cannot be decoded" if file.is_file() else "is no file"
        raise ValueError(
            f"predict: an image must be a file that Pillow can decode. Received: {str(file)!r}, which {reason}."
        )
    return inputs.of_pixels(pixels)


def _preprocess_all(images: Array, inputs: Inputs) -> Array:
    x = _allocate(len(images), inputs.shape)
    for i, pixels in enumerate(images):
        x[i] = inputs.of_pixels(pixels)
    return x


def _allocate(examples: int, shape: tuple[int, ...]) -> Array:
    """Allocates an array for examples, in memory or, if it is too large, in an unnamed temporary file."""
    if 4 * examples * np.prod(shape, dtype=float) <= IN_MEMORY:
        return np.empty((examples, *shape), "float32")
    with tempfile.TemporaryFile() as file:  # the file exists as long as the array
        return np.memmap(file, "float32", shape=(examples, *shape))


def _fingerprint(x: Array, y: Array, labels: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(labels).encode())
    for array in (x, y.astype("int64")):
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def differing_names(known: Sequence[str], arrived: Sequence[str]) -> str | None:
    """Describes how class names differ from the known ones; returns `None` if they do not."""
    lacking = [name for name in known if name not in arrived]
    new = [name for name in arrived if name not in known]
    parts = [
        f"{what} {', '.join(map(repr, names[:5]))}{', ...' if len(names) > 5 else ''}"
        for what, names in (("without", lacking), ("with", new))
        if names
    ]
    if parts:
        return " and ".join(parts)
    return None if tuple(known) == tuple(arrived) else "the same in another order"


def split(data: Data, fraction: float, seed: int) -> tuple[Array, Array]:
    """Splits the examples into training and validation parts with equal shares of each class, deterministically.

    Raises:
        ValueError: If a class, or a part, would be left without examples.
    """
    counts = np.bincount(data.y, minlength=len(data.labels))
    rarest = int(counts.argmin())
    held_out = int(np.ceil(fraction * len(data.y)))
    if counts[rarest] < 2 or min(held_out, len(data.y) - held_out) < len(data.labels):
        raise ValueError(
            f"train: `validation_split` must leave examples of each class to train on and to hold out. Received: "
            f"{fraction} of {len(data.y)} examples of {len(data.labels)} classes, {counts[rarest]} of "
            f"{data.labels[rarest]!r}."
        )
    to_train, to_hold_out = import_extra("sklearn.model_selection", "train", "splits").train_test_split(
        np.arange(len(data.y)), test_size=held_out, random_state=seed, stratify=data.y
    )
    return np.sort(to_train), np.sort(to_hold_out)


class Batches(keras.utils.PyDataset):
    """Batches of a part of the data, for `fit`.

    Args:
        data: The data.
        chosen: The indices of the examples.
        batch_size: The number of examples in a batch.
    """

    def __init__(self, data: Data, chosen: Array, batch_size: int):
        super().__init__()
        self.data, self.chosen, self.batch_size = data, chosen, batch_size

    def __len__(self) -> int:
        return -(-len(self.chosen) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Array, Array]:
        taken = self.chosen[index * self.batch_size : (index + 1) * self.batch_size]
        return self.data.x[taken], self.data.y[taken]


class ShuffledBatches(Batches):
    """Batches in a different order in each epoch, which is a function of the seed and the epoch only.

    The epoch must be set by a callback, since Keras calls `on_epoch_end` before the first epoch too.
    """

    def __init__(self, data: Data, chosen: Array, batch_size: int, seed: int):
        super().__init__(data, chosen, batch_size)
        self.seed, self._in_order = seed, chosen

    def set_epoch(self, epoch: int) -> None:
        """Shuffles the examples for an epoch."""
        self.chosen = np.random.default_rng([self.seed, epoch]).permutation(self._in_order)
