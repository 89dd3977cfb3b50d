"""Convolution, pooling and padding of every rank as ONNX nodes.

The functions take the emitter and the symbolic output of Keras, then the arguments of the functions in `kerasconv.ops`.
`kerasconv.geometry` computes the positions of windows. Unknown sizes are nodes of the graph there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import onnx_ir as ir

from kerasconv import geometry
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError, sizes_tensor, to_array
from kerasconv.export.onnx_graph.values import Value

Pads = Sequence[tuple[Any, Any]]


@dataclass
class WindowInput:
    """The input of a windowed operation, with its channels at axis 1 as ONNX requires."""

    emit: Emitter
    x: ir.Value
    sizes: tuple[Any, ...]
    channels: int | None
    dtype: str
    channels_last: bool

    @classmethod
    def of(cls, emit: Emitter, value: Any, data_format: str | None) -> WindowInput:
        """Returns the input of an operation with this data format."""
        if not isinstance(value, Value):
            raise NoRuleError("a constant input")
        last = (data_format or keras.config.image_data_format()) == "channels_last"
        axes = range(1, value.rank - 1) if last else range(2, value.rank)
        channels = value.shape[-1 if last else 1]
        # before `emit.sizes`, which reads sizes off the existing ONNX value
        x = emit.get(value, last)
        return cls(emit, x, tuple(emit.sizes(value, axes)), channels, value.dtype, last)

    def result(self, tensor: ir.Value, out: keras.KerasTensor) -> Value:
        """Returns the output as a `Value` in the data format of the operation."""
        return self.emit.value(tensor, out, self.channels_last)

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.sizes)


def conv(
    emit: Emitter,
    out: Any,
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    *,
    bias: Any = None,
    padding_mode: str = "constant",
    padding_value: float = 0.0,
    flip_kernel: bool = False,
    algorithm: Any = "auto",
) -> Value:
    """Writes `Conv`, after a `Pad` if the operator cannot pad as required."""
    _check_algorithm(algorithm)
    source, w = WindowInput.of(emit, inputs, data_format), to_array(kernel)
    groups = 1 if source.channels is None else source.channels // w.shape[-2]
    window = geometry.window(
        w.shape[:-2], source.sizes, strides=strides, padding=padding, dilation=dilation_rate, caller="conv"
    )
    if padding_mode != "constant" or padding_value:
        x, pads = extend(emit, source.x, window.pads, source.sizes, padding_mode, padding_value), _none(window)
    else:
        uneven = emit.web and any(lo is not hi and lo != hi for lo, hi in window.pads)
        x, pads = _padded_if_needed(emit, source, window, uneven)
    y = emit(
        "Conv",
        x,
        emit.constant(_to_onnx_kernel(w, flip_kernel), "kernel"),
        _bias(emit, bias),
        strides=window.strides,
        dilations=window.dilation,
        pads=_flat(pads),
        group=groups,
        kernel_shape=window.size,
    )
    return source.result(y, out)


def depthwise_conv(emit: Emitter, out: Any, inputs: Any, kernel: Any, *args: Any, **options: Any) -> Value:
    """Writes a `Conv` with a group per channel."""
    w = to_array(kernel)
    return conv(emit, out, inputs, w.reshape(*w.shape[:-2], 1, -1), *args, **options)


def separable_conv(
    emit: Emitter,
    out: Any,
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    *,
    bias: Any = None,
    **options: Any,
) -> Value:
    """Writes two `Conv`."""
    data_format = data_format or keras.config.image_data_format()
    w = to_array(depthwise_kernel)
    shape = list(out.shape)
    shape[-1 if data_format == "channels_last" else 1] = w.shape[-1] * w.shape[-2]
    between = keras.KerasTensor(shape, out.dtype)
    y = depthwise_conv(emit, between, inputs, w, strides, padding, data_format, dilation_rate, **options)
    return conv(emit, out, y, pointwise_kernel, data_format=data_format, bias=bias)


def conv_transpose(
    emit: Emitter,
    out: Any,
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
    *,
    groups: int = 1,
    bias: Any = None,
    flip_kernel: bool = False,
    algorithm: Any = "auto",
) -> Value:
    """Writes `ConvTranspose`."""
    _check_algorithm(algorithm)
    source, w = WindowInput.of(emit, inputs, data_format), to_array(kernel)
    window, appended = geometry.transposed_window(
        w.shape[:-2],
        source.rank,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation_rate,
        caller="conv_transpose",
    )
    fits = all(a < s for a, s in zip(appended, window.strides, strict=True))
    y = emit(
        "ConvTranspose",
        source.x,
        emit.constant(_to_onnx_kernel(w, flip_kernel), "kernel"),
        _bias(emit, bias) if fits else None,
        strides=window.strides,
        dilations=window.dilation,
        pads=_flat(window.pads),
        output_padding=list(appended) if fits and any(appended) else None,
        group=groups,
        kernel_shape=window.size,
    )
    if not fits:  # ONNX limits `output_padding` to less than the stride; the elements beyond are the bias
        y = extend(emit, y, [(0, a) for a in appended], None, "constant", 0.0)
        if bias is not None:
            b = to_array(bias)
            y = emit("Add", y, b.reshape(1, -1, *[1] * source.rank))
    return source.result(y, out)


def max_pool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    ties: str = "first",
    algorithm: str = "auto",
) -> Any:
    """Writes `MaxPool`. Its indices count over the whole tensor, and are converted to counts within a channel."""
    source = WindowInput.of(emit, inputs, data_format)
    window = _pool_window(source, pool_size, strides, padding, dilation_rate, ceil_mode)
    x, pads = _padded_if_needed(emit, source, window, _too_wide(window), value=_lowest(source.dtype))
    if return_indices and x is not source.x:
        raise NoRuleError("indices of maxima among pads that a MaxPool cannot add itself")
    options: dict[str, Any] = {
        "kernel_shape": window.size,
        "strides": window.strides,
        "pads": _flat(pads),
        "dilations": window.dilation if max(window.dilation) > 1 else None,
    }
    if not return_indices:
        return source.result(emit("MaxPool", x, **options), out)
    y, indices = emit("MaxPool", x, outputs=2, **options)
    elements = emit("ReduceProd", sizes_tensor(emit, source.sizes), keepdims=1)
    return source.result(y, out[0]), source.result(emit("Mod", indices, elements), out[1])


def average_pool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor_override: float | None = None,
    algorithm: str = "auto",
) -> Value:
    """Writes `AveragePool`, or sums of windows divided by their counts if the operator does not suffice."""
    source = WindowInput.of(emit, inputs, data_format)
    window = _pool_window(source, pool_size, strides, padding, dilation_rate, ceil_mode)
    x, pads = source.x, window.pads
    if count_include_pad and divisor_override is None:  # padding counts, except what `ceil_mode` adds
        declared = _pool_window(source, pool_size, strides, padding, dilation_rate, False).pads
        x = extend(emit, x, declared, None, "constant", 0.0)
        pads = tuple((0, hi - own) for (_, hi), (_, own) in zip(pads, declared, strict=True))
    dilated = max(window.dilation) > 1
    if not _known(pads) or _too_wide(window, pads) or (dilated and emit.opset < 19):
        return source.result(_average_by_sums(emit, source, x, window, pads, divisor_override), out)
    y = emit(
        "AveragePool",
        x,
        kernel_shape=window.size,
        strides=window.strides,
        pads=_flat(pads),
        count_include_pad=int(divisor_override is not None),
        dilations=window.dilation if dilated else None,
    )
    if divisor_override is not None:
        y = emit("Mul", y, np.asarray(math.prod(window.size) / divisor_override, source.dtype))
    return source.result(y, out)


def lp_pool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    norm_type: float,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    dilation_rate: Any = 1,
    ceil_mode: bool = False,
    algorithm: str = "auto",
) -> Value:
    """Writes `LpPool` if the norm is an integer, or sums of powers otherwise."""
    source = WindowInput.of(emit, inputs, data_format)
    window = _pool_window(source, pool_size, strides, padding, dilation_rate, ceil_mode)
    plain = max(window.dilation) == 1 or emit.opset >= 18
    if plain and float(norm_type).is_integer() and _known(window.pads) and not _too_wide(window):
        y = emit(
            "LpPool",
            source.x,
            kernel_shape=window.size,
            strides=window.strides,
            pads=_flat(window.pads),
            dilations=window.dilation if max(window.dilation) > 1 else None,
            p=int(norm_type),
        )
    else:
        power = np.asarray(norm_type, source.dtype)
        powers = emit("Pow", emit("Abs", source.x), power)
        y = emit("Pow", _sums(emit, source, powers, window, window.pads), np.asarray(1 / power, source.dtype))
    return source.result(y, out)


def global_max_pool(
    emit: Emitter, out: Any, inputs: Any, data_format: str | None = None, keepdims: bool = False
) -> Value:
    """Writes `GlobalMaxPool`."""
    return global_pool(emit, out, inputs, "GlobalMaxPool", data_format, keepdims)


def global_average_pool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    data_format: str | None = None,
    keepdims: bool = False,
    *,
    mask: Any = None,
) -> Value:
    """Writes `GlobalAveragePool`."""
    if mask is not None:
        raise NoRuleError("an average under a mask")
    return global_pool(emit, out, inputs, "GlobalAveragePool", data_format, keepdims)


def global_pool(
    emit: Emitter, out: Any, inputs: Any, op_type: str, data_format: str | None = None, keepdims: bool = False
) -> Value:
    """Writes a global pooling operator of ONNX."""
    source = WindowInput.of(emit, inputs, data_format)
    y = emit(op_type, source.x)
    if keepdims:
        return source.result(y, out)
    return emit.value(emit("Flatten", y, axis=1), out)


def adaptive_average_pool(
    emit: Emitter, out: Any, inputs: Any, output_size: Any, data_format: str | None = None
) -> Value:
    """Writes `AveragePool` for windows of equal size, or a product with an averaging matrix on each axis."""
    source = WindowInput.of(emit, inputs, data_format)
    window = _adaptive_window(source, output_size)
    if window.uniform:
        steps = [n // o for n, o in zip(window.sizes, window.positions, strict=True)]
        return source.result(emit("AveragePool", source.x, kernel_shape=steps, strides=steps), out)
    y = source.x
    for axis, (n, o) in enumerate(zip(window.sizes, window.positions, strict=True)):
        means = np.zeros((o, n), source.dtype)
        for row, span in zip(means, geometry.shares(n, o), strict=True):
            row[span.start : span.stop] = 1 / len(span)
        y = _on_axis(emit, y, means, axis + 2, source.rank + 2)
    return source.result(y, out)


def adaptive_max_pool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    output_size: Any,
    data_format: str | None = None,
    *,
    ties: str = "first",
    return_indices: bool = False,
) -> Value:
    """Writes `MaxPool` for windows of equal size, or the maxima of gathered elements on each axis."""
    source = WindowInput.of(emit, inputs, data_format)
    window = _adaptive_window(source, output_size)
    if return_indices:
        raise NoRuleError("indices of maxima of adaptive windows")
    if window.uniform:
        steps = [n // o for n, o in zip(window.sizes, window.positions, strict=True)]
        return source.result(emit("MaxPool", source.x, kernel_shape=steps, strides=steps), out)
    y = source.x
    for axis, (n, o) in enumerate(zip(window.sizes, window.positions, strict=True), start=2):
        rows = [list(span) for span in geometry.shares(n, o)]
        longest = max(map(len, rows))
        indices = np.array([row + row[:1] * (longest - len(row)) for row in rows], np.int64)
        y = emit.reduce("ReduceMax", emit("Gather", y, indices, axis=axis), [axis + 1], False)
    return source.result(y, out)


def max_unpool(
    emit: Emitter,
    out: Any,
    inputs: Any,
    indices: Any,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: str | None = None,
    *,
    output_size: Any = None,
) -> Value:
    """Writes `MaxUnpool`, with indices converted to counts over the whole tensor."""
    source = WindowInput.of(emit, inputs, data_format)
    where = WindowInput.of(emit, indices, data_format).x
    where = emit.cast(where, indices.dtype, "int64")
    window = geometry.unpool_window(pool_size, source.rank, strides=strides, padding=padding, caller="max_unpool")
    sizes = window.input(source.sizes) if output_size is None else tuple(output_size)
    if source.channels is None:
        raise NoRuleError("an unknown number of channels")
    # Without the overhang of the last window in `ceil_mode`, ONNX Runtime would require a larger output.
    pads = [
        (lo, max(hi, (n - 1) * step + k - lo - size) if isinstance(n, int) and isinstance(size, int) else hi)
        for (lo, hi), n, step, k, size in zip(
            window.pads, source.sizes, window.strides, window.size, sizes, strict=True
        )
    ]
    shape = emit("Shape", source.x)
    planes = emit("ReduceProd", emit("Slice", shape, [0], [2]), keepdims=0)
    plane = emit("Range", np.int64(0), planes, np.int64(1))
    plane = emit("Reshape", plane, emit("Concat", emit("Slice", shape, [0], [2]), [1] * source.rank, axis=0))
    elements = emit("ReduceProd", sizes_tensor(emit, sizes), keepdims=1)
    y = emit(
        "MaxUnpool",
        source.x,
        emit("Add", where, emit("Mul", plane, elements)),
        emit("Concat", emit("Slice", shape, [0], [2]), sizes_tensor(emit, sizes), axis=0),
        kernel_shape=window.size,
        strides=window.strides,
        pads=_flat(pads),
    )
    return source.result(y, out)


def extend(
    emit: Emitter, x: ir.Value, pads: Pads, sizes: Sequence[Any] | None, mode: str, value: float, dtype: str = "float32"
) -> ir.Value:
    """Pads the spatial axes of a tensor with its channels at axis 1."""
    return pad_axes(emit, x, [(0, 0), (0, 0), *pads], [None, None, *(sizes or [])], mode, value, dtype)


def pad_axes(
    emit: Emitter, x: ir.Value, pads: Pads, sizes: Sequence[Any], mode: str, value: Any, dtype: str = "float32"
) -> ir.Value:
    """Pads any axes, by `Pad` or, for modes that it lacks, by concatenating slices.

    Args:
        emit: The emitter.
        x: The tensor.
        pads: A pair for each axis.
        sizes: The size of each axis that is padded; used by the modes `symmetric` and `circular` only.
        mode: As in `kerasconv.ops.pad`.
        value: The padding value of the mode `constant`.
        dtype: The dtype of the tensor.
    """
    if all(geometry.is_zero(side) for pair in pads for side in pair):
        return x
    if mode in ("constant", "reflect", "replicate"):
        amounts = sizes_tensor(emit, [lo for lo, _ in pads] + [hi for _, hi in pads])
        filling = np.asarray(value, dtype) if mode == "constant" and value else None
        return emit("Pad", x, amounts, filling, mode="edge" if mode == "replicate" else mode)
    for axis, (n, (lo, hi)) in enumerate(zip(sizes, pads, strict=False)):
        if geometry.is_zero(lo) and geometry.is_zero(hi):
            continue
        stretches = [(n - lo, n), (0, hi)] if mode == "circular" else [(0, lo), (n - hi, n)]
        parts = [
            emit("Slice", x, sizes_tensor(emit, [start]), sizes_tensor(emit, [stop]), [axis])
            for start, stop in stretches
        ]
        if mode == "symmetric":
            parts = [emit("Slice", part, [-1], [np.iinfo(np.int64).min], [axis], [-1]) for part in parts]
        x = emit("Concat", parts[0], x, parts[1], axis=axis)
    return x


def _padded_if_needed(
    emit: Emitter, source: WindowInput, window: geometry.Window, beforehand: bool, value: float = 0.0
) -> tuple[ir.Value, Pads]:
    """Pads the input if the operator cannot, and returns it with the pads that are left to the operator."""
    if _known(window.pads) and not beforehand:
        return source.x, window.pads
    return extend(emit, source.x, window.pads, None, "constant", value, source.dtype), _none(window)


def _sums(emit: Emitter, source: WindowInput, x: ir.Value, window: geometry.Window, pads: Pads) -> ir.Value:
    """Writes the sum of each window, by a depthwise convolution with ones."""
    if source.channels is None:
        raise NoRuleError("an unknown number of channels")
    x = extend(emit, x, pads, None, "constant", 0.0)
    ones = np.ones((source.channels, 1, *window.size), source.dtype)
    return emit("Conv", x, ones, strides=window.strides, dilations=window.dilation, group=source.channels)


def _average_by_sums(
    emit: Emitter, source: WindowInput, x: ir.Value, window: geometry.Window, pads: Pads, divisor: float | None
) -> ir.Value:
    sums = _sums(emit, source, x, window, pads)
    if divisor is not None:
        return emit("Div", sums, np.asarray(divisor, source.dtype))
    if all(geometry.is_zero(side) for pair in pads for side in pair):
        return emit("Div", sums, np.asarray(math.prod(window.size), source.dtype))
    ones = emit("Add", emit("Mul", x, np.asarray(0, source.dtype)), np.asarray(1, source.dtype))
    return emit("Div", sums, _sums(emit, source, ones, window, pads))


def _on_axis(emit: Emitter, x: ir.Value, matrix: np.ndarray[Any, Any], axis: int, rank: int) -> ir.Value:
    """Multiplies `x` by a matrix along an axis."""
    letters = "abcdef"[:rank]
    return emit("Einsum", x, matrix, equation=f"{letters},z{letters[axis]}->{letters.replace(letters[axis], 'z')}")


def _pool_window(
    source: WindowInput, size: Any, strides: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> geometry.Window:
    return geometry.pool_window(
        size, source.sizes, strides=strides, padding=padding, dilation=dilation, ceil_mode=ceil_mode, caller="pooling"
    )


def _adaptive_window(source: WindowInput, output_size: Any) -> geometry.AdaptiveWindow:
    if not all(isinstance(n, int) for n in source.sizes):
        raise NoRuleError("adaptive pooling of unknown sizes")
    return geometry.adaptive_window(output_size, source.sizes)


def _to_onnx_kernel(w: np.ndarray[Any, Any], flip: bool) -> np.ndarray[Any, Any]:
    """Transposes `(*kernel, a, b)` to `(b, a, *kernel)`."""
    rank = w.ndim - 2
    w = w.transpose(rank + 1, rank, *range(rank))
    return np.flip(w, tuple(range(2, rank + 2))) if flip else w


def _bias(emit: Emitter, bias: Any) -> ir.Value | None:
    return None if bias is None else emit.constant(to_array(bias), "bias")


def _check_algorithm(algorithm: Any) -> None:
    if not isinstance(algorithm, str):
        raise NoRuleError("an algorithm of the user's own")


def _known(pads: Pads) -> bool:
    return all(isinstance(side, int) for pair in pads for side in pair)


def _none(window: geometry.Window) -> Pads:
    return ((0, 0),) * window.rank


def _too_wide(window: geometry.Window, pads: Pads | None = None) -> bool:
    """Returns whether a pad is as wide as the undilated window, which ONNX Runtime rejects."""
    pads = window.pads if pads is None else pads
    return any(isinstance(side, int) and side >= k for pair, k in zip(pads, window.size, strict=True) for side in pair)


def _flat(pads: Pads) -> list[int]:
    return [lo for lo, _ in pads] + [hi for _, hi in pads]


def _lowest(dtype: str) -> float:
    return -np.inf if dtype.startswith("float") else np.iinfo(dtype).min
