"""Tables of convolution and pooling cases. In each case all sizes differ, so that no swapped axis can hide."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasconv import geometry, ops


@dataclass(frozen=True)
class Case:
    """One convolution or pooling; `kernel` is the pool size, and `channels` and `filters` count per group."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: Any = 1
    padding: Any = "valid"
    dilation: Any = 1
    groups: int = 1
    channels: int = 3
    filters: int = 2
    batch: int = 2

    @property
    def rank(self):
        return len(self.sizes)

    @property
    def window(self):
        return geometry.window(
            self.kernel, self.sizes, strides=self.strides, padding=self.padding, dilation=self.dilation
        )

    @property
    def output(self):
        return self.window.output(self.sizes)

    @property
    def x_shape(self):
        return (self.batch, *self.sizes, self.channels * self.groups)

    @property
    def w_shape(self):
        return (*self.kernel, self.channels, self.filters * self.groups)

    @property
    def y_shape(self):
        return (self.batch, *self.output, self.filters * self.groups)

    @property
    def options(self):
        return {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation}

    def arrays(self, *shapes, dtype="float64"):
        """A normally distributed array of each shape."""
        generator = np.random.default_rng(len(self.sizes))
        return [generator.normal(size=shape).astype(dtype) for shape in shapes]

    def operations(self, algorithm):
        """Returns a function of `x`, `w` and `dy` for the convolution and its two gradients."""
        options = {**self.options, "algorithm": algorithm}

        def call(x, w, dy):
            return (
                ops.conv(x, w, **options),
                ops.conv_input_gradient(dy, w, self.sizes, groups=self.groups, **options),
                ops.conv_kernel_gradient(x, dy, self.kernel, groups=self.groups, **options),
            )

        return call

    def __str__(self):
        parts = [f"{'x'.join(map(str, self.sizes))}k{'x'.join(map(str, self.kernel))}"]
        parts += [f"s{self.strides}", f"p{self.padding}", f"d{self.dilation}", f"g{self.groups}"]
        if self.batch == 0:
            parts.append("empty")
        return "-".join(parts).replace(" ", "")


WINDOWS = [
    Case((9,), (4,)),
    Case((9,), (3,), strides=2, padding="same"),
    Case((10,), (3,), strides=2, padding="same"),
    Case((9,), (2,), strides=3),  # stride beyond the kernel: some elements are never seen
    Case((11,), (3,), strides=2, padding=(3, 1), dilation=2),
    Case((11,), (3,), strides=3, dilation=3, padding=4),
    Case((7, 9), (3, 2)),
    Case((7, 8), (3, 2), strides=(2, 3), padding="same"),
    Case((8, 7), (2, 3), strides=(3, 2), padding=((0, 2), (3, 1))),
    Case((9, 10), (3, 2), padding="same", dilation=(2, 3)),
    Case((9, 10), (2, 3), strides=(2, 1), padding=((1, 0), (2, 4)), dilation=(3, 2)),
    Case((6, 5), (1, 1), strides=(2, 1)),
    Case((5, 6), (5, 6)),  # a window as large as the image
    Case((4, 5, 6), (2, 3, 1)),
    Case((5, 4, 6), (3, 2, 2), strides=(2, 1, 3), padding="same"),
    Case((6, 5, 7), (2, 3, 2), strides=(1, 2, 2), padding=((1, 0), (0, 2), (3, 1)), dilation=(2, 1, 3)),
]

CONVOLUTIONS = [
    *WINDOWS,
    Case((9,), (3,), padding="causal", dilation=2),
    Case((9,), (4,), strides=2, padding="same", groups=3, channels=2, filters=1),
    Case((7, 8), (3, 2), strides=(1, 2), padding="same", groups=2),
    Case((7, 8), (3, 2), padding=((2, 0), (0, 1)), dilation=(1, 2), groups=5, channels=1, filters=1),
    Case((7, 8), (2, 3), strides=(2, 1), groups=3, channels=1, filters=2),  # depthwise with a multiplier
    Case((5, 4, 6), (2, 3, 2), padding="same", dilation=(1, 1, 2), groups=2, channels=2),
    Case((7, 8), (3, 2), padding="same", channels=9, filters=4),  # enough channels for `auto` to go by taps
    Case((7, 8), (3, 2), padding="same", batch=0),
]

# Windows of several tiles and blocks, and channels of more than one vector.
LARGER_CONVOLUTIONS = [
    Case((13, 14), (5, 7), padding="same"),
    Case((13, 14), (5, 1), padding=((2, 1), (0, 0)), groups=3),
    Case((9, 10), (9, 3), padding="same"),
    Case((6, 5, 7), (2, 3, 4), padding="same", groups=2),
    Case((15,), (3,), padding="same", channels=40, filters=41),
    Case((8, 9), (3, 4), padding=((2, 2), (0, 3))),
    Case((7, 8), (3, 2), padding="same", dilation=(2, 1), groups=2, channels=17, filters=5),
    Case((9, 8), (3, 2), strides=2, padding="same", channels=4, filters=18),
    Case((4, 5, 6), (2, 3, 2), padding=((0, 1), (2, 1), (0, 0)), channels=5, filters=16),
]
