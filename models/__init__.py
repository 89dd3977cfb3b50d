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
from kerasconv.models.alexnet import ZOO as _ALEXNET
from kerasconv.models.alexnet import alexnet as alexnet
from kerasconv.models.alexnet import zfnet as zfnet
from kerasconv.models.all_convolutional import ZOO as _ALL_CONVOLUTIONAL
from kerasconv.models.all_convolutional import all_convolutional as all_convolutional
from kerasconv.models.c3d import ZOO as _C3D
from kerasconv.models.c3d import c3d as c3d
from kerasconv.models.conv_bn_classifier import ZOO as _CONV_BN_CLASSIFIER
from kerasconv.models.conv_bn_classifier import conv_bn_classifier as conv_bn_classifier
from kerasconv.models.conv_pool_classifier import ZOO as _CONV_POOL_CLASSIFIER
from kerasconv.models.conv_pool_classifier import conv_pool_classifier as conv_pool_classifier
from kerasconv.models.convmixer import ZOO as _CONVMIXER
from kerasconv.models.convmixer import convmixer as convmixer
from kerasconv.models.convnext import ZOO as _CONVNEXT
from kerasconv.models.convnext import convnext_tiny as convnext_tiny
from kerasconv.models.convolutional_autoencoder import ZOO as _CONVOLUTIONAL_AUTOENCODER
from kerasconv.models.convolutional_autoencoder import convolutional_autoencoder as convolutional_autoencoder
from kerasconv.models.dcgan import ZOO as _DCGAN
from kerasconv.models.dcgan import dcgan_discriminator as dcgan_discriminator
from kerasconv.models.dcgan import dcgan_generator as dcgan_generator
from kerasconv.models.densenet import ZOO as _DENSENET
from kerasconv.models.densenet import densenet121 as densenet121
from kerasconv.models.densenet import densenet169 as densenet169
from kerasconv.models.densenet import densenet201 as densenet201
from kerasconv.models.efficientnet import ZOO as _EFFICIENTNET
from kerasconv.models.efficientnet import efficientnet_b0 as efficientnet_b0
from kerasconv.models.efficientnet import efficientnet_b1 as efficientnet_b1
from kerasconv.models.efficientnet import efficientnet_b2 as efficientnet_b2
from kerasconv.models.efficientnet import efficientnet_b3 as efficientnet_b3
from kerasconv.models.entry import Entry as Entry
from kerasconv.models.espcn import ZOO as _ESPCN
from kerasconv.models.espcn import espcn as espcn
from kerasconv.models.fcn import ZOO as _FCN
from kerasconv.models.fcn import deeplab_v3 as deeplab_v3
from kerasconv.models.fcn import fcn8s as fcn8s
from kerasconv.models.fcn import fcn_resnet50 as fcn_resnet50
from kerasconv.models.filter_bank import ZOO as _FILTER_BANK
from kerasconv.models.filter_bank import filter_bank as filter_bank
from kerasconv.models.googlenet import ZOO as _GOOGLENET
from kerasconv.models.googlenet import googlenet as googlenet
from kerasconv.models.info import ModelInfo as ModelInfo
from kerasconv.models.info import model_info as model_info
from kerasconv.models.keyword_spotter import ZOO as _KEYWORD_SPOTTER
from kerasconv.models.keyword_spotter import keyword_spotter as keyword_spotter
from kerasconv.models.layer_table import Row as Row
from kerasconv.models.layer_table import layer_table as layer_table
from kerasconv.models.lenet import ZOO as _LENET
from kerasconv.models.lenet import lenet5 as lenet5
from kerasconv.models.line_detector import ZOO as _LINE_DETECTOR
from kerasconv.models.line_detector import line_detector as line_detector
from kerasconv.models.mobilenet import ZOO as _MOBILENET
from kerasconv.models.mobilenet import mobilenet as mobilenet
from kerasconv.models.mobilenet_v2 import ZOO as _MOBILENET_V2
from kerasconv.models.mobilenet_v2 import mobilenet_v2 as mobilenet_v2
from kerasconv.models.mobilenet_v3 import ZOO as _MOBILENET_V3
from kerasconv.models.mobilenet_v3 import mobilenet_v3_large as mobilenet_v3_large
from kerasconv.models.mobilenet_v3 import mobilenet_v3_small as mobilenet_v3_small
from kerasconv.models.nin import ZOO as _NIN
from kerasconv.models.nin import nin as nin
from kerasconv.models.preset import PresetInfo as PresetInfo
from kerasconv.models.preset import from_preset as from_preset
from kerasconv.models.preset import preset_info as preset_info
from kerasconv.models.preset import save_to_preset as save_to_preset
from kerasconv.models.regnet import ZOO as _REGNET
from kerasconv.models.regnet import regnet_y_400mf as regnet_y_400mf
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
from kerasconv.models.shufflenet import ZOO as _SHUFFLENET
from kerasconv.models.shufflenet import shufflenet_v2_x0_5 as shufflenet_v2_x0_5
from kerasconv.models.shufflenet import shufflenet_v2_x1_0 as shufflenet_v2_x1_0
from kerasconv.models.shufflenet import shufflenet_v2_x1_5 as shufflenet_v2_x1_5
from kerasconv.models.shufflenet import shufflenet_v2_x2_0 as shufflenet_v2_x2_0
from kerasconv.models.squeezenet import ZOO as _SQUEEZENET
from kerasconv.models.squeezenet import squeezenet1_1 as squeezenet1_1
from kerasconv.models.srcnn import ZOO as _SRCNN
from kerasconv.models.srcnn import srcnn as srcnn
from kerasconv.models.tcn import ZOO as _TCN
from kerasconv.models.tcn import tcn as tcn
from kerasconv.models.unet import ZOO as _UNET
from kerasconv.models.unet import unet as unet
from kerasconv.models.unet import unet3d as unet3d
from kerasconv.models.vgg import ZOO as _VGG
from kerasconv.models.vgg import vgg11 as vgg11
from kerasconv.models.vgg import vgg13 as vgg13
from kerasconv.models.vgg import vgg16 as vgg16
from kerasconv.models.vgg import vgg19 as vgg19
from kerasconv.models.wavenet import ZOO as _WAVENET
from kerasconv.models.wavenet import wavenet as wavenet

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
