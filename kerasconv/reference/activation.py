"""The rectifier in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np


def rectified(x: Any) -> Any:
    """`max(0, x)`, of a number or of every number in an array.

    Args:
        x: A number or an array.

    Returns:
        The same kind of thing, of the same dtype.

    Example:
        >>> [float(rectified(x)) for x in (1000.0, 0.0, -1000.0)]
        [1000.0, 0.0, 0.0]
    """
    x = np.asarray(x)
    return np.maximum(x, x.dtype.type(0))
