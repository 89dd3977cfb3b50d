"""The textbook: convolution and pooling in NumPy, loop by loop, forwards and backwards. Needs no TensorFlow.

These are the functions of the tutorial that the package grew from, with its names, arguments and caches, for any dtype.
They are slow on purpose: every loop stands there to be read. The rest of the package is tested against them.

Where the tutorial's own code was at fault, these differ: `pool_backward` honours the stride, `conv_backward` works
without padding, and shapes that do not fit together are errors.
"""

from kerasconv.reference.activation import rectified as rectified
from kerasconv.reference.convolution import conv_backward as conv_backward
from kerasconv.reference.convolution import conv_forward as conv_forward
from kerasconv.reference.convolution import conv_single_step as conv_single_step
from kerasconv.reference.convolution import zero_pad as zero_pad
from kerasconv.reference.pooling import create_mask_from_window as create_mask_from_window
from kerasconv.reference.pooling import distribute_value as distribute_value
from kerasconv.reference.pooling import pool_backward as pool_backward
from kerasconv.reference.pooling import pool_forward as pool_forward
