"""Plots of a run: ratios by shape, and the roofline."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from benchmarks.ratios import Times
from benchmarks.report import TITLES, rate
from benchmarks.results import Results
from benchmarks.shapes import CONVOLUTIONS, POOLINGS, Case

COLOURS = {"auto": "#c0392b", "keras": "#2c3e50", "torch": "#e67e22"}


def draw(results: Results, folder: Path) -> list[Path]:
    """Draws what the rows fill, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    times, paths = Times(results), list[Path]()
    for mode in [mode for mode in TITLES if any(row.mode == mode for row in results.rows)]:
        for kind, cases in (("convolutions", CONVOLUTIONS), ("pooling", POOLINGS)):
            if any(times.ratio(case, mode) for case in cases):
                paths.append(folder / f"ratios_{kind}_{mode}.png")
                save(lambda t=times, c=cases, m=mode, k=kind: ratios(t, c, m, k), paths[-1])
        if any(times.ms(case, mode, "auto", "forward") for case in CONVOLUTIONS):
            paths.append(folder / f"roofline_{mode}.png")
            save(lambda t=times, m=mode: roofline(t, m), paths[-1])
    return paths


def save(plot: Callable[[], plt.Figure], path: Path) -> None:
    """Draws one plot into a file, without the date, so that the same numbers give the same file."""
    figure = plot()
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def ratios(times: Times, cases: tuple[Case, ...], mode: str, kind: str) -> plt.Figure:
    """A bar for each case from 1, where both are equally fast; PyTorch's, a dot, and parts of ours, ticks."""
    found = [(case.name, ratio, case) for case in cases if (ratio := times.ratio(case, mode)) is not None]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.26 * len(found)))
    for place, (_, ratio, case) in enumerate(found):
        axes.barh(place, ratio - 1, left=1, color="#27ae60" if ratio >= 1 else COLOURS["auto"], height=0.7, zorder=2)
        parts = [times.ratio(case, mode, d.replace("_", " ")) for d in case.directions]
        axes.plot([p for p in parts if p], [place] * sum(map(bool, parts)), "|", color="black", markersize=8, zorder=3)
        torch, keras = times.ms(case, mode, "torch"), times.ms(case, mode, "keras")
        if torch and keras:
            axes.plot(keras / torch, place, "o", color=COLOURS["torch"], markersize=4, zorder=4)
    axes.set_xscale("log")
    low, high = (round(math.log2(edge)) for edge in axes.get_xlim())
    axes.set_xticks([], minor=True)
    axes.set_xticks([2.0**i for i in range(low, high + 1)], [f"{2.0**i:.3g}" for i in range(low, high + 1)], fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(found)), [name for name, _, _ in found], fontsize=8)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("stock Keras' time over ours (bar; its directions: ticks) and PyTorch's (dot)")
    axes.set_title(f"{kind.capitalize()}, {TITLES[mode]}: right of 1 is faster than stock Keras", fontsize=10)
    return figure


def roofline(times: Times, mode: str) -> plt.Figure:
    """Speed over arithmetic intensity, forward, below what the machine's yardsticks allow."""
    figure, axes = plt.subplots(figsize=(8, 5))
    most = 1.0
    for name in ("keras", "auto"):
        rows = [times.row(case.name, mode, "forward", name) for case in CONVOLUTIONS if case.dtype == "float32"]
        points = [(row.flops / row.bytes, rate(row, "flops"), row.case) for row in rows if row and row.ms]
        axes.plot(*zip(*[p[:2] for p in points], strict=True), "o", color=COLOURS[name], label=name, markersize=5)
        most = max([most, *(p[0] for p in points)])
        if name == "auto":
            for x, y, case in points:
                axes.annotate(case, (x, y), fontsize=5, xytext=(3, 2), textcoords="offset points")
    product, memory = (times.row("machine", mode, "forward", name) for name in ("matmul", "x+1"))
    if product and memory:
        peak, bandwidth = rate(product, "flops"), rate(memory, "bytes")
        xs = [0.3, peak / bandwidth, max(most, 2 * peak / bandwidth)]
        axes.plot(xs, [min(peak, bandwidth * x) for x in xs], "-", color="grey", label="x + 1 and square matmul")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("floating-point operations of the definition per byte of arguments and result")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"Forward convolution, float32, {TITLES[mode]}", fontsize=10)
    axes.grid(which="both", alpha=0.2)
    axes.legend()
    return figure
