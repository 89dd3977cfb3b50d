"""Pooling layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.ops.pool import check_pool_algorithm, check_ties


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
        algorithm: `"auto"`, `"direct"` or `"native"`; see `kerasconv.ops.max_pool`.
        **kwargs: `dtype`, and what else the stock layer takes.

    Raises:
        ValueError: If an argument is malformed, or when called on an input that is smaller than the window.
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        name: str | None,
        *,
        dilation_rate: Any = 1,
        algorithm: str = "auto",
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, "valid", data_format, name, **kwargs)
        rank = len(self.pool_size)
        caller = f"{type(self).__name__} layer '{self.name}'"
        self.strides = geometry.standardize_tuple(self.strides, rank, "strides", caller)
        self.padding = geometry.standardize_padding(padding, rank, caller)
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, rank, "dilation_rate", caller)
        self.algorithm = check_pool_algorithm(algorithm, self.dilation_rate, caller)
        self._window((None,) * rank)  # raises if the arguments do not fit together

    def _window(self, sizes: Any) -> geometry.Window:
        return geometry.pool_window(
            self.pool_size,
            sizes,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            caller=f"{type(self).__name__} layer '{self.name}'",
        )

    def _window_arguments(self) -> dict[str, Any]:
        return {
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
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
        return super().get_config() | {"dilation_rate": self.dilation_rate, "algorithm": self.algorithm}


class MaxPoolingMixin(PoolingMixin):
    """Max pooling of any rank. Arguments: those of `PoolingMixin`, and one more.

    Args:
        pool_size: See `PoolingMixin`.
        strides: See `PoolingMixin`.
        padding: See `PoolingMixin`.
        data_format: See `PoolingMixin`.
        name: The layer's name.
        ties: Who gets the gradient where several cells of a window are the largest: `"first"`, `"all"` or `"split"`;
            see `kerasconv.ops.max_pool`.
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
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.ties = check_ties(ties, f"{type(self).__name__} layer '{self.name}'")

    def call(self, inputs: Any) -> Any:
        """The maximum of each window."""
        return ops.max_pool(inputs, **self._window_arguments(), ties=self.ties)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"ties": self.ties}


class AveragePoolingMixin(PoolingMixin):
    """Average pooling of any rank. Arguments: those of `PoolingMixin`, and one more.

    Args:
        pool_size: See `PoolingMixin`. Unlike in stock Keras 3 it has a default, the one that the tutorial relies on.
        strides: See `PoolingMixin`.
        padding: See `PoolingMixin`.
        data_format: See `PoolingMixin`.
        name: The layer's name.
        count_include_pad: Whether padded cells count as zeros; see `kerasconv.ops.average_pool`.
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
        **kwargs: Any,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)
        self.count_include_pad = bool(count_include_pad)

    def call(self, inputs: Any) -> Any:
        """The mean of each window."""
        return ops.average_pool(inputs, **self._window_arguments(), count_include_pad=self.count_include_pad)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return super().get_config() | {"count_include_pad": self.count_include_pad}


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
