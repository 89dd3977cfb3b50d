"""Adaptive pooling layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.layers.arguments import caller, plain_ints, public_layer, stock_checks
from kerasconv.layers.masking import Stock
from kerasconv.ops.pool import check_ties


class AdaptiveMixin(Stock):
    """Windows that share out the input, of any rank."""

    _argument_docs = """
        output_size: Number of windows along each axis: one int for all spatial axes, or one per axis; `None`
            keeps the size of an axis. The input's spatial sizes must be known.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        with stock_checks(self, kwargs):
            super().__init__(plain_ints(output_size), data_format, **kwargs)
        given = [1 if n is None else n for n in self.output_size]
        geometry.standardize_tuple(given, len(given), "output_size", caller(self))  # raises if it is none

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the output for this shape of the input."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + len(self.output_size)]
        output = [n if o is None else o for n, o in zip(sizes, self.output_size, strict=True)]
        return (*input_shape[:first], *output, *input_shape[first + len(sizes) :])


class AdaptiveAverageMixin(AdaptiveMixin):
    """`kerasconv.ops.adaptive_average_pool` in a layer."""

    def call(self, inputs: Any) -> Any:
        """Returns the mean of each window."""
        return ops.adaptive_average_pool(inputs, self.output_size, self.data_format)


class AdaptiveMaxMixin(AdaptiveMixin):
    """`kerasconv.ops.adaptive_max_pool` in a layer."""

    def __init__(
        self,
        output_size: Any,
        data_format: str | None = None,
        *,
        ties: str = "first",
        return_indices: bool = False,
        **kwargs: Any,
    ):
        super().__init__(output_size, data_format, **kwargs)
        self.ties = check_ties(ties, caller(self))
        self.return_indices = bool(return_indices)

    def call(self, inputs: Any) -> Any:
        """Returns the maximum of each window."""
        return ops.adaptive_max_pool(
            inputs, self.output_size, self.data_format, ties=self.ties, return_indices=self.return_indices
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the output, with `return_indices` twice."""
        shape = super().compute_output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"ties": self.ties, "return_indices": self.return_indices}


@public_layer
class AdaptiveAveragePooling1D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling1D):
    """Adaptive average pooling: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling1D(4)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@public_layer
class AdaptiveAveragePooling2D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling2D):
    """Adaptive average pooling: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling2D(4)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """


@public_layer
class AdaptiveAveragePooling3D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling3D):
    """Adaptive average pooling: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling3D(4)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 4, 3])
    """


@public_layer
class AdaptiveMaxPooling1D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling1D):
    """Adaptive max pooling: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling1D(4)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@public_layer
class AdaptiveMaxPooling2D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling2D):
    """Adaptive max pooling: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling2D(4)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """


@public_layer
class AdaptiveMaxPooling3D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling3D):
    """Adaptive max pooling: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling3D(4)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 4, 3])
    """
