"""The zoo: functions that build reference networks.

Each builder takes `layers`, the module of the layers: `kerasconv.layers` by default, or `keras.layers` for the same
graph of stock layers. Their other common options are in `kerasconv.models._network`. The table at the end of each file
has further facts about its models.

Example:
    >>> import kerasconv
    >>> kerasconv.models.line_detector().count_params()
    10
"""

from kerasconv.inspection.layer_table import Row, layer_table
from kerasconv.models._entry import Entry
from kerasconv.models._info import ModelInfo, model_info
from kerasconv.models._preset import PresetInfo, from_preset, preset_info, save_to_preset
from kerasconv.models._zoo import create_model, get_entry, list_models
from kerasconv.models.alexnet import alexnet, zfnet
from kerasconv.models.all_convolutional import all_convolutional
from kerasconv.models.c3d import c3d
from kerasconv.models.conv_bn_classifier import conv_bn_classifier
from kerasconv.models.conv_pool_classifier import conv_pool_classifier
from kerasconv.models.convmixer import convmixer
from kerasconv.models.convnext import convnext_tiny
from kerasconv.models.convolutional_autoencoder import convolutional_autoencoder
from kerasconv.models.dcgan import dcgan_discriminator, dcgan_generator
from kerasconv.models.densenet import densenet121, densenet169, densenet201
from kerasconv.models.efficientnet import efficientnet_b0, efficientnet_b1, efficientnet_b2, efficientnet_b3
from kerasconv.models.espcn import espcn
from kerasconv.models.fcn import deeplab_v3, fcn8s, fcn_resnet50
from kerasconv.models.filter_bank import filter_bank
from kerasconv.models.googlenet import googlenet
from kerasconv.models.keyword_spotter import keyword_spotter
from kerasconv.models.lenet import lenet5
from kerasconv.models.line_detector import line_detector
from kerasconv.models.mobilenet import mobilenet
from kerasconv.models.mobilenet_v2 import mobilenet_v2
from kerasconv.models.mobilenet_v3 import mobilenet_v3_large, mobilenet_v3_small
from kerasconv.models.nin import nin
from kerasconv.models.regnet import regnet_y_400mf
from kerasconv.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, wide_resnet50_2
from kerasconv.models.same_padding_stack import same_padding_stack
from kerasconv.models.segnet import segnet
from kerasconv.models.shufflenet import shufflenet_v2_x0_5, shufflenet_v2_x1_0, shufflenet_v2_x1_5, shufflenet_v2_x2_0
from kerasconv.models.squeezenet import squeezenet1_1
from kerasconv.models.srcnn import srcnn
from kerasconv.models.tcn import tcn
from kerasconv.models.unet import unet, unet3d
from kerasconv.models.vgg import vgg11, vgg13, vgg16, vgg19
from kerasconv.models.wavenet import wavenet

__all__ = [
    "Entry",
    "ModelInfo",
    "PresetInfo",
    "Row",
    "alexnet",
    "all_convolutional",
    "c3d",
    "conv_bn_classifier",
    "conv_pool_classifier",
    "convmixer",
    "convnext_tiny",
    "convolutional_autoencoder",
    "create_model",
    "dcgan_discriminator",
    "dcgan_generator",
    "deeplab_v3",
    "densenet121",
    "densenet169",
    "densenet201",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "espcn",
    "fcn8s",
    "fcn_resnet50",
    "filter_bank",
    "from_preset",
    "get_entry",
    "googlenet",
    "keyword_spotter",
    "layer_table",
    "lenet5",
    "line_detector",
    "list_models",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "model_info",
    "nin",
    "preset_info",
    "regnet_y_400mf",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "same_padding_stack",
    "save_to_preset",
    "segnet",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
    "squeezenet1_1",
    "srcnn",
    "tcn",
    "unet",
    "unet3d",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "wavenet",
    "wide_resnet50_2",
    "zfnet",
]
