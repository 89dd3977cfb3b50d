"""Poolings as operations use them: a window at once or in stages, each fused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from kerasconv.arithmetic import native as native_kernels
from kerasconv.arithmetic import pooling
from kerasconv.arithmetic.windows import AnyWindow, valid_counts
from kerasconv.engine.fusion import run
from kerasconv.geometry import AdaptiveWindow, Size, Window

_AT_ONCE = 32  # taps of the largest window that is one loop


def window_max(x: tf.Tensor, window: AnyWindow, ties: str, native: bool = False) -> tf.Tensor:
    """Returns the maximum of each window; see `kerasconv.arithmetic.pooling.window_max`.

    `native` takes TensorFlow's kernel, if that has the rule for ties.
    """
    if native and ties == "first" and isinstance(window, Window):
        return native_kernels.window_max(x, window)
    return pooling.window_max(x, stages(window), ties, run)


def first_maximum(x: tf.Tensor, window: AnyWindow) -> tf.Tensor:
    """Returns where the first maximum of each window is; see `kerasconv.arithmetic.pooling.first_maximum`."""
    return pooling.first_maximum(x, stages(window), run)


def window_sum(x: tf.Tensor, window: AnyWindow, divisor: Any = None) -> tf.Tensor:
    """Returns the sum over each window, divided; see `kerasconv.arithmetic.pooling.window_sum`."""
    at_once = pooling.sees_all(window, x)
    return pooling.window_sum(x, (window,) if at_once else stages(window), divisor, run)


def window_mean(
    x: tf.Tensor, window: AnyWindow, counts: Any, of_valid: bool = False, native: bool = False
) -> tf.Tensor:
    """Returns the sum over each window divided by `counts`, which may be those `of_valid` elements."""
    if native and isinstance(window, Window):
        return native_kernels.window_mean(x, window, counts, of_valid)
    return window_sum(x, window, counts)


def window_norm(x: tf.Tensor, window: AnyWindow, order: float, native: bool = False) -> tf.Tensor:
    """Returns the norm of each window of this order; `native` takes TensorFlow's kernels for sums and maxima."""
    magnitudes = tf.abs(x)
    if order == math.inf:
        return window_max(magnitudes, window, "first", native)
    if order == 1 and native and isinstance(window, Window):
        return native_kernels.window_sum(magnitudes, window)
    if order == 1:
        return window_sum(magnitudes, window)
    return pooling.window_norm(magnitudes, stages(window), order, run)


def valid_count(window: AnyWindow, sizes: Sequence[Size], dtype: tf.DType) -> Any:
    """Returns how many elements of each window are not padding: an int where it is all, else a tensor `(1, *O, 1)`."""
    if window.uniform:
        return math.prod(window.size)
    return tf.cast(valid_counts(window, sizes)[None], dtype)


def stages(window: AnyWindow) -> tuple[AnyWindow, ...]:
    """Returns the windows, one after the other, of which a window consists: its axes, last axis first, or itself.

    A small window is best taken at once, since all its taps are read in one pass over memory. In stages it takes
    `k_h + k_w` taps instead of `k_h k_w`: better for a large one, and eagerly, where each tap is a pass.
    """
    if isinstance(window, AdaptiveWindow):
        return _adaptive_stages(window)
    if math.prod(window.size) <= _AT_ONCE and not tf.executing_eagerly():
        return (window,)
    return tuple(window.along(axis) for axis in reversed(range(window.rank)) if window.moving[axis]) or (window,)


def _adaptive_stages(window: AdaptiveWindow) -> tuple[AdaptiveWindow, ...]:
    found, sizes = [], window.sizes
    for axis in reversed(range(window.rank)):
        positions = (*sizes[:axis], window.positions[axis], *sizes[axis + 1 :])
        found.append(replace(window, positions=positions, sizes=sizes))
        sizes = positions
    return tuple(found)
