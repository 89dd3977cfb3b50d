"""What is learnt from: digits, folders, `.npz` files; and how it is split and shuffled."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasconv.export import Preprocessing
from kerasconv.train import Data, Inputs, data, inputs_of, load, read_image

GREY = Inputs((8, 6, 1), Preprocessing((8, 6), 1))
COLOUR = Inputs((5, 7, 3), Preprocessing((5, 7), 3, channel_order="bgr", scale=1 / 127.5, mean=1.0))


def save_image(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two classes, three images of random colours each, of different sizes and formats."""
    generator = np.random.default_rng(0)
    for label in ("cat", "dog"):
        for i, kind in enumerate(("png", "bmp", "tiff")):
            pixels = generator.integers(0, 256, (9 + i, 11, 3), "uint8")
            save_image(tmp_path / "images" / label / f"{i}.{kind}", pixels)
    return tmp_path / "images"


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_digits():
    found = load("digits", inputs_of("same_padding_stack", {"input_shape": (8, 8, 1)}))
    assert (found.x.shape, found.x.dtype, found.x.min(), found.x.max()) == ((1797, 8, 8, 1), "float32", 0, 1)
    assert found.labels == tuple("0123456789")
    assert found.y[:10].tolist() == list(range(10))
    assert load("digits", inputs_of("lenet5", {})).fingerprint == found.fingerprint


def test_a_folder_becomes_what_an_exported_model_would_make_of_the_same_files(folder):
    found = load(folder, COLOUR)
    assert found.labels == ("cat", "dog")
    assert found.y.tolist() == [0, 0, 0, 1, 1, 1]
    served = [COLOUR.preprocessing.apply([(folder / label / "0.png").read_bytes()])[0] for label in found.labels]
    np.testing.assert_array_equal(found.x[[0, 3]], served)
    np.testing.assert_array_equal(read_image(folder / "dog" / "2.tiff", COLOUR), found.x[5])


def test_grey_and_colour_are_converted(tmp_path):
    grey = np.arange(8 * 6, dtype="uint8").reshape(8, 6) * 5
    for kind in ("a", "b"):
        save_image(tmp_path / "images" / kind / "1.png", grey)
    np.testing.assert_array_equal(load(tmp_path / "images", GREY).x[0, :, :, 0], grey.astype("float32") * (1 / 255))
    wanted = load(tmp_path / "images", COLOUR).x
    file = npz(tmp_path / "grey.npz", x=np.stack([grey, grey]), y=["a", "b"])
    np.testing.assert_array_equal(load(file, COLOUR).x, wanted)
    file = npz(tmp_path / "colour.npz", x=np.stack([grey, grey])[..., None].repeat(3, -1), y=["a", "b"])
    np.testing.assert_allclose(load(file, GREY).x[0, :, :, 0], grey / 255, atol=1e-6)


def test_images_are_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right-hand side
    pixels = np.zeros((6, 8, 3), "uint8")
    pixels[0] = 255
    path = save_image(tmp_path / "turned.png", pixels, exif=exif)
    image = read_image(path, Inputs((8, 6, 3), Preprocessing((8, 6), 3)))
    assert image[:, -1].min() == 1
    assert image[:, :-1].max() == 0


def test_channels_first():
    last = load("digits", inputs_of("conv_bn_classifier", {"input_shape": (8, 10, 3)}))
    first = load(
        "digits", inputs_of("conv_bn_classifier", {"input_shape": (3, 8, 10), "data_format": "channels_first"})
    )
    np.testing.assert_array_equal(first.x, np.moveaxis(last.x, -1, 1))
    assert inputs_of("conv_bn_classifier", {"data_format": "channels_first"}).shape == (3, 32, 32)


