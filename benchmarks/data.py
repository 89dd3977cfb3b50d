"""The numbers that a case is run on: the same for every contender, drawn from a seeded generator."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from benchmarks.shapes import Conv, Pool


class Data:
    """Input, kernel and gradient of the output of a case, channels-last, as NumPy arrays.

    Args:
        case: The case.
    """

    def __init__(self, case: Conv | Pool):
        self.case = case
        self._generator = np.random.default_rng(0)

    def _normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._generator.standard_normal(shape, "float32").astype(self.case.dtype, copy=False)

    @cached_property
    def x(self) -> np.ndarray:
        """The input."""
        return self._normal(self.case.x)

    @cached_property
    def w(self) -> np.ndarray:
        """The kernel, such that outputs are of the size of inputs."""
        return self._normal(self.case.w) / np.asarray(math.sqrt(math.prod(self.case.w[:-1])), self.case.dtype)

    @cached_property
    def dy(self) -> np.ndarray:
        """The gradient of the output."""
        return self._normal(self.case.y)

    def laid_out(self, array: np.ndarray) -> np.ndarray:
        """An input or output in the case's data format."""
        return np.ascontiguousarray(np.moveaxis(array, -1, 1)) if self.case.data_format == "channels_first" else array
