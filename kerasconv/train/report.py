"""Reports on classifiers: accuracy with its confidence interval, and the confusion matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.markup import escape
from rich.table import Table

from kerasconv.files import staged
from kerasconv.train.data import Batches, Data
from kerasconv.train.extras import import_extra

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Report:
    """The evaluation of a classifier.

    Attributes:
        labels: The names of the classes.
        confusion: The number of examples of each class (rows) that were predicted as each class (columns).
    """

    labels: tuple[str, ...]
    confusion: Array

    @property
    def examples(self) -> int:
        """The number of examples."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """The number of correct predictions."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return self.correct / self.examples

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return wilson_interval(self.correct, self.examples)

    def __str__(self) -> str:
        """Returns the accuracy in one line.

        Example:
            >>> print(Report(("a", "b"), np.array([[40, 10], [5, 45]])))
            Accuracy: 85.0 % of 100 examples (95 % interval: 76.7 % to 90.7 %)
        """
        low, high = self.interval
        return (
            f"Accuracy: {self.accuracy:.1%} of {self.examples:,} examples (95% interval: {low:.1%} to {high:.1%})"
        ).replace("%", " %")

    def table(self) -> Table:
        """Returns a table with the accuracy for each class and its most frequent wrong predictions."""
        table = Table("Class", "Examples", "Recognised", "Taken for")
        for i, (label, row) in enumerate(zip(self.labels, self.confusion, strict=True)):
            wrong = [(int(n), self.labels[j]) for j, n in enumerate(row) if n and j != i]
            wrong.sort(key=lambda pair: -pair[0])
            share = f"{row[i] / row.sum():.1%}".replace("%", " %") if row.sum() else ""
            taken_for = ", ".join(f"{name} ({n})" for n, name in wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            table.add_row(escape(label), f"{row.sum():,}", share, escape(taken_for))
        return table

    def to_json(self) -> dict[str, Any]:
        """Returns the report in types of JSON."""
        return {
            "accuracy": self.accuracy,
            "interval_95": list(self.interval),
            "examples": self.examples,
            "correct": self.correct,
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
        }

    def draw(self, path: Path) -> None:
        """Writes the confusion matrix as a PNG image.

        Raises:
            ImportError: If matplotlib or scikit-learn, of the extra `train`, is not installed.
            OSError: If the file cannot be written.
        """
        metrics, figures = drawing("train")
        classes = len(self.labels)
        side = min(4 + 0.35 * classes, 24)
        figure = figures.Figure((side + 1, side), layout="constrained")
        axes = figure.subplots()
        display = metrics.ConfusionMatrixDisplay(self.confusion, display_labels=self.labels)
        long_names = max(map(len, self.labels)) > 3
        display.plot(
            ax=axes,
            cmap="Blues",
            include_values=classes <= 30,
            values_format="d",
            xticks_rotation="vertical" if long_names else "horizontal",
        )
        axes.set(xlabel="taken for", ylabel="class", title=str(self).replace(" (", "\n("))
        with staged(path, overwrite=True, caller="train") as new:
            figure.savefig(new, dpi=100, format="png")


def drawing(caller: str) -> tuple[Any, Any]:
    """Imports the modules for `Report.draw`: `sklearn.metrics` and `matplotlib.figure`.

    `matplotlib.pyplot` would keep figures in memory, and may need a display.

    Raises:
        ImportError: If one of them is not installed.
    """
    use = "drawings of the confusion matrix"
    return import_extra("sklearn.metrics", caller, use), import_extra("matplotlib.figure", caller, use)


def wilson_interval(correct: int, examples: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share, which is also valid near 0 and 1.

    References:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Example:
        >>> low, high = wilson_interval(85, 100)
        >>> round(low, 4), round(high, 4)
        (0.7672, 0.9069)
    """
    z = 1.959963984540054  # the 97.5 % quantile of the normal distribution
    share, weight = correct / examples, z**2 / examples
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / examples + weight / (4 * examples))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def measure(model: keras.Model, data: Data, chosen: Array | None = None, batch_size: int = 32) -> Report:
    """Evaluates a classifier.

    Args:
        model: A model with a number for each class as its output.
        data: Examples with their classes.
        chosen: The indices of the examples to evaluate on; by default all.
        batch_size: The number of examples in a batch.

    Example:
        >>> from kerasconv.train import load, open_trained
        >>> trained = open_trained("lenet5", {"weights": "digits"})
        >>> data = load("digits", trained.inputs)
        >>> measure(trained.model, data, trained.held_out(data)).accuracy > 0.9
        True
    """
    chosen = np.arange(len(data.y)) if chosen is None else chosen
    predicted = model.predict(Batches(data, chosen, batch_size), verbose=0).argmax(-1)
    confusion = np.zeros((len(data.labels),) * 2, int)
    np.add.at(confusion, (data.y[chosen], predicted), 1)
    return Report(data.labels, confusion)
