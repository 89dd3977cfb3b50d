"""A pytest plugin that aims Keras' own tests at our classes and functions: `pytest -p scoreboard.keras_plugin`.

A test module of Keras says `from keras.src import layers` and then uses `layers.Conv2D`. While such a module is being
imported, that `layers` is a stand-in, which has our `Conv2D` and passes everything else on. Keras itself is not
changed: the stock layers stay what they are, also for the tests that compare with them.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import pytest

from scoreboard import deviations
from scoreboard.verdicts import error

SOURCE = pathlib.Path(keras.__file__).parent / "src"

CONVOLUTIONS = ("depthwise_conv", "separable_conv", "conv_transpose", "conv", "max_pool", "average_pool")


@dataclass(frozen=True)
class Aim:
    """A test module of Keras, and what in it is replaced.

    Attributes:
        file: The module, below `keras/src`.
        names: What is replaced.
        owner: What the test module imports from `keras.src` to get at them; the last part is what it imports.
        ours: Where ours are.
        tests: Pattern of the tests that are run.
    """

    file: str
    names: tuple[str, ...]
    owner: str = "layers"
    ours: str = "kerasconv.layers"
    tests: str = ""
    drawn: set[str] = field(default_factory=set, compare=False)

    def subject(self, test: str) -> str:
        """The row of the table that a test of this module belongs to."""
        if not self.tests:
            return ", ".join(self.names)
        return "ops." + next(name for name in self.names if name in test)


def _ranks(*names: str, ranks: tuple[int, ...] = (1, 2, 3)) -> tuple[str, ...]:
    return tuple(name.format(rank) for name in names for rank in ranks)


AIMS = (
    Aim("layers/convolutional/conv_test.py", _ranks("Conv{}D")),
    Aim("layers/convolutional/conv_transpose_test.py", _ranks("Conv{}DTranspose")),
    Aim("layers/convolutional/depthwise_conv_test.py", _ranks("DepthwiseConv{}D", ranks=(1, 2))),
    Aim("layers/convolutional/separable_conv_test.py", _ranks("SeparableConv{}D", ranks=(1, 2))),
    Aim("layers/pooling/max_pooling_test.py", _ranks("MaxPooling{}D")),
    Aim("layers/pooling/average_pooling_test.py", _ranks("AveragePooling{}D")),
    Aim("layers/pooling/global_max_pooling_test.py", _ranks("GlobalMaxPooling{}D")),
    Aim("layers/pooling/global_average_pooling_test.py", _ranks("GlobalAveragePooling{}D")),
    *(
        Aim(
            f"layers/pooling/adaptive_pooling{rank}d_test.py",
            (f"AdaptiveAveragePooling{rank}D", f"AdaptiveMaxPooling{rank}D"),
        )
        for rank in (1, 2, 3)
    ),
    *(Aim(f"layers/reshaping/zero_padding{rank}d_test.py", (f"ZeroPadding{rank}D",)) for rank in (1, 2, 3)),
    Aim("ops/nn_test.py", CONVOLUTIONS, "ops.nn", "kerasconv.ops", f"test_({'|'.join(CONVOLUTIONS)})"),
    Aim("ops/numpy_test.py", ("pad",), "ops.numpy", "kerasconv.ops", "test_pad"),
)


class StandIn:
    """`stock`, but for the names of an `Aim`."""

    def __init__(self, stock: Any, aim: Aim):
        self._stock, self._aim = stock, aim

    def __getattr__(self, name: str) -> Any:
        if name not in self._aim.names:
            return getattr(self._stock, name)
        self._aim.drawn.add(name)
        return getattr(importlib.import_module(self._aim.ours), name)


@contextlib.contextmanager
def standing_in(aim: Aim) -> Iterator[None]:
    """In this block, importing `aim.owner` from Keras gives the stand-in."""
    package, _, attribute = f"keras.src.{aim.owner}".rpartition(".")
    module = importlib.import_module(package)
    stock = getattr(module, attribute)
    setattr(module, attribute, StandIn(stock, aim))
    try:
        yield
    finally:
        setattr(module, attribute, stock)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options."""
    parser.addoption("--scoreboard-results", required=True, help="Where to write what happened, as JSON.")
    parser.addoption("--scoreboard-stock", action="store_true", help="Leave Keras' classes in place.")
    parser.addoption("--scoreboard-only", help="A JSON list of the names of the tests to run.")


