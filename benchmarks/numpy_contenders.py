"""NumPy contenders: im2col with a product of matrices, and the tutorial's loops, which are our reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.data import Data
from benchmarks.shapes import Conv
from kerasconv import reference

Array = np.ndarray[Any, Any]


def prepare(name: str, data: Data, direction: str) -> Callable[[], Any]:
    """Returns a function that computes one direction of a convolution."""
    return loops(data, direction) if name == "loops" else im2col(data, direction)


def loops(data: Data, direction: str) -> Callable[[], Any]:
    """The tutorial's `conv_forward` and `conv_backward`; the latter gives both gradients at once."""
    bias = np.zeros((1, 1, 1, data.case.filters), data.case.dtype)
    settings = {"stride": data.case.strides[0], "pad": pads(data.case)[0][0]}
    if direction == "forward":
        return lambda: reference.conv_forward(data.x, data.w, bias, settings)[0]
    cache = (data.x, data.w, bias, settings)
    return lambda: reference.conv_backward(data.dy, cache)[:2]


def im2col(data: Data, direction: str) -> Callable[[], Any]:
    """One direction by one product of matrices for each group."""
    case, w = data.case, kernel_matrices(data)
    if case.transposed or case.data_format == "channels_first":
        raise NotImplementedError("not written here")
    if direction == "forward":
        return lambda: joined(columns(case, data.x) @ w).reshape(case.y)
    dy = split(data.dy, case.groups)

    def input_gradient() -> Array:
        return fold(case, dy @ w.swapaxes(1, 2))

    def kernel_gradient() -> Array:
        return joined(columns(case, data.x).swapaxes(1, 2) @ dy).reshape(case.w)

    return {
        "input_gradient": input_gradient,
        "kernel_gradient": kernel_gradient,
        "both_gradients": lambda: (input_gradient(), kernel_gradient()),
    }[direction]


def pads(case: Conv) -> list[tuple[int, int]]:
    """Cells to add before and after each axis."""
    extents = [(k - 1) * case.dilation + 1 for k in case.size]
    if case.padding == "valid":
        return [(0, 0)] * case.rank
    axes = zip(case.x[1:-1], case.output, case.strides, extents, strict=True)
    totals = [max((o - 1) * s + e - n, 0) for n, o, s, e in axes]
    return [(total // 2, total - total // 2) for total in totals]


def windows(case: Conv, padded: Array) -> Array:
    """A view `(batch, *output, channels, *size)` of a padded input: what each tap sees at each position."""
    extents = [(k - 1) * case.dilation + 1 for k in case.size]
    view = np.lib.stride_tricks.sliding_window_view(padded, extents, axis=tuple(range(1, case.rank + 1)))
    steps = [slice(None, None, s) for s in case.strides]
    taps = [slice(None, None, case.dilation)] * case.rank
    return view[(slice(None), *steps, slice(None), *taps)]


def columns(case: Conv, x: Array) -> Array:
    """`(groups, positions, taps * channels of a group)`."""
    view = windows(case, np.pad(x, ((0, 0), *pads(case), (0, 0))))
    view = view.reshape(*view.shape[: case.rank + 1], case.groups, -1, *case.size)
    positions, size = range(case.rank + 1), range(case.rank + 3, 2 * case.rank + 3)
    view = view.transpose(case.rank + 1, *positions, *size, case.rank + 2)
    return view.reshape(case.groups, -1, case.taps * case.x[-1] // case.groups)


def fold(case: Conv, columns: Array) -> Array:
    """The transpose of `columns`: each tap's numbers added to what the tap saw."""
    sizes = [n + lo + hi for n, (lo, hi) in zip(case.x[1:-1], pads(case), strict=True)]
    dx = np.zeros((case.x[0], *sizes, case.x[-1]), case.dtype)
    by_tap = columns.reshape(case.groups, case.x[0], *case.output, case.taps, -1)
    by_tap = np.moveaxis(by_tap, 0, -2).reshape(case.x[0], *case.output, case.taps, case.x[-1])
    for tap, place in enumerate(np.ndindex(*case.size)):
        seen = [
            slice(t * case.dilation, t * case.dilation + (o - 1) * s + 1, s)
            for t, o, s in zip(place, case.output, case.strides, strict=True)
        ]
        dx[(slice(None), *seen)] += by_tap[..., tap, :]
    inside = [slice(lo, lo + n) for n, (lo, _) in zip(case.x[1:-1], pads(case), strict=True)]
    return dx[(slice(None), *inside)]


def kernel_matrices(data: Data) -> Array:
    """`(groups, taps * channels of a group, filters of a group)`."""
    return split(data.w, data.case.groups)


def split(array: Array, groups: int) -> Array:
    """`(..., groups * filters)` as a matrix for each group."""
    return np.moveaxis(array.reshape(-1, groups, array.shape[-1] // groups), 1, 0)


def joined(matrices: Array) -> Array:
    """The inverse of `split`, as one matrix."""
    return np.moveaxis(matrices, 0, 1).reshape(matrices.shape[1], -1)
