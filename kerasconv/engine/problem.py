"""A convolution's operation on tensors of known sizes: what there is to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kerasconv.geometry import Size, Window

_UNKNOWN_BATCH = 32
_UNKNOWN_SIZE = 64

_ADJOINT = {"forward": "input_gradient", "input_gradient": "forward", "kernel_gradient": "kernel_gradient"}


@dataclass(frozen=True)
class Problem:
    """An operation and its sizes; unknown ones are guessed.

    Attributes:
        operation: `"forward"`, `"input_gradient"` or `"kernel_gradient"`.
        batch: Examples.
        output: Output positions along each axis.
        window: The window.
        groups: Groups of channels.
        channels: Input channels of each group.
        filters: Output channels of each group.
        sized: Whether the number of output positions is known, and no guess.
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
        """Output positions of all examples."""
        return self.batch * math.prod(self.output)

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return math.prod(self.window.size)

    @property
    def depthwise(self) -> bool:
        """True if each group has one input channel only."""
        return self.groups > 1 and self.channels == 1

    @property
    def adjoint(self) -> Problem | None:
        """The same sums with the roles of inputs and outputs exchanged; `None` where the window has no adjoint.

        A convolution is the input gradient of the one with the adjoint window, and the other way round, with the kernel
        transposed; and its kernel gradient is the transposed one of that. An algorithm may have less to do on one side
        than on the other.
        """
        window = self.window.adjoint
        if self.taps == 1 or self.depthwise or not window:
            return None
        output = self.window.input(self.output)
        operation = _ADJOINT[self.operation]
        return Problem(operation, self.batch, output, window, self.groups, self.filters, self.channels, self.sized)


@dataclass(frozen=True)
class Workspace:
    """The numbers that an algorithm stores beside its tensors.

    Attributes:
        per_example: Those for each example.
        fixed: Those for the kernel in another form, whatever the number of examples.
    """

    per_example: float = 0
    fixed: float = 0


def problem(
    operation: str,
    batch: Size,
    output: Sequence[Size],
    window: Window,
    groups: int,
    channels: int,
    filters: int,
) -> Problem:
    """Returns the problem with these sizes, each an int where it is known; channels and filters of a group."""
    batch = batch if isinstance(batch, int) else _UNKNOWN_BATCH
    known = tuple(o if isinstance(o, int) else _UNKNOWN_SIZE for o in output)
    sized = all(isinstance(o, int) for o in output)
    return Problem(operation, batch, known, window, groups, channels, filters, sized)
