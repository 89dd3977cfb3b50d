"""The positions of a sliding window, and the checks that its loops need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasconv.geometry import extent, standardize_tuple


def output_size(caller: str, n: int, f: int, stride: int, pad: int = 0) -> int:
    """Positions of a window of `f` elements: the tutorial's `floor((n - f + 2 pad) / stride) + 1`.

    Raises:
        ValueError: If the window does not fit.
    """
    if extent(f, 1) > n + 2 * pad:
        raise ValueError(
            f"{caller}: the window must fit into the padded input. "
            f"Received: a window of {f} elements and {n + 2 * pad} padded elements."
        )
    return (n - f + 2 * pad) // stride + 1


def windows(n_h: int, n_w: int, f_h: int, f_w: int, stride: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Each position `(h, w)` of the window, with the rows and the columns that it covers there."""
    for h in range(n_h):
        for w in range(n_w):
            vert_start, horiz_start = h * stride, w * stride
            yield h, w, slice(vert_start, vert_start + f_h), slice(horiz_start, horiz_start + f_w)


def hyperparameters(caller: str, hparameters: dict[str, int], **minimum: int) -> list[int]:
    """The values of `hparameters` by these names, checked.

    Raises:
        ValueError: If one is missing, no int, or below its minimum.
    """
    missing = [name for name in minimum if name not in hparameters]
    if missing:
        raise ValueError(
            f"{caller}: `hparameters` must have {', '.join(map(repr, minimum))}. Received: hparameters={hparameters}."
        )
    return [standardize_tuple(hparameters[name], 1, name, caller, minimum=low)[0] for name, low in minimum.items()]


def check_shape(caller: str, name: str, array: np.ndarray[Any, Any], expected: tuple[int | None, ...]) -> None:
    """Raises unless `array` has the expected shape, in which `None` stands for any size.

    Raises:
        ValueError: If it has another.
    """
    shape = np.shape(array)
    if len(shape) != len(expected) or any(e not in (None, n) for n, e in zip(shape, expected, strict=True)):
        wanted = ", ".join("any" if e is None else str(e) for e in expected)
        raise ValueError(f"{caller}: `{name}` must have the shape ({wanted}). Received: shape {shape}.")
