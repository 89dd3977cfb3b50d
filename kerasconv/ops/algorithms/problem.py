"""One of the three operations on tensors of known shape: what there is to do, and about how long it takes.

The rates are those of two cores of a current server processor, in float32; `python -m benchmarks.algorithms` measures
what each algorithm takes beside what is estimated here. Only the order of the estimates matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kerasconv.geometry import Size, Window

_PRODUCTS = 4e11  # floating-point operations in a second, in a large product of matrices
_NUMBERS = 1.5e10  # numbers read or written in a second
_CALL = 3e-5  # seconds that each product takes, however small
_SMALLEST_FACTOR = 32  # the width from which on a product of matrices runs at full speed
_UNKNOWN_BATCH = 32
_UNKNOWN_SIZE = 64


@dataclass(frozen=True)
class Problem:
    """An operation and its sizes; unknown ones are guessed.

    Attributes:
        operation: `"forward"`, `"input_gradient"` or `"kernel_gradient"`.
        batch: Examples.
        output: Positions of the window along each axis.
        window: The window.
        groups: Groups of channels.
        channels: Input channels of each group.
        filters: Output channels of each group.
        sized: Whether the number of positions is known, and no guess.
    """

    operation: str
    batch: int
    output: tuple[int, ...]
    window: Window
    groups: int
    channels: int
    filters: int
    sized: bool = True

    @property
    def positions(self) -> int:
        """Positions of the window, of all examples."""
        return self.batch * math.prod(self.output)

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return math.prod(self.window.size)

    @property
    def mirrored(self) -> Problem | None:
        """The same sums with the roles of inputs and outputs exchanged.

        A convolution in steps of one is the input gradient of another, whose kernel is mirrored, and the other way
        round; and its kernel gradient is the mirrored one of that other. What an algorithm lays out of one side may be
        less of the other.
        """
        window, exchanged = self.window.mirrored, {"forward": "input_gradient", "input_gradient": "forward"}
        if self.taps == 1 or self.depthwise or not window:
            return None
        operation = exchanged.get(self.operation, self.operation)
        output = self.window.input(self.output)
        return Problem(operation, self.batch, output, window, self.groups, self.filters, self.channels, self.sized)

    @property
    def depthwise(self) -> bool:
        """Whether each group has but one input channel."""
        return self.groups > 1 and self.channels == 1


def problem(
    operation: str,
    batch: Size,
    output: Sequence[Size],
    window: Window,
    groups: int,
    channels: int,
    filters: int,
) -> Problem:
    """The problem with these sizes, each an int where it is known."""
    batch = batch if isinstance(batch, int) else _UNKNOWN_BATCH
    known = tuple(o if isinstance(o, int) else _UNKNOWN_SIZE for o in output)
    sized = all(isinstance(o, int) for o in output)
    return Problem(operation, batch, known, window, groups, channels, filters, sized)


def seconds(operations: float, narrowest: float, numbers: float, products: int = 1) -> float:
    """About how long products of matrices and passes over memory take.

    Args:
        operations: Floating-point operations of the products.
        narrowest: The smallest size of their matrices.
        numbers: What is read and written besides.
        products: How many products of matrices there are.
    """
    return operations / (_PRODUCTS * min(1, narrowest / _SMALLEST_FACTOR)) + numbers / _NUMBERS + products * _CALL
