"""PyTorch: the same convolution or pooling, with tensors that are channels-last in memory.

Strided "same" windows lie one cell off, since PyTorch pads both sides alike; the work is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (as everyone calls it)

from benchmarks.data import Data
from benchmarks.shapes import Pool


def prepare(data: Data, direction: str) -> Callable[[], Any]:
    """Returns a function that computes one direction of a case."""
    x = tensor(data, data.x)
    function, kernel = pooling(data) if isinstance(data.case, Pool) else convolution(data)
    if direction == "forward":

        def forward() -> torch.Tensor:
            with torch.no_grad():
                return function(x)

        return forward
    targets = {"input_gradient": [x], "kernel_gradient": [kernel], "both_gradients": [x, kernel]}[direction]
    for target in targets:
        target.requires_grad_()
    y, dy = function(x), tensor(data, data.dy)
    return lambda: torch.autograd.grad(y, targets, dy, retain_graph=True)


def tensor(data: Data, array: np.ndarray) -> torch.Tensor:
    """A channels-last array as a tensor `(batch, channels, *spatial)`, laid out as the case says."""
    found = torch.from_numpy(array).movedim(-1, 1)
    return found if data.case.data_format == "channels_last" else found.contiguous()


def pooling(data: Data) -> tuple[Callable[[torch.Tensor], torch.Tensor], None]:
    """PyTorch's function for a pooling."""
    case = data.case
    padding = [(k - 1) // 2 if case.padding == "same" else 0 for k in case.size]
    function = getattr(F, f"{case.operation}_pool{case.rank}d")
    options = {} if case.operation == "max" else {"count_include_pad": False}
    return lambda x: function(x, case.size, case.strides, padding, **options), None


def convolution(data: Data) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor]:
    """PyTorch's function for a convolution, and its kernel."""
    case = data.case
    kernel = torch.from_numpy(data.w).permute(-1, -2, *range(case.rank))
    if case.data_format == "channels_last" and case.rank > 1:
        kernel = kernel.contiguous(memory_format=torch.channels_last if case.rank == 2 else torch.channels_last_3d)
    else:
        kernel = kernel.contiguous()
    options: dict[str, Any] = {"stride": case.strides, "groups": case.groups, "dilation": case.dilation}
    if case.transposed:
        padding = [
            max(k - s, 0) // 2 if case.padding == "same" else 0 for k, s in zip(case.size, case.strides, strict=True)
        ]
        function = getattr(F, f"conv_transpose{case.rank}d")
    else:
        padding = [(k - 1) * case.dilation // 2 if case.padding == "same" else 0 for k in case.size]
        function = getattr(F, f"conv{case.rank}d")
    return lambda x: function(x, kernel, padding=padding, **options), kernel
