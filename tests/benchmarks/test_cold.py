"""The benchmark of cold starts: both houses run the same workload, and wrong names are told."""

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import cold


@pytest.mark.parametrize("name", ["call/MaxPooling2D", "small/6"])
def test_both_houses_give_the_same_figures(name):
    workload = cold.WORKLOADS[name]
    theirs, ours = (workload.run(house) for house in cold.HOUSES)
    assert list(theirs) == list(ours)
    assert set(workload.parts) <= set(ours)
    assert min(theirs.values(), default=0) > 0


def test_all_sizes_differ():
    assert [len(set(cold.sizes(rank))) for rank in (1, 2)] == [cold.SIZES] * 2


def test_an_unknown_workload():
    with pytest.raises(typer.BadParameter, match=r"no workload begins with nonsense\. Known: step/ResNet-18, "):
        cold.select(["nonsense"])


@pytest.mark.large
def test_the_command():
    app = typer.Typer()
    app.command()(cold.main)
    done = CliRunner().invoke(app, ["call/ZeroPadding", "--rounds", "1"])
    assert done.exit_code == 0, done.output
    assert "call/ZeroPadding2D | first call | " in done.output
