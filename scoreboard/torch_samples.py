"""PyTorch's sample inputs: what its own test suite draws for each function, outputs and gradients, in float64.

Each function is turned into one call of `kerasconv.ops`, by an adapter with the function's own signature. For
`lp_pool`, of which PyTorch's suite draws no samples, there is a grid of our own against PyTorch's function.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from kerasconv import ops
from scoreboard.verdicts import Verdict, difference, error, failed, passed

METHOD = """\
Every float64 sample of `torch.testing._internal.common_methods_invocations` for these functions (for `lp_pool`,
which has none there, a grid of our own), each translated into one call of `kerasconv.ops`: all outputs, indices
too, and the gradients for input, weight and bias given a random one for the output, to a relative 1e-9."""

RTOL = 1e-9  # beside 1e-12 of the largest number
FIRST = "channels_first"


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,  # we read it off the kernel
) -> Any:
    """`conv1d`, `conv2d`, `conv3d`."""
    return ops.conv(x, _kernel(weight), _axes(stride), _axes(padding), FIRST, _axes(dilation), bias=bias)


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """`conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`."""
    return ops.conv_transpose(
        x,
        _kernel(weight),
        _axes(stride),
        _axes(padding),
        _axes(output_padding),
        FIRST,
        _axes(dilation),
        groups=groups,
        bias=bias,
    )


def max_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d`, `max_pool2d`, `max_pool3d`."""
    return ops.max_pool(
        x,
        _axes(kernel_size),
        _axes(stride),
        _axes(padding),
        FIRST,
        dilation_rate=_axes(dilation),
        ceil_mode=ceil_mode,
        return_indices=return_indices,
    )


def avg_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """`avg_pool1d`, `avg_pool2d`, `avg_pool3d`."""
    return ops.average_pool(
        x,
        _axes(kernel_size),
        _axes(stride),
        _axes(padding),
        FIRST,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        divisor_override=divisor_override,
    )


