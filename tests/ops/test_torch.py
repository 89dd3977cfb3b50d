"""Against PyTorch, where it is installed (`pip install .[torch]`), in shapes and options that hypothesis draws."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
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


def kernel_to_torch(w):
    """`(*kernel, a, b)` as `(b, a, *kernel)`, which serves convolutions and transposed ones."""
    return w.transpose(-1, -2, *range(w.ndim - 2))


def agree(ours, theirs, x, *weights, atol=1e-10):
    """Outputs, indices and the gradients of all arguments, for one random cotangent."""
    arguments = [tf.constant(a) for a in (x, *weights)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        y, *indices = tf.nest.flatten(ours(*arguments))
        cotangent = np.random.default_rng(1).normal(size=y.shape)
        loss = tf.reduce_sum(y * cotangent)
    gradients = tape.gradient(loss, arguments)

    turned = [np.moveaxis(x, -1, 1), *(w if w.ndim == 1 else kernel_to_torch(w) for w in weights)]
    tensors = [torch.tensor(a.copy()).requires_grad_() for a in turned]
    expected = theirs(*tensors)
    expected, *expected_indices = expected if isinstance(expected, tuple) else (expected,)
    (expected * torch.tensor(np.moveaxis(cotangent, -1, 1))).sum().backward()
    np.testing.assert_allclose(np.moveaxis(y, -1, 1), expected.detach(), atol=atol)
    for found, wanted in zip(indices, expected_indices, strict=True):
        np.testing.assert_array_equal(np.moveaxis(found, -1, 1), wanted)
    np.testing.assert_allclose(np.moveaxis(gradients[0], -1, 1), tensors[0].grad, atol=atol)
    for gradient, tensor in zip(gradients[1:], tensors[1:], strict=True):
        gradient = gradient.numpy()
        np.testing.assert_allclose(
            gradient if gradient.ndim == 1 else kernel_to_torch(gradient), tensor.grad, atol=atol
        )


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


def flat(pads):
    """Pads in PyTorch's order: last axis first."""
    return [side for pair in reversed(pads) for side in pair]


@checked
@given(windows(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3))
def test_conv(window, groups, channels, filters, batch):
    sizes, kernel, strides, dilation, pads = window
    convolve = getattr(functional, f"conv{len(sizes)}d")
    agree(
        lambda x, w, b: ops.conv(x, w, strides, pads, "channels_last", dilation, bias=b),
        lambda x, w, b: convolve(functional.pad(x, flat(pads)), w, b, strides, dilation=dilation, groups=groups),
        normal(batch, *sizes, groups * channels),
        normal(*kernel, channels, groups * filters),
        normal(groups * filters),
    )


@checked
@given(windows(), st.sampled_from(["reflect", "replicate", "circular"]), st.data())
def test_conv_with_padding_modes(window, mode, data):
    sizes, kernel, strides, dilation, _ = window
    sizes = tuple(n + 2 for n in sizes)
    pads = tuple((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))) for n in sizes)
    convolve = getattr(functional, f"conv{len(sizes)}d")
    options = {"padding_mode": mode}
    if any((k - 1) * d + 1 > n + lo + hi for k, d, n, (lo, hi) in zip(kernel, dilation, sizes, pads, strict=True)):
        dilation = (1,) * len(sizes)
        kernel = (1,) * len(sizes)
    agree(
        lambda x, w: ops.conv(x, w, strides, pads, "channels_last", dilation, **options),
        lambda x, w: convolve(functional.pad(x, flat(pads), mode), w, stride=strides, dilation=dilation),
        normal(2, *sizes, 3),
        normal(*kernel, 3, 2),
    )


