"""Reshaping, slicing, padding and repeating tensors, and reductions of axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from kerasconv.export.onnx_graph.elementwise import channels_first_for
from kerasconv.export.onnx_graph.emitter import Emitter, NoRuleError, to_array
from kerasconv.export.onnx_graph.values import Value, arranged, known_sizes, order, physical_axis
from kerasconv.export.onnx_graph.windows import global_pool, pad_axes

_REDUCTIONS = {
    "All": None,
    "Amax": "ReduceMax",
    "Amin": "ReduceMin",
    "Logsumexp": "ReduceLogSumExp",
    "Max": "ReduceMax",
    "Mean": "ReduceMean",
    "Min": "ReduceMin",
    "Prod": "ReduceProd",
    "Sum": "ReduceSum",
}
_GLOBAL = {"ReduceMean": "GlobalAveragePool", "ReduceMax": "GlobalMaxPool"}
_LIMIT = np.iinfo(np.int64).max


def reshape(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes a reshape, in either order of axes if it keeps the channels."""
    shape = tuple(out.shape)
    sizes = known_sizes(x.shape[1:])
    if x.rank > 2 and len(shape) == 2 and sizes is not None and shape == (x.shape[0], math.prod(sizes)):
        source = x.flattened or x

        def make(_: bool) -> ir.Value:  # lazily, since a matrix product may not need it
            return emit.reshaped(emit.get(source), shape, keep=source.shape[:1])

        return Value(shape, out.dtype, {}, make, flattened=source)
    if len(shape) > 2 and shape[0] == x.shape[0] and _keeps_channels(x, shape):
        return Value(
            shape,
            out.dtype,
            {},
            make=lambda first: emit.reshaped(
                emit.get(x, first and x.rank > 2), arranged(shape, first), keep=(x.shape[0],)
            ),
        )
    return emit.value(emit.reshaped(emit.get(x), shape, keep=x.shape), out)


def _keeps_channels(x: Value, shape: tuple[int | None, ...]) -> bool:
    """Returns whether a reshape keeps the channels and changes spatial axes of known sizes only."""
    before, after = known_sizes(x.shape[1:]), known_sizes(shape[1:])
    if before is None or after is None:
        return False
    return before[-1] == after[-1] and math.prod(before) == math.prod(after)


