"""Pooling layers: stock Keras' layers with our arithmetic in them."""

from __future__ import annotations

from typing import Any

import keras

from kerasconv import geometry, ops
from kerasconv.layers.arguments import caller, check_ints, given, plain_ints, public_layer, stock_checks
from kerasconv.layers.masking import MaskMixin
from kerasconv.ops.pool import check_divisor, check_norm, check_pool_algorithm, check_ties


class PoolingMixin(MaskMixin):
    """Mixin in front of a stock pooling layer of Keras, of any rank, that makes it one of ours."""

    _argument_docs = """
        padding: `"valid"`, `"same"`; or, beyond stock Keras, the elements to add: one int for every side, one
            int per axis, or one `(before, after)` pair per axis. What is added never wins a maximum.
        strides: Step of the window: one int for all spatial axes, or one per axis; `None` for `pool_size`.
        algorithm: `"auto"`, `"direct"` or `"native"`; see `kerasconv.ops.max_pool`.
    """
    _error_docs = "If an argument is malformed, or when called on an input that is smaller than the window."
    strides: Any
    padding: Any

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        name: str | None,
        *,
        dilation_rate: Any,
        ceil_mode: bool,
        algorithm: str,
        propagate_mask: bool,
        **stock: Any,
    ):
        check_ints(self, {"pool_size": pool_size, "strides": strides, "name": name}, "pool_size", "strides")
        with stock_checks(self, {"name": name}):
            super().__init__(plain_ints(pool_size), plain_ints(strides), "valid", data_format, name, **stock)
        rank = len(self.pool_size)
        self.strides = geometry.standardize_tuple(self.strides, rank, "strides", caller(self))
        self.padding = geometry.standardize_padding(padding, rank, caller(self))
        self.dilation_rate = geometry.standardize_tuple(dilation_rate, rank, "dilation_rate", caller(self))
        self.ceil_mode = bool(ceil_mode)
        self.algorithm = check_pool_algorithm(algorithm, self.dilation_rate, caller(self))
        self.propagate_mask = bool(propagate_mask)
        self._window((None,) * rank)  # raises if the arguments do not fit together
        self.supports_masking = False  # until there is one

    @property
    def _passes_masks(self) -> bool:
        return self.propagate_mask and len(self.pool_size) == 1

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Returns with one spatial axis which windows have a step to show."""
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
            caller=caller(self),
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

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the output for this shape of the input, either with `None` for unknown sizes."""
        first = 1 if self.data_format == "channels_last" else 2
        sizes = tuple(input_shape)[first : first + len(self.pool_size)]
        window = self._window(sizes)
        return (*input_shape[:first], *window.output(sizes), *input_shape[first + len(sizes) :])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | self._window_arguments() | {"propagate_mask": self.propagate_mask}


