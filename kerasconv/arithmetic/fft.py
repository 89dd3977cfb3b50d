"""Convolution as a product of spectra, for large kernels.

With `X`, `W`, `Y` the discrete Fourier transforms over the spatial axes, of inputs padded so that nothing wraps round
into what is kept, a correlation is a product for each frequency, which sums over the channels as a matrix product does:

    Y = X conj(W)        dX = dY W^T        dW = X^T conj(dY)

It takes strides of 1, no dilation, up to three spatial axes, and needs the memory of all spectra at once. The number
of operations does not depend on the size of the kernel. An output is made of all elements of the example, so it is
exact only to the magnitude of the largest of them, and one NaN or infinity makes all outputs NaN.

Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through FFTs", 2014, arXiv 1312.5851.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from kerasconv.arithmetic.groups import groups_to_batch, groups_to_channels, merge_groups, split_groups
from kerasconv.arithmetic.tensors import pad, sizes_of
from kerasconv.geometry import Size, Window


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `Y = X conj(W)`, as elements."""
    sizes = sizes_of(x)[1:-1]
    padded = window.padded(sizes)
    x = _spectrum(pad(groups_to_batch(x, groups), window.pads), padded, groups)
    y = _matmul(x, tf.math.conj(_kernel_spectrum(w, groups, padded)))
    return groups_to_channels(_elements(y, padded, [0] * window.rank, window.output(sizes)), groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """Returns `dX = dY W^T`, as elements."""
    padded = window.padded(sizes)
    dy = _spectrum(groups_to_batch(dy, groups), padded, groups)
    dx = _matmul(dy, _transpose(_kernel_spectrum(w, groups, padded)))
    return groups_to_channels(_elements(dx, padded, [lo for lo, _ in window.pads], sizes), groups)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """Returns `dW = X^T conj(dY)`, as elements."""
    channels, filters = x.shape[-1] // groups, dy.shape[-1] // groups
    padded = window.padded(sizes_of(x)[1:-1])
    x = _spectrum(pad(groups_to_batch(x, groups), window.pads), padded, groups)
    dy = _spectrum(groups_to_batch(dy, groups), padded, groups)
    dw = _elements(_matmul(_transpose(x), tf.math.conj(dy)), padded, [0] * window.rank, window.size)  # (G C, *K, F)
    dw = tf.transpose(tf.reshape(dw, [groups, channels, math.prod(window.size), filters]), [0, 2, 1, 3])
    return merge_groups(dw if groups > 1 else dw[0], window.size, groups)


def _spectrum(x: tf.Tensor, lengths: Sequence[Size], groups: int) -> tf.Tensor:
    """Returns the spectra of `(G N, *S, C)` filled up with zeros to these lengths: `(G, *frequencies, N, C)`."""
    rank = x.shape.rank - 2
    x = pad(x, [(0, length - n) for length, n in zip(lengths, sizes_of(x)[1:-1], strict=True)])
    spectrum = _transform(tf.transpose(x, [0, rank + 1, *range(1, rank + 1)]), rank)  # (G N, C, *frequencies)
    batch, channels, *frequencies = sizes_of(spectrum)
    spectrum = tf.reshape(spectrum, [groups, batch // groups, channels, *frequencies])
    return tf.transpose(spectrum, [0, *range(3, rank + 3), 1, 2])


def _kernel_spectrum(w: tf.Tensor, groups: int, lengths: Sequence[Size]) -> tf.Tensor:
    """Returns `W`, the spectra of a kernel: `(G, *frequencies, C, F)`."""
    *size, channels, filters = w.shape
    w = tf.reshape(split_groups(w, groups), [groups, *size, channels * (filters // groups)])
    spectrum = _spectrum(w, lengths, groups)
    return tf.reshape(spectrum, [*sizes_of(spectrum)[: len(size) + 1], channels, filters // groups])


def _matmul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns a matrix product for each frequency, or with one channel a product of numbers."""
    return a * b if a.shape[-1] == 1 else tf.matmul(a, b)


def _transpose(x: tf.Tensor) -> tf.Tensor:
    """Returns a matrix for each frequency, transposed."""
    rank = x.shape.rank
    return tf.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


def _elements(spectrum: tf.Tensor, lengths: Sequence[Size], begin: Sequence[Size], sizes: Sequence[Size]) -> tf.Tensor:
    """Returns of the elements whose spectra are `(G, *frequencies, N, C)` some along each axis: `(G N, *sizes, C)`."""
    rank = spectrum.shape.rank - 3
    x = _inverse(tf.transpose(spectrum, [0, rank + 1, rank + 2, *range(1, rank + 1)]), lengths)
    x = tf.transpose(x, [0, 1, *range(3, rank + 3), 2])
    groups, batch, *_, channels = sizes_of(x)
    x = tf.slice(x, [0, 0, *begin, 0], [groups, batch, *sizes, channels])
    return tf.reshape(x, [groups * batch, *sizes, channels])


def _transform(x: tf.Tensor, rank: int) -> tf.Tensor:
    """Returns the spectra over the last axes of real numbers; TensorFlow has no gradient for its `rfft3d`."""
    if rank == 1:
        return tf.signal.rfft(x)
    return tf.signal.rfft2d(x) if rank == 2 else _along_depth(tf.signal.fft, tf.signal.rfft2d(x))


def _inverse(spectrum: tf.Tensor, lengths: Sequence[Size]) -> tf.Tensor:
    """Returns the real numbers, of these lengths along the last axes, whose spectra these are."""
    if len(lengths) == 1:
        return tf.signal.irfft(spectrum, lengths)
    if len(lengths) == 3:
        spectrum = _along_depth(tf.signal.ifft, spectrum)
    return tf.signal.irfft2d(spectrum, lengths[-2:])


def _along_depth(transform: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Returns `x`, transformed along its third last axis."""
    rank = x.shape.rank
    swapped = [*range(rank - 3), rank - 1, rank - 2, rank - 3]
    return tf.transpose(transform(tf.transpose(x, swapped)), swapped)
