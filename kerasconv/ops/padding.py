"""Padding and its gradient, which is cropping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv import geometry
from kerasconv.ops import tensors
from kerasconv.ops.windows import crop_axes, pad_axes


def pad(
    x: Any,
    pad_width: int | Sequence[Any],
    mode: str = "constant",
    constant_values: float | None = None,
) -> tf.Tensor:
    """Adds cells around a tensor: the tutorial's `zero_pad`, on any axes.

    Args:
        x: Tensor of any rank and dtype.
        pad_width: Cells to add, for all axes, the batch too: one int for every side, one int per axis, or one
            `(before, after)` pair per axis.
        mode: `"constant"`.
        constant_values: What to add; `None` for 0.

    Returns:
        The padded tensor.

    Raises:
        ValueError: If an argument is malformed.

    Example:
        >>> import kerasconv
        >>> kerasconv.ops.pad([[1, 2]], ((0, 0), (1, 2))).numpy()
        array([[0, 1, 2, 0, 0]], dtype=int32)
    """
    if mode != "constant":
        raise ValueError(f'pad: `mode` must be "constant". Received: mode={mode!r}.')
    (x,) = tensors.convert("pad", x=x)
    if isinstance(pad_width, Sequence) and len(pad_width) == 1:
        pad_width = tuple(pad_width) * x.shape.rank
    pads = geometry.standardize_pairs(pad_width, x.shape.rank)
    if pads is None:
        raise ValueError(
            f"pad: `pad_width` must be an int, or for each of the {x.shape.rank} axes an int or a (before, after) "
            f"pair, none of them negative. Received: pad_width={pad_width!r}."
        )
    return _pad(x, pads, 0 if constant_values is None else constant_values)


def _pad(x: tf.Tensor, pads: geometry.Pads, value: float) -> tf.Tensor:
    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return pad_axes(x, pads, value), lambda dy: _crop(dy, pads)

    return call(x)


def _crop(x: tf.Tensor, pads: geometry.Pads) -> tf.Tensor:
    @tf.custom_gradient
    def call(x: tf.Tensor) -> Any:
        return crop_axes(x, pads), lambda dy: _pad(dy, pads, 0)

    return call(x)