def test_files_that_are_no_images_are_skipped_or_fatal(folder):
    whole = load(folder, COLOUR)
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / "cat" / ".hidden").write_text("not looked at")
    broken = (folder / "dog" / "0.png").read_bytes()
    (folder / "dog" / "00.png").write_bytes(broken[: len(broken) // 2])
    found = load(folder, COLOUR)
    assert [path.name for path in found.unreadable] == ["notes.txt", "00.png"]
    np.testing.assert_array_equal(found.x, whole.x)
    assert found.fingerprint == whole.fingerprint
    with pytest.raises(ValueError) as error:
        load(folder, COLOUR, "fail")
    path = str(folder / "cat" / "notes.txt")
    assert str(error.value) == f"load: images must be files that Pillow can decode. Received: {path!r}."


def test_floats_are_taken_as_they_are(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 8, 6, 1))
    found = load(npz(tmp_path / "floats.npz", x=x, y=[7, 3, 3, 7]), GREY)
    np.testing.assert_array_equal(found.x, x.astype("float32"))
    assert found.labels == ("3", "7")
    assert found.y.tolist() == [1, 0, 0, 1]
    named = load(npz(tmp_path / "named.npz", x=x, y=[1, 0, 0, 1], labels=["no", "yes"]), GREY)
    assert named.labels == ("no", "yes")
    assert named.y.tolist() == [1, 0, 0, 1]
    assert named.fingerprint != found.fingerprint


def test_what_is_too_large_for_memory_goes_to_a_file(folder, monkeypatch):
    small = load(folder, COLOUR)
    monkeypatch.setattr(data, "IN_MEMORY", 100)
    large = load(folder, COLOUR)
    assert isinstance(large.x, np.memmap)
    assert not isinstance(small.x, np.memmap)
    np.testing.assert_array_equal(large.x, small.x)


def test_bad_data(tmp_path, folder):
    one = tmp_path / "one" / "cat"
    save_image(one / "1.png", np.zeros((4, 4, 3), "uint8"))
    (tmp_path / "none").mkdir()
    empty = folder / "bird"
    empty.mkdir()
    x = np.zeros((2, 8, 6, 1), "float32")
    files = {
        "no_y": npz(tmp_path / "no_y.npz", x=x),
        "pickle": npz(tmp_path / "pickle.npz", x=x, y=np.array([{}, None], object)),
        "lengths": npz(tmp_path / "lengths.npz", x=x, y=[0, 1, 1]),
        "nan": npz(tmp_path / "nan.npz", x=x * np.nan, y=[0, 1]),
        "shape": npz(tmp_path / "shape.npz", x=x[:, 1:], y=[0, 1]),
        "range": npz(tmp_path / "range.npz", x=x, y=[0, 2], labels=["a", "b"]),
        "class": npz(tmp_path / "class.npz", x=x, y=[0, 0], labels=["a", "b"]),
        "channels": npz(tmp_path / "channels.npz", x=np.zeros((2, 8, 6, 4), "uint8"), y=[0, 1]),
    }
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    rule = "load: an `.npz` file must have arrays `x` and `y`, without pickles."
    expected = {
        "nothing": "load: the data must be 'digits', a folder with a folder of images for each class, or an `.npz` file. Received: 'nothing'.",
        tmp_path / "none": f"load: the data must have a folder of images for each class. Received: {str(tmp_path / 'none')!r}.",
        tmp_path / "one": "load: the data must have at least two classes. Received: cat.",
        folder: f"load: the folder of each class must have images. Received: none that can be decoded in {str(empty)!r}.",
        files["no_y"]: f"{rule} Received: {str(files['no_y'])!r}, for which NumPy says: KeyError: 'y'.",
        files["lengths"]: "load: `y` must have one class for each example in `x`. Received: x of shape (2, 8, 6, 1), y of (3,).",
        files["nan"]: f"load: `x` must be pixels as uint8, or finite floats. Received: float32 in {str(files['nan'])!r}.",
        files["shape"]: "load: floats in `x` must have the shape that the model takes, (8, 6, 1). Received: (7, 6, 1).",
        files["range"]: "load: with 2 `labels`, `y` must be ints from 0 to 1.",
        files["class"]: "load: each class must have examples. Received: none of 'b'.",
        files["channels"]: "load: images must have 1 or 3 channels. Received: 4.",
    }  # fmt: skip
    for source, message in expected.items():
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            load(source, GREY)
        assert str(error.value) == message
    for source in (files["pickle"], tmp_path / "damaged.npz"):
        with pytest.raises(ValueError, match="without pickles"):
            load(source, GREY)
    with pytest.raises(ValueError) as error:
        load(folder, Inputs((10,)))
    assert str(error.value) == "load: a model must take images to be given any. Received: one that takes (10,)."
    with pytest.raises(ValueError) as error:
        load(folder, GREY, "ignore")
    assert str(error.value) == "load: `bad_images` must be 'skip' or 'fail'. Received: bad_images='ignore'."


def made(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    return Data(np.arange(len(y), dtype="float32"), y, tuple("abc"[: len(counts)]), (), "")


def test_a_split_is_fair_and_repeatable():
    learnt, held_out = data.split(made([30, 60, 9]), 1 / 3, 5)
    assert sorted([*learnt, *held_out]) == list(range(99))
    assert np.bincount(made([30, 60, 9]).y[held_out]).tolist() == [10, 20, 3]
    np.testing.assert_array_equal(data.split(made([30, 60, 9]), 1 / 3, 5)[1], held_out)
    assert set(data.split(made([30, 60, 9]), 1 / 3, 6)[1]) != set(held_out)


@pytest.mark.parametrize(("counts", "fraction"), [([5, 1], 0.5), ([5, 5], 0.1), ([5, 5], 0.9)])
def test_a_split_that_leaves_nothing(counts, fraction):
    with pytest.raises(ValueError) as error:
        data.split(made(counts), fraction, 0)
    rarest = "1 of 'b'" if 1 in counts else "5 of 'a'"
    assert str(error.value) == (
        f"train: `validation_split` must leave examples of each class to train on and to hold out. Received: "
        f"{fraction} of {sum(counts)} examples of 2 classes, {rarest}."
    )


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(seed, epoch):
        batches = data.ShuffledBatches(made([6, 5]), np.arange(1, 11), 4, seed)
        batches.set_epoch(3)
        batches.set_epoch(epoch)
        assert [len(batches[i][0]) for i in range(len(batches))] == [4, 4, 2]
        return np.concatenate([batches[i][0] for i in range(len(batches))]).tolist()

    assert order(1, 0) == order(1, 0)
    assert sorted(order(1, 0)) == list(range(1, 11))
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_preprocessing_of_pixels_is_that_of_files():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), "uint8")
    file = tf.io.encode_png(pixels)
    np.testing.assert_array_equal(COLOUR.preprocessing.of_pixels(pixels[None]), COLOUR.preprocessing.apply([file]))
