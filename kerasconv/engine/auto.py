"""The choice of an algorithm for each operation, by `algorithm="auto"` or within a name.

Each candidate of `kerasconv.engine.costs` estimates its own time, for the problem and for its adjoint, and the least
estimate counts. `native` is never chosen by `auto`; `winograd` only in float32 (and what is widened to it) and where it
saves an eighth of the time, unless `kerasconv.config.set_winograd(False)`; `fft`, whose error follows the largest
element of the whole input, only after `kerasconv.config.set_fft(True)`. `kerasconv.explain_algorithm` shows what was
chosen, and why.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import tensorflow as tf

from kerasconv.config import Settings
from kerasconv.engine.chunking import MOST, Chunks, chunks
from kerasconv.engine.costs import CANDIDATES, Candidate
from kerasconv.engine.fusion import hashable
from kerasconv.engine.problem import Problem

_WORTH_TRANSFORMING = 16  # channels
_WORTH_ITS_DIGITS = 0.87  # of the time of the next best: for more, winograd is not worth its errors and its compilation


@dataclass(frozen=True)
class Plan:
    """The way to compute an operation.

    Attributes:
        candidate: The algorithm, with its costs.
        problem: The problem that it is handed: the one that was asked for, or the adjoint.
        chunks: The sizes that this is cut into.
        milliseconds: The estimate of each candidate, by its name.
        refusals: The reason why each of the others is not a candidate, by its name.
    """

    candidate: Candidate
    problem: Problem
    chunks: Chunks
    milliseconds: Mapping[str, float]
    refusals: Mapping[str, str]


@dataclass(frozen=True)
class Choice:
    """The algorithm that was chosen for a problem.

    Attributes:
        problem: The problem.
        chosen: The name of the algorithm.
        milliseconds: The estimate of each candidate, if there were several.
        refusals: The reason why each of the others is not a candidate, by its name.
        chunks: The number of chunks that the problem is cut into to stay within the memory limit.
        adjoint: Whether it is handed the adjoint problem.
        scope: The name scope in which the convolution stands, which ends with the name of its layer.
        reason: What named the algorithm, where it was not left to `auto`: the layer or call, or a setting.
    """

    problem: Problem
    chosen: str
    milliseconds: Mapping[str, float]
    refusals: Mapping[str, str]
    chunks: int
    adjoint: bool = False
    scope: str = ""
    reason: str = ""


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


def record(choice: Choice) -> None:
    """Hands a choice to the innermost `choices` block, if there is one."""
    found = _choices.get()
    if found is not None:
        found.append(choice)


def plan(name: str, p: Problem, dtype: tf.DType, settings: Settings) -> Plan:
    """Returns how `algorithm=name` computes a problem.

    Raises:
        ValueError: If it does not take it; the message is the reason.
    """
    make = _plan if hashable(p) else _plan.__wrapped__
    return make(name, p, dtype, settings, tf.executing_eagerly())


@functools.lru_cache(maxsize=1024)
def _plan(name: str, p: Problem, dtype: tf.DType, settings: Settings, eagerly: bool) -> Plan:
    estimates: dict[str, float] = {}
    refusals: dict[str, str] = {}
    best: tuple[float, Candidate, Problem] | None = None
    for candidate in CANDIDATES:
        if name not in ("auto", candidate.name) or (name == "auto" and candidate.name == "native"):
            continue
        reason = candidate.refusal(p.window, p.groups, p.channels)
        if name == "auto":
            reason = reason or _passed_over(candidate, p, dtype, settings)
        if reason:
            refusals.setdefault(candidate.name, reason)
            continue
        forms = (p, p.adjoint) if name in ("auto", "winograd") else (p,)
        seconds, form = min(
            ((candidate.seconds(form), form) for form in forms if form),
            key=lambda pair: (pair[0], pair[1].operation == "input_gradient"),
        )
        estimates[candidate.name] = min(1000 * seconds, estimates.get(candidate.name, float("inf")))
        worth = seconds / (_WORTH_ITS_DIGITS if name == "auto" and candidate.name == "winograd" else 1)
        if best is None or worth < best[0]:
            best = worth, candidate, form
    if best is None:
        raise ValueError(next(iter(refusals.values())))
    for other in estimates:
        refusals.pop(other, None)  # one row of a name may refuse what another takes
    _, candidate, form = best
    cut = chunks(form, candidate.workspace(form), candidate.row_step, dtype, settings.memory_limit)
    return Plan(candidate, form, cut, estimates, refusals)


def _passed_over(candidate: Candidate, p: Problem, dtype: tf.DType, settings: Settings) -> str | None:
    """Returns why `auto` does not take a candidate that could be asked for by name."""
    if p.depthwise and candidate.name != "direct":
        return "depthwise"
    if candidate.name == "winograd" and not settings.winograd:
        return "switched off by kerasconv.config.set_winograd"
    if candidate.name == "winograd" and dtype != tf.float32:
        return "in float32 only"
    if candidate.name == "winograd" and min(p.channels, p.filters) < _WORTH_TRANSFORMING:
        return f"fewer than {_WORTH_TRANSFORMING} channels are not worth its transforms"
    if candidate.name == "fft" and not settings.fft:
        return "not switched on by kerasconv.config.set_fft"
    most = settings.memory_limit or dtype.size / 4 * MOST
    if p.sized and dtype.size * candidate.workspace(p).fixed > most:
        return "its kernel alone takes more memory than allowed"
    return None
