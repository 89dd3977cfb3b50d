"""Transposed convolution layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.layers.arguments import caller, given, public_layer
from kerasconv.layers.convolution import KernelMixin


class TransposedMixin(KernelMixin):
    """`kerasconv.ops.conv_transpose` in a layer."""

    _argument_docs = """
        padding: `"valid"` or `"same"`; or, beyond stock Keras, what it means in PyTorch: how much the
            corresponding convolution padded, as one int for every side, one int per axis, or one `(before,
            after)` pair per axis.
        groups: Number of groups into which the channels are divided; stock Keras has none.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        groups: int = 1,
        flip_kernel: bool = False,
        algorithm: Any = "auto",
        **kwargs: Any,
    ):
        arguments = given(locals())
        del arguments["groups"]
        super().__init__(**arguments)
        (self.groups,) = geometry.standardize_tuple(groups, 1, "groups", caller(self))
        if self.filters % self.groups:
            raise ValueError(
                f"{caller(self)}: `filters` must be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}."
            )

    def _set_window(self, padding: Any, dilation_rate: Any, output_padding: Any) -> None:
        self.padding = geometry.standardize_padding(padding, self.rank, caller(self), causal=False)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, self.rank, "dilation_rate", caller(self))
        if output_padding is not None:
            self.output_padding = geometry.standardize_tuple(
                output_padding, self.rank, "output_padding", caller(self), minimum=0
            )
        self._window()  # raises if the arguments do not fit together

    def build(self, input_shape: Any) -> None:
        """Makes the kernel, `(*kernel_size, filters // groups, channels)`, and the bias.

        Raises:
            ValueError: If the channels are not known, or not a multiple of the groups.
        """
        axis = -1 if self.data_format == "channels_last" else 1
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{caller(self)}: the input channels must be a multiple of `groups`. "
                f"Received: {channels} channels, groups={self.groups}."
            )
        # Not the stock `build`, which knows no groups.
        self.input_spec = keras.layers.InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, self.filters // self.groups, channels),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs: Any) -> Any:
        """Returns `activation(transposed convolution + bias)`."""
        outputs = ops.conv_transpose(
            inputs,
            keras.ops.cast(self.kernel, self.compute_dtype),
            output_padding=self.output_padding,
            groups=self.groups,
            **self._options(),
        )
        return outputs if self.activation is None else self.activation(outputs)

    def _window(self) -> tuple[geometry.Window, tuple[int, ...]]:
        return geometry.transposed_window(
            self.kernel_size,
            self.rank,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation_rate,
            caller=caller(self),
        )

    def _output_sizes(self, sizes: Any) -> Any:
        window, appended = self._window()
        return [None if n is None else n + after for n, after in zip(window.input(sizes), appended, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"groups": self.groups, "output_padding": self.output_padding}


@public_layer
class Conv1DTranspose(TransposedMixin, keras.layers.Conv1DTranspose):
    """1-D transposed convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv1DTranspose(4, 3, strides=2, padding=1, output_padding=1)(np.ones((2, 9, 6))).shape
        TensorShape([2, 18, 4])
    """


@public_layer
class Conv2DTranspose(TransposedMixin, keras.layers.Conv2DTranspose):
    """2-D transposed convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv2DTranspose(4, 3, strides=2, padding=1, output_padding=1)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 16, 18, 4])
    """


@public_layer
class Conv3DTranspose(TransposedMixin, keras.layers.Conv3DTranspose):
    """3-D transposed convolution.

    `(batch, depth, height, width, channels)` to `(batch, depth', height', width', filters)`. As in stock Keras, and
    unlike in one and two dimensions, `output_padding` comes after `data_format`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.Conv3DTranspose(4, 3, strides=2, padding=1, output_padding=1)
        >>> layer(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 10, 16, 18, 4])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        groups: int = 1,
        flip_kernel: bool = False,
        algorithm: Any = "auto",
        **kwargs: Any,
    ):
        super().__init__(**given(locals()))
