"""The tutorial's PyTorch module, beside ours with the same weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import models
from kerasconv.interop import load_torch, to_torch
from kerasconv.models._weights import torch_names

torch = pytest.importorskip("torch")


class Convolutional(torch.nn.Module):
    """As the tutorial has it, but that the pooling has the right name and is kept."""

    def __init__(self, channels, classes, cells):
        super().__init__()
        self.layer1 = torch.nn.Sequential()
        self.layer1.add_module("Conv1", torch.nn.Conv2d(channels, 16, kernel_size=3, padding=1))
        self.layer1.add_module("BN1", torch.nn.BatchNorm2d(16, eps=1e-05, momentum=0.1))
        self.layer1.add_module("Relu1", torch.nn.ReLU())
        self.layer2 = torch.nn.Sequential()
        self.layer2.add_module("Conv2", torch.nn.Conv2d(16, 32, kernel_size=3, padding=1, stride=2))
        self.layer2.add_module("BN2", torch.nn.BatchNorm2d(32, eps=1e-05, momentum=0.1))
        self.layer2.add_module("Relu2", torch.nn.ReLU())
        self.avg_pool = torch.nn.AvgPool2d(kernel_size=4, stride=4, padding=0, count_include_pad=False)
        self.fully_connected = torch.nn.Linear(32 * cells, classes)

    def forward(self, x):
        return self.fully_connected(self.avg_pool(self.layer2(self.layer1(x))).flatten(1))


@pytest.mark.parametrize("training", [False, True], ids=["evaluating", "training"])
@pytest.mark.parametrize(
    ("shape", "cells"), [((8, 8, 1), 1), ((32, 32, 3), 16), ((17, 26, 2), 6)], ids=["digits", "tutorial", "odd"]
)
def test_equal_to_the_tutorials_module(shape, cells, training):
    """The same outputs, gradients of the input and of every weight, and, after training, averages of the batch."""
    torch.manual_seed(0)
    theirs = Convolutional(shape[-1], 7, cells)
    with torch.no_grad():
        for value in theirs.state_dict().values():
            if value.is_floating_point() and value.ndim == 1:
                value.copy_(0.5 + torch.rand(value.shape))
    ours = models.conv_bn_classifier(shape, classes=7, classifier_activation=None)
    names = torch_names(ours, "conv_bn_classifier")
    load_torch(ours, theirs.state_dict(), names)
    generator = np.random.default_rng(0)
    x, cotangent = (generator.normal(size=size).astype("float32") for size in ((3, *shape), (3, 7)))

    image = torch.tensor(np.moveaxis(x, -1, 1), requires_grad=True)
    expected = theirs.train(training)(image)
    expected.backward(torch.tensor(cotangent))
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(x))
        y = ours(tensor, training=training)
        loss = tf.reduce_sum(y * cotangent)
    of_input, *of_weights = tape.gradient(loss, [tensor, *(v.value for v in ours.trainable_variables)])

    np.testing.assert_allclose(y, expected.detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_input, np.moveaxis(image.grad.numpy(), 1, -1), rtol=1e-3, atol=1e-5)
    gradients = keras.models.clone_model(ours)  # whose weights are the gradients, so that they change layout likewise
    for variable, gradient in zip(gradients.trainable_variables, of_weights, strict=True):
        variable.assign(gradient)
    state = to_torch(gradients, names)
    for name, parameter in theirs.named_parameters():
        scale = 1 + float(parameter.grad.abs().max())
        np.testing.assert_allclose(state[name], parameter.grad, rtol=1e-3, atol=1e-5 * scale, err_msg=name)
    for number in (1, 2):  # PyTorch keeps another estimate of the variance, by n - 1
        mean = theirs.get_submodule(f"layer{number}.BN{number}").running_mean
        np.testing.assert_allclose(ours.get_layer(f"bn{number}").moving_mean, mean, rtol=1e-4, atol=1e-5)
