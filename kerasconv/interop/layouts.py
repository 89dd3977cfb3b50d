"""Layouts of the weights of Keras layers in the equivalent PyTorch modules.

A layout is a list of steps from Keras to PyTorch. The conversion to Keras undoes them in reverse. PyTorch has the
channels first, and in a kernel the output channels before the input channels:

| layer | Keras | PyTorch |
|---|---|---|
| convolution | `(*kernel, in / groups, out)` | `(out, in / groups, *kernel)` |
| transposed convolution | `(*kernel, out / groups, in)` | `(in, out / groups, *kernel)` |
| depthwise convolution | `(*kernel, in, multiplier)` | `(in * multiplier, 1, *kernel)`, with `groups=in` |
| dense | `(in, out)` | `(out, in)` |

A separable convolution is two modules in PyTorch. When a feature map is flattened, Keras orders the features by
position and PyTorch by channel, so the weights of the next layer must be reordered.
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
    """A permutation of the axes."""

    axes: tuple[int, ...]

    def do(self, x: Array) -> Array:
        """Forwards."""
        return x.transpose(self.axes)

    def undo(self, x: Array) -> Array:
        """Backwards."""
        return x.transpose(np.argsort(self.axes))


class Reshape(NamedTuple):
    """A change of shape."""

    before: Shape
    after: Shape

    def do(self, x: Array) -> Array:
        """Forwards."""
        return x.reshape(self.after)

    def undo(self, x: Array) -> Array:
        """Backwards."""
        return x.reshape(self.before)


class Flip(NamedTuple):
    """A reversal of axes, which is its own inverse."""

    axes: tuple[int, ...]

    def do(self, x: Array) -> Array:
        """Forwards."""
        return np.flip(x, self.axes)

    def undo(self, x: Array) -> Array:
        """Backwards, which is the same."""
        return self.do(x)


Steps: TypeAlias = tuple[Transpose | Reshape | Flip, ...]


@dataclass(frozen=True)
class Parameter:
    """A tensor of a PyTorch module, and its counterpart in the Keras layer.

    Attributes:
        variable: The variable of the layer; `None` if the layer has none, which is the same as one filled with
            `neutral`.
        shape: The tensor's shape in PyTorch.
        steps: The steps from the variable to the tensor.
        neutral: The value that has no effect; see `variable`.
    """

    variable: keras.Variable | None
    shape: Shape
    steps: Steps = ()
    neutral: Any = None

    def to_torch(self) -> Array:
        """Returns the tensor for PyTorch."""
        if self.variable is None:
            return np.broadcast_to(self.neutral, self.shape).copy()
        x = keras.ops.convert_to_numpy(self.variable)
        for step in self.steps:
            x = step.do(x)
        return np.ascontiguousarray(x)

    def to_keras(self, x: Array) -> Array:
        """Converts a tensor of PyTorch to the value of the variable."""
        for step in reversed(self.steps):
            x = step.undo(x)
        return x


def parameters(layer: keras.Layer, flattened: Shape | None) -> dict[str, Parameter] | None:
    """Returns the tensors of the PyTorch module, or of the two modules, equivalent to a layer.

    Args:
        layer: A layer that has been built.
        flattened: The shape that was flattened to the layer's features, without the batch and with the channels last;
            `None` if the features have the same order in both.

    Returns:
        The tensors by name, with the prefixes `depthwise` and `pointwise` for a separable convolution. `None` if there
        is no layout for one of the layer's weights.
    """
    weights = {weight.name: weight for weight in structure.own_weights(layer)}
    layout = next((layout for kinds, layout in _LAYOUTS if isinstance(layer, kinds)), None)
    found = {} if layout is None else layout(layer, weights, flattened)
    used = {id(parameter.variable) for parameter in found.values()}
    return found if all(id(weight) in used for weight in weights.values()) else None


def channel_axis(layer: Any) -> int | None:
    """Returns the axis of the channels in a layer's output; `None` if PyTorch has the axes in the same order."""
    if getattr(layer, "data_format", None) == "channels_last":
        return -1
    norms = (keras.layers.BatchNormalization, keras.layers.GroupNormalization)
    return layer.axis if isinstance(layer, norms) else None


def channels_first(flattened: Shape) -> Steps:
    """Returns the steps from features ordered by position to features ordered by channel."""
    *size, channels = flattened
    flat = (int(np.prod(flattened)),)
    axes = (len(size), *range(len(size)))
    return Reshape(flat, flattened), Transpose(axes), Reshape((channels, *size), flat)


_Weights: TypeAlias = dict[str, keras.Variable]


def _parameter(variable: keras.Variable, *steps: Transpose | Reshape | Flip) -> Parameter:
    shape = np.empty(variable.shape, "bool")
    for step in steps:
        shape = step.do(shape)
    return Parameter(variable, shape.shape, steps)


def _optional(weights: _Weights, name: str, torch_name: str, *steps: Any) -> dict[str, Parameter]:
    return {torch_name: _parameter(weights[name], *steps)} if name in weights else {}


def _kernel(layer: Any, kernel: keras.Variable) -> Steps:
    """Returns the steps for a plain or transposed convolution: the last two axes first, in reverse order."""
    rank = len(kernel.shape) - 2
    flip = (Flip(tuple(range(rank))),) if getattr(layer, "flip_kernel", False) else ()
    return *flip, Transpose((rank + 1, rank, *range(rank)))


def _depthwise_kernel(layer: Any, kernel: keras.Variable) -> Steps:
    *size, channels, multiplier = kernel.shape
    rank = len(size)
    flip = (Flip(tuple(range(rank))),) if getattr(layer, "flip_kernel", False) else ()
    first = Transpose((rank, rank + 1, *range(rank)))
    return *flip, first, Reshape((channels, multiplier, *size), (channels * multiplier, 1, *size))


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
    """Returns scale and shift. PyTorch has both of them or none."""
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
