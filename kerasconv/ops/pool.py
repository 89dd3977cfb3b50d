"""Pooling at its public edge: maxima, means and norms over windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from kerasconv import config, geometry
from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.arithmetic.windows import AnyWindow
from kerasconv.engine.convolution import widened
from kerasconv.engine.pooling import first_maximum, valid_count, window_max, window_mean, window_norm
from kerasconv.geometry import AdaptiveWindow, Window
from kerasconv.ops import arguments
from kerasconv.ops.symbolic import symbolic


@symbolic
def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    ties: str = "first",
    algorithm: str = "auto",
) -> Any:
    """Returns the maximum of each window: the tutorial's `pool_forward` with `mode="max"`, for any number of axes.

    Padding never wins, and as in `tf.nn.max_pool` neither does NaN: a window of nothing but NaN gives the lowest
    finite number. The gradient goes to the winner; where there is NaN, `tf.nn.max_pool` may give it to that instead.

    Args:
        inputs: Tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with `"channels_first"`.
        pool_size: Elements of the window, one int or one per spatial axis.
        strides: Step of the window; `None` for `pool_size`.
        padding: `"valid"`, `"same"`, or elements to add as one int for every side, one int per axis, or one
            `(before, after)` pair per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        dilation_rate: Distance of neighbouring elements of the window.
        ceil_mode: Whether elements at the end that the stride would leave out get a window of their own, reaching
            beyond the input. As in PyTorch, none that would start beyond the input.
        return_indices: Whether to return also where the (first) maxima are.
        ties: Who gets the gradient where several elements of a window are the largest: `"first"` (in row-major order,
            like TensorFlow and PyTorch), `"all"` of them in full (like the tutorial's mask), or `"split"` evenly.
        algorithm: `"auto"` or `"direct"`, which are the same, or `"native"`: TensorFlow's kernel, where it has one.

    Returns:
        Tensor `(batch, *output, channels)` of the inputs' dtype, in the same data format. With `return_indices` a pair
        of it and an int64 tensor of its shape: for each maximum its row-major index among the elements `spatial` of its
        example and channel, as in PyTorch. `max_unpool` takes these.

    Raises:
        ValueError: If shapes or arguments do not fit together.

    Example:
        >>> import kerasconv, numpy as np
        >>> x = np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1)
        >>> y, indices = kerasconv.ops.max_pool(x, 3, 2, return_indices=True)
        >>> y[0, :, 0].numpy(), indices[0, :, 0].numpy()
        (array([4., 5.], dtype=float32), array([1, 4]))
    """
    check_ties(ties, "max_pool")
    x, window, data_format, native = _prepare(
        "max_pool", inputs, pool_size, strides, padding, data_format, dilation_rate, ceil_mode, algorithm
    )
    return _with_indices(x, window_max(x, window, ties, native), window, data_format, return_indices)


@symbolic
def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor_override: float | None = None,
    algorithm: str = "auto",
) -> tf.Tensor:
    """Returns the mean of each window: the tutorial's `pool_forward` with `mode="average"`, for any number of axes.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        pool_size: As for `max_pool`.
        strides: As for `max_pool`.
        padding: As for `max_pool`.
        data_format: As for `max_pool`.
        dilation_rate: As for `max_pool`.
        ceil_mode: As for `max_pool`. What the last window has beyond the padded input never counts.
        count_include_pad: Whether padded elements count as zeros. If not, the mean is that of the real elements.
        divisor_override: What to divide the sums of the windows by, instead of the number of elements.
        algorithm: As for `max_pool`.

    Returns:
        Tensor `(batch, *output, channels)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If `inputs` is not floating-point.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.average_pool(np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1), 3, 2, "same")[0, :, 0].numpy()
        array([2.5, 3. , 3.5], dtype=float32)
    """
    check_divisor(divisor_override, "average_pool")
    x, window, data_format, native = _prepare(
        "average_pool", inputs, pool_size, strides, padding, data_format, dilation_rate, ceil_mode, algorithm
    )
    arguments.check_floating("average_pool", inputs=x)
    dtype, x = x.dtype, widened(x)
    sizes = sizes_of(x)[1:-1]
    of_valid = divisor_override is None and not count_include_pad
    if divisor_override is not None:
        counts: Any = divisor_override
    elif count_include_pad:
        declared = geometry.pool_window(
            pool_size, sizes, strides=strides, padding=padding, dilation=dilation_rate, caller="average_pool"
        )
        beyond = tuple((0, hi - own) for (_, hi), (_, own) in zip(window.pads, declared.pads, strict=True))
        counts = valid_count(replace(window, pads=beyond), declared.padded(sizes), x.dtype)
    else:
        counts = valid_count(window, sizes, x.dtype)
    y = window_mean(x, window, counts, of_valid, native)
    return arguments.from_channels_last(tf.cast(y, dtype), data_format)


@symbolic
def lp_pool(
    inputs: Any,
    norm_type: float,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> tf.Tensor:
    """Returns the p-norm of each window, `(sum |x|^p)^(1/p)`: for `p = 1` the sum of magnitudes, for `inf` the largest.

    `p` is taken as in ONNX' LpPool: of magnitudes. (PyTorch's `lp_pool` leaves the sign in odd powers, which gives NaN
    where their sum is negative.) The gradient, `dx = dy sign(x) (|x| / y)^(p - 1)`, is zero where the norm is zero.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        norm_type: `p`, at least 1; `math.inf` for the largest magnitude.
        pool_size: As for `max_pool`.
        strides: As for `max_pool`.
        padding: As for `max_pool`.
        data_format: As for `max_pool`.
        dilation_rate: As for `max_pool`.
        ceil_mode: As for `max_pool`.
        algorithm: As for `max_pool`.

    Returns:
        Tensor `(batch, *output, channels)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If `inputs` is not floating-point.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.lp_pool(np.float32([3, -4, 0, 6]).reshape(1, 4, 1), 2, 2)[0, :, 0].numpy()
        array([5., 6.], dtype=float32)
    """
    check_norm(norm_type, "lp_pool")
    x, window, data_format, native = _prepare(
        "lp_pool", inputs, pool_size, strides, padding, data_format, dilation_rate, ceil_mode, algorithm
    )
    arguments.check_floating("lp_pool", inputs=x)
    dtype, x = x.dtype, widened(x)
    y = window_norm(x, window, norm_type, native)
    return arguments.from_channels_last(tf.cast(y, dtype), data_format)


@symbolic
def adaptive_max_pool(
    inputs: Any,
    output_size: int | Sequence[int | None] | None,
    data_format: str | None = None,
    *,
    return_indices: bool = False,
    ties: str = "first",
) -> Any:
    """Returns the maxima of `output_size` windows that share out the input; see `kerasconv.geometry.AdaptiveWindow`.

    Args:
        inputs: Tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with `"channels_first"`, of
            known spatial sizes.
        output_size: Windows along each axis: one int, or one per axis; `None` keeps the size of the axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.
        return_indices: As for `max_pool`.
        ties: As for `max_pool`.

    Returns:
        Tensor `(batch, *output_size, channels)`; with `return_indices` a pair as from `max_pool`.

    Raises:
        ValueError: If shapes or arguments do not fit together.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.adaptive_max_pool(np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1), 2)[0, :, 0].numpy()
        array([4., 5.], dtype=float32)
    """
    check_ties(ties, "adaptive_max_pool")
    x, window, data_format = _prepare_adaptive("adaptive_max_pool", inputs, output_size, data_format)
    return _with_indices(x, window_max(x, window, ties), window, data_format, return_indices)


@symbolic
def adaptive_average_pool(
    inputs: Any, output_size: int | Sequence[int | None] | None, data_format: str | None = None
) -> tf.Tensor:
    """Returns the means of `output_size` windows that share out the input; see `kerasconv.geometry.AdaptiveWindow`.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`, of known spatial sizes.
        output_size: Windows along each axis: one int, or one per axis; `None` keeps the size of the axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting.

    Returns:
        Tensor `(batch, *output_size, channels)`.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If `inputs` is not floating-point.

    Example:
        >>> import kerasconv, numpy as np
        >>> kerasconv.ops.adaptive_average_pool(np.float32([1, 4, 3, 2, 5]).reshape(1, 5, 1), 2)[0, :, 0].numpy()
        array([2.6666667, 3.3333333], dtype=float32)
    """
    x, window, data_format = _prepare_adaptive("adaptive_average_pool", inputs, output_size, data_format)
    arguments.check_floating("adaptive_average_pool", inputs=x)
    dtype, x = x.dtype, widened(x)
    counts = valid_count(window, x.shape[1:-1], x.dtype)
    y = window_mean(x, window, counts)
    return arguments.from_channels_last(tf.cast(y, dtype), data_format)


def check_ties(ties: str, caller: str) -> str:
    """Returns `ties`, if there is such a rule.

    Raises:
        ValueError: If there is not.
    """
    if ties not in ("first", "all", "split"):
        raise ValueError(f'{caller}: `ties` must be "first", "all" or "split". Received: ties={ties!r}.')
    return ties


def check_pool_algorithm(algorithm: str, dilation: Sequence[int], caller: str) -> str:
    """Returns `algorithm`, if pooling has it for this dilation.

    Raises:
        ValueError: If it has not.
    """
    if algorithm not in ("auto", "direct", "native") or (algorithm == "native" and max(dilation) > 1):
        raise ValueError(
            f'{caller}: `algorithm` must be "auto", "direct" or "native", and "native" takes no dilation. '
            f"Received: algorithm={algorithm!r}, dilation_rate={tuple(dilation)}."
        )
    return algorithm


def check_divisor(divisor: float | None, caller: str) -> float | None:
    """Returns `divisor`, if one can divide by it.

    Raises:
        ValueError: If it is zero or no number.
    """
    if divisor is not None and (isinstance(divisor, bool) or not isinstance(divisor, int | float) or divisor == 0):
        raise ValueError(
            f"{caller}: `divisor_override` must be a number other than 0, or None. "
            f"Received: divisor_override={divisor!r}."
        )
    return divisor


def check_norm(norm_type: float, caller: str) -> float:
    """Returns `norm_type`, if there is such a norm.

    Raises:
        ValueError: If there is not.
    """
    if isinstance(norm_type, bool) or not isinstance(norm_type, int | float) or not norm_type >= 1:
        raise ValueError(f"{caller}: `norm_type` must be a number at least 1. Received: norm_type={norm_type!r}.")
    return norm_type


def _prepare(
    caller: str,
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    dilation_rate: Any,
    ceil_mode: bool,
    algorithm: str,
) -> tuple[tf.Tensor, Window, str, bool]:
    """Returns the arguments of a pooling: a channels-last tensor, a window, the data format, whether to go native."""
    x, data_format = _prepare_inputs(caller, inputs, data_format)
    window = geometry.pool_window(
        pool_size,
        sizes_of(x)[1:-1],
        strides=strides,
        padding=padding,
        dilation=dilation_rate,
        ceil_mode=ceil_mode,
        caller=caller,
    )
    check_pool_algorithm(algorithm, window.dilation, caller)
    has_kernel = max(window.dilation) == 1 and (window.rank < 3 or x.dtype != tf.float64)
    return x, window, data_format, config.resolve(algorithm) == "native" and has_kernel


def _prepare_adaptive(
    caller: str, inputs: Any, output_size: Any, data_format: str | None
) -> tuple[tf.Tensor, AdaptiveWindow, str]:
    """Returns the arguments of an adaptive pooling as a channels-last tensor, its windows, and the data format."""
    x, data_format = _prepare_inputs(caller, inputs, data_format)
    return x, geometry.adaptive_window(output_size, x.shape.as_list()[1:-1], caller), data_format


def _prepare_inputs(caller: str, inputs: Any, data_format: str | None) -> tuple[tf.Tensor, str]:
    """Returns the input as a channels-last tensor, and the data format it came in."""
    (x,) = arguments.convert(caller, inputs=inputs)
    arguments.check_rank(caller, x)
    data_format = arguments.data_format(caller, data_format)
    return arguments.channels_last(x, data_format), data_format


def _with_indices(x: tf.Tensor, y: tf.Tensor, window: AnyWindow, data_format: str, return_indices: bool) -> Any:
    """Returns `y`, the maxima of `x`, in the user's data format, and if asked for where they are."""
    y = arguments.from_channels_last(y, data_format)
    return (y, arguments.from_channels_last(first_maximum(x, window), data_format)) if return_indices else y
