"""Arguments of layers: what they mean, written once for the docstrings of all, and checks of them."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import keras

from kerasconv import geometry

_Layer = TypeVar("_Layer", bound=type)

_COMMON = """
filters: Number of output channels.
kernel_size: Size of the kernel: one int for all spatial axes, or one per axis.
strides: Step of the window: one int for all spatial axes, or one per axis. Goes together with `dilation_rate`.
padding: `"valid"`, `"same"`, in one dimension `"causal"`; or, beyond stock Keras, the elements to add: one int for
    every side, one int per axis, or one `(before, after)` pair per axis.
data_format: `"channels_last"` or `"channels_first"`, either on a CPU too; `None` takes Keras' setting.
dilation_rate: Distance between neighbouring taps of the window: one int for all spatial axes, or one per axis.
groups: Number of groups into which the channels are divided. Groups train on a CPU, too.
depth_multiplier: Number of output channels for each input channel, before any pointwise convolution.
activation: Activation function, or its name in Keras; `None` for none.
use_bias: Whether to add a bias.
padding_mode: What `padding` adds: `"constant"`, or by elements of the input `"reflect"`, `"symmetric"`, `"replicate"`
    or `"circular"`; see `kerasconv.ops.pad`.
padding_value: The value that is added in the mode `"constant"`.
flip_kernel: Whether to flip the kernel: the mathematician's convolution instead of cross-correlation.
algorithm: `"auto"`, `"direct"`, `"gemm"`, `"winograd"`, `"fft"`, `"native"`, or an object of your own; see
    `kerasconv.ops.conv` and `kerasconv.ops.algorithms`.
propagate_mask: Whether to pass the mask of a sequence on, with one spatial axis; stock Keras drops it.
output_padding: Elements by which to lengthen the output at its end: an int, one per axis, or `None` for what Keras
    makes of the padding; see `kerasconv.ops.conv_transpose`.
pool_size: Size of the window: one int for all spatial axes, or one per axis.
ceil_mode: Whether elements at the end that the stride would leave out get a window of their own; see
    `kerasconv.ops.max_pool`.
ties: Who gets the gradient where several elements of a window are the largest: `"first"`, `"all"` or `"split"`; see
    `kerasconv.ops.max_pool`.
return_indices: Whether to return where the maxima are, too; see `kerasconv.ops.max_pool`.
count_include_pad: Whether padding counts as zeros; see `kerasconv.ops.average_pool`.
divisor_override: What to divide the sums by, instead of the number of elements.
norm_type: The order `p` of the norm, at least 1; `math.inf` for the largest magnitude.
output_size: Number of windows along each axis: one int for all spatial axes, or one per axis.
keepdims: Whether to keep the spatial axes, with size 1.
mode: What to add: `"constant"`, or by elements of the input `"reflect"`, `"symmetric"`, `"replicate"` or
    `"circular"`; see `kerasconv.ops.pad`.
