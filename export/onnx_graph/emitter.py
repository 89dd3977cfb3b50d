"""What writes an ONNX graph: nodes, constants, names, and the order of axes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import onnx_ir as ir

from kerasconv.export.onnx_graph.values import Shape, Value, arranged, order, physical_axis


class Emitter:
    """Collects the nodes and constants of a graph.

    Args:
        opset: The version of ONNX' operators.
        web: Whether to write only what onnxruntime-web runs.
        taken: Names that are taken already: those of inputs and outputs.
    """

    def __init__(self, opset: int, web: bool = False, taken: Sequence[str] = ()):
        self.opset = opset
        self.web = web
        self.nodes: list[ir.Node] = []
        self.constants: dict[Any, ir.Value] = {}
        self._scopes: list[str] = []
        self._names: Counter[str] = Counter(taken)

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names what is written meanwhile after a layer."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def name(self, name: str) -> str:
        """A name of its own, after the layer that is being written."""
        full = "/".join([*self._scopes, name])
        self._names[full] += 1
        return full if self._names[full] == 1 else f"{full}_{self._names[full] - 1}"

    def __call__(self, op_type: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Writes a node.

        Args:
            op_type: The operator.
            *inputs: ONNX values; arrays and numbers, which become constants; `None` for what is left out.
            outputs: How many outputs it has.
            **attributes: Its attributes, without those that are `None`.

        Returns:
            The output, or a list of them.
        """
        name = self.name(op_type)
        values = [ir.Value(name=name if i == 0 else f"{name}:{i}") for i in range(outputs)]
        node = ir.node(
            op_type,
            [x if x is None or isinstance(x, ir.Value) else self.constant(x) for x in inputs],
            {key: value for key, value in attributes.items() if value is not None},
            outputs=values,
            name=name,
        )
        self.nodes.append(node)
        return values[0] if outputs == 1 else values

    def constant(self, value: Any, name: str = "constant") -> ir.Value:
        """A constant; lists of ints are int64. Small ones that are equal are one."""
        array = np.asarray(value)
        if array.dtype == np.int64 or (array.dtype.kind == "i" and not isinstance(value, np.ndarray | np.generic)):
            array = array.astype(np.int64)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.nbytes <= 1024 else len(self.constants)
        if key not in self.constants:
            name = self.name(name)
            tensor = ir.Tensor(np.ascontiguousarray(array).reshape(array.shape), name=name)
            self.constants[key] = ir.Value(
                name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
            )
        return self.constants[key]

    def value(self, made: ir.Value, like: keras.KerasTensor, channels_first: bool = False) -> Value:
        """What holds a tensor of Keras' graph, in the order in which it was made."""
        return Value(tuple(like.shape), like.dtype, {channels_first and len(like.shape) > 2: made})

    def get(self, value: Value, channels_first: bool = False) -> ir.Value:
        """What holds a tensor in that order of axes, made if it is not there yet."""
        channels_first = channels_first and value.rank > 2
        if channels_first not in value.made:
            make = value.make or (lambda first: self.rearranged(value, first))
            value.made[channels_first] = make(channels_first)
        return value.made[channels_first]

    def operand(self, x: Any, dtype: str, rank: int, channels_first: bool) -> ir.Value:
        """A tensor or constant as an operand of an elementwise operation whose result has `rank` axes."""
        if not isinstance(x, Value):
            array = np.asarray(to_array(x), dtype)
            if channels_first and array.ndim > 0 and rank > 2:
                array = array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(order(rank, True))
            return self.constant(array)
        if 0 < x.rank < rank and channels_first:
            shape = (1,) * (rank - x.rank) + x.shape
            x = Value(shape, x.dtype, {False: self("Unsqueeze", self.get(x), list(range(rank - x.rank)))})
        return self.cast(self.get(x, channels_first and x.rank == rank), x.dtype, dtype)

    def cast(self, made: ir.Value, dtype: str, to: str) -> ir.Value:
        """An ONNX value in another dtype."""
        return made if dtype == to else self("Cast", made, to=int(onnx_dtype(to)))

    def reshaped(self, made: ir.Value, shape: Shape, *, keep: Shape | None = None) -> ir.Value:
        """An ONNX value in another shape, in which one size may be unknown.

        Args:
            made: The value.
            shape: The shape.
            keep: The shape that `made` has now. Unknown sizes that stand at the same place are taken over.
        """
        kept = [keep is not None and axis < len(keep) and keep[axis] is None for axis in range(len(shape))]
        sizes = [0 if n is None and same else -1 if n is None else n for n, same in zip(shape, kept, strict=True)]
        if sizes.count(-1) > 1 or 0 in shape:
            raise NoRuleError("a reshape to several unknown sizes")
        return self("Reshape", made, sizes)

    def rearranged(self, value: Value, channels_first: bool) -> ir.Value:
        """What holds a tensor in the one order of axes, made of what holds it in the other."""
        made, shape = value.made[not channels_first], value.shape
        target, known = arranged(shape, channels_first), arranged(shape, not channels_first)
        moves_nothing = math.prod(n or 2 for n in shape[1:-1]) == 1 or shape[-1] == 1
        if moves_nothing and target.count(None) - (target[0] is None) <= (0 if target[0] is None else 1):
            return self.reshaped(made, target, keep=known[:1])
        axes = order(value.rank, True) if channels_first else [0, *range(2, value.rank), 1]
        return self("Transpose", made, perm=axes)

    def reduce(self, op_type: str, made: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """A reduction; before version 18 of the operators the axes were an attribute."""
        axes = sorted(axes)
        if self.opset < 18 and op_type != "ReduceSum":
            return self(op_type, made, axes=axes, keepdims=int(keepdims))
        return self(op_type, made, axes, keepdims=int(keepdims))

    def sizes(self, value: Value, axes: Sequence[int]) -> list[Any]:
        """Sizes along axes of a Keras tensor: ints where they are known, else `Size`s."""
        first = value.channels_first
        return [
            value.shape[axis]
            if value.shape[axis] is not None
            else Size(self, self._size(self.get(value, first), physical_axis(axis, value.rank, first)))
            for axis in axes
        ]

    def _size(self, made: ir.Value, axis: int) -> ir.Value:
        return self("Slice", self("Shape", made), [axis], [axis + 1], [0])


class Size:
    """A size that is known only when the graph runs; arithmetic with it writes nodes.

    So `kerasconv.geometry` computes with it, as it does with the sizes of TensorFlow's graphs.
    """

    def __init__(self, emit: Emitter, made: ir.Value):
        self._emit = emit
        self.made = made  # int64, of shape (1,)

    def _with(self, op_type: str, other: Any, reverse: bool = False) -> Size:
        right = other.made if isinstance(other, Size) else np.array([other], np.int64)
        operands = (right, self.made) if reverse else (self.made, right)
        return Size(self._emit, self._emit(op_type, *operands))

    def __add__(self, other: Any) -> Size:
        return self._with("Add", other)

    def __radd__(self, other: Any) -> Size:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> Size:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Size:
        return self._with("Sub", other, reverse=True)

    def __mul__(self, other: Any) -> Size:
        return self._with("Mul", other)

    def __rmul__(self, other: Any) -> Size:
        return self._with("Mul", other)

    def __floordiv__(self, other: Any) -> Size:
        return self._with("Div", other)

    def __mod__(self, other: Any) -> Size:
        return self._with("Mod", other)

    def __abs__(self) -> Size:
        return Size(self._emit, self._emit("Abs", self.made))

    def __neg__(self) -> Size:
        return Size(self._emit, self._emit("Neg", self.made))


def sizes_tensor(emit: Emitter, sizes: Sequence[Any]) -> Any:
    """Ints and `Size`s as one int64 tensor."""
    if all(isinstance(n, int) for n in sizes):
        return list(sizes)
    parts = [n.made if isinstance(n, Size) else np.array([n], np.int64) for n in sizes]
    return emit("Concat", *parts, axis=0)


class NoRuleError(Exception):
    """There is no rule for this operation with these arguments; it is traced instead."""


def to_array(x: Any) -> np.ndarray[Any, Any]:
    """A weight, an eager tensor or numbers as an array.

    Raises:
        NoRuleError: If it is a tensor of the graph, or nothing of this kind.
    """
    if isinstance(x, Value | keras.KerasTensor):
        raise NoRuleError("a weight that is computed in the graph")
    try:
        return np.asarray(keras.ops.convert_to_numpy(x))
    except Exception as error:
        raise NoRuleError(f"an argument of type {type(x).__name__}") from error


def onnx_dtype(dtype: str) -> ir.DataType:
    """ONNX' name of a dtype."""
    return ir.DataType[{"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())]
