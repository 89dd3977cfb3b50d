"""Settings for the whole program: which algorithm computes the convolutions, and how much memory it may take.

The `set_` functions set a value for the whole program, in all threads; the `with` forms set one for a block, in the
thread (or asynchronous task) that enters it, where it comes before the program's. A layer or call that names an
algorithm keeps it; the others (`algorithm="auto"`) follow the settings. These are read when an operation is traced, for
its gradients too, so a `tf.function` that is traced already keeps what it had.

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
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = [
    "ALGORITHM_NAMES",
    "algorithm",
    "fft",
    "get_algorithm",
    "get_fft",
    "get_memory_limit",
    "get_winograd",
    "memory_limit",
    "set_algorithm",
    "set_fft",
    "set_memory_limit",
    "set_winograd",
    "winograd",
]

ALGORITHM_NAMES = ("auto", "direct", "gemm", "winograd", "fft", "native")

_OPERATIONS = ("forward", "input_gradient", "kernel_gradient")

_T = TypeVar("_T")


class _Setting(Generic[_T]):
    """A value for the whole program, and in a block another."""

    def __init__(self, name: str, value: _T):
        self.value = value
        self._of_block: ContextVar[tuple[_T] | None] = ContextVar(f"kerasconv_{name}", default=None)

    def get(self) -> _T:
        """Returns the innermost block's value, or else the program's."""
        of_block = self._of_block.get()
        return self.value if of_block is None else of_block[0]

    @contextmanager
    def of_block(self, value: _T) -> Iterator[None]:
        """Sets another value until the block ends."""
        token = self._of_block.set((value,))
        try:
            yield
        finally:
            self._of_block.reset(token)


_algorithm: _Setting[Any] = _Setting("algorithm", "auto")
_winograd = _Setting("winograd", True)
_fft = _Setting("fft", False)
_memory_limit: _Setting[int | None] = _Setting("memory_limit", None)
_lowered = _Setting("lowered", False)


@dataclass(frozen=True)
class Settings:
    """Values of the settings of these names: all that decides how an operation is computed, beside its algorithm."""

    winograd: bool
    fft: bool
    memory_limit: int | None


def settings() -> Settings:
    """Returns the settings that are in force here."""
    return Settings(_winograd.get(), _fft.get(), _memory_limit.get())


def set_algorithm(algorithm: Any) -> None:
    """Sets the algorithm of every convolution that does not ask for one itself.

    Args:
        algorithm: `"auto"`, `"direct"`, `"gemm"`, `"winograd"`, `"fft"`, `"native"`, or an object; see
            `kerasconv.ops.algorithms`. Poolings heed `"native"` only.

    Raises:
        ValueError: If there is no such algorithm.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.set_algorithm("gemm")
        >>> kerasconv.config.get_algorithm()
        'gemm'
        >>> kerasconv.config.set_algorithm("auto")
    """
    _algorithm.value = check_algorithm(algorithm, "set_algorithm")


def get_algorithm() -> Any:
    """Returns the algorithm that `set_algorithm` or `algorithm` has set.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.get_algorithm()
        'auto'
    """
    return _algorithm.get()


@contextmanager
def algorithm(algorithm: Any) -> Iterator[None]:
    """Sets the algorithm as `set_algorithm` does, until the end of the `with` block.

    Example:
        >>> import kerasconv
        >>> with kerasconv.config.algorithm("direct"):
        ...     kerasconv.config.get_algorithm()
        'direct'
    """
    with _algorithm.of_block(check_algorithm(algorithm, "algorithm")):
        yield


def set_winograd(enabled: bool) -> None:
    """Sets whether `"auto"` may choose Winograd's algorithm, which is faster and less exact.

    Its errors are measured by the largest elements of a tile, and NaN and infinities spread within a tile;
    `kerasconv.ops.conv` has the bounds. It is true at first.

    Args:
        enabled: `False` for convolutions that only ever add up the products of their definition.

    Raises:
        ValueError: If it is no truth value.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.set_winograd(False)
        >>> kerasconv.config.get_winograd()
        False
        >>> kerasconv.config.set_winograd(True)
    """
    _winograd.value = _check_switch(enabled, "set_winograd")


def get_winograd() -> bool:
    """Returns what `set_winograd` or `winograd` has set.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.get_winograd()
        True
    """
    return _winograd.get()


@contextmanager
def winograd(enabled: bool) -> Iterator[None]:
    """Sets what `set_winograd` sets, until the end of the `with` block.

    Example:
        >>> import kerasconv
        >>> with kerasconv.config.winograd(False):
        ...     kerasconv.config.get_winograd()
        False
    """
    with _winograd.of_block(_check_switch(enabled, "winograd")):
        yield


def set_fft(enabled: bool) -> None:
    """Sets whether `"auto"` may choose `"fft"`, which is faster for large kernels and less exact.

    Its errors are measured by the largest elements of the whole input, and one NaN or infinity spreads over an example;
    `kerasconv.ops.conv` has the bounds. It is false at first.

    Args:
        enabled: `True` for inputs whose elements are of about the same magnitude, and finite.

    Raises:
        ValueError: If it is no truth value.

    Example:
        >>> import kerasconv
        >>> with kerasconv.config.fft(True):
        ...     kerasconv.config.get_fft()
        True
    """
    _fft.value = _check_switch(enabled, "set_fft")


def get_fft() -> bool:
    """Returns what `set_fft` or `fft` has set.

    Example:
        >>> import kerasconv
        >>> kerasconv.config.get_fft()
        False
    """
    return _fft.get()


@contextmanager
def fft(enabled: bool) -> Iterator[None]:
    """Sets what `set_fft` sets, until the end of the `with` block.

    Example:
        >>> import kerasconv
        >>> with kerasconv.config.fft(True):
        ...     kerasconv.config.get_fft()
        True
    """
    with _fft.of_block(_check_switch(enabled, "fft")):
        yield


def set_memory_limit(limit: int | None) -> None:
    """Sets how many bytes a convolution may take beside its input, kernel and output, before it is computed in chunks.

    Args:
        limit: Bytes, at least one million; or `None`, as at first: half of what input, kernel and output take together,
            but at least 16 MiB and at most 64 MiB, and in float64 twice as much. More is a little faster, for small
            tensors above all. The kernel in another form is not counted, and chunks are single rows at the least.
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
    _memory_limit.value = _check_limit(limit, "set_memory_limit")


