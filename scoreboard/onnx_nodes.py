"""ONNX's backend node cases: `onnx.backend.test` draws inputs and expected outputs, one node each.

Each kind of node is turned into one call of `kerasconv.ops`. ONNX is channels first, and so are the calls.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx

from kerasconv import ops
from scoreboard.verdicts import Verdict, difference, error, failed, passed

METHOD = """\
Every case that `onnx.backend.test` makes for these nodes, each translated into one call of `kerasconv.ops`; dtypes
and shapes must be equal, and numbers within the tolerance of the case."""

Attributes = dict[str, Any]
Arrays = Sequence[np.ndarray]


def conv(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`Conv`: kernels are (out, in/groups, *kernel)."""
    x, kernel, *bias = inputs
    window = _window(a, x, kernel.shape[2:])
    return ops.conv(
        x,
        _kernel(kernel),
        window["strides"],
        window["padding"],
        "channels_first",
        window["dilation_rate"],
        bias=bias[0] if bias else None,
    )


def conv_transpose(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`ConvTranspose`: kernels are (in, out/groups, *kernel); a wished output shape is reached by cropping or adding.

    The operator's documentation: `total = stride (n - 1) + output_padding + (k - 1) dilation + 1 - output_shape` cells
    are cropped, the odd one after with SAME_UPPER and before otherwise.
    """
    x, kernel, *bias = inputs
    size = kernel.shape[2:]
    strides, dilation = a.get("strides", [1] * len(size)), a.get("dilations", [1] * len(size))
    extra = list(a.get("output_padding", [0] * len(size)))
    auto_pad = a.get("auto_pad", b"NOTSET")
    wished = a.get("output_shape")
    if wished is None and auto_pad in (b"SAME_UPPER", b"SAME_LOWER"):
        wished = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if wished is None:
        pads = _pairs(a.get("pads", [0] * 2 * len(size)))
    else:
        pads = []
        for axis, (n, s, k, d) in enumerate(zip(x.shape[2:], strides, size, dilation, strict=True)):
            total = s * (n - 1) + extra[axis] + (k - 1) * d + 1 - wished[axis]
            extra[axis] += max(-total, 0)
            less, more = max(total, 0) // 2, max(total, 0) - max(total, 0) // 2
            pads.append((less, more) if auto_pad == b"SAME_UPPER" else (more, less))
    return ops.conv_transpose(
        x,
        _kernel(kernel),
        strides,
        pads,
        extra,
        "channels_first",
        dilation,
        groups=a.get("group", 1),
        bias=bias[0] if bias else None,
    )


def max_pool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`MaxPool`: its indices count the cells of the whole tensor, ours those of one channel of one example."""
    (x,) = inputs
    window = _window(a, x, a["kernel_shape"])
    y = ops.max_pool(
        x,
        a["kernel_shape"],
        **window,
        data_format="channels_first",
        ceil_mode=bool(a.get("ceil_mode", 0)),
        return_indices=outputs > 1,
    )
    if outputs == 1:
        return y
    y, indices = y
    cells = np.unravel_index(np.asarray(indices), x.shape[2:])
    if a.get("storage_order", 0):  # column-major
        cells, sizes = cells[::-1], x.shape[:1:-1]
    else:
        sizes = x.shape[2:]
    channels = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * len(sizes))
    return y, np.ravel_multi_index(cells, sizes) + channels * np.prod(sizes)


def average_pool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`AveragePool`."""
    (x,) = inputs
    return ops.average_pool(
        x,
        a["kernel_shape"],
        **_window(a, x, a["kernel_shape"]),
        data_format="channels_first",
        ceil_mode=bool(a.get("ceil_mode", 0)),
        count_include_pad=bool(a.get("count_include_pad", 0)),
    )


def lp_pool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`LpPool`."""
    (x,) = inputs
    return ops.lp_pool(
        x,
        a.get("p", 2),
        a["kernel_shape"],
        **_window(a, x, a["kernel_shape"]),
        data_format="channels_first",
        ceil_mode=bool(a.get("ceil_mode", 0)),
    )


