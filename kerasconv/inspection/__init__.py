"""Looking into layers and models: what they consist of, how they are computed, whether their gradients are right."""

from kerasconv.inspection.algorithms import Explanation as Explanation
from kerasconv.inspection.algorithms import explain_algorithm as explain_algorithm
from kerasconv.inspection.gradients import GradientReport as GradientReport
from kerasconv.inspection.gradients import GradientRow as GradientRow
from kerasconv.inspection.gradients import check_gradients as check_gradients
from kerasconv.inspection.layer_table import Row as Row
from kerasconv.inspection.layer_table import layer_table as layer_table
from kerasconv.inspection.summary import Summary as Summary
from kerasconv.inspection.summary import summarise as summarise

__all__ = [
    "Explanation",
    "GradientReport",
    "GradientRow",
    "Row",
    "Summary",
    "check_gradients",
    "explain_algorithm",
    "layer_table",
    "summarise",
]
