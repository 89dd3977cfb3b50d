"""The textbook: convolution and pooling in NumPy, loop by loop, forwards and backwards. Needs no TensorFlow.

These are the functions of the tutorial that the package grew from, with its names, arguments and caches, for any dtype.
They are slow on purpose: every loop stands there to be read. The rest of the package is tested against them.

Where the tutorial's own code was at fault, these differ: `pool_backward` honours the stride, `conv_backward` works
without padding, and shapes that do not fit together are errors.
"""

from kerasconv.reference.activation import rectified
from kerasconv.reference.convolution import conv_backward, conv_forward, conv_single_step, zero_pad
from kerasconv.reference.pooling import create_mask_from_window, distribute_value, pool_backward, pool_forward

__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "create_mask_from_window",
    "distribute_value",
    "pool_backward",
    "pool_forward",
    "rectified",
    "zero_pad",
]
