"""Preprocessing beside Pillow and Keras, which people train with."""

import dataclasses
import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from kerasconv.preprocessing import Preprocessing

PHOTO = Image.fromarray(load_sample_image("flower.jpg")).resize((150, 101))


def encoded(image, kind):
    stream = io.BytesIO()
    image.save(stream, format=kind)
    return stream.getvalue()


def decoded(data, mode="RGB"):
    return Image.open(io.BytesIO(data)).convert(mode)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pixels_are_those_of_pillow(kind):
    data = encoded(PHOTO, kind)
    images = Preprocessing((101, 150), scale=1).apply([data])
    np.testing.assert_array_equal(images[0], np.asarray(decoded(data), "float32"))
    assert images.dtype == tf.float32


def test_resizing_with_antialias_is_that_of_pillow():
    """Pillow rounds to whole pixels after each axis."""
    data = encoded(PHOTO, "PNG")
    images = Preprocessing((33, 47), scale=1, antialias=True).apply([data])
    expected = PHOTO.resize((47, 33), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(images[0], np.asarray(expected, "float32"), atol=1.01)


@pytest.mark.parametrize("resize", ["nearest", "bilinear", "bicubic"])
def test_resizing_is_that_of_keras(resize):
    images = Preprocessing((33, 47), scale=1, resize=resize).apply([encoded(PHOTO, "PNG")])
    expected = keras.layers.Resizing(33, 47, interpolation=resize)(np.asarray(PHOTO, "float32"))
    np.testing.assert_allclose(images[0], expected, atol=1e-3)


def test_area_is_the_mean_of_each_area():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 3), "uint8")
    images = Preprocessing((3, 2), scale=1, resize="area").apply([encoded(Image.fromarray(pixels), "PNG")])
    np.testing.assert_allclose(images[0], pixels.reshape(3, 2, 2, 2, 3).mean((1, 3)), atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [
        ("tf", {"scale": 1 / 127.5, "mean": 1}),
        ("torch", {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}),
        ("caffe", {"scale": 1, "channel_order": "bgr", "mean": (103.939, 116.779, 123.68)}),
    ],
)
def test_the_modes_of_keras_applications(mode, arguments):
    images = Preprocessing((101, 150), **arguments).apply([encoded(PHOTO, "PNG")])
    pixels = np.asarray(PHOTO, "float32")
    np.testing.assert_allclose(
        images[0], keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode), rtol=1e-5, atol=1e-5
    )


def test_grey_and_colour_become_what_is_wanted():
    data = encoded(PHOTO, "PNG")
    grey = Preprocessing((101, 150), channels=1, scale=1).apply([data])
    assert grey.shape == (1, 101, 150, 1)
    np.testing.assert_allclose(grey[0, ..., 0], np.asarray(decoded(data, "L"), "float32"), atol=1)
    colour = Preprocessing((101, 150), scale=1).apply([encoded(PHOTO.convert("L"), "PNG")])
    np.testing.assert_array_equal(colour[0], np.asarray(PHOTO.convert("L").convert("RGB"), "float32"))


def test_a_batch_of_other_sizes_and_an_empty_batch():
    preprocessing = Preprocessing((5, 7))
    small, large = encoded(PHOTO.resize((11, 4)), "JPEG"), encoded(PHOTO, "PNG")
    images = preprocessing.apply([small, large])
    for image, data in zip(images, [small, large], strict=True):
        np.testing.assert_array_equal(image, preprocessing.apply([data])[0])
    assert preprocessing.apply(tf.constant([], tf.string)).shape == (0, 5, 7, 3)


def test_the_arguments_are_json():
    preprocessing = Preprocessing([np.int64(8), 6], np.int32(1), "area", True, "rgb", np.float64(2), 3, [4])
    arguments = json.loads(json.dumps(preprocessing.to_dict()))
    assert arguments == {
        "size": [8, 6],
        "channels": 1,
        "resize": "area",
        "antialias": True,
        "channel_order": "rgb",
        "scale": 2.0,
        "mean": [3.0],
        "std": [4.0],
    }
    assert Preprocessing.from_dict(arguments) == preprocessing
    assert hash(Preprocessing.from_dict(arguments)) == hash(preprocessing)
    with pytest.raises(dataclasses.FrozenInstanceError):
        preprocessing.scale = 1


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ValueError, {"size": (8, 0)}, "`size` must be two positive ints, height and width. Received: size=(8, 0)."),
        (ValueError, {"size": 8}, "`size` must be two positive ints, height and width. Received: size=8."),
        (ValueError, {"size": (8, 6.0)}, "`size` must be two positive ints, height and width. Received: size=(8, 6.0)."),
        (ValueError, {"size": (8, True)}, "`size` must be two positive ints, height and width. Received: size=(8, True)."),
        (ValueError, {"channels": 4}, "`channels` must be 1 or 3. Received: channels=4."),
        (ValueError, {"resize": "lanczos"}, "`resize` must be one of 'bilinear', 'nearest', 'bicubic', 'area'. Received: resize='lanczos'."),
        (TypeError, {"antialias": "yes"}, "`antialias` must be a bool. Received: antialias='yes'."),
        (ValueError, {"channel_order": "rbg"}, "`channel_order` must be 'rgb' or 'bgr', and 'rgb' for one channel. Received: channel_order='rbg'."),
        (ValueError, {"channels": 1, "channel_order": "bgr"}, "`channel_order` must be 'rgb' or 'bgr', and 'rgb' for one channel. Received: channel_order='bgr'."),
        (ValueError, {"scale": 0}, "`scale` must be a finite number other than 0. Received: scale=0."),
        (ValueError, {"scale": "1/255"}, "`scale` must be a finite number other than 0. Received: scale='1/255'."),
        (ValueError, {"mean": (0.5, 0.5)}, "`mean` must be a finite number, or one for each of 3 channel(s). Received: mean=(0.5, 0.5)."),
        (ValueError, {"mean": float("nan")}, "`mean` must be a finite number, or one for each of 3 channel(s). Received: mean=nan."),
        (ValueError, {"std": (1, 0, 1)}, "`std` must be a finite number above 0, or one for each of 3 channel(s). Received: std=(1, 0, 1)."),
        (ValueError, {"channels": 1, "std": ()}, "`std` must be a finite number above 0, or one for each of 1 channel(s). Received: std=()."),
    ],
)  # fmt: skip
def test_bad_arguments(kind, arguments, message):
    with pytest.raises(kind) as error:
        Preprocessing(**{"size": (8, 6), **arguments})
    assert str(error.value) == f"Preprocessing: {message}"


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (TypeError, [8, 6], "`arguments` must be a mapping. Received: arguments=[8, 6]."),
        (ValueError, {}, "`arguments` must have `size`, and no other than size, channels, resize, antialias, channel_order, scale, mean, std. Received: none."),
        (ValueError, {"size": [8, 6], "crop": 1}, "`arguments` must have `size`, and no other than size, channels, resize, antialias, channel_order, scale, mean, std. Received: size, crop."),
    ],
)  # fmt: skip
def test_bad_dictionaries(kind, arguments, message):
    with pytest.raises(kind) as error:
        Preprocessing.from_dict(arguments)
    assert str(error.value) == f"Preprocessing: {message}"
