"""Convolutions and their gradients, at their public edge: arguments become a `Window`, and tensors channels-last.

The arithmetic and what differentiates what is in `table.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from kerasconv import geometry
from kerasconv.arithmetic import convolution
from kerasconv.arithmetic.tensors import sizes_of
from kerasconv.geometry import Size, Window
from kerasconv.ops import arguments
from kerasconv.ops.algorithms import Algorithm, CustomAlgorithm, choose, for_one_tap
from kerasconv.ops.padding import check_padding_mode, pad_with
from kerasconv.ops.symbolic import symbolic


@symbolic
def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    bias: Any = None,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip_kernel: bool = False,
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
) -> tf.Tensor:
    """N-dimensional convolution (cross-correlation, as everywhere in deep learning), differentiable to any order.

    `y[p] = bias + sum over t of x[p * strides + t * dilation_rate] w[t]`: the tutorial's `conv_forward`.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`. Its rank less two is the number of spatial axes.
        kernel: Tensor `(*kernel_size, channels // groups, filters)` of the same dtype. The number of groups is read
            off it; where the channels are not known before the graph runs, it is taken for one.
        strides: Step of the window, one int or one per spatial axis. Goes together with `dilation_rate`.
        padding: `"valid"`, `"same"`, in one dimension `"causal"`; or elements to add, as one int for every side, one
            int per axis, or one `(before, after)` pair per axis.
        data_format: `"channels_last"` or `"channels_first"`; `None` takes Keras' setting. Both run on a CPU.
        dilation_rate: Distance of neighbouring taps, one int or one per axis.
        bias: Tensor `(filters,)` to add, or `None`.
        padding_mode: What is added: `"constant"`, or by the input's own elements `"reflect"`, `"symmetric"`,
            `"replicate"` or `"circular"`; see `kerasconv.ops.pad`.
        padding_value: What is added in the mode `"constant"`.
        flip_kernel: Whether to mirror the kernel first. This is the mathematician's convolution, the formula with
            `x[i - l, j - m]` in the tutorial's section 1.
        algorithm: `"auto"`, or `"direct"`, `"gemm"`, `"winograd"`, `"fft"`, or `"native"` for TensorFlow's kernels; or
            an object of your own with the three operations of `kerasconv.ops.algorithms.Algorithm`. What follows holds
            for results and both gradients. The rounding unit `u` is 6e-8 in float32 and 1.1e-16 in float64; float16 and
            bfloat16 are summed in float32 and rounded once. Denormal numbers may count as zero, as in TensorFlow.

            - `direct` and `gemm` sum the `t` products of an output. The error is at most `t u`, and below
              `2 u sqrt(t)` in all tests (0.74 of it at most), times the sum of the products' magnitudes. NaN and
              infinities reach only what their products enter; padding counts as zeros, and zero times them is NaN.
            - `winograd`: below `100 u` (at most 38 in all tests) times that sum if each element of the input were as
              large as the largest that is less than 6 elements away along every axis. NaN and infinities also reach
              outputs that are less than 6 away from those that they enter.
            - `fft`: below `16 u` (at most 9 in all tests) times the sum over the channels of the Euclidean norm of
              the image times that of the kernel. NaN and infinities reach all outputs of their example.
            - `auto` takes `direct` and `gemm`; in float32 `winograd` unless `kerasconv.config.set_winograd(False)`;
              and `fft` only after `kerasconv.config.set_fft(True)`. Zero times NaN or infinity, where an element of the
              kernel or an operand of a kernel's gradient meets padding, is NaN or left out.

            `tests/ops/test_accuracy.py` and `test_nonfinite.py` test this; when results are equal to the bit,
            `docs/layers.md` says under "Repeatability".

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
    x, w = arguments.convert("conv", inputs=inputs, kernel=kernel)
    arguments.check_floating("conv", inputs=x, kernel=w)
    arguments.check_rank("conv", x, w.shape.rank)
    check_padding_mode(padding_mode, "conv")
    arguments.check_number("conv", padding_value, "padding_value")
    data_format = arguments.data_format("conv", data_format)
    x = arguments.channels_last(x, data_format)
    x = arguments.with_channels(x, w.shape[-2])  # one group, then
    groups = _groups(x, w)
    w = _flipped(w) if flip_kernel else w
    window = geometry.window(
        w.shape.as_list()[:-2],
        sizes_of(x)[1:-1],
        strides=strides,
        padding=padding,
        dilation=dilation_rate,
        caller="conv",
    )
    if padding_mode != "constant" or padding_value != 0:
        x = pad_with(x, ((0, 0), *window.pads, (0, 0)), padding_mode, padding_value, "conv")
        window = replace(window, pads=((0, 0),) * window.rank)
    y = convolution.convolve(x, w, window, groups, choose("conv", algorithm, x.shape[-1], window, groups))
    return _finish(y, bias, data_format)


