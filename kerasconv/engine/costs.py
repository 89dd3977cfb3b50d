"""Time and memory of each algorithm: the table from which `auto` chooses.

The rates are those of two cores of a current server processor, in float32, and the factors were fitted to measurements
that `python -m benchmarks.algorithms` repeats. Only the order of the estimates matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from kerasconv.arithmetic import depthwise, direct, fft, im2col, native
from kerasconv.arithmetic.convolution import Algorithm
from kerasconv.arithmetic.depthwise import PIECES
from kerasconv.arithmetic.winograd import Winograd, blocks_of
from kerasconv.engine.fusion import Fused
from kerasconv.engine.problem import Problem, Workspace
from kerasconv.geometry import Window

_PRODUCTS = 4e11  # floating-point operations in a second, in a large product of matrices
_NUMBERS = 1.5e10  # numbers read or written in a second
_CALL = 3e-5  # seconds that each product takes, however small
_SMALLEST_FACTOR = 32  # the width from which on a product of matrices runs at full speed
_VECTOR = 16  # numbers that one instruction handles

_WINOGRAD_OVERHEAD = 2.6  # time of its products, which are many and small, over that of one large one
_WINOGRAD_PASSES = 7.5  # over each transformed tensor
_WINOGRAD_LIVE = 2.4  # transformed outputs that are there at the same time


@dataclass(frozen=True)
class Candidate:
    """An algorithm with its costs.

    Attributes:
        name: The name by which it is asked for.
        algorithm: The three operations.
        seconds: Estimates the time of a problem.
        workspace: Estimates the memory of a problem, beside its tensors.
        refusal: Returns the reason why it cannot take a window, groups and channels of a group, or `None` if it can.
        fused: Returns the part of it that is better compiled.
        pads_first: Pads the input in an operation of its own if true, since a compiled gather that makes the pads takes
            twice as long.
        row_step: The number of rows that it computes at once.
    """

    name: str
    algorithm: Algorithm
    seconds: Callable[[Problem], float]
    workspace: Callable[[Problem], Workspace]
    refusal: Callable[[Window, int, int], str | None] = lambda window, groups, channels: None
    fused: Callable[[Problem], Fused] = lambda p: Fused.ALL
    pads_first: bool = False
    row_step: int = 1


def _seconds(operations: float, narrowest: float, numbers: float, products: int = 1) -> float:
    """Returns about how long products of matrices and passes over memory take.

    Args:
        operations: Floating-point operations of the products.
        narrowest: The smallest size of their matrices.
        numbers: What is read and written besides.
        products: How many products of matrices there are.
    """
    return operations / (_PRODUCTS * min(1, narrowest / _SMALLEST_FACTOR)) + numbers / _NUMBERS + products * _CALL


def _multiply_adds(p: Problem) -> float:
    return p.taps * p.positions * p.groups * p.channels * p.filters


def _per_example(p: Problem) -> int:
    """Output positions of an example, in all groups."""
    return math.prod(p.output) * p.groups


# direct: each tap is gathered, multiplied, and added up


def _direct_seconds(p: Problem) -> float:
    moved = 3 * p.channels + (2 if p.operation == "forward" else 1) * p.filters
    numbers = p.taps * p.positions * p.groups * moved
    return _seconds(2 * _multiply_adds(p), min(p.channels, p.filters), numbers, p.taps)


def _direct_workspace(p: Problem) -> Workspace:
    """The products of all taps, which wait to be added up; or what each tap sees."""
    return Workspace(p.taps * _per_example(p) * (p.filters if p.operation == "forward" else p.channels))


# depthwise: each tap is read, multiplied, and added up


def _depthwise_seconds(p: Problem) -> float:
    return _seconds(0, 1, 4 * p.taps * p.positions * p.groups * p.filters)


def _depthwise_workspace(p: Problem) -> Workspace:
    """The products of a kernel gradient, added up once."""
    return Workspace(p.taps * _per_example(p) * p.filters / PIECES if p.operation == "kernel_gradient" else 0)


def _depthwise_refusal(window: Window, groups: int, channels: int) -> str | None:
    return None if groups > 1 and channels == 1 else "it takes one channel in each of several groups only"


# im2col: the columns are written once and read once


def _im2col_seconds(p: Problem) -> float:
    columns = p.taps * p.positions * p.groups * p.channels
    operations = 2 * columns * p.filters
    if p.taps == 1 and max(p.window.strides) == 1:
        return _seconds(operations, min(p.channels, p.filters), 0)
    layouts = 3 if p.operation == "input_gradient" else 2
    outputs = p.positions * p.groups * p.filters
    return _seconds(operations, min(p.taps * p.channels, p.filters), layouts * columns + 2 * outputs)


def _im2col_workspace(p: Problem) -> Workspace:
    """The columns."""
    return Workspace(p.taps * _per_example(p) * p.channels if p.taps > 1 else 0)


def _im2col_fused(p: Problem) -> Fused:
    """TensorFlow's own gather of the columns takes about as long for one number as for a vector of them."""
    if p.operation == "input_gradient":
        return Fused.ALL
    if p.channels >= _VECTOR:
        return Fused.NOTHING
    return Fused.ALL_BUT_RESHAPES


