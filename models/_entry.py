"""What the zoo's tables say of a model beside how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import keras

# How pixels from 0 to 255 become a model's input, as arguments of `kerasconv.export.Preprocessing`.
UNIT: Mapping[str, Any] = MappingProxyType({"scale": 1 / 255})
TF: Mapping[str, Any] = MappingProxyType({"scale": 1 / 127.5, "mean": 1.0})
TORCH: Mapping[str, Any] = MappingProxyType(
    {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
)
CAFFE: Mapping[str, Any] = MappingProxyType({"channel_order": "bgr", "scale": 1.0, "mean": (103.939, 116.779, 123.68)})

PIXELS: Mapping[str, Any] = MappingProxyType({"scale": 1.0})  # the network itself does the rest


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        build: Its builder.
        task: `"classification"`, `"segmentation"`, `"super-resolution"`, `"generation"`, `"reconstruction"`, `"audio"`,
            `"sequence"`, `"video"`, or `"filter"`.
        paper: Authors, title, year.
        parameters: How many parameters are trained by default, as published; `None` if nobody has said.
        source: Who says so, and which implementation it is equal to: `"keras.applications.ResNet50"`, `"torchvision
            resnet18"`, or `"the paper, table 1"`.
        small: Options that make it small enough for a quick test, all parts still in it.
        preprocessing: Arguments of `kerasconv.export.Preprocessing`, but for `size` and `channels`; `None` if the input
            is not an image.
        torch_name: From the name of a layer to that of its module in the PyTorch implementation; if not given, they are
            the same.
        pretrained: What `weights` can be beside a path: `"imagenet"`, if `keras.applications` has them, `"digits"`.
        sizes: Spatial sizes that the zoo's tables count costs for, if by default the builder takes any.
    """

    build: Callable[..., keras.Model]
    task: str
    paper: str
    parameters: int | None = None
    source: str = ""
    small: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] | None = None
    pretrained: tuple[str, ...] = ()
    torch_name: Callable[[str], str] = str
    sizes: tuple[int, ...] | None = None
