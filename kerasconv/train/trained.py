"""Trained classifiers, with their inputs, class names and training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasconv import layers, models
from kerasconv.export import Preprocessing
from kerasconv.models._weights import bundled
from kerasconv.train.data import Data, Inputs, differing_names, inputs_of, split

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Trained:
    """A trained classifier.

    Attributes:
        model: The model.
        inputs: The input of the model.
        labels: The names of its classes; `None` if they are not known.
        training: The `fingerprint` of the training data, the `seed` and the `validation_split`; empty if they are not
            known.
    """

    model: keras.Model
    inputs: Inputs
    labels: tuple[str, ...] | None = None
    training: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, x: Array) -> Array:
        """Returns the probability of each class."""
        y = self.model.predict(x, verbose=0)
        return y if gives_probabilities(self.model) else np.asarray(keras.ops.softmax(y))

    def best(self, x: Array, top: int) -> list[tuple[str, float]]:
        """Returns the most probable classes of one input, with their probabilities."""
        y = self.probabilities(x[None])[0]
        names = self.labels or tuple(map(str, range(len(y))))
        return [(names[i], float(y[i])) for i in np.argsort(-y, kind="stable")[:top]]

    def held_out(self, data: Data) -> Array | None:
        """Returns the indices of validation examples; `None` if the model was trained on other data."""
        if self.training.get("fingerprint") != data.fingerprint:
            return None
        return split(data, self.training["validation_split"], self.training["seed"])[1]

    def check_labels(self, data: Data) -> None:
        """Raises unless the classes of the data are those of the model.

        Raises:
            ValueError: If they differ.
        """
        if self.labels is not None and (difference := differing_names(self.labels, data.labels)):
            raise ValueError(f"evaluate: the data must have the model's class names. Received: {difference}.")
        if self.model.output_shape != (None, len(data.labels)):
            raise ValueError(
                f"evaluate: the model must give one number for each of {len(data.labels)} classes. Received: an output "
                f"of the shape {self.model.output_shape}."
            )


def gives_probabilities(model: keras.Model) -> bool:
    """Returns whether a classifier ends in a softmax. Otherwise its outputs are logits."""
    last = model.layers[-1]
    return isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax


def open_trained(name: str, options: Mapping[str, Any] | None = None) -> Trained:
    """Loads a trained classifier.

    Args:
        name: The folder of a preset, such as `train` writes; a `.keras` file, for which pixels are scaled to 0 to 1; or
            the name of a model of the zoo.
        options: Options of the zoo's builder, `weights` among them.

    Raises:
        ValueError: If there is no such model, it is damaged, or it has no weights.

    Example:
        >>> trained = open_trained("lenet5", {"weights": "digits"})
        >>> trained.labels[:3]
        ('0', '1', '2')
    """
    path, options = Path(name), options or {}
    if path.suffix != ".keras" and (not path.is_dir() or name in models.list_models()):
        if options.get("weights") is None:
            raise ValueError(f"--set: a model of the zoo must be given `weights`. Received: {name!r} without.")
        inputs = inputs_of(name, options)
        model = models.create_model(name, **options)
        preset = bundled(name, options["weights"])
        return _of_preset(model, preset) if preset else Trained(model, inputs)
    if options:
        raise ValueError(f"--set: only models of the zoo have options. Received: {name!r}, which is a file or folder.")
    if path.is_dir():
        return _of_preset(models.from_preset(path), path)
    model = keras.saving.load_model(path, custom_objects={"kerasconv": layers})
    shape = model.input_shape[1:]
    return Trained(model, Inputs(shape, Preprocessing(shape[:2], shape[2]) if len(shape) == 3 else None))


def _of_preset(model: keras.Model, folder: Path) -> Trained:
    known = models.preset_info(folder)
    return Trained(model, Inputs(model.input_shape[1:], known.preprocessing), known.labels, known.training or {})
