"""The weights that stand in the package: trained here, on two thirds of scikit-learn's digits."""

import json
import pathlib
import re

import numpy as np
import pytest

from kerasconv import models
from kerasconv.train import load, measure, open_trained

CARDS = pathlib.Path(__file__).parents[2] / "docs" / "models"
PRETRAINED = pathlib.Path(models.__file__).parent / "pretrained"
CARD = {"conv_bn_classifier": "conv_bn_classifier", "lenet5": "lenet", "same_padding_stack": "same_padding_stack"}


def test_they_are_in_the_tables():
    assert models.list_models(pretrained="digits") == sorted(CARD)
    assert sorted(path.name for path in PRETRAINED.iterdir()) == [f"{name}.digits" for name in sorted(CARD)]


@pytest.mark.parametrize("name", CARD)
def test_they_are_as_good_as_the_card_says(name):
    """On the third that was held out; and the card's command is the one that was recorded."""
    folder = PRETRAINED / f"{name}.digits"
    options = models.preset_info(folder).options
    trained = open_trained(name, {"input_shape": options["input_shape"], "weights": "digits"} | padding(options))
    for ours, theirs in zip(trained.model.weights, models.from_preset(folder).weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    data = load("digits", trained.inputs)
    held_out = trained.held_out(data)
    assert len(held_out) == 599 == trained.training["examples"]
    report = measure(trained.model, data, held_out)
    assert abs(report.correct - round(599 * trained.training["accuracy"])) <= 1  # another processor may round otherwise
    card = (CARDS / f"{CARD[name]}.md").read_text()
    said = re.sub(r"\s+", " ", card)
    low, high = trained.training["interval_95"]
    assert (
        f"{trained.training['accuracy']:.1%} of 599 digits that it was not trained on (95 % interval: {low:.1%} to "
        f"{high:.1%})".replace("%", " %").replace("95  %", "95 %")
    ) in said
    for option in ("epochs", "seed", "learning_rate", "validation_split"):
        value = trained.training[option]
        default = {"seed": 0, "learning_rate": 0.001}.get(option)
        assert value == default or f"--{option.replace('_', '-')} {value}" in said
    for word in ("rotate", "shift", "zoom", "flip"):
        assert (word in trained.training["augment"]) == (f"--augment {word}" in said)
    assert trained.training["patience"] is None  # which would have chosen the epoch by these digits


def padding(options):
    return {"padding": options["padding"]} if "padding" in options else {}


@pytest.mark.parametrize("name", CARD)
def test_they_are_small(name):
    files = {path.name: path.stat().st_size for path in (PRETRAINED / f"{name}.digits").iterdir()}
    assert sorted(files) == ["config.json", "metadata.json", "model.safetensors"]
    assert sum(files.values()) < 1_000_000
    assert json.loads((PRETRAINED / f"{name}.digits" / "metadata.json").read_text())["labels"] == list("0123456789")


def test_weights_of_another_size_are_refused():
    with pytest.raises(ValueError) as error:
        models.lenet5(classes=7, weights="digits")
    assert str(error.value) == (
        "lenet5: the weights must be those of this architecture. The first layer that differs is 'predictions': its "
        "kernel has the shape (84, 7) and type float32. Received: (84, 10) and float32."
    )
