"""An operation in parts, one after the other, where at once it would take more memory than allowed.

An algorithm says how much it needs beside its tensors (`workspace`); the limit is `kerasconv.config.set_memory_limit`.
What is too large is cut along the batch, or where that is too short or unknown along the first spatial axis: outputs of
a row need the inputs that its windows see, and the inputs that windows of two parts share get gradients from both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window, positive
from kerasconv.ops.algorithms.problem import Problem, problem
from kerasconv.ops.windows import along, crop_axes, pad_axes, sizes_of


def count(algorithm: Any, p: Problem) -> int:
    """Into how many parts the problem must be cut."""
    needed = algorithm.workspace(p) if hasattr(algorithm, "workspace") else 0
    return max(1, math.ceil(needed / config.get_memory_limit()))


def forward(algorithm: Any, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`algorithm.forward`, in parts if need be."""
    output = window.output(sizes_of(x)[1:-1])
    parts = _count(algorithm, "forward", x.shape[0], output, window, groups, w)
    if _by_batch(x, parts):
        ys: list[tf.Tensor] = []
        for (x_part,) in _turns([x], parts, ys):
            ys.append(algorithm.forward(x_part, w, window, groups))
        return tf.concat(ys, 0)
    if _by_rows(output, parts):
        x, inner = _padded_rows(x, window)
        ys = []
        for first, last in _rows(output[0], parts):
            rows = x[:, _seen(window, first, last)]
            ys.append(algorithm.forward(_after(rows, ys), w, inner, groups))
        return tf.concat(ys, 1)
    return algorithm.forward(x, w, window, groups)


def input_gradient(
    algorithm: Any, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`algorithm.input_gradient`, in parts if need be."""
    output = sizes_of(dy)[1:-1]
    parts = _count(algorithm, "input_gradient", dy.shape[0], output, window, groups, w)
    if _by_batch(dy, parts):
        dxs: list[tf.Tensor] = []
        for (dy_part,) in _turns([dy], parts, dxs):
            dxs.append(algorithm.input_gradient(dy_part, w, window, groups, sizes))
        return tf.concat(dxs, 0)
    if _by_rows(output, parts):
        inner = _without_rows(window)
        shared = window.extent[0] - window.strides[0]  # rows that two neighbouring parts see
        dxs, tail = [], None
        for first, last in _rows(output[0], parts):
            seen = _seen(window, first, last)
            size = [seen.stop - seen.start, *sizes[1:]]
            dx = algorithm.input_gradient(_after(dy[:, first:last], dxs), w, inner, groups, size)
            if shared > 0:
                if tail is not None:
                    dx = tf.concat([dx[:, :shared] + tail, dx[:, shared:]], 1)
                dx, tail = dx[:, : size[0] - shared], dx[:, size[0] - shared :]
            dxs.append(pad_axes(dx, along(1, 0, positive(-shared), dx)))
        dx = tf.concat(dxs if tail is None else [*dxs, tail], 1)
        lo, hi = window.pads[0]
        missing = sizes[0] + lo + hi - sizes_of(dx)[1]
        dx = pad_axes(dx, along(1, 0, positive(missing), dx))
        return crop_axes(dx, along(1, lo, hi + positive(-missing), dx))
    return algorithm.input_gradient(dy, w, window, groups, sizes)


def kernel_gradient(algorithm: Any, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`algorithm.kernel_gradient`, in parts if need be."""
    output = sizes_of(dy)[1:-1]
    widths = groups, x.shape[-1] // groups, dy.shape[-1] // groups
    p = problem("kernel_gradient", x.shape[0], output, window, *widths)
    parts = count(algorithm, p)
    dws: list[tf.Tensor] = []
    if _by_batch(x, parts):
        for x_part, dy_part in _turns([x, dy], parts, dws):
            dws[:] = [sum([algorithm.kernel_gradient(x_part, dy_part, window, groups), *dws])]
    elif _by_rows(output, parts):
        x, inner = _padded_rows(x, window)
        for first, last in _rows(output[0], parts):
            rows = _after(x[:, _seen(window, first, last)], dws)
            dws = [sum([algorithm.kernel_gradient(rows, dy[:, first:last], inner, groups), *dws])]
    else:
        return algorithm.kernel_gradient(x, dy, window, groups)
    return dws[0]


def _count(
    algorithm: Any, operation: str, batch: Size, output: Sequence[Size], window: Window, groups: int, w: tf.Tensor
) -> int:
    return count(algorithm, problem(operation, batch, output, window, groups, w.shape[-2], w.shape[-1] // groups))


def _by_batch(x: tf.Tensor, parts: int) -> bool:
    return parts > 1 and isinstance(x.shape[0], int) and x.shape[0] >= parts


def _by_rows(output: Sequence[Size], parts: int) -> bool:
    return parts > 1 and isinstance(output[0], int) and output[0] > 1


def _turns(tensors: Sequence[tf.Tensor], parts: int, done: list[tf.Tensor]) -> Iterator[list[tf.Tensor]]:
    """The parts of tensors along the batch, each when those before are `done`."""
    for first, last in _rows(tensors[0].shape[0], parts):
        yield [_after(x[first:last], done) for x in tensors]


def _rows(n: int, parts: int) -> Iterator[tuple[int, int]]:
    """`n` rows in so many parts, or as many as there are rows: where each begins, and where it ends."""
    parts = min(n, parts)
    for i in range(parts):
        yield i * n // parts, (i + 1) * n // parts


def _seen(window: Window, first: int, last: int) -> slice:
    """The rows of the padded input that positions `first` to `last` of the window see."""
    return slice(first * window.strides[0], (last - 1) * window.strides[0] + window.extent[0])


def _padded_rows(x: tf.Tensor, window: Window) -> tuple[tf.Tensor, Window]:
    """`x` padded along its first spatial axis, and the window for it."""
    return pad_axes(x, along(1, *window.pads[0], x)), _without_rows(window)


def _without_rows(window: Window) -> Window:
    return replace(window, pads=((0, 0), *window.pads[1:]))


def _after(x: tf.Tensor, done: Sequence[tf.Tensor]) -> tf.Tensor:
    """`x`, not before the last of `done` is there."""
    if tf.executing_eagerly() or not done:
        return x
    with tf.control_dependencies([done[-1]]):
        return tf.identity(x)
