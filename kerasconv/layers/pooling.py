"""Pooling layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.ops.pool import check_divisor, check_norm, check_pool_algorithm, check_ties


class PoolingMixin:
    """What turns a stock pooling layer of Keras, of any rank, into one of ours. It stands in front of the stock class.

    Args:
        pool_size: Size of the window, one int or one per spatial axis.
        strides: Step of the window, likewise; `None` for `pool_size`.
        padding: `"valid"`, `"same"`; or, beyond stock Keras, cells to add, with the meaning that they have in
            `keras.layers.ZeroPadding2D`: one int for every side, one int per axis, or one `(before, after)` pair per
            axis. What is added never wins a maximum.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting. Both run on a CPU.
        name: The layer's name.
        dilation_rate: Distance of neighbouring cells of the window, one int or one per axis.
        ceil_mode: Whether cells at the end that the stride would leave out get a window of their own; see
            `kerasconv.ops.max_pool`.
        algorithm: `"auto"`, `"direct"` or `"native"`; see `kerasconv.ops.max_pool`.
        propagate_mask: Whether with one spatial axis the mask of a sequence is passed on; stock Keras drops it.
        **kwargs: `dtype`, and what else the stock layer takes.

    Raises:
        ValueError: If an argument is malformed, or when called on an input that is smaller than the window.
    """

    propagate_mask = True

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        name: str | None,
        *,
        dilation_rate: Any = 1,
        ceil_mode: bool = False,
        algorithm: str = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, "valid", data_format, name, **kwargs)
        rank = len(self.pool_size)
        caller = f"{type(self).__name__} layer '{self.name}'"
        self.strides = geometry.standardize_tuple(self.strides, rank, "strides", caller)
        self.padding = geometry.standardize_padding(padding, rank, caller)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, rank, "dilation_rate", caller)
        self.ceil_mode = bool(ceil_mode)
        self.algorithm = check_pool_algorithm(algorithm, self.dilation_rate, caller)
        self.propagate_mask = bool(propagate_mask)
        self._window((None,) * rank)  # raises if the arguments do not fit together
        self.supports_masking = False  # until there is one

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The pooled input."""
        self.supports_masking |= mask is not None and self._passes_masks
        return self._pool(inputs)

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """A symbolic output for a symbolic input."""
        self.supports_masking |= mask is not None and self._passes_masks
        return super().compute_output_spec(inputs)

    @property
    def _passes_masks(self) -> bool:
        return self.propagate_mask and len(self.pool_size) == 1

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """With one spatial axis, a window has something to show if one of its steps has."""
        if previous_mask is None or not self._passes_masks:
            return None
        steps = keras.ops.expand_dims(keras.ops.cast(previous_mask, "float32"), -1)
        arguments = self._window_arguments() | {"data_format": "channels_last"}
        return ops.max_pool(steps, **arguments)[..., 0] > 0

    def _window(self, sizes: Any) -> geometry.Window:
        return geometry.pool_window(
            self.pool_size,
            sizes,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            ceil_mode=self.ceil_mode,
            caller=f"{type(self).__name__} layer '{self.name}'",
        )

    def _window_arguments(self) -> dict[str, Any]:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "ceil_mode": self.ceil_mode,
            "algorithm": self.algorithm,
        }

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the output for this shape of the input, either with `None` for unknown sizes."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + len(self.pool_size)]
        window = self._window(sizes)
        return (*input_shape[:first], *window.output(sizes), *input_shape[first + len(sizes) :])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | self._window_arguments() | {"propagate_mask": self.propagate_mask}


