"""Padding layers: stock Keras' layers with our arithmetic in them, and with more ways to pad."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.layers.arguments import caller, plain_ints, public_layer, stock_checks
from kerasconv.layers.masking import Stock
from kerasconv.ops.arguments import check_number
from kerasconv.ops.padding import check_padding_mode

_PADDING = """
padding: Elements to add, with the meaning that they have in `keras.layers.ZeroPadding2D`: one int for every side, one
    int per axis, or one `(before, after)` pair per axis.
"""


class ZeroPaddingMixin(Stock):
    """Zeros around the spatial axes, of any rank."""

    _argument_docs = _PADDING

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        with stock_checks(self, kwargs):
            super().__init__(plain_ints(padding), data_format, **kwargs)
        geometry.standardize_padding(self.padding, self.input_spec.ndim - 2, caller(self))  # raises if there is no such

    def call(self, inputs: Any) -> Any:
        """Returns the padded input."""
        pads = geometry.standardize_padding(self.padding, len(inputs.shape) - 2, caller(self))
        return ops.pad(inputs, _around(pads, self.data_format))


class PaddingBase(keras.layers.Layer):
    """`kerasconv.ops.pad` of the spatial axes in a layer, of a rank that subclasses set."""

    _argument_docs = _PADDING
    _error_docs = "If an argument is malformed, or when called on an input with too few elements for its pads."
    rank: int

    def __init__(
        self,
        padding: Any = 1,
        mode: str = "constant",
        value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        pads = geometry.standardize_padding(padding, self.rank, caller(self))
        if isinstance(pads, str):
            raise ValueError(f"{caller(self)}: `padding` must be whole numbers. Received: padding={padding!r}.")
        self.padding = pads
        self.mode = check_padding_mode(mode, caller(self), "mode")
        self.value = check_number(caller(self), value, "value")
        data_format = data_format or keras.config.image_data_format()
        self.data_format = geometry.standardize_data_format(data_format, caller(self))
        self.input_spec = keras.layers.InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Returns the padded input."""
        constant = self.value if self.mode == "constant" else None
        return ops.pad(inputs, _around(self.padding, self.data_format), self.mode, constant)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the output for this shape of the input, either with `None` for unknown sizes."""
        pads = _around(self.padding, self.data_format)
        return tuple(None if n is None else n + lo + hi for n, (lo, hi) in zip(input_shape, pads, strict=True))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {
            "padding": self.padding,
            "mode": self.mode,
            "value": self.value,
            "data_format": self.data_format,
        }


def _around(pads: geometry.Pads, data_format: str) -> geometry.Pads:
    """Returns pads for every axis: none for batch and channels."""
    none = (0, 0)
    return (none, *pads, none) if data_format == "channels_last" else (none, none, *pads)


@public_layer
class ZeroPadding1D(ZeroPaddingMixin, keras.layers.ZeroPadding1D):
    """Zeros around `(batch, steps, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding1D((1, 2))(np.ones((2, 9, 3))).shape
        TensorShape([2, 12, 3])
    """


@public_layer
class ZeroPadding2D(ZeroPaddingMixin, keras.layers.ZeroPadding2D):
    """Zeros around `(batch, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding2D(((0, 1), (2, 2)))(np.ones((2, 8, 9, 3))).shape
        TensorShape([2, 9, 13, 3])
    """


@public_layer
class ZeroPadding3D(ZeroPaddingMixin, keras.layers.ZeroPadding3D):
    """Zeros around `(batch, depth, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.ZeroPadding3D((1, 0, 2))(np.ones((2, 7, 8, 9, 3))).shape
        TensorShape([2, 9, 8, 13, 3])
    """


@public_layer
class Padding1D(PaddingBase):
    """Elements around `(batch, steps, channels)`, constant or its own.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Padding1D(2, mode="circular")(np.ones((2, 9, 3))).shape
        TensorShape([2, 13, 3])
    """

    rank = 1


@public_layer
class Padding2D(PaddingBase):
    """Elements around `(batch, height, width, channels)`, constant or its own.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Padding2D(2, mode="circular")(np.ones((2, 8, 9, 3))).shape
        TensorShape([2, 12, 13, 3])
    """

    rank = 2


@public_layer
class Padding3D(PaddingBase):
    """Elements around `(batch, depth, height, width, channels)`, constant or its own.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Padding3D(2, mode="circular")(np.ones((2, 7, 8, 9, 3))).shape
        TensorShape([2, 11, 12, 13, 3])
    """

    rank = 3
