"""The benchmark on small cases: contenders agree, numbers are consistent, and wrong names are told."""

import csv
import dataclasses
import importlib.util
import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import contenders, page, ratios, report, results, shapes, timing, worker
from benchmarks.data import Data
from benchmarks.shapes import Pool, conv

TORCH = importlib.util.find_spec("torch") is not None
SMALL = (
    conv("plain", (2, 7, 9, 6), 4, (3, 5)),
    conv("strided", (2, 11, 9, 3), 4, 3, 2, "valid"),
    conv("dilated", (1, 11, 10, 3), 4, (2, 3), dilation=2),
    conv("grouped", (2, 7, 8, 6), 9, 3, groups=3),
    conv("depthwise", (2, 7, 8, 5), 5, 3, groups=5),
    conv("line", (2, 13, 5), 4, 2, 1, "valid"),
    conv("volume", (1, 5, 6, 7, 3), 4, (1, 2, 3), 1, "valid"),
    conv("transposed", (1, 3, 4, 5), 2, 4, 2, transposed=True),
    conv("double", (1, 6, 7, 2), 3, 3, dtype="float64"),
    Pool("max", (2, 7, 9, 3), (3, 2), (2, 1), "valid"),
    Pool("avg", (2, 7, 9, 3), (3, 3), (1, 1), "same", operation="avg"),
)


@pytest.mark.parametrize("case", SMALL, ids=[case.name for case in SMALL])
def test_contenders_compute_the_same(case):
    data = Data(case)
    for direction in case.directions:
        expected = computed("auto", case, data, direction)
        for name in peers(case):
            found = computed(name, case, data, direction)
            np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-4, atol=1e-5, err_msg=name)


def peers(case):
    """Who can compute a case, and soon: stock Keras compiles grouped convolutions for seconds."""
    grouped = case.kind == "conv" and case.group == "grouped"
    numpy = case.kind == "conv" and not case.transposed
    return [*([] if grouped else ["keras", "tf.nn"]), *(["numpy"] if numpy else []), *(["torch"] if TORCH else [])]


def computed(name, case, data, direction):
    found = contenders.prepare(name, case, data, "eager", direction)()
    if name != "torch":
        return np.asarray(found)
    found = found[0] if isinstance(found, tuple) else found
    if direction == "kernel_gradient":
        return found.permute(*range(2, case.rank + 2), 1, 0).numpy()
    return found.detach().movedim(1, -1).numpy()


def test_sizes_of_cases_are_those_of_the_layers():
    for case in SMALL:
        assert computed("auto", case, Data(case), "forward").shape == case.y
    plain = conv("", (2, 10, 10, 3), 4, 3, 1, "valid")
    assert plain.flops == 2 * 2 * 8 * 8 * 9 * 3 * 4
    assert plain.bytes == 4 * (2 * 100 * 3 + 9 * 3 * 4 + 2 * 64 * 4)


def test_names_are_unique_and_targets_have_cases():
    names = [case.name for case in shapes.CASES]
    assert len(names) == len(set(names))
    assert all(target.cases for target in ratios.TARGETS)


def test_turns_are_taken_and_errors_kept():
    order = []

    def failing():
        raise ValueError("no such case")

    timed = timing.take_turns(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b"), "c": failing}, seconds=1e-9
    )
    assert [len(seen.calls) for seen in timed.values()] == [1, 1, 0]  # slower than all the time there is
    assert str(timed["c"].error) == "no such case"
    order.clear()
    timed = timing.take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, seconds=0.01)
    assert order[4:10] == ["a", "b", "b", "a", "a", "b"]
    low, median, high = timed["a"].quantiles()
    assert low <= median <= high


def made(**ms):
    """Rows of one convolution in a plain graph: contender to times forward, dx, dw."""
    case = shapes.by_name("rn50_res3")
    return [
        results.Row(case.name, "conv", "dense", "graph", d, name, ms=t, low_ms=t, high_ms=t, flops=2e9, bytes=1e7)
        for name, times in ms.items()
        for d, t in zip(case.directions, times, strict=True)
    ]