# winograd: transforms, and a product for each point


def _winograd_seconds(p: Problem, tile: int) -> float:
    points, channels = _winograd_points(p.window, tile), _winograd_channels(p)
    tiles = p.batch * _winograd_tiles(p, tile)
    operations = _WINOGRAD_OVERHEAD * points * tiles * channels * p.filters
    moved = tiles * (channels + p.filters) + channels * p.filters
    narrowest = min(channels, p.filters) / 2  # what is narrow makes small products slower than large ones
    overlapping = 1.1 if p.operation == "input_gradient" else 1  # its tiles are added up
    return p.groups * overlapping * _seconds(operations, narrowest, _WINOGRAD_PASSES * points * moved, 3)


def _winograd_workspace(p: Problem, tile: int) -> Workspace:
    """Transformed inputs and outputs, or one of these and what its axes have been transformed to before."""
    channels, filters = _winograd_channels(p), p.filters
    live = max(channels + filters, 2 * channels, _WINOGRAD_LIVE * filters)
    if p.operation == "kernel_gradient":
        live = 2 * channels + filters
    points = p.groups * _winograd_points(p.window, tile)
    return Workspace(points * _winograd_tiles(p, tile) * live, points * channels * filters)


def _winograd_refusal(window: Window, groups: int, channels: int) -> str | None:
    if max(window.strides) > 1 or max(window.dilation) > 1:
        return "it takes strides and dilations of 1 only"
    if max(window.size) == 1:
        return "a kernel of one tap has nothing to save"
    return None if window.adjoint else "it takes pads smaller than the kernel only"


def _winograd_tiles(p: Problem, tile: int) -> int:
    """Tiles of an example."""
    return math.prod(-(-o // tile) if k > 1 else o for o, k in zip(p.output, p.window.size, strict=True))


def _winograd_points(window: Window, tile: int) -> int:
    return math.prod(tile + 2 if k > 1 else 1 for k in window.size)


def _winograd_channels(p: Problem) -> int:
    return p.channels * math.prod(blocks_of(p.window))


def _winograd(tile: int) -> Candidate:
    operations = Winograd(tile)
    return Candidate(
        "winograd",
        Algorithm(operations.forward, operations.input_gradient, operations.kernel_gradient, operations.prepare),
        lambda p: _winograd_seconds(p, tile),
        lambda p: _winograd_workspace(p, tile),
        _winograd_refusal,
        row_step=tile,
    )


# fft: complex products count fourfold and are slow, and each spectrum is passed over ten times


def _fft_seconds(p: Problem) -> float:
    frequencies = _frequencies(p)
    spectra = frequencies * (p.batch * p.groups * (p.channels + p.filters) + p.groups * p.channels * p.filters)
    operations = 4 * frequencies * p.batch * p.groups * p.channels * p.filters
    return _seconds(4 * operations, 32, 40 * spectra, products=10)


def _fft_workspace(p: Problem) -> Workspace:
    """The spectra, of two numbers for each frequency."""
    frequencies = 2 * _frequencies(p) * p.groups
    return Workspace(frequencies * (p.channels + p.filters), frequencies * p.channels * p.filters)


def _fft_refusal(window: Window, groups: int, channels: int) -> str | None:
    if max(window.strides) > 1 or max(window.dilation) > 1:
        return "it takes strides and dilations of 1 only"
    return None if window.rank <= 3 else "it takes one to three spatial axes"


def _frequencies(p: Problem) -> int:
    return math.prod(o + k - 1 for o, k in zip(p.output, p.window.size, strict=True))


CANDIDATES = (
    Candidate(
        "gemm",
        Algorithm(im2col.forward, im2col.input_gradient, im2col.kernel_gradient),
        _im2col_seconds,
        _im2col_workspace,
        fused=_im2col_fused,
        pads_first=True,
    ),
    Candidate(
        "direct",
        Algorithm(direct.forward, direct.input_gradient, direct.kernel_gradient),
        _direct_seconds,
        _direct_workspace,
    ),
    Candidate(
        "direct",
        Algorithm(depthwise.forward, depthwise.input_gradient, depthwise.kernel_gradient),
        _depthwise_seconds,
        _depthwise_workspace,
        _depthwise_refusal,
    ),
    _winograd(4),
    _winograd(2),
    Candidate(
        "fft",
        Algorithm(fft.forward, fft.input_gradient, fft.kernel_gradient),
        _fft_seconds,
        _fft_workspace,
        _fft_refusal,
        fused=lambda p: Fused.NOTHING,
    ),
    Candidate(
        "native",
        Algorithm(native.forward, native.input_gradient, native.kernel_gradient),
        lambda p: 0,
        lambda p: Workspace(),
        fused=lambda p: Fused.NOTHING,
    ),
)
"""A row for each algorithm, some with several for one name. Of equal estimates the first counts."""
