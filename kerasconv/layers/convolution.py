"""Convolution layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerasconv import config, geometry, ops, structure
from kerasconv.layers.arguments import (
    caller,
    check_ints,
    check_scalar_ints,
    given,
    plain_ints,
    public_layer,
    stock_checks,
)
from kerasconv.layers.masking import MaskMixin, Stock
from kerasconv.ops.arguments import check_number
from kerasconv.ops.conv import add_bias
from kerasconv.ops.padding import check_padding_mode


class KernelMixin(Stock):
    """Mixin in front of a stock layer of Keras with a kernel, of any rank, that makes it one of ours.

    State, weights, activation, regularizers, LoRA and the rest stay Keras'; output shape and convolution are ours.
    """

    _error_docs = (
        "If an argument is malformed, or in `build` if the channels are not a multiple of the groups or the kernel does"
        " not fit into the padded input."
    )

    def __init__(
        self,
        *,
        padding: Any,
        dilation_rate: Any,
        flip_kernel: bool,
        algorithm: Any,
        output_padding: Any = None,
        **stock: Any,
    ):
        check_scalar_ints(self, stock, "filters", "groups", "depth_multiplier")
        check_ints(self, stock, "kernel_size", "strides")
        # The stock constructor knows no explicit padding and refuses stride with dilation: both are set afterwards.
        with stock_checks(self, stock):
            super().__init__(padding="valid", **{name: plain_ints(value) for name, value in stock.items()})
        self._set_window(padding, dilation_rate, output_padding)
        self.flip_kernel = bool(flip_kernel)
        if isinstance(algorithm, dict):  # an object, as Keras has saved it
            algorithm = keras.saving.deserialize_keras_object(algorithm)
        self.algorithm = config.check_algorithm(algorithm, caller(self))

    def build(self, input_shape: Any) -> None:
        """Makes the kernel and the bias.

        Raises:
            ValueError: If the channels are not known or not a multiple of the groups, or the kernel does not fit in.
        """
        self._channels(input_shape)
        with stock_checks(self, {"name": self.name}):
            super().build(input_shape)

    def _channels(self, input_shape: Any) -> int:
        """Returns the number of channels of an input that the layer takes.

        Raises:
            ValueError: If it is not known, or the input has another number of axes.
        """
        axes = len(input_shape)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1] if axes == self.rank + 2 else None
        if channels is None:
            raise ValueError(
                f"{caller(self)}: the input must have {self.rank + 2} axes, and a number of channels that is known "
                f"when the layer is built. Received: input_shape={tuple(input_shape)}, "
                f"data_format={self.data_format!r}."
            )
        return int(channels)

    def _set_window(self, padding: Any, dilation_rate: Any, output_padding: Any) -> None:
        self.padding = geometry.standardize_padding(padding, self.rank, caller(self))
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, self.rank, "dilation_rate", caller(self))

    def _options(self) -> dict[str, Any]:
        """Returns what every convolution of `kerasconv.ops` takes from this layer."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "bias": self.bias if self.use_bias else None,
            "flip_kernel": self.flip_kernel,
            "algorithm": self.algorithm,
        }

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the output for this shape of the input, either with `None` for unknown sizes."""
        batch, *sizes = input_shape
        last = self.data_format == "channels_last"
        channels, sizes = (sizes[-1], sizes[:-1]) if last else (sizes[0], sizes[1:])
        output, filters = self._output_sizes(sizes), self._output_channels(channels)
        return (batch, *output, filters) if last else (batch, filters, *output)

    def _output_channels(self, channels: int | None) -> int | None:
        filters: int = self.filters
        return filters

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"flip_kernel": self.flip_kernel, "algorithm": self.algorithm}


class ConvolutionMixin(MaskMixin, KernelMixin):
    """A layer that convolves."""

    def __init__(self, *, padding_mode: str, padding_value: float, propagate_mask: bool, **others: Any):
        super().__init__(**others)
        self.padding_mode = check_padding_mode(padding_mode, caller(self))
        self.padding_value = check_number(caller(self), padding_value, "padding_value")
        self.propagate_mask = bool(propagate_mask)
        self.supports_masking = False  # until there is one

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"padding_mode": self.padding_mode, "padding_value": self.padding_value}

    def _apply(self, inputs: Any) -> Any:
        """Returns `activation(convolution + bias)`."""
        outputs = self._convolve(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    @property
    def _passes_masks(self) -> bool:
        return self.propagate_mask and self.rank == 1 and self.padding in ("same", "causal")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns the mask of the input step that each step stands for, with `"same"` or `"causal"` padding.

        That is the middle of its window, and for `"causal"` the last step. With other paddings a step stands for none.
        """
        if previous_mask is None or not self._passes_masks:
            return None
        (e,) = self._window((None,)).extent
        stands_for = np.zeros((e, 1, 1), "float32")
        stands_for[-1 if self.padding == "causal" else (e - 1) // 2] = 1
        steps = keras.ops.expand_dims(keras.ops.cast(previous_mask, "float32"), -1)
        return ops.conv(steps, stands_for, self.strides, self.padding, "channels_last")[..., 0] > 0.5

    def _window(self, sizes: Any) -> geometry.Window:
        return geometry.window(
            self.kernel_size,
            sizes,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            caller=caller(self),
        )

    def _output_sizes(self, sizes: Any) -> Any:
        return self._window(sizes).output(sizes)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        options = {"padding_mode": self.padding_mode, "padding_value": self.padding_value}
        return super().get_config() | options | {"propagate_mask": self.propagate_mask}


class ConvMixin(ConvolutionMixin):
    """`kerasconv.ops.conv` in a layer."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        padding_mode: str = "constant",
        padding_value: float = 0.0,
        flip_kernel: bool = False,
        algorithm: Any = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**given(locals()))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Returns the convolution, without bias and activation: what a subclass may replace, as in stock Keras."""
        return ops.conv(inputs, keras.ops.cast(kernel, self.compute_dtype), **self._options() | {"bias": None})

    def _convolve(self, inputs: Any) -> Any:
        outputs = self.convolution_op(inputs, self.kernel)
        return add_bias(outputs, self.bias, self.data_format) if self.use_bias else outputs


class DepthwiseMixin(ConvolutionMixin):
    """`kerasconv.ops.depthwise_conv` in a layer."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        padding_mode: str = "constant",
        padding_value: float = 0.0,
        flip_kernel: bool = False,
        algorithm: Any = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**given(locals()))

    def _convolve(self, inputs: Any) -> Any:
        return ops.depthwise_conv(inputs, keras.ops.cast(self.kernel, self.compute_dtype), **self._options())

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class SeparableMixin(ConvolutionMixin):
    """`kerasconv.ops.separable_conv` in a layer."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        *,
        padding_mode: str = "constant",
        padding_value: float = 0.0,
        flip_kernel: bool = False,
        algorithm: Any = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**given(locals()))

    def _convolve(self, inputs: Any) -> Any:
        kernels = (keras.ops.cast(w, self.compute_dtype) for w in (self.depthwise_kernel, self.pointwise_kernel))
        return ops.separable_conv(inputs, *kernels, **self._options())


