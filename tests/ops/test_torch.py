"""Against PyTorch, where it is installed (`pip install .[torch]`), in shapes and options that hypothesis draws."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasconv import ops

torch = pytest.importorskip("torch", reason="PyTorch is an optional extra: pip install .[torch]")
functional = torch.nn.functional

checked = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def windows(draw):
    """Spatial sizes and a window that fits, of any rank."""
    rank = draw(st.integers(1, 3))
    tuples = {
        "kernel": st.integers(1, 4),
        "strides": st.integers(1, 3),
        "dilation": st.integers(1, 3),
        "before": st.integers(0, 3),
        "after": st.integers(0, 3),
        "spare": st.integers(0, 4),
    }
    drawn = {name: tuple(draw(values) for _ in range(rank)) for name, values in tuples.items()}
    pads = tuple(zip(drawn["before"], drawn["after"], strict=True))
    sizes = tuple(
        max((k - 1) * d + 1 - lo - hi, 0) + spare + 1
        for k, d, (lo, hi), spare in zip(drawn["kernel"], drawn["dilation"], pads, drawn["spare"], strict=True)
    )
    return sizes, drawn["kernel"], drawn["strides"], drawn["dilation"], pads


def to_torch(x):
    return torch.tensor(np.moveaxis(x, -1, 1)).requires_grad_()


def from_torch(t):
    return np.moveaxis(t.detach().numpy(), 1, -1)


@checked
@given(windows(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))
def test_conv(window, groups, channels, filters, batch):
    sizes, kernel, strides, dilation, pads = window
    rank = len(sizes)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(batch, *sizes, groups * channels))
    w = generator.normal(size=(*kernel, channels, groups * filters))
    with tf.GradientTape() as tape:
        variables = [tf.constant(x), tf.constant(w)]
        tape.watch(variables)
        y = ops.conv(*variables, strides, pads, "channels_last", dilation)
        loss = tf.reduce_sum(y**2)
    gradients = tape.gradient(loss, variables)

    theirs_x, theirs_w = to_torch(x), torch.tensor(w.transpose(-1, -2, *range(rank))).requires_grad_()
    padded = functional.pad(theirs_x, [side for pair in reversed(pads) for side in pair])
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    theirs = convolve(padded, theirs_w, stride=strides, dilation=dilation, groups=groups)
    (theirs**2).sum().backward()
    np.testing.assert_allclose(y, from_torch(theirs), atol=1e-9)
    np.testing.assert_allclose(gradients[0], from_torch(theirs_x.grad), atol=1e-9)
    np.testing.assert_allclose(gradients[1], theirs_w.grad.numpy().transpose(*range(2, rank + 2), 1, 0), atol=1e-9)


@checked
@given(windows(), st.booleans())
def test_pooling(window, include):
    sizes, kernel, strides, dilation, _ = window
    rank = len(sizes)
    pads = tuple(k // 2 for k in kernel)  # PyTorch's limit
    x = np.random.default_rng(0).integers(0, 4, (2, *sizes, 3)).astype("float64")
    functions = {
        "max": (
            lambda x: ops.max_pool(x, kernel, strides, pads, "channels_last", dilation_rate=dilation),
            lambda t: getattr(functional, f"max_pool{rank}d")(t, kernel, strides, pads, dilation),
        ),
        "average": (
            lambda x: ops.average_pool(x, kernel, strides, pads, "channels_last", count_include_pad=include),
            lambda t: getattr(functional, f"avg_pool{rank}d")(t, kernel, strides, pads, count_include_pad=include),
        ),
    }
    for ours, theirs in functions.values():
        with tf.GradientTape() as tape:
            variable = tf.constant(x)
            tape.watch(variable)
            y = ours(variable)
            weights = np.random.default_rng(1).normal(size=y.shape)
            loss = tf.reduce_sum(y * weights)
        t = to_torch(x)
        expected = theirs(t)
        (expected * torch.tensor(np.moveaxis(weights, -1, 1))).sum().backward()
        np.testing.assert_allclose(y, from_torch(expected), atol=1e-12)
        np.testing.assert_allclose(tape.gradient(loss, variable), from_torch(t.grad), atol=1e-12)
