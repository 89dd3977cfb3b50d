"""Packages that only training and the demonstration use, in the extra `train`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

PACKAGES = {"matplotlib": "matplotlib", "sklearn": "scikit-learn"}
"""The packages of the extra `train`, by the modules that they install."""


def import_extra(module: str, caller: str, use: str) -> Any:
    """Imports a module of the extra `train`.

    Args:
        module: Its name, such as `"sklearn.datasets"`.
        caller: The function or command that needs it.
        use: The part of its work that needs it, in the plural.

    Raises:
        ImportError: If it cannot be imported.

    Example:
        >>> import_extra("sklearn.datasets", "train", "digits").load_digits().images.shape
        (1797, 8, 8)
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = PACKAGES[module.partition(".")[0]]
        raise ImportError(
            f"{caller}: {use} need the package {package}, which the extra `train` installs. Received: {error}. "
            'Install it with: pip install "kerasconv[train]"'
        ) from error
