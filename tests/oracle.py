"""Convolution and pooling in NumPy, for any rank, from the definition: one window after the other.

Independent of the package but for the pads and sizes of `Case.window`, which `test_geometry.py` tests.
"""

import numpy as np


def windows(x, window):
    """Each position of the window, and what it sees there: `(N, *kernel, C)`."""
    padded = np.pad(x, [(0, 0), *window.pads, (0, 0)])
    for position in np.ndindex(*window.output(x.shape[1:-1])):
        elements = [
            slice(p * s, p * s + e, d)
            for p, s, e, d in zip(position, window.strides, window.extent, window.dilation, strict=True)
        ]
        yield position, padded[:, *elements], (slice(None), *elements)


def conv(x, w, case):
    y = np.zeros((x.shape[0], *case.output, w.shape[-1]), x.dtype)
    c, f = case.channels, case.filters
    for position, elements, _ in windows(x, case.window):
        for g in range(case.groups):
            y[:, *position, g * f : (g + 1) * f] = np.tensordot(
                elements[..., g * c : (g + 1) * c], w[..., g * f : (g + 1) * f], axes=case.rank + 1
            )
    return y


def pool(x, case, reduce):
    """`reduce` of the real elements of each window, of shape `(N, elements, C)`."""
    y = np.zeros((x.shape[0], *case.output, x.shape[-1]), x.dtype)
    real = np.ones((1, *x.shape[1:-1], 1), bool)
    seen = zip(windows(x, case.window), windows(real, case.window), strict=True)
    for (position, elements, _), (_, inside, _) in seen:
        flat = elements.reshape(x.shape[0], inside.size, x.shape[-1])
        y[:, *position] = reduce(flat[:, inside.reshape(-1)], axis=1)
    return y


def normal(*shape, dtype="float64"):
    """Returns normally distributed numbers, the same for the same number of axes."""
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)
