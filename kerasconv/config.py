"""Settings for the whole program: which algorithm computes the convolutions, and how much memory it may take.

A layer or call that names an algorithm keeps it; the others (`algorithm="auto"`) follow the setting made here. The
setting is read when an operation is traced, so a `tf.function` that is compiled already keeps what it had.

Example:
    >>> import kerasconv
    >>> with kerasconv.config.algorithm("direct"):
    ...     kerasconv.config.get_algorithm()
    'direct'
    >>> kerasconv.config.get_algorithm()
    'auto'
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

ALGORITHM_NAMES = ("auto", "direct", "gemm", "winograd", "fft", "native")

_OPERATIONS = ("forward", "input_gradient", "kernel_gradient")

_algorithm: ContextVar[Any] = ContextVar("kerasconv_algorithm", default="auto")
_winograd: ContextVar[bool] = ContextVar("kerasconv_winograd", default=True)
_memory_limit: ContextVar[int | None] = ContextVar("kerasconv_memory_limit", default=None)
_lowered: ContextVar[bool] = ContextVar("kerasconv_lowered", default=False)


def set_algorithm(algorithm: Any) -> None:
    """Sets the algorithm of every convolution that does not ask for one itself.

    Args:
        algorithm: `"auto"`, `"direct"`, `"gemm"`, `"winograd"`, `"fft"`, `"native"`, or an object; see
            `kerasconv.ops.algorithms`. Poolings heed `"native"` only.

    Raises:
        ValueError: If there is no such algorithm.
    """
    _algorithm.set(check_algorithm(algorithm, "set_algorithm"))


def get_algorithm() -> Any:
    """The algorithm that `set_algorithm` or `algorithm` has set."""
    return _algorithm.get()


@contextmanager
def algorithm(algorithm: Any) -> Iterator[None]:
    """As `set_algorithm`, until the end of the `with` block."""
    token = _algorithm.set(check_algorithm(algorithm, "algorithm"))
    try:
        yield
    finally:
        _algorithm.reset(token)


def set_winograd(enabled: bool) -> None:
    """Whether `"auto"` may choose Winograd's algorithm, which is faster and loses about one decimal digit.

    Args:
        enabled: `False` for convolutions that only ever add up the products of their definition. It is true at first.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.set_winograd(False)
        >>> kerasconv.config.get_winograd()
        False
        >>> kerasconv.config.set_winograd(True)
    """
    _winograd.set(bool(enabled))


def get_winograd() -> bool:
    """What `set_winograd` has set.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.get_winograd()
        True
    """
    return _winograd.get()


def set_memory_limit(limit: int | None) -> None:
    """How many bytes a convolution may take beside its input, kernel and output, before it is computed in parts.

    Args:
        limit: Bytes, at least one million; or `None`, as at first: half of what input, kernel and output take together,
            but at least 16 MiB and at most 64 MiB, and in float64 twice as much. More is a little faster, for small
            tensors above all. The kernel in another form is not counted, and parts are single rows at the least.
            `"native"` does not heed it.

    Raises:
        ValueError: If it is no such number.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.set_memory_limit(32 * 2**20)
        >>> kerasconv.config.get_memory_limit()
        33554432
        >>> kerasconv.config.set_memory_limit(None)
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 10**6):
        raise ValueError(
            "set_memory_limit: `limit` must be a number of bytes, an int of at least 1000000, or None. "
            f"Received: limit={limit!r}."
        )
    _memory_limit.set(limit)


def get_memory_limit() -> int | None:
    """What `set_memory_limit` has set, at first `None`.

    Example:
        >>> import kerasconv
        >>> print(kerasconv.config.get_memory_limit())
        None
    """
    return _memory_limit.get()


@contextmanager
def lowered() -> Iterator[None]:
    """In this block everything runs on `native`, also what asks for another algorithm by name.

    An object in place of a name may compute something else, so it stays. `kerasconv.export` traces models in this
    block, so that standard operators leave the house.
    """
    token = _lowered.set(True)
    try:
        yield
    finally:
        _lowered.reset(token)


def resolve(algorithm: Any) -> Any:
    """What an operation gets that asks for `algorithm`."""
    if algorithm == "auto":
        algorithm = _algorithm.get()
    return "native" if _lowered.get() and isinstance(algorithm, str) else algorithm


def check_algorithm(algorithm: Any, caller: str) -> Any:
    """`algorithm`, if it is the name of one or has its operations.

    Raises:
        ValueError: If it is neither.
    """
    known = algorithm in ALGORITHM_NAMES if isinstance(algorithm, str) else False
    if not known and not all(callable(getattr(algorithm, operation, None)) for operation in _OPERATIONS):
        raise ValueError(
            f"{caller}: `algorithm` must be one of {', '.join(map(repr, ALGORITHM_NAMES))}, or an object with the "
            f"operations {', '.join(_OPERATIONS)}. Received: algorithm={algorithm!r}."
        )
    return algorithm
