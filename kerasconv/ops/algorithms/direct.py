"""Convolution from its definition, one tap of the kernel at a time.

    y[p] = sum over taps t of  x[p s + t d] w[t]

Each tap is a slice of the padded input and a product with the tap's `(C, F)` matrix; where a group has but one input
channel (depthwise), see `channelwise`. Nothing larger than the input and the output is stored.

This is the tutorial's `conv_forward` with its loops over examples, rows and columns done by the slices, and its sum
over the window by the loop over taps. It takes every window, rank and number of groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms import channelwise
from kerasconv.ops.algorithms.groups import joined, kernels, rows, to_batch, to_channels
from kerasconv.ops.algorithms.problem import Problem, seconds
from kerasconv.ops.fusion import fused, product, shared, total
from kerasconv.ops.windows import overlap, sizes_of, taps


def cost(p: Problem) -> float:
    """Seconds, about: each tap is sliced, multiplied, and added up."""
    if p.depthwise:
        return seconds(0, 1, 4 * p.taps * p.positions * p.groups * p.filters)
    moved = {
        "forward": 3 * p.channels + 2 * p.filters,
        "input_gradient": 3 * p.channels + p.filters,
        "kernel_gradient": 3 * p.channels + p.filters,
    }
    operations = 2 * p.taps * p.positions * p.groups * p.channels * p.filters
    numbers = p.taps * p.positions * p.groups * moved[p.operation]
    return seconds(operations, min(p.channels, p.filters), numbers, p.taps)


def workspace(p: Problem) -> float:
    """Bytes: the products of all taps, which wait to be added up; or what each tap sees."""
    if p.depthwise:
        return channelwise.workspace(p)
    width = p.filters if p.operation == "forward" else p.channels
    return 4 * p.taps * p.positions * p.groups * width


@shared
@fused
def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`y = sum_t x_t w_t`, with `x_t` what tap `t` sees."""
    if _one_channel(x, groups):
        return channelwise.forward(x, w, window)
    seen = taps(to_batch(x, groups), window)
    w = kernels(w, groups)
    y = total([product(rows(x_t, groups), w[:, t]) for t, x_t in enumerate(seen)])
    return to_channels(tf.reshape(y, [*sizes_of(seen[0])[:-1], y.shape[-1]]), groups)


@shared
@fused
def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx = sum_t place_t(dy w_t^T)`: what tap `t` saw gets back what it contributed."""
    if groups > 1 and w.shape[-2] == 1:
        return channelwise.input_gradient(dy, w, window, groups, sizes)
    w = kernels(w, groups)
    dy = to_batch(dy, groups)
    shape = [*sizes_of(dy)[:-1], w.shape[-2]]
    parts = [product(rows(dy, groups), w[:, t], transpose_b=True) for t in range(w.shape[1])]
    return to_channels(overlap([tf.reshape(part, shape) for part in parts], window, sizes), groups)


@shared
@fused
def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dw_t = x_t^T dy`, summed over examples and positions."""
    if _one_channel(x, groups):
        return channelwise.kernel_gradient(x, dy, window)
    seen = taps(to_batch(x, groups), window)
    dy = rows(to_batch(dy, groups), groups)
    dw = tf.concat([product(rows(x_t, groups), dy, transpose_a=True)[:, None] for x_t in seen], 1)
    return joined(dw, window.size)


def _one_channel(x: tf.Tensor, groups: int) -> bool:
    return groups > 1 and x.shape[-1] == groups
