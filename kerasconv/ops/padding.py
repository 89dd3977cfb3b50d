"""Padding at its public edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerasconv import geometry
from kerasconv.arithmetic.padding import cut, extend, surround
from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.geometry import Pads, Size, is_zero, positive
from kerasconv.ops import arguments
from kerasconv.ops.symbolic import symbolic

PADDING_MODES = ("constant", "reflect", "symmetric", "replicate", "circular")

_NUMPY_NAMES = {"edge": "replicate", "wrap": "circular"}


@symbolic
def pad(
    x: Any,
    pad_width: int | Sequence[Any],
    mode: str = "constant",
    constant_values: float | None = None,
) -> tf.Tensor:
    """Adds elements around a tensor: the tutorial's `zero_pad`, on any axes.

    Args:
        x: Tensor of any rank and dtype.
        pad_width: Elements to add, as in NumPy: one int for every side of every axis, the batch too; one
            `(before, after)` pair for all axes; or one for each axis. A negative number cuts elements off, as in
            PyTorch: once the others have been added; but before, where they are `"circular"`.
        mode: `"constant"`, `"reflect"`, `"symmetric"`, `"replicate"` or `"circular"`; for the last two also NumPy's
            names, `"edge"` and `"wrap"`.
        constant_values: What to add in the mode `"constant"`; `None` for 0.

    Returns:
        The padded tensor.

    Raises:
        ValueError: If an argument is malformed, or an axis has too few elements for its pads: `"reflect"` needs one
            more element than each pad, `"symmetric"` and `"circular"` as many, `"replicate"` one; negative pads as many
            as they cut off.

    Example:
        >>> import kerasconv
        >>> kerasconv.ops.pad([[1, 2, 3]], ((0, 0), (1, 2))).numpy()
        array([[0, 1, 2, 3, 0, 0]], dtype=int32)
        >>> kerasconv.ops.pad([[1, 2, 3]], ((0, 0), (1, 2)), "reflect").numpy()
        array([[2, 1, 2, 3, 2, 1]], dtype=int32)
    """
    mode = _NUMPY_NAMES.get(mode, mode)
    check_padding_mode(mode, "pad", "mode")
    if mode != "constant" and constant_values is not None:
        raise ValueError(
            f"pad: Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: constant_values={constant_values!r}, mode={mode!r}."
        )
    (x,) = arguments.convert("pad", x=x)
    rank = x.shape.rank
    pads = _pads_of_all_axes(pad_width, rank)
    if pads is None:
        raise ValueError(
            f"pad: `pad_width` must be an int, or for all or for each of the {rank} axes a (before, after) pair. "
            f"Received: pad_width={pad_width!r}."
        )
    if any(n is not None and n + min(lo, 0) + min(hi, 0) < 0 for n, (lo, hi) in zip(x.shape, pads, strict=True)):
        raise ValueError(
            f"pad: `pad_width` must not cut off more elements than there are. "
            f"Received: pad_width={pad_width!r} for a tensor of shape {x.shape}."
        )
    added = tuple((positive(lo), positive(hi)) for lo, hi in pads)
    removed = tuple((positive(-lo), positive(-hi)) for lo, hi in pads)
    value = 0 if constant_values is None else constant_values
    if mode == "circular":
        return pad_with(cut(x, removed), added, mode, value, "pad")
    return cut(pad_with(x, added, mode, value, "pad"), removed)


def _pads_of_all_axes(pad_width: Any, rank: int) -> Pads | None:
    """A `pad_width` as pairs, one for each axis; `None` if it is none."""
    if isinstance(pad_width, Sequence):
        one_pair = pad_width if len(pad_width) == 1 else [pad_width]
        for_all = geometry.standardize_pairs(one_pair, 1, minimum=None)
        if for_all:
            return for_all * rank
    return geometry.standardize_pairs(pad_width, rank, minimum=None)


def pad_with(x: tf.Tensor, pads: Pads, mode: str, value: float, caller: str) -> tf.Tensor:
    """As `pad`, with a pair of ints or scalar tensors for every axis.

    Raises:
        ValueError: If an axis has too few elements for its pads.
    """
    if mode == "constant":
        return surround(x, pads, value)
    for axis, (n, (lo, hi)) in enumerate(zip(sizes_of(x), pads, strict=True)):
        if not (is_zero(lo) and is_zero(hi)):
            _check_elements(n, lo, hi, axis, mode, caller)
            x = extend(x, axis, lo, hi, mode)
    return x


def check_padding_mode(mode: str, caller: str, name: str = "padding_mode") -> str:
    """`mode`, if there is such a mode.

    Raises:
        ValueError: If there is not.
    """
    if mode not in PADDING_MODES:
        raise ValueError(
            f"{caller}: `{name}` must be one of {', '.join(map(repr, PADDING_MODES))}. Received: {name}={mode!r}."
        )
    return mode


def _check_elements(n: Size, lo: Size, hi: Size, axis: int, mode: str, caller: str) -> None:
    """Raises if an axis is known to have too few elements for its pads; TensorFlow's slices find the others."""
    needed = {"reflect": 1, "symmetric": 0, "replicate": None, "circular": 0}[mode]
    widest = max((side for side in (lo, hi) if isinstance(side, int)), default=0)
    elements = 1 if needed is None else widest + needed
    if isinstance(n, int) and n < elements:
        raise ValueError(
            f'{caller}: padding in the mode "{mode}" takes elements from the input, of which axis {axis} must have at '
            f"least {elements}. Received: {n} elements and pads ({lo}, {hi})."
        )
