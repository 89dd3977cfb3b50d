"""Writing of an ONNX graph: nodes, constants, names, and the order of axes."""

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
        web: Whether to write only what onnxruntime-web supports.
        taken: Reserved names: those of inputs and outputs.
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
        """Prefixes the names of nodes and constants with that of a layer."""
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def name(self, name: str) -> str:
        """Returns a unique name with the prefix of the current layer."""
        full = "/".join([*self._scopes, name])
        self._names[full] += 1
        return full if self._names[full] == 1 else f"{full}_{self._names[full] - 1}"

    def __call__(self, op_type: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Writes a node.

        Args:
            op_type: The operator.
            *inputs: ONNX values; arrays and numbers, which become constants; `None` for an omitted input.
            outputs: The number of outputs.
            **attributes: The attributes. Those that are `None` are omitted.

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
        """Returns a constant. Lists of ints become int64. Equal small constants are shared."""
        array = np.asarray(value)
        if array.dtype == np.int64 or (array.dtype.kind == "i" and not isinstance(value, np.ndarray | np.generic)):
            array = array.astype(np.int64)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.nbytes <= 1024 else len(self.constants)
        if key not in self.constants:
            name = self.name(name)
            data = ir.Tensor(np.ascontiguousarray(array).reshape(array.shape), name=name)
            self.constants[key] = ir.Value(
                name=name, shape=ir.Shape(array.shape), type=ir.TensorType(data.dtype), const_value=data
            )
        return self.constants[key]

    def value(self, tensor: ir.Value, like: keras.KerasTensor, channels_first: bool = False) -> Value:
        """Returns a `Value` for a tensor of Keras' graph, from its ONNX value."""
        return Value(tuple(like.shape), like.dtype, {channels_first and len(like.shape) > 2: tensor})

    def get(self, value: Value, channels_first: bool = False) -> ir.Value:
        """Returns the ONNX value of a tensor in the requested order of axes, and creates it if necessary."""
        channels_first = channels_first and value.rank > 2
        if channels_first not in value.onnx:
            make = value.make or (lambda first: self.rearranged(value, first))
            value.onnx[channels_first] = make(channels_first)
        return value.onnx[channels_first]

    def operand(self, x: Any, dtype: str, rank: int, channels_first: bool) -> ir.Value:
        """Returns a tensor or constant as an operand of an elementwise operation whose result has `rank` axes."""
        if not isinstance(x, Value):
            array = np.asarray(to_array(x), dtype)
            if channels_first and array.ndim > 0 and rank > 2:
                array = array.reshape((1,) * (rank - array.ndim) + array.shape).transpose(order(rank, True))
            return self.constant(array)
        if 0 < x.rank < rank and channels_first:
            shape = (1,) * (rank - x.rank) + x.shape
            x = Value(shape, x.dtype, {False: self("Unsqueeze", self.get(x), list(range(rank - x.rank)))})
        return self.cast(self.get(x, channels_first and x.rank == rank), x.dtype, dtype)

    def cast(self, tensor: ir.Value, dtype: str, to: str) -> ir.Value:
        """Casts an ONNX value to another dtype."""
        return tensor if dtype == to else self("Cast", tensor, to=int(onnx_dtype(to)))

    def reshaped(self, tensor: ir.Value, shape: Shape, *, keep: Shape | None = None) -> ir.Value:
        """Reshapes an ONNX value to a shape in which one size may be unknown.

        Args:
            tensor: The value.
            shape: The new shape.
            keep: The present shape of `tensor`. Unknown sizes at the same axis are copied from it.
        """
        kept = [keep is not None and axis < len(keep) and keep[axis] is None for axis in range(len(shape))]
        sizes = [0 if n is None and same else -1 if n is None else n for n, same in zip(shape, kept, strict=True)]
        if sizes.count(-1) > 1 or 0 in shape:
            raise NoRuleError("a reshape to several unknown sizes")
        return self("Reshape", tensor, sizes)

    def rearranged(self, value: Value, channels_first: bool) -> ir.Value:
        """Creates the ONNX value in one order of axes from that in the other order."""
        tensor, shape = value.onnx[not channels_first], value.shape
        target, known = arranged(shape, channels_first), arranged(shape, not channels_first)
        moves_nothing = math.prod(n or 2 for n in shape[1:-1]) == 1 or shape[-1] == 1
        if moves_nothing and target.count(None) - (target[0] is None) <= (0 if target[0] is None else 1):
            return self.reshaped(tensor, target, keep=known[:1])
        axes = order(value.rank, True) if channels_first else [0, *range(2, value.rank), 1]
        return self("Transpose", tensor, perm=axes)

    def reduce(self, op_type: str, tensor: ir.Value, axes: Sequence[int], keepdims: bool) -> ir.Value:
        """Writes a reduction. Before opset 18 the axes of most reductions were an attribute."""
        axes = sorted(axes)
        if self.opset < 18 and op_type != "ReduceSum":
            return self(op_type, tensor, axes=axes, keepdims=int(keepdims))
        return self(op_type, tensor, axes, keepdims=int(keepdims))

    def sizes(self, value: Value, axes: Sequence[int]) -> list[Any]:
        """Returns the sizes along axes of a Keras tensor: ints if they are known, `Size`s otherwise."""
        first = value.channels_first
        return [
            value.shape[axis]
            if value.shape[axis] is not None
            else Size(self, self._size(self.get(value, first), physical_axis(axis, value.rank, first)))
            for axis in axes
        ]

    def _size(self, tensor: ir.Value, axis: int) -> ir.Value:
        return self("Slice", self("Shape", tensor), [axis], [axis + 1], [0])


class Size:
    """A size that is known only when the graph runs. Arithmetic with it writes nodes.

    `kerasconv.geometry` computes with it as with the unknown sizes of TensorFlow's graphs.
    """

    def __init__(self, emit: Emitter, tensor: ir.Value):
        self._emit = emit
        self.onnx = tensor  # int64, of shape (1,)

    def _with(self, op_type: str, other: Any, reverse: bool = False) -> Size:
        right = other.onnx if isinstance(other, Size) else np.array([other], np.int64)
        operands = (right, self.onnx) if reverse else (self.onnx, right)
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
        return Size(self._emit, self._emit("Abs", self.onnx))

    def __neg__(self) -> Size:
        return Size(self._emit, self._emit("Neg", self.onnx))


def sizes_tensor(emit: Emitter, sizes: Sequence[Any]) -> Any:
    """Returns ints and `Size`s as one int64 tensor."""
    if all(isinstance(n, int) for n in sizes):
        return list(sizes)
    parts = [n.onnx if isinstance(n, Size) else np.array([n], np.int64) for n in sizes]
    return emit("Concat", *parts, axis=0)


class NoRuleError(Exception):
    """Raised if there is no rule for an operation with these arguments. It is then traced instead."""


def to_array(x: Any) -> np.ndarray[Any, Any]:
    """Converts a weight, an eager tensor or numbers to an array.

    Raises:
        NoRuleError: If it is a symbolic tensor or an object of another kind.
    """
    if isinstance(x, Value | keras.KerasTensor):
        raise NoRuleError("a weight that is computed in the graph")
    try:
        return np.asarray(keras.ops.convert_to_numpy(x))
    except Exception as error:
        raise NoRuleError(f"an argument of type {type(x).__name__}") from error


def onnx_dtype(dtype: str) -> ir.DataType:
    """Returns the ONNX dtype of a Keras dtype."""
    return ir.DataType[{"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())]