value: The value to add in the mode `"constant"`.
name: Name of the layer.
kwargs: What every Keras layer takes: `dtype`, `trainable`, and `name` where it is not listed.
activity_regularizer: Regularizer of the output.
"""


def _parsed(text: str) -> dict[str, str]:
    """Returns a table of arguments, a `name: meaning` each, whose meanings go on in indented lines."""
    entries = re.split(r"\n(?=\S)", textwrap.dedent(text).strip())
    return dict(" ".join(entry.split()).split(": ", 1) for entry in entries if entry)


ARGUMENTS = _parsed(_COMMON)
"""The meaning of each argument. A family of layers adds others in `_argument_docs`, and its errors in `_error_docs`."""

for _weight, _of in (
    ("kernel", "kernel"),
    ("bias", "bias"),
    ("depthwise", "depthwise kernel"),
    ("pointwise", "pointwise kernel"),
):
    ARGUMENTS[f"{_weight}_initializer"] = f"Initializer of the {_of}."
    ARGUMENTS[f"{_weight}_regularizer"] = f"Regularizer of the {_of}."
    ARGUMENTS[f"{_weight}_constraint"] = f"Constraint on the {_of}."


def public_layer(layer: _Layer) -> _Layer:
    """Registers a layer with Keras, and puts its arguments into its docstring."""
    layer.__doc__ = _with_arguments(layer)
    registered: _Layer = keras.saving.register_keras_serializable(package="kerasconv")(layer)
    return registered


def _with_arguments(layer: type) -> str:
    """Returns the docstring of a layer with its arguments and errors in front of its example."""
    meaning = ARGUMENTS | _parsed(getattr(layer, "_argument_docs", ""))
    lines = ["Args:"]
    for name, parameter in inspect.signature(layer).parameters.items():
        stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
        lines += _wrapped(f"{stars}{name}: {meaning[name]}")
    lines += ["", "Raises:", *_wrapped(f"ValueError: {getattr(layer, '_error_docs', 'If an argument is malformed.')}")]
    before, example, after = inspect.cleandoc(layer.__doc__ or "").partition("Example:\n")
    return before + "\n".join(lines) + f"\n\n{example}{after}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 116, initial_indent="    ", subsequent_indent="        ")


def caller(layer: Any) -> str:
    """Returns what a layer is called in errors."""
    return f"{type(layer).__name__} layer '{layer.name}'"


def given(scope: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a constructor from its `locals()`, those in `**kwargs` included."""
    arguments = {name: value for name, value in scope.items() if name not in ("self", "__class__", "kwargs")}
    return arguments | scope["kwargs"]


def check_ints(layer: Any, arguments: dict[str, Any], *names: str) -> None:
    """Raises unless the arguments of these names are ints, or sequences of ints: the rest is for stock Keras to check.

    Raises:
        ValueError: If one is something else.
    """
    for name in names:
        value = arguments.get(name)
        sequence = hasattr(value, "__iter__") and not isinstance(value, str)
        if value is not None and not all(map(geometry.is_int, value if sequence else [value])):
            raise ValueError(
                f"{_unfinished(layer, arguments)}: `{name}` must be an int, or ints where there may be one for "
                f"each axis. Received: {name}={value!r}."
            )


def plain_ints(value: Any) -> Any:
    """Returns ints of NumPy, one or several, as Python's, since stock Keras knows no others; the rest unchanged."""
    if geometry.is_int(value):
        return int(value)
    several = hasattr(value, "__len__") and hasattr(value, "__iter__") and not isinstance(value, str | dict)
    return tuple(map(int, value)) if several and len(value) and all(map(geometry.is_int, value)) else value


def check_scalar_ints(layer: Any, arguments: dict[str, Any], *names: str) -> None:
    """Raises unless the arguments of these names, if there are any, are ints; whether they are positive, Keras checks.

    Raises:
        ValueError: If one is something else, or has more than 31 bits.
    """
    for name in names:
        if name in arguments and not (geometry.is_int(arguments[name]) and arguments[name] < 2**31):
            raise ValueError(
                f"{_unfinished(layer, arguments)}: `{name}` must be an int, from 1 to 2147483647. "
                f"Received: {name}={arguments[name]!r}."
            )


@contextmanager
def stock_checks(layer: Any, arguments: dict[str, Any]) -> Iterator[None]:
    """Puts the layer's name in front of what stock Keras says of malformed arguments."""
    try:
        yield
    except (ValueError, TypeError) as error:
        called = _unfinished(layer, arguments)
        if type(error) not in (ValueError, TypeError) or str(error).startswith(type(layer).__name__):
            raise
        raise type(error)(f"{called}: {error}") from error


def _unfinished(layer: Any, arguments: dict[str, Any]) -> str:
    """Returns what a layer is called in errors while it is being constructed."""
    return f"{type(layer).__name__} layer" + (f" '{arguments['name']}'" if arguments.get("name") else "")
