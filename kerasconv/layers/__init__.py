"""Keras layers whose arithmetic is written in this package. Each is a subclass of the stock layer of its name.

They hold state, validation and configuration; the arithmetic is in `kerasconv.arithmetic`. Keras' aliases, such as
`MaxPool2D` for `MaxPooling2D`, are here, too.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.layers")

from kerasconv.layers.adaptive_pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from kerasconv.layers.adaptive_pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from kerasconv.layers.adaptive_pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from kerasconv.layers.adaptive_pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from kerasconv.layers.adaptive_pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from kerasconv.layers.adaptive_pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from kerasconv.layers.convolution import Conv1D as Conv1D
from kerasconv.layers.convolution import Conv2D as Conv2D
from kerasconv.layers.convolution import Conv3D as Conv3D
from kerasconv.layers.convolution import DepthwiseConv1D as DepthwiseConv1D
from kerasconv.layers.convolution import DepthwiseConv2D as DepthwiseConv2D
from kerasconv.layers.convolution import DepthwiseConv3D as DepthwiseConv3D
from kerasconv.layers.convolution import SeparableConv1D as SeparableConv1D
from kerasconv.layers.convolution import SeparableConv2D as SeparableConv2D
from kerasconv.layers.global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from kerasconv.layers.global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from kerasconv.layers.global_pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from kerasconv.layers.global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from kerasconv.layers.global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from kerasconv.layers.global_pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from kerasconv.layers.padding import Padding1D as Padding1D
from kerasconv.layers.padding import Padding2D as Padding2D
from kerasconv.layers.padding import Padding3D as Padding3D
from kerasconv.layers.padding import ZeroPadding1D as ZeroPadding1D
from kerasconv.layers.padding import ZeroPadding2D as ZeroPadding2D
from kerasconv.layers.padding import ZeroPadding3D as ZeroPadding3D
from kerasconv.layers.pooling import AveragePooling1D as AveragePooling1D
from kerasconv.layers.pooling import AveragePooling2D as AveragePooling2D
from kerasconv.layers.pooling import AveragePooling3D as AveragePooling3D
from kerasconv.layers.pooling import LpPooling1D as LpPooling1D
from kerasconv.layers.pooling import LpPooling2D as LpPooling2D
from kerasconv.layers.pooling import LpPooling3D as LpPooling3D
from kerasconv.layers.pooling import MaxPooling1D as MaxPooling1D
from kerasconv.layers.pooling import MaxPooling2D as MaxPooling2D
from kerasconv.layers.pooling import MaxPooling3D as MaxPooling3D
from kerasconv.layers.transposed_convolution import Conv1DTranspose as Conv1DTranspose
from kerasconv.layers.transposed_convolution import Conv2DTranspose as Conv2DTranspose
from kerasconv.layers.transposed_convolution import Conv3DTranspose as Conv3DTranspose
from kerasconv.layers.unpooling import MaxUnpooling1D as MaxUnpooling1D
from kerasconv.layers.unpooling import MaxUnpooling2D as MaxUnpooling2D
from kerasconv.layers.unpooling import MaxUnpooling3D as MaxUnpooling3D

AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
Convolution1D = Conv1D
Convolution1DTranspose = Conv1DTranspose
Convolution2D = Conv2D
Convolution2DTranspose = Conv2DTranspose
Convolution3D = Conv3D
Convolution3DTranspose = Conv3DTranspose
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "DepthwiseConv3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MaxUnpooling1D",
    "MaxUnpooling2D",
    "MaxUnpooling3D",
    "Padding1D",
    "Padding2D",
    "Padding3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]