@symbolic
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    groups: int = 1,
    bias: Any = None,
    flip_kernel: bool = False,
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
) -> tf.Tensor:
    """N-dimensional transposed convolution: each input writes its kernel, `strides` apart, and what overlaps adds up.

    This is `conv_input_gradient` with the output size for a result: `D` of `kerasconv.arithmetic.convolution`.

    Args:
        inputs: Floating-point tensor `(batch, *spatial, channels)`, or `(batch, channels, *spatial)` with
            `"channels_first"`.
        kernel: Tensor `(*kernel_size, filters // groups, channels)` of the same dtype.
        strides: Distance of neighbouring inputs in the output, one int or one per axis.
        padding: `"valid"` or `"same"` with Keras' meaning; or with PyTorch's how much the corresponding convolution
            padded, which is cut off here: one int for every side, one int per axis, or one `(before, after)` pair per
            axis.
        output_padding: Elements by which to lengthen the output at its end, fewer than the stride or the dilation; one
            int or one per axis. `None` takes for `"same"` an output of `strides` times the size of the input, for
            `"valid"` at least that, and otherwise 0.
        data_format: As for `conv`.
        dilation_rate: Distance of neighbouring taps, one int or one per axis. Goes together with `strides`.
        groups: The number of groups.
        bias: Tensor `(filters,)` to add, or `None`.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`.

    Returns:
        Tensor `(batch, *output, filters)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> kernel = np.float32([1, 2, 3]).reshape(3, 1, 1)
        >>> kerasconv.ops.conv_transpose(np.ones((1, 2, 1), "float32"), kernel, strides=2)[0, :, 0].numpy()
        array([1., 2., 4., 2., 3.], dtype=float32)
    """
    name = "conv_transpose"
    x, w = arguments.convert(name, inputs=inputs, kernel=kernel)
    arguments.check_floating(name, inputs=x, kernel=w)
    rank = arguments.check_rank(name, x, w.shape.rank)
    data_format = arguments.data_format(name, data_format)
    x = arguments.with_channels(arguments.channels_last(x, data_format), w.shape[-1])
    (groups,) = geometry.standardize_tuple(groups, 1, "groups", name)
    if None in (x.shape[-1], *w.shape) or x.shape[-1] != w.shape[-1] or x.shape[-1] % groups:
        raise ValueError(
            f"{name}: the number of input channels must match the kernel's last size, and be a multiple of the groups, "
            f"with a kernel of known shape. "
            f"Received: inputs of shape {x.shape} (channels last), a kernel of shape {w.shape}, groups={groups}."
        )
    w = _flipped(w) if flip_kernel else w
    window, appended = geometry.transposed_window(
        w.shape.as_list()[:-2],
        rank,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation_rate,
        caller=name,
    )
    sizes = window.input(sizes_of(x)[1:-1])
    if any(isinstance(n, int) and n + after < 1 for n, after in zip(sizes, appended, strict=True)):
        raise ValueError(
            f"{name}: the padding must leave something of the output. Received: inputs of shape {x.shape} (channels "
            f"last), kernel_size={window.size}, strides={window.strides}, padding={padding!r}."
        )
    algorithm = choose(name, algorithm, w.shape[-2] * groups, window, groups)
    y = convolution.input_gradient(x, w, window, groups, algorithm, sizes)
    y = pad_with(y, ((0, 0), *((0, after) for after in appended), (0, 0)), "constant", 0, name)
    return _finish(y, bias, data_format)