class MaxPoolingMixin(PoolingMixin):
    """Max pooling of any rank. Arguments: those of `PoolingMixin`, and two more.

    Args:
        pool_size: See `PoolingMixin`.
        strides: See `PoolingMixin`.
        padding: See `PoolingMixin`.
        data_format: See `PoolingMixin`.
        name: The layer's name.
        ties: Who gets the gradient where several cells of a window are the largest: `"first"`, `"all"` or `"split"`;
            see `kerasconv.ops.max_pool`.
        return_indices: Whether to return also where the maxima are; see `kerasconv.ops.max_pool`.
        **kwargs: See `PoolingMixin`.
    """

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        ties: str = "first",
        return_indices: bool = False,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.ties = check_ties(ties, f"{type(self).__name__} layer '{self.name}'")
        self.return_indices = bool(return_indices)

    def _pool(self, inputs: Any) -> Any:
        arguments = self._window_arguments()
        return ops.max_pool(inputs, **arguments, ties=self.ties, return_indices=self.return_indices)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, with `return_indices` twice."""
        shape = super().compute_output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"ties": self.ties, "return_indices": self.return_indices}


class AveragePoolingMixin(PoolingMixin):
    """Average pooling of any rank. Arguments: those of `PoolingMixin`, and two more.

    Args:
        pool_size: See `PoolingMixin`. Unlike in stock Keras 3 it has a default, the one that the tutorial relies on.
        strides: See `PoolingMixin`.
        padding: See `PoolingMixin`.
        data_format: See `PoolingMixin`.
        name: The layer's name.
        count_include_pad: Whether padded cells count as zeros; see `kerasconv.ops.average_pool`.
        divisor_override: What to divide the sums by, instead of the number of cells.
        **kwargs: See `PoolingMixin`.
    """

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        count_include_pad: bool = False,
        divisor_override: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.count_include_pad = bool(count_include_pad)
        self.divisor_override = check_divisor(divisor_override, f"{type(self).__name__} layer '{self.name}'")

    def _own_arguments(self) -> dict[str, Any]:
        return {"count_include_pad": self.count_include_pad, "divisor_override": self.divisor_override}

    def _pool(self, inputs: Any) -> Any:
        return ops.average_pool(inputs, **self._window_arguments(), **self._own_arguments())

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | self._own_arguments()


class PoolingBase(keras.layers.Layer):
    """What a stock pooling layer keeps, for poolings that Keras does not have, of a rank that subclasses set."""

    rank: int

    def __init__(
        self, pool_size: Any, strides: Any, padding: Any, data_format: str | None, name: str | None, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        caller = f"{type(self).__name__} layer '{self.name}'"
        self.pool_size = geometry.standardize_tuple(pool_size, self.rank, "pool_size", caller)
        self.strides = self.pool_size if strides is None else strides
        self.padding = padding
        self.data_format = geometry.standardize_data_format(data_format or keras.config.image_data_format(), caller)


class LpPoolingBase(PoolingMixin, PoolingBase):
    """Pooling by a p-norm, of a rank that subclasses set. Arguments: those of `PoolingMixin`, and one before them.

    Args:
        norm_type: `p`, at least 1; `math.inf` for the largest magnitude. See `kerasconv.ops.lp_pool`.
        pool_size: See `PoolingMixin`.
        strides: See `PoolingMixin`.
        padding: See `PoolingMixin`.
        data_format: See `PoolingMixin`.
        name: The layer's name.
        **kwargs: See `PoolingMixin`.
    """

    def __init__(
        self,
        norm_type: float = 2,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.norm_type = check_norm(norm_type, f"{type(self).__name__} layer '{self.name}'")

    def _pool(self, inputs: Any) -> Any:
        return ops.lp_pool(inputs, self.norm_type, **self._window_arguments())

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"norm_type": self.norm_type}


class MaxUnpoolingBase(PoolingBase):
    """Maxima back to where they came from, of a rank that subclasses set; called on maxima and their indices.

    Args:
        pool_size: As the pooling layer had it.
        strides: As the pooling layer had it.
        padding: As the pooling layer had it.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        name: The layer's name.
        output_size: Sizes of the spatial axes of what was pooled; `None` for the default of `kerasconv.ops.max_unpool`.
        **kwargs: `dtype`, and what else layers take.

    Raises:
        ValueError: If an argument is malformed, or when called on an index that is not a cell of the output.
    """

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
        caller = f"{type(self).__name__} layer '{self.name}'"
        self.strides = geometry.standardize_tuple(self.strides, self.rank, "strides", caller)
        self.padding = geometry.standardize_padding(padding, self.rank, caller, causal=False)
        if output_size is not None:
            output_size = geometry.standardize_tuple(output_size, self.rank, "output_size", caller)
        self.output_size = output_size

    def _arguments(self) -> dict[str, Any]:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "output_size": self.output_size,
        }

    def call(self, inputs: Any, indices: Any) -> Any:
        """The maxima at their places, zeros elsewhere."""
        return ops.max_unpool(inputs, indices, **self._arguments())

    def compute_output_spec(self, inputs: Any, indices: Any) -> Any:
        """The shape and dtype of the output."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the output for this shape of the maxima, either with `None` for unknown sizes."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + self.rank]
        window = geometry.unpool_window(self.pool_size, self.rank, strides=self.strides, padding=self.padding)
        output = self.output_size or window.input(sizes)
        return (*input_shape[:first], *output, *input_shape[first + self.rank :])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | self._arguments()


