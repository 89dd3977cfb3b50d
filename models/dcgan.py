"""DCGAN: a generator of images from noise, and a discriminator of generated and real images."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv.models._entry import TF, Entry
from kerasconv.models._network import Layers, Tensor, network


def normal(mean: float = 0.0) -> keras.initializers.Initializer:
    """Returns the initializer for the kernels of a DCGAN."""
    return keras.initializers.RandomNormal(mean, 0.02)


def norm(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds batch normalisation."""
    return net.BatchNormalization(epsilon=1e-5, gamma_initializer=normal(1.0), name=name)(x)


@network((1, 1, 100))
def dcgan_generator(net: Layers, noise: Tensor, *, channels: int = 3, filters: int = 64) -> Tensor:
    """The generator of DCGAN: 64x64 pixels, from -1 to 1, of 100 random numbers.

    Args:
        channels: Channels of the images.
        filters: Filters of the layer before the last; the first has eight times as many. The paper has 128.

    References:
        A. Radford et al., "Unsupervised representation learning with deep convolutional generative adversarial
        networks", 2015, figure 1. The widths are those of PyTorch's example.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.dcgan_generator(filters=4).output_shape
        (None, 64, 64, 3)
    """
    x = noise
    for i, multiple in enumerate((8, 4, 2, 1), start=1):
        strides, padding = (2, "same") if i > 1 else (1, "valid")
        x = net.Conv2DTranspose(
            filters * multiple,
            4,
            strides,
            padding=padding,
            use_bias=False,
            kernel_initializer=normal(),
            name=f"conv{i}",
        )(x)
        x = net.ReLU(name=f"conv{i}_relu")(norm(net, x, f"conv{i}_bn"))
    return net.Conv2DTranspose(
        channels, 4, 2, padding="same", use_bias=False, kernel_initializer=normal(), activation="tanh", name="conv5"
    )(x)


@network((64, 64, 3))
def dcgan_discriminator(
    net: Layers, image: Tensor, *, filters: int = 64, classifier_activation: Any = "sigmoid"
) -> Tensor:
    """The discriminator of DCGAN: the probability that an image of 64x64 pixels, from -1 to 1, is real.

    Args:
        filters: Filters of the first layer; the last but one has eight times as many.
        classifier_activation: Activation of the last layer.

    References:
        A. Radford et al., "Unsupervised representation learning with deep convolutional generative adversarial
        networks", 2015, section 3. The widths are those of PyTorch's example.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.dcgan_discriminator(filters=4).output_shape
        (None, 1)
    """
    x = image
    for i, multiple in enumerate((1, 2, 4, 8), start=1):
        x = net.Conv2D(
            filters * multiple, 4, 2, padding=1, use_bias=False, kernel_initializer=normal(), name=f"conv{i}"
        )(x)
        if i > 1:
            x = norm(net, x, f"conv{i}_bn")
        x = net.LeakyReLU(negative_slope=0.2, name=f"conv{i}_relu")(x)
    x = net.Conv2D(1, 4, use_bias=False, kernel_initializer=normal(), activation=classifier_activation, name="conv5")(x)
    return net.Flatten(name="real")(x)


def generator_name(layer: str) -> str:
    """Returns the name in PyTorch's example for a layer of the generator: `main.4` for `conv2_bn`."""
    place = 3 * (int(layer[4]) - 1)
    return f"main.{place + layer.endswith('bn')}"


def discriminator_name(layer: str) -> str:
    """Returns the name in PyTorch's example for a layer of the discriminator, which lacks the first normalisation."""
    place = 3 * (int(layer[4]) - 1) - (layer[4] != "1")
    return f"main.{place + layer.endswith('bn')}"


_RADFORD = (
    'A. Radford et al., "Unsupervised representation learning with deep convolutional generative adversarial '
    'networks", 2015'
)

ZOO = {
    "dcgan_generator": Entry(
        dcgan_generator,
        "generation",
        _RADFORD,
        3_576_704,
        "PyTorch's example dcgan",
        small={"input_shape": (1, 1, 7), "filters": 4},
        torch_name=generator_name,
    ),
    "dcgan_discriminator": Entry(
        dcgan_discriminator,
        "classification",
        _RADFORD,
        2_765_568,
        "PyTorch's example dcgan",
        small={"filters": 4},
        preprocessing=TF,
        torch_name=discriminator_name,
    ),
}