@checked
@given(windows(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.data())
def test_conv_transpose(window, groups, channels, filters, data):
    _, kernel, strides, dilation, _ = window
    sizes = tuple(data.draw(st.integers(1, 4)) for _ in kernel)
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = tuple(
        data.draw(st.integers(0, (e + (n - 1) * s - 1) // 2)) for e, n, s in zip(extents, sizes, strides, strict=True)
    )
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(strides, dilation, strict=True))
    convolve = getattr(functional, f"conv_transpose{len(sizes)}d")
    agree(
        lambda x, w, b: ops.conv_transpose(
            x, w, strides, tuple((p, p) for p in pads), extra, "channels_last", dilation, groups=groups, bias=b
        ),
        lambda x, w, b: convolve(x, w, b, strides, pads, extra, groups, dilation),
        normal(2, *sizes, groups * channels),
        normal(*kernel, filters, groups * channels),
        normal(groups * filters),
    )


@checked
@given(windows(), st.booleans(), st.booleans())
def test_pooling(window, ceil, include):
    sizes, kernel, strides, dilation, _ = window
    sizes = tuple(max(n, (k - 1) * d + 1) for n, k, d in zip(sizes, kernel, dilation, strict=True))
    rank = len(sizes)
    pads = tuple((k // 2, k // 2) for k in kernel)  # PyTorch's limit
    halves = tuple(k // 2 for k in kernel)
    # Else some windows may see padding alone, on which the gradient of PyTorch's max pooling ends the process.
    assume(all(n >= d for n, d in zip(sizes, dilation, strict=True)))
    x = np.random.default_rng(0).integers(0, 4, (2, *sizes, 3)).astype("float64")  # with ties
    options = {"padding": pads, "ceil_mode": ceil, "data_format": "channels_last"}
    agree(
        lambda x: ops.max_pool(x, kernel, strides, **options, dilation_rate=dilation, return_indices=True),
        lambda t: getattr(functional, f"max_pool{rank}d")(t, kernel, strides, halves, dilation, ceil, True),
        x,
    )
    for divisor in (None, 5) if rank > 1 else (None,):
        extra = {} if divisor is None else {"divisor_override": divisor}
        agree(
            lambda x, e=extra: ops.average_pool(x, kernel, strides, **options, count_include_pad=include, **e),
            lambda t, e=extra: getattr(functional, f"avg_pool{rank}d")(t, kernel, strides, halves, ceil, include, **e),
            x,
        )


@checked
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 11)), min_size=1, max_size=3))
def test_adaptive_pooling(axes):
    sizes, output = zip(*axes, strict=True)
    rank, x = len(sizes), normal(2, *sizes, 3)
    agree(
        lambda x: ops.adaptive_average_pool(x, output, "channels_last"),
        lambda t: getattr(functional, f"adaptive_avg_pool{rank}d")(t, output),
        x,
    )
    agree(
        lambda x: ops.adaptive_max_pool(x, output, "channels_last", return_indices=True),
        lambda t: getattr(functional, f"adaptive_max_pool{rank}d")(t, output, return_indices=True),
        x,
    )


@checked
@given(windows(), st.sampled_from([1, 1.5, 2, 3]))
def test_lp_pooling(window, p):
    sizes, kernel, strides, _, _ = window
    theirs = getattr(functional, f"lp_pool{len(sizes)}d")
    only = (kernel[0], strides[0]) if len(sizes) == 1 else (kernel, strides)  # in one dimension it takes ints alone
    agree(
        lambda x: ops.lp_pool(x, p, kernel, strides, data_format="channels_last"),
        lambda t: theirs(t.abs(), p, *only),
        normal(2, *(max(n, k) for n, k in zip(sizes, kernel, strict=True)), 3),
    )


@checked
@given(st.lists(st.tuples(st.integers(2, 9), st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3))
def test_max_unpooling(axes):
    sizes, kernel, strides = (tuple(values) for values in zip(*axes, strict=True))
    sizes = tuple(max(n, k) for n, k in zip(sizes, kernel, strict=True))
    strides = tuple(max(k, s) for k, s in zip(kernel, strides, strict=True))  # no overlaps
    rank, x = len(sizes), normal(2, *sizes, 3)
    y, indices = ops.max_pool(x, kernel, strides, data_format="channels_last", return_indices=True)
    theirs = torch.tensor(np.moveaxis(indices.numpy(), -1, 1).copy())
    agree(
        lambda y: ops.max_unpool(y, indices, kernel, strides, data_format="channels_last", output_size=sizes),
        lambda t: getattr(functional, f"max_unpool{rank}d")(t, theirs, kernel, strides, output_size=sizes),
        y.numpy(),
    )
