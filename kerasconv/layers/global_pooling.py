"""Global pooling layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import ops
from kerasconv.layers.arguments import public_layer, stock_checks
from kerasconv.layers.masking import Stock


class GlobalMaxPoolingMixin(Stock):
    """`kerasconv.ops.global_max_pool` in a layer, of any rank."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        with stock_checks(self, kwargs):
            super().__init__(data_format, keepdims, **kwargs)

    def call(self, inputs: Any) -> Any:
        """Returns the maximum over all spatial axes."""
        return ops.global_max_pool(inputs, self.data_format, self.keepdims)


class GlobalAveragePoolingMixin(Stock):
    """`kerasconv.ops.global_average_pool` in a layer, of any rank."""

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        with stock_checks(self, kwargs):
            super().__init__(data_format, keepdims, **kwargs)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mean over all spatial axes, or over the elements in `mask`."""
        return ops.global_average_pool(inputs, self.data_format, self.keepdims, mask=mask)


@public_layer
class GlobalMaxPooling1D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling1D):
    """Maximum over all spatial axes: `(batch, steps, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling1D()(np.ones((2, 9, 3))).shape
        TensorShape([2, 3])
    """


@public_layer
class GlobalMaxPooling2D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling2D):
    """Maximum over all spatial axes: `(batch, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling2D()(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 3])
    """


@public_layer
class GlobalMaxPooling3D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling3D):
    """Maximum over all spatial axes: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling3D()(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 3])
    """


@public_layer
class GlobalAveragePooling1D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling1D):
    """Mean over all spatial axes: `(batch, steps, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling1D()(np.ones((2, 9, 3))).shape
        TensorShape([2, 3])
    """


@public_layer
class GlobalAveragePooling2D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling2D):
    """Mean over all spatial axes: `(batch, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling2D()(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 3])
    """


@public_layer
class GlobalAveragePooling3D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling3D):
    """Mean over all spatial axes: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling3D()(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 3])
    """
