"""Measures cells: all contenders of one case, mode and direction, side by side."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf
import threadpoolctl

from benchmarks import contenders, yardsticks
from benchmarks.data import Data
from benchmarks.results import Cell, Row
from benchmarks.shapes import Case, Step, by_name
from benchmarks.timing import Timed, take_turns


def use_threads(threads: int) -> None:
    """Lets TensorFlow, NumPy and PyTorch use so many for an operation. To be called before TensorFlow runs one."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    threadpoolctl.threadpool_limits(threads)
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Lets the C library keep what is freed, as TensorFlow's allocator does.

    Otherwise PyTorch and NumPy ask the system for every large result anew, which takes several times as long as a
    pooling or a depthwise convolution.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(-4, 0)  # M_MMAP_MAX: large blocks come from the heap too,
        library.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: which does not shrink


class Meter:
    """Measures one cell after the other, keeping a case's numbers while it lasts.

    Args:
        names: Who takes part, if he can.
        seconds: For how long the contenders of a cell take turns.
    """

    def __init__(self, names: Iterable[str], seconds: float):
        self._names, self._seconds = list(names), seconds
        self._data: Data | None = None
        gpu = bool(tf.config.list_physical_devices("GPU"))
        self._wait: Callable[[], Any] = tf.test.experimental.sync_devices if gpu else lambda: None

    def cell(self, cell: Cell) -> Iterator[Row]:
        """All contenders of a case in one mode and direction."""
        name, mode, direction = cell
        return self._machine(mode) if name == contenders.MACHINE else self._case(by_name(name), mode, direction)

    def _machine(self, mode: str) -> Iterator[Row]:
        found = yardsticks.overall(mode)
        timed = take_turns({name: function for name, (function, _, _) in found.items()}, self._seconds, self._wait)
        for name, (_, flops, size) in found.items():
            yield row(timed[name], *(contenders.MACHINE,) * 3, mode, "forward", name, flops, size)

    def _case(self, case: Case, mode: str, direction: str) -> Iterator[Row]:
        if not isinstance(case, Step) and (self._data is None or self._data.case != case):
            self._data = Data(case)
        data = None if isinstance(case, Step) else self._data
        functions, timed = {}, {}
        for name in contenders.entrants(case, direction):
            if name in self._names:
                try:
                    functions[name] = contenders.prepare(name, case, data, mode, direction)
                except Exception as error:  # it has no such case, and says why
                    timed[name] = Timed(error=error)
        timed |= take_turns(functions, self._seconds, self._wait)
        passes = 2 if direction == contenders.BOTH else 1
        for name, seen in timed.items():
            flops = case.flops * passes
            yield row(seen, case.name, case.kind, case.group, mode, direction, name, flops, case.bytes)
        functions.clear()
        keras.backend.clear_session()
        gc.collect()


def row(
    seen: Timed,
    case: str,
    kind: str,
    group: str,
    mode: str,
    direction: str,
    contender: str,
    flops: float,
    size: float,
) -> Row:
    """Returns the measurements of a contender as a row."""
    if seen.error is not None:
        return Row(case, kind, group, mode, direction, contender, reason=said(seen.error))
    low, median, high = (1000 * t for t in seen.quantiles())
    known = {"flops": flops, "bytes": size} if math.isfinite(flops) else {}
    return Row(
        case,
        kind,
        group,
        mode,
        direction,
        contender,
        ms=median,
        low_ms=low,
        high_ms=high,
        calls=len(seen.calls),
        first_ms=1000 * seen.first,
        **known,
    )


def said(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" ^~")]
    return (lines[0] if lines else type(error).__name__)[:200]
