"""How good a classifier is: accuracy with its confidence interval, and which classes it takes for which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.table import Table

from kerasconv.files import staged
from kerasconv.train.data import Batches, Data
from kerasconv.train.extras import import_extra

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Report:
    """What a classifier made of examples whose classes are known.

    Attributes:
        labels: The names of the classes.
        confusion: How many examples of each class (rows) were taken for each class (columns).
    """

    labels: tuple[str, ...]
    confusion: Array

    @property
    def examples(self) -> int:
        """How many examples there were."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many of them were taken for what they are."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The share of these."""
        return self.correct / self.examples

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return wilson_interval(self.correct, self.examples)

    def __str__(self) -> str:
        """The accuracy, in one line.

        Example:
            >>> print(Report(("a", "b"), np.array([[40, 10], [5, 45]])))
            Accuracy: 85.0 % of 100 examples (95 % interval: 76.7 % to 90.7 %)
        """
        low, high = self.interval
        return (
            f"Accuracy: {self.accuracy:.1%} of {self.examples:,} examples (95% interval: {low:.1%} to {high:.1%})"
        ).replace("%", " %")

    def table(self) -> Table:
        """For each class, how many examples were recognised, and what the others were taken for most often."""
        table = Table("Class", "Examples", "Recognised", "Taken for")
        for i, (label, row) in enumerate(zip(self.labels, self.confusion, strict=True)):
            wrong = [(int(n), self.labels[j]) for j, n in enumerate(row) if n and j != i]
            wrong.sort(key=lambda pair: -pair[0])
            share = f"{row[i] / row.sum():.1%}".replace("%", " %") if row.sum() else ""
            taken_for = ", ".join(f"{name} ({n})" for n, name in wrong[:3]) + (", ..." if len(wrong) > 3 else "")
            table.add_row(label, f"{row.sum():,}", share, taken_for)
        return table

    def to_json(self) -> dict[str, Any]:
        """The same for machines."""
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
            OSError: If nothing can be written there.
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
    """Imports what `Report.draw` needs: `sklearn.metrics`, and `matplotlib.figure`.

    `matplotlib.pyplot` would keep figures, and may want a screen.

    Raises:
        ImportError: If one of them is not installed.
    """
    use = "drawings of the confusion matrix"
    return import_extra("sklearn.metrics", caller, use), import_extra("matplotlib.figure", caller, use)


def wilson_interval(correct: int, examples: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, which, unlike the simplest one, also holds near 0 and 1.

    References:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Example:
        >>> low, high = wilson_interval(85, 100)
        >>> round(low, 4), round(high, 4)
        (0.7672, 0.9069)
    """
    z = 1.959963984540054  # the normal distribution has 2.5 % above it
    share, weight = correct / examples, z**2 / examples
    middle = (share + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(share * (1 - share) / examples + weight / (4 * examples))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def measure(model: keras.Model, data: Data, chosen: Array | None = None, batch_size: int = 32) -> Report:
    """What a classifier makes of data.

    Args:
        model: From what is in the data to a number for each class.
        data: Examples whose classes are known.
        chosen: Which of them, as indices; by default all.
        batch_size: How many are computed together.
    """
    chosen = np.arange(len(data.y)) if chosen is None else chosen
    predicted = model.predict(Batches(data, chosen, batch_size), verbose=0).argmax(-1)
    confusion = np.zeros((len(data.labels),) * 2, int)
    np.add.at(confusion, (data.y[chosen], predicted), 1)
    return Report(data.labels, confusion)
