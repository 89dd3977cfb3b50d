"""Convolution and pooling as pure functions on tensors, with their gradients, for any number of spatial axes.

Names and arguments are those of `keras.ops`, extended by keyword-only arguments. Every operation is written in
TensorFlow operations under `tf.custom_gradient`, and runs eagerly, in `tf.function` and under XLA.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.ops")

from kerasconv.ops import algorithms
from kerasconv.ops.conv import (
    conv,
    conv_input_gradient,
    conv_kernel_gradient,
    conv_transpose,
    depthwise_conv,
    separable_conv,
)
from kerasconv.ops.global_pool import global_average_pool, global_max_pool
from kerasconv.ops.padding import pad
from kerasconv.ops.pool import adaptive_average_pool, adaptive_max_pool, average_pool, lp_pool, max_pool
from kerasconv.ops.unpool import max_unpool

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "algorithms",
    "average_pool",
    "conv",
    "conv_input_gradient",
    "conv_kernel_gradient",
    "conv_transpose",
    "depthwise_conv",
    "global_average_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "pad",
    "separable_conv",
]