@symbolic
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    bias: Any = None,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip_kernel: bool = False,
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
) -> tf.Tensor:
    """N-dimensional depthwise convolution: each channel has kernels of its own. `conv` with a group per channel.

    Args:
        inputs: As for `conv`.
        kernel: Tensor `(*kernel_size, channels, multiplier)` of the same dtype.
        strides: As for `conv`; unlike in TensorFlow it may differ between axes.
        padding: As for `conv`.
        data_format: As for `conv`.
        dilation_rate: As for `conv`.
        bias: Tensor `(channels * multiplier,)` to add, or `None`.
        padding_mode: As for `conv`.
        padding_value: As for `conv`.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`.

    Returns:
        Tensor `(batch, *output, channels * multiplier)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> kernel = np.float32([[1, 10], [1, 10]]).reshape(2, 2, 1)  # two taps, two channels
        >>> kerasconv.ops.depthwise_conv(np.ones((1, 3, 2), "float32"), kernel)[0].numpy()
        array([[ 2., 20.],
               [ 2., 20.]], dtype=float32)
    """
    x, w = arguments.convert("depthwise_conv", inputs=inputs, kernel=kernel)
    rank = arguments.check_rank("depthwise_conv", x, w.shape.rank)
    data_format = arguments.data_format("depthwise_conv", data_format)
    x = arguments.with_channels(arguments.channels_last(x, data_format), w.shape[-2])
    if None in w.shape or x.shape[-1] != w.shape[-2]:
        raise ValueError(
            f"depthwise_conv: the number of input channels must match the kernel's next to last size, and the "
            f"kernel be of known shape. Received: {x.shape[-1]} channels and a kernel of shape {w.shape}."
        )
    y = conv(
        x,
        tf.reshape(w, [*w.shape[:rank], 1, -1]),
        strides,
        padding,
        "channels_last",
        dilation_rate,
        padding_mode=padding_mode,
        padding_value=padding_value,
        flip_kernel=flip_kernel,
        algorithm=algorithm,
    )
    return _finish(y, bias, data_format)


@symbolic
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
    *,
    bias: Any = None,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip_kernel: bool = False,
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
) -> tf.Tensor:
    """N-dimensional separable convolution: a `depthwise_conv`, and a `conv` of kernel size 1 that mixes the channels.

    Args:
        inputs: As for `conv`.
        depthwise_kernel: Tensor `(*kernel_size, channels, multiplier)` of the same dtype.
        pointwise_kernel: Tensor `(*ones, channels * multiplier, filters)` of the same dtype.
        strides: As for `conv`; unlike in TensorFlow it may differ between axes.
        padding: As for `conv`.
        data_format: As for `conv`.
        dilation_rate: As for `conv`.
        bias: Tensor `(filters,)` to add, or `None`.
        padding_mode: As for `conv`.
        padding_value: As for `conv`.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`. With `"winograd"` the pointwise kernel, which has nothing to save, takes `"gemm"`.

    Returns:
        Tensor `(batch, *output, filters)` of the inputs' dtype, in the same data format.

    Raises:
        ValueError: If shapes or arguments do not fit together.
        TypeError: If the tensors are not floating-point, or of different dtypes.

    Example:
        >>> import kerasconv, numpy as np
        >>> depthwise = np.float32([[1, 10], [1, 10]]).reshape(2, 2, 1)
        >>> pointwise = np.float32([1, 1]).reshape(1, 2, 1)
        >>> kerasconv.ops.separable_conv(np.ones((1, 3, 2), "float32"), depthwise, pointwise)[0, :, 0].numpy()
        array([22., 22.], dtype=float32)
    """
    y = depthwise_conv(
        inputs,
        depthwise_kernel,
        strides,
        padding,
        data_format,
        dilation_rate,
        padding_mode=padding_mode,
        padding_value=padding_value,
        flip_kernel=flip_kernel,
        algorithm=algorithm,
    )
    return conv(y, pointwise_kernel, data_format=data_format, bias=bias, algorithm=for_one_tap(algorithm))


@symbolic
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
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
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
    dy, w = arguments.convert(name, output_gradient=output_gradient, kernel=kernel)
    arguments.check_floating(name, output_gradient=dy, kernel=w)
    rank = arguments.check_rank(name, dy, w.shape.rank, "output_gradient")
    data_format = arguments.data_format(name, data_format)
    dy = arguments.channels_last(dy, data_format)
    if flip_kernel:
        w = _flipped(w)
    sizes = geometry.standardize_tuple(input_size, rank, "input_size", name, minimum=0)
    window = geometry.window(
        w.shape.as_list()[:-2], sizes, strides=strides, padding=padding, dilation=dilation_rate, caller=name
    )
    _check_output(name, dy, window, sizes, w.shape[-1], groups)
    algorithm = choose(name, algorithm, w.shape[-2] * groups, window, groups)
    dx = convolution.input_gradient(dy, w, window, groups, algorithm, sizes)
    return arguments.from_channels_last(dx, data_format)


