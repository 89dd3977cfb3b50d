"""An operation in turns, where at once it would take more memory than allowed.

An algorithm says how much it needs beside its tensors (`workspace`); the limit is `kerasconv.config.set_memory_limit`.
What is too large is done for some examples at a time, or, where one is too large already, for some rows of it: outputs
of a row need the inputs that its windows see, and inputs that the windows of two turns share get gradients from both.
In a graph the turns are a loop, whose body is compiled once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window, positive
from kerasconv.ops.algorithms.groups import widths
from kerasconv.ops.algorithms.problem import Problem, problem
from kerasconv.ops.fusion import replaced_on_cpu
from kerasconv.ops.windows import along, crop_axes, pad_axes, sizes_of

# Bytes of float32, where no limit is set: less than the first takes longer, more than the second saves 1 to 7 % of it.
_LEAST, _MOST = 2**24, 2**26
_T = TypeVar("_T")
_Joined = tuple[tf.Tensor, tf.Tensor]  # what turns have made so far, and what they hand to the next
_Part = Callable[[Size, Size, tf.Tensor], _Joined]


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
    kernel in another form, is not counted, and where it exceeds the limit, examples may take as much, and twice as much
    where each turn makes it anew: smaller turns would save little. What is of unknown size is not cut.
    """
    if not hasattr(algorithm, "workspace") or not p.sized or p.batch == 0:
        return Turns()
    once, each = _shares(algorithm, p, dtype)
    limit = max(_limit(p, dtype), 2 * once if p.operation == "kernel_gradient" else once)
    if p.batch * each <= limit:
        return Turns()
    each += dtype.size * _result(p)  # which a turn has beside the whole
    least = getattr(algorithm, "ROWS", 1)
    if each > limit and p.output[0] > least:
        return Turns(1, _even(max(1, int(p.output[0] * limit / each) // least) * least, p.output[0], least))
    return Turns(_even(max(1, int(limit / each)), p.batch))


def _result(p: Problem) -> int:
    """How many numbers there are of each example in what the turns' results are joined to."""
    if p.operation == "input_gradient":
        return math.prod(p.window.input(p.output)) * p.groups * p.channels
    return math.prod(p.output) * p.groups * p.filters if p.operation == "forward" else 0


def refusal(algorithm: Any, p: Problem, dtype: tf.DType, limit: int | None) -> str | None:
    """Why the algorithm cannot stay near the limit that is set, or near the upper bound, if it cannot."""
    if not hasattr(algorithm, "workspace") or not p.sized:
        return None
    most = limit or dtype.size / 4 * _MOST
    return "its kernel alone takes more memory than allowed" if _shares(algorithm, p, dtype)[0] > most else None


def _shares(algorithm: Any, p: Problem, dtype: tf.DType) -> tuple[float, float]:
    """Bytes of the workspace: those needed whatever the number of examples, and those of each."""
    batch = max(1, p.batch)
    some, twice = (dtype.size / 4 * algorithm.workspace(replace(p, batch=n)) for n in (batch, 2 * batch))
    each = max((twice - some) / batch, 1)  # a workspace counts float32
    return max(some - batch * each, 0), each


def _limit(p: Problem, dtype: tf.DType) -> float:
    """The limit that is set, or else half of what input, kernel and output take together, within bounds.

    Eager turns take longer, so there it is the upper bound.
    """
    limit = config.get_memory_limit()
    if limit is not None or tf.executing_eagerly():
        return limit or dtype.size / 4 * _MOST
    cells = p.batch * math.prod(p.window.input(p.output))
    numbers = p.groups * (cells * p.channels + p.taps * p.channels * p.filters + p.positions * p.filters)
    return dtype.size / 4 * min(max(_LEAST, 4 * numbers / 2), _MOST)


def _even(most: int, n: int, step: int = 1) -> int:
    """How many of `n` to do in a turn: no more than `most`, and if possible so that none are left over.

    What is left over is put behind a list of the others, which copies the whole result.
    """
    return next((m for m in range(most, most // 2, -step) if n % m == 0), most)


def forward(algorithm: Any, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`algorithm.forward`, in turns if need be."""
    output = window.output(sizes_of(x)[1:-1])
    p = problem("forward", x.shape[0], output, window, *widths(w, groups))
    cut = turns(algorithm, p, x.dtype)
    if cut.count(p) > 1:
        x, w = tf.stop_gradient(x), tf.stop_gradient(w)
    points = _transformed(algorithm, w, p, cut)

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(x, 0, first, n)
        if cut.rows is None:
            return _by_kernel(algorithm, "forward", some, w, points, window, groups)
        some, inner = _padded_rows(some, window)

        def of_rows(first: Size, n: Size) -> tf.Tensor:
            points_of_turn = points if _is(n, cut.rows) else None
            seen = _seen(some, window, first, n)
            return _by_kernel(algorithm, "forward", seen, w, points_of_turn, inner, groups)[0]

        return _joined(of_rows, output[0], cut.rows, [*output[1:], w.shape[-1]], x.dtype)[None]

    return _joined(of_examples, sizes_of(x)[0], cut.examples, [*output, w.shape[-1]], x.dtype)


def input_gradient(
    algorithm: Any, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`algorithm.input_gradient`, in turns if need be."""
    output = sizes_of(dy)[1:-1]
    p = problem("input_gradient", dy.shape[0], output, window, *widths(w, groups))
    cut = turns(algorithm, p, dy.dtype)
    if cut.count(p) > 1:
        dy, w = tf.stop_gradient(dy), tf.stop_gradient(w)
    points = _transformed(algorithm, w, p, cut)

    def of_examples(first: Size, n: Size | None) -> tf.Tensor:
        some = _span(dy, 0, first, n)
        if cut.rows is None:
            return _by_kernel(algorithm, "input_gradient", some, w, points, window, groups, sizes)
        return _input_gradient_by_rows(algorithm, some, w, points, window, groups, sizes, cut.rows)

    return _joined(of_examples, sizes_of(dy)[0], cut.examples, [*sizes, groups * w.shape[-2]], dy.dtype)


def _input_gradient_by_rows(
    algorithm: Any,
    dy: tf.Tensor,
    w: tf.Tensor,
    points: tf.Tensor | None,
    window: Window,
    groups: int,
    sizes: Sequence[Size],
    rows: int,
) -> tf.Tensor:
    inner, stride = _without_rows(window), window.strides[0]
    shared = positive(window.extent[0] - stride)  # rows that two neighbouring turns see
    row = [*sizes[1:], groups * w.shape[-2]]

    def of_rows(first: Size, n: Size, last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = [(n - 1) * stride + window.extent[0], *sizes[1:]]
        points_of_turn = points if _is(n, rows) else None
        some = _span(dy, 1, first, n)
        dx = _by_kernel(algorithm, "input_gradient", some, w, points_of_turn, inner, groups, size)[0]
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
    p = problem("kernel_gradient", x.shape[0], output, window, groups, channels, dy.shape[-1] // groups)
    cut = turns(algorithm, p, x.dtype)
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


def _transformed(algorithm: Any, w: tf.Tensor, p: Problem, cut: Turns) -> tf.Tensor | None:
    """What the turns have in common: the kernel in the form that the algorithm gives it; else `None`."""
    if not hasattr(algorithm, "transformed") or cut.count(p) == 1:
        return None
    if cut.rows:
        p = replace(p, output=(cut.rows, *p.output[1:]), window=_without_rows(p.window))
    return algorithm.transformed(w, replace(p, batch=cut.examples or p.batch))


def _by_kernel(algorithm: Any, operation: str, a: tf.Tensor, w: tf.Tensor, points: tf.Tensor | None, *rest: Any) -> Any:
    """The operation by a kernel, or by its transformed one, if there is that."""
    if points is None:
        return getattr(algorithm, operation)(a, w, *rest)
    return getattr(algorithm, f"{operation}_transformed")(a, points, *rest)


def _is(n: Size, most: int | None) -> bool:
    """Whether a turn has as many rows as those for which the kernel was transformed."""
    return isinstance(n, int) and n == most


def _joined(
    part: Callable[[Size, Size | None], tf.Tensor], n: Size, most: int | None, row: Sequence[Size], dtype: tf.DType
) -> tf.Tensor:
    """`part(first, count)` for `n` items, in turns of at most so many, joined along the first axis."""
    if most is None or (isinstance(n, int) and n <= most):
        return part(0, None)
    nothing = tf.zeros([0], dtype)
    return _joined_with(lambda first, count, last: (part(first, count), last), n, most, row, nothing)[0]


def _joined_with(part: _Part, n: Size, most: int, row: Sequence[Size], last: tf.Tensor, each: int = 1) -> _Joined:
    """As `_joined`, and a turn hands something `last` to the next; an item makes `each` rows."""
    if tf.executing_eagerly():
        ys = []
        for first in range(0, n, most):
            y, last = part(first, min(most, n - first), last)
            ys.append(y)
        return tf.concat(ys, 0), last
    turns_of = functools.partial(_listed, part, n, most, row, last, each)
    return replaced_on_cpu(turns_of, functools.partial(_in_place, *turns_of.args))


def _listed(part: _Part, n: Size, most: int, row: Sequence[Size], last: tf.Tensor, each: int) -> _Joined:
    """The turns' results as a list, put together at the end: twice the memory of the result."""

    def turn(i: tf.Tensor, ys: tf.TensorArray, last: tf.Tensor) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor]:
        y, last = part(i * most, most, last)
        return i + 1, ys.write(i, y), last

    whole = n // most
    ys = tf.TensorArray(last.dtype, whole, element_shape=[most * each, *row])
    _, ys, last = tf.while_loop(lambda i, *_: i < whole, turn, (0, ys, last), parallel_iterations=1)
    done = tf.reshape(ys.stack(), [whole * most * each, *row])

    def rest() -> _Joined:
        y, after = part(whole * most, n % most, last)
        return tf.concat([done, y], 0), after

    return _if_any(n % most if most > 1 else 0, rest, (done, last))


def _in_place(part: _Part, n: Size, most: int, row: Sequence[Size], last: tf.Tensor, each: int) -> _Joined:
    """Each turn's result written to its place."""

    def turn(i: tf.Tensor, y: tf.Tensor, last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return i + 1, *_written(y, i * most, most, last)

    def _written(y: tf.Tensor, first: Size, count: Size, last: tf.Tensor) -> _Joined:
        rows, last = part(first, count, last)
        return tf.raw_ops.InplaceUpdate(x=y, i=tf.range(first * each, (first + count) * each), v=rows), last

    whole = n // most
    y = tf.raw_ops.Empty(shape=[n * each, *row], dtype=last.dtype)
    _, y, last = tf.while_loop(lambda i, *_: i < whole, turn, (0, y, last), parallel_iterations=1)
    return _if_any(n % most if most > 1 else 0, lambda: _written(y, whole * most, n % most, last), (y, last))


def _if_any(n: Size, rest: Callable[[], _T], otherwise: _T) -> _T:
    """`rest()` if there are any, of which a graph may learn only when it runs."""
    if isinstance(n, int):
        return rest() if n else otherwise
    return tf.cond(n > 0, rest, lambda: otherwise)


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
    return _if_any(n % most if most > 1 else 0, lambda: total + part(whole * most, n % most), total)


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
