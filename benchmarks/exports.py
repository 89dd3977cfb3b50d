"""Exports models as ONNX with kerasconv and with Keras: `python -m benchmarks.exports [NAME ...]`.

Each model has small inputs and seeded random weights. Keras writes it from stock layers: the models of the zoo are
converted for it, kerasconv writes them as they are. Times of export are of one run each and include verification where
there is one. Latencies in ONNX Runtime take turns within one process, so that their ratio does not depend on what else
the machine does. A census of the nodes follows each row.
"""

from __future__ import annotations

import collections
import contextlib
import io
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import onnx
import onnxruntime
import typer
from rich.console import Console
from rich.table import Table

import kerasconv
from kerasconv import export, models

APPLICATIONS = (
    "VGG16",
    "ResNet50",
    "ResNet50V2",
    "DenseNet121",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Small",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "ConvNeXtTiny",
    "NASNetMobile",
    "Xception",
    "InceptionV3",
    "InceptionResNetV2",
)
SIZE = 96
COLUMNS = ("model", "export s", "Keras s", "MB", "nodes", "Transpose", "difference", "Keras' file", "its Transpose")


def made(names: list[str]) -> Iterator[tuple[str, keras.Model]]:
    """The models, one after the other."""
    for name in names or [*models.list_models(), *APPLICATIONS]:
        keras.utils.set_random_seed(0)
        if name in APPLICATIONS:
            model = getattr(keras.applications, name)(weights=None, input_shape=(SIZE, SIZE, 3))
        else:
            model = models.create_model(name)
        generator = np.random.default_rng(0)
        for weight in model.weights:
            if weight.path.endswith(("gamma", "variance")):
                weight.assign(generator.uniform(0.6, 1.4, weight.shape))
            elif weight.path.endswith(("beta", "mean", "bias")):
                weight.assign(generator.normal(size=weight.shape) * 0.1)
        yield name, model
        keras.backend.clear_session()


def stock(model: keras.Model) -> keras.Model:
    """The model on Keras' own layers, called once, or Keras does not export it."""
    model = kerasconv.convert_model(model, to="keras")
    model(np.zeros([1, *(n or 40 for n in model.inputs[0].shape[1:])], "float32"))
    return model


def by_keras(model: keras.Model, path: Path) -> str:
    """Writes the model with Keras' own exporter; what is wrong with the file, if anything."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.export(str(path), format="onnx", verbose=False)
    except Exception as error:
        return f"fails: {str(error).strip().splitlines()[0][:60]}"
    try:
        session = onnxruntime.InferenceSession(path)
        if len(session.get_inputs()) != len(model.inputs):
            return f"wants {len(session.get_inputs()) - len(model.inputs)} inputs that the model has not"
        x = inputs(session)
        y = session.run(None, x)[0]
    except Exception as error:
        return f"refused: {str(error).strip().splitlines()[0][:60]}"
    expected = np.asarray(keras.tree.flatten(model(list(x.values()) if len(x) > 1 else next(iter(x.values()))))[0])
    difference = np.max(np.abs(y - expected)) / np.max(np.abs(expected))
    return "equal" if difference <= 1e-4 else f"differs by {difference:.0e}"


def inputs(session: onnxruntime.InferenceSession) -> dict[str, Any]:
    """One seeded example for each input of a file."""
    generator = np.random.default_rng(0)
    arrays = {}
    for i in session.get_inputs():
        shape = [n if isinstance(n, int) else 1 if axis == 0 else 40 for axis, n in enumerate(i.shape)]
        arrays[i.name] = generator.normal(size=shape).astype("float32")
    return arrays


def latencies(paths: list[Path], rounds: int) -> list[float]:
    """The median time of each file for one example, in milliseconds; they take turns."""
    sessions = [onnxruntime.InferenceSession(path) for path in paths]
    times: list[list[float]] = [[] for _ in sessions]
    for warm_up in (True, True, *[False] * rounds):
        for session, taken in zip(sessions, times, strict=True):
            x = inputs(session)
            start = time.perf_counter()
            session.run(None, x)
            if not warm_up:
                taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def transposes(path: Path) -> int:
    """Returns the number of `Transpose` nodes in a file."""
    return sum(node.op_type == "Transpose" for node in onnx.load(path, load_external_data=False).graph.node)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all if none is named.")] = None,
    rounds: Annotated[int, typer.Option(help="How often each file runs.")] = 20,
) -> None:
    """Exports models with kerasconv and with Keras, and compares the files."""
    console = Console()
    table = Table(*COLUMNS, "ms", "Keras' ms", "ratio")
    for name, model in made(names or []):
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = Path(folder, "ours.onnx"), Path(folder, "theirs.onnx")
            start = time.perf_counter()
            report = export.to_onnx(model, ours)
            own_seconds = time.perf_counter() - start
            of_keras = stock(model)
            start = time.perf_counter()
            verdict = by_keras(of_keras, theirs)
            their_seconds = time.perf_counter() - start
            census = collections.Counter(n.op_type for n in onnx.load(ours, load_external_data=False).graph.node)
            row = [name, f"{own_seconds:.1f}", f"{their_seconds:.1f}", f"{ours.stat().st_size / 1e6:.1f}"]
            row += [
                str(census.total()),
                str(census["Transpose"]),
                f"{max(r.relative for r in report.rows):.0e}",
                verdict,
            ]
            if verdict == "equal":
                own, other = latencies([ours, theirs], rounds)
                row += [str(transposes(theirs)), f"{own:.2f}", f"{other:.2f}", f"{other / own:.2f}"]
            else:
                row += ["", f"{latencies([ours], rounds)[0]:.2f}", "", ""]
            table.add_row(*row)
            console.print(" | ".join(row), soft_wrap=True, markup=False)
            console.print("   ", ", ".join(f"{n} {kind}" for kind, n in census.most_common()), soft_wrap=True)
    console.print(table)
    console.print("export s and Keras s: seconds to export and check. ratio: Keras' latency over ours.")


if __name__ == "__main__":
    typer.run(main)
