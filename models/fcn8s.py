"""FCN-8s: the first fully convolutional network for segmentation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from kerasconv.models.entry import CAFFE, Entry
from kerasconv.models.network import Layers, Tensor, check_sizes, network, probabilities


@keras.saving.register_keras_serializable(package="kerasconv")
class Bilinear(keras.initializers.Initializer):
    """The kernel of a transposed convolution that interpolates bilinearly, each channel by itself.

    Example:
        >>> np.asarray(Bilinear()((4, 4, 1, 1)))[0, :, 0, 0] * 16
        array([1., 3., 3., 1.], dtype=float32)
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        """The kernel, `(height, width, channels, channels)`; its size must be twice the stride."""
        *sizes, outputs, inputs = shape
        height, width = (1 - np.abs((np.arange(n) + 0.5) / (n / 2) - 1) for n in sizes)
        kernel = np.einsum("h,w,oi->hwoi", height, width, np.eye(outputs, inputs))
        return keras.ops.convert_to_tensor(kernel, dtype or keras.config.floatx())


def enlarge(net: Layers, x: Tensor, factor: int, name: str, *, trainable: bool = True) -> Tensor:
    """A map enlarged by a transposed convolution, which begins as bilinear interpolation."""
    return net.Conv2DTranspose(
        net.channels(x),
        2 * factor,
        factor,
        padding="same",
        use_bias=False,
        kernel_initializer=Bilinear(),
        trainable=trainable,
        name=name,
    )(x)


@network((None, None, 3))
def fcn8s(
    net: Layers,
    image: Tensor,
    *,
    classes: int = 21,
    filters: int = 64,
    dropout: float = 0.5,
    classifier_activation: Any = "softmax",
) -> Tensor:
    """FCN-8s: a class for each pixel, from VGG-16 with its dense layers read as convolutions.

    The scores of the coarsest map are enlarged and added to those of a finer one, twice; the last step, by 8, is
    bilinear and not trained. Sizes of images must be multiples of 32.

    Args:
        classes: Number of classes.
        filters: Filters of the first stage; the dense layers have 64 times as many.
        dropout: Fraction of the cells dropped behind the dense layers.
        classifier_activation: Activation of the last layer.

    References:
        J. Long et al., "Fully convolutional networks for semantic segmentation", 2015, figure 3 and section 4.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.fcn8s((64, 96, 3), filters=4).output_shape
        (None, 64, 96, 21)
    """
    check_sizes("fcn8s", net, image, 32)
    x, pools = image, []
    for stage, depth in enumerate((2, 2, 3, 3, 3), start=1):
        width = filters * min(2 ** (stage - 1), 8)
        for i in range(1, depth + 1):
            x = net.Conv2D(width, 3, padding="same", activation="relu", name=f"block{stage}_conv{i}")(x)
        x = net.MaxPooling2D(2, name=f"block{stage}_pool")(x)
        pools.append(x)
    for name, size in (("fc6", 7), ("fc7", 1)):
        x = net.Conv2D(64 * filters, size, padding="same", activation="relu", name=name)(x)
        x = net.Dropout(dropout, name=f"{name}_dropout")(x)
    x = net.Conv2D(classes, 1, name="score_fc7")(x)
    for stage in (4, 3):
        x = enlarge(net, x, 2, f"enlarge_to_pool{stage}")
        score = net.Conv2D(classes, 1, name=f"score_pool{stage}")(pools[stage - 1])
        x = net.Add(name=f"fuse_pool{stage}")([x, score])
    return probabilities(net, enlarge(net, x, 8, "enlarge_to_image", trainable=False), classifier_activation)


ZOO = {
    "fcn8s": Entry(
        fcn8s,
        "segmentation",
        'J. Long et al., "Fully convolutional networks for semantic segmentation", 2015',
        small={"input_shape": (32, 64, 3), "classes": 5, "filters": 2},
        preprocessing=CAFFE,
    )
}