def test_ratios_are_of_sums():
    times = ratios.Times(results.Results(rows=made(auto=(1, 2, 5), keras=(2, 4, 2), direct=(4, 8, 4))))
    case = shapes.by_name("rn50_res3")
    assert times.ratio(case, "graph") == 1.0
    assert times.ratio(case, "graph", "input gradient") == 2.0
    assert times.ratio(case, "graph", ours="direct") == 0.5
    assert times.ratio(case, "xla") is None
    assert times.mean(ratios.TARGETS[0].cases, "graph") == (1.0, 1)
    assert ratios.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_rows_survive_the_file(tmp_path):
    kept = results.Results({"processor": "a machine"}, path=tmp_path / "rows.json")
    kept.add(made(auto=(1, 2, 5), keras=(2, 4, 2)))
    kept.add(made(auto=(3, 2, 5)))
    again = results.load(tmp_path / "rows.json")
    assert again.rows == kept.rows
    assert again.machine == kept.machine
    assert [row.ms for row in again.rows if row.contender == "auto"] == [3, 2, 5]
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def run(*arguments):
    app = typer.Typer()
    app.command()(command.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_run_writes_what_it_measured(tmp_path):
    keep, table = tmp_path / "rows.json", tmp_path / "rows.csv"
    options = ["--only", "tutorial", "--mode", "graph", "--direction", "forward", "--seconds", 0.01]
    asked = [x for name in ("auto", "keras", "gemm", "loops") for x in ("--contender", name)]
    done = run(*options, *asked[:6], "--json", keep, "--csv", table)
    assert done.exit_code == 0, done.output
    rows = {row["contender"]: row for row in json.loads(keep.read_text())["rows"] if row["case"] == "tutorial"}
    assert set(rows) == {"auto", "keras", "gemm"}
    assert all(0 < row["low_ms"] <= row["ms"] <= row["high_ms"] for row in rows.values())
    with table.open() as file:
        written = {row["contender"]: row for row in csv.DictReader(file) if row["case"] == "tutorial"}
    assert {name: float(f"{float(row['ms']):.5g}") for name, row in written.items()} == {
        name: row["ms"] for name, row in rows.items()
    }
    ratio = rows["keras"]["ms"] / rows["auto"]["ms"]
    (line,) = (line for line in done.output.splitlines() if "│ tutorial" in line and "%" in line)
    assert float(line.split("│")[4]) == pytest.approx(ratio, abs=0.005 + 0.02 * ratio)  # two digits

    before = keep.read_text()
    done = run(*options, *asked, "--json", keep, "--existing", "skip")
    assert done.exit_code == 0, done.output
    assert json.loads(keep.read_text())["rows"] == json.loads(before)["rows"]

    done = run("--render", keep)
    assert done.exit_code == 0, done.output
    assert line in done.output


def test_a_process_that_dies_ends_one_cell(monkeypatch):
    monkeypatch.setattr(worker.sys, "executable", "false")
    cells = [("tutorial", "graph", "forward"), ("tutorial", "xla", "forward")]
    found = list(worker.rows(cells, ["auto"], 0.1, 1))
    assert [row.reason for rows in found for row in rows] == ["the process ended with 1"] * 2
    assert [row.cell for rows in found for row in rows] == cells


def test_a_page_keeps_what_is_not_generated(tmp_path):
    path = tmp_path / "performance.md"
    path.write_text(f"# Mine\n\n{page.BEGIN}\nold\n{page.END}\n\nAlso mine\n")
    found = results.Results(
        {"processor": "a machine", "commands": ["python -m benchmarks"]}, made(auto=(1, 2, 5), keras=(2, 4, 2))
    )
    page.write(found, path)
    text = path.read_text()
    assert text.startswith("# Mine\n")
    assert text.endswith("Also mine\n")
    assert "\nold\n" not in text
    assert "- processor: a machine" in text
    assert "    python -m benchmarks\n" in text
    assert "| dense convolutions | 1.00 | 0.8 | 1/33 |" in text
    images = sorted(file.name for file in (tmp_path / "performance").iterdir())
    assert images == ["ratios_convolutions_graph.png", "roofline_graph.png"]
    assert all(f"performance/{name}" in text for name in images)
    page.write(found, path)
    assert path.read_text() == text


def test_reasons_are_shown():
    row = dataclasses.replace(made(auto=(1, 2, 5))[0], contender="fft", reason="takes no stride", ms=None)
    sheets = {sheet.title: sheet for sheet in report.sheets(results.Results(rows=[row]))}
    assert sheets["Not run"].rows == [("fft", "graph", "rn50_res3", "takes no stride")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mode", "fast"), "Error: `mode` must be one of graph, xla, eager. Received: 'fast'."),
        (
            ("--direction", "back"),
            "Error: `direction` must be one of forward, input_gradient, kernel_gradient, both_gradients, step. Received: 'back'.",
        ),
        (("--kind", "dense"), "Error: `kind` must be one of conv, pool, step. Received: 'dense'."),
        (
            ("--kind", "step", "--only", "res*x"),
            "Error: `only` must fit one of these: resnet18, mobilenet_v2, resnext50_32x4d. Received: 'res*x'.",
        ),
    ],
)
def test_wrong_names_are_told(arguments, message):
    done = run(*arguments)
    assert (done.exit_code, done.output.strip()) == (2, message)


def test_an_unknown_contender_is_told():
    done = run("--contender", "jax")
    assert done.exit_code == 2
    assert done.output.strip() == f"Error: `contender` must be one of {', '.join(contenders.NAMES)}. Received: 'jax'."


def test_a_file_that_is_none_is_told(tmp_path):
    (tmp_path / "rows.json").write_text("[]")
    done = run("--render", tmp_path / "rows.json")
    assert done.exit_code == 2
    assert done.output.startswith("Error: The file must be one that `python -m benchmarks --json FILE` has written. ")
