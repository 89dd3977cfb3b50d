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

ALGORITHM_NAMES = ("auto", "direct", "gemm", "native")

_algorithm: ContextVar[str] = ContextVar("kerasconv_algorithm", default="auto")
_lowered: ContextVar[bool] = ContextVar("kerasconv_lowered", default=False)


def set_algorithm(name: str) -> None:
    """Makes `name` the algorithm of every operation that does not ask for one itself.

    Args:
        name: `"auto"`, `"direct"`, `"gemm"` or `"native"`; see `kerasconv.ops.algorithms`.

    Raises:
        ValueError: If there is no such algorithm.
    """
    _algorithm.set(check_algorithm(name, "set_algorithm"))


def get_algorithm() -> str:
    """The algorithm that `set_algorithm` or `algorithm` has set."""
    return _algorithm.get()


@contextmanager
def algorithm(name: str) -> Iterator[None]:
    """As `set_algorithm`, until the end of the `with` block."""
    token = _algorithm.set(check_algorithm(name, "algorithm"))
    try:
        yield
    finally:
        _algorithm.reset(token)


@contextmanager
def lowered() -> Iterator[None]:
    """In this block everything runs on `native`, also what asks for another algorithm.

    `kerasconv.export` traces models in it, so that standard operators leave the house.
    """
    token = _lowered.set(True)
    try:
        yield
    finally:
        _lowered.reset(token)


def resolve(name: str) -> str:
    """The algorithm that an operation asking for `name` gets."""
    if _lowered.get():
        return "native"
    return _algorithm.get() if name == "auto" else name


def check_algorithm(name: str, caller: str) -> str:
    """`name`, if it is that of an algorithm.

    Raises:
        ValueError: If it is not.
    """
    if name not in ALGORITHM_NAMES:
        raise ValueError(
            f"{caller}: `algorithm` must be one of {', '.join(map(repr, ALGORITHM_NAMES))}. "
            f"Received: algorithm={name!r}."
        )
    return name
