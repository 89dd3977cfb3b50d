"""The geometry of sliding windows: sizes, strides, dilations, pads. Integers only, no TensorFlow.

This is the one place where padding strings turn into numbers and where output sizes are computed. A size is
an `int` where it is known and a scalar integer tensor where it is not; every formula below serves both, so
that a graph with unknown sizes is built by the same lines as one with known ones.

Notation, per spatial axis: input size `n`, kernel size `k`, dilation `d`, stride `s`, pads `lo` and `hi`,
extent `e = (k - 1) d + 1` (the input cells that a window spans), output size `o = (n + lo + hi - e) // s + 1`.
The tutorial's formula is the case `d = 1`, `lo = hi = pad`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Size: TypeAlias = Any
"""An `int`; a scalar integer tensor where it is known only when the graph runs; `None` in shape inference."""

Pads: TypeAlias = tuple[tuple[Size, Size], ...]
"""`(before, after)` for each axis, never negative."""


@dataclass(frozen=True)
class Window:
    """A window that slides over the spatial axes of a tensor: everything about it that is not data.

    Attributes:
        size: Cells of the window (taps) along each spatial axis.
        strides: Input cells between neighbouring positions of the window.
        dilation: Input cells between neighbouring taps of the window.
        pads: Cells added before and after each spatial axis.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: Pads

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.size)

    @property
    def extent(self) -> tuple[int, ...]:
        """Input cells that the window spans along each axis: `(k - 1) d + 1`."""
        return tuple(extent(k, d) for k, d in zip(self.size, self.dilation, strict=True))

    @property
    def unpadded(self) -> bool:
        """Whether all pads are known to be zero."""
        return all(is_zero(side) for pair in self.pads for side in pair)

    def padded(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """Sizes of the padded input."""
        return tuple(None if n is None else n + lo + hi for n, (lo, hi) in zip(sizes, self.pads, strict=True))

    def output(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """Positions that the window takes along each axis of an input of these sizes."""
        return tuple(
            None if m is None else (m - e) // s + 1
            for m, e, s in zip(self.padded(sizes), self.extent, self.strides, strict=True)
        )

    def tensorflow_padding(self, sizes: Sequence[Size]) -> tuple[str, Pads]:
        """How to ask one of TensorFlow's own kernels for this window.

        Returns:
            `"SAME"`, where that gives these pads, else `"VALID"`; and the pads that are left to add beforehand.
        """
        same = tuple(same_pads(n, e, s) for n, e, s in zip(sizes, self.extent, self.strides, strict=True))
        if all(isinstance(side, int) for pair in (*self.pads, *same) for side in pair) and self.pads == same:
            return "SAME", ((0, 0),) * self.rank
        return "VALID", self.pads


def window(
    size: int | Sequence[int],
    sizes: Sequence[Size],
    *,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    dilation: int | Sequence[int] = 1,
    size_name: str = "kernel_size",
    caller: str = "window",
) -> Window:
    """The window that these arguments describe, for an input of spatial sizes `sizes`.

    Args:
        size: Taps of the window; one int for all axes, or one per axis.
        sizes: Spatial sizes of the input. For shape inference they may be `None`: the pads along such an axis are
            then of no use, and its output size is `None`.
        strides: Step of the window.
        padding: `"valid"`, `"same"`, `"causal"`, or whole numbers as in `standardize_padding`.
        dilation: Distance of neighbouring taps.
        size_name: What the caller's user calls `size`, for the error message.
        caller: Who asks, for the error message.

    Raises:
        ValueError: If an argument is malformed, or the window does not fit the padded input.

    Example:
        >>> window((3, 2), (8, 9), strides=2, padding="same").pads
        ((0, 1), (0, 1))
    """
    rank = len(sizes)
    size = standardize_tuple(size, rank, size_name, caller)
    strides = standardize_tuple(strides, rank, "strides", caller)
    dilation = standardize_tuple(dilation, rank, "dilation_rate", caller)
    padding = standardize_padding(padding, rank, caller)
    extents = [extent(k, d) for k, d in zip(size, dilation, strict=True)]
    if padding == "valid":
        pads: Pads = ((0, 0),) * rank
    elif padding == "causal":
        pads = tuple((e - 1, 0) for e in extents)
    elif padding == "same":
        pads = tuple(same_pads(0 if n is None else n, e, s) for n, e, s in zip(sizes, extents, strides, strict=True))
    else:
        pads = padding
    result = Window(size, strides, dilation, pads)
    for axis, (n, (lo, hi), e) in enumerate(zip(sizes, pads, extents, strict=True)):
        if isinstance(n, int) and isinstance(lo, int) and isinstance(hi, int) and n + lo + hi < e:
            raise ValueError(
                f"{caller}: the window must fit into the padded input. Along spatial axis {axis} it spans {e} "
                f"cells and the padded input has {n + lo + hi}. Received: {size_name}={size}, "
                f"dilation_rate={dilation}, padding={padding!r}, spatial sizes {tuple(sizes)}."
            )
    return result


def pool_window(
    size: int | Sequence[int],
    sizes: Sequence[Size],
    *,
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    dilation: int | Sequence[int] = 1,
    caller: str = "pool_window",
) -> Window:
    """As `window`, for pooling: the stride is by default the size, and no window may see padding alone.

    Raises:
        ValueError: If an argument is malformed, the window does not fit the padded input, or a pad is as wide as it.
    """
    strides = size if strides is None else strides
    result = window(
        size, sizes, strides=strides, padding=padding, dilation=dilation, size_name="pool_size", caller=caller
    )
    for axis, (pair, e) in enumerate(zip(result.pads, result.extent, strict=True)):
        if any(isinstance(side, int) and side >= e for side in pair):
            raise ValueError(
                f"{caller}: each pad must be smaller than the window, so that no window sees padding alone. Along "
                f"spatial axis {axis} the window spans {e} cells. Received: pool_size={result.size}, "
                f"dilation_rate={result.dilation}, padding={padding!r}."
            )
    return result


def extent(k: int, d: int) -> int:
    """Input cells that `k` taps at distance `d` span."""
    return (k - 1) * d + 1


def same_pads(n: Size, e: int, s: int) -> tuple[Size, Size]:
    """Pads of `"same"`: `ceil(n / s)` outputs, with the odd cell after, as TensorFlow does.

    With stride 1 they do not depend on `n`, so they are known even where `n` is not.
    """
    if s == 1:
        total: Size = e - 1
    else:
        outputs = (n + s - 1) // s  # ceil; of a positive number, since ONNX rounds negative quotients otherwise
        total = positive((outputs - 1) * s + e - n)
    return total // 2, total - total // 2


def is_zero(a: Size) -> bool:
    """Whether a size is known to be zero."""
    return isinstance(a, int) and a == 0


def positive(a: Size) -> Size:
    """`max(a, 0)`, for an int or a scalar tensor."""
    return max(a, 0) if isinstance(a, int) else (a + abs(a)) // 2


def standardize_tuple(value: Any, rank: int, name: str, caller: str, *, minimum: int = 1) -> tuple[int, ...]:
    """`value` as a tuple of `rank` ints, each at least `minimum`.

    Raises:
        ValueError: If it is something else.
    """
    values = (value,) * rank if _is_int(value) else value
    if (
        not isinstance(values, Sequence)
        or isinstance(values, str)
        or len(values) != rank
        or not all(_is_int(v) and v >= minimum for v in values)
    ):
        ints = f"an int or {rank} ints, each" if rank > 1 else "an int,"
        raise ValueError(f"{caller}: `{name}` must be {ints} at least {minimum}. Received: {name}={value!r}.")
    return tuple(int(v) for v in values)


def standardize_padding(padding: Any, rank: int, caller: str) -> Any:
    """`padding` as `"valid"`, `"same"`, `"causal"` or one `(before, after)` pair of ints per axis.

    Ints mean what they mean in `keras.layers.ZeroPadding1D`, `2D` and `3D`: one int pads every side of every
    axis; one int per axis pads both sides of that axis; a pair pads before and after. In one dimension `(1, 2)`
    is therefore one cell before and two after.

    Raises:
        ValueError: If it is none of these, or `"causal"` with more than one spatial axis.

    Example:
        >>> standardize_padding((1, (0, 2)), 2, "conv")
        ((1, 1), (0, 2))
    """
    if isinstance(padding, str):
        allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
        if padding.lower() in allowed:
            return padding.lower()
    else:
        one_pair = rank == 1 and _is_pair(padding)
        pads = standardize_pairs([padding] if one_pair else padding, rank)
        if pads is not None:
            return pads
    strings = '"valid", "same" or "causal"' if rank == 1 else '"valid" or "same"'
    raise ValueError(
        f"{caller}: `padding` must be {strings}, an int, or for each of the {rank} spatial axes an int or a "
        f"(before, after) pair, none of them negative. Received: padding={padding!r}."
    )


def standardize_pairs(value: Any, axes: int) -> Pads | None:
    """`value`, one int or for each of the axes an int or a pair of ints, as pairs; `None` if it is something else."""
    entries = [value] * axes if _is_int(value) else value
    if not isinstance(entries, Sequence) or len(entries) != axes:
        return None
    pairs = [(entry, entry) if _is_int(entry) else entry for entry in entries]
    return tuple((int(lo), int(hi)) for lo, hi in pairs) if all(map(_is_pair, pairs)) else None


def standardize_data_format(data_format: Any, caller: str) -> str:
    """`data_format` in lower case.

    Raises:
        ValueError: If it is neither `"channels_last"` nor `"channels_first"`.
    """
    if isinstance(data_format, str) and data_format.lower() in ("channels_last", "channels_first"):
        return data_format.lower()
    raise ValueError(
        f'{caller}: `data_format` must be "channels_last" or "channels_first". Received: data_format={data_format!r}.'
    )


def _is_int(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool) and getattr(value, "ndim", 0) == 0


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(_is_int(v) and v >= 0 for v in value)
