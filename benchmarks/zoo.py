"""The zoo in figures: `python -m benchmarks.zoo [NAME ...]`.

For each model, what the tables of `docs/models/` have, and how long a step of training takes beside the same graph on
stock layers: the model as the tests build it, small, with a batch of eight, in the plain graph that `fit` runs on a
CPU. The two take turns, in a process for each model. The table is Markdown.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from types import ModuleType
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import typer

import kerasconv
from benchmarks.timing import take_turns
from kerasconv import models
from kerasconv.models._info import facts

BATCH = 8
UNKNOWN_SIZE = 32
HEADINGS = (
    *("model", "parameters", "trained", "published", "source", "MACs", "receptive field"),
    *("small input", "step, ms", "on stock layers, ms", "stock / ours"),
)


def main(
    only: Annotated[list[str] | None, typer.Argument(help="Models; the whole zoo if none is named.")] = None,
    seconds: Annotated[float, typer.Option(help="How long ours and stock Keras take turns.")] = 2.0,
) -> None:
    """Prints a row for each model."""
    print(f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|", sep="\n", flush=True)
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as processes:
        for cells in processes.map(row, only or models.list_models(), repeat(seconds)):
            print(f"| {' | '.join(cells)} |", flush=True)


def row(name: str, seconds: float) -> list[str]:
    """The cells of a model."""
    entry, summary = models.get_entry(name), facts()[name]
    field = "×".join(map(str, summary.receptive_field or ())) + ("+" if summary.global_context else "")
    known = [f"{n:,}" if n else "" for n in (summary.parameters, summary.trained, entry.parameters)]
    known += [entry.source, f"{summary.macs:,}", field]
    steps, size = {}, ""
    for house, layers in (("ours", kerasconv.layers), ("stock", keras.layers)):
        try:
            steps[house], size = step(name, layers)
        except ValueError as error:  # stock Keras has no layer for it, or none that takes so small an input
            if house == "ours":
                raise
            return [name, *known, size, "", " ".join(str(error).split())[:160], ""]
    timed = take_turns(steps, seconds)
    ours, stock = (1000 * timed[house].quantiles()[1] for house in ("ours", "stock"))
    return [name, *known, size, f"{ours:.1f}", f"{stock:.1f}", f"{stock / ours:.2f}"]


def step(name: str, layers: ModuleType) -> tuple[Callable[[], Any], str]:
    """A step of training of a small model, and the size of its input."""
    keras.utils.set_random_seed(0)
    model = models.create_model(name, **models.get_entry(name).small, layers=layers)
    shape = [n or UNKNOWN_SIZE for n in model.input_shape[1:]]
    x = np.random.default_rng(0).uniform(size=(BATCH, *shape)).astype("float32")
    y = keras.tree.map_structure(lambda t: np.zeros_like(t), model.predict(x, verbose=0))
    model.compile(keras.optimizers.SGD(0.01), "mse", jit_compile=False)
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors((x, y)).repeat())
    return lambda: model.train_function(batches), "×".join(map(str, shape))


if __name__ == "__main__":
    typer.run(main)
