import sys

import numpy as np
import pytest

from kerasconv.train import load
from kerasconv.train.data import Data, Inputs, split
from kerasconv.train.fit import Plan, train
from kerasconv.train.report import Report

DIGITS = 'load: the digits need the package scikit-learn, which the extra `train` installs. Received: import of sklearn.datasets halted; None in sys.modules. Install it with: pip install "kerasconv[train]"'
SPLITS = 'train: splits need the package scikit-learn, which the extra `train` installs. Received: import of sklearn.model_selection halted; None in sys.modules. Install it with: pip install "kerasconv[train]"'
DRAWINGS = 'train: drawings of the confusion matrix need the package matplotlib, which the extra `train` installs. Received: import of matplotlib.figure halted; None in sys.modules. Install it with: pip install "kerasconv[train]"'


@pytest.fixture
def base_install(monkeypatch):
    for module in ("sklearn.datasets", "sklearn.model_selection", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, module, None)


def message(function, *arguments):
    with pytest.raises(ImportError) as error:
        function(*arguments)
    return str(error.value)


@pytest.mark.usefixtures("base_install")
def test_the_extra_is_named(tmp_path):
    data = Data(np.zeros((8, 2), "float32"), np.arange(8) % 2, ("a", "b"), (), "")
    assert message(load, "digits", Inputs((8, 8, 1))) == DIGITS
    assert message(split, data, 0.25, 0) == SPLITS
    assert message(Report(("a", "b"), np.eye(2, dtype=int)).draw, tmp_path / "a.png") == DRAWINGS


@pytest.mark.usefixtures("base_install")
def test_training_does_not_begin_if_its_result_cannot_be_drawn(tmp_path):
    assert message(train, Plan("lenet5", "nowhere"), tmp_path / "run") == DRAWINGS
    assert list(tmp_path.iterdir()) == []
