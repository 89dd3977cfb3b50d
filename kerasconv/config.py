"""Settings for the whole program: which algorithm computes the convolutions.

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

ALGORITHM_NAMES = ("auto", "direct", "gemm", "native")

_OPERATIONS = ("forward", "input_gradient", "kernel_gradient")

_algorithm: ContextVar[Any] = ContextVar("kerasconv_algorithm", default="auto")
_lowered: ContextVar[bool] = ContextVar("kerasconv_lowered", default=False)


def set_algorithm(algorithm: Any) -> None:
    """Sets the algorithm of every convolution that does not ask for one itself.

    Args:
        algorithm: `"auto"`, `"direct"`, `"gemm"`, `"native"`, or an object; see `kerasconv.ops.algorithms`. Poolings
            heed `"native"` only.

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
