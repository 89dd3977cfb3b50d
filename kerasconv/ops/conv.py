"""Convolution and its two gradients: three operations, each of which is differentiated by the other two.

Leave out the spatial axes and a convolution is a product of matrices, `y = x w`. Then `dx = dy w^T` and
`dw = x^T dy`, which are linear in both of their arguments as well. Write `C(x, w) = y`, `D(dy, w) = dx`,
`K(x, dy) = dw`, and `c` for the gradient that arrives from above:

    operation    gradient for the first    gradient for the second
    C(x, w)      D(c, w)                   K(x, c)
    D(g, w)      C(c, w)                   K(c, g)
    K(x, g)      D(g, c)                   C(x, c)

First and higher orders follow from this table alone, for every rank, window, number of groups and algorithm. The
tutorial's formulas (1) and (2), sums over the positions of the window, are `D` and `K` written out.

The public functions below turn arguments into a `Window` and tensors into channels-last; `_conv`, `_input_gradient`
and `_kernel_gradient` are the table. (What arrives from above may know less of its own shape than we do; hence the
`set_shape`.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from kerasconv import geometry
from kerasconv.geometry import Size, Window
from kerasconv.ops import tensors
from kerasconv.ops.algorithms import choose
from kerasconv.ops.windows import sizes_of


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    bias: Any = None,
    flip_kernel: bool = False,
    algorithm: str = "auto",
) -> tf.Tensor:
    """N-dimensional convolution (cross-correlation, as everywhere in deep learning), differentiable to any order.

    `y[p] = bias + sum over t of x[p * strides + t * dilation_rate] w[t]`: the tutorial's `conv_forward`.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`. Its rank less two is the number of spatial axes.
        kernel: Tensor `(*kernel_size, channels // groups, filters)` of the same dtype. The number of groups is read
            off it.
        strides: Step of the window, one int or one per spatial axis. Goes together with `dilation_rate`.
        padding: `"valid"`, `"same"`, in one dimension `"causal"`; or zeros to add, as one int for every side, one
            int per axis, or one `(before, after)` pair per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting. Both run on a CPU.
        dilation_rate: Distance of neighbouring taps, one int or one per axis.
        bias: Tensor `(filters,)` to add, or `None`.
        flip_kernel: Whether to mirror the kernel first. This is the mathematician's convolution, the formula with
            `x[i - l, j - m]` in the tutorial's section 1.
        algorithm: `"auto"`, or one of `"direct"`, `"gemm"`, `"native"`. The answers agree to rounding: in float32
            and float64 within `1e-6` and `1e-14` of the sum of the products' magnitudes. `native` calls TensorFlow's
            kernels.

    Returns:
        Tensor `(batch, *output, filters)` of the inputs' dtype, in the same data format. float16 and bfloat16 are
        summed in float32.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> picture = np.float32([[0, 1, 2, 3]]).reshape(1, 4, 1)
        >>> edge = np.float32([-1, 1]).reshape(2, 1, 1)
        >>> kerasconv.ops.conv(picture, edge)[0, :, 0].numpy()
        array([1., 1., 1.], dtype=float32)
    """
    x, w = tensors.convert("conv", inputs=inputs, kernel=kernel)
    tensors.check_floating("conv", inputs=x, kernel=w)
    rank = tensors.check_rank("conv", x, w.shape.rank)
    data_format = tensors.data_format("conv", data_format)
    x = tensors.channels_last(x, data_format)
    groups = _groups(x, w)
    if flip_kernel:
        w = tf.reverse(w, range(rank))
    window = geometry.window(
        w.shape.as_list()[:-2],
        sizes_of(x)[1:-1],
        strides=strides,
        padding=padding,
        dilation=dilation_rate,
        caller="conv",
    )
    y = _conv(x, w, window, groups, choose("conv", algorithm, x.shape, w.shape, window, groups))
    y = tensors.from_channels_last(y, data_format)
    return y if bias is None else add_bias(y, bias, data_format)


def conv_input_gradient(
    output_gradient: Any,
    kernel: Any,
    input_size: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    groups: int = 1,
    flip_kernel: bool = False,
    algorithm: str = "auto",
) -> tf.Tensor:
    """The gradient of `conv` for its inputs: each window gets back its kernel, weighted by its output's gradient.

    This is the tutorial's formula (1), `dA += W_c dZ_hw`. Differentiable to any order.

    Args:
        output_gradient: Tensor `(batch, *output, filters)`.
        kernel: Tensor `(*kernel_size, channels // groups, filters)`.
        input_size: Spatial sizes of the inputs of `conv`: several give the same output size.
        strides: As for `conv`.
        padding: As for `conv`.
        data_format: As for `conv`.
        dilation_rate: As for `conv`.
        groups: The number of groups.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`.

    Returns:
        Tensor `(batch, *input_size, channels)`.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> kernel = np.float32([1, 2, 3]).reshape(3, 1, 1)
        >>> kerasconv.ops.conv_input_gradient(np.ones((1, 2, 1), "float32"), kernel, [4])[0, :, 0].numpy()
        array([1., 3., 5., 3.], dtype=float32)
    """
    name = "conv_input_gradient"
    dy, w = tensors.convert(name, output_gradient=output_gradient, kernel=kernel)
    tensors.check_floating(name, output_gradient=dy, kernel=w)
    rank = tensors.check_rank(name, dy, w.shape.rank, "output_gradient")
    data_format = tensors.data_format(name, data_format)
    dy = tensors.channels_last(dy, data_format)
    if flip_kernel:
        w = tf.reverse(w, range(rank))
    sizes = geometry.standardize_tuple(input_size, rank, "input_size", name, minimum=0)
    window = geometry.window(
        w.shape.as_list()[:-2], sizes, strides=strides, padding=padding, dilation=dilation_rate, caller=name
    )
    _check_output(name, dy, window, sizes, w.shape[-1], groups)
    x_shape = tf.TensorShape([dy.shape[0], *sizes, w.shape[-2] * groups])
    dx = _input_gradient(dy, w, window, groups, choose(name, algorithm, x_shape, w.shape, window, groups), sizes)
    return tensors.from_channels_last(dx, data_format)


def conv_kernel_gradient(
    inputs: Any,
    output_gradient: Any,
    kernel_size: int | Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    groups: int = 1,
    flip_kernel: bool = False,
    algorithm: str = "auto",
) -> tf.Tensor:
    """The gradient of `conv` for its kernel: what each tap saw, weighted by the outputs' gradient and summed.

    This is the tutorial's formula (2), `dW_c += a_slice dZ_hw`. Differentiable to any order.

    Args:
        inputs: Tensor `(batch, *spatial, channels)`.
        output_gradient: Tensor `(batch, *output, filters)`.
        kernel_size: Taps of the kernel: several sizes give the same output size.
        strides: As for `conv`.
        padding: As for `conv`.
        data_format: As for `conv`.
        dilation_rate: As for `conv`.
        groups: The number of groups.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`.

    Returns:
        Tensor `(*kernel_size, channels // groups, filters)`.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> x = np.float32([1, 2, 4, 8]).reshape(1, 4, 1)
        >>> kerasconv.ops.conv_kernel_gradient(x, np.ones((1, 3, 1), "float32"), 2)[:, 0, 0].numpy()
        array([ 7., 14.], dtype=float32)
    """
    name = "conv_kernel_gradient"
    x, dy = tensors.convert(name, inputs=inputs, output_gradient=output_gradient)
    tensors.check_floating(name, inputs=x, output_gradient=dy)
    rank = tensors.check_rank(name, x, dy.shape.rank)
    data_format = tensors.data_format(name, data_format)
    x, dy = tensors.channels_last(x, data_format), tensors.channels_last(dy, data_format)
    sizes = sizes_of(x)[1:-1]
    window = geometry.window(kernel_size, sizes, strides=strides, padding=padding, dilation=dilation_rate, caller=name)
    _check_output(name, dy, window, sizes, dy.shape[-1], groups)
    w_shape = tf.TensorShape([*window.size, x.shape[-1] // groups, dy.shape[-1]])
    dw = _kernel_gradient(x, dy, window, groups, choose(name, algorithm, x.shape, w_shape, window, groups))
    return tf.reverse(dw, range(rank)) if flip_kernel else dw


def add_bias(x: tf.Tensor, bias: Any, data_format: str) -> tf.Tensor:
    """`x` with one number per channel added; its gradient sums over all other axes: the tutorial's formula (3)."""
    b = keras.ops.convert_to_tensor(bias, x.dtype.name)
    return x + (b if data_format == "channels_last" else tf.reshape(b, [-1, *[1] * (x.shape.rank - 2)]))


