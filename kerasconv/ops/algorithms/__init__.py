"""Several ways to compute the same three operations of a convolution.

`direct`, `gemm`, `winograd`, `fft` and `native` are modules with the three functions of `Algorithm`, and so is `auto`,
which hands each problem to the best of them. An object of the user's own with these three can stand in their place, in
every layer and operation that has an argument `algorithm`.

A module may have three functions more: `refusal` says why it does not take a convolution, `cost` about how long it
takes, and `workspace` how much memory it needs (see `chunks`).

None of them defines a gradient: `kerasconv.ops.table` does, once for all, by letting them differentiate each other. So
an algorithm that computes a different product trains with the gradients that it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf

from kerasconv import config
from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms import auto, direct, fft, gemm, native, winograd


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


ALGORITHMS: dict[str, Algorithm] = {
    "auto": auto,
    "direct": direct,
    "gemm": gemm,
    "winograd": winograd,
    "fft": fft,
    "native": native,
}


def choose(caller: str, algorithm: str | Algorithm, channels: int, window: Window, groups: int) -> Algorithm:
    """The algorithm that an argument (or the program's setting, see `kerasconv.config`) means.

    Raises:
        ValueError: If there is no such algorithm, or it does not take this convolution.
    """
    algorithm = config.resolve(config.check_algorithm(algorithm, caller))
    if not isinstance(algorithm, str):
        return algorithm
    chosen = ALGORITHMS[algorithm]
    refusal = getattr(chosen, "refusal", None)
    reason = refusal and refusal(window, groups, channels // groups)
    if reason:
        raise ValueError(
            f"{caller}: algorithm={algorithm!r} does not take this convolution: {reason}. Received: "
            f"kernel_size={window.size}, strides={window.strides}, dilation_rate={window.dilation}, pads={window.pads}."
        )
    return chosen
