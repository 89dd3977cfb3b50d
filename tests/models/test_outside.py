"""Models of the zoo beside those of `keras.applications` and torchvision, with the same weights.

In double precision: in single precision, of two cells in a window that differ in their last bits, now one and now the
other is the maximum, and with it goes the gradient.
"""

import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import models
from kerasconv.interop import load_torch
from kerasconv.models._variables import arrays_of, assign, by_layer, placed
from kerasconv.models._weights import torch_names
from tests.models.test_zoo import inputs_for, one_of_each_family, small


@pytest.fixture(autouse=True)
def double_precision():
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # Keras makes it of `floatx` once, when it is first asked for
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def of_source(source):
    """The models whose table names this implementation as their source."""
    for param in one_of_each_family():
        if models.get_entry(*param.values).source.startswith(source):
            yield param


def randomise(model):
    """Weights that would show an exchange: none is 0 or 1, as biases and moving averages are at first."""
    generator = np.random.default_rng(3)
    for variable in model.weights:
        noise = generator.uniform(0.5, 1.5, variable.shape)
        one_dimensional = len(variable.shape) == 1
        variable.assign(noise if one_dimensional else np.asarray(variable) * noise)
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


@pytest.mark.parametrize("name", list(of_source("keras.applications")))
def test_equal_to_keras_applications(name):
    """Layer by layer, by their names: the same activations; and of the output, the same gradients."""
    entry = models.get_entry(name)
    ours = small(name)
    stock = getattr(keras.applications, entry.source.rpartition(".")[2])(weights=None, **entry.small)
    randomise(stock)
    assign(ours, placed(ours, arrays_of(stock), {}), name)
    shared = [layer.name for layer in ours.layers if layer.name in {layer.name for layer in stock.layers}]
    assert set(by_layer(ours)) == set(by_layer(stock))
    assert ours.layers[-1].name in shared
    x = inputs_for(ours).astype("float64")

    def measure(model):
        probe = keras.Model(model.input, [model.get_layer(name).output for name in shared])
        with tf.GradientTape() as tape:
            activations = probe(x)
            loss = tf.reduce_sum(activations[-1] ** 2)
        weights = {layer: [v.value for v in variables if v.trainable] for layer, variables in by_layer(model).items()}
        return activations, tape.gradient(loss, weights)

    (activations, gradients), (expected, expected_gradients) = measure(ours), measure(stock)
    for layer, y, z in zip(shared, activations, expected, strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-9, atol=1e-10 * np.abs(z).max(), err_msg=layer)
    for layer, expected in expected_gradients.items():
        for y, z in zip(gradients[layer], expected, strict=True):
            y = np.reshape(y, z.shape)
            np.testing.assert_allclose(y, z, rtol=1e-9, atol=1e-10 * np.abs(z).max(), err_msg=layer)


OPTIONS = [
    ("densenet121", {"include_top": False, "pooling": "max"}),
    ("mobilenet", {"alpha": 0.5}),
    ("mobilenet", {"alpha": 1.0, "depth_multiplier": 2}),
    ("mobilenet", {"include_top": False}),
    *[("mobilenet_v2", {"alpha": alpha}) for alpha in (0.5, 0.75, 1.0, 1.3, 1.4)],
    ("mobilenet_v2", {"include_top": False, "pooling": "avg"}),
    ("mobilenet_v3_small", {"alpha": 1.0}),
    ("mobilenet_v3_small", {"alpha": 1.25}),
    ("mobilenet_v3_small", {"minimalistic": True}),
    ("mobilenet_v3_small", {"include_top": False}),
    ("mobilenet_v3_large", {"alpha": 1.0}),
    ("mobilenet_v3_large", {"alpha": 1.25}),
    ("mobilenet_v3_large", {"minimalistic": True}),
]


@pytest.mark.large
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_options_mean_what_they_mean_in_keras_applications(name, options):
    entry = models.get_entry(name)
    options = {"classifier_activation": None, **options}
    ours = small(name, **options)
    stock = getattr(keras.applications, entry.source.rpartition(".")[2])(weights=None, **{**entry.small, **options})
    randomise(stock)
    assign(ours, placed(ours, arrays_of(stock), {}), name)
    x = inputs_for(ours)
    z = stock(x)
    np.testing.assert_allclose(ours(x), z, rtol=1e-3, atol=1e-4 * np.abs(z).max())


def torchvision_models():
    """The module `torchvision.models`.

    The wheels of PyPI bring operators that only PyTorch's build for CUDA has. No network needs them, but describing
    them, which happens at import, fails with another build.
    """
    pytest.importorskip("torch")
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    return pytest.importorskip("torchvision").models


@pytest.mark.parametrize("name", list(of_source("torchvision")))
def test_equal_to_torchvision(name):
    """The same output, and the same gradient of the input, when evaluating."""
    torchvision = torchvision_models()
    import torch

    entry = models.get_entry(name)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    if entry.task == "segmentation":
        options = {"weights_backbone": None}  # which would be fetched
    torch.manual_seed(0)
    theirs = torchvision.get_model(entry.source.split()[1], weights=None, num_classes=entry.small["classes"], **options)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape, generator=generator))
    ours = small(name, classifier_activation=None)
    load_torch(ours, theirs.state_dict(), torch_names(ours, name))
    x = inputs_for(ours).astype("float64")
    image = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    z = theirs.double().eval()(image)
    z = z["out"] if entry.task == "segmentation" else z
    (z**2).sum().backward()
    z = np.moveaxis(z.detach().numpy(), 1, -1)
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(x))
        y = ours(tensor)
        loss = tf.reduce_sum(y**2)
    # TensorFlow interpolates in single precision, whatever it is given.
    rtol, atol = (1e-5, 1e-6) if entry.task == "segmentation" else (1e-9, 1e-10)
    np.testing.assert_allclose(y, z, rtol, atol * np.abs(z).max())
    expected = np.moveaxis(image.grad.numpy(), 1, -1)
    np.testing.assert_allclose(tape.gradient(loss, tensor), expected, rtol, atol * np.abs(expected).max())