def transpose(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes a transposition, unless the tensor exists in this order."""
    axes = list(op.axes or range(x.rank)[::-1])
    return _permuted(emit, out, x, [axis % x.rank for axis in axes])


def moveaxis(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `moveaxis` as a transposition."""
    rest = [axis for axis in range(x.rank) if axis not in {a % x.rank for a in op.source}]
    for destination, source in sorted(zip((d % x.rank for d in op.destination), op.source, strict=True)):
        rest.insert(destination, source % x.rank)
    return _permuted(emit, out, x, rest)


def swapaxes(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes `swapaxes` as a transposition."""
    axes = list(range(x.rank))
    axes[op.axis1], axes[op.axis2] = axes[op.axis2], axes[op.axis1]
    return _permuted(emit, out, x, axes)


def _permuted(emit: Emitter, out: Any, x: Value, axes: list[int]) -> Value:
    if axes == list(range(x.rank)):
        return x
    for first in (True, False):  # an ONNX value in this order may exist
        if first in x.onnx and order(x.rank, first) == axes:
            return emit.value(x.onnx[first], out)
    back = [0, *range(2, x.rank), 1]
    if axes == back and False in x.onnx and x.rank > 2:
        return Value(tuple(out.shape), out.dtype, {True: x.onnx[False]})
    return emit.value(emit("Transpose", emit.get(x), perm=axes), out)


def expand_dims(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes new axes of size one."""
    rank = len(out.shape)
    axes = [op.axis] if isinstance(op.axis, int) else op.axis
    return emit.value(emit("Unsqueeze", emit.get(x), sorted(axis % rank for axis in axes)), out)


def squeeze(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Removes axes of size one."""
    if op.axis is None:
        axes = [axis for axis, n in enumerate(x.shape) if n == 1]
    else:
        axes = [axis % x.rank for axis in ([op.axis] if isinstance(op.axis, int) else op.axis)]
    return _without(emit, out, x, axes, lambda tensor, physical: emit("Squeeze", tensor, physical))


def reduce(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes sums, means, maxima and the like over axes."""
    op_type = _REDUCTIONS[type(op).__name__]
    if op_type is None or getattr(op, "initial", None) is not None:
        raise NoRuleError("a reduction with an initial value, or of truth values")
    axes = op.axis if isinstance(op.axis, list | tuple) else range(x.rank) if op.axis is None else [op.axis]
    return reduced(emit, op_type, out, x, [axis % x.rank for axis in axes], op.keepdims)


def reduced(emit: Emitter, op_type: str, out: Any, x: Value, axes: Sequence[int], keepdims: bool) -> Value:
    """Writes a reduction over axes of the Keras tensor."""
    if x.dtype != out.dtype:
        raise NoRuleError("a reduction that changes the dtype")
    spatial = list(range(1, x.rank - 1))
    if sorted(axes) == spatial and op_type in _GLOBAL and True in x.onnx:
        return global_pool(emit, out, x, _GLOBAL[op_type], "channels_last", keepdims)
    if keepdims:
        first = channels_first_for([x], x.rank)
        physical = [physical_axis(axis, x.rank, first) for axis in axes]
        return emit.value(emit.reduce(op_type, emit.get(x, first), physical, True), out, first)
    return _without(emit, out, x, axes, lambda tensor, physical: emit.reduce(op_type, tensor, physical, False))


def _without(emit: Emitter, out: Any, x: Value, axes: Sequence[int], call: Callable[..., Any]) -> Value:
    """Writes an operation that removes axes, without a transposition if the result is in an order of `Value`."""
    left = [axis for axis in order(x.rank, True) if axis not in axes]
    for moved in (False, True):
        if True in x.onnx and left == [sorted(left)[i] for i in order(len(left), moved)]:
            tensor = call(x.onnx[True], sorted(physical_axis(axis, x.rank, True) for axis in axes))
            return emit.value(tensor, out, moved)
    return emit.value(call(emit.get(x), sorted(axes)), out)


def concatenate(emit: Emitter, op: Any, out: Any, xs: Sequence[Any]) -> Value:
    """Concatenates tensors along an axis."""
    rank = len(out.shape)
    first = channels_first_for(xs, rank)
    operands = [emit.operand(x, out.dtype, rank, first) for x in xs]
    return emit.value(emit("Concat", *operands, axis=physical_axis(op.axis, rank, first)), out, first)


def stack(emit: Emitter, op: Any, out: Any, xs: Sequence[Any]) -> Value:
    """Concatenates tensors along a new axis."""
    rank = len(out.shape)
    axis = op.axis % rank
    operands = [emit("Unsqueeze", emit.operand(x, out.dtype, rank - 1, False), [axis]) for x in xs]
    return emit.value(emit("Concat", *operands, axis=axis), out)


def split(emit: Emitter, op: Any, out: Sequence[Any], x: Value) -> list[Value]:
    """Splits a tensor along an axis."""
    first = channels_first_for([x], x.rank)
    lengths = [part.shape[op.axis] for part in out]
    if None in lengths:
        raise NoRuleError("parts of unknown size")
    parts = emit("Split", emit.get(x, first), lengths, outputs=len(out), axis=physical_axis(op.axis, x.rank, first))
    return [emit.value(part, like, first) for part, like in zip(parts if len(out) > 1 else [parts], out, strict=True)]


def get_item(emit: Emitter, op: Any, out: Any, x: Value, key: Any) -> Value:
    """Writes slices and single indices that are numbers."""
    keys = list(key) if isinstance(key, tuple | list) else [key]
    if any(not (k is None or k is Ellipsis or isinstance(k, int | slice)) for k in keys):
        raise NoRuleError("a key that is a tensor")
    if None in keys:
        raise NoRuleError("a key with new axes")
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (x.rank - len(keys) + 1)
    bounds, dropped = [], []
    for axis, k in enumerate(keys):
        if isinstance(k, int):
            dropped.append(axis)
            bounds.append((axis, k, k + 1 if k != -1 else _LIMIT, 1))
        elif k != slice(None):
            if not all(n is None or isinstance(n, int) for n in (k.start, k.stop, k.step)):
                raise NoRuleError("a slice by tensors")
            step = 1 if k.step is None else k.step
            start = k.start if k.start is not None else (0 if step > 0 else _LIMIT)
            stop = k.stop if k.stop is not None else (_LIMIT if step > 0 else -_LIMIT)
            bounds.append((axis, start, stop, step))
    if not bounds:
        return x
    first = channels_first_for([x], x.rank)
    axes, starts, stops, steps = map(list, zip(*bounds, strict=True))
    tensor = emit("Slice", emit.get(x, first), starts, stops, [physical_axis(a, x.rank, first) for a in axes], steps)
    if not dropped:
        return emit.value(tensor, out, first)
    sliced = Value(tuple(1 if a in dropped else 0 for a in range(x.rank)), x.dtype, {first: tensor})
    return _without(emit, out, sliced, dropped, lambda tensor, physical: emit("Squeeze", tensor, physical))


def pad(emit: Emitter, op: Any, out: Any, x: Value, constant_values: Any = None) -> Value:
    """Pads a tensor."""
    widths = list(op.pad_width)
    pads = widths * x.rank if len(widths) == 1 else widths
    if op.mode not in ("constant", "reflect", "symmetric") or not isinstance(constant_values, int | float | None):
        raise NoRuleError(f"padding in the mode {op.mode}")
    return padded(emit, out, x, pads, op.mode, constant_values or 0)


def padded(emit: Emitter, out: Any, x: Value, pads: Sequence[Any], mode: str, value: float) -> Value:
    """Writes `kerasconv.ops.pad` with a pair of ints for each axis of the Keras tensor."""
    first = channels_first_for([x], x.rank)
    tensor = emit.get(x, first)
    axes = order(x.rank, first)
    needed = [axis for axis in axes if any(pads[axis])]
    sizes = dict(zip(needed, emit.sizes(x, needed), strict=True)) if mode in ("symmetric", "circular") else {}
    y = pad_axes(emit, tensor, [tuple(pads[a]) for a in axes], [sizes.get(a) for a in axes], mode, value, x.dtype)
    return emit.value(y, out, first)


def repeat(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Repeats each element along an axis."""
    if not isinstance(op.repeats, int) or op.axis is None:
        raise NoRuleError("a number of repetitions for each element")
    axis = op.axis % x.rank
    first = channels_first_for([x], x.rank)
    scales = [1.0] * x.rank
    scales[physical_axis(axis, x.rank, first)] = float(op.repeats)
    return emit.value(_nearest(emit, emit.get(x, first), scales), out, first)


def up_sampling(emit: Emitter, layer: Any, out: Any, x: Value) -> Value:
    """Writes Keras' `UpSampling1D`, `2D` and `3D`."""
    size = [layer.size] if isinstance(layer.size, int) else list(layer.size)
    mode = getattr(layer, "interpolation", "nearest")
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    if mode not in ("nearest", "bilinear"):
        raise NoRuleError(f"interpolation in the mode {mode}")
    tensor = emit.get(x, last)
    scales = [1.0, 1.0, *map(float, size)]
    if mode == "nearest":
        return emit.value(_nearest(emit, tensor, scales), out, last)
    factors = np.asarray(scales, np.float32)
    y = emit("Resize", tensor, None, factors, mode="linear", coordinate_transformation_mode="half_pixel")
    return emit.value(y, out, last)


def _nearest(emit: Emitter, tensor: Any, scales: list[float]) -> Any:
    return emit(
        "Resize",
        tensor,
        None,
        np.asarray(scales, np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def tile(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Tiles a tensor along each axis."""
    if len(op.repeats) != x.rank:
        raise NoRuleError("a number of copies for other axes")
    return emit.value(emit("Tile", emit.get(x), list(op.repeats)), out)


def broadcast_to(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Broadcasts a tensor to a shape."""
    if not all(isinstance(n, int) for n in op.shape):
        raise NoRuleError("an unknown size")
    return emit.value(emit("Expand", emit.get(x), list(op.shape)), out)


def take(emit: Emitter, op: Any, out: Any, x: Any, indices: Any) -> Value:
    """Gathers rows of a table, as an embedding does."""
    if op.axis is None:
        raise NoRuleError("an index into all elements")
    table = emit.get(x) if isinstance(x, Value) else emit.constant(to_array(x), "table")
    where = emit.get(indices) if isinstance(indices, Value) else emit.constant(to_array(indices).astype(np.int64))
    if isinstance(indices, Value) and indices.dtype not in ("int32", "int64"):
        where = emit.cast(where, indices.dtype, "int64")
    return emit.value(emit("Gather", table, where, axis=op.axis), out)


def argmax(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Writes the index of the largest or smallest element along an axis."""
    if op.axis is None:
        raise NoRuleError("an index into all elements")
    name = {"Argmax": "ArgMax", "Argmin": "ArgMin"}[type(op).__name__]
    axis = op.axis % x.rank
    if op.keepdims:
        raise NoRuleError("an index that keeps the axis")
    y = _without(emit, out, x, [axis], lambda tensor, physical: emit(name, tensor, axis=physical[0], keepdims=0))
    tensors = {first: emit.cast(value, "int64", out.dtype) for first, value in y.onnx.items()}
    return Value(y.shape, out.dtype, tensors)


def flip(emit: Emitter, op: Any, out: Any, x: Value) -> Value:
    """Reverses axes."""
    axes = range(x.rank) if op.axis is None else [op.axis] if isinstance(op.axis, int) else op.axis
    first = channels_first_for([x], x.rank)
    physical = [physical_axis(axis, x.rank, first) for axis in axes]
    count = len(physical)
    tensor = emit("Slice", emit.get(x, first), [-1] * count, [-_LIMIT] * count, physical, [-1] * count)
    return emit.value(tensor, out, first)


RULES: dict[str, Callable[..., Any]] = {
    **{name: reduce for name in _REDUCTIONS if name != "All"},
    "Argmax": argmax,
    "Argmin": argmax,
    "BroadcastTo": broadcast_to,
    "Concatenate": concatenate,
    "ExpandDims": expand_dims,
    "Flip": flip,
    "GetItem": get_item,
    "Moveaxis": moveaxis,
    "Pad": pad,
    "Repeat": repeat,
    "Reshape": reshape,
    "Split": split,
    "Squeeze": squeeze,
    "Stack": stack,
    "Swapaxes": swapaxes,
    "Take": take,
    "Tile": tile,
    "Transpose": transpose,
}
"""The rule for each of Keras' operations, by the name of its class."""