class AdaptiveMixin:
    """Windows that share out the input, of any rank. Arguments: those of the stock layer.

    `output_size` may have `None` for axes that keep their size. The input's spatial sizes must be known.
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(output_size, data_format, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for this shape of the input."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + len(self.output_size)]
        output = [n if o is None else o for n, o in zip(sizes, self.output_size, strict=True)]
        return (*input_shape[:first], *output, *input_shape[first + len(sizes) :])


class AdaptiveAverageMixin(AdaptiveMixin):
    """Adaptive average pooling of any rank. Arguments: those of the stock layer; see `AdaptiveMixin`."""

    def call(self, inputs: Any) -> Any:
        """The mean of each window."""
        return ops.adaptive_average_pool(inputs, self.output_size, self.data_format)


class AdaptiveMaxMixin(AdaptiveMixin):
    """Adaptive max pooling of any rank. Arguments: those of the stock layer (see `AdaptiveMixin`), and two more.

    Args:
        output_size: Windows along each axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        ties: See `MaxPoolingMixin`.
        return_indices: See `MaxPoolingMixin`.
        **kwargs: `name`, `dtype`, and what else layers take.
    """

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
        self.ties = check_ties(ties, f"{type(self).__name__} layer '{self.name}'")
        self.return_indices = bool(return_indices)

    def call(self, inputs: Any) -> Any:
        """The maximum of each window."""
        return ops.adaptive_max_pool(
            inputs, self.output_size, self.data_format, ties=self.ties, return_indices=self.return_indices
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output, with `return_indices` twice."""
        shape = super().compute_output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"ties": self.ties, "return_indices": self.return_indices}


class GlobalMaxPoolingMixin:
    """Maximum over all spatial axes, of any rank. Arguments: those of the stock layer."""

    def call(self, inputs: Any) -> Any:
        """The maximum over all spatial axes."""
        return ops.global_max_pool(inputs, self.data_format, self.keepdims)


