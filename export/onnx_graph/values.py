"""A tensor of the Keras graph as it stands in the ONNX graph, in one or both orders of its axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

Shape = tuple[int | None, ...]


@dataclass(eq=False)
class Value:
    """A tensor with the shape that Keras knows, and what holds it in ONNX.

    Keras' tensors have their channels last. ONNX' windows slide over tensors with their channels at axis 1. So a tensor
    of three axes or more is kept in the order in which it comes, and put into the other one when somebody asks: once,
    and not at all if nobody does. With less than three axes both are the same.

    Attributes:
        shape: The shape as Keras has it, `None` for what is not known.
        dtype: The dtype, by name.
        made: What holds it so far: with the channels at axis 1 (`True`), and as Keras has it (`False`).
        make: Makes what is not there yet, given which of the two is wanted.
        flattened: The tensor of which this is the flattened form, if it is one.
    """

    shape: Shape
    dtype: str
    made: dict[bool, ir.Value]
    make: Callable[[bool], ir.Value] | None = None
    flattened: Value | None = None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def channels_first(self) -> bool:
        """Whether it can be had with its channels at axis 1 without work, and not as Keras has it."""
        return self.rank > 2 and True in self.made and False not in self.made


def physical_axis(axis: int, rank: int, channels_first: bool) -> int:
    """Where an axis of a Keras tensor stands in ONNX.

    Example:
        >>> [physical_axis(axis, 4, True) for axis in range(4)]
        [0, 2, 3, 1]
    """
    axis %= rank
    if not channels_first or rank < 3 or axis == 0:
        return axis
    return 1 if axis == rank - 1 else axis + 1


def order(rank: int, channels_first: bool) -> list[int]:
    """The axes of a Keras tensor in the order in which ONNX has them.

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
    """A shape in that order."""
    return tuple(shape[axis] for axis in order(len(shape), channels_first))
