"""Several ways to compute the same three operations of a convolution.

`direct`, `gemm` and `native` are modules with the three functions of `Algorithm`. An object of the user's own with
these three can stand in their place, in every layer and operation that has an argument `algorithm`.

None of them defines a gradient: `kerasconv.ops.table` does, once for all, by letting them differentiate each other. So
an algorithm that computes a different product trains with the gradients that it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms import direct, gemm, native


class Algorithm(Protocol):
    """Three operations on channels-last tensors of any rank: what `algorithm=` takes beside the names.

    The shapes are `x (N, *S, G C)`, `w (*K, C, G F)`, `y (N, *O, G F)`, with `G` the number of groups. Ours are linear
    in both of their tensors. float16 and bfloat16 arrive as float32, unless there is an attribute
    `KEEPS_HALF_PRECISION` that is true. To be saved with a layer, an object must be one that Keras can serialise: of a
    class with `get_config` and `from_config`, registered by `keras.saving.register_keras_serializable`.

    Example:
        A straight-through estimator: the product sees the kernel's signs, and the gradient goes to the kernel itself.

        >>> import kerasconv, numpy as np
        >>> from kerasconv.ops.algorithms import direct
        >>> class Binary:
        ...     def forward(self, x, w, window, groups):
        ...         return direct.forward(x, tf.sign(w), window, groups)
        ...     def input_gradient(self, dy, w, window, groups, sizes):
        ...         return direct.input_gradient(dy, tf.sign(w), window, groups, sizes)
        ...     def kernel_gradient(self, x, dy, window, groups):
        ...         return direct.kernel_gradient(x, dy, window, groups)
        >>> kernel = np.float32([0.3, -2.5]).reshape(2, 1, 1)
        >>> kerasconv.ops.conv(np.float32([[[1], [2], [4]]]), kernel, algorithm=Binary())[0, :, 0].numpy()
        array([-1., -2.], dtype=float32)
    """

    def forward(self, x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """`y`, the convolution."""

    def input_gradient(
        self, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
    ) -> tf.Tensor:
        """`dx`, for an input of spatial sizes `sizes`."""

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """`dw`."""


ALGORITHMS: dict[str, Algorithm] = {"direct": direct, "gemm": gemm, "native": native}

# Columns of im2col above this size (in bytes) are not worth their memory.
_LARGEST_COLUMNS = 512 * 2**20


def choose(
    caller: str,
    algorithm: str | Algorithm,
    x_shape: tf.TensorShape,
    w_shape: tf.TensorShape,
    window: Window,
    groups: int,
) -> Algorithm:
    """The algorithm that an argument (or the program's setting, see `kerasconv.config`) means for these static shapes.

    `"auto"` takes `gemm` where a group has so few input channels (fewer than 8) that the products of single taps would
    be thin, and `direct` elsewhere: for depthwise convolutions, and where the columns would take over half a gigabyte.
    It never takes `native`. The figure 8 was measured on two cores, `python -m benchmarks`.

    Raises:
        ValueError: If there is no such algorithm.
    """
    algorithm = config.resolve(config.check_algorithm(algorithm, caller))
    if not isinstance(algorithm, str):
        return algorithm
    if algorithm != "auto":
        return ALGORITHMS[algorithm]
    channels = x_shape[-1] // groups
    if channels >= 8 or (channels == 1 and groups > 1):
        return direct
    output = window.output([n if isinstance(n, int) else None for n in x_shape[1:-1]])
    cells = tf.TensorShape([x_shape[0], *[o if isinstance(o, int) else None for o in output]]).num_elements() or 0
    columns = 4 * cells * w_shape[:-2].num_elements() * x_shape[-1]
    return direct if columns > _LARGEST_COLUMNS else gemm
