"""Convolution layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np

from kerasconv import config, geometry, ops
from kerasconv.ops.conv import add_bias
from kerasconv.ops.padding import check_padding_mode


class _Signature:
    """The signature of a class: the stock one, with our keywords added, for `help` and editors.

    Instances have none of their own: as functions, they are called like any layer.
    """

    def __get__(self, layer: Any, cls: type) -> inspect.Signature:
        if layer is not None:
            raise AttributeError("__signature__")
        parameters: dict[str, inspect.Parameter] = {}
        for base in cls.__mro__:
            if "__init__" in vars(base):
                for parameter in list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]:
                    parameters.setdefault(parameter.name, parameter)
                if not issubclass(base, KernelMixin):
                    break
        parameters.pop("args", None)
        return inspect.Signature(sorted(parameters.values(), key=lambda parameter: parameter.kind))


class KernelMixin:
    """What turns a stock layer of Keras that has a kernel, of any rank, into one of ours. Stands in front of it.

    State, weights, activation, regularisers, LoRA and the rest stay Keras'; output shape and convolution are ours. So
    the arguments are those of the stock layer, at the same places, of which these mean more here:

    - `padding` takes whole numbers too: one int for every side, one int per axis, or one `(before, after)` pair each;
    - `strides` and `dilation_rate` go together, and may differ between axes;
    - `data_format="channels_first"` and groups run and train on a CPU.

    Args:
        flip_kernel: Whether to mirror the kernel: the mathematician's convolution instead of cross-correlation.
        algorithm: `"auto"`, one of `"direct"`, `"gemm"`, `"winograd"`, `"fft"`, `"native"`, or an object of your own;
            see `kerasconv.ops.conv` and `kerasconv.ops.algorithms.Algorithm`.

    Raises:
        ValueError: If an argument is malformed, or in `build` if the channels are no multiple of the groups or the
            kernel does not fit the padded input.
    """

    __signature__ = _Signature()

    def __init__(self, *args: Any, flip_kernel: bool = False, algorithm: Any = "auto", **kwargs: Any):
        given = inspect.signature(super().__init__).bind(*args, **kwargs)
        given.apply_defaults()
        # The stock constructor knows no explicit padding and refuses stride with dilation: both are set afterwards.
        stock = given.arguments | {"padding": "valid", "dilation_rate": 1}
        if "output_padding" in stock:
            stock["output_padding"] = None
        super().__init__(**{name: value for name, value in stock.items() if name != "kwargs"}, **stock["kwargs"])
        self._check_arguments(**given.arguments)
        self.flip_kernel = bool(flip_kernel)
        if isinstance(algorithm, dict):  # an object, as Keras has saved it
            algorithm = keras.saving.deserialize_keras_object(algorithm)
        self.algorithm = config.check_algorithm(algorithm, self._caller)

    def _check_arguments(self, padding: Any, dilation_rate: Any, **_: Any) -> None:
        self.padding = geometry.standardize_padding(padding, self.rank, self._caller)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, self.rank, "dilation_rate", self._caller)

    @property
    def _caller(self) -> str:
        return f"{type(self).__name__} layer '{self.name}'"

    def _options(self) -> dict[str, Any]:
        """What every convolution of `kerasconv.ops` takes from this layer."""
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
        """The shape of the output for this shape of the input, either with `None` for unknown sizes."""
        batch, *sizes = input_shape
        last = self.data_format == "channels_last"
        channels, sizes = (sizes[-1], sizes[:-1]) if last else (sizes[0], sizes[1:])
        output, filters = self._output_sizes(sizes), self._output_channels(channels)
        return (batch, *output, filters) if last else (batch, filters, *output)

    def _output_channels(self, channels: int | None) -> int | None:
        return self.filters

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"flip_kernel": self.flip_kernel, "algorithm": self.algorithm}


class ConvolutionMixin(KernelMixin):
    """A layer that convolves. Arguments: those of the stock layer and of `KernelMixin`, and three more.

    Args:
        padding_mode: What `padding` adds: `"constant"`, or by the input's own cells `"reflect"`, `"symmetric"`,
            `"replicate"` or `"circular"`; see `kerasconv.ops.pad`.
        padding_value: What is added in the mode `"constant"`.
        propagate_mask: Whether with one spatial axis the mask of a sequence is passed on; stock Keras drops it.
    """

    propagate_mask = True

    def __init__(
        self,
        *args: Any,
        padding_mode: str = "constant",
        padding_value: float = 0.0,
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.padding_mode = check_padding_mode(padding_mode, self._caller)
        self.padding_value = padding_value
        self.propagate_mask = bool(propagate_mask)
        self.supports_masking = False  # until there is one

    def _options(self) -> dict[str, Any]:
        return super()._options() | {"padding_mode": self.padding_mode, "padding_value": self.padding_value}

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """`activation(convolution + bias)`."""
        self.supports_masking |= mask is not None and self._passes_masks
        outputs = self._convolve(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """A symbolic output for a symbolic input."""
        self.supports_masking |= mask is not None and self._passes_masks
        return super().compute_output_spec(inputs)

    @property
    def _passes_masks(self) -> bool:
        return self.propagate_mask and self.rank == 1 and self.padding in ("same", "causal")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """With one spatial axis and `"same"` or `"causal"` padding, the mask of the input step that a step stands for.

        That is the middle of its window, and for `"causal"` the last. With other paddings a step stands for none.
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
            caller=self._caller,
        )

    def _output_sizes(self, sizes: Any) -> Any:
        return self._window(sizes).output(sizes)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        options = {"padding_mode": self.padding_mode, "padding_value": self.padding_value}
        return super().get_config() | options | {"propagate_mask": self.propagate_mask}


