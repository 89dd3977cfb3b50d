"""An operation in turns, where at once it would take more memory than allowed.

An algorithm says how much it needs beside its tensors (`workspace`); the limit is `kerasconv.config.set_memory_limit`.
What is too large is done for some examples at a time, or, where one is too large already, for some rows of it: outputs
of a row need the inputs that its windows see, and inputs that the windows of two turns share get gradients from both.
In a graph the turns are a loop, whose body is compiled once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window, positive
from kerasconv.ops.algorithms.problem import Problem, problem
from kerasconv.ops.windows import along, crop_axes, pad_axes, sizes_of


@dataclass(frozen=True)
class Turns:
    """How an operation is cut.

    Attributes:
        examples: How many examples are done in a turn; `None` if all.
        rows: Of one example, how many positions of the window along its first axis; `None` if all.
    """

    examples: int | None = None
    rows: int | None = None

    def count(self, p: Problem) -> int:
        """How many turns the problem takes."""
        examples, rows = self.examples or max(1, p.batch), self.rows or p.output[0]
        return max(1, math.ceil(p.batch / examples)) * math.ceil(p.output[0] / rows)


def turns(algorithm: Any, p: Problem, dtype: tf.DType = tf.float32) -> Turns:
    """How the problem is cut to stay within the limit.

    Rows are cut by `algorithm.ROWS`, if it makes so many at once. What is needed whatever the number of examples, a
    kernel in another form, is not counted, and where it exceeds the limit, examples may take as much: smaller turns
    would save little, and make it anew each time. What is of unknown size is not cut.
    """
    if not hasattr(algorithm, "workspace") or not p.sized:
        return Turns()
    one, two = (dtype.size / 4 * algorithm.workspace(replace(p, batch=n)) for n in (1, 2))  # which counts float32
    limit = max(config.get_memory_limit(), 2 * one - two)
    each = max(two - one, 1)
    least = getattr(algorithm, "ROWS", 1)
    if each > limit and p.output[0] > least:
        return Turns(1, _even(max(1, int(p.output[0] * limit / each) // least) * least, p.output[0], least))
    return Turns(_even(max(1, int(limit / each)), p.batch)) if p.batch * each > limit else Turns()


def _even(most: int, n: int, step: int = 1) -> int:
    """How many of `n` to do in a turn: no more than `most`, and if possible so that none are left over.

    What is left over is put behind the rest at the end, which copies the whole result.
    """
    return next((m for m in range(most, most // 2, -step) if n % m == 0), most)


def forward(algorithm: Any, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`algorithm.forward`, in turns if need be."""
    output = window.output(sizes_of(x)[1:-1])
    cut = _turns(algorithm, "forward", x.shape[0], output, window, groups, *w.shape[-2:], dtype=x.dtype)

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        return _forward_by_rows(algorithm, _span(x, 0, first, n), w, window, groups, cut.rows)

    return _joined(of_examples, sizes_of(x)[0], cut.examples, [*output, w.shape[-1]], x.dtype)


def _forward_by_rows(
    algorithm: Any, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int, rows: int | None
) -> tf.Tensor:
    if rows is None:
        return algorithm.forward(x, w, window, groups)
    output = window.output(sizes_of(x)[1:-1])
    x, inner = _padded_rows(x, window)

    def of_rows(first: Size, n: Size | None) -> tf.Tensor:
        return algorithm.forward(_seen(x, window, first, n), w, inner, groups)[0]

    return _joined(of_rows, output[0], rows, [*output[1:], w.shape[-1]], x.dtype)[None]


