"""Exchanging the layers of a model: stock Keras' for ours, or ours for stock Keras'."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import keras

from kerasconv import structure
from kerasconv.interop.counterparts import House
from kerasconv.interop.plan import Plan
from kerasconv.interop.remake import config_of, remake


def convert_model(model: keras.Model, to: House = "kerasconv") -> keras.Model:
    """A copy of a model with its layers exchanged for those of the same name, ours or stock Keras'.

    The copy has the same weights, outputs and gradients, and shares nothing with the original, which is left as it is.
    Layers without a counterpart are copied as they are. Names, `trainable` flags, dtype policies, regularisers, LoRA,
    inputs and the sharing of layers are kept; whether and how the model was compiled is not.

    It takes functional and Sequential models, models in models, layers that hold layers (`TimeDistributed`,
    `Bidirectional`, your own), and subclassed models that `from_config(get_config())` makes again.

    Where one of our layers pads as no word of Keras says, a layer `<name>_pad` stands in front of its copy. But where
    padding must not win a maximum, or not count in a mean, the copy is a small model: it pads with minus infinity, or
    divides by how much of each window is no padding. Converted back these stay, with the same answers.

    The mask of a sequence goes as far as in the original: our 1-D layers are made with `propagate_mask=False`.

    Args:
        model: The model.
        to: Whose layers the copy shall have: `"kerasconv"` or `"keras"`.

    Returns:
        A model of the same class.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If `to` is neither, or a layer cannot be converted: it does what stock Keras has no layer for, or it
            cannot be made again. The message names all such layers; `conversion_report` returns them.

    Example:
        >>> import keras, kerasconv
        >>> stock = keras.Sequential([keras.Input((8, 9, 3)), keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
        >>> kerasconv.interop.convert_model(stock).layers[0].__module__
        'kerasconv.layers.convolution'
    """
    plan = Plan(model, to, "convert_model")
    problems = plan.report().problems
    if problems:
        raise ValueError(
            "convert_model: every layer must be one that the other side has too, or one that can be copied. "
            f"Received: {type(model).__name__} {model.name!r}, in which" + "".join(f"\n  {row}" for row in problems)
        )
    return _Copies(plan).whole(model)


class _Copies:
    """The copies of the layers, operations and models inside one model, each made once."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._of: dict[int, Any] = {}

    def whole(self, model: keras.Model) -> keras.Model:
        """The copy of the whole model, with everything in it."""
        new = self.copy(model)
        pairs = self._finish(model, set())
        for old, copied in reversed(pairs):  # the outer ones first: setting the flag sets it inside too
            copied.trainable = old.trainable
        for old, copied in pairs:
            _copy_state(old, copied)
        return new

    def copy(self, item: Any) -> Any:
        """The copy of a layer, operation or model; its weights come last."""
        if id(item) not in self._of:
            self._of[id(item)] = self._make(item)
        return self._of[id(item)]

    def _make(self, item: Any) -> Any:
        if structure.is_functional(item):
            inputs = keras.tree.map_structure(lambda tensor: _input_like(tensor).output, item.input)
            return type(item)(inputs, structure.run_graph(item, inputs, self._applied), name=item.name)
        if isinstance(item, keras.Sequential):
            inputs = [_input_like(item.inputs[0])] if structure.is_connected(item) else []
            layers = [*inputs, *(copied for layer in item.layers for copied in (*self._pads(layer), self.copy(layer)))]
            with _scope_of(item):
                return type(item)(layers, name=item.name)
        planned = self._plan.new.get(id(item))
        new = remake(type(item), config_of(item), item) if planned is None else planned
        self._furnish(item, new)
        return new

    def _applied(self, operation: Any) -> Any:
        """The copy of an operation, to be called as the original was."""
        new, pads = self.copy(operation), self._pads(operation)

        def call(*args: Any, **kwargs: Any) -> Any:
            for pad in pads:
                inputs = args[0] if args else kwargs.pop("inputs")
                args = (pad(inputs), *args[1:])
            if type(new) is not type(operation) and "mask" not in new.call_signature_parameters:
                kwargs.pop("mask", None)  # Keras records the mask that it found for a layer
            with _scope_of(operation):
                return new(*args, **kwargs)

        return call

    def _pads(self, item: Any) -> list[keras.Layer]:
        """The layer in front of the copy of a layer, if there is one."""
        return [self._plan.pads[id(item)]] if id(item) in self._plan.pads else []

    def _furnish(self, old: Any, new: Any) -> None:
        """Puts copies of its sub-layers into the copy of a layer; where none is exchanged, its own serve as copies."""
        inner, made = structure.sublayers(old), structure.sublayers(new)
        if self._plan.opens(old):
            structure.exchange(new, {id(made[where]): self.copy(inner[where]) for where in inner if where in made})
        elif len(inner) == len(made):
            for theirs, ours in zip(inner.values(), made.values(), strict=True):
                if self._of.setdefault(id(theirs), ours) is ours:
                    ours.name = theirs.name
                    self._furnish(theirs, ours)
                else:  # it is also elsewhere in the model
                    structure.exchange(new, {id(ours): self._of[id(theirs)]})

    def _finish(self, old: keras.Layer, seen: set[int]) -> list[tuple[keras.Layer, keras.Layer]]:
        """Builds what is not built yet, and returns all layers with their copies, the inner ones before the outer."""
        if id(old) in seen:
            return []
        seen.add(id(old))
        new = self._of[id(old)]
        builds_itself = type(new).build is not keras.Layer.build and not structure.is_wired(new)
        if builds_itself:
            _build_like(old, new)
            self._furnish(old, new)  # `build` may have made sub-layers
        pairs = []
        for step, inner in structure.sublayers(old).items():
            if id(inner) not in self._of:
                raise ValueError(
                    "convert_model: a layer that is made again must have the same layers inside. Received: layer "
                    f"{old.name!r} ({type(old).__name__}), which has {structure.path(step)!r}, and made again has not."
                )
            pairs += self._finish(inner, seen)
        if not builds_itself:
            _build_like(old, new)
        return [*pairs, (old, new)]


def _input_like(tensor: Any) -> keras.layers.InputLayer:
    config = structure.operation_of(tensor).get_config()
    return keras.layers.InputLayer.from_config(config)


@contextlib.contextmanager
def _scope_of(item: Any) -> Iterator[None]:
    """The name scope in which a layer was built, so that the variables of its copy get the same paths."""
    with contextlib.ExitStack() as scopes:
        for name in (getattr(item, "path", None) or "").split("/")[:-1]:
            scopes.enter_context(keras.name_scope(name))
        yield


def _build_like(old: keras.Layer, new: keras.Layer) -> None:
    """Builds a layer as the original was."""
    config = old.get_build_config() if old.built and not new.built else None
    if config is None:
        return
    with _scope_of(old):
        if type(new).build is keras.Layer.build:  # no variables of its own; those inside have been built
            new.build(config.get("input_shape"))
        else:
            new.build_from_config(config)


def _copy_state(old: keras.Layer, new: keras.Layer) -> None:
    """Copies a layer's own variables, those of equal name in their order, and what it has learnt besides."""
    theirs, ours = _by_name(old), _by_name(new)
    if {name: [v.shape for v in group] for name, group in theirs.items()} != {
        name: [v.shape for v in group] for name, group in ours.items()
    }:
        raise ValueError(
            "convert_model: a layer that is made again must have the same variables. Received: layer "
            f"{old.name!r} ({type(old).__name__}), which has {_shapes(theirs)}, and made again {_shapes(ours)}."
        )
    for name, group in theirs.items():
        for source, target in zip(group, ours[name], strict=True):
            target.assign(source)
            target.trainable = source.trainable
    if hasattr(old, "save_assets"):  # vocabularies
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)
    if hasattr(new, "finalize_state"):  # what `adapt` has found
        new.finalize_state()


def _by_name(layer: keras.Layer) -> dict[str, list[keras.Variable]]:
    groups = defaultdict(list)
    for variable in structure.own_variables(layer):
        groups[re.sub(r"_\d+$", "", variable.name)].append(variable)  # Keras numbers those that have no name
    return dict(groups)


def _shapes(groups: dict[str, list[keras.Variable]]) -> str:
    return ", ".join(f"{name}{tuple(v.shape)}" for name, group in groups.items() for v in group) or "none"
