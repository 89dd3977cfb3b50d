"""Max unpooling layers, which stock Keras does not have."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.layers.arguments import caller, public_layer
from kerasconv.layers.pooling import PoolingBase


class MaxUnpoolingBase(PoolingBase):
    """`kerasconv.ops.max_unpool` in a layer, of a rank that subclasses set; called on maxima and their indices."""

    _argument_docs = """
        pool_size: As the pooling layer had it.
        strides: As the pooling layer had it.
        padding: As the pooling layer had it.
        output_size: Sizes of the spatial axes of what was pooled; `None` for the default of
            `kerasconv.ops.max_unpool`.
    """
    _error_docs = "If an argument is malformed, or when called on an index that is not a position of the output."

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        output_size: Any = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.strides = geometry.standardize_tuple(self.strides, self.rank, "strides", caller(self))
        self.padding = geometry.standardize_padding(padding, self.rank, caller(self), causal=False)
        if output_size is not None:
            output_size = geometry.standardize_tuple(output_size, self.rank, "output_size", caller(self))
        self.output_size = output_size

    def _options(self) -> dict[str, Any]:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "output_size": self.output_size,
        }

    def call(self, inputs: Any, indices: Any) -> Any:
        """Returns the maxima at their places, and zeros elsewhere."""
        return ops.max_unpool(inputs, indices, **self._options())

    def compute_output_spec(self, inputs: Any, indices: Any) -> Any:
        """Returns the shape and dtype of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the output for this shape of the maxima, either with `None` for unknown sizes."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + self.rank]
        window = geometry.unpool_window(self.pool_size, self.rank, strides=self.strides, padding=self.padding)
        output = self.output_size or window.input(sizes)
        return (*input_shape[:first], *output, *input_shape[first + self.rank :])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | self._options()


@public_layer
class MaxUnpooling1D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling1D(return_indices=True)`, back to what was pooled.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling1D(2, return_indices=True)(np.ones((2, 9, 3)))
        >>> kerasconv.layers.MaxUnpooling1D(2, output_size=(9,))(maxima, indices).shape
        TensorShape([2, 9, 3])
    """

    rank = 1


@public_layer
class MaxUnpooling2D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling2D(return_indices=True)`, back to what was pooled.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling2D(2, return_indices=True)(np.ones((2, 9, 8, 3)))
        >>> kerasconv.layers.MaxUnpooling2D(2, output_size=(9, 8))(maxima, indices).shape
        TensorShape([2, 9, 8, 3])
    """

    rank = 2


@public_layer
class MaxUnpooling3D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling3D(return_indices=True)`, back to what was pooled.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling3D(2, return_indices=True)(np.ones((2, 9, 8, 7, 3)))
        >>> kerasconv.layers.MaxUnpooling3D(2, output_size=(9, 8, 7))(maxima, indices).shape
        TensorShape([2, 9, 8, 7, 3])
    """

    rank = 3