class GlobalAveragePoolingMixin:
    """Mean over all spatial axes, of any rank. Arguments: those of the stock layer."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """The mean over all spatial axes, or over the cells in `mask`."""
        return ops.global_average_pool(inputs, self.data_format, self.keepdims, mask=mask)


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxPooling1D(MaxPoolingMixin, keras.layers.MaxPooling1D):
    """Max pooling: `(batch, steps, channels)` to `(batch, steps', channels)`.

    Arguments: see `MaxPoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling1D(3, strides=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxPooling2D(MaxPoolingMixin, keras.layers.MaxPooling2D):
    """Max pooling: `(batch, height, width, channels)` to `(batch, height', width', channels)`.

    Arguments: see `MaxPoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling2D(3, strides=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 3, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxPooling3D(MaxPoolingMixin, keras.layers.MaxPooling3D):
    """Max pooling: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels)`.

    Arguments: see `MaxPoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling3D(3, strides=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 3, 3, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AveragePooling1D(AveragePoolingMixin, keras.layers.AveragePooling1D):
    """Average pooling: `(batch, steps, channels)` to `(batch, steps', channels)`.

    Arguments: see `AveragePoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling1D(3, strides=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AveragePooling2D(AveragePoolingMixin, keras.layers.AveragePooling2D):
    """Average pooling: `(batch, height, width, channels)` to `(batch, height', width', channels)`.

    Arguments: see `AveragePoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling2D(3, strides=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 3, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AveragePooling3D(AveragePoolingMixin, keras.layers.AveragePooling3D):
    """Average pooling: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels)`.

    Arguments: see `AveragePoolingMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling3D(3, strides=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 3, 3, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalMaxPooling1D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling1D):
    """Maximum over all spatial axes: `(batch, steps, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling1D()(np.ones((2, 9, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalMaxPooling2D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling2D):
    """Maximum over all spatial axes: `(batch, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling2D()(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalMaxPooling3D(GlobalMaxPoolingMixin, keras.layers.GlobalMaxPooling3D):
    """Maximum over all spatial axes: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalMaxPooling3D()(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalAveragePooling1D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling1D):
    """Mean over all spatial axes: `(batch, steps, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling1D()(np.ones((2, 9, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalAveragePooling2D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling2D):
    """Mean over all spatial axes: `(batch, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling2D()(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class GlobalAveragePooling3D(GlobalAveragePoolingMixin, keras.layers.GlobalAveragePooling3D):
    """Mean over all spatial axes: `(batch, depth, height, width, channels)` to `(batch, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.GlobalAveragePooling3D()(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveAveragePooling1D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling1D):
    """Adaptive average pooling: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    Arguments: see `AdaptiveAverageMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling1D(4)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveAveragePooling2D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling2D):
    """Adaptive average pooling: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.

    Arguments: see `AdaptiveAverageMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling2D(4)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveAveragePooling3D(AdaptiveAverageMixin, keras.layers.AdaptiveAveragePooling3D):
    """Adaptive average pooling: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.

    Arguments: see `AdaptiveAverageMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveAveragePooling3D(4)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveMaxPooling1D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling1D):
    """Adaptive max pooling: `(batch, steps, channels)` to `(batch, output_size, channels)`.

    Arguments: see `AdaptiveMaxMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling1D(4)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveMaxPooling2D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling2D):
    """Adaptive max pooling: `(batch, height, width, channels)` to `(batch, *output_size, channels)`.

    Arguments: see `AdaptiveMaxMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling2D(4)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class AdaptiveMaxPooling3D(AdaptiveMaxMixin, keras.layers.AdaptiveMaxPooling3D):
    """Adaptive max pooling: `(batch, depth, height, width, channels)` to `(batch, *output_size, channels)`.

    Arguments: see `AdaptiveMaxMixin`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AdaptiveMaxPooling3D(4)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 4, 3])
    """


@keras.saving.register_keras_serializable(package="kerasconv")
class LpPooling1D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, steps, channels)`. Arguments: see `LpPoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling1D(2, pool_size=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """

    rank = 1


@keras.saving.register_keras_serializable(package="kerasconv")
class LpPooling2D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, height, width, channels)`. Arguments: see `LpPoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling2D(2, pool_size=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """

    rank = 2


@keras.saving.register_keras_serializable(package="kerasconv")
class LpPooling3D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, depth, height, width, channels)`. Arguments: see `LpPoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling3D(2, pool_size=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 3, 3])
    """

    rank = 3


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxUnpooling1D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling1D(return_indices=True)`, back to what was pooled.

    Arguments: see `MaxUnpoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling1D(2, return_indices=True)(np.ones((2, 9, 3)))
        >>> kerasconv.layers.MaxUnpooling1D(2, output_size=(9,))(maxima, indices).shape
        TensorShape([2, 9, 3])
    """

    rank = 1


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxUnpooling2D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling2D(return_indices=True)`, back to what was pooled.

    Arguments: see `MaxUnpoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling2D(2, return_indices=True)(np.ones((2, 9, 8, 3)))
        >>> kerasconv.layers.MaxUnpooling2D(2, output_size=(9, 8))(maxima, indices).shape
        TensorShape([2, 9, 8, 3])
    """

    rank = 2


@keras.saving.register_keras_serializable(package="kerasconv")
class MaxUnpooling3D(MaxUnpoolingBase):
    """Max unpooling: maxima and indices as from `MaxPooling3D(return_indices=True)`, back to what was pooled.

    Arguments: see `MaxUnpoolingBase`.

    Example:
        >>> import kerasconv, numpy as np
        >>> maxima, indices = kerasconv.layers.MaxPooling3D(2, return_indices=True)(np.ones((2, 9, 8, 7, 3)))
        >>> kerasconv.layers.MaxUnpooling3D(2, output_size=(9, 8, 7))(maxima, indices).shape
        TensorShape([2, 9, 8, 7, 3])
    """

    rank = 3