class ConvMixin(ConvolutionMixin):
    """`kerasconv.ops.conv` in a layer. Arguments: those of the stock layer and of `ConvolutionMixin`."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution, without bias and activation: what a subclass may replace, as in stock Keras."""
        return ops.conv(inputs, keras.ops.cast(kernel, self.compute_dtype), **self._options() | {"bias": None})

    def _convolve(self, inputs: Any) -> Any:
        outputs = self.convolution_op(inputs, self.kernel)
        return add_bias(outputs, self.bias, self.data_format) if self.use_bias else outputs


class DepthwiseMixin(ConvolutionMixin):
    """`kerasconv.ops.depthwise_conv` in a layer. Arguments: those of the stock layer and of `ConvolutionMixin`."""

    def _convolve(self, inputs: Any) -> Any:
        return ops.depthwise_conv(inputs, keras.ops.cast(self.kernel, self.compute_dtype), **self._options())

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


class SeparableMixin(ConvolutionMixin):
    """`kerasconv.ops.separable_conv` in a layer. Arguments: those of the stock layer and of `ConvolutionMixin`."""

    def _convolve(self, inputs: Any) -> Any:
        kernels = (keras.ops.cast(w, self.compute_dtype) for w in (self.depthwise_kernel, self.pointwise_kernel))
        return ops.separable_conv(inputs, *kernels, **self._options())


