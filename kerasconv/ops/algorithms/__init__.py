"""Several ways to compute the same three operations of a convolution.

An algorithm is a module (or any object) with three functions over channels-last tensors, of any rank:

- `forward(x, w, window, groups) -> y`
- `input_gradient(dy, w, window, groups, sizes) -> dx`, with `sizes` the spatial sizes of `x`
- `kernel_gradient(x, dy, window, groups) -> dw`

with `x (N, *S, G C)`, `w (*K, C, G F)`, `y (N, *O, G F)`; `G` is the number of groups. Each is linear in both of its
tensors. None of them defines a gradient: `kerasconv.ops.conv` does, once for all. float16 and bfloat16 arrive as
float32, unless the algorithm says `KEEPS_HALF_PRECISION = True`.
"""

from __future__ import annotations

from types import ModuleType

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Window
from kerasconv.ops.algorithms import direct, gemm, native

ALGORITHMS: dict[str, ModuleType] = {"direct": direct, "gemm": gemm, "native": native}

# Columns of im2col above this size (in bytes) are not worth their memory.
_LARGEST_COLUMNS = 512 * 2**20


def choose(
    caller: str, name: str, x_shape: tf.TensorShape, w_shape: tf.TensorShape, window: Window, groups: int
) -> ModuleType:
    """The algorithm that `name` (or the program's setting, see `kerasconv.config`) means for these static shapes.

    `"auto"` takes `gemm` where a group has so few input channels (fewer than 8) that the products of single taps would
    be thin, and `direct` elsewhere: for depthwise convolutions, and where the columns would take over half a gigabyte.
    It never takes `native`. The figure 8 was measured on two cores, `python -m benchmarks`.

    Raises:
        ValueError: If there is no such algorithm.
    """
    name = config.resolve(config.check_algorithm(name, caller))
    if name != "auto":
        return ALGORITHMS[name]
    channels = x_shape[-1] // groups
    if channels >= 8 or (channels == 1 and groups > 1):
        return direct
    output = window.output([n if isinstance(n, int) else None for n in x_shape[1:-1]])
    cells = tf.TensorShape([x_shape[0], *[o if isinstance(o, int) else None for o in output]]).num_elements() or 0
    columns = 4 * cells * w_shape[:-2].num_elements() * x_shape[-1]
    return direct if columns > _LARGEST_COLUMNS else gemm
