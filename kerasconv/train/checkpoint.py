"""Checkpoints of training runs, each in one file that is written atomically."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from kerasconv.files import staged

Array = np.ndarray[Any, Any]
History = list[dict[str, float]]

LAST, BEST, LOG = "checkpoint.safetensors", "best.safetensors", "log.csv"


class Checkpoint(keras.callbacks.Callback):
    """Writes the state of a run after each epoch, and stops the run when it no longer improves.

    The best epoch and the end of the run are functions of the losses of all epochs, which are part of the state. An
    interruption therefore makes no difference.

    Args:
        folder: The folder of `checkpoint.safetensors`, `log.csv` and, with `patience`, `best.safetensors`.
        patience: The number of epochs without a lower validation loss after which the run stops; `None` for no limit.

    Attributes:
        history: The metrics of each epoch.
    """

    def __init__(self, folder: Path, patience: int | None = None):
        super().__init__()
        self.folder, self.patience, self.history = folder, patience, History()

    def restore(self) -> None:
        """Restores model and optimizer to the state of the last epoch, if there is one.

        Raises:
            ValueError: If the file is damaged, or of another model.
        """
        if (self.folder / LAST).exists():
            self.history = _read(self.folder / LAST, _state(self.model))["history"]

    def restore_best(self) -> None:
        """Restores the model to the state of its best epoch.

        Raises:
            ValueError: If the file is damaged, or of another model.
        """
        _read(self.folder / BEST, _weights(self.model))

    @property
    def best_epoch(self) -> int:
        """The index of the epoch with the lowest validation loss."""
        return int(np.argmin([row["val_loss"] for row in self.history]))

    @property
    def finished(self) -> bool:
        """`True` if the run no longer improves."""
        if not self.patience or not self.history:
            return False
        return len(self.history) - 1 - self.best_epoch >= self.patience

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Writes the best state, then the last one, whose history refers to the best state."""
        self.history.append({name: float(value) for name, value in (logs or {}).items()})
        if self.patience and self.best_epoch == epoch:
            _write(self.folder / BEST, _weights(self.model), {})
        _write(self.folder / LAST, _state(self.model), {"history": self.history})
        write_log(self.folder / LOG, self.history)
        if self.finished:
            self.model.stop_training = True


def write_log(path: Path, history: History) -> None:
    """Writes the metrics of each epoch as a table, `log.csv`."""
    with staged(path, overwrite=True, caller="train") as new, new.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", *history[0]])
        writer.writeheader()
        writer.writerows({"epoch": epoch, **row} for epoch, row in enumerate(history, start=1))


def _weights(model: keras.Model) -> dict[str, keras.Variable]:
    """Returns the variables of a model, random states included, by number since paths may not be unique."""
    return {f"model/{i}": variable for i, variable in enumerate(model.variables)}


def _state(model: keras.Model) -> dict[str, keras.Variable]:
    return _weights(model) | {f"optimizer/{i}": variable for i, variable in enumerate(model.optimizer.variables)}


def _write(path: Path, variables: Mapping[str, keras.Variable], about: Mapping[str, Any]) -> None:
    arrays = {name: np.asarray(variable) for name, variable in variables.items()}
    with staged(path, overwrite=True, caller="train") as new:
        new.write_bytes(save(arrays, {"state": json.dumps({"sha256": _digest(arrays, about), **about})}))


def _read(path: Path, variables: Mapping[str, keras.Variable]) -> dict[str, Any]:
    """Assigns the arrays of a file to all variables or none, and returns the file's metadata."""
    try:
        with safe_open(path, "numpy") as file:
            about = json.loads(file.metadata()["state"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - the file is not a mapping
        if about.pop("sha256") != _digest(arrays, about):
            raise ValueError("its SHA-256 is not that of what was written")
        differing = [n for n, v in variables.items() if n not in arrays or arrays[n].shape != tuple(v.shape)]
        if differing or len(arrays) != len(variables):
            raise ValueError("its variables are not those of this model")
    except Exception as error:
        raise ValueError(
            f"train: the checkpoint must be as it was written. Received: {str(path)!r}: {error}. To start anew, delete "
            f"the folder."
        ) from error
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return about


def _digest(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about).encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype}{arrays[name].shape}".encode() + arrays[name].tobytes())
    return digest.hexdigest()