class TransposedMixin(KernelMixin):
    """`kerasconv.ops.conv_transpose` in a layer. Arguments: those of the stock layer, of `KernelMixin`, and one more.

    Whole numbers for `padding` mean what they mean in PyTorch: how much the corresponding convolution padded.

    Args:
        groups: Number of groups; the input channels and `filters` must be multiples of it.
    """

    def __init__(self, *args: Any, groups: int = 1, **kwargs: Any):
        super().__init__(*args, **kwargs)
        (self.groups,) = geometry.standardize_tuple(groups, 1, "groups", self._caller)
        if self.filters % self.groups:
            raise ValueError(
                f"{self._caller}: `filters` must be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}."
            )

    def _check_arguments(self, padding: Any, dilation_rate: Any, output_padding: Any = None, **_: Any) -> None:
        self.padding = geometry.standardize_padding(padding, self.rank, self._caller, causal=False)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, self.rank, "dilation_rate", self._caller)
        if output_padding is not None:
            self.output_padding = geometry.standardize_tuple(
                output_padding, self.rank, "output_padding", self._caller, minimum=0
            )
        self._window()  # raises if the arguments do not fit together

    def build(self, input_shape: Any) -> None:
        """Makes the kernel, `(*kernel_size, filters // groups, channels)`, and the bias.

        Raises:
            ValueError: If the channels are no multiple of the groups.
        """
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels % self.groups:
            raise ValueError(
                f"{self._caller}: the input channels must be a multiple of `groups`. "
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
        """`activation(transposed convolution + bias)`."""
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
            caller=self._caller,
        )

    def _output_sizes(self, sizes: Any) -> Any:
        window, appended = self._window()
        return [None if n is None else n + after for n, after in zip(window.input(sizes), appended, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"groups": self.groups, "output_padding": self.output_padding}


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv1D(ConvMixin, keras.layers.Conv1D):
    """1-D convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`. `padding="causal"` pads before only, so that
    no output sees the future.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv1D(4, 3, strides=2, dilation_rate=2, padding=(4, 0))(np.ones((2, 9, 5))).shape
        TensorShape([2, 5, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv2D(ConvMixin, keras.layers.Conv2D):
    """2-D convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv2D(4, 3, padding=((0, 1), (2, 2)), groups=2)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 7, 11, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv3D(ConvMixin, keras.layers.Conv3D):
    """3-D convolution: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', filters)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv3D(4, 3, dilation_rate=(1, 2, 1))(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 3, 4, 7, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv1DTranspose(TransposedMixin, keras.layers.Conv1DTranspose):
    """1-D transposed convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Arguments: those of the stock layer, and those of `TransposedMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv1DTranspose(4, 3, strides=2, padding=1, output_padding=1)(np.ones((2, 9, 6))).shape
        TensorShape([2, 18, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv2DTranspose(TransposedMixin, keras.layers.Conv2DTranspose):
    """2-D transposed convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Arguments: those of the stock layer, and those of `TransposedMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.Conv2DTranspose(4, 3, strides=2, padding=1, output_padding=1)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 16, 18, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class Conv3DTranspose(TransposedMixin, keras.layers.Conv3DTranspose):
    """3-D transposed convolution.

    `(batch, depth, height, width, channels)` to `(batch, depth', height', width', filters)`.

    Arguments: those of the stock layer, and those of `TransposedMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.Conv3DTranspose(4, 3, strides=2, padding=1, output_padding=1)
        >>> layer(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 10, 16, 18, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class DepthwiseConv1D(DepthwiseMixin, keras.layers.DepthwiseConv1D):
    """1-D depthwise convolution: `(batch, steps, channels)` to `(batch, steps', channels * depth_multiplier)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((2, 9, 6))).shape
        TensorShape([2, 7, 12])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class DepthwiseConv2D(DepthwiseMixin, keras.layers.DepthwiseConv2D):
    """2-D depthwise convolution, with kernels of its own for each channel.

    `(batch, height, width, channels)` to `(batch, height', width', channels * depth_multiplier)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 6, 7, 12])
    """


class _StockDepthwiseConv3D(keras.layers.DepthwiseConv2D.__base__):
    """What Keras would have for a `DepthwiseConv3D`."""

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
        **kwargs: Any,
    ):
        super().__init__(
            rank=3,
            depth_multiplier=depth_multiplier,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="kerasconv")
class DepthwiseConv3D(DepthwiseMixin, _StockDepthwiseConv3D):
    """3-D depthwise convolution, with kernels of its own for each channel.

    `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels * depth_multiplier)`.

    Arguments: those of `keras.layers.DepthwiseConv2D`, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.DepthwiseConv3D(3, depth_multiplier=2)(np.ones((2, 5, 8, 9, 6))).shape
        TensorShape([2, 3, 6, 7, 12])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class SeparableConv1D(SeparableMixin, keras.layers.SeparableConv1D):
    """1-D separable convolution: `(batch, steps, channels)` to `(batch, steps', filters)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.SeparableConv1D(4, 3, padding="same", padding_mode="reflect")
        >>> layer(np.ones((2, 9, 6))).shape
        TensorShape([2, 9, 4])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class SeparableConv2D(SeparableMixin, keras.layers.SeparableConv2D):
    """2-D separable convolution: `(batch, height, width, channels)` to `(batch, height', width', filters)`.

    Arguments: those of the stock layer, and those of `ConvolutionMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> layer = kerasconv.layers.SeparableConv2D(4, 3, padding="same", padding_mode="reflect")
        >>> layer(np.ones((2, 8, 9, 6))).shape
        TensorShape([2, 8, 9, 4])
    """
