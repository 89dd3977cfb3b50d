"""The geometry of sliding windows: sizes, strides, dilations, pads. Integers only, no TensorFlow.

This is the one place where padding strings turn into numbers and where output sizes are computed. A size is
an `int` where it is known and a scalar integer tensor where it is not; every formula below serves both, so
that a graph with unknown sizes is built by the same lines as one with known ones.

Notation, per spatial axis: input size `n`, kernel size `k`, dilation `d`, stride `s`, pads `lo` and `hi`,
extent `e = (k - 1) d + 1` (the input elements that a window spans), output size `o = (n + lo + hi - e) // s + 1`.
The tutorial's formula is the case `d = 1`, `lo = hi = pad`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Size: TypeAlias = Any
"""An `int`; a scalar integer tensor where it is known only when the graph runs; `None` in shape inference."""

Pads: TypeAlias = tuple[tuple[Size, Size], ...]
"""`(before, after)` for each axis, never negative."""


@dataclass(frozen=True)
class Window:
    """A window that slides over the spatial axes of a tensor: everything about it that is not data.

    Attributes:
        size: Elements of the window (taps) along each spatial axis.
        strides: Input elements between neighbouring positions of the window.
        dilation: Input elements between neighbouring taps of the window.
        pads: Elements added before and after each spatial axis.
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
        """Input elements that the window spans along each axis: `(k - 1) d + 1`."""
        return tuple(extent(k, d) for k, d in zip(self.size, self.dilation, strict=True))

    @property
    def uniform(self) -> bool:
        """True if the window is known never to see padding, so that all its positions have equally many elements."""
        return all(is_zero(side) for pair in self.pads for side in pair)

    @property
    def without_pads(self) -> Window:
        """This window, for an input that is padded already."""
        return replace(self, pads=((0, 0),) * self.rank)

    @property
    def moving(self) -> tuple[bool, ...]:
        """For each axis, true if the window does more than see each element once."""
        axes = zip(self.size, self.strides, self.pads, strict=True)
        return tuple(k > 1 or s > 1 or not all(map(is_zero, pair)) for k, s, pair in axes)

    def along(self, axis: int) -> Window:
        """This window along one spatial axis, counted from 0, with one tap along the others."""

        def only(of_axes: tuple[Any, ...], otherwise: Any) -> tuple[Any, ...]:
            return tuple(entry if a == axis else otherwise for a, entry in enumerate(of_axes))

        return Window(only(self.size, 1), only(self.strides, 1), only(self.dilation, 1), only(self.pads, (0, 0)))

    @property
    def adjoint(self) -> Window | None:
        """The window that, sliding over the output, sees which output positions an input position contributes to.

        With it and the kernel transposed (see `kerasconv.arithmetic.groups`), the input gradient of a convolution is a
        convolution. `None` where there is none: it takes strides of 1 and pads smaller than the window.
        """
        sides = [(e - 1, side) for e, pair in zip(self.extent, self.pads, strict=True) for side in pair]
        if max(self.strides) > 1 or not all(isinstance(side, int) and side <= most for most, side in sides):
            return None
        pads = tuple((e - 1 - lo, e - 1 - hi) for e, (lo, hi) in zip(self.extent, self.pads, strict=True))
        return Window(self.size, self.strides, self.dilation, pads)

    def padded(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """Sizes of the padded input."""
        return tuple(None if n is None else n + lo + hi for n, (lo, hi) in zip(sizes, self.pads, strict=True))

    def output(self, sizes: Sequence[Size]) -> tuple[Size, ...]:
        """Positions that the window takes along each axis of an input of these sizes."""
        return tuple(
            None if m is None else (m - e) // s + 1
            for m, e, s in zip(self.padded(sizes), self.extent, self.strides, strict=True)
        )

    def input(self, positions: Sequence[Size]) -> tuple[Size, ...]:
        """The smallest input in which the window takes so many positions: the inverse of `output`."""
        return tuple(
            None if o is None else (o - 1) * s + e - lo - hi
            for o, e, s, (lo, hi) in zip(positions, self.extent, self.strides, self.pads, strict=True)
        )

    def tensorflow_padding(self, sizes: Sequence[Size]) -> tuple[str, Pads]:
        """Padding arguments of TensorFlow's own kernels for this window.

        Returns:
            `"SAME"`, where that gives these pads, else `"VALID"`; and the pads that are left to add beforehand.
        """
        same = tuple(same_pads(n, e, s) for n, e, s in zip(sizes, self.extent, self.strides, strict=True))
        if all(isinstance(side, int) for pair in (*self.pads, *same) for side in pair) and self.pads == same:
            return "SAME", ((0, 0),) * self.rank
        return "VALID", self.pads


@dataclass(frozen=True)
class AdaptiveWindow:
    """Windows that divide an axis: of `n` elements position `i` of `o` sees `floor(i n / o)` to `ceil((i + 1) n / o)`.

    Neighbouring windows may overlap by one element, and may differ in size by one. The windows that see an element are
    given by the same formula with `n` and `o` exchanged, so that reading and its adjoint have one form.

    Source: the documentation of PyTorch's `AdaptiveAvgPool2d` leaves the formula open; it is `start_index` and
    `end_index` in its `aten/src/ATen/native/AdaptivePooling.h`.

    Attributes:
        positions: Windows along each axis, which is the size of the output.
        sizes: Elements along each axis.
    """

    positions: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.positions)

    @property
    def size(self) -> tuple[int, ...]:
        """Elements of the largest window along each axis."""
        return tuple(
            max(len(elements) for elements in shares(n, o)) for n, o in zip(self.sizes, self.positions, strict=True)
        )

    @property
    def uniform(self) -> bool:
        """True if all windows are of one size."""
        return all(n % o == 0 for n, o in zip(self.sizes, self.positions, strict=True))

    @property
    def moving(self) -> tuple[bool, ...]:
        """For each axis whether there are other windows than one for each element."""
        return tuple(n != o for n, o in zip(self.sizes, self.positions, strict=True))

    def output(self, sizes: Sequence[Size]) -> tuple[int, ...]:
        """Positions along each axis, whatever the sizes."""
        return self.positions


