"""Our layers, those of Keras, and `tf.nn`: the same call around all three, and TensorFlow's tape for gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

import kerasconv.layers
from benchmarks.data import Data
from benchmarks.shapes import Conv, Pool


def prepare(name: str, data: Data, mode: str, direction: str) -> Callable[[], Any]:
    """Returns a function that computes one direction of a case in one mode, by our layer, Keras' layer or `tf.nn`.

    In a graph a gradient is asked for alone, and the rest is pruned. Eagerly the tape has run forward beforehand.
    """
    x, dy = (tf.constant(data.laid_out(array)) for array in (data.x, data.dy))
    function, kernel = tf_nn(data) if name == "tf.nn" else layer(name, data)
    if direction == "forward":
        call, arguments = function, (x,)
    else:
        targets = {
            "input_gradient": lambda x: x,
            "kernel_gradient": lambda x: kernel,
            "both_gradients": lambda x: [x, kernel],
        }[direction]
        if mode == "eager":
            tape, y = taped(function, x, targets(x), persistent=True)
            return lambda: tape.gradient(y, targets(x), dy)

        def gradient(x: tf.Tensor, dy: tf.Tensor) -> Any:
            tape, y = taped(function, x, targets(x))
            return tape.gradient(y, targets(x), dy)

        call, arguments = gradient, (x, dy)
    if mode != "eager":
        call = tf.function(call, jit_compile=mode == "xla", autograph=False)
    return lambda: call(*arguments)


def taped(function: Any, x: tf.Tensor, targets: Any, persistent: bool = False) -> tuple[tf.GradientTape, tf.Tensor]:
    """A tape that has seen what the function makes of its input, and that."""
    tape = tf.GradientTape(persistent, watch_accessed_variables=False)
    with tape:
        tape.watch(targets)
        return tape, function(x)


def layer(name: str, data: Data) -> tuple[Callable[[tf.Tensor], tf.Tensor], tf.Variable | None]:
    """A layer that holds the kernel of a case, and the kernel; Keras', or ours with the algorithm of this name."""
    case = data.case
    house = keras.layers if name == "keras" else kerasconv.layers
    options: dict[str, Any] = {} if name == "keras" else {"algorithm": name}
    options |= {"padding": case.padding, "data_format": case.data_format, "dtype": case.dtype, "name": "case"}
    strides = case.strides if len(set(case.strides)) > 1 else case.strides[0]
    if isinstance(case, Pool):
        kind = "MaxPooling" if case.operation == "max" else "AveragePooling"
        pooling = getattr(house, f"{kind}{case.rank}D")(case.size, strides, **options)
        pooling.build(data.laid_out(data.x).shape)
        return pooling, None
    options |= {"strides": strides, "use_bias": False, "dilation_rate": case.dilation}
    if case.depthwise:
        made = getattr(house, f"DepthwiseConv{case.rank}D")(case.size, **options)
    else:
        kind = f"Conv{case.rank}D{'Transpose' if case.transposed else ''}"
        options |= {"groups": case.groups} if case.groups > 1 else {}
        made = getattr(house, kind)(case.filters, case.size, **options)
    made.build(data.laid_out(data.x).shape)
    made.set_weights([data.w.reshape(made.kernel.shape)])
    return made, made.kernel.value


def tf_nn(data: Data) -> tuple[Callable[[tf.Tensor], tf.Tensor], tf.Variable | None]:
    """TensorFlow's function for a case, and its kernel."""
    case, padding = data.case, data.case.padding.upper()
    letters = "DHW"[-case.rank :] if case.rank != 1 else "W"
    layout = f"NC{letters}" if case.data_format == "channels_first" else f"N{letters}C"
    if isinstance(case, Pool):
        kind = "MAX" if case.operation == "max" else "AVG"
        return lambda x: tf.nn.pool(x, case.size, kind, case.strides, padding, layout), None
    kernel = tf.Variable(depthwise_kernel(data) if case.depthwise else data.w)
    if case.depthwise:
        steps = (1, *case.strides, 1)
        return lambda x: tf.nn.depthwise_conv2d(x, kernel, steps, padding, layout, [case.dilation] * 2), kernel
    if case.transposed:
        return lambda x: tf.nn.conv_transpose(x, kernel, case.y, case.strides, padding, layout), kernel
    return lambda x: tf.nn.convolution(x, kernel, case.strides, padding, layout, case.dilation), kernel


def depthwise_kernel(data: Data) -> Any:
    """The kernel of a depthwise case as TensorFlow wants it: `(*size, channels, multiplier)`."""
    case: Conv = data.case
    return data.w.reshape(*case.size, case.groups, math.prod(case.w[-2:]) // case.groups)
