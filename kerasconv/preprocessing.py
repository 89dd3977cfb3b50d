"""Preprocessing of encoded images: described once, computed in the graph, and stored with the model."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

RESIZES = ("bilinear", "nearest", "bicubic", "area")
ORDERS = ("rgb", "bgr")


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing from the bytes of a JPEG or PNG file to the input of a model.

    An image is decoded to pixels from 0 to 255 and resized to `size`, its channels are put in order, and each pixel
    becomes `(pixel * scale - mean) / std`. These are the modes of `keras.applications`:

    | mode | arguments |
    |---|---|
    | `"tf"` | `scale=1 / 127.5, mean=1` |
    | `"torch"` | `scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)` |
    | `"caffe"` | `channel_order="bgr", scale=1, mean=(103.939, 116.779, 123.68)` |

    Attributes:
        size: Height and width of the result.
        channels: 3, or 1 for grey images; images of the other kind are converted.
        resize: `"bilinear"`, `"nearest"`, `"bicubic"` or `"area"`, as in `tf.image.resize`.
        antialias: Whether to smooth before reducing the size, as Pillow does.
        channel_order: `"rgb"` or `"bgr"`.
        scale: The factor on pixels.
        mean: The number to subtract, for all channels or for each, in the order of `channel_order`.
        std: The number to divide by, for all channels or for each.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has an invalid value.

    Example:
        >>> Preprocessing((224, 192), scale=1 / 127.5, mean=1).mean
        (1.0, 1.0, 1.0)
    """

    size: tuple[int, int]
    channels: int = 3
    resize: str = "bilinear"
    antialias: bool = False
    channel_order: str = "rgb"
    scale: float = 1 / 255
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        if not _is_sequence(self.size) or len(self.size) != 2 or not all(_is_int(n) and n > 0 for n in self.size):
            self._refuse("size", "two positive ints, height and width")
        if not _is_int(self.channels) or self.channels not in (1, 3):
            self._refuse("channels", "1 or 3")
        if self.resize not in RESIZES:
            self._refuse("resize", f"one of {', '.join(map(repr, RESIZES))}")
        if not isinstance(self.antialias, bool):
            self._refuse("antialias", "a bool", TypeError)
        if self.channel_order not in ORDERS[: self.channels]:
            self._refuse("channel_order", "'rgb' or 'bgr', and 'rgb' for one channel")
        if not _is_number(self.scale) or self.scale == 0:
            self._refuse("scale", "a finite number other than 0")
        plain = {
            "size": tuple(map(int, self.size)),
            "channels": int(self.channels),
            "scale": float(self.scale),
            "mean": self._each_channel("mean", "a finite number", _is_number),
            "std": self._each_channel("std", "a finite number above 0", lambda n: _is_number(n) and n > 0),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    def apply(self, image_bytes: Any) -> tf.Tensor:
        """Decodes and preprocesses a batch of images with TensorFlow's operations, eagerly or in a graph.

        The orientation in EXIF data is ignored, and transparency is dropped.

        Args:
            image_bytes: The bytes of JPEG or PNG files, of any sizes, shape `(batch,)`.

        Returns:
            Float32 images of shape `(batch, height, width, channels)`.

        Raises:
            tf.errors.InvalidArgumentError: If an image is not a JPEG or PNG file, or is corrupt. In a served model
                the whole request fails.

        Example:
            >>> white = tf.io.encode_png(tf.fill((5, 7, 3), tf.constant(255, tf.uint8)))
            >>> images = Preprocessing((3, 2), channels=1, mean=0.5, std=0.25).apply([white])
            >>> images.shape, float(images[0, 0, 0, 0])
            (TensorShape([1, 3, 2, 1]), 2.0)
        """
        spec = tf.TensorSpec((*self.size, self.channels), tf.float32)
        images = tf.map_fn(self._decode, tf.convert_to_tensor(image_bytes, tf.string), fn_output_signature=spec)
        return self._normalise(images)

    def of_pixels(self, pixels: Any) -> tf.Tensor:
        """Preprocesses images that have been decoded.

        Args:
            pixels: Pixels from 0 to 255 in RGB, shape `(batch, height, width, channels)`.

        Returns:
            Float32 images of shape `(batch, *size, channels)`.

        Example:
            >>> images = Preprocessing((3, 2), channels=1, mean=0.5, std=0.25).of_pixels(tf.fill((1, 5, 7, 1), 255))
            >>> images.shape, float(images[0, 0, 0, 0])
            (TensorShape([1, 3, 2, 1]), 2.0)
        """
        return self._normalise(self._resize(pixels))

    def to_dict(self) -> dict[str, Any]:
        """Returns the arguments in types of JSON.

        Example:
            >>> Preprocessing((8, 6), channels=1, scale=1).to_dict()["mean"]
            [0.0]
        """
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_dict(cls, arguments: Mapping[str, Any]) -> Preprocessing:
        """Creates a preprocessing from the result of `to_dict`.

        Raises:
            TypeError: If `arguments` is not a mapping.
            ValueError: If it lacks the size, or has unknown arguments.

        Example:
            >>> Preprocessing.from_dict({"size": [8, 6], "scale": 1}) == Preprocessing((8, 6), scale=1)
            True
        """
        if not isinstance(arguments, Mapping):
            raise TypeError(f"Preprocessing: `arguments` must be a mapping. Received: arguments={arguments!r}.")
        known = [field.name for field in dataclasses.fields(cls)]
        if "size" not in arguments or not set(arguments) <= set(known):
            raise ValueError(
                f"Preprocessing: `arguments` must have `size`, and no other than {', '.join(known)}. "
                f"Received: {', '.join(map(str, arguments)) or 'none'}."
            )
        return cls(**arguments)

    def _decode(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Decodes and resizes an image. `decode_jpeg` also reads PNG files, and only it can decode accurately."""
        pixels = tf.io.decode_jpeg(image_bytes, self.channels, dct_method="INTEGER_ACCURATE")
        return self._resize(pixels)

    def _resize(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.cast(pixels, tf.float32), self.size, self.resize, antialias=self.antialias)

    def _normalise(self, images: tf.Tensor) -> tf.Tensor:
        if self.channel_order == "bgr":
            images = tf.reverse(images, [-1])
        return (images * self.scale - tf.constant(self.mean)) / tf.constant(self.std)

    def _each_channel(self, name: str, rule: str, fits: Any) -> tuple[float, ...]:
        given = getattr(self, name)
        numbers = given if _is_sequence(given) else (given,) * self.channels
        if len(numbers) != self.channels or not all(map(fits, numbers)):
            self._refuse(name, f"{rule}, or one for each of {self.channels} channel(s)")
        return tuple(map(float, numbers))

    def _refuse(self, name: str, rule: str, kind: type[Exception] = ValueError) -> None:
        raise kind(f"Preprocessing: `{name}` must be {rule}. Received: {name}={getattr(self, name)!r}.")


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_int(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
