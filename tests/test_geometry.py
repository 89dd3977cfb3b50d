import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasconv import geometry
from kerasconv.geometry import Window


def test_outputs_and_same_pads_are_those_of_tensorflow():
    for n, k, s, d in itertools.product(range(1, 9), range(1, 5), range(1, 5), range(1, 3)):
        if s > 1 and d > 1:
            continue  # TensorFlow refuses it
        x, w = np.ones((1, n, 1), "float32"), np.ones((k, 1, 1), "float32")
        expected = tf.nn.convolution(x, w, s, "SAME", dilations=d).numpy()[0, :, 0]
        window = geometry.window(k, (n,), strides=s, padding="same", dilation=d)
        ((lo, hi),) = window.pads
        padded = np.pad(np.ones(n), (lo, hi))
        ours = [padded[i : i + window.extent[0] : d].sum() for i in range(0, len(padded) - window.extent[0] + 1, s)]
        assert window.output((n,)) == (len(ours),)
        np.testing.assert_array_equal(ours, expected, err_msg=f"{n=} {k=} {s=} {d=}")


def test_the_tutorials_formula_for_the_output_size():
    for n, f, pad, stride in itertools.product(range(3, 9), (1, 2, 3), (0, 1, 2), (1, 2, 3)):
        assert geometry.window(f, (n,), strides=stride, padding=pad).output((n,)) == ((n - f + 2 * pad) // stride + 1,)


def test_formulas_serve_scalar_tensors():
    for n, k, s in itertools.product((5, 8), (2, 3), (1, 2, 3)):
        known = geometry.window(k, (n,), strides=s, padding="same")
        unknown = geometry.window(k, (tf.constant(n),), strides=s, padding="same")
        assert tuple(map(int, unknown.pads[0])) == known.pads[0]
        assert int(unknown.output((tf.constant(n),))[0]) == known.output((n,))[0]


def test_shape_inference_with_unknown_sizes():
    window = geometry.window((3, 2), (None, 9), strides=2, padding="same")
    assert window.output((None, 9)) == (None, 5)


def test_same_pads_with_stride_one_need_no_size():
    assert geometry.window(4, (None,), padding="same").pads == ((1, 2),)


def test_a_window_is_hashable_and_frozen():
    window = geometry.window((3, 2), (7, 8), padding="same")
    assert hash(window) == hash(Window((3, 2), (1, 1), (1, 1), ((1, 1), (0, 1))))
    with pytest.raises(AttributeError):
        window.size = (1, 1)


@pytest.mark.parametrize(
    ("padding", "rank", "pairs"),
    [
        (2, 1, ((2, 2),)),
        ((1, 2), 1, ((1, 2),)),
        ([[1, 2]], 1, ((1, 2),)),
        ((3,), 1, ((3, 3),)),
        (1, 2, ((1, 1), (1, 1))),
        ((1, 2), 2, ((1, 1), (2, 2))),
        (((0, 1), (2, 3)), 2, ((0, 1), (2, 3))),
        ((1, (2, 3)), 2, ((1, 1), (2, 3))),
        ((1, 2, 3), 3, ((1, 1), (2, 2), (3, 3))),
        (np.int64(2), 2, ((2, 2), (2, 2))),
        ("SAME", 2, "same"),
        ("Causal", 1, "causal"),
    ],
)
def test_padding_means_what_it_means_in_zero_padding(padding, rank, pairs):
    assert geometry.standardize_padding(padding, rank, "test") == pairs


@pytest.mark.parametrize("padding", ["full", "causal", -1, (1,), (1, 2, 3), ((1, 2), (3, -4)), 1.5, None, True])
def test_bad_padding(padding):
    with pytest.raises(ValueError) as error:
        geometry.standardize_padding(padding, 2, "conv")
    assert str(error.value) == (
        'conv: `padding` must be "valid" or "same", an int, or for each of the 2 spatial axes an int or a (before, '
        f"after) pair, none of them negative. Received: padding={padding!r}."
    )


def test_bad_padding_in_one_dimension_mentions_causal():
    with pytest.raises(ValueError) as error:
        geometry.standardize_padding("reflect", 1, "conv")
    assert str(error.value) == (
        'conv: `padding` must be "valid", "same" or "causal", an int, or for each of the 1 spatial axes an int or a '
        "(before, after) pair, none of them negative. Received: padding='reflect'."
    )


@pytest.mark.parametrize("strides", [0, (1, 0), (1, 2, 3), 1.5, "2", None, True, (True, 1)])
def test_bad_strides(strides):
    with pytest.raises(ValueError) as error:
        geometry.window((2, 2), (5, 6), strides=strides, caller="conv")
    assert (
        str(error.value) == f"conv: `strides` must be an int or 2 ints, each at least 1. Received: strides={strides!r}."
    )


def test_a_window_that_does_not_fit():
    with pytest.raises(ValueError) as error:
        geometry.window((3, 4), (5, 6), dilation=(1, 3), padding=((0, 0), (1, 2)), caller="conv")
    assert str(error.value) == (
        "conv: the window must fit into the padded input. Computed output size would be zero or negative. Along spatial axis 1 it spans 10 elements and the padded input "
        "has 9. Received: kernel_size=(3, 4), dilation_rate=(1, 3), padding=((0, 0), (1, 2)), spatial sizes (5, 6)."
    )


@pytest.mark.parametrize("data_format", ["channels", None, 1])
def test_bad_data_format(data_format):
    with pytest.raises(ValueError) as error:
        geometry.standardize_data_format(data_format, "conv")
    assert str(error.value) == (
        f'conv: `data_format` must be "channels_last" or "channels_first". Received: data_format={data_format!r}.'
    )
