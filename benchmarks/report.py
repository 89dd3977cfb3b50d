"""The numbers of a run as tables, for a terminal and for a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.table import Table

from benchmarks.contenders import MODES, OURS
from benchmarks.ratios import TARGETS, Times
from benchmarks.results import Results, Row
from benchmarks.shapes import CONVOLUTIONS, POOLINGS, STEPS, Case, Conv, Pool

TITLES = {"graph": "plain graph", "xla": "XLA", "eager": "eager"}
NOTHING = "-"


@dataclass
class Sheet:
    """A table.

    Args:
        title: Its heading.
        columns: Their headings.
        rows: Their cells.
        note: What is to be known to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    note: str = ""

    def rich(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, caption=self.note or None, title_justify="left", caption_justify="left")
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="right" if i else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = [f"### {self.title}", ""]
        lines += [self.note, ""] if self.note else []
        lines += ["| " + " | ".join(self.columns) + " |", "| --- |" + " ---: |" * (len(self.columns) - 1)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)])


def sheets(results: Results) -> Iterator[Sheet]:
    """All tables that the rows fill."""
    times = Times(results)
    modes = [mode for mode in MODES if any(row.mode == mode for row in results.rows)]
    found = [targets(times, modes), promises(times, modes)]
    for mode in modes:
        found += [convolutions(times, mode), algorithms(times, mode), poolings(times, mode)]
    found += [steps(times, modes), slow(times, modes), machine(times, modes), memory(results), reasons(results.rows)]
    found.append(listed(results))
    yield from (sheet for sheet in found if sheet.rows)


def targets(times: Times, modes: list[str]) -> Sheet:
    """The means of groups of cases, beside what they are to reach."""
    shown = [mode for mode in modes if mode != "eager"]
    columns = [column for mode in shown for column in (TITLES[mode], "target", "cases")]
    sheet = Sheet(
        "Means",
        ("stock Keras' time over ours", *columns),
        note="Geometric means over the list, with `auto`; convolutions: forward plus both gradients.",
    )
    for target in TARGETS:
        cells, seen = [], 0
        for mode in shown:
            mean, count = times.mean(target.cases, mode, target.part)
            cells += [
                figure(mean),
                f"{target.goals[mode]:g}" if mode in target.goals else "",
                f"{count}/{len(target.cases)}",
            ]
            seen += count
        if seen:
            sheet.rows.append((target.title, *cells))
    return sheet


def promises(times: Times, modes: list[str]) -> Sheet:
    """Returns the promises for every single case: the worst ratio of each, and its case."""
    sheet = Sheet("The worst single case", ("ratio", *(c for mode in modes for c in (TITLES[mode], "case", "target"))))
    tutorial = next(case for case in CONVOLUTIONS if case.group == "tutorial")
    asked = (
        ("auto to stock Keras", (*CONVOLUTIONS, *POOLINGS, *STEPS), "auto", "keras", 0.4),
        ("native to stock Keras", (*CONVOLUTIONS, *POOLINGS, *STEPS), "native", "keras", 0.97),
        ("auto to the tutorial's loops", (tutorial,), "auto", "loops", 1000.0),
    )
    for title, cases, ours, peer, goal in asked:
        cells, seen = [], False
        for mode in modes:
            ratios = [(ratio, c.name) for c in cases if (ratio := _summed(times, c, mode, ours, peer)) is not None]
            worst, name = min(ratios, default=(None, NOTHING))
            seen |= worst is not None
            cells += [figure(worst), name, f"{goal:g}"]
        if seen:
            sheet.rows.append((title, *cells))
    return sheet


def _summed(times: Times, case: Case, mode: str, ours: str, peer: str) -> float | None:
    """A ratio for the whole of a case, of which the tutorial's loops take the gradients together."""
    if peer != "loops":
        return times.ratio(case, mode, "all", ours, peer)
    mine = [times.row(case.name, mode, d, ours) for d in ("forward", "both_gradients")]
    theirs = times.ms(case, mode, peer)
    if theirs is None or any(row is None or row.ms is None for row in mine):
        return None
    return theirs / sum(row.ms for row in mine)  # type: ignore[union-attr, misc]


