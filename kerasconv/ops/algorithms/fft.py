"""Convolution as a product of spectra, for large kernels.

With `X`, `W`, `Y` the discrete Fourier transforms over the spatial axes, of inputs padded so that nothing wraps round
into what is kept, a correlation is a product for each frequency, which sums over the channels as a matrix product does:

    Y = X conj(W)        dX = dY W^T        dW = X^T conj(dY)

It takes strides of 1, no dilation, up to three spatial axes, and needs the memory of all spectra at once. The number
of operations does not depend on the size of the kernel.

Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through FFTs", 2014, arXiv 1312.5851.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from kerasconv.geometry import Size, Window
from kerasconv.ops.algorithms.groups import joined, kernels, to_batch, to_channels
from kerasconv.ops.algorithms.problem import Problem, seconds
from kerasconv.ops.windows import pad, sizes_of

_FORWARD = {1: tf.signal.rfft, 2: tf.signal.rfft2d, 3: tf.signal.rfft3d}
_INVERSE = {1: tf.signal.irfft, 2: tf.signal.irfft2d, 3: tf.signal.irfft3d}


def refusal(window: Window, groups: int, channels: int) -> str | None:
    """Why this convolution is not for FFT, if it is not."""
    if max(window.strides) > 1 or max(window.dilation) > 1:
        return "it takes strides and dilations of 1 only"
    return None if window.rank in _FORWARD else "it takes one to three spatial axes"


def cost(p: Problem) -> float:
    """Seconds, about: complex products count fourfold and are slow, and each spectrum is passed over ten times."""
    cells = math.prod(o + k - 1 for o, k in zip(p.output, p.window.size, strict=True))
    spectra = cells * (p.batch * p.groups * (p.channels + p.filters) + p.groups * p.channels * p.filters)
    operations = 4 * cells * p.batch * p.groups * p.channels * p.filters
    return seconds(4 * operations, 32, 40 * spectra, products=10)


def workspace(p: Problem) -> float:
    """Bytes: the spectra."""
    cells = math.prod(o + k - 1 for o, k in zip(p.output, p.window.size, strict=True))
    return 8 * cells * p.groups * (p.batch * (p.channels + p.filters) + p.channels * p.filters)


def forward(x: tf.Tensor, w: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`Y = X conj(W)`."""
    return forward_transformed(x, _conjugate(w, window, groups, window.padded(sizes_of(x)[1:-1])), window, groups)


def input_gradient(dy: tf.Tensor, w: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]) -> tf.Tensor:
    """`dX = dY W^T`."""
    spectrum = _transposed(w, window, groups, window.padded(sizes))
    return input_gradient_transformed(dy, spectrum, window, groups, sizes)


def transformed(w: tf.Tensor, p: Problem) -> tf.Tensor:
    """`conj(W)`, or of the input gradient `W^T`: what the turns of a problem have in common."""
    lengths = p.window.padded(p.window.input(p.output))
    of = _transposed if p.operation == "input_gradient" else _conjugate
    return of(w, p.window, p.groups, lengths)


