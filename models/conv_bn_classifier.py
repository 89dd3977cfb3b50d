"""The tutorial's PyTorch module: two convolutions with batch normalisation, average pooling, and a dense layer."""

from __future__ import annotations

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, classifier
from kerasconv.models.conv_pool_classifier import dense_top


def conv_bn_relu(net: Layers, x: Tensor, filters: int, strides: int, number: int) -> Tensor:
    """Adds a 3x3 convolution, batch normalisation with PyTorch's constants, and ReLU, padded as in PyTorch."""
    x = net.Conv2D(filters, 3, strides, padding=1, name=f"conv{number}")(x)
    x = net.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"bn{number}")(x)
    return net.ReLU(name=f"relu{number}")(x)


@classifier((32, 32, 3), classes=10, top=dense_top)
def conv_bn_classifier(net: Layers, image: Tensor) -> list[Tensor]:
    """The tutorial's `Convolutional`, mended: 10,314 parameters.

    A stride of 2 over maps padded by one on either side differs from `"same"`, for which Keras pads even sizes at the
    end only. Images of 8x8 work too: the 4x4 pooling reduces their maps to 1x1.

    References:
        The tutorial, "Pooling with Pytorch". Its module cannot be built: `nn.AvgPool2D` should be `nn.AvgPool2d`, and
        the pooling is called rather than kept.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.conv_bn_classifier((8, 8, 1)).get_layer("avg_pool").output.shape
        (None, 1, 1, 32)
    """
    first = conv_bn_relu(net, image, 16, 1, 1)
    second = conv_bn_relu(net, first, 32, 2, 2)
    return [first, net.AveragePooling2D(4, count_include_pad=False, name="avg_pool")(second)]


def torch_name(layer: str) -> str:
    """Returns the name of a layer in the tutorial's module: `layer1.Conv1` for `conv1`."""
    names = {"conv": "Conv", "bn": "BN"}
    return f"layer{layer[-1]}.{names[layer[:-1]]}{layer[-1]}" if layer[:-1] in names else "fully_connected"


ZOO = {
    "conv_bn_classifier": Entry(
        conv_bn_classifier,
        "classification",
        'The tutorial, "Pooling with Pytorch"',
        source="the tutorial's PyTorch module",
        small={"input_shape": (9, 8, 3), "classes": 4},
        preprocessing=UNIT,
        pretrained=("digits",),
        torch_name=torch_name,
    )
}
