"""What `algorithm="auto"` does: for each of the three operations the algorithm that should be fastest.

Each algorithm estimates its own time (`cost`), from the operations it needs and the numbers it moves. The rates in
`problem.py` and the figures in the estimates were fitted to measurements, which `python -m benchmarks.algorithms`
repeats. Each may also take the problem with the roles of inputs and outputs exchanged (`Problem.mirrored`).

`native` is never chosen; `winograd` only in float32 (and what is widened to it) and where it saves an eighth of the
time, unless `kerasconv.config.set_winograd(False)`. `kerasconv.explain_algorithm` shows what was chosen, and why.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms import chunks, direct, fft, gemm, winograd
from kerasconv.ops.algorithms.groups import turned, widths
from kerasconv.ops.algorithms.problem import Problem, problem
from kerasconv.ops.fusion import hashable
from kerasconv.ops.windows import sizes_of

_CANDIDATES = {"gemm": gemm, "direct": direct, "winograd": winograd, "fft": fft}

_WORTH_TRANSFORMING = 16
_WORTH_ITS_DIGITS = 0.87  # of the time of the next best: for more, winograd is not worth its errors and its compilation


@dataclass(frozen=True)
class Choice:
    """Which algorithm was chosen for a problem.

    Attributes:
        problem: The problem.
        chosen: The name of the algorithm.
        milliseconds: The estimate of each candidate.
        refusals: Why the others are none.
        chunks: Into how many parts the problem is cut to stay within the limit of memory.
        mirrored: Whether it is handed the problem with the roles of inputs and outputs exchanged.
    """

    problem: Problem
    chosen: str
    milliseconds: dict[str, float]
    refusals: dict[str, str]
    chunks: int
    mirrored: bool = False


_choices: ContextVar[list[Choice] | None] = ContextVar("kerasconv_choices", default=None)


@contextmanager
def choices() -> Iterator[list[Choice]]:
    """Collects what is chosen in the block."""
    found: list[Choice] = []
    token = _choices.set(found)
    try:
        yield found
    finally:
        _choices.reset(token)


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`y`, by the best algorithm."""
    p = problem("forward", x.shape[0], window.output(sizes_of(x)[1:-1]), window, *widths(w, groups))
    algorithm, mirrored = _best(p, x.dtype)
    if mirrored:
        sizes = window.output(sizes_of(x)[1:-1])
        return chunks.input_gradient(algorithm, x, turned(w, groups), mirrored.window, groups, sizes)
    return chunks.forward(algorithm, x, w, window, groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dx`, by the best algorithm."""
    p = problem("input_gradient", dy.shape[0], sizes_of(dy)[1:-1], window, *widths(w, groups))
    algorithm, mirrored = _best(p, dy.dtype)
    if mirrored:
        return chunks.forward(algorithm, dy, turned(w, groups), mirrored.window, groups)
    return chunks.input_gradient(algorithm, dy, w, window, groups, sizes)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dw`, by the best algorithm."""
    channels, filters = x.shape[-1] // groups, dy.shape[-1] // groups
    p = problem("kernel_gradient", x.shape[0], sizes_of(dy)[1:-1], window, groups, channels, filters)
    algorithm, mirrored = _best(p, x.dtype)
    if mirrored:
        return turned(chunks.kernel_gradient(algorithm, dy, x, mirrored.window, groups), groups)
    return chunks.kernel_gradient(algorithm, x, dy, window, groups)


def _best(p: Problem, dtype: tf.DType) -> tuple[Any, Problem | None]:
    """The algorithm of the choice, and the mirrored problem if it is handed that."""
    choose = _choice if hashable(p) else _choice.__wrapped__
    chosen, form, estimates, refusals = choose(p, dtype, config.get_winograd(), config.get_memory_limit())
    found = _choices.get()
    if found is not None:
        turns = chunks.turns(_CANDIDATES[chosen], form, dtype).count(form)
        found.append(Choice(p, chosen, dict(estimates), dict(refusals), turns, form != p))
    return _CANDIDATES[chosen], None if form == p else form


@functools.lru_cache(maxsize=1024)
def _choice(
    p: Problem, dtype: tf.DType, winograd: bool, limit: int | None
) -> tuple[str, Problem, dict[str, float], dict[str, str]]:
    """The candidate with the lowest estimate, of equal ones the first, and the form of the problem that has it.

    Behind them all estimates, in milliseconds, and why the others are no candidates, of which the limit of memory may
    be the cause.
    """
    estimates, refusals, forms = {}, {}, {}
    for name, algorithm in _CANDIDATES.items():
        reason = algorithm.refusal(p.window, p.groups, p.channels) if hasattr(algorithm, "refusal") else None
        if name == "winograd" and not winograd:
            reason = reason or "switched off by kerasconv.config.set_winograd"
        if name == "winograd" and dtype != tf.float32:
            reason = reason or "in float32 only"
        if name == "winograd" and min(p.channels, p.filters) < _WORTH_TRANSFORMING:
            reason = reason or f"fewer than {_WORTH_TRANSFORMING} channels are not worth its transforms"
        if p.depthwise and name != "direct":
            reason = "depthwise"
        reason = reason or chunks.refusal(algorithm, p, dtype, limit)
        if reason:
            refusals[name] = reason
        else:
            both = [(algorithm.cost(form), form) for form in (p, p.mirrored) if form]
            cost, forms[name] = min(both, key=lambda pair: (pair[0], pair[1].operation == "input_gradient"))
            estimates[name] = 1000 * cost
    chosen = min(estimates, key=lambda name: estimates[name] / (_WORTH_ITS_DIGITS if name == "winograd" else 1))
    return chosen, forms[chosen], estimates, refusals