def forward_transformed(x: tf.Tensor, spectrum: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`forward` by the `transformed` kernel."""
    sizes = sizes_of(x)[1:-1]
    padded = window.padded(sizes)
    y = _matmul(_spectrum(pad(to_batch(x, groups), window.pads), padded, groups), spectrum)
    return to_channels(_cells(y, padded, [0] * window.rank, window.output(sizes)), groups)


def input_gradient_transformed(
    dy: tf.Tensor, spectrum: tf.Tensor, window: Window, groups: int, sizes: Sequence[Size]
) -> tf.Tensor:
    """`input_gradient` by the `transformed` kernel."""
    padded = window.padded(sizes)
    dx = _matmul(_spectrum(to_batch(dy, groups), padded, groups), spectrum)
    return to_channels(_cells(dx, padded, [lo for lo, _ in window.pads], sizes), groups)


def kernel_gradient(x: tf.Tensor, dy: tf.Tensor, window: Window, groups: int) -> tf.Tensor:
    """`dW = X^T conj(dY)`."""
    padded = window.padded(sizes_of(x)[1:-1])
    x_spectrum = _spectrum(pad(to_batch(x, groups), window.pads), padded, groups)
    dy_spectrum = tf.math.conj(_spectrum(to_batch(dy, groups), padded, groups))
    rank = x_spectrum.shape.rank
    dw = _matmul(tf.transpose(x_spectrum, [*range(rank - 2), rank - 1, rank - 2]), dy_spectrum)
    dw = _cells(dw, padded, [0] * window.rank, window.size)  # (G C, *K, F)
    channels, filters = x.shape[-1] // groups, dy.shape[-1] // groups
    dw = tf.reshape(dw, [groups, channels, math.prod(window.size), filters])
    return joined(tf.transpose(dw, [0, 2, 1, 3]), window.size)


def _spectrum(x: tf.Tensor, lengths: Sequence[Size], groups: int) -> tf.Tensor:
    """The spectra of `(G N, *S, C)` filled up with zeros to these lengths: `(G, *frequencies, N, C)`."""
    rank = x.shape.rank - 2
    x = pad(x, [(0, length - n) for length, n in zip(lengths, sizes_of(x)[1:-1], strict=True)])
    spectrum = _FORWARD[rank](tf.transpose(x, [0, rank + 1, *range(1, rank + 1)]), lengths)  # (G N, C, *frequencies)
    batch, channels, *frequencies = sizes_of(spectrum)
    spectrum = tf.reshape(spectrum, [groups, batch // groups, channels, *frequencies])
    return tf.transpose(spectrum, [0, *range(3, rank + 3), 1, 2])


def _conjugate(w: tf.Tensor, window: Window, groups: int, lengths: Sequence[Size]) -> tf.Tensor:
    """`conj(W)`, the spectra of a kernel: `(G, *frequencies, C, F)`."""
    spectrum, rank = _kernel_spectrum(w, window, groups, lengths), window.rank
    return tf.transpose(tf.math.conj(spectrum), [0, *range(3, rank + 3), 1, 2])


def _transposed(w: tf.Tensor, window: Window, groups: int, lengths: Sequence[Size]) -> tf.Tensor:
    """`W^T`: `(G, *frequencies, F, C)`."""
    spectrum, rank = _kernel_spectrum(w, window, groups, lengths), window.rank
    return tf.transpose(spectrum, [0, *range(3, rank + 3), 2, 1])


def _kernel_spectrum(w: tf.Tensor, window: Window, groups: int, lengths: Sequence[Size]) -> tf.Tensor:
    """`W`: `(G, C, F, *frequencies)`."""
    w = tf.reshape(kernels(w, groups), [groups, *window.size, *(w.shape[-2], w.shape[-1] // groups)])
    rank = window.rank
    return _FORWARD[rank](tf.transpose(w, [0, rank + 1, rank + 2, *range(1, rank + 1)]), lengths)


def _matmul(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """A matrix product for each frequency, or with one channel a product of numbers."""
    return a * b if a.shape[-1] == 1 else tf.matmul(a, b)


def _cells(spectrum: tf.Tensor, lengths: Sequence[Size], begin: Sequence[Size], sizes: Sequence[Size]) -> tf.Tensor:
    """The cells whose spectra are `(G, *frequencies, N, C)`, some of them: `(G N, *sizes, C)`."""
    rank = spectrum.shape.rank - 3
    x = _INVERSE[rank](tf.transpose(spectrum, [0, rank + 1, rank + 2, *range(1, rank + 1)]), lengths)
    x = tf.transpose(x, [0, 1, *range(3, rank + 3), 2])
    groups, batch, *_, channels = sizes_of(x)
    x = tf.slice(x, [0, 0, *begin, 0], [groups, batch, *sizes, channels])
    return tf.reshape(x, [groups * batch, *sizes, channels])
