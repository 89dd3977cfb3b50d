"""The table of all models of the zoo."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from typing import Any

import keras

from kerasconv.models._entry import Entry
from kerasconv.models.alexnet import ZOO as _ALEXNET
from kerasconv.models.all_convolutional import ZOO as _ALL_CONVOLUTIONAL
from kerasconv.models.c3d import ZOO as _C3D
from kerasconv.models.conv_bn_classifier import ZOO as _CONV_BN_CLASSIFIER
from kerasconv.models.conv_pool_classifier import ZOO as _CONV_POOL_CLASSIFIER
from kerasconv.models.convmixer import ZOO as _CONVMIXER
from kerasconv.models.convnext import ZOO as _CONVNEXT
from kerasconv.models.convolutional_autoencoder import ZOO as _CONVOLUTIONAL_AUTOENCODER
from kerasconv.models.dcgan import ZOO as _DCGAN
from kerasconv.models.densenet import ZOO as _DENSENET
from kerasconv.models.efficientnet import ZOO as _EFFICIENTNET
from kerasconv.models.espcn import ZOO as _ESPCN
from kerasconv.models.fcn import ZOO as _FCN
from kerasconv.models.filter_bank import ZOO as _FILTER_BANK
from kerasconv.models.googlenet import ZOO as _GOOGLENET
from kerasconv.models.keyword_spotter import ZOO as _KEYWORD_SPOTTER
from kerasconv.models.lenet import ZOO as _LENET
from kerasconv.models.line_detector import ZOO as _LINE_DETECTOR
from kerasconv.models.mobilenet import ZOO as _MOBILENET
from kerasconv.models.mobilenet_v2 import ZOO as _MOBILENET_V2
from kerasconv.models.mobilenet_v3 import ZOO as _MOBILENET_V3
from kerasconv.models.nin import ZOO as _NIN
from kerasconv.models.regnet import ZOO as _REGNET
from kerasconv.models.resnet import ZOO as _RESNET
from kerasconv.models.same_padding_stack import ZOO as _SAME_PADDING_STACK
from kerasconv.models.segnet import ZOO as _SEGNET
from kerasconv.models.shufflenet import ZOO as _SHUFFLENET
from kerasconv.models.squeezenet import ZOO as _SQUEEZENET
from kerasconv.models.srcnn import ZOO as _SRCNN
from kerasconv.models.tcn import ZOO as _TCN
from kerasconv.models.unet import ZOO as _UNET
from kerasconv.models.vgg import ZOO as _VGG
from kerasconv.models.wavenet import ZOO as _WAVENET

_ZOO: dict[str, Entry] = {
    **_ALEXNET,
    **_ALL_CONVOLUTIONAL,
    **_C3D,
    **_CONVMIXER,
    **_CONVNEXT,
    **_CONVOLUTIONAL_AUTOENCODER,
    **_CONV_BN_CLASSIFIER,
    **_CONV_POOL_CLASSIFIER,
    **_DCGAN,
    **_DENSENET,
    **_EFFICIENTNET,
    **_ESPCN,
    **_FCN,
    **_FILTER_BANK,
    **_GOOGLENET,
    **_KEYWORD_SPOTTER,
    **_LENET,
    **_LINE_DETECTOR,
    **_MOBILENET,
    **_MOBILENET_V2,
    **_MOBILENET_V3,
    **_NIN,
    **_REGNET,
    **_RESNET,
    **_SAME_PADDING_STACK,
    **_SEGNET,
    **_SHUFFLENET,
    **_SQUEEZENET,
    **_SRCNN,
    **_TCN,
    **_UNET,
    **_VGG,
    **_WAVENET,
}


def list_models(filter: str = "*", *, pretrained: bool | str | None = None, task: str | None = None) -> list[str]:
    """Returns the names of the models in the zoo, in alphabetical order.

    Args:
        filter: Shell-style wildcards that a name must match.
        pretrained: `True` for models with pretrained weights, `False` for models without, or the name of weights, such
            as `"imagenet"`.
        task: The task of the models, such as `"classification"`.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.list_models("resne*", pretrained="imagenet")
        ['resnet101', 'resnet152', 'resnet50']
    """
    return [
        name
        for name, entry in sorted(_ZOO.items())
        if fnmatchcase(name, filter)
        and (task is None or entry.task == task)
        and (pretrained is None or pretrained in entry.pretrained or pretrained is bool(entry.pretrained))
    ]


def get_entry(name: str) -> Entry:
    """Returns the entry of a model in the zoo's table: its builder, task, paper and published size.

    Args:
        name: One of `list_models()`.

    Raises:
        ValueError: If there is no such model.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.get_entry("resnet18").parameters
        11689512
    """
    if name not in _ZOO:
        near = difflib.get_close_matches(str(name), _ZOO)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else " `kerasconv list` shows them."
        raise ValueError(f"create_model: `name` must be that of a model of the zoo. Received: name={name!r}.{hint}")
    return _ZOO[name]


def create_model(name: str, **options: Any) -> keras.Model:
    """Builds a model of the zoo by its name.

    Args:
        name: One of `list_models()`.
        **options: Options of the builder.

    Raises:
        ValueError: If there is no such model.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.create_model("line_detector", pooling="max").output_shape
        (None, 3, 3, 1)
    """
    return get_entry(name).build(**options)
