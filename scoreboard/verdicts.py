"""Verdicts of a judge on single cases, and declared deviations, which turn a failure into an expected one."""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


class Outcome(enum.StrEnum):
    """Outcome of a case."""

    PASSED = "passed"
    FAILED = "failed"
    DEVIATES = "deviates"
    SET_ASIDE = "set aside"  # says nothing about us: the judge skips it, or the original fails it too


@dataclass(frozen=True)
class Verdict:
    """One case.

    Attributes:
        subject: The operations, class or model that the case is about: a row of the table.
        case: The judge's own name of the case.
        outcome: How it ended.
        detail: Why it failed, deviates or was set aside; what was measured, where it passed.
    """

    subject: str
    case: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Deviation:
    """A deliberate deviation from a judge.

    Attributes:
        judge: The judge's key.
        case: Pattern of the names of the cases, as in a shell.
        reason: The reason.
        message: For Keras' tests: the one assertion that is left out, named by part of the error message that it waits
            for. All others of the test are made.
    """

    judge: str
    case: str
    reason: str
    message: str = ""


def passed(subject: str, case: str, detail: str = "") -> Verdict:
    """The case passed."""
    return Verdict(subject, case, Outcome.PASSED, detail)


def failed(subject: str, case: str, detail: str) -> Verdict:
    """The case failed."""
    return Verdict(subject, case, Outcome.FAILED, detail)


def settled(verdicts: Iterable[Verdict], declared: Iterable[Deviation], *, complete: bool) -> Iterator[Verdict]:
    """The verdicts, with the failures that are declared turned into deviations.

    A declaration must come true: a case that is declared and passes fails, and so, in a `complete` run, does a
    declaration that no case answers to.
    """
    unused = {deviation.case: deviation for deviation in declared}
    matchers = dict(unused)
    for verdict in verdicts:
        pattern = next((pattern for pattern in matchers if fnmatch.fnmatchcase(verdict.case, pattern)), None)
        if pattern is not None:
            unused.pop(pattern, None)
            if verdict.outcome is Outcome.PASSED:
                verdict = replace(verdict, outcome=Outcome.FAILED, detail="declared as a deviation, but it passes")
            elif verdict.outcome is Outcome.FAILED and not matchers[pattern].message:
                verdict = replace(verdict, outcome=Outcome.DEVIATES, detail=matchers[pattern].reason)
        yield verdict
    if complete:
        for pattern in unused:
            yield failed("declarations", pattern, "declared as a deviation, but there is no such case")


def difference(actual: Any, expected: Any, rtol: float, atol: float) -> str | None:
    """Returns the difference of two arrays in dtype, shape or numbers, in one line; `None` if they agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.dtype != expected.dtype:
        return f"dtype {actual.dtype}, expected {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if np.allclose(actual, expected, rtol=rtol, atol=atol, equal_nan=True):
        return None
    gap = np.abs(actual.astype("float64") - expected.astype("float64"))
    unknown = np.isnan(gap).sum() - (np.isnan(actual) & np.isnan(expected)).sum()
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    text = f"off by up to {gap[~np.isnan(gap)].max(initial=0):.3g} where the largest number is {largest:.3g}"
    return f"{text}, and {unknown} are NaN" if unknown else text


def error(exception: Exception) -> str:
    """An exception in one line."""
    return " ".join(f"{type(exception).__name__}: {exception}".split())
