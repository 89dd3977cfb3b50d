"""Medians of functions that take turns.

A machine's speed drifts, and on a shared one jumps: so contenders run in rounds, one call each, the first of a round
coming last in the next, and what is compared has run side by side.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LEAST, MOST = 3, 300  # rounds
SLOW = 0.25  # of the time that all may take together


@dataclass
class Timed:
    """Times of one function, in seconds.

    Args:
        first: Its first call, with tracing and compilation.
        calls: The calls that count.
        error: The exception that it raised, if any.
    """

    first: float = 0.0
    calls: list[float] = field(default_factory=list)
    error: Exception | None = None

    def quantiles(self) -> tuple[float, float, float]:
        """The first quartile, the median and the third quartile."""
        if len(self.calls) == 1:
            return (self.calls[0],) * 3
        return tuple(statistics.quantiles(self.calls, n=4, method="inclusive"))


def take_turns(
    functions: dict[str, Callable[[], Any]], seconds: float, wait: Callable[[], Any] = lambda: None
) -> dict[str, Timed]:
    """Times functions for about so many seconds.

    Who needs over a quarter of them for one call runs twice (or once if over all of them) and takes no turns.

    Args:
        functions: The functions.
        seconds: For how long they take turns, at least three times each.
        wait: What returns when the device has done its work.
    """
    timed = {name: Timed() for name in functions}
    turns = []
    for name, function in functions.items():
        seen = timed[name]
        try:
            seen.first = duration(function, wait)
            warm = duration(function, wait)
        except Exception as error:  # whatever a contender raises is its result
            seen.error = error
            continue
        if warm <= SLOW * seconds:
            turns.append(name)
        else:
            seen.calls = [warm] if warm > seconds else [warm, duration(function, wait)]
    start, rounds = time.perf_counter(), 0
    while turns and (rounds < LEAST or (rounds < MOST and time.perf_counter() - start < seconds)):
        for name in turns:
            timed[name].calls.append(duration(functions[name], wait))
        turns.append(turns.pop(0))
        rounds += 1
    return timed


def duration(function: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """Returns the time of a call, in seconds."""
    start = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - start
