"""Looking into layers and models: what they consist of, how they are computed, whether their gradients are right."""

from kerasconv.inspection.algorithms import Explanation, ExplanationRow, explain_algorithm
from kerasconv.inspection.gradients import GradientReport, GradientRow, check_gradients
from kerasconv.inspection.layer_table import Row, layer_table
from kerasconv.inspection.summary import Summary, summarise

__all__ = [
    "Explanation",
    "ExplanationRow",
    "GradientReport",
    "GradientRow",
    "Row",
    "Summary",
    "check_gradients",
    "explain_algorithm",
    "layer_table",
    "summarise",
]
