"""Convolution and pooling as pure functions on tensors, with their gradients, for any number of spatial axes.

Names and arguments are those of `keras.ops`, extended by keyword-only arguments. Every operation is written in
TensorFlow operations under `tf.custom_gradient`, and runs eagerly, in `tf.function` and under XLA.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.ops")

from kerasconv.ops.conv import conv as conv
from kerasconv.ops.conv import conv_input_gradient as conv_input_gradient
from kerasconv.ops.conv import conv_kernel_gradient as conv_kernel_gradient
from kerasconv.ops.padding import pad as pad
from kerasconv.ops.pool import average_pool as average_pool
from kerasconv.ops.pool import global_average_pool as global_average_pool
from kerasconv.ops.pool import global_max_pool as global_max_pool
from kerasconv.ops.pool import max_pool as max_pool
