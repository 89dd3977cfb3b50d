"""The verdicts as a table on the terminal and as `docs/scoreboard.md`."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rich.table import Table

from scoreboard.verdicts import Outcome, Verdict

PACKAGES = ("kerasconv", "keras", "tensorflow", "numpy", "onnx", "torch", "pytest")
COUNTED = (Outcome.PASSED, Outcome.DEVIATES, Outcome.SET_ASIDE, Outcome.FAILED)

HEAD = """# Scoreboard

Four judges that nobody here wrote, and what they say. This file is written by

    {command}

which fails if a case fails that is not a declared deviation, or if a declared deviation passes.

Versions: {versions}.
"""

LEGEND = """
A case that *deviates* is one in which we mean to differ; the reason is given below the table. *Set aside* is what says
nothing about us: the judge skips the case itself, or stock Keras fails it on the same machine.
"""


@dataclass(frozen=True)
class Session:
    """Verdicts of one judge, and the time that it took."""

    title: str
    method: str
    verdicts: Sequence[Verdict]
    seconds: float

    def count(self, outcome: Outcome | None = None, subject: str | None = None) -> int:
        """The number of cases, with this outcome, about this subject."""
        return sum(
            (outcome is None or verdict.outcome is outcome) and (subject is None or verdict.subject == subject)
            for verdict in self.verdicts
        )

    @property
    def failures(self) -> list[Verdict]:
        """The cases that failed."""
        return [verdict for verdict in self.verdicts if verdict.outcome is Outcome.FAILED]

    @property
    def subjects(self) -> list[str]:
        """The subjects of the cases, in order."""
        return list(dict.fromkeys(verdict.subject for verdict in self.verdicts))

    def row(self, subject: str | None = None) -> list[str]:
        """Counts: all cases, then by outcome."""
        return [str(self.count(None, subject)), *(str(self.count(outcome, subject)) for outcome in COUNTED)]

    def measured(self, subject: str) -> str:
        """Returns the measurements of the cases that passed."""
        return ", ".join(
            v.detail for v in self.verdicts if v.subject == subject and v.outcome is Outcome.PASSED and v.detail
        )


def terminal(session: Session) -> Table:
    """Returns the verdicts of one judge as a table, a row for each subject."""
    table = Table("subject", "cases", *COUNTED, "measured", title=f"{session.title}, {session.seconds:.0f} s")
    table.columns[0].overflow = "fold"
    for subject in session.subjects:
        table.add_row(subject, *session.row(subject), session.measured(subject))
    return table


def markdown(sessions: Sequence[Session], command: str) -> str:
    """The whole report."""
    parts = [HEAD.format(command=command, versions=versions()), _summary(sessions), LEGEND]
    return "\n".join([*parts, *map(_section, sessions)])


def versions() -> str:
    """The versions of everything that takes part."""

    def of(package: str) -> str:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            return f"no {package}"

    return ", ".join([*map(of, PACKAGES), f"Python {platform.python_version()}, {platform.system()} on a CPU"])


def _summary(sessions: Sequence[Session]) -> str:
    rows = [[s.title, *s.row(), f"{s.seconds:.0f} s"] for s in sessions]
    return _table(["judge", "cases", *COUNTED, "time"], rows)


def _section(session: Session) -> str:
    measured = any(map(session.measured, session.subjects))
    columns = ["subject", "cases", *COUNTED, *(["measured"] if measured else [])]
    rows = [
        [subject, *session.row(subject), *([session.measured(subject)] if measured else [])]
        for subject in session.subjects
    ]
    parts = [f"\n## {session.title}\n\n{session.method}\n", _table(columns, rows)]
    for heading, outcome in (("Declared deviations", Outcome.DEVIATES), ("Set aside", Outcome.SET_ASIDE)):
        groups = Counter((v.subject, v.detail) for v in session.verdicts if v.outcome is outcome)
        if groups:
            rows = [[subject, str(number), reason] for (subject, reason), number in groups.items()]
            parts.append(f"\n### {heading}\n\n" + _table(["subject", "cases", "reason"], rows))
    if session.failures:
        parts.append("\n### Failed\n\n" + _table(["case", "why"], [[v.case, v.detail] for v in session.failures]))
    return "\n".join(parts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(columns), line(["---"] * len(columns)), *map(line, rows)])
