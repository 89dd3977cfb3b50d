"""How the weights of a Keras layer lie in the PyTorch module that does the same.

A layout is written once, as steps from Keras to PyTorch; the way back undoes them in reverse. PyTorch has the channels
first, and in a kernel the output channels before the input channels:

| layer | Keras | PyTorch |
|---|---|---|
| convolution | `(*kernel, in / groups, out)` | `(out, in / groups, *kernel)` |
| transposed convolution | `(*kernel, out / groups, in)` | `(in, out / groups, *kernel)` |
| depthwise convolution | `(*kernel, in, multiplier)` | `(in * multiplier, 1, *kernel)`, with `groups=in` |
| dense | `(in, out)` | `(out, in)` |

A separable convolution is two modules there. Where a feature map was flattened, Keras counts the features cell by cell
and PyTorch channel by channel: what follows has its features in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np

import kerasconv.layers
from kerasconv import structure

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]


class Transpose(NamedTuple):
    """Other axes first."""

    axes: tuple[int, ...]

    def do(self, x: Array) -> Array:
        """Forwards."""
        return x.transpose(self.axes)

    def undo(self, x: Array) -> Array:
        """Backwards."""
        return x.transpose(np.argsort(self.axes))


class Reshape(NamedTuple):
    """The same numbers in another shape."""

    before: Shape
    after: Shape

    def do(self, x: Array) -> Array:
        """Forwards."""
        return x.reshape(self.after)

    def undo(self, x: Array) -> Array:
        """Backwards."""
        return x.reshape(self.before)


class Mirror(NamedTuple):
    """Axes turned round, which is its own reverse."""

    axes: tuple[int, ...]

    def do(self, x: Array) -> Array:
        """Forwards."""
        return np.flip(x, self.axes)

    def undo(self, x: Array) -> Array:
        """Backwards, which is the same."""
        return self.do(x)


Steps: TypeAlias = tuple[Transpose | Reshape | Mirror, ...]


@dataclass(frozen=True)
class Parameter:
    """A tensor of a PyTorch module, and where its numbers stand in the Keras layer.

    Attributes:
        variable: The variable of the layer; `None` if the layer does without, as if it were `neutral` throughout.
        shape: The tensor's shape in PyTorch.
        steps: From the variable to the tensor.
        neutral: See `variable`.
    """

    variable: keras.Variable | None
    shape: Shape
    steps: Steps = ()
    neutral: Any = None

    def to_torch(self) -> Array:
        """The tensor."""
        if self.variable is None:
            return np.broadcast_to(self.neutral, self.shape).copy()
        x = keras.ops.convert_to_numpy(self.variable)
        for step in self.steps:
            x = step.do(x)
        return np.ascontiguousarray(x)

    def to_keras(self, x: Array) -> Array:
        """What the variable must hold for the tensor to be `x`."""
        for step in reversed(self.steps):
            x = step.undo(x)
        return x


def parameters(layer: keras.Layer, flattened: Shape | None) -> dict[str, Parameter] | None:
    """The tensors of the module, or of the two modules, that do in PyTorch what a layer does in Keras.

    Args:
        layer: A layer that has been built.
        flattened: The shape, without the batch and with the channels last, that was flattened to the layer's features;
            `None` if they are in the same order on both sides.

    Returns:
        The tensors by their names in the module; of a separable convolution in the modules `depthwise` and `pointwise`.
        `None` if no layout is known for all of the layer's weights.
    """
    weights = {weight.name: weight for weight in structure.own_weights(layer)}
    layout = next((layout for kinds, layout in _LAYOUTS if isinstance(layer, kinds)), None)
    found = {} if layout is None else layout(layer, weights, flattened)
    used = {id(parameter.variable) for parameter in found.values()}
    return found if all(id(weight) in used for weight in weights.values()) else None


def channel_axis(layer: Any) -> int | None:
    """The axis of the channels in the output of a layer; `None` if PyTorch has the axes in the same order."""
    if getattr(layer, "data_format", None) == "channels_last":
        return -1
    norms = (keras.layers.BatchNormalization, keras.layers.GroupNormalization)
    return layer.axis if isinstance(layer, norms) else None


def channels_first(flattened: Shape) -> Steps:
    """From features counted cell by cell to features counted channel by channel."""
    *size, channels = flattened
    cells = (int(np.prod(flattened)),)
    axes = (len(size), *range(len(size)))
    return Reshape(cells, flattened), Transpose(axes), Reshape((channels, *size), cells)


_Weights: TypeAlias = dict[str, keras.Variable]


def _parameter(variable: keras.Variable, *steps: Transpose | Reshape | Mirror) -> Parameter:
    shape = np.empty(variable.shape, "bool")
    for step in steps:
        shape = step.do(shape)
    return Parameter(variable, shape.shape, steps)


def _optional(weights: _Weights, name: str, torch_name: str, *steps: Any) -> dict[str, Parameter]:
    return {torch_name: _parameter(weights[name], *steps)} if name in weights else {}


def _kernel(layer: Any, kernel: keras.Variable) -> Steps:
    """Of a convolution, plain or transposed: the last two axes first, in reverse."""
    rank = len(kernel.shape) - 2
    mirror = (Mirror(tuple(range(rank))),) if getattr(layer, "flip_kernel", False) else ()
    return *mirror, Transpose((rank + 1, rank, *range(rank)))


def _depthwise_kernel(layer: Any, kernel: keras.Variable) -> Steps:
    *size, channels, multiplier = kernel.shape
    rank = len(size)
    mirror = (Mirror(tuple(range(rank))),) if getattr(layer, "flip_kernel", False) else ()
    first = Transpose((rank, rank + 1, *range(rank)))
    return *mirror, first, Reshape((channels, multiplier, *size), (channels * multiplier, 1, *size))


def _convolution(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    kernel = weights["kernel"]
    return {"weight": _parameter(kernel, *_kernel(layer, kernel))} | _optional(weights, "bias", "bias")


def _depthwise(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    kernel = weights["kernel"]
    return {"weight": _parameter(kernel, *_depthwise_kernel(layer, kernel))} | _optional(weights, "bias", "bias")


def _separable(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    depthwise, pointwise = weights["depthwise_kernel"], weights["pointwise_kernel"]
    return {
        "depthwise.weight": _parameter(depthwise, *_depthwise_kernel(layer, depthwise)),
        "pointwise.weight": _parameter(pointwise, *_kernel(layer, pointwise)),
    } | _optional(weights, "bias", "pointwise.bias")


def _dense(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    kernel = weights["kernel"]
    steps: Steps = (Transpose((1, 0)),)
    if flattened is not None:
        units, rank = kernel.shape[1], len(flattened)
        steps = (
            Reshape(tuple(kernel.shape), (*flattened, units)),
            Transpose((rank, rank - 1, *range(rank - 1))),
            Reshape((units, flattened[-1], *flattened[:-1]), (units, kernel.shape[0])),
        )
    return {"weight": _parameter(kernel, *steps)} | _optional(weights, "bias", "bias")


def _scaled(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    """Scale and shift, which PyTorch has both or not at all."""
    steps = () if flattened is None else channels_first(flattened)
    names = {"weight": ("gamma", 1.0), "bias": ("beta", 0.0)}
    present = [weights[name] for name, _ in names.values() if name in weights]
    return {
        torch_name: _parameter(weights[name], *steps)
        if name in weights
        else Parameter(None, tuple(present[0].shape), neutral=np.asarray(neutral, present[0].dtype))
        for torch_name, (name, neutral) in names.items()
        if present
    }


def _batch_normalization(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    steps = () if flattened is None else channels_first(flattened)
    return _scaled(layer, weights, flattened) | {
        "running_mean": _parameter(weights["moving_mean"], *steps),
        "running_var": _parameter(weights["moving_variance"], *steps),
        "num_batches_tracked": Parameter(None, (), neutral=np.int64(0)),
    }


def _embedding(layer: Any, weights: _Weights, flattened: Shape | None) -> dict[str, Parameter]:
    return {"weight": _parameter(weights["embeddings"])}


_LAYOUTS: tuple[tuple[tuple[type, ...], Callable[..., dict[str, Parameter]]], ...] = (
    (
        (
            keras.layers.Conv1D,
            keras.layers.Conv2D,
            keras.layers.Conv3D,
            keras.layers.Conv1DTranspose,
            keras.layers.Conv2DTranspose,
            keras.layers.Conv3DTranspose,
        ),
        _convolution,
    ),
    ((keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D, kerasconv.layers.DepthwiseConv3D), _depthwise),
    ((keras.layers.SeparableConv1D, keras.layers.SeparableConv2D), _separable),
    ((keras.layers.Dense,), _dense),
    ((keras.layers.BatchNormalization,), _batch_normalization),
    ((keras.layers.LayerNormalization, keras.layers.GroupNormalization), _scaled),
    ((keras.layers.Embedding,), _embedding),
)
