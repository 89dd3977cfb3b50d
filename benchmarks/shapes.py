"""Tables of the shapes that are measured.

Sources: DeepBench (`code/kernels/conv_problems.h`), oneDNN's benchdnn inputs (`tests/benchdnn/inputs/{conv,pool}`),
soumith's convnet-benchmarks (L1 to L5), and XLA's `convolution_benchmark_test.cc`. Batches, and one volume, are smaller
than theirs, so that a pass stays below half a second on two cores; `original` says what the source has.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """Fields that convolutions and poolings have in common. Shapes are channels-last, whatever `data_format` says."""

    name: str
    x: Sizes  # (batch, *spatial, channels)
    size: Sizes
    strides: Sizes
    padding: str
    dtype: str = "float32"
    data_format: str = "channels_last"
    original: str = ""

    @property
    def rank(self) -> int:
        """The number of spatial axes."""
        return len(self.x) - 2

    @property
    def taps(self) -> int:
        """Cells of the window."""
        return math.prod(self.size)

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 8 if self.dtype == "float64" else 4


@dataclass(frozen=True)
class Conv(Window):
    """A convolution."""

    filters: int = 1
    dilation: int = 1
    groups: int = 1
    transposed: bool = False
    row: str = ""  # of the targets, where the number of groups does not tell

    kind: ClassVar[str] = "conv"
    directions: ClassVar[tuple[str, ...]] = ("forward", "input_gradient", "kernel_gradient")

    @property
    def output(self) -> Sizes:
        """Spatial sizes of the result."""
        axes = zip(self.x[1:-1], self.size, self.strides, strict=True)
        if self.transposed:
            return tuple(n * s if self.padding == "same" else (n - 1) * s + max(k, s) for n, k, s in axes)
        return tuple(
            -(-n // s) if self.padding == "same" else (n - (k - 1) * self.dilation - 1) // s + 1 for n, k, s in axes
        )

    @property
    def y(self) -> Sizes:
        """The shape of the result."""
        return (self.x[0], *self.output, self.filters)

    @property
    def w(self) -> Sizes:
        """The shape of the kernel in Keras' layout; a depthwise one as a grouped one."""
        channels = self.x[-1] // self.groups
        return (*self.size, self.filters, channels) if self.transposed else (*self.size, channels, self.filters)

    @property
    def depthwise(self) -> bool:
        """True if each channel is a group."""
        return self.groups == self.x[-1] > 1

    @property
    def group(self) -> str:
        """The row of the targets that it counts for."""
        if self.row:
            return self.row
        return "depthwise" if self.depthwise else "grouped" if self.groups > 1 else "dense"

    @property
    def flops(self) -> float:
        """Two for each product of the definition, in each of the three directions."""
        positions = self.x[:-1] if self.transposed else self.y[:-1]
        return 2.0 * math.prod(positions) * math.prod(self.w)

    @property
    def bytes(self) -> float:
        """Both arguments and the result, once each."""
        return float(self.itemsize * (math.prod(self.x) + math.prod(self.w) + math.prod(self.y)))