def convolutions(times: Times, mode: str) -> Sheet:
    """The ratios of each convolution."""
    columns = (
        "Keras ms",
        "ours ms",
        "forward",
        "spread",
        "dx",
        "dw",
        "all",
        "to tf.nn",
        "to torch",
        "of matmul",
    )
    sheet = Sheet(
        f"Convolutions, {TITLES[mode]}",
        ("case", *columns),
        note="Ratios: the peer's time over that of `auto`. ms, all: forward plus both gradients. spread: half the "
        "distance of the quartiles of our forward times, over their median. of matmul: time of the ready-made product "
        "over ours, forward; for depthwise convolutions that of x + 1 on as many bytes.",
    )
    for case in CONVOLUTIONS:
        mine = times.row(case.name, mode, "forward", "auto")
        if mine is None:
            continue
        yardstick = "x+1" if case.group == "depthwise" else "matmul"
        sheet.rows.append(
            (
                case.name,
                figure(times.ms(case, mode, "keras")),
                figure(times.ms(case, mode, "auto")),
                figure(times.ratio(case, mode, "forward")),
                spread(mine),
                *(figure(times.ratio(case, mode, part)) for part in ("input gradient", "kernel gradient", "all")),
                figure(times.ratio(case, mode, "all", peer="tf.nn")),
                figure(times.ratio(case, mode, "all", peer="torch")),
                figure(times.ratio(case, mode, "forward", peer=yardstick)),
            )
        )
    return sheet


def algorithms(times: Times, mode: str) -> Sheet:
    """The ratio of each algorithm to stock Keras."""
    sheet = Sheet(
        f"Algorithms, {TITLES[mode]}",
        ("case", *OURS, "fastest"),
        note="Stock Keras' time over ours, forward plus both gradients. fastest: of all but `auto` and `native`.",
    )
    for case in (*CONVOLUTIONS, *STEPS):
        ratios = {name: times.ratio(case, mode, "all", ours=name) for name in OURS}
        own = {name: ms for name in OURS if name not in ("auto", "native") and (ms := times.ms(case, mode, name))}
        if any(ratios[name] is not None for name in OURS if name != "auto"):
            fastest = min(own, key=own.__getitem__, default=NOTHING)
            sheet.rows.append((case.name, *map(figure, ratios.values()), fastest))
    return sheet


def poolings(times: Times, mode: str) -> Sheet:
    """The ratios of each pooling."""
    columns = ("Keras ms", "ours ms", "forward", "spread", "gradient", "to torch", "gradient", "of x + 1")
    sheet = Sheet(
        f"Pooling, {TITLES[mode]}",
        ("case", *columns),
        note="Ratios: the peer's time over ours. ms: forward plus gradient. of x + 1: its time on as many bytes over "
        "ours, forward. What the gradient needs of the maxima is in its time, but not in eager mode.",
    )
    for case in POOLINGS:
        mine = times.row(case.name, mode, "forward", "auto")
        if mine is None:
            continue
        sheet.rows.append(
            (
                case.name,
                figure(times.ms(case, mode, "keras")),
                figure(times.ms(case, mode, "auto")),
                figure(times.ratio(case, mode, "forward")),
                spread(mine),
                figure(times.ratio(case, mode, "input gradient")),
                *(figure(times.ratio(case, mode, part, peer="torch")) for part in ("forward", "input gradient")),
                figure(times.ratio(case, mode, "forward", peer="x+1")),
            )
        )
    return sheet


def steps(times: Times, modes: list[str]) -> Sheet:
    """The training steps."""
    columns = ("mode", "batch", "Keras ms", "ours ms", "ratio", "spread", "native", "first call, Keras s", "ours s")
    sheet = Sheet("Training steps", ("model", *columns))
    for case in STEPS:
        for mode in modes:
            mine, peer = (times.row(case.name, mode, "step", name) for name in ("auto", "keras"))
            if mine is None:
                continue
            sheet.rows.append(
                (
                    case.name,
                    TITLES[mode],
                    f"{case.batch} of {case.size}x{case.size}",
                    figure(times.ms(case, mode, "keras", "step")),
                    figure(mine.ms),
                    figure(times.ratio(case, mode, "step")),
                    spread(mine),
                    figure(times.ratio(case, mode, "step", ours="native")),
                    *(figure(row.first_ms / 1000 if row and row.first_ms else None) for row in (peer, mine)),
                )
            )
    return sheet


def slow(times: Times, modes: list[str]) -> Sheet:
    """The tutorial's loops, and NumPy."""
    sheet = Sheet(
        "The tutorial's loops, and NumPy",
        ("direction", "mode", "loops ms", "NumPy ms", "ours ms", "to loops", "to NumPy"),
    )
    for mode in modes:
        for direction in ("forward", "both_gradients"):
            rows = [times.row("tutorial", mode, direction, name) for name in ("loops", "numpy", "auto")]
            found = [row.ms if row else None for row in rows]
            if found[2] and (found[0] or found[1]):
                ratios = [figure(peer / found[2] if peer else None) for peer in found[:2]]
                sheet.rows.append((direction.replace("_", " "), TITLES[mode], *map(figure, found), *ratios))
    return sheet


