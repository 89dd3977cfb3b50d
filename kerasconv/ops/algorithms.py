"""Several ways to compute the three operations of a convolution, and algorithms of one's own.

`direct`, `gemm`, `winograd`, `fft` and `native` compute what their names say, and `auto` hands each operation to the
best of them. Each is an `Algorithm`: three functions that run anywhere in TensorFlow. Any object with three methods of
these names can stand in their place, in every layer and operation that has an argument `algorithm`.

None of them defines a gradient: `kerasconv.arithmetic.convolution` does, once for all, by letting the three operations
differentiate each other. So an algorithm that computes a different product trains with the gradients that it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from kerasconv import config
from kerasconv.arithmetic.convolution import Algorithm as Algorithm
from kerasconv.engine.convolution import engine_algorithm, refusal
from kerasconv.engine.problem import problem
from kerasconv.geometry import Size, Window

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "CustomAlgorithm",
    "auto",
    "direct",
    "fft",
    "gemm",
    "native",
    "winograd",
]


class CustomAlgorithm(Protocol):
    """Protocol of objects that `algorithm=` takes: three operations on channels-last tensors of any rank.

    The shapes are `x (N, *S, G C)`, `w (*K, C, G F)`, `y (N, *O, G F)`, with `G` the number of groups. The shape and
    dtype of what an operation returns are checked. float16 and bfloat16 arrive as float32, unless there is an attribute
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
        """Returns `y`, the convolution."""

    def input_gradient(
        self, dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
    ) -> tf.Tensor:
        """Returns `dx`, for an input of spatial sizes `sizes`."""

    def kernel_gradient(self, x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
        """Returns `dw`."""


ALGORITHMS: dict[str, Algorithm] = {name: engine_algorithm(name) for name in config.ALGORITHM_NAMES}

auto = ALGORITHMS["auto"]
direct = ALGORITHMS["direct"]
fft = ALGORITHMS["fft"]
gemm = ALGORITHMS["gemm"]
native = ALGORITHMS["native"]
winograd = ALGORITHMS["winograd"]


def choose(
    caller: str, algorithm: str | Algorithm | CustomAlgorithm, channels: int, window: Window, groups: int
) -> Algorithm:
    """Returns the algorithm that an argument (or the program's setting, see `kerasconv.config`) means.

    Raises:
        ValueError: If there is no such algorithm, or it does not take this convolution.
    """
    asked = _name(config.check_algorithm(algorithm, caller))
    algorithm = _name(config.resolve(asked))
    settings = config.settings()
    if isinstance(algorithm, str) and algorithm not in ("auto", "native"):
        p = problem("forward", None, [None] * window.rank, window, groups, channels // groups, 1)
        reason = refusal(algorithm, p, settings)
        if reason:
            raise ValueError(
                f"{caller}: algorithm={algorithm!r} does not take this convolution: {reason}. Received: "
                f"kernel_size={window.size}, strides={window.strides}, dilation_rate={window.dilation}, "
                f"pads={window.pads}."
            )
    return engine_algorithm(algorithm, settings, by_setting=asked is not algorithm)


def for_one_tap(algorithm: Any) -> Any:
    """Returns the algorithm for the pointwise half of a separable convolution: `"gemm"` for `"winograd"`.

    Of one tap there is nothing to transform.
    """
    return "gemm" if _name(config.resolve(algorithm)) == "winograd" else algorithm


def _name(algorithm: Any) -> Any:
    """Returns the name of one of the algorithms of this module; others unchanged."""
    return next((name for name, ours in ALGORITHMS.items() if ours is algorithm), algorithm)
