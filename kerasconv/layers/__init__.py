"""Keras layers whose arithmetic is written in this package. Each is a subclass of the stock layer of its name.

They hold state, validation and configuration; the arithmetic is in `kerasconv.ops`.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.layers")

from kerasconv.layers.convolution import Conv1D as Conv1D
from kerasconv.layers.convolution import Conv1DTranspose as Conv1DTranspose
from kerasconv.layers.convolution import Conv2D as Conv2D
from kerasconv.layers.convolution import Conv2DTranspose as Conv2DTranspose
from kerasconv.layers.convolution import Conv3D as Conv3D
from kerasconv.layers.convolution import Conv3DTranspose as Conv3DTranspose
from kerasconv.layers.convolution import DepthwiseConv1D as DepthwiseConv1D
from kerasconv.layers.convolution import DepthwiseConv2D as DepthwiseConv2D
from kerasconv.layers.convolution import DepthwiseConv3D as DepthwiseConv3D
from kerasconv.layers.convolution import SeparableConv1D as SeparableConv1D
from kerasconv.layers.convolution import SeparableConv2D as SeparableConv2D
from kerasconv.layers.padding import Padding1D as Padding1D
from kerasconv.layers.padding import Padding2D as Padding2D
from kerasconv.layers.padding import Padding3D as Padding3D
from kerasconv.layers.padding import ZeroPadding1D as ZeroPadding1D
from kerasconv.layers.padding import ZeroPadding2D as ZeroPadding2D
from kerasconv.layers.padding import ZeroPadding3D as ZeroPadding3D
from kerasconv.layers.pooling import AdaptiveAveragePooling1D as AdaptiveAveragePooling1D
from kerasconv.layers.pooling import AdaptiveAveragePooling2D as AdaptiveAveragePooling2D
from kerasconv.layers.pooling import AdaptiveAveragePooling3D as AdaptiveAveragePooling3D
from kerasconv.layers.pooling import AdaptiveMaxPooling1D as AdaptiveMaxPooling1D
from kerasconv.layers.pooling import AdaptiveMaxPooling2D as AdaptiveMaxPooling2D
from kerasconv.layers.pooling import AdaptiveMaxPooling3D as AdaptiveMaxPooling3D
from kerasconv.layers.pooling import AveragePooling1D as AveragePooling1D
from kerasconv.layers.pooling import AveragePooling2D as AveragePooling2D
from kerasconv.layers.pooling import AveragePooling3D as AveragePooling3D
from kerasconv.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from kerasconv.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from kerasconv.layers.pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from kerasconv.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from kerasconv.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from kerasconv.layers.pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from kerasconv.layers.pooling import LpPooling1D as LpPooling1D
from kerasconv.layers.pooling import LpPooling2D as LpPooling2D
from kerasconv.layers.pooling import LpPooling3D as LpPooling3D
from kerasconv.layers.pooling import MaxPooling1D as MaxPooling1D
from kerasconv.layers.pooling import MaxPooling2D as MaxPooling2D
from kerasconv.layers.pooling import MaxPooling3D as MaxPooling3D
from kerasconv.layers.pooling import MaxUnpooling1D as MaxUnpooling1D
from kerasconv.layers.pooling import MaxUnpooling2D as MaxUnpooling2D
from kerasconv.layers.pooling import MaxUnpooling3D as MaxUnpooling3D
