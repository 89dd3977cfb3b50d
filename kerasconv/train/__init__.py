"""Training, evaluation and prediction with the zoo's classifiers."""

from kerasconv.train.data import Data, Inputs, inputs_of, load, read_image
from kerasconv.train.fit import Plan, Result, train
from kerasconv.train.report import Report, measure
from kerasconv.train.trained import Trained, open_trained

__all__ = [
    "Data",
    "Inputs",
    "Plan",
    "Report",
    "Result",
    "Trained",
    "inputs_of",
    "load",
    "measure",
    "open_trained",
    "read_image",
    "train",
]
