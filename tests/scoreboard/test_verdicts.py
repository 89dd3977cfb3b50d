"""Declared deviations, the comparison of arrays, the report, and the exit status."""

import sys
import types

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from scoreboard import __main__ as command
from scoreboard import deviations, report
from scoreboard.verdicts import Deviation, Outcome, Verdict, difference, failed, passed, settled

DECLARED = [Deviation("torch", "pad*negative", "we refuse")]


def outcomes(verdicts, *, complete=False):
    return [(v.case, str(v.outcome), v.detail) for v in settled(verdicts, DECLARED, complete=complete)]


def test_a_declared_failure_deviates():
    assert outcomes([failed("pad", "pad 1 negative", "x"), failed("pad", "pad 2", "y")], complete=True) == [
        ("pad 1 negative", "deviates", "we refuse"),
        ("pad 2", "failed", "y"),
    ]


def test_a_declaration_must_come_true():
    assert outcomes([passed("pad", "pad 1 negative")]) == [
        ("pad 1 negative", "failed", "declared as a deviation, but it passes")
    ]
    assert outcomes([passed("pad", "pad 2")]) == [("pad 2", "passed", "")]
    assert outcomes([passed("pad", "pad 2")], complete=True)[1] == (
        "pad*negative",
        "failed",
        "declared as a deviation, but there is no such case",
    )


def test_a_declared_assertion_excuses_no_other_failure():
    declared = [Deviation("keras", "test", "reason", message="not supported")]
    settle = lambda *verdicts: [v.outcome for v in settled(verdicts, declared, complete=True)]  # noqa: E731
    assert settle(failed("Conv", "test", "another")) == [Outcome.FAILED]
    assert settle(Verdict("Conv", "test", Outcome.DEVIATES, "reason")) == [Outcome.DEVIATES]
    assert settle(passed("Conv", "test")) == [Outcome.FAILED]


@pytest.mark.parametrize(
    ("actual", "expected", "gap"),
    [
        (np.float32([1, 2]), np.float32([1, 2]), None),
        (np.float32([1, np.nan]), np.float32([1, np.nan]), None),
        (np.float32([1, 2]), np.float64([1, 2]), "dtype float32, expected float64"),
        (np.float32([[1, 2]]), np.float32([1, 2]), "shape (1, 2), expected (2,)"),
        (np.float32([1, 2]), np.float32([1, 4]), "off by up to 2 where the largest number is 4"),
        (np.uint8([1]), np.uint8([3]), "off by up to 2 where the largest number is 3"),
        (np.float32([1, np.nan]), np.float32([1, 2]), "off by up to 0 where the largest number is 2, and 1 are NaN"),
    ],
)
def test_difference(actual, expected, gap):
    assert difference(actual, expected, rtol=1e-6, atol=0) == gap


def test_every_deviation_has_a_reason_and_a_judge():
    assert all(d.reason and d.judge in list(command.Judge) for d in deviations.DEVIATIONS)


@pytest.fixture
def judge(monkeypatch):
    """A judge that says what it is told; called through the command line."""

    def run(*verdicts, arguments=("onnx",)):
        module = types.ModuleType("scoreboard.fake")
        module.METHOD, module.judge = "It asks.", lambda select: (v for v in verdicts if select in v.subject)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(command, "MODULES", dict.fromkeys(command.Judge, ("fake", "A judge")))
        monkeypatch.setattr(command.deviations, "of", lambda judge: [])
        app = typer.Typer()
        app.command()(command.main)
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    return run


def test_the_exit_status(judge):
    assert judge(passed("Conv", "a")).exit_code == 0
    done = judge(passed("Conv", "a"), failed("Conv", "b", "off [by] one"))
    assert (done.exit_code, "failed: b\n    off [by] one" in done.output) == (1, True)
    done = judge(passed("Conv", "a"), arguments=("onnx", "--select", "Pool"))
    assert (done.exit_code, "there are no cases that contain 'Pool'" in done.output) == (1, True)


def test_the_report_is_written_by_a_run_of_all_judges_only(judge, tmp_path):
    path = tmp_path / "docs" / "scoreboard.md"
    assert judge(passed("Conv", "a"), arguments=("onnx", "--output", str(path))).exit_code == 0
    assert not path.exists()
    assert judge(failed("Conv", "a", "x|y"), arguments=("--output", str(path))).exit_code == 1
    assert "| a | x\\|y |" in path.read_text()


def test_the_report():
    session = report.Session(
        "A judge",
        "It asks.",
        [
            passed("Conv", "a", "to 1e-6"),
            passed("Conv", "b"),
            Verdict("Conv", "c", Outcome.DEVIATES, "we mean it"),
            Verdict("Conv", "d", Outcome.DEVIATES, "we mean it"),
            Verdict("Pool", "e", Outcome.SET_ASIDE, "skipped"),
            failed("Pool", "f", "wrong"),
        ],
        seconds=90,
    )
    text = report.markdown([session], "make scoreboard")
    assert "| A judge | 6 | 2 | 2 | 1 | 1 | 90 s |" in text
    assert "| Conv | 4 | 2 | 2 | 0 | 0 | to 1e-6 |" in text
    assert "| Pool | 2 | 0 | 0 | 1 | 1 |  |" in text
    assert (
        "### Declared deviations\n\n| subject | cases | reason |\n| --- | --- | --- |\n| Conv | 2 | we mean it |"
        in text
    )
    assert "| Pool | 1 | skipped |" in text
    assert "| f | wrong |" in text
    assert "make scoreboard" in text
    assert "keras 3." in text
