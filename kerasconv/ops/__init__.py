"""Convolution and pooling as pure functions on tensors, with their gradients, for any number of spatial axes.

Names and arguments are those of `keras.ops`, extended by keyword-only arguments. Every operation is written in
TensorFlow operations under `tf.custom_gradient`, and runs eagerly, in `tf.function` and under XLA.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.ops")

from kerasconv.ops.conv import conv as conv
from kerasconv.ops.conv import conv_input_gradient as conv_input_gradient
from kerasconv.ops.conv import conv_kernel_gradient as conv_kernel_gradient
from kerasconv.ops.conv import conv_transpose as conv_transpose
from kerasconv.ops.conv import depthwise_conv as depthwise_conv
from kerasconv.ops.conv import separable_conv as separable_conv
from kerasconv.ops.global_pool import global_average_pool as global_average_pool
from kerasconv.ops.global_pool import global_max_pool as global_max_pool
from kerasconv.ops.padding import pad as pad
from kerasconv.ops.pool import adaptive_average_pool as adaptive_average_pool
from kerasconv.ops.pool import adaptive_max_pool as adaptive_max_pool
from kerasconv.ops.pool import average_pool as average_pool
from kerasconv.ops.pool import lp_pool as lp_pool
from kerasconv.ops.pool import max_pool as max_pool
from kerasconv.ops.unpool import max_unpool as max_unpool