def machine(times: Times, modes: list[str]) -> Sheet:
    """The yardsticks beside the whole list."""
    sheet = Sheet("The machine", ("mode", "matmul 2048 x 2048, GFLOP/s", "x + 1, GB/s"))
    for mode in modes:
        product, memory = (times.row("machine", mode, "forward", name) for name in ("matmul", "x+1"))
        if product and memory:
            sheet.rows.append((TITLES[mode], figure(rate(product, "flops")), figure(rate(memory, "bytes"))))
    return sheet


def memory(results: Results) -> Sheet:
    """The peaks of memory."""
    peaks: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in results.rows:
        if row.peak_mb is not None:
            peaks[row.cell][row.contender] = row.peak_mb
    names = list(dict.fromkeys(name for found in peaks.values() for name in found))
    sheet = Sheet(
        "Peak memory",
        ("case", "mode", "direction", *(f"{name} MiB" for name in names), "ours / Keras"),
        note="What a call touches, its arguments and results included, to a few MiB. At most 1.5 times stock Keras is "
        "the target.",
    )
    for cell, found in peaks.items():
        ratio = found["auto"] / found["keras"] if {"auto", "keras"} <= set(found) else None
        sheet.rows.append((*cell, *(figure(found.get(name)) for name in names), figure(ratio)))
    return sheet


def reasons(rows: list[Row]) -> Sheet:
    """Returns the contenders that did not run, with the reasons."""
    sheet = Sheet("Not run", ("contender", "modes", "cases", "what it says"))
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.reason:
            text = row.reason.replace("|", "\\|").replace("\n", " ")
            found[row.contender, text].append(row)
    for (contender, reason), those in found.items():
        modes, cases = (dict.fromkeys(getattr(row, name) for row in those) for name in ("mode", "case"))
        sheet.rows.append((contender, ", ".join(modes), ", ".join(cases), reason))
    return sheet


def listed(results: Results) -> Sheet:
    """Returns the list of cases."""
    sheet = Sheet("Cases", ("case", "shape", "GFLOP", "MB", "its source has"))
    names = {row.case for row in results.rows}
    for case in (*CONVOLUTIONS, *POOLINGS):
        if case.name in names:
            sheet.rows.append(
                (case.name, shape(case), *map(figure, (case.flops / 1e9, case.bytes / 1e6)), case.original)
            )
    return sheet


def rate(row: Row, what: str) -> float | None:
    """Billions a second."""
    amount = getattr(row, what)
    return amount / row.ms / 1e6 if amount and row.ms else None


def shape(case: Conv | Pool) -> str:
    """A case in a line, such as `8x28x28x128 -> 128, 3x3 /2`."""
    text = "x".join(map(str, case.x)) + (f" -> {case.filters}" if isinstance(case, Conv) else "")
    text += ", " + "x".join(map(str, case.size))
    strides = case.strides if len(set(case.strides)) > 1 else case.strides[:1]
    text += f" /{'x'.join(map(str, strides))}" if max(strides) > 1 else ""
    if isinstance(case, Conv):
        text += f" dilated {case.dilation}" if case.dilation > 1 else ""
        text += f" groups {case.groups}" if case.groups > 1 else ""
        text += " transposed" if case.transposed else ""
    return text + ("" if case.dtype == "float32" else f" {case.dtype}")


def figure(value: float | None) -> str:
    """A positive number in three figures."""
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(row: Row) -> str:
    """Half the distance of the quartiles over the median."""
    if not row.ms or row.low_ms is None or row.high_ms is None:
        return NOTHING
    return f"{50 * (row.high_ms - row.low_ms) / row.ms:.0f}%"


def line(rows: list[Row]) -> str:
    """A cell in a line: who takes how long, with the quartiles."""
    parts = [
        f"{row.contender} {figure(row.ms)} [{figure(row.low_ms)}, {figure(row.high_ms)}]" for row in rows if row.ms
    ]
    parts += [f"{row.contender} {figure(row.peak_mb)} MiB" for row in rows if row.peak_mb]
    absent = [row.contender for row in rows if row.reason]
    return f"{' '.join(rows[0].cell)}: {', '.join(parts)}" + (f"; not run: {', '.join(absent)}" if absent else "")
