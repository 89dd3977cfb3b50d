"""An operation in chunks, where at once it would take more memory than allowed.

The workspace of an algorithm is what it needs beside its tensors. What is too large is done for some examples at a
time, or, where one is too large already, for some rows of it: outputs of a row need the inputs that its windows see,
and inputs that the windows of two chunks see get gradients from both. In a graph the chunks are a loop, whose body is
compiled once. A kernel that is prepared is prepared before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import tensorflow as tf

from kerasconv.arithmetic.convolution import Algorithm
from kerasconv.arithmetic.tensors import along, crop_axes, pad_axes, sizes_of
from kerasconv.engine.problem import Problem, Workspace
from kerasconv.geometry import Size, Window, positive

# Bytes of float32, where no limit is set: less than the first takes longer, more than the second saves 1 to 7 % of it.
LEAST, MOST = 2**24, 2**26

_T = TypeVar("_T")
_Result = tuple[tf.Tensor, tf.Tensor]  # what chunks have made so far, and what they hand to the next
_Chunk = Callable[[Size, Size, tf.Tensor], _Result]


@dataclass(frozen=True)
class Chunks:
    """Sizes of the chunks that an operation is cut into.

    Attributes:
        examples: The number of examples in a chunk; `None` for all.
        rows: The number of output positions along the first axis of an example; `None` for all.
    """

    examples: int | None = None
    rows: int | None = None

    def count(self, p: Problem) -> int:
        """Returns how many chunks the problem takes."""
        examples, rows = self.examples or max(1, p.batch), self.rows or p.output[0]
        return max(1, math.ceil(p.batch / examples)) * math.ceil(p.output[0] / rows)


def chunks(p: Problem, workspace: Workspace, row_step: int, dtype: tf.DType, limit: int | None) -> Chunks:
    """Returns how the problem is cut to stay within the limit.

    What is needed whatever the number of examples is not counted, and where it exceeds the limit, examples may take as
    much, and twice as much for a kernel gradient, which makes it in each chunk: smaller chunks would save little. What
    is of unknown size is not cut.

    Args:
        p: The problem.
        workspace: What an algorithm needs for it.
        row_step: How many rows the algorithm makes at once.
        dtype: The dtype of the tensors.
        limit: Bytes; `None` for half of what input, kernel and output take together, within bounds.
    """
    if not p.sized or p.batch == 0:
        return Chunks()
    fixed = dtype.size * workspace.fixed
    allowed = max(_limit(p, dtype, limit), 2 * fixed if p.operation == "kernel_gradient" else fixed)
    each = max(dtype.size * workspace.per_example, 1)
    if p.batch * each <= allowed:
        return Chunks()
    each += dtype.size * _result_size(p)  # which a chunk has beside the whole
    if each > allowed and p.output[0] > row_step:
        rows = max(1, int(p.output[0] * allowed / each) // row_step) * row_step
        return Chunks(1, _even(rows, p.output[0], row_step))
    return Chunks(_even(max(1, int(allowed / each)), p.batch))


def _limit(p: Problem, dtype: tf.DType, limit: int | None) -> float:
    """Returns the limit in bytes. Eagerly chunks take longer, so that there it is the upper bound if none is set."""
    if limit is not None or tf.executing_eagerly():
        return limit or dtype.size / 4 * MOST
    inputs = p.batch * math.prod(p.window.input(p.output))
    numbers = p.groups * (inputs * p.channels + p.taps * p.channels * p.filters + p.positions * p.filters)
    return dtype.size / 4 * min(max(LEAST, 4 * numbers / 2), MOST)


def _result_size(p: Problem) -> int:
    """Returns how many numbers there are of each example in what the results of chunks are joined to."""
    if p.operation == "input_gradient":
        return math.prod(p.window.input(p.output)) * p.groups * p.channels
    return math.prod(p.output) * p.groups * p.filters if p.operation == "forward" else 0


def _even(most: int, n: int, step: int = 1) -> int:
    """Returns how many of `n` to do in a chunk: no more than `most`, and if possible so that none are left over."""
    return next((m for m in range(most, most // 2, -step) if n % m == 0), most)


def forward(
    algorithm: Algorithm, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int, cut: Chunks, filters: int
) -> tf.Tensor:
    """Runs `algorithm.forward` in chunks; the result has so many filters."""
    output = window.output(sizes_of(x)[1:-1])

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(x, 0, first, n)
        if cut.rows is None:
            return algorithm.forward(some, w, window, groups)
        rows, inner = _padded_rows(some, window)

        def of_rows(first: Size, n: Size) -> tf.Tensor:
            return algorithm.forward(_seen(rows, window, first, n), w, inner, groups)[0]

        return _joined(of_rows, output[0], cut.rows, [*output[1:], filters], x.dtype)[None]

    return _joined(of_examples, sizes_of(x)[0], cut.examples, [*output, filters], x.dtype)


def input_gradient(
    algorithm: Algorithm,
    dy: tf.Tensor,
    w: tf.Tensor,
    window: Window,
    groups: int,
    sizes: Sequence[Size],
    cut: Chunks,
    channels: int,
) -> tf.Tensor:
    """Runs `algorithm.input_gradient` in chunks; the result has so many channels."""
    row = [*sizes[1:], channels]

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(dy, 0, first, n)
        if cut.rows is None:
            return algorithm.input_gradient(some, w, window, groups, sizes)
        return _input_gradient_by_rows(algorithm, some, w, window, groups, sizes, cut.rows, row)

    return _joined(of_examples, sizes_of(dy)[0], cut.examples, [sizes[0], *row], dy.dtype)


def _input_gradient_by_rows(
    algorithm: Algorithm,
    dy: tf.Tensor,
    w: tf.Tensor,
    window: Window,
    groups: int,
    sizes: Sequence[Size],
    rows: int,
    row: Sequence[Size],
) -> tf.Tensor:
    """Returns the input gradient of one example; neighbouring chunks have rows in common, which are added up."""
    inner, stride = _without_row_pads(window), window.strides[0]
    common = positive(window.extent[0] - stride)

    def of_rows(first: Size, n: Size, last: tf.Tensor) -> _Result:
        size = [(n - 1) * stride + window.extent[0], *sizes[1:]]
        dx = algorithm.input_gradient(_span(dy, 1, first, n), w, inner, groups, size)[0]
        dx = tf.pad(dx, [(0, n * stride + common - size[0]), *[(0, 0)] * len(row)])
        dx = tf.concat([dx[:common] + last, dx[common:]], 0)
        return dx[: n * stride], dx[n * stride :]

    nothing = tf.zeros([common, *row], dy.dtype)
    dx, last = _joined_with(of_rows, sizes_of(dy)[1], rows, row, nothing, stride)
    dx = tf.concat([dx, last], 0)[None]
    lo, hi = window.pads[0]
    missing = sizes[0] + lo + hi - sizes_of(dx)[1]
    dx = pad_axes(dx, along(1, 0, positive(missing), dx))
    return crop_axes(dx, along(1, lo, hi + positive(-missing), dx))


def kernel_gradient(
    algorithm: Algorithm, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int, cut: Chunks
) -> tf.Tensor:
    """Runs `algorithm.kernel_gradient` in chunks."""
    zero = tf.zeros([*window.size, x.shape[-1] // groups, dy.shape[-1]], x.dtype)

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(x, 0, first, n), _span(dy, 0, first, n)
        if cut.rows is None:
            return algorithm.kernel_gradient(*some, window, groups)
        rows, inner = _padded_rows(some[0], window)

        def of_rows(first: Size, n: Size) -> tf.Tensor:
            return algorithm.kernel_gradient(_seen(rows, window, first, n), _span(some[1], 1, first, n), inner, groups)

        return _summed(of_rows, sizes_of(dy)[1], cut.rows, zero)

    return _summed(of_examples, sizes_of(x)[0], cut.examples, zero)


def _joined(
    chunk: Callable[[Size, Size | None], tf.Tensor], n: Size, most: int | None, row: Sequence[Size], dtype: tf.DType
) -> tf.Tensor:
    """Returns `chunk(first, count)` for `n` items, at most so many at a time, joined along the first axis."""
    if most is None or (isinstance(n, int) and n <= most):
        return chunk(0, None)
    nothing = tf.zeros([0], dtype)
    return _joined_with(lambda first, count, last: (chunk(first, count), last), n, most, row, nothing)[0]


def _joined_with(chunk: _Chunk, n: Size, most: int, row: Sequence[Size], last: tf.Tensor, each: int = 1) -> _Result:
    """Joins as `_joined` does, where a chunk hands something `last` to the next, and an item makes `each` rows."""
    if tf.executing_eagerly():
        ys = []
        for first in range(0, n, most):
            y, last = chunk(first, min(most, n - first), last)
            ys.append(y)
        return tf.concat(ys, 0), last

    def step(i: tf.Tensor, ys: tf.TensorArray, last: tf.Tensor) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor]:
        y, last = chunk(i * most, most, last)
        return i + 1, ys.write(i, y), last

    whole = n // most
    ys = tf.TensorArray(last.dtype, whole, element_shape=[most * each, *row])
    _, ys, last = tf.while_loop(lambda i, *_: i < whole, step, (0, ys, last), parallel_iterations=1)
    done = tf.reshape(ys.stack(), [whole * most * each, *row])

    def rest() -> _Result:
        y, after = chunk(whole * most, n % most, last)
        return tf.concat([done, y], 0), after

    return _if_any(n % most if most > 1 else 0, rest, (done, last))


def _summed(chunk: Callable[[Size, Size | None], tf.Tensor], n: Size, most: int | None, zero: tf.Tensor) -> tf.Tensor:
    """Returns the sum of `chunk(first, count)` for `n` items, at most so many at a time."""
    if most is None or (isinstance(n, int) and n <= most):
        return chunk(0, None)
    total = zero
    if tf.executing_eagerly():
        for first in range(0, n, most):
            total += chunk(first, min(most, n - first))
        return total
    whole = n // most
    _, total = tf.while_loop(
        lambda i, _: i < whole, lambda i, t: (i + 1, t + chunk(i * most, most)), (0, total), parallel_iterations=1
    )
    return _if_any(n % most if most > 1 else 0, lambda: total + chunk(whole * most, n % most), total)


def _if_any(n: Size, rest: Callable[[], _T], otherwise: _T) -> _T:
    """Returns `rest()` if there are any, of which a graph may learn only when it runs."""
    if isinstance(n, int):
        return rest() if n else otherwise
    return tf.cond(n > 0, rest, lambda: otherwise)


def _span(x: tf.Tensor, axis: int, first: Size, n: Size | None) -> tf.Tensor:
    """Returns `n` items of an axis, or all."""
    if n is None:
        return x
    begin, size = [0] * x.shape.rank, sizes_of(x)
    begin[axis], size[axis] = first, n
    return tf.slice(x, begin, size)


def _seen(x: tf.Tensor, window: Window, first: Size, n: Size | None) -> tf.Tensor:
    """Returns the rows of the padded input that `n` output positions see."""
    if n is None:
        return x
    return _span(x, 1, first * window.strides[0], (n - 1) * window.strides[0] + window.extent[0])


def _padded_rows(x: tf.Tensor, window: Window) -> tuple[tf.Tensor, Window]:
    """Returns `x` padded along its first spatial axis, and the window for it."""
    return pad_axes(x, along(1, *window.pads[0], x)), _without_row_pads(window)


def _without_row_pads(window: Window) -> Window:
    return replace(window, pads=((0, 0), *window.pads[1:]))
