"""Padding layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops


class ZeroPaddingMixin:
    """Zeros around the spatial axes, of any rank. Arguments: those of the stock layer."""

    def call(self, inputs: Any) -> Any:
        """The padded input."""
        rank = len(inputs.shape) - 2
        pads = geometry.standardize_padding(self.padding, rank, f"{type(self).__name__} layer '{self.name}'")
        none = (0, 0)
        return ops.pad(inputs, (none, *pads, none) if self.data_format == "channels_last" else (none, none, *pads))


@keras.saving.register_keras_serializable(package="kerasconv")
class ZeroPadding1D(ZeroPaddingMixin, keras.layers.ZeroPadding1D):
    """Zeros around `(batch, steps, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding1D((1, 2))(np.ones((2, 9, 3))).shape
        TensorShape([2, 12, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class ZeroPadding2D(ZeroPaddingMixin, keras.layers.ZeroPadding2D):
    """Zeros around `(batch, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding2D(((0, 1), (2, 2)))(np.ones((2, 8, 9, 3))).shape
        TensorShape([2, 9, 13, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class ZeroPadding3D(ZeroPaddingMixin, keras.layers.ZeroPadding3D):
    """Zeros around `(batch, depth, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding3D((1, 0, 2))(np.ones((2, 7, 8, 9, 3))).shape
        TensorShape([2, 9, 8, 13, 3])
    """
