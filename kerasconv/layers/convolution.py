"""Convolution layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import config, geometry, ops
from kerasconv.ops.conv import add_bias


class ConvolutionMixin:
    """What turns a stock convolution layer of Keras, of any rank, into one of ours.

    It stands in front of the stock class. State, weights, activation, regularisers, LoRA and the rest stay Keras'; the
    output shape and the convolution itself are ours.

    Args:
        filters: Number of filters, which is the number of output channels.
        kernel_size: Size of the kernel, one int or one per spatial axis.
        strides: Step of the kernel, likewise. Unlike in stock Keras it goes together with `dilation_rate`.
        padding: `"valid"`, `"same"`, in one dimension `"causal"`; or, beyond stock Keras, zeros to add, with the
            meaning that they have in `keras.layers.ZeroPadding2D`: one int for every side, one int per axis, or one
            `(before, after)` pair per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting. Both run on a CPU.
        dilation_rate: Distance of neighbouring cells of the kernel, one int or one per axis.
        groups: Number of groups; the input channels and `filters` must be multiples of it. Grouped convolution trains
            on a CPU.
        activation: Activation function, or its name.
        use_bias: Whether to add a bias.
        kernel_initializer: Initialiser of the kernel.
        bias_initializer: Initialiser of the bias.
        kernel_regularizer: Regulariser of the kernel.
        bias_regularizer: Regulariser of the bias.
        activity_regularizer: Regulariser of the output.
        kernel_constraint: Constraint on the kernel.
        bias_constraint: Constraint on the bias.
        flip_kernel: Whether to mirror the kernel: the mathematician's convolution instead of cross-correlation.
        algorithm: `"auto"`, or one of `"direct"`, `"gemm"`, `"native"`; see `kerasconv.ops.conv`.
        **kwargs: `name`, `dtype`, `trainable`, and what else the stock layer takes.

    Raises:
        ValueError: If an argument is malformed, or in `build` if the channels are no multiple of the groups or the
            kernel does not fit the padded input.
    """

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
        flip_kernel: bool = False,
        algorithm: str = "auto",
        **kwargs: Any,
    ):
        super().__init__(
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            # The stock constructor knows no explicit padding and refuses stride with dilation: both are set below.
            padding="valid",
            data_format=data_format,
            dilation_rate=1,
            groups=groups,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        caller = f"{type(self).__name__} layer '{self.name}'"
        self.padding = geometry.standardize_padding(padding, self.rank, caller)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, self.rank, "dilation_rate", caller)
        self.flip_kernel = bool(flip_kernel)
        self.algorithm = config.check_algorithm(algorithm, caller)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution, without bias and activation."""
        return ops.conv(
            inputs,
            keras.ops.cast(kernel, self.compute_dtype),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            flip_kernel=self.flip_kernel,
            algorithm=self.algorithm,
        )

    def call(self, inputs: Any) -> Any:
        """`activation(convolution + bias)`."""
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            outputs = add_bias(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the output for this shape of the input, either with `None` for unknown sizes."""
        batch, *sizes = input_shape
        sizes = sizes[:-1] if self.data_format == "channels_last" else sizes[1:]
        window = geometry.window(
            self.kernel_size,
            sizes,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            caller=f"{type(self).__name__} layer '{self.name}'",
        )
        output = window.output(sizes)
        if self.data_format == "channels_last":
            return (batch, *output, self.filters)
        return (batch, self.filters, *output)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"flip_kernel": self.flip_kernel, "algorithm": self.algorithm}


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv1D(ConvolutionMixin, keras.layers.Conv1D):
    """1-D convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Arguments: see `ConvolutionMixin`. `padding="causal"` pads before only, so that no output sees the future.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv1D(4, 3, strides=2, dilation_rate=2, padding=(4, 0))(np.ones((2, 9, 5))).shape
        TensorShape([2, 5, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv2D(ConvolutionMixin, keras.layers.Conv2D):
    """2-D convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Arguments: see `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv2D(4, 3, padding=((0, 1), (2, 2)), groups=2)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 7, 11, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv3D(ConvolutionMixin, keras.layers.Conv3D):
    """3-D convolution: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', filters)`.

    Arguments: see `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv3D(4, 3, dilation_rate=(1, 2, 1))(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 3, 4, 7, 4])
    """
