"""A model layer by layer: shapes, parameters, multiply-adds, receptive fields, as its graph tells them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import keras

from kerasconv import geometry, structure
from kerasconv.inspection import receptive_field
from kerasconv.inspection.receptive_field import Reach
from kerasconv.layers.padding import PaddingBase
from kerasconv.layers.pooling import LpPoolingBase
from kerasconv.layers.unpooling import MaxUnpoolingBase
from kerasconv.structure import (
    ADAPTIVE_POOLING,
    CONVOLUTION,
    DEPTHWISE,
    GLOBAL_POOLING,
    POOLING,
    SEPARABLE,
    TRANSPOSED,
)

DENSE = (keras.layers.Dense, keras.layers.EinsumDense)

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Row:
    """A layer in its place.

    Attributes:
        name: Its name; inside a nested model with that of the model before it, `encoder/conv1`.
        kind: Its class, such as `"Conv2D"`.
        output_shape: Shape of its (first) output, without the batch.
        parameters: How many it has; zero where it is applied again.
        trained: The number of them that are trained.
        macs: Multiply-adds for one input, those of kernels alone: the bias, normalisation, activation, pooling and
            additions cost none. `None` if a size is not known, or the layer has a kernel that this package does not
            know the arithmetic of.
        receptive_field: Elements of the model's input that an output element sees along each spatial axis, padding
            included; `None` if it sees all of it. Global pooling on a branch, as in squeeze-and-excitation, is left
            out where a local branch goes on: see `global_context`.
        stride: Elements of the model's input between two neighbouring elements of the output.
        global_context: True if a global pooling on a branch lets each element see the whole input, beside its receptive
            field.
        depth: Kernels on the longest path from the input to this layer.
        elements: Numbers in all its outputs, for one input; `None` if a size is not known.
        layer: The layer.
        inputs: The rows that it takes its inputs from, as indices; -1 is an input of the model.
    """

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    trained: int
    macs: int | None
    receptive_field: tuple[int, ...] | None
    stride: tuple[Fraction, ...] | None
    global_context: bool
    depth: int
    elements: int | None
    layer: Any = field(repr=False, compare=False, default=None)
    inputs: tuple[int, ...] = field(repr=False, compare=False, default=())


def layer_table(model: keras.Model) -> list[Row]:
    """The layers of a model, in the order in which it applies them.

    Layers of Keras and ours are treated alike. Nested models are walked. An operation that is not known here is taken
    to work element by element if it keeps the shape of its input, and to see everything if it does not.

    Args:
        model: A functional or Sequential model that has been built.

    Raises:
        ValueError: If it has no graph.

    References:
        A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural networks", 2019.

    Example:
        >>> import kerasconv
        >>> table = kerasconv.models.layer_table(kerasconv.models.line_detector(pooling="max"))
        >>> [(row.kind, row.output_shape, row.macs, row.receptive_field) for row in table]
        [('Conv2D', (6, 6, 1), 324, (3, 3)), ('MaxPooling2D', (3, 3, 1), 0, (4, 4))]
    """
    graph = structure.graph(model)
    if graph is None:
        raise ValueError(
            f"layer_table: `model` must be a functional or Sequential model that has been built. "
            f"Received: {type(model).__name__} {getattr(model, 'name', model)!r}."
        )
    walk = _Walk(channel_axis(model))
    walk.run(graph, [walk.input(tensor.shape) for tensor in graph.inputs], "")
    return walk.rows


@dataclass(frozen=True)
class _Tensor:
    """Shape, receptive field and depth of a tensor.

    Attributes:
        shape: Its shape, with the batch.
        axes: For each axis but the batch, the part that it sees of the input along that axis; `None` for channels, and
            where it sees everything.
        sees_all: True if each position sees the whole input, on whatever path.
        depth: Kernels on the longest path to it.
        row: The index of the row whose output it is.
    """

    shape: Shape
    axes: tuple[Reach | None, ...]
    sees_all: bool = False
    depth: int = 0
    row: int = -1


class _Walk:
    """Goes through a graph, and writes a row for each operation."""

    def __init__(self, channel_axis: int):
        self.rows: list[Row] = []
        self._channel_axis = channel_axis
        self._counted: set[int] = set()

    def input(self, shape: Any) -> _Tensor:
        axes: list[Reach | None] = [Reach()] * (len(shape) - 1)
        if axes:
            axes[self._channel_axis] = None
        return _Tensor(tuple(shape), tuple(axes))

    def run(self, graph: keras.Model, inputs: list[_Tensor], prefix: str) -> list[_Tensor]:
        as_built = all(tuple(t.shape) == given.shape for t, given in zip(graph.inputs, inputs, strict=True))

        def visit(node: Any, args: Any, kwargs: Any) -> list[_Tensor]:
            sources = [source for source in keras.tree.flatten((args, kwargs)) if isinstance(source, _Tensor)]
            inner = structure.graph(node.operation)
            if inner is not None:
                return self.run(inner, sources, f"{prefix}{node.operation.name}/")
            shapes = [tuple(tensor.shape) for tensor in node.output_tensors]
            return self._apply(node.operation, sources, shapes if as_built else _inferred(node, args, kwargs), prefix)

        return structure.run_nodes(graph, inputs, visit)

    def _apply(self, layer: Any, sources: list[_Tensor], shapes: list[Shape], prefix: str) -> list[_Tensor]:
        kernels = _kernels(layer)
        depth = max((source.depth for source in sources), default=0) + len(kernels)
        sees_all, outputs = any(source.sees_all for source in sources), []
        for shape in shapes:
            axes = _axes(layer, sources, shape)
            if axes is None:
                sees_all, axes = True, (None,) * (len(shape) - 1)
            outputs.append(_Tensor(shape, axes, sees_all or _mixes_all(layer), depth, len(self.rows)))
        self._add_row(layer, sources, outputs, kernels, prefix)
        return outputs

    def _add_row(
        self, layer: Any, sources: list[_Tensor], outputs: list[_Tensor], kernels: list[Any], prefix: str
    ) -> None:
        first = outputs[0]
        local = [reach for reach in first.axes if reach is not None]
        counted = id(layer) in self._counted or not isinstance(layer, keras.Layer)
        self._counted.add(id(layer))
        sizes = [_product(output.shape[1:]) for output in outputs]
        self.rows.append(
            Row(
                name=prefix + layer.name,
                kind=type(layer).__name__,
                output_shape=first.shape[1:],
                parameters=0 if counted else _count(_without_seeds(layer.weights)),
                trained=0 if counted else _count(layer.trainable_weights),
                macs=_macs(layer, kernels, sources, first),
                receptive_field=tuple(reach.size for reach in local) or None,
                stride=tuple(reach.stride for reach in local) or None,
                global_context=first.sees_all and bool(local),
                depth=first.depth,
                elements=total(sizes),
                layer=layer,
                inputs=tuple(dict.fromkeys(source.row for source in sources)),
            )
        )


def channel_axis(model: keras.Model) -> int:
    """Returns the axis of the channels, not counting the batch, by the first layer that has a data format."""
    formats = (getattr(layer, "data_format", None) for _, layer in structure.walk(model))
    return 0 if next(filter(None, formats), "channels_last") == "channels_first" else -1


def _inferred(node: Any, args: Any, kwargs: Any) -> list[Shape]:
    """Returns the shapes of what a node gives, of a nested model called on another shape than it was built with."""
    dtypes = iter([tensor.dtype for tensor in node.input_tensors])
    symbolic = keras.tree.map_structure(
        lambda x: keras.KerasTensor(x.shape, next(dtypes)) if isinstance(x, _Tensor) else x, (args, kwargs)
    )
    outputs = node.operation.compute_output_spec(*symbolic[0], **symbolic[1])
    return [tuple(t.shape) for t in keras.tree.flatten(outputs)]


def _kernels(layer: Any) -> list[Any]:
    """Returns the kernels of a layer, in order. One number for each channel is a scale, as normalisation has it."""
    if isinstance(layer, SEPARABLE):
        return [layer.depthwise_kernel, layer.pointwise_kernel]
    if isinstance(layer, DEPTHWISE) and math.prod(layer.kernel_size) * layer.depth_multiplier == 1:
        return []
    if isinstance(layer, (CONVOLUTION, DEPTHWISE, TRANSPOSED, *DENSE)):
        return [layer.kernel]
    return [w for w in getattr(layer, "weights", []) if len(w.shape) > 1 and not isinstance(layer, _NO_KERNEL)]


_NO_KERNEL = (keras.layers.PReLU, keras.layers.Embedding, keras.layers.Normalization)


def _macs(layer: Any, kernels: list[Any], sources: list[_Tensor], output: _Tensor) -> int | None:
    if not kernels:
        return 0
    if isinstance(layer, (CONVOLUTION, DEPTHWISE, SEPARABLE, TRANSPOSED)):
        # Each number of a kernel is multiplied once for each position: of the output, or of what is written from.
        positions = _spatial(layer, (sources[0] if isinstance(layer, TRANSPOSED) else output).shape)
    elif isinstance(layer, keras.layers.Dense):
        positions = output.shape[1:-1]
    else:
        return None
    number = _product(positions)
    return None if number is None else number * _count(kernels)


def _spatial(layer: Any, shape: Shape) -> Shape:
    return shape[1:-1] if _data_format(layer) == "channels_last" else shape[2:]


def _data_format(layer: Any) -> str:
    return getattr(layer, "data_format", None) or "channels_last"


def _product(sizes: Shape) -> int | None:
    known = [n for n in sizes if n is not None]
    return math.prod(known) if len(known) == len(sizes) else None


def total(counts: Iterable[int | None]) -> int | None:
    """Returns the sum; `None` if one of the numbers is not known."""
    found = list(counts)
    known = [n for n in found if n is not None]
    return sum(known) if len(known) == len(found) else None


def _count(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def _without_seeds(variables: list[Any]) -> list[Any]:
    return [variable for variable in variables if variable.name != "seed_generator_state"]


def _mixes_all(layer: Any) -> bool:
    """Returns whether a layer that keeps the shape lets each position see all others, by a mean over them."""
    return isinstance(layer, keras.layers.GroupNormalization)


Axes = tuple[Reach | None, ...]


def _axes(layer: Any, sources: list[_Tensor], shape: Shape) -> Axes | None:
    """Returns the reach of each axis of an output; `None` if each position sees everything."""
    if isinstance(layer, (GLOBAL_POOLING, keras.layers.RNN, keras.layers.MultiHeadAttention)):
        return None
    sliding = _sliding(layer)
    if sliding is not None:
        return _slide(layer, sliding, sources)
    kind = type(layer).__name__
    if kind in ("Permute", "Transpose"):
        order = layer.dims if isinstance(layer, keras.layers.Permute) else [axis for axis in layer.axes if axis]
        return tuple(sources[0].axes[axis - 1] for axis in order)
    if isinstance(layer, DENSE) and sources[0].axes[-1] is not None:
        return None
    if kind in ("Reshape", "Flatten", "ExpandDims", "Squeeze"):
        return _reshaped(sources[0], shape)
    return _elementwise(sources, shape)


def _slide(layer: Any, sliding: Callable[..., Sequence[Reach | None]], sources: list[_Tensor]) -> Axes:
    """Returns the reach of each axis behind windows along the spatial axes."""
    first = 0 if _data_format(layer) == "channels_last" else 1
    given = functools.reduce(_meet, (source.axes for source in sources))
    rank = len(given) - 1
    sizes = sources[0].shape[1 + first : 1 + first + rank]
    spatial = given[first : first + rank]
    seen = [None if x is None or y is None else x.then(y) for x, y in zip(spatial, sliding(layer, sizes), strict=True)]
    return (*given[:first], *seen, *given[first + rank :])


def _meet(a: Axes, b: Axes) -> Axes:
    """Returns the reach of each axis where two branches meet; the shorter of two shapes lacks axes in front."""
    missing = (None,) * (len(a) - len(b))
    b, a = (*missing, *b), ((None,) * (len(b) - len(a)) + a if len(b) > len(a) else a)
    return tuple(y if x is None else x if y is None else x.union(y) for x, y in zip(a, b, strict=True))


def _elementwise(sources: list[_Tensor], shape: Shape) -> Axes | None:
    """Returns the reach of each axis of an elementwise operation."""
    if not sources:
        return (None,) * (len(shape) - 1)
    axes = functools.reduce(_meet, (source.axes for source in sources))
    if len(axes) != len(shape) - 1:
        return None
    for i, reach in enumerate(axes):
        sizes = {source.shape[1:][i - len(axes)] for source in sources if len(source.shape) - 1 >= len(axes) - i}
        if reach is not None and shape[1 + i] not in sizes:  # an axis that became shorter or longer
            return None
    return axes


def _reshaped(source: _Tensor, shape: Shape) -> Axes | None:
    """Returns the reach of each axis of a reshaped tensor, of which each must come from at most one spatial axis."""
    result: list[Reach | None] = []
    for before, after in _factors(source.shape[1:], shape[1:]):
        spatial = [(i, reach) for i in before if (reach := source.axes[i]) is not None]
        if not spatial:
            result += [None] * len(after)
        elif len(spatial) > 1:
            return None
        elif len(before) == len(after) == 1:
            result.append(source.axes[before[0]])
        elif spatial[0][0] != before[0]:
            return None
        else:
            axis, reach = spatial[0]
            n, m = source.shape[1 + axis], shape[1 + after[0]] if after else None
            if n is None or m is None:
                return None
            if m >= n:  # channels become positions: each element becomes several
                seen = receptive_field.of_resizing(n, m)
            elif n % m == 0:  # positions become channels
                seen = receptive_field.of_window(n // m, n // m)
            else:
                return None
            result += [reach.then(seen), *[None] * (len(after) - 1)]
    return tuple(result)


def _factors(before: Shape, after: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """Yields the axes of two shapes of a tensor, in groups that hold the same numbers."""
    i = j = 0
    while i < len(before) or j < len(after):
        left, right = [i] if i < len(before) else [], [j] if j < len(after) else []
        i, j = i + len(left), j + len(right)
        if not (left and right and before[left[0]] == after[right[0]]):

            def size(shape: Shape, axes: list[int]) -> int:
                return math.prod(shape[axis] or 1 for axis in axes)

            while size(before, left) != size(after, right) and (i < len(before) or j < len(after)):
                if (size(before, left) < size(after, right) and i < len(before)) or j == len(after):
                    left, i = [*left, i], i + 1
                else:
                    right, j = [*right, j], j + 1
        yield left, right


def _sliding(layer: Any) -> Callable[[Any, Shape], Sequence[Reach | None]] | None:
    """Returns the function for the reach of a layer that slides along its spatial axes; `None` for other layers."""
    for kinds, reaches in _SLIDING.items():
        if isinstance(layer, kinds):
            return reaches
    return None


def _of_convolution(layer: Any, sizes: Shape) -> list[Reach]:
    return _of_windows(
        geometry.window(
            layer.kernel_size, sizes, strides=layer.strides, padding=layer.padding, dilation=layer.dilation_rate
        )
    )


def _of_pooling(layer: Any, sizes: Shape) -> list[Reach]:
    return _of_windows(
        geometry.pool_window(
            layer.pool_size,
            sizes,
            strides=layer.strides,
            padding=layer.padding,
            dilation=getattr(layer, "dilation_rate", 1),
            ceil_mode=getattr(layer, "ceil_mode", False),
        )
    )


def _of_windows(window: geometry.Window) -> list[Reach]:
    pads = (before for before, _ in window.pads)
    return [
        receptive_field.of_window(*axis)
        for axis in zip(window.size, window.strides, window.dilation, pads, strict=True)
    ]


def _of_transposed(layer: Any, sizes: Shape) -> list[Reach]:
    window, _ = geometry.transposed_window(
        layer.kernel_size,
        len(sizes),
        strides=layer.strides,
        padding=layer.padding,
        output_padding=layer.output_padding,
        dilation=layer.dilation_rate,
    )
    return _of_transposed_windows(window)


def _of_unpooling(layer: Any, sizes: Shape) -> list[Reach]:
    return _of_transposed_windows(
        geometry.unpool_window(layer.pool_size, len(sizes), strides=layer.strides, padding=layer.padding)
    )


def _of_transposed_windows(window: geometry.Window) -> list[Reach]:
    crops = (before for before, _ in window.pads)
    return [
        receptive_field.of_transposed(*axis)
        for axis in zip(window.size, window.strides, window.dilation, crops, strict=True)
    ]


def _of_adaptive(layer: Any, sizes: Shape) -> list[Reach | None]:
    positions = layer.output_size if isinstance(layer.output_size, tuple) else (layer.output_size,) * len(sizes)
    return [
        None if n is None else receptive_field.of_shares(n, n if o is None else o)
        for n, o in zip(sizes, positions, strict=True)
    ]


def _of_padding(layer: Any, sizes: Shape) -> list[Reach]:
    pads = geometry.standardize_padding(layer.padding, len(sizes), "layer_table")
    return [receptive_field.of_window(1, before=before) for before, _ in pads]


def _of_cropping(layer: Any, sizes: Shape) -> list[Reach]:
    crops = geometry.standardize_padding(layer.cropping, len(sizes), "layer_table")
    return [receptive_field.of_window(1, before=-before) for before, _ in crops]


def _of_upsampling(layer: Any, sizes: Shape) -> list[Reach]:
    factors = (layer.size,) * len(sizes) if isinstance(layer.size, int) else layer.size
    interpolation = getattr(layer, "interpolation", "nearest")
    return [receptive_field.of_resizing(1, factor, interpolation) for factor in factors]


_SLIDING: dict[Any, Callable[[Any, Shape], Sequence[Reach | None]]] = {
    (CONVOLUTION, DEPTHWISE, SEPARABLE): _of_convolution,
    (POOLING, LpPoolingBase): _of_pooling,
    TRANSPOSED: _of_transposed,
    MaxUnpoolingBase: _of_unpooling,
    ADAPTIVE_POOLING: _of_adaptive,
    (PaddingBase, keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D, keras.layers.ZeroPadding3D): _of_padding,
    (keras.layers.Cropping1D, keras.layers.Cropping2D, keras.layers.Cropping3D): _of_cropping,
    (keras.layers.UpSampling1D, keras.layers.UpSampling2D, keras.layers.UpSampling3D): _of_upsampling,
}