class MaxPoolingMixin(PoolingMixin):
    """`kerasconv.ops.max_pool` in a layer."""

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
        ties: str = "first",
        algorithm: str = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        arguments = given(locals())
        del arguments["ties"], arguments["return_indices"]
        super().__init__(**arguments)
        self.ties = check_ties(ties, caller(self))
        self.return_indices = bool(return_indices)

    def _apply(self, inputs: Any) -> Any:
        arguments = self._window_arguments()
        return ops.max_pool(inputs, **arguments, ties=self.ties, return_indices=self.return_indices)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the shape of the output, with `return_indices` twice."""
        shape = super().compute_output_shape(input_shape)
        return (shape, shape) if self.return_indices else shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"ties": self.ties, "return_indices": self.return_indices}


class AveragePoolingMixin(PoolingMixin):
    """`kerasconv.ops.average_pool` in a layer."""

    _argument_docs = (
        PoolingMixin._argument_docs
        + """
        pool_size: Size of the window: one int for all spatial axes, or one per axis. Unlike in stock Keras 3
            it has a default, the one that the tutorial relies on.
    """
    )

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: Any = 1,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        divisor_override: float | None = None,
        algorithm: str = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        arguments = given(locals())
        del arguments["count_include_pad"], arguments["divisor_override"]
        super().__init__(**arguments)
        self.count_include_pad = bool(count_include_pad)
        self.divisor_override = check_divisor(divisor_override, caller(self))

    def _counts(self) -> dict[str, Any]:
        return {"count_include_pad": self.count_include_pad, "divisor_override": self.divisor_override}

    def _apply(self, inputs: Any) -> Any:
        return ops.average_pool(inputs, **self._window_arguments(), **self._counts())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | self._counts()


class PoolingBase(keras.layers.Layer):
    """Arguments of a stock pooling layer, for poolings that Keras does not have, of a rank that subclasses set."""

    rank: int

    def __init__(
        self, pool_size: Any, strides: Any, padding: Any, data_format: str | None, name: str | None, **kwargs: Any
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = geometry.standardize_tuple(pool_size, self.rank, "pool_size", caller(self))
        self.strides = self.pool_size if strides is None else strides
        self.padding = padding
        data_format = data_format or keras.config.image_data_format()
        self.data_format = geometry.standardize_data_format(data_format, caller(self))


class LpPoolingBase(PoolingMixin, PoolingBase):
    """`kerasconv.ops.lp_pool` in a layer, of a rank that subclasses set."""

    def __init__(
        self,
        norm_type: float = 2,
        pool_size: Any = 2,
        strides: Any = None,
        padding: Any = "valid",
        data_format: str | None = None,
        name: str | None = None,
        *,
        dilation_rate: Any = 1,
        ceil_mode: bool = False,
        algorithm: str = "auto",
        propagate_mask: bool = True,
        **kwargs: Any,
    ):
        arguments = given(locals())
        del arguments["norm_type"]
        super().__init__(**arguments)
        self.norm_type = check_norm(norm_type, caller(self))

    def _apply(self, inputs: Any) -> Any:
        return ops.lp_pool(inputs, self.norm_type, **self._window_arguments())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make this layer again."""
        return super().get_config() | {"norm_type": self.norm_type}


@public_layer
class MaxPooling1D(MaxPoolingMixin, keras.layers.MaxPooling1D):
    """Max pooling: `(batch, steps, channels)` to `(batch, steps', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling1D(3, strides=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@public_layer
class MaxPooling2D(MaxPoolingMixin, keras.layers.MaxPooling2D):
    """Max pooling: `(batch, height, width, channels)` to `(batch, height', width', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling2D(3, strides=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 3, 3])
    """


@public_layer
class MaxPooling3D(MaxPoolingMixin, keras.layers.MaxPooling3D):
    """Max pooling: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.MaxPooling3D(3, strides=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 3, 3, 3])
    """


@public_layer
class AveragePooling1D(AveragePoolingMixin, keras.layers.AveragePooling1D):
    """Average pooling: `(batch, steps, channels)` to `(batch, steps', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling1D(3, strides=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """


@public_layer
class AveragePooling2D(AveragePoolingMixin, keras.layers.AveragePooling2D):
    """Average pooling: `(batch, height, width, channels)` to `(batch, height', width', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling2D(3, strides=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 3, 3])
    """


@public_layer
class AveragePooling3D(AveragePoolingMixin, keras.layers.AveragePooling3D):
    """Average pooling: `(batch, depth, height, width, channels)` to `(batch, depth', height', width', channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.AveragePooling3D(3, strides=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 3, 3, 3])
    """


@public_layer
class LpPooling1D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, steps, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling1D(2, pool_size=2)(np.ones((2, 9, 3))).shape
        TensorShape([2, 4, 3])
    """

    rank = 1


@public_layer
class LpPooling2D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling2D(2, pool_size=2)(np.ones((2, 9, 8, 3))).shape
        TensorShape([2, 4, 4, 3])
    """

    rank = 2


@public_layer
class LpPooling3D(LpPoolingBase):
    """Pooling by a p-norm of `(batch, depth, height, width, channels)`.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.layers.LpPooling3D(2, pool_size=2)(np.ones((2, 9, 8, 7, 3))).shape
        TensorShape([2, 4, 4, 3, 3])
    """

    rank = 3
