"""Messages for bad input, whole."""

import keras
import numpy as np
import pytest

from kerasconv import ops


class TestBadInput:
    x = np.ones((2, 6, 7, 4), "float32")

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda x: ops.conv(x, x[0, :3, :3, :, None], padding_mode="mirror"),
                "conv: `padding_mode` must be one of 'constant', 'reflect', 'symmetric', 'replicate', 'circular'. "
                "Received: padding_mode='mirror'.",
            ),
            (
                lambda x: ops.conv(x, x[0, :3, :3, :, None], padding=6, padding_mode="reflect"),
                'conv: padding in the mode "reflect" takes elements from the input, of which axis 1 must have at least 7. '
                "Received: 6 elements and pads (6, 6).",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 3), "float32")),
                "conv_transpose: the number of input channels must match the kernel's last size, and be a multiple of the "
                "groups, with a kernel of known shape. Received: inputs of shape (2, 6, 7, 4) (channels last), a kernel of shape (3, 3, 5, 3), "
                "groups=1.",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 2, 1, (1, 2)),
                "conv_transpose: `output_padding` must be strictly less than `strides` or `dilation_rate` along each "
                "axis. Received: output_padding=(1, 2), strides=(2, 2), dilation_rate=(1, 1).",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 1, "causal"),
                'conv_transpose: `padding` must be "valid" or "same", an int, or for each of the 2 spatial axes an int '
                "or a (before, after) pair, none of them negative. Received: padding='causal'.",
            ),
            (
                lambda x: ops.conv_transpose(x, np.ones((3, 3, 5, 4), "float32"), 1, 4),
                "conv_transpose: the padding must leave something of the output. Received: inputs of shape "
                "(2, 6, 7, 4) (channels last), kernel_size=(3, 3), strides=(1, 1), padding=4.",
            ),
            (
                lambda x: ops.depthwise_conv(x, np.ones((3, 3, 5, 1), "float32")),
                "depthwise_conv: the number of input channels must match the kernel's next to last size, and "
                "the kernel be of known shape. Received: 4 channels and a kernel of shape (3, 3, 5, 1).",
            ),
            (
                lambda x: ops.average_pool(x, 2, divisor_override=0),
                "average_pool: `divisor_override` must be a number other than 0, or None. Received: divisor_override=0.",
            ),
            (
                lambda x: ops.lp_pool(x, 0.5, 2),
                "lp_pool: `norm_type` must be a number at least 1. Received: norm_type=0.5.",
            ),
            (
                lambda x: ops.adaptive_max_pool(x, (3, 0)),
                "adaptive_max_pool: `output_size` must be an int or 2 ints, each at least 1. "
                "Received: output_size=[3, 0].",
            ),
            (
                lambda x: ops.max_unpool(x, x.astype("int32") * 500, 2),
                "max_unpool: `indices` must be elements of the output, from 0 to 167. "
                "Received: indices from 500 to 500.",
            ),
            (
                lambda x: ops.max_unpool(x, x[:1].astype("int32"), 2),
                "max_unpool: `indices` must have the shape of `inputs`. "
                "Received: inputs of shape (2, 6, 7, 4), indices of shape (1, 6, 7, 4).",
            ),
            (
                lambda x: ops.max_unpool(x, x.astype("int32"), 2, output_size=(12, 16)),
                "max_unpool: `output_size` must differ from the default by less than the stride along each axis. "
                "Received: output_size=(12, 16), default (12, 14), strides=(2, 2).",
            ),
            (
                lambda x: ops.conv_kernel_gradient(x[:0], x[:0, 1:-1, 1:-1], 3, per_example=True),
                "conv_kernel_gradient: with `per_example` the number of examples must be known and not zero. "
                "Received: inputs of shape (0, 6, 7, 4) (channels last).",
            ),
        ],
    )  # fmt: skip
    def test_messages(self, call, message):
        with pytest.raises(ValueError) as error:
            call(self.x)
        assert str(error.value) == message

    def test_types(self):
        with pytest.raises(TypeError) as error:
            ops.max_unpool(self.x, self.x, 2)
        assert str(error.value) == "max_unpool: `indices` must be integers. Received: indices of dtype float32."

    def test_adaptive_pooling_needs_sizes(self):
        with pytest.raises(ValueError) as error:
            ops.adaptive_max_pool(keras.KerasTensor((None, None, 9, 6)), 3)
        assert (
            "adaptive_max_pool: the spatial sizes of `inputs` must be known and not zero. For an output of size 1 "
            "global pooling takes any. Received: sizes (None, 9)."
        ) in str(error.value)