def get_memory_limit() -> int | None:
    """Returns what `set_memory_limit` or `memory_limit` has set, at first `None`.

    Example:
        >>> import kerasconv
        >>> print(kerasconv.config.get_memory_limit())
        None
    """
    return _memory_limit.get()


@contextmanager
def memory_limit(limit: int | None) -> Iterator[None]:
    """Sets what `set_memory_limit` sets, until the end of the `with` block.

    Example:
        >>> import kerasconv
        >>> with kerasconv.config.memory_limit(2**25):
        ...     kerasconv.config.get_memory_limit()
        33554432
    """
    with _memory_limit.of_block(_check_limit(limit, "memory_limit")):
        yield


@contextmanager
def lowered() -> Iterator[None]:
    """Runs everything in the block on `native`, also what asks for another algorithm by name.

    An object in place of a name may compute something else, so it stays. `kerasconv.export` traces models in this
    block, so that standard operators leave the house.
    """
    with _lowered.of_block(True):
        yield


def resolve(algorithm: Any) -> Any:
    """Returns what an operation gets that asks for `algorithm`."""
    if isinstance(algorithm, str) and algorithm == "auto":
        algorithm = _algorithm.get()
    return "native" if _lowered.get() and isinstance(algorithm, str) else algorithm


def check_algorithm(algorithm: Any, caller: str) -> Any:
    """Returns `algorithm`, if it is the name of one or has its operations.

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


def _check_switch(enabled: Any, caller: str) -> bool:
    if not isinstance(enabled, bool | int) or enabled not in (0, 1):
        raise ValueError(f"{caller}: `enabled` must be True or False. Received: enabled={enabled!r}.")
    return bool(enabled)


def _check_limit(limit: Any, caller: str) -> int | None:
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 10**6):
        raise ValueError(
            f"{caller}: `limit` must be a number of bytes, an int of at least 1000000, or None. "
            f"Received: limit={limit!r}."
        )
    return limit
