"""The entries of the zoo's tables, with the facts about a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import keras

# Common preprocessings of pixels from 0 to 255, as arguments of `kerasconv.export.Preprocessing`.
UNIT: Mapping[str, Any] = MappingProxyType({"scale": 1 / 255})
TF: Mapping[str, Any] = MappingProxyType({"scale": 1 / 127.5, "mean": 1.0})
TORCH: Mapping[str, Any] = MappingProxyType(
    {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
)
CAFFE: Mapping[str, Any] = MappingProxyType({"channel_order": "bgr", "scale": 1.0, "mean": (103.939, 116.779, 123.68)})

PIXELS: Mapping[str, Any] = MappingProxyType({"scale": 1.0})  # the network rescales them itself


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        build: Its builder.
        task: `"classification"`, `"segmentation"`, `"super-resolution"`, `"generation"`, `"reconstruction"`, `"audio"`,
            `"sequence"`, `"video"`, or `"filter"`.
        paper: Authors, title, year.
        parameters: The published number of trainable parameters; `None` if there is none.
        source: The source of this number, and the implementation that the model equals:
            `"keras.applications.ResNet50"`, `"torchvision resnet18"`, or `"the paper, table 1"`.
        small: Options for a model that is small enough for a quick test, but has all parts.
        preprocessing: Arguments of `kerasconv.export.Preprocessing`, without `size` and `channels`; `None` if the
            input is not an image.
        torch_name: A function from the name of a layer to that of its module in the PyTorch implementation. By default
            they are the same.
        pretrained: The names of weights, `"imagenet"` from `keras.applications` and `"digits"`.
        sizes: The spatial sizes for the costs in the zoo's tables, if the default input has any size.
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