def shares(n: int, o: int) -> list[range]:
    """The elements of each of the `o` windows among which an `AdaptiveWindow` shares out `n` elements."""
    return [range(i * n // o, -(-(i + 1) * n // o)) for i in range(o)]


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
                f"{caller}: the window must fit into the padded input. Computed output size would be zero or negative. "
                f"Along spatial axis {axis} it spans {e} elements and the padded input has {n + lo + hi}. "
                f"Received: {size_name}={size}, dilation_rate={dilation}, padding={padding!r}, "
                f"spatial sizes {tuple(sizes)}."
            )
    return result


def pool_window(
    size: int | Sequence[int],
    sizes: Sequence[Size],
    *,
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    caller: str = "pool_window",
) -> Window:
    """As `window`, for pooling: the stride is by default the size, and no window may see padding alone.

    With `ceil_mode` the pads after grow so that elements at the end get a window which the stride would have left out,
    unless that window would see padding alone. This is PyTorch's rule: the last window must start in the input or in
    the padding before it.

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
                f"spatial axis {axis} the window spans {e} elements. Received: pool_size={result.size}, "
                f"dilation_rate={result.dilation}, padding={padding!r}."
            )
    if ceil_mode:
        pads = tuple(
            (lo, hi if n is None else hi + _completion(n + lo + hi - e, s, e - hi))
            for n, (lo, hi), e, s in zip(sizes, result.pads, result.extent, result.strides, strict=True)
        )
        return replace(result, pads=pads)
    return result


def _completion(rest: Size, s: int, limit: Size) -> Size:
    """Returns the elements that an axis lacks for one more position, if fewer than `limit`, else zero.

    Behind its first position the axis has `rest` elements.
    """
    missing = (s - rest % s) % s
    room = limit - missing
    return missing * (positive(room) - positive(room - 1))  # the difference is 1 where there is room, else 0


def transposed_window(
    size: int | Sequence[int],
    rank: int,
    *,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    output_padding: int | Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    size_name: str = "kernel_size",
    caller: str = "transposed_window",
) -> tuple[Window, tuple[int, ...]]:
    """The convolution whose input gradient is this transposed convolution.

    Let `(o - 1) s + e` be the length that `o` inputs write to. A transposed convolution crops it before and after; by
    how much is what its padding says:

    - whole numbers: as many elements as the convolution padded, less `output_padding` after, as in PyTorch;
    - `"valid"`: nothing, and appends `output_padding`, by default what a stride beyond the kernel leaves out;
    - `"same"`: what makes the length `o s`, or with `output_padding` `(o - 1) s + e % 2 + output_padding`, as in Keras.

    Args:
        size: Taps of the window.
        rank: The number of spatial axes.
        strides: Step of the window.
        padding: `"valid"`, `"same"`, or whole numbers as in `standardize_padding`.
        output_padding: Elements by which the output is longer at the end.
        dilation: Distance of neighbouring taps.
        size_name: What the caller's user calls `size`, for the error message.
        caller: Who asks, for the error message.

    Returns:
        The window, and for each axis how many zeros to append where it says to crop less than nothing.

    Raises:
        ValueError: If an argument is malformed.

    Example:
        >>> transposed_window(3, 1, strides=2, padding="same")
        (Window(size=(3,), strides=(2,), dilation=(1,), pads=((0, 1),)), (0,))
    """
    size = standardize_tuple(size, rank, size_name, caller)
    strides = standardize_tuple(strides, rank, "strides", caller)
    dilation = standardize_tuple(dilation, rank, "dilation_rate", caller)
    padding = standardize_padding(padding, rank, caller, causal=False)
    extras: Sequence[int | None] = (None,) * rank
    if output_padding is not None:
        extras = standardize_tuple(output_padding, rank, "output_padding", caller, minimum=0)
        if any(a >= max(s, d) for a, s, d in zip(extras, strides, dilation, strict=True) if a is not None):
            raise ValueError(
                f"{caller}: `output_padding` must be strictly less than `strides` or `dilation_rate` along each axis. "
                f"Received: output_padding={extras}, strides={strides}, dilation_rate={dilation}."
            )
    crops = []
    for axis, (k, s, d, extra) in enumerate(zip(size, strides, dilation, extras, strict=True)):
        e = extent(k, d)
        if padding == "valid":
            crops.append((0, min(e - s, 0) if extra is None else -extra))
        elif padding == "same":
            total = e - s if extra is None else e - e % 2 - extra
            crops.append((positive(total) // 2, total - positive(total) // 2))
        else:
            lo, hi = padding[axis]
            crops.append((lo, hi - (extra or 0)))
    pads = tuple((lo, positive(hi)) for lo, hi in crops)
    return Window(size, strides, dilation, pads), tuple(positive(-hi) for _, hi in crops)


def unpool_window(
    size: int | Sequence[int], rank: int, *, strides: Any = None, padding: Any = "valid", caller: str = "unpool_window"
) -> Window:
    """The window of a pooling that is undone: as `transposed_window`, with the size for a default stride.

    Raises:
        ValueError: If an argument is malformed.
    """
    strides = size if strides is None else strides
    same = isinstance(padding, str) and padding.lower() == "same"
    result, _ = transposed_window(
        size,
        rank,
        strides=strides,
        padding=padding,
        output_padding=None if same else 0,
        size_name="pool_size",
        caller=caller,
    )
    return result


def adaptive_window(output_size: Any, sizes: Sequence[Size], caller: str = "adaptive_window") -> AdaptiveWindow:
    """Windows that share out axes of sizes `sizes` into `output_size` positions each; `None` keeps an axis' size.

    Raises:
        ValueError: If an argument is malformed, or a size is not known.

    Example:
        >>> adaptive_window(3, [7]).size
        (3,)
    """
    rank = len(sizes)
    if not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            f"{caller}: the spatial sizes of `inputs` must be known and not zero. For an output of size 1 global "
            f"pooling takes any. Received: sizes {tuple(n if isinstance(n, int) else None for n in sizes)}."
        )
    entries = [output_size] * rank if output_size is None or is_int(output_size) else output_size
    if isinstance(entries, Sequence) and len(entries) == rank:
        entries = [n if o is None else o for n, o in zip(sizes, entries, strict=True)]
    return AdaptiveWindow(standardize_tuple(entries, rank, "output_size", caller), tuple(sizes))


def extent(k: int, d: int) -> int:
    """Input elements that `k` taps at distance `d` span."""
    return (k - 1) * d + 1


def same_pads(n: Size, e: int, s: int) -> tuple[Size, Size]:
    """Pads of `"same"`: `ceil(n / s)` outputs, with the odd element after, as TensorFlow does.

    With stride 1 they do not depend on `n`, so they are known even where `n` is not.
    """
    if s == 1:
        total: Size = e - 1
    else:
        outputs = (n + s - 1) // s  # ceil; of a positive number, since ONNX rounds negative quotients otherwise
        total = positive((outputs - 1) * s + e - n)
    return total // 2, total - total // 2


def is_zero(a: Size) -> bool:
    """Returns whether a size is known to be zero."""
    return isinstance(a, int) and a == 0


def positive(a: Size) -> Size:
    """`max(a, 0)`, for an int or a scalar tensor."""
    return max(a, 0) if isinstance(a, int) else (a + abs(a)) // 2


def standardize_tuple(value: Any, rank: int, name: str, caller: str, *, minimum: int = 1) -> tuple[int, ...]:
    """`value` as a tuple of `rank` ints, each at least `minimum`.

    Raises:
        ValueError: If it is something else.
    """
    values = (value,) * rank if is_int(value) else value
    if (
        not (hasattr(values, "__len__") and hasattr(values, "__iter__"))  # a TensorShape or an array, too
        or isinstance(values, str)
        or len(values) != rank
        or not all(is_int(v) and v >= minimum for v in values)
    ):
        ints = f"an int or {rank} ints, each" if rank > 1 else "an int,"
        raise ValueError(f"{caller}: `{name}` must be {ints} at least {minimum}. Received: {name}={value!r}.")
    return tuple(int(v) for v in values)


def standardize_padding(padding: Any, rank: int, caller: str, *, causal: bool = True) -> Any:
    """`padding` as `"valid"`, `"same"`, `"causal"` or one `(before, after)` pair of ints per axis.

    Ints mean what they mean in `keras.layers.ZeroPadding1D`, `2D` and `3D`: one int pads every side of every
    axis; one int per axis pads both sides of that axis; a pair pads before and after. In one dimension `(1, 2)`
    is therefore one element before and two after.

    Raises:
        ValueError: If it is none of these, or `"causal"` with more than one spatial axis or if not `causal`.

    Example:
        >>> standardize_padding((1, (0, 2)), 2, "conv")
        ((1, 1), (0, 2))
    """
    if isinstance(padding, str):
        allowed = ("valid", "same", "causal") if causal and rank == 1 else ("valid", "same")
        if padding.lower() in allowed:
            return padding.lower()
    else:
        one_pair = rank == 1 and _is_pair(padding)
        pads = standardize_pairs([padding] if one_pair else padding, rank)
        if pads is not None:
            return pads
    strings = '"valid", "same" or "causal"' if causal and rank == 1 else '"valid" or "same"'
    raise ValueError(
        f"{caller}: `padding` must be {strings}, an int, or for each of the {rank} spatial axes an int or a "
        f"(before, after) pair, none of them negative. Received: padding={padding!r}."
    )


def standardize_pairs(value: Any, axes: int, minimum: int | None = 0) -> Pads | None:
    """`value`, one int or for each of the axes an int or a pair of ints, as pairs; `None` if it is something else."""
    entries = [value] * axes if is_int(value) else value
    if not isinstance(entries, Sequence) or len(entries) != axes:
        return None
    pairs = [(entry, entry) if is_int(entry) else entry for entry in entries]
    return tuple((int(lo), int(hi)) for lo, hi in pairs) if all(_is_pair(p, minimum) for p in pairs) else None


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


def is_int(value: Any) -> bool:
    """Returns whether a value is an integer, of Python or NumPy, and no truth value."""
    return hasattr(value, "__index__") and not isinstance(value, bool) and getattr(value, "ndim", 0) == 0


def _is_pair(value: Any, minimum: int | None = 0) -> bool:
    in_range = isinstance(value, Sequence) and all(is_int(v) and (minimum is None or v >= minimum) for v in value)
    return in_range and len(value) == 2
