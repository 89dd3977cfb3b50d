"""The PyTorch modules equivalent to the layers of a Keras model, and their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import numpy as np

from kerasconv import structure
from kerasconv.interop.applied import Applied, applied
from kerasconv.interop.layouts import Parameter, Shape, parameters

Names: TypeAlias = Mapping[str, str | tuple[str, ...]]
"""The name of the PyTorch module, or of two for a separable convolution, by the path of the Keras layer."""

Flattened: TypeAlias = Mapping[str, Shape | None]
"""The shape that was flattened before a layer, channels last, by the path of the layer; see `load_torch`."""


@dataclass(frozen=True)
class Module:
    """A PyTorch module equivalent to a layer or to a part of it.

    Attributes:
        path: The path of the layer in the Keras model.
        part: The part of the layer: `"depthwise"`, `"pointwise"`, or empty for all of it.
        layer: The layer.
        flattened: The shape that was flattened to its features; see `kerasconv.interop.applied`.
        parameters: The module's tensors, by name.
    """

    path: str
    part: str
    layer: keras.Layer
    flattened: Shape | None
    parameters: dict[str, Parameter]

    def __str__(self) -> str:
        tensors = ", ".join(f"{name} {p.shape}" for name, p in self.parameters.items() if p.variable is not None)
        return f"{self.path!r} ({' of '.join(filter(None, (self.part, type(self.layer).__name__)))}: {tensors})"


def modules(model: keras.Model, flattened: Flattened | None, caller: str) -> list[Module]:
    """Returns the modules of the layers with weights, in the order in which the model applies them.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it has not been built, or has weights without a counterpart in PyTorch.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"{caller}: `model` must be a Keras model. Received: {model!r}.")
    unbuilt = [structure.path(where) for where, layer in structure.walk(model) if not layer.built]
    if unbuilt:
        raise ValueError(
            f"{caller}: `model` must have been built: give it an input shape, or call it once. Received: "
            f"{type(model).__name__} {model.name!r}, in which {', '.join(map(repr, unbuilt))} is not."
        )
    found, strange = [], []
    for a in applied(model, flattened or {}, caller):
        _check_flattened(a, caller)
        tensors = parameters(a.layer, a.flattened)
        if tensors is None:
            strange.append(f"{a.path!r} ({type(a.layer).__name__})")
            continue
        for part in dict.fromkeys(name.rpartition(".")[0] for name in tensors):
            own = {name.rpartition(".")[2]: p for name, p in tensors.items() if name.rpartition(".")[0] == part}
            found.append(Module(a.path, part, a.layer, a.flattened, own))
    if strange:
        raise ValueError(
            f"{caller}: each layer with weights must be one whose layout in PyTorch is known, without LoRA or "
            f"quantisation. Received: model {model.name!r} with {', '.join(strange)}."
        )
    return found


def _check_flattened(a: Applied, caller: str) -> None:
    if a.flattened is None:
        return
    features = a.layer.get_build_config()["input_shape"][-1]
    if np.prod(a.flattened) != features:
        raise ValueError(
            f"{caller}: the shape that was flattened must have as many elements as the layer has features. Received: "
            f"{a.flattened} for {a.path!r}, which has {features}."
        )


def prefixes(found: Sequence[Module], names: Names, caller: str, *, complete: bool) -> list[str]:
    """Returns the name of each module. Unless `names` must be `complete`, the path of a layer is its default.

    Raises:
        ValueError: If `names` has unknown layers, or lacks layers and must be complete.
    """
    paths = list(dict.fromkeys(module.path for module in found))
    unknown = [path for path in names if path not in paths]
    lacking = [path for path in paths if path not in names] if complete else []
    if unknown or lacking:
        raise ValueError(
            f"{caller}: `names` must name the modules of layers with weights{' and of all of them' * complete}: "
            f"{_quoted(paths)}. Received: names={dict(names)!r}"
            + f", which lacks {_quoted(lacking)}" * bool(lacking)
            + f", where {_quoted(unknown)} is none" * bool(unknown)
            + "."
        )
    return [_prefix(module, names.get(module.path, module.path.replace("/", ".")), caller) for module in found]


def _prefix(module: Module, name: str | tuple[str, ...], caller: str) -> str:
    if isinstance(name, str):
        return join(name, module.part)
    if not module.part or len(name) != 2:
        raise ValueError(
            f"{caller}: `names` must give one name for each layer, for a separable convolution two or one. "
            f"Received: {name!r} for {module}."
        )
    return name[module.part == "pointwise"]


def by_path(found: Iterable[Module], called: Iterable[str]) -> dict[str, str | tuple[str, ...]]:
    """Returns the names of the modules in the form of `Names`."""
    names: dict[str, str | tuple[str, ...]] = {}
    for module, name in zip(found, called, strict=True):
        before = names.get(module.path)
        names[module.path] = (before, name) if isinstance(before, str) else name
    return names


def join(prefix: str, name: str) -> str:
    """Returns the name of a member of a module. Either part may be empty."""
    return ".".join(filter(None, (prefix, name)))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