@public_layer
class Conv1D(ConvMixin, keras.layers.Conv1D):
    """1-D convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    `padding="causal"` pads before only, so that no output sees the future.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv1D(4, 3, strides=2, dilation_rate=2, padding=(4, 0))(np.ones((2, 9, 5))).shape
        TensorShape([2, 5, 4])
    """


@public_layer
class Conv2D(ConvMixin, keras.layers.Conv2D):
    """2-D convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv2D(4, 3, padding=((0, 1), (2, 2)), groups=2)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 7, 11, 4])
    """


@public_layer
class Conv3D(ConvMixin, keras.layers.Conv3D):
    """3-D convolution: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv3D(4, 3, dilation_rate=(1, 2, 1))(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 3, 4, 7, 4])
    """


@public_layer
class DepthwiseConv1D(DepthwiseMixin, keras.layers.DepthwiseConv1D):
    """1-D depthwise convolution: `(batch, steps, channels)` to `(batch, steps', channels * depth_multiplier)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((2, 9, 6))).shape
        TensorShape([2, 7, 12])
    """


@public_layer
class DepthwiseConv2D(DepthwiseMixin, keras.layers.DepthwiseConv2D):
    """2-D depthwise convolution, with kernels of its own for each channel.

    `(batch, height, width, channels)` to `(batch, height', width', channels * depth_multiplier)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 6, 7, 12])
    """


class _StockDepthwiseConv3D(structure.DEPTHWISE):
    """The stock layer that Keras lacks for `DepthwiseConv3D`."""

    def __init__(self, **arguments: Any):
        super().__init__(rank=3, **arguments)


@public_layer
class DepthwiseConv3D(DepthwiseMixin, _StockDepthwiseConv3D):
    """3-D depthwise convolution, with kernels of its own for each channel. Stock Keras has none.

    `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels * depth_multiplier)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv3D(3, depth_multiplier=2)(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 3, 6, 7, 12])
    """


@public_layer
class SeparableConv1D(SeparableMixin, keras.layers.SeparableConv1D):
    """1-D separable convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.SeparableConv1D(4, 3, padding="same", padding_mode="reflect")
        >>> layer(np.ones((2, 9, 6))).shape
        TensorShape([2, 9, 4])
    """


@public_layer
class SeparableConv2D(SeparableMixin, keras.layers.SeparableConv2D):
    """2-D separable convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.SeparableConv2D(4, 3, padding="same", padding_mode="reflect")
        >>> layer(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 8, 9, 4])
    """