def max_unpool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`MaxUnpool`: its indices count the cells of the whole tensor that the window alone implies.

    A wished output shape adds cells after them.
    """
    x, indices, *wished = inputs
    size = a["kernel_shape"]
    strides, pads = a.get("strides", [1] * len(size)), _pairs(a.get("pads", [0] * 2 * len(size)))
    implied = [(n - 1) * s - lo - hi + k for n, s, (lo, hi), k in zip(x.shape[2:], strides, pads, size, strict=True)]
    sizes = [int(n) for n in wished[0][2:]] if wished else implied
    cells = np.unravel_index(indices % np.prod(implied), implied)
    return ops.max_unpool(
        x, np.ravel_multi_index(cells, sizes), size, strides, pads, "channels_first", output_size=sizes
    )


def pad(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`Pad`: all widths before, then all after, for some axes or for all."""
    x, widths, *rest = inputs
    value = rest[0].item() if rest and rest[0].size else None
    axes = [axis % x.ndim for axis in rest[1]] if len(rest) > 1 else range(x.ndim)
    pairs = dict(zip(axes, _pairs(widths.tolist()), strict=True))
    return ops.pad(x, [pairs.get(axis, (0, 0)) for axis in range(x.ndim)], a.get("mode", b"constant").decode(), value)


def global_average_pool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`GlobalAveragePool`."""
    return ops.global_average_pool(inputs[0], "channels_first", keepdims=True)


def global_max_pool(a: Attributes, inputs: Arrays, outputs: int) -> Any:
    """`GlobalMaxPool`."""
    return ops.global_max_pool(inputs[0], "channels_first", keepdims=True)


ADAPTERS: dict[str, Callable[[Attributes, Arrays, int], Any]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "MaxUnpool": max_unpool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "Pad": pad,
}


def judge(select: str = "") -> Iterator[Verdict]:
    """A verdict on every case of these nodes, or on those whose name contains `select`."""
    for case in _cases():
        node = case.model.graph.node[0]
        if select in case.name:
            yield _verdict(node, case)


@functools.cache
def _cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases of other operators overflow on purpose
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases(None)  # of all operators
    single = [case for case in cases if len(case.model.graph.node) == 1]
    return [case for case in single if case.model.graph.node[0].op_type in ADAPTERS]


def _verdict(node: onnx.NodeProto, case: Any) -> Verdict:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for inputs, expected in case.data_sets:
        try:
            actual = ADAPTERS[node.op_type](attributes, inputs, len(expected))
        except Exception as exception:
            return failed(node.op_type, case.name, error(exception))
        for name, ours, theirs in zip(node.output, actual if len(expected) > 1 else [actual], expected, strict=True):
            gap = difference(ours, theirs, case.rtol, case.atol)
            if gap:
                return failed(node.op_type, case.name, f"output {name}: {gap}")
    return passed(node.op_type, case.name)


def _window(a: Attributes, x: np.ndarray, size: Sequence[int]) -> dict[str, Any]:
    """Strides, padding and dilation. SAME_UPPER is our "same"; SAME_LOWER has the odd cell before."""
    strides, dilation = a.get("strides", [1] * len(size)), a.get("dilations", [1] * len(size))
    padding: Any = _pairs(a.get("pads", [0] * 2 * len(size)))
    match a.get("auto_pad", b"NOTSET"):
        case b"SAME_UPPER":
            padding = "same"
        case b"VALID":
            padding = "valid"
        case b"SAME_LOWER":
            padding = []
            for n, k, s, d in zip(x.shape[2:], size, strides, dilation, strict=True):
                total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
                padding.append((total - total // 2, total // 2))
    return {"strides": strides, "padding": padding, "dilation_rate": dilation}


def _pairs(pads: Sequence[int]) -> list[tuple[int, int]]:
    """All pads before, then all after, as pairs."""
    half = len(pads) // 2
    return list(zip(pads[:half], pads[half:], strict=True))


def _kernel(kernel: np.ndarray) -> np.ndarray:
    """The first two axes last, and exchanged: Keras' layout of ONNX' and PyTorch's kernels."""
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)
