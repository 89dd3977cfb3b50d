"""Convolution and pooling by TensorFlow's own kernels (oneDNN, Eigen, cuDNN), for comparison and for export.

This is not from scratch, and `auto` never chooses it. Where TensorFlow's CPU kernels have a gap, the call is rephrased
in terms of what they have:

- one dimension is a two-dimensional image of height one;
- pads other than `VALID` and `SAME` are added beforehand;
- dilation in any gradient: elements that are `d` apart become an image of their own, so that taps are neighbours; with
  strides too, and in three dimensions forward, the kernel gets zeros between its taps;
- groups in three dimensions, and groups in any gradient, are convolved one after the other, but for depthwise
  convolutions in one and two dimensions, for which there are kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from kerasconv.arithmetic.tensors import crop, pad, sizes_of
from kerasconv.geometry import Pads, Size, Window


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `y` by `tf.nn.conv2d` or `tf.nn.conv3d`."""
    if window.rank == 1:
        return forward(x[:, None], w[None], _image_window(window), groups)[:, 0]
    options, pads = _options(window, sizes_of(x)[1:-1])
    x = pad(x, pads)
    if _is_depthwise(window, groups, w.shape[-2]) and max(window.dilation) == 1:
        return tf.raw_ops.DepthwiseConv2dNative(input=x, filter=_by_channel(w, groups), **options)
    if window.rank == 2:
        return tf.raw_ops.Conv2D(input=x, filter=w, dilations=[1, *window.dilation, 1], **options)
    return _per_group(lambda x, w: tf.raw_ops.Conv3D(input=x, filter=w, **options), groups, x, _dilated(w, window))


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dx` by `tf.nn.conv2d_backprop_input`, or its sibling for three dimensions."""
    if window.rank == 1:
        return input_gradient(dy[:, None], w[None], _image_window(window), groups, [1, *sizes])[:, 0]
    if _has_phases(window):
        phases = _Phases(window, sizes)
        dx = input_gradient(phases.of_outputs(dy), w, phases.window, groups, phases.lengths)
        return crop(phases.joined(dx), window.pads)
    options, pads = _options(window, sizes)
    padded = [n + lo + hi for n, (lo, hi) in zip(sizes, pads, strict=True)]
    shape = [sizes_of(dy)[0], *padded, w.shape[-2]]
    if _is_depthwise(window, groups, w.shape[-2]):
        w, shape[-1] = _by_channel(_dilated(w, window), groups), groups
        op = tf.raw_ops.DepthwiseConv2dNativeBackpropInput
        return crop(op(input_sizes=shape, filter=w, out_backprop=dy, **options), pads)
    op = tf.raw_ops.Conv2DBackpropInput if window.rank == 2 else tf.raw_ops.Conv3DBackpropInputV2
    dx = _per_group(
        lambda dy, w: op(input_sizes=shape, filter=w, out_backprop=dy, **options), groups, dy, _dilated(w, window)
    )
    return crop(dx, pads)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `dw` by `tf.nn.conv2d_backprop_filter`, or its sibling for three dimensions."""
    if window.rank == 1:
        return kernel_gradient(x[:, None], dy[:, None], _image_window(window), groups)[0]
    if _has_phases(window):
        phases = _Phases(window, sizes_of(x)[1:-1])
        return kernel_gradient(phases.of_inputs(x), phases.of_outputs(dy), phases.window, groups)
    options, pads = _options(window, sizes_of(x)[1:-1])
    shape = [*window.extent, x.shape[-1] // groups, dy.shape[-1] // groups]
    x = pad(x, pads)
    if _is_depthwise(window, groups, shape[-2]):
        op = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter
        dw = op(input=x, filter_sizes=[*window.extent, groups, shape[-1]], out_backprop=dy, **options)
        dw = tf.reshape(dw, [*window.extent, 1, dy.shape[-1]])
    else:
        op = tf.raw_ops.Conv2DBackpropFilter if window.rank == 2 else tf.raw_ops.Conv3DBackpropFilterV2
        dw = _per_group(lambda x, dy: op(input=x, filter_sizes=shape, out_backprop=dy, **options), groups, x, dy)
    return dw[tuple(slice(None, None, d) for d in window.dilation)]


def _has_phases(window: Window) -> bool:
    return max(window.dilation) > 1 and max(window.strides) == 1


class _Phases:
    """A dilated convolution in steps of one as one without dilation, of images whose elements lay `d` apart."""

    def __init__(self, window: Window, sizes: Sequence[Size]) -> None:
        self.pads, self.steps = window.pads, list(window.dilation)
        self.window = Window(window.size, window.strides, (1,) * window.rank, ((0, 0),) * window.rank)
        self.inputs, self.outputs = window.padded(sizes), window.output(sizes)
        self.lengths = [-(-m // d) for m, d in zip(self.inputs, self.steps, strict=True)]

    def of_inputs(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the images of something that each input position has, padded."""
        return self._apart(pad(x, self.pads), self.lengths, self.inputs)

    def of_outputs(self, y: tf.Tensor) -> tf.Tensor:
        """Returns the images of something that each output position has."""
        return self._apart(y, self.window.output(self.lengths), self.outputs)

    def _apart(self, x: tf.Tensor, lengths: Sequence[Size], sizes: Sequence[Size]) -> tf.Tensor:
        missing = [[0, n * d - m] for n, d, m in zip(lengths, self.steps, sizes, strict=True)]
        return tf.space_to_batch(x, self.steps, missing)

    def joined(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the inverse of `of_inputs`, padded."""
        more = [[0, n * d - m] for n, d, m in zip(sizes_of(x)[1:-1], self.steps, self.inputs, strict=True)]
        return tf.batch_to_space(x, self.steps, more)


def _is_depthwise(window: Window, groups: int, channels: int) -> bool:
    """Returns whether TensorFlow's depthwise kernels take this: one channel a group, two dimensions, one stride."""
    return groups > 1 and channels == 1 and window.rank == 2 and len(set(window.strides)) == 1


def _by_channel(w: tf.Tensor, groups: int) -> tf.Tensor:
    """Returns a kernel `(*K, 1, G F)` in the layout of depthwise kernels, `(*K, G, F)`."""
    return tf.reshape(w, [*w.shape[:-2], groups, w.shape[-1] // groups])


def _image_window(window: Window) -> Window:
    """Returns the window of a one-dimensional convolution as that of an image of height one."""
    return Window((1, *window.size), window.strides * 2, (1, *window.dilation), ((0, 0), *window.pads))


def _options(window: Window, sizes: Sequence[Size]) -> tuple[dict[str, Any], Pads]:
    """Returns the operator's `strides` and `padding`, and the pads that are left to add beforehand."""
    mode, pads = window.tensorflow_padding(sizes)
    return {"strides": [1, *window.strides, 1], "padding": mode}, pads


def _dilated(w: tf.Tensor, window: Window) -> tf.Tensor:
    """Returns the kernel with `d - 1` zeros between its taps, which with dilation 1 does the same."""
    for axis, (d, e) in enumerate(zip(window.dilation, window.extent, strict=True)):
        if d > 1:
            shape = w.shape.as_list()
            w = tf.stack([w, *[tf.zeros_like(w)] * (d - 1)], axis + 1)
            w = tf.reshape(w, [*shape[:axis], shape[axis] * d, *shape[axis + 1 :]])
            w = w[(*(slice(None),) * axis, slice(e))]
    return w


def _per_group(op: Callable[..., tf.Tensor], groups: int, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns `op` of each group of channels (the last axis of both), side by side."""
    pairs = zip(tf.split(a, groups, -1), tf.split(b, groups, -1), strict=True)
    return tf.concat([op(*pair) for pair in pairs], -1) if groups > 1 else op(a, b)


def window_max(x: tf.Tensor, window: Window) -> tf.Tensor:
    """Returns the maximum of each window by `tf.nn.max_pool`."""
    mode, pads = window.tensorflow_padding(sizes_of(x)[1:-1])
    return tf.nn.max_pool(pad(x, pads, x.dtype.min), window.size, window.strides, mode)


def window_sum(x: tf.Tensor, window: Window) -> tf.Tensor:
    """Returns the sum over each window by `tf.nn.avg_pool`."""
    means = tf.nn.avg_pool(pad(x, window.pads), window.size, window.strides, "VALID")
    return means * math.prod(window.size)


def window_mean(x: tf.Tensor, window: Window, counts: Any, of_valid: bool) -> tf.Tensor:
    """Returns the sum over each window divided by `counts` by `tf.nn.avg_pool`.

    `of_valid` says that the counts are those of the elements that are not padding.
    """
    mode, _ = window.tensorflow_padding(sizes_of(x)[1:-1])
    if isinstance(counts, int) and counts == math.prod(window.size):
        return tf.nn.avg_pool(pad(x, window.pads), window.size, window.strides, "VALID")
    if mode == "SAME" and of_valid:
        return tf.nn.avg_pool(x, window.size, window.strides, "SAME")
    return window_sum(x, window) / counts