def pytest_configure(config: pytest.Config) -> None:
    """Registers what needs the options."""
    config.pluginmanager.register(Session(config), "scoreboard-session")


class Nothing(pytest.File):
    """A test module that cannot be imported."""

    def collect(self) -> list[pytest.Item]:
        """No tests."""
        return []


class Session:
    """One run of pytest: imports the test modules, picks the tests, and writes down what happened."""

    def __init__(self, config: pytest.Config):
        self.stock = config.getoption("--scoreboard-stock")
        self.results = pathlib.Path(config.getoption("--scoreboard-results"))
        only = config.getoption("--scoreboard-only")
        self.only = None if only is None else set(json.loads(pathlib.Path(only).read_text()))
        self.aims = {SOURCE / aim.file: aim for aim in AIMS if str(SOURCE / aim.file) in config.args}
        self.happened: dict[str, dict[str, str]] = {}
        self.left_out: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(self, module_path: pathlib.Path, parent: pytest.Collector) -> pytest.File | None:
        """Imports a test module with the stand-in in place, so that pytest finds it imported already."""
        aim = self.aims.get(module_path)
        if aim is None or self.stock:
            return None
        name = ".".join(["keras", "src", *pathlib.Path(aim.file).with_suffix("").parts])
        sys.modules.pop(name, None)  # another test module may have imported it for a helper
        try:
            with standing_in(aim):
                importlib.import_module(name)
        except Exception as exception:
            self.happened[module_path.name] = {"outcome": "failed", "detail": error(exception)}
            return Nothing.from_parent(parent, path=module_path)
        return None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keeps the tests of what we mirror."""
        kept = [
            item
            for item in items
            if re.match(self.aims[item.path].tests, item.name)
            and (self.only is None or _name(item.nodeid) in self.only)
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    @pytest.fixture(autouse=True)
    def _declared(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """Leaves out the one assertion of a test that `deviations` declares."""
        name = _name(request.node.nodeid)
        declared = [d for d in deviations.of("keras") if d.case == name and d.message]
        if self.stock or not declared:
            return
        stock = request.cls.assertRaisesRegex

        def assert_raises_regex(case: Any, kind: Any, regex: Any, *args: Any, **kwargs: Any) -> Any:
            if any(d.message in str(regex) for d in declared):
                self.left_out.add(name)
                return contextlib.nullcontext()
            return stock(case, kind, regex, *args, **kwargs)

        monkeypatch.setattr(request.cls, "assertRaisesRegex", assert_raises_regex)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes down the outcome of a test: the worst of its phases."""
        name = _name(report.nodeid)
        if report.skipped and isinstance(report.longrepr, tuple):
            self.happened[name] = {"outcome": "skipped", "detail": report.longrepr[2].removeprefix("Skipped: ")}
        elif report.failed:
            self.happened[name] = {"outcome": "failed", "detail": _last_line(report.longreprtext)}
        elif report.when == "call":
            outcome = "left out" if name in self.left_out else "passed"
            self.happened.setdefault(name, {"outcome": outcome, "detail": ""})

    def pytest_sessionfinish(self) -> None:
        """Writes the results."""
        unaimed = {aim.file: sorted(set(aim.names) - aim.drawn) for aim in AIMS}
        self.results.write_text(json.dumps({"tests": self.happened, "unaimed": unaimed}))


def _name(nodeid: str) -> str:
    """`conv_test.py::Class::test`, whatever the directory."""
    return nodeid.rpartition("/")[2]


def _last_line(text: str) -> str:
    """Returns the last line of an exception's text."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return " ".join(lines)[:300] or text.strip()[-300:]
