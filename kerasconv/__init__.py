"""Convolution and pooling for Keras 3 that people can read, trust, change and ship.

Importing this package loads nothing but itself: each part is imported when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = (
    "arithmetic",
    "config",
    "engine",
    "export",
    "geometry",
    "inspection",
    "interop",
    "layers",
    "models",
    "ops",
    "reference",
    "train",
)
_FUNCTIONS = {
    "check_gradients": "inspection",
    "convert_model": "interop",
    "explain_algorithm": "inspection",
}

__all__ = ["__version__", *_SUBMODULES, *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        return getattr(import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
