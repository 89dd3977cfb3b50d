"""ESPCN: super-resolution with all but the last layer at the low resolution."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerasconv.models._entry import UNIT, Entry
from kerasconv.models._network import Layers, Tensor, network


@keras.saving.register_keras_serializable(package="kerasconv")
class OneCellPerChannel(keras.initializers.Initializer):
    """The kernel of a transposed convolution that moves each channel to a position of its own: depth to space.

    Example:
        >>> keras.ops.reshape(OneCellPerChannel()((1, 3, 1, 3)), (3, 3))[1].numpy()
        array([0., 1., 0.], dtype=float32)
    """

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Tensor:
        """Returns the kernel, `(height, width, filters, height * width * filters)`."""
        return keras.ops.convert_to_tensor(np.eye(shape[-1]).reshape(shape), dtype or keras.config.floatx())


@network((None, None, 1))
def espcn(net: Layers, image: Tensor, *, scale: int = 3, filters: int = 64) -> Tensor:
    """ESPCN: enlarges an image; all its convolutions are at the resolution of the input.

    The last one has `scale * scale` channels for each channel of the image, which become the pixels of a larger one.
    That step, depth to space, is a transposed convolution with a fixed kernel of zeros and ones.

    Args:
        scale: Factor of enlargement.
        filters: Filters of the first convolution; the second has half as many.

    References:
        W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
        neural network", 2016, figure 1 and section 3.2.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.espcn((17, 17, 1)).output_shape
        (None, 51, 51, 1)
    """
    channels = net.channels(image)
    x = net.Conv2D(filters, 5, padding="same", activation="tanh", name="conv1")(image)
    x = net.Conv2D(filters // 2, 3, padding="same", activation="tanh", name="conv2")(x)
    x = net.Conv2D(channels * scale**2, 3, padding="same", name="conv3")(x)
    to_space = net.Conv2DTranspose(
        channels,
        scale,
        scale,
        use_bias=False,
        kernel_initializer=OneCellPerChannel(),
        trainable=False,
        name="depth_to_space",
    )
    return to_space(x)


ZOO = {
    "espcn": Entry(
        espcn,
        "super-resolution",
        'W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional '
        'neural network", 2016',
        sizes=(256, 256),
        small={"input_shape": (6, 7, 2), "filters": 8},
        preprocessing=UNIT,
    )
}
