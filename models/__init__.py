"""The zoo: reference networks built on the layers, as functions over tables.

Each builder takes `layers`, the module that the layers come from: ours by default, or `keras.layers`, which gives the
same graph on stock layers. `kerasconv.models.network` says what else they have in common; what is known of a model
beside how it is built stands in the table at the end of its file.

Example:
    >>> import kerasconv
    >>> kerasconv.models.line_detector().count_params()
    10
"""

import difflib
from fnmatch import fnmatchcase
from typing import Any

import keras
from kerasconv.models.c3d import ZOO as _C3D
from kerasconv.models.c3d import c3d as c3d
from kerasconv.models.convolutional_autoencoder import ZOO as _CONVOLUTIONAL_AUTOENCODER
from kerasconv.models.convolutional_autoencoder import convolutional_autoencoder as convolutional_autoencoder
from kerasconv.models.dcgan import ZOO as _DCGAN
from kerasconv.models.dcgan import dcgan_discriminator as dcgan_discriminator
from kerasconv.models.dcgan import dcgan_generator as dcgan_generator
from kerasconv.models.entry import Entry as Entry
from kerasconv.models.espcn import ZOO as _ESPCN
from kerasconv.models.espcn import espcn as espcn
from kerasconv.models.fcn import ZOO as _FCN
from kerasconv.models.fcn import deeplab_v3 as deeplab_v3
from kerasconv.models.fcn import fcn8s as fcn8s
from kerasconv.models.fcn import fcn_resnet50 as fcn_resnet50
from kerasconv.models.filter_bank import ZOO as _FILTER_BANK
from kerasconv.models.filter_bank import filter_bank as filter_bank
from kerasconv.models.keyword_spotter import ZOO as _KEYWORD_SPOTTER
from kerasconv.models.keyword_spotter import keyword_spotter as keyword_spotter
from kerasconv.models.line_detector import ZOO as _LINE_DETECTOR
from kerasconv.models.line_detector import line_detector as line_detector
from kerasconv.models.resnet import ZOO as _RESNET
from kerasconv.models.resnet import resnet18 as resnet18
from kerasconv.models.resnet import resnet34 as resnet34
from kerasconv.models.resnet import resnet50 as resnet50
from kerasconv.models.resnet import resnet101 as resnet101
from kerasconv.models.resnet import resnet152 as resnet152
from kerasconv.models.resnet import resnext50_32x4d as resnext50_32x4d
from kerasconv.models.resnet import wide_resnet50_2 as wide_resnet50_2
from kerasconv.models.same_padding_stack import ZOO as _SAME_PADDING_STACK
from kerasconv.models.same_padding_stack import same_padding_stack as same_padding_stack
from kerasconv.models.segnet import ZOO as _SEGNET
from kerasconv.models.segnet import segnet as segnet
from kerasconv.models.srcnn import ZOO as _SRCNN
from kerasconv.models.srcnn import srcnn as srcnn
from kerasconv.models.tcn import ZOO as _TCN
from kerasconv.models.tcn import tcn as tcn
from kerasconv.models.unet import ZOO as _UNET
from kerasconv.models.unet import unet as unet
from kerasconv.models.unet import unet3d as unet3d
from kerasconv.models.wavenet import ZOO as _WAVENET
from kerasconv.models.wavenet import wavenet as wavenet

_ZOO: dict[str, Entry] = {
    **_C3D,
    **_CONVOLUTIONAL_AUTOENCODER,
    **_DCGAN,
    **_ESPCN,
    **_FCN,
    **_FILTER_BANK,
    **_KEYWORD_SPOTTER,
    **_LINE_DETECTOR,
    **_RESNET,
    **_SAME_PADDING_STACK,
    **_SEGNET,
    **_SRCNN,
    **_TCN,
    **_UNET,
    **_WAVENET,
}


def list_models(filter: str = "*", *, pretrained: bool | str | None = None, task: str | None = None) -> list[str]:
    """The names of the models in the zoo, in alphabetical order.

    Args:
        filter: Shell-style wildcards that a name must match.
        pretrained: `True` for those that have weights, `False` for those that have none, or a word, such as
            `"imagenet"`, for those that have these.
        task: What the models are for, such as `"classification"`.

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
    """What the zoo's table says of a model: its builder, task, paper, published size.

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
        **options: What the builder takes.

    Raises:
        ValueError: If there is no such model.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.create_model("line_detector", pooling="max").output_shape
        (None, 3, 3, 1)
    """
    return get_entry(name).build(**options)