def _conv(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int, algorithm: ModuleType) -> tf.Tensor:
    """`C(x, w) = y`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, w: tf.Tensor) -> Any:
        y = _run(algorithm, algorithm.forward, x, w, window, groups)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(y.shape)
            return (
                _input_gradient(c, w, window, groups, algorithm, sizes_of(x)[1:-1]),
                _kernel_gradient(x, c, window, groups, algorithm),
            )

        return y, grad

    return call(x, w)


def _input_gradient(
    dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, algorithm: ModuleType, sizes: Sequence[Size]
) -> tf.Tensor:
    """`D(dy, w) = dx`."""

    @tf.custom_gradient
    def call(dy: tf.Tensor, w: tf.Tensor) -> Any:
        dx = _run(algorithm, algorithm.input_gradient, dy, w, window, groups, sizes)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dx.shape)
            return _conv(c, w, window, groups, algorithm), _kernel_gradient(c, dy, window, groups, algorithm)

        return dx, grad

    return call(dy, w)


def _kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int, algorithm: ModuleType) -> tf.Tensor:
    """`K(x, dy) = dw`."""

    @tf.custom_gradient
    def call(x: tf.Tensor, dy: tf.Tensor) -> Any:
        dw = _run(algorithm, algorithm.kernel_gradient, x, dy, window, groups)

        def grad(c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            c.set_shape(dw.shape)
            return (
                _input_gradient(dy, c, window, groups, algorithm, sizes_of(x)[1:-1]),
                _conv(x, c, window, groups, algorithm),
            )

        return dw, grad

    return call(x, dy)


def _run(algorithm: ModuleType, operation: Callable[..., tf.Tensor], a: tf.Tensor, b: tf.Tensor, *rest: Any) -> Any:
    """`operation(a, b, *rest)`, with half precision summed in float32."""
    if getattr(algorithm, "KEEPS_HALF_PRECISION", False):
        return operation(a, b, *rest)
    return tf.cast(operation(tensors.widened(a), tensors.widened(b), *rest), a.dtype)


def _groups(x: tf.Tensor, w: tf.Tensor) -> int:
    """The number of groups, read off the channels of the input and the kernel."""
    channels, per_group, filters = x.shape[-1], w.shape[-2], w.shape[-1]
    if None in (channels, *w.shape):
        raise ValueError(
            f"conv: the channels of `inputs` and the shape of `kernel` must be known. "
            f"Received: inputs of shape {x.shape} (channels last) and a kernel of shape {w.shape}."
        )
    if per_group == 0 or channels % per_group or filters % max(channels // per_group, 1):
        raise ValueError(
            f"conv: the channels of `inputs` must be a multiple of the kernel's next to last size (their ratio is "
            f"the number of groups), and the filters a multiple of the groups. "
            f"Received: {channels} channels and a kernel of shape {w.shape}."
        )
    return channels // per_group


def _check_output(
    caller: str, dy: tf.Tensor, window: Window, sizes: Sequence[Size], filters: int | None, groups: int
) -> None:
    """Raises if `dy` is not what a convolution with this window would have given; else its shape is known."""
    expected = tf.TensorShape([None, *[o if isinstance(o, int) else None for o in window.output(sizes)], filters])
    if filters is None or not dy.shape.is_compatible_with(expected) or filters % groups:
        raise ValueError(
            f"{caller}: `output_gradient` must have the shape of the output of `conv`, {expected} (channels last), "
            f"with filters a multiple of the groups. Received: shape {dy.shape}, groups={groups}."
        )
    dy.set_shape(expected)