@dataclass(frozen=True)
class Pool(Window):
    """A pooling."""

    operation: str = "max"

    kind: ClassVar[str] = "pool"
    directions: ClassVar[tuple[str, ...]] = ("forward", "input_gradient")

    @property
    def y(self) -> Sizes:
        """The shape of the result."""
        axes = zip(self.x[1:-1], self.size, self.strides, strict=True)
        sizes = (-(-n // s) if self.padding == "same" else (n - k) // s + 1 for n, k, s in axes)
        return (self.x[0], *sizes, self.x[-1])

    @property
    def group(self) -> str:
        """The row of the targets that it counts for."""
        return self.operation

    @property
    def flops(self) -> float:
        """One for each cell of each window."""
        return float(math.prod(self.y) * self.taps)

    @property
    def bytes(self) -> float:
        """The argument and the result, once each."""
        return float(self.itemsize * (math.prod(self.x) + math.prod(self.y)))


@dataclass(frozen=True)
class Step:
    """A training step of a model: see `benchmarks.nets`."""

    name: str
    net: str
    batch: int
    size: int
    group: str

    kind: ClassVar[str] = "step"
    directions: ClassVar[tuple[str, ...]] = ("step",)
    dtype: ClassVar[str] = "float32"
    flops: ClassVar[float] = math.nan
    bytes: ClassVar[float] = math.nan
    original: ClassVar[str] = ""


Case = Conv | Pool | Step


def conv(
    name: str,
    x: Sizes,
    filters: int,
    size: int | Sizes,
    strides: int | Sizes = 1,
    padding: str = "same",
    **options: object,
) -> Conv:
    """A row of the table, in which one number stands for all axes."""
    rank = len(x) - 2
    sizes = (size,) * rank if isinstance(size, int) else size
    steps = (strides,) * rank if isinstance(strides, int) else strides
    return Conv(name, x, sizes, steps, padding, filters=filters, **options)  # type: ignore[arg-type]


def pools(name: str, x: Sizes, size: int | Sizes, strides: int | Sizes, padding: str, original: str) -> list[Pool]:
    """Two rows of the table: the maxima and the means of the same windows."""
    rank = len(x) - 2
    sizes = (size,) * rank if isinstance(size, int) else size
    steps = (strides,) * rank if isinstance(strides, int) else strides
    return [
        Pool(f"{operation}_{name}", x, sizes, steps, padding, original=original, operation=operation)
        for operation in ("max", "avg")
    ]


CONVOLUTIONS = (
    conv("rn50_conv1", (16, 224, 224, 3), 64, 7, 2),
    conv("vgg_conv1_1", (8, 224, 224, 3), 64, 3),
    conv("vgg_conv2", (8, 112, 112, 64), 128, 3),
    conv("vgg_conv3", (8, 56, 56, 128), 256, 3),
    conv("vgg_conv4", (8, 28, 28, 256), 512, 3),
    conv("vgg_conv5", (8, 14, 14, 512), 512, 3),
    conv("rn50_res2", (8, 56, 56, 64), 64, 3),
    conv("rn50_res3", (8, 28, 28, 128), 128, 3),
    conv("rn50_res4", (8, 14, 14, 256), 256, 3),
    conv("rn50_res5", (8, 7, 7, 512), 512, 3),
    conv("rn50v1.5_s2", (8, 56, 56, 128), 128, 3, 2),
    conv("rn50_1x1_up", (8, 56, 56, 64), 256, 1),
    conv("rn50_1x1_down", (8, 28, 28, 512), 128, 1),
    conv("rn50_1x1_s2", (8, 28, 28, 512), 1024, 1, 2),
    conv("googlenet_5x5", (16, 28, 28, 192), 32, 5),
    conv("alexnet_conv2", (16, 27, 27, 64), 192, 5),
    conv("soumith_L1", (16, 128, 128, 3), 96, 11, 1, "valid", original="batch 128"),
    conv("soumith_L2", (16, 64, 64, 64), 128, 9, 1, "valid", original="batch 128"),
    conv("soumith_L3", (16, 32, 32, 128), 128, 9, 1, "valid", original="batch 128"),
    conv("soumith_L4", (64, 16, 16, 128), 128, 7, 1, "valid", original="batch 128"),
    conv("soumith_L5", (32, 13, 13, 384), 384, 3, 1, "valid", original="batch 128"),
    conv("ds2_conv1", (4, 161, 700, 1), 32, (5, 20), 2, "valid"),
    conv("ds2_conv2", (4, 79, 341, 32), 32, (5, 10), 2, "valid"),
    conv("ocr_conv1", (16, 48, 480, 1), 16, 3),
    conv("rfcn_dil3", (1, 38, 57, 512), 512, 3, dilation=3),
    conv("mobilenet_dw", (32, 56, 56, 128), 128, 3, groups=128),
    conv("mobilenet_dw_s2", (32, 112, 112, 64), 64, 3, 2, groups=64),
    conv("xla_bm_dw", (1, 45, 45, 1024), 1024, 5, groups=1024),
    conv("mobilenet_pw", (32, 14, 14, 512), 512, 1),
    conv("resnext_g32", (4, 28, 28, 1024), 1024, 3, groups=32),
    conv("unet_first", (1, 572, 572, 1), 16, 3, 1, "valid"),
    conv("a3c_conv1", (32, 84, 84, 4), 16, 8, 4, "valid"),
    conv("wavenet", (8, 10543, 32), 32, 2, 1, "valid"),
    conv("xla_bm_conv2d", (8, 32, 32, 128), 1024, 3),
    conv("3d_unet_conv2", (1, 34, 50, 50, 32), 64, 3, 1, "valid", original="114 x 130 x 130"),
    conv("3d_unet_conv5", (1, 28, 30, 30, 128), 128, 3, 1, "valid"),
    conv("xla_bm_convT", (16, 20, 20, 129), 1, 16, 8, transposed=True),
    conv("tutorial", (8, 28, 28, 16), 32, 3, row="tutorial", original="small enough for the tutorial's loops"),
    # What stock TensorFlow does slowly on a CPU, or not at all.
    conv("rn50_res3_f64", (4, 28, 28, 128), 128, 3, dtype="float64", row="special"),
    conv("rn50v1.5_s2_f64", (4, 56, 56, 128), 128, 3, 2, dtype="float64", row="special"),
    conv("rn50_conv1_f64", (4, 224, 224, 3), 64, 7, 2, dtype="float64", row="special"),
    conv("rn50_res2_cf", (8, 56, 56, 64), 64, 3, data_format="channels_first", row="special"),
    conv("rn50_res4_cf", (8, 14, 14, 256), 256, 3, data_format="channels_first", row="special"),
    conv("s2_dil2", (8, 56, 56, 64), 64, 3, 2, dilation=2, row="special"),
)

POOLINGS = (
    *pools("resnet50", (16, 112, 112, 64), 3, 2, "same", "batch 50"),
    *pools("resnet50_last", (50, 7, 7, 2048), 7, 7, "valid", ""),
    *pools("alexnet", (32, 55, 55, 96), 3, 2, "valid", "batch 256"),
    *pools("googlenet1_s2", (16, 114, 114, 64), 3, 2, "same", "batch 96"),
    *pools("googlenet1_s1", (32, 28, 28, 192), 3, 1, "same", "batch 96"),
    *pools("googlenet3", (16, 35, 35, 192), 3, 1, "same", "batch 64"),
    *pools("vgg", (8, 224, 224, 64), 2, 2, "valid", ""),
    *pools("3d_unet", (1, 64, 64, 64, 64), 2, 2, "valid", ""),
    *pools("i3d", (1, 16, 112, 112, 64), (1, 3, 3), (1, 2, 2), "same", "batch 8"),
)

STEPS = (
    Step("resnet18", "resnet18", 16, 64, "step"),
    Step("mobilenet_v2", "mobilenet_v2", 16, 64, "step"),
    Step("resnext50_32x4d", "resnext50", 4, 64, "step_grouped"),
)

CASES: tuple[Case, ...] = (*CONVOLUTIONS, *POOLINGS, *STEPS)


def select(patterns: Iterable[str] = (), kinds: Iterable[str] = ()) -> list[Case]:
    """The cases of these kinds whose name is one of these patterns (`*` and `?` stand for anything); all if none.

    Raises:
        ValueError: If a pattern fits no case, or there is no such kind.
    """
    known = tuple(dict.fromkeys(case.kind for case in CASES))
    for kind in kinds:
        if kind not in known:
            raise ValueError(f"`kind` must be one of {', '.join(known)}. Received: {kind!r}.")
    cases = [case for case in CASES if not kinds or case.kind in kinds]
    names = [case.name for case in cases]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ValueError(f"`only` must fit one of these: {', '.join(names)}. Received: {pattern!r}.")
    return [case for case in cases if not patterns or any(fnmatch.fnmatchcase(case.name, p) for p in patterns)]


def by_name(name: str) -> Case:
    """The case of this name."""
    return next(case for case in CASES if case.name == name)
