"""Tensors of the Keras graph in the ONNX graph, in one or both orders of their axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

Shape = tuple[int | None, ...]


@dataclass(eq=False)
class Value:
    """A tensor with its shape in Keras and its values in ONNX.

    Keras has the channels last, but ONNX' convolutions and poolings need them at axis 1. A tensor of three axes or more
    is kept in the order in which it was computed. It is transposed to the other order when an operation first requests
    that. With fewer than three axes both orders are the same.

    Attributes:
        shape: The shape in Keras, with `None` for unknown sizes.
        dtype: The name of the dtype.
        onnx: The ONNX values that exist so far, by whether they have the channels at axis 1.
        make: Creates the ONNX value in the requested order; `None` for a transposition of the other one.
        flattened: The tensor that was flattened to this one, if any.
    """

    shape: Shape
    dtype: str
    onnx: dict[bool, ir.Value]
    make: Callable[[bool], ir.Value] | None = None
    flattened: Value | None = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def channels_first(self) -> bool:
        """`True` if the tensor exists with its channels at axis 1 only."""
        return self.rank > 2 and True in self.onnx and False not in self.onnx


def physical_axis(axis: int, rank: int, channels_first: bool) -> int:
    """Returns the axis in ONNX for an axis of a Keras tensor.

    Example:
        >>> [physical_axis(axis, 4, True) for axis in range(4)]
        [0, 2, 3, 1]
    """
    axis %= rank
    if not channels_first or rank < 3 or axis == 0:
        return axis
    return 1 if axis == rank - 1 else axis + 1


def order(rank: int, channels_first: bool) -> list[int]:
    """Returns the axes of a Keras tensor in the order of the ONNX tensor.

    Example:
        >>> order(4, True)
        [0, 3, 1, 2]
    """
    return [0, rank - 1, *range(1, rank - 1)] if channels_first and rank > 2 else list(range(rank))


def known_sizes(sizes: Shape) -> tuple[int, ...] | None:
    """Returns the sizes if all of them are known, and `None` otherwise."""
    known = tuple(n for n in sizes if n is not None)
    return known if len(known) == len(sizes) else None


def arranged(shape: Shape, channels_first: bool) -> Shape:
    """Returns a shape in the order of the ONNX tensor."""
    return tuple(shape[axis] for axis in order(len(shape), channels_first))
