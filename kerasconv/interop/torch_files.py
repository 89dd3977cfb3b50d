"""Files with state dicts. PyTorch and safetensors are optional, and imported when a file needs them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasconv.interop.layouts import Array


def optional_module(name: str, caller: str) -> Any:
    """Imports a module of an optional package.

    Raises:
        ImportError: If the package is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f"{caller}: this needs the package {package!r}, which is optional. Received: {error}. "
            f"`pip install {package}` installs it."
        ) from error


def as_array(tensor: Any) -> Array:
    """Converts a PyTorch tensor on any device, or anything that NumPy takes, to an array."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        tensor = tensor.float() if tensor.is_floating_point() and tensor.element_size() < 4 else tensor
    return np.asarray(tensor)


def is_ordered(source: Mapping[str, Any] | str | os.PathLike[str]) -> bool:
    """Returns whether a state dict or its file keeps the order of the modules. Safetensors sorts by name."""
    return isinstance(source, Mapping) or Path(source).suffix != ".safetensors"


def read_state(source: Mapping[str, Any] | str | os.PathLike[str], caller: str) -> dict[str, Array]:
    """Returns the given state dict, or the one in a file, as NumPy arrays.

    Raises:
        TypeError: If it is not a mapping of names to tensors.
        ValueError: If the file has an unknown ending.
        ImportError: If the package that reads it is not installed.
    """
    state = source if isinstance(source, Mapping) else _format(Path(source), caller).read(source, caller)
    if not isinstance(state, Mapping) or not all(hasattr(tensor, "shape") for tensor in state.values()):
        kinds = {name: type(value).__name__ for name, value in state.items()} if isinstance(state, Mapping) else state
        raise TypeError(f"{caller}: a state dict must have a tensor for each name. Received: {kinds!r}.")
    return {name: as_array(tensor) for name, tensor in state.items()}


def write_state(state: Mapping[str, Array], path: str | os.PathLike[str], *, overwrite: bool, caller: str) -> None:
    """Writes a state dict to a file atomically.

    Raises:
        ValueError: If the file has an unknown ending.
        FileExistsError: If the file exists and may not be replaced.
        ImportError: If the package that writes it is not installed.
    """
    target = Path(path)
    write = _format(target, caller).write
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{caller}: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
        )
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        stage = Path(folder) / target.name
        write(state, stage, caller)
        stage.replace(target)


class _Format(NamedTuple):
    read: Callable[..., Any]
    write: Callable[..., None]


def _format(path: Path, caller: str) -> _Format:
    if path.suffix not in _FORMATS:
        raise ValueError(
            f"{caller}: a file of weights must end in {', '.join(map(repr, _FORMATS))}. Received: {str(path)!r}."
        )
    return _FORMATS[path.suffix]


def _read_torch(path: Any, caller: str) -> Any:
    return optional_module("torch", caller).load(path, map_location="cpu", weights_only=True)


def _write_torch(state: Mapping[str, Array], path: Path, caller: str) -> None:
    torch = optional_module("torch", caller)
    torch.save({name: torch.from_numpy(array) for name, array in state.items()}, path)


def _read_safetensors(path: Any, caller: str) -> Any:
    return optional_module("safetensors.numpy", caller).load_file(path)


def _write_safetensors(state: Mapping[str, Array], path: Path, caller: str) -> None:
    optional_module("safetensors.numpy", caller).save_file(dict(state), path)


_FORMATS = {
    ".safetensors": _Format(_read_safetensors, _write_safetensors),
    ".pt": _Format(_read_torch, _write_torch),
    ".pth": _Format(_read_torch, _write_torch),
}
