"""ConvNeXt: a residual network with design elements of transformers."""

from __future__ import annotations

import keras

from kerasconv.models._entry import PIXELS, Entry
from kerasconv.models._network import Layers, Tensor, classifier


def norm(net: Layers, x: Tensor, name: str) -> Tensor:
    """Adds a normalisation over the channels at each position."""
    return net.LayerNormalization(epsilon=1e-6, name=name)(x)


def block(net: Layers, inputs: Tensor, scale: float, drop: float, name: str) -> Tensor:
    """Adds the block of the paper's figure 4: depthwise 7x7, four times the channels and back, beside a shortcut.

    Each channel of the result has a trainable scale, initially `scale`. In training, `drop` is the probability that
    only the shortcut remains.
    """
    channels = net.channels(inputs)
    x = net.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise_conv")(inputs)
    x = norm(net, x, f"{name}_layernorm")
    x = net.Conv2D(4 * channels, 1, name=f"{name}_pointwise_conv_1")(x)
    x = net.Activation("gelu", name=f"{name}_gelu")(x)
    x = net.Conv2D(channels, 1, name=f"{name}_pointwise_conv_2")(x)
    scales = keras.initializers.Constant(scale)
    x = net.DepthwiseConv2D(1, use_bias=False, depthwise_initializer=scales, name=f"{name}_layer_scale")(x)
    if drop > 0:
        x = net.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_stochastic_depth")(x)
    return net.Add(name=f"{name}_add")([inputs, x])


def top(net: Layers, x: Tensor, classes: int, activation: str) -> Tensor:
    """Adds the usual classifier, with a normalisation."""
    x = net.GlobalAveragePooling2D(name="convnext_tiny_head_gap")(x)
    x = norm(net, x, "convnext_tiny_head_layernorm")
    return net.Dense(classes, activation=activation, name="convnext_tiny_head_dense")(x)


@classifier((224, 224, 3), top=top, end=lambda net, x: norm(net, x, "layer_normalization"))
def convnext_tiny(
    net: Layers, image: Tensor, *, drop_path_rate: float = 0.0, layer_scale_init_value: float = 1e-6
) -> list[Tensor]:
    """ConvNeXt-T, for pixels from 0 to 255.

    References:
        Z. Liu et al., "A ConvNet for the 2020s", 2022, section 3 and figure 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.convnext_tiny((64, 64, 3), features_only=True).output_shape[0]
        (None, 16, 16, 96)
    """
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    variance = [s**2 for s in std]
    x = net.Normalization(mean=mean, variance=variance, name="convnext_tiny_prestem_normalization")(image)
    x = net.Conv2D(96, 4, 4, name="convnext_tiny_stem_conv")(x)
    x = norm(net, x, "convnext_tiny_stem_layernorm")
    features, depths, done = [], (3, 3, 9, 3), 0
    for stage, depth in enumerate(depths):
        if stage > 0:
            x = norm(net, x, f"convnext_tiny_downsampling_layernorm_{stage - 1}")
            x = net.Conv2D(96 * 2**stage, 2, 2, name=f"convnext_tiny_downsampling_conv_{stage - 1}")(x)
        for i in range(depth):
            drop = drop_path_rate * done / (sum(depths) - 1)
            x = block(net, x, layer_scale_init_value, drop, f"convnext_tiny_stage_{stage}_block_{i}")
            done += 1
        features.append(x)
    return features


ZOO = {
    "convnext_tiny": Entry(
        convnext_tiny,
        "classification",
        'Z. Liu et al., "A ConvNet for the 2020s", 2022',
        28_589_128,
        "keras.applications.ConvNeXtTiny",
        {"input_shape": (32, 32, 3), "classes": 5},
        PIXELS,
        ("imagenet",),
    )
}
