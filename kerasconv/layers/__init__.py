"""Keras layers whose arithmetic is written in this package. Each is a subclass of the stock layer of its name.

They hold state, validation and configuration; the arithmetic is in `kerasconv.ops`.
"""

from kerasconv.backend import require_tensorflow

require_tensorflow("kerasconv.layers")

from kerasconv.layers.convolution import Conv1D as Conv1D
from kerasconv.layers.convolution import Conv2D as Conv2D
from kerasconv.layers.convolution import Conv3D as Conv3D
from kerasconv.layers.padding import ZeroPadding1D as ZeroPadding1D
from kerasconv.layers.padding import ZeroPadding2D as ZeroPadding2D
from kerasconv.layers.padding import ZeroPadding3D as ZeroPadding3D
from kerasconv.layers.pooling import AveragePooling1D as AveragePooling1D
from kerasconv.layers.pooling import AveragePooling2D as AveragePooling2D
from kerasconv.layers.pooling import AveragePooling3D as AveragePooling3D
from kerasconv.layers.pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
from kerasconv.layers.pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
from kerasconv.layers.pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
from kerasconv.layers.pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
from kerasconv.layers.pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
from kerasconv.layers.pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
from kerasconv.layers.pooling import MaxPooling1D as MaxPooling1D
from kerasconv.layers.pooling import MaxPooling2D as MaxPooling2D
from kerasconv.layers.pooling import MaxPooling3D as MaxPooling3D