def lp_pool(x: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """`lp_pool1d`, `lp_pool2d`, `lp_pool3d`."""
    return ops.lp_pool(x, norm_type, _axes(kernel_size), _axes(stride), data_format=FIRST, ceil_mode=ceil_mode)


def max_unpool(
    x: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """`max_unpool1d`, `max_unpool2d`, `max_unpool3d`; the output size may be a whole shape."""
    spatial = None if output_size is None else [int(n) for n in output_size][2 - len(x.shape) :]
    return ops.max_unpool(x, indices, _axes(kernel_size), _axes(stride), _axes(padding), FIRST, output_size=spatial)


def adaptive_avg_pool(x: Any, output_size: Any) -> Any:
    """`adaptive_avg_pool1d`, `adaptive_avg_pool2d`, `adaptive_avg_pool3d`."""
    return ops.adaptive_average_pool(x, _known(output_size, x), FIRST)


def adaptive_max_pool(x: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d`, `adaptive_max_pool2d`, `adaptive_max_pool3d`."""
    return ops.adaptive_max_pool(x, _known(output_size, x), FIRST, return_indices=return_indices)


def pad(x: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """`pad`: pairs for the last axes, the last axis first."""
    pairs = [(int(lo), int(hi)) for lo, hi in zip(pad[::2], pad[1::2], strict=True)]
    return ops.pad(x, [(0, 0)] * (len(x.shape) - len(pairs)) + pairs[::-1], mode, value)


@dataclass(frozen=True)
class Function:
    """A function of PyTorch, and what it is here."""

    adapter: Callable[..., Any]
    rank: int | None  # spatial axes; None where a missing batch axis is nothing special


FUNCTIONS = {
    f"nn.functional.{adapter.__name__}{rank}d": Function(adapter, rank)
    for adapter in (conv, conv_transpose, max_pool, avg_pool, adaptive_avg_pool, adaptive_max_pool, max_unpool, lp_pool)
    for rank in (1, 2, 3)
} | {"nn.functional.pad": Function(pad, None)}


@dataclass(frozen=True)
class Sample:
    """Arguments of one call: `function(input, *args, **kwargs)`."""

    input: Any
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def judge(select: str = "") -> Iterator[Verdict]:
    """A verdict on every sample of every function in `FUNCTIONS`, or of those whose name contains `select`."""
    from torch.testing._internal.common_methods_invocations import op_db

    groups = [(info.name, info.variant_test_name, info) for info in op_db if info.name in FUNCTIONS]
    groups += [(f"nn.functional.lp_pool{rank}d", "", None) for rank in (1, 2, 3)]
    groups.sort(key=lambda group: list(FUNCTIONS).index(group[0]))
    for lacking in sorted(FUNCTIONS.keys() - {name for name, _, _ in groups}):
        yield failed(lacking, lacking, "PyTorch's suite has no samples of this function")
    for name, variant, info in groups:
        subject = f"{name.removeprefix('nn.functional.')} {variant}".strip()
        if select in subject:
            yield from _verdicts(subject, name, info)


def _verdicts(subject: str, name: str, info: Any) -> Iterator[Verdict]:
    import torch

    torch.manual_seed(0)
    if info is None:
        theirs = getattr(torch.nn.functional, name.rpartition(".")[2])
        samples = list(_lp_samples(FUNCTIONS[name].rank))
    else:
        theirs, samples = info, list(info.sample_inputs("cpu", torch.float64, requires_grad=True))
    for index, sample in enumerate(samples):
        case = f"{subject} #{index} {_described(sample)}"
        try:
            gap = _gap(FUNCTIONS[name], theirs, sample)
        except Exception as exception:
            gap = error(exception)
        yield failed(subject, case, gap) if gap else passed(subject, case)


def _gap(function: Function, theirs: Any, sample: Any) -> str | None:
    """Returns the first difference of our result or a gradient from PyTorch's; `None` if there is none."""
    import torch

    def is_leaf(value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value.is_floating_point()

    leaves = [value for value in (sample.input, *sample.args, *sample.kwargs.values()) if is_leaf(value)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same'")  # PyTorch, of its own speed
        expected = _all(theirs(sample.input, *sample.args, **sample.kwargs))
    cotangent = torch.rand_like(expected[0]) + 0.5

    watched = {id(leaf): tf.constant(leaf.detach().numpy()) for leaf in leaves}

    def ours(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return watched[id(value)] if id(value) in watched else tf.constant(value.numpy())
        return value

    single = function.rank is not None and sample.input.ndim == function.rank + 1  # no batch axis
    with tf.GradientTape() as tape:
        tape.watch(list(watched.values()))
        x, *args = map(ours, (sample.input, *sample.args))
        kwargs = {name: ours(value) for name, value in sample.kwargs.items()}
        if single:
            x = x[tf.newaxis]
            if function.adapter is max_unpool:
                args[0] = args[0][tf.newaxis]
        actual = _all(function.adapter(x, *args, **kwargs))
        actual = [y[0] if single else y for y in actual]
    if len(actual) != len(expected):
        return f"{len(actual)} outputs, expected {len(expected)}"
    for index, (y, y_expected) in enumerate(zip(actual, expected, strict=True)):
        gap = _difference(y, y_expected)
        if gap:
            return f"output {index}: {gap}"
    gradients = tape.gradient(actual[0], list(watched.values()), tf.constant(cotangent.numpy()))
    expected_gradients = torch.autograd.grad(expected[0], leaves, cotangent)
    for leaf, dx, dx_expected in zip(leaves, gradients, expected_gradients, strict=True):
        gap = "there is none" if dx is None else _difference(dx, dx_expected)
        if gap:
            return f"gradient for the argument of shape {tuple(leaf.shape)}: {gap}"
    return None


def _difference(actual: Any, expected: Any) -> str | None:
    array = expected.detach().numpy()
    largest = np.abs(array[np.isfinite(array)]).max(initial=1.0)
    return difference(actual, array, RTOL, 1e-12 * largest)


def _lp_samples(rank: int) -> Iterator[Sample]:
    """A grid in sizes that all differ, of positive and of signed numbers, with and without a batch axis.

    Where we mean to differ, a few samples do.
    """
    import torch

    sizes = (7, 6, 5)[:rank]
    kernels = (2, 3) if rank == 1 else (2, (3, 2, 4)[:rank])  # `lp_pool1d` takes an int alone
    strides = (None, 1, (2, 3, 1)[:rank])
    for shape, norm, low, kernel, stride, ceil in itertools.product(
        ((2, 3, *sizes), (3, *sizes)), (1, 2, 2.5, 3, 4), (0.1, -1.0), kernels, strides, (False, True)
    ):
        note = "partial windows" if ceil and _partial(sizes, kernel, stride or kernel) else ""
        if low < 0 and norm % 2:
            note = "signed powers"
        if note and (norm, kernel) != (3, 2):
            continue
        x = torch.rand(shape, dtype=torch.float64) * (1 - low) + low
        yield Sample(x.requires_grad_(), (norm, kernel), {"stride": stride, "ceil_mode": ceil}, note)


def _partial(sizes: Sequence[int], kernel: Any, stride: Any) -> bool:
    """Returns whether `ceil_mode` adds a window: one that starts within the input and ends beyond it."""
    kernels, strides = ((v,) * len(sizes) if isinstance(v, int) else v for v in (kernel, stride))
    return any((n - k) % s and ((n - k) // s + 1) * s < n for n, k, s in zip(sizes, kernels, strides, strict=True))


def _described(sample: Any) -> str:
    """The arguments, with shapes for tensors."""

    def shown(value: Any) -> str:
        return str(tuple(value.shape)) if hasattr(value, "shape") else repr(value)

    named = [f"{name}={shown(value)}" for name, value in sample.kwargs.items()]
    arguments = ", ".join([shown(sample.input), *map(shown, sample.args), *named])
    return f"({arguments}) {getattr(sample, 'note', '')}".strip()


def _all(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def _axes(value: Any) -> Any:
    """PyTorch takes a sequence of one for all axes, and an empty one for the default."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return None if len(value) == 0 else int(value[0]) if len(value) == 1 else tuple(map(int, value))
    return value


def _known(output_size: Any, x: Any) -> Any:
    """`None` stands for the size of the input."""
    if not isinstance(output_size, Sequence):
        return output_size
    return tuple(n if size is None else size for size, n in zip(output_size, x.shape[2:], strict=True))


def _kernel(weight: Any) -> Any:
    """The first two axes last, and exchanged: Keras' layout of PyTorch's kernels."""
    return tf.transpose(weight, [*range(2, len(weight.shape)), 1, 0])