def input_gradient(
    algorithm: Any, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`algorithm.input_gradient`, in turns if need be."""
    cut = _turns(
        algorithm, "input_gradient", dy.shape[0], sizes_of(dy)[1:-1], window, groups, *w.shape[-2:], dtype=dy.dtype
    )

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        return _input_gradient_by_rows(algorithm, _span(dy, 0, first, n), w, window, groups, sizes, cut.rows)

    return _joined(of_examples, sizes_of(dy)[0], cut.examples, [*sizes, groups * w.shape[-2]], dy.dtype)


def _input_gradient_by_rows(
    algorithm: Any, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size], rows: int | None
) -> tf.Tensor:
    if rows is None:
        return algorithm.input_gradient(dy, w, window, groups, sizes)
    inner, stride = _without_rows(window), window.strides[0]
    shared = positive(window.extent[0] - stride)  # rows that two neighbouring turns see
    row = [*sizes[1:], groups * w.shape[-2]]

    def of_rows(first: Size, n: Size, last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = [(n - 1) * stride + window.extent[0], *sizes[1:]]
        dx = algorithm.input_gradient(_span(dy, 1, first, n), w, inner, groups, size)[0]
        dx = tf.pad(dx, [(0, n * stride + shared - size[0]), *[(0, 0)] * (len(row))])
        dx = tf.concat([dx[:shared] + last, dx[shared:]], 0)
        return dx[: n * stride], dx[n * stride :]

    nothing = tf.zeros([shared, *row], dy.dtype)
    dx, last = _joined_with(of_rows, sizes_of(dy)[1], rows, row, nothing, stride)
    dx = tf.concat([dx, last], 0)[None]
    lo, hi = window.pads[0]
    missing = sizes[0] + lo + hi - sizes_of(dx)[1]
    dx = pad_axes(dx, along(1, 0, positive(missing), dx))
    return crop_axes(dx, along(1, lo, hi + positive(-missing), dx))


def kernel_gradient(algorithm: Any, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`algorithm.kernel_gradient`, in turns if need be."""
    output, channels = sizes_of(dy)[1:-1], x.shape[-1] // groups
    cut = _turns(
        algorithm, "kernel_gradient", x.shape[0], output, window, groups, channels, dy.shape[-1], dtype=x.dtype
    )
    zero = [*window.size, channels, dy.shape[-1]]

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(x, 0, first, n), _span(dy, 0, first, n)
        if cut.rows is None:
            return algorithm.kernel_gradient(*some, window, groups)
        rows, inner = _padded_rows(some[0], window)

        def of_rows(first: Size, n: Size | None) -> tf.Tensor:
            return algorithm.kernel_gradient(_seen(rows, window, first, n), _span(some[1], 1, first, n), inner, groups)

        return _summed(of_rows, output[0], cut.rows, zero, x.dtype)

    return _summed(of_examples, sizes_of(x)[0], cut.examples, zero, x.dtype)


def _turns(
    algorithm: Any,
    operation: str,
    batch: Size,
    output: Sequence[Size],
    window: Window,
    groups: int,
    channels: int,
    filters: int,
    *,
    dtype: tf.DType,
) -> Turns:
    if isinstance(batch, int) and batch == 0:
        return Turns()
    return turns(algorithm, problem(operation, batch, output, window, groups, channels, filters // groups), dtype)


def _joined(
    part: Callable[[Size, Size | None], tf.Tensor], n: Size, most: int | None, row: Sequence[Size], dtype: tf.DType
) -> tf.Tensor:
    """`part(first, count)` for `n` items, in turns of at most so many, joined along the first axis."""
    if most is None or (isinstance(n, int) and n <= most):
        return part(0, None)
    nothing = tf.zeros([0], dtype)
    return _joined_with(lambda first, count, last: (part(first, count), last), n, most, row, nothing)[0]


def _joined_with(
    part: Callable[[Size, Size, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    n: Size,
    most: int,
    row: Sequence[Size],
    last: tf.Tensor,
    each: int = 1,
) -> tuple[tf.Tensor, tf.Tensor]:
    """As `_joined`, and a turn hands something `last` to the next; an item makes `each` rows."""
    if tf.executing_eagerly():
        ys = []
        for first in range(0, n, most):
            y, last = part(first, min(most, n - first), last)
            ys.append(y)
        return tf.concat(ys, 0), last
    whole = n // most
    array = tf.TensorArray(last.dtype, whole, element_shape=[most * each, *row])

    def turn(i: tf.Tensor, array: tf.TensorArray, last: tf.Tensor) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor]:
        y, last = part(i * most, most, last)
        return i + 1, array.write(i, y), last

    _, array, last = tf.while_loop(lambda i, *_: i < whole, turn, (0, array, last), parallel_iterations=1)
    done = tf.reshape(array.stack(), [whole * most * each, *row])

    def rest() -> tuple[tf.Tensor, tf.Tensor]:
        y, after = part(whole * most, n % most, last)
        return tf.concat([done, y], 0), after

    if most == 1 or isinstance(n, int):
        return rest() if most > 1 and n % most else (done, last)
    return tf.cond(n % most > 0, rest, lambda: (done, last))


def _summed(
    part: Callable[[Size, Size | None], tf.Tensor], n: Size, most: int | None, shape: Sequence[int], dtype: tf.DType
) -> tf.Tensor:
    """The sum of `part(first, count)` for `n` items, in turns of at most so many."""
    if most is None or (isinstance(n, int) and n <= most):
        return part(0, None)
    total = tf.zeros(shape, dtype)
    if tf.executing_eagerly():
        for first in range(0, n, most):
            total += part(first, min(most, n - first))
        return total
    whole = n // most
    _, total = tf.while_loop(
        lambda i, _: i < whole, lambda i, t: (i + 1, t + part(i * most, most)), (0, total), parallel_iterations=1
    )
    if most == 1 or isinstance(n, int):
        return total + part(whole * most, n % most) if most > 1 and n % most else total
    return tf.cond(n % most > 0, lambda: total + part(whole * most, n % most), lambda: total)


def _span(x: tf.Tensor, axis: int, first: Size, n: Size | None) -> tf.Tensor:
    """`n` items of an axis, or all."""
    if n is None:
        return x
    begin, size = [0] * x.shape.rank, sizes_of(x)
    begin[axis], size[axis] = first, n
    return tf.slice(x, begin, size)


def _seen(x: tf.Tensor, window: Window, first: Size, n: Size | None) -> tf.Tensor:
    """The rows of the padded input that `n` positions of the window see."""
    if n is None:
        return x
    return _span(x, 1, first * window.strides[0], (n - 1) * window.strides[0] + window.extent[0])


def _padded_rows(x: tf.Tensor, window: Window) -> tuple[tf.Tensor, Window]:
    """`x` padded along its first spatial axis, and the window for it."""
    return pad_axes(x, along(1, *window.pads[0], x)), _without_rows(window)


def _without_rows(window: Window) -> Window:
    return replace(window, pads=((0, 0), *window.pads[1:]))
