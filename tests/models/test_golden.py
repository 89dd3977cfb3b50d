"""Golden numbers: no architecture drifts, and a drift would show."""

import keras
import numpy as np
import pytest

from kerasconv import config, models
from tests.models import golden
from tests.models.test_zoo import every_model


@every_model
def test_the_stored_numbers(name):
    assert golden.hash_of(golden.FOLDER / f"{name}.safetensors") == golden.read_hashes()[f"{name}.safetensors"]
    about, _, _ = golden.read(name)
    assert about["model"] == name
    golden.check(golden.build(name, about["options"]), name)


def test_every_model_has_a_file_and_every_file_a_model():
    files = [f"{name}.safetensors" for name in models.list_models()]
    assert sorted(path.name for path in golden.FOLDER.glob("*.safetensors")) == files
    assert sorted(golden.read_hashes()) == files


@pytest.mark.parametrize("algorithm", ["direct", "gemm", "native"])
def test_any_algorithm_gives_them(algorithm):
    with config.algorithm(algorithm):
        golden.check(golden.build("resnet18", golden.options_of("resnet18")), "resnet18")


def changed(name, /, **changes):
    """Copies layers, that of this name with other arguments."""

    def copy(layer):
        return type(layer).from_config(layer.get_config() | (changes if layer.name == name else {}))

    return copy


DRIFTS = {
    "an activation": changed("conv1_relu", max_value=1.0),
    "an epsilon": changed("conv1_bn", epsilon=1e-3),
    "where the pads stand": changed("conv1_conv", padding=((2, 4), (2, 4))),
    "a name": changed("conv1_conv", name="conv1"),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_shows(drift):
    """In the first layers, the furthest from the output."""
    same = golden.build("resnet18", golden.options_of("resnet18"))
    other = keras.models.clone_model(same, clone_function=DRIFTS[drift])
    golden.initialise(other)
    message = "names and shapes" if drift == "a name" else "Not equal to tolerance"
    with pytest.raises(AssertionError, match=message):
        golden.check(other, "resnet18")


def test_the_rule_for_weights():
    """Numbers written down: should NumPy ever change them, it is not the architectures that drifted."""
    expected = [-0.7305248379707336, -0.3709927499294281, 0.8439225554466248, -0.7015414834022522]
    np.testing.assert_array_equal(golden.uniform("conv1_conv/kernel", -1, 1, (4,)), np.float32(expected))
