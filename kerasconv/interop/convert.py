"""Conversion of models between the layers of stock Keras and ours."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import keras

from kerasconv import structure
from kerasconv.interop.counterparts import Library
from kerasconv.interop.plan import Plan
from kerasconv.interop.rebuild import config_of, rebuild


def convert_model(model: keras.Model, to: Library = "kerasconv") -> keras.Model:
    """Copies a model with its layers replaced by those of the same name from kerasconv or stock Keras.

    The copy has the same weights, outputs and gradients, and shares nothing with the original, which is not changed.
    Layers without a counterpart are copied as they are. Names, `trainable` flags, dtype policies, regularisers, LoRA,
    inputs and the sharing of layers are kept. Compilation is not.

    The model may be functional or Sequential, with nested models and with layers that have sub-layers
    (`TimeDistributed`, `Bidirectional`, your own), or a subclassed model that `from_config(get_config())` can rebuild.

    If one of our layers pads as no option of Keras does, a layer `<name>_pad` comes before its copy. Where padding must
    not win a maximum, or not count in an average, the copy is a small model that pads with minus infinity, or divides
    by the share of each window that is not padding. These models are kept when the copy is converted back.

    Masks of sequences propagate as in the original: our 1-D layers get `propagate_mask=False`.

    Args:
        model: The model.
        to: The library of the new layers, `"kerasconv"` or `"keras"`.

    Returns:
        A model of the same class.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If `to` is neither of them, or a layer cannot be converted since stock Keras has no equivalent or
            it cannot be rebuilt. The message lists all such layers; `conversion_report` returns them.

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
    return _Copies(plan).copy_model(model)


class _Copies:
    """The copies of the layers, operations and models inside one model. Each is copied once."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._of: dict[int, Any] = {}

    def copy_model(self, model: keras.Model) -> keras.Model:
        """Returns the copy of the whole model, with its weights."""
        new = self.copy(model)
        pairs = self._build_all(model, set())
        for old, copied in reversed(pairs):  # outer layers first, since setting the flag also sets it for sub-layers
            copied.trainable = old.trainable
        for old, copied in pairs:
            _copy_state(old, copied)
        return new

    def copy(self, item: Any) -> Any:
        """Returns the copy of a layer, operation or model, without its weights."""
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
        new = rebuild(type(item), config_of(item), item) if planned is None else planned
        self._copy_sublayers(item, new)
        return new

    def _applied(self, operation: Any) -> Any:
        """Returns a function that calls the copy of an operation as the original was called."""
        new, pads = self.copy(operation), self._pads(operation)

        def call(*args: Any, **kwargs: Any) -> Any:
            for pad in pads:
                inputs = args[0] if args else kwargs.pop("inputs")
                args = (pad(inputs), *args[1:])
            if type(new) is not type(operation) and "mask" not in new.call_signature_parameters:
                kwargs.pop("mask", None)  # Keras records the mask that it passed to a layer
            with _scope_of(operation):
                return new(*args, **kwargs)

        return call

    def _pads(self, item: Any) -> list[keras.Layer]:
        """Returns the padding layer before the copy of a layer, if there is one."""
        return [self._plan.pads[id(item)]] if id(item) in self._plan.pads else []

    def _copy_sublayers(self, old: Any, new: Any) -> None:
        """Gives the copy of a layer the copies of its sub-layers. If none is replaced, the copy keeps its own."""
        inner, made = structure.sublayers(old), structure.sublayers(new)
        if self._plan.replaces_inside(old):
            structure.exchange(new, {id(made[where]): self.copy(inner[where]) for where in inner if where in made})
        elif len(inner) == len(made):
            for theirs, ours in zip(inner.values(), made.values(), strict=True):
                if self._of.setdefault(id(theirs), ours) is ours:
                    ours.name = theirs.name
                    self._copy_sublayers(theirs, ours)
                else:  # it also occurs elsewhere in the model
                    structure.exchange(new, {id(ours): self._of[id(theirs)]})

    def _build_all(self, old: keras.Layer, seen: set[int]) -> list[tuple[keras.Layer, keras.Layer]]:
        """Builds all copies, and returns the layers with their copies, sub-layers first."""
        if id(old) in seen:
            return []
        seen.add(id(old))
        new = self._of[id(old)]
        builds_itself = type(new).build is not keras.Layer.build and not structure.is_wired(new)
        if builds_itself:
            _build_like(old, new)
            self._copy_sublayers(old, new)  # `build` may have made sub-layers
        pairs = []
        for step, inner in structure.sublayers(old).items():
            if id(inner) not in self._of:
                raise ValueError(
                    "convert_model: a layer that is made again must have the same layers inside. Received: layer "
                    f"{old.name!r} ({type(old).__name__}), which has {structure.path(step)!r}, and made again has not."
                )
            pairs += self._build_all(inner, seen)
        if not builds_itself:
            _build_like(old, new)
        return [*pairs, (old, new)]


def _input_like(tensor: Any) -> keras.layers.InputLayer:
    config = structure.operation_of(tensor).get_config()
    return keras.layers.InputLayer.from_config(config)


@contextlib.contextmanager
def _scope_of(item: Any) -> Iterator[None]:
    """Enters the name scope in which a layer was built, so that the variables of its copy have the same paths."""
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
        if type(new).build is keras.Layer.build:  # it has no variables of its own, and its sub-layers are built
            new.build(config.get("input_shape"))
        else:
            new.build_from_config(config)


def _copy_state(old: keras.Layer, new: keras.Layer) -> None:
    """Copies a layer's own variables, matched by name and order, and its other state."""
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
    if hasattr(new, "finalize_state"):  # the result of `adapt`
        new.finalize_state()


def _by_name(layer: keras.Layer) -> dict[str, list[keras.Variable]]:
    groups = defaultdict(list)
    for variable in structure.own_variables(layer):
        groups[re.sub(r"_\d+$", "", variable.name)].append(variable)  # Keras numbers variables without a name
    return dict(groups)


def _shapes(groups: dict[str, list[keras.Variable]]) -> str:
    return ", ".join(f"{name}{tuple(v.shape)}" for name, group in groups.items() for v in group) or "none"