@symbolic
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
    per_example: bool = False,
    flip_kernel: bool = False,
    algorithm: str | Algorithm | CustomAlgorithm = "auto",
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
        per_example: Whether to keep the examples' gradients apart instead of summing them, as differentially private
            training needs them. There is no loop over the batch: the examples become groups of one larger convolution.
        flip_kernel: As for `conv`.
        algorithm: As for `conv`.

    Returns:
        Tensor `(*kernel_size, channels // groups, filters)`; with `per_example` `(batch, ...)` of these.

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
    x, dy = arguments.convert(name, inputs=inputs, output_gradient=output_gradient)
    arguments.check_floating(name, inputs=x, output_gradient=dy)
    rank = arguments.check_rank(name, x, dy.shape.rank)
    data_format = arguments.data_format(name, data_format)
    x, dy = arguments.channels_last(x, data_format), arguments.channels_last(dy, data_format)
    sizes = sizes_of(x)[1:-1]
    window = geometry.window(kernel_size, sizes, strides=strides, padding=padding, dilation=dilation_rate, caller=name)
    _check_output(name, dy, window, sizes, dy.shape[-1], groups)
    examples = x.shape[0]
    if per_example:
        if not examples:
            raise ValueError(
                f"{name}: with `per_example` the number of examples must be known and not zero. "
                f"Received: inputs of shape {x.shape} (channels last)."
            )
        x, dy, groups = _examples_as_channels(x), _examples_as_channels(dy), groups * examples
    dw = convolution.kernel_gradient(x, dy, window, groups, choose(name, algorithm, x.shape[-1], window, groups))
    if per_example:
        dw = tf.reshape(dw, [*dw.shape[:-1], examples, -1])
        dw = tf.transpose(dw, [rank + 1, *range(rank + 1), rank + 2])
    return tf.reverse(dw, range(int(per_example), rank + int(per_example))) if flip_kernel else dw


def add_bias(x: tf.Tensor, bias: Any, data_format: str) -> tf.Tensor:
    """`x` with one number per channel added; its gradient sums over all other axes: the tutorial's formula (3)."""
    b = keras.ops.convert_to_tensor(bias, keras.backend.standardize_dtype(x.dtype))
    return x + (b if data_format == "channels_last" else tf.reshape(b, [-1, *[1] * (len(x.shape) - 2)]))


def _finish(y: tf.Tensor, bias: Any, data_format: str) -> tf.Tensor:
    """`y` in the user's data format, with a bias if there is one."""
    y = arguments.from_channels_last(y, data_format)
    return y if bias is None else add_bias(y, bias, data_format)


def _flipped(w: tf.Tensor) -> tf.Tensor:
    """A kernel turned round along its spatial axes."""
    return tf.reverse(w, range(w.shape.rank - 2))


def _examples_as_channels(x: tf.Tensor) -> tf.Tensor:
    """`(N, *S, C)` as `(1, *S, N C)`."""
    x = tf.transpose(x, [*range(1, x.shape.rank - 1), 0, x.shape.rank - 1])
    return tf.reshape(x, [1, *sizes_of(x)[:-2], x.shape[-2] * x.shape[-1]])


def _static(sizes: Sequence[Size]) -> list[int | None]:
    """Sizes with `None` for those that are not known."""
    return [n if isinstance(n, int) else None for n in sizes]


def _groups(x: tf.Tensor, w: tf.Tensor) -> int:
    """The number of groups, read off the channels of the input and the kernel."""
    channels, per_group, filters = x.shape[-1], w.shape[-2], w.shape[-1]
    if None in (channels, *w.shape):
        raise ValueError(f"conv: the shape of `kernel` must be known. Received: a kernel of shape {w.shape}.")
    if per_group == 0 or channels % per_group or filters % max(channels // per_group, 1):
        raise ValueError(
            f"conv: the number of input channels must match the kernel: be a multiple of its next to last size "
            f"(their ratio is the number of groups), and the filters a multiple of the groups. "
            f"Received: {channels} channels and a kernel of shape {w.shape}."
        )
    return channels // per_group


def _check_output(
    caller: str, dy: tf.Tensor, window: Window, sizes: Sequence[Size], filters: int | None, groups: int
) -> None:
    """Raises if `dy` is not what a convolution with this window would have given; else its shape is known."""
    expected = tf.TensorShape([None, *_static(window.output(sizes)), filters])
    if filters is None or not dy.shape.is_compatible_with(expected) or filters % groups:
        raise ValueError(
            f"{caller}: `output_gradient` must have the shape of the output of `conv`, {expected} (channels last), "
            f"with filters a multiple of the groups. Received: shape {dy.shape}, groups={groups}."
        )
    dy.set_shape(expected)
