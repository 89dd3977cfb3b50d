"""The plan of a conversion: the new layer for each layer of a model, and the layers that cannot be converted."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import keras

from kerasconv import structure
from kerasconv.interop.counterparts import Library, NotConvertibleError, counterpart
from kerasconv.interop.rebuild import config_of, reason, rebuild


@dataclass(frozen=True)
class Conversion:
    """The conversion of one layer.

    Attributes:
        path: The path of the layer in the model.
        before: The class of the layer.
        after: The class of its copy; `None` if the layer cannot be converted. A padded pooling without a counterpart
            in stock Keras becomes a small model.
        problem: The reason why it cannot be converted, or an empty string.
        pad: The class of the padding layer before the copy, if there is one.
    """

    path: str
    before: type[keras.Layer]
    after: type[keras.Layer] | None
    problem: str = ""
    pad: type[keras.Layer] | None = None

    def __str__(self) -> str:
        if self.after is None:
            return f"{self.path} ({_long_name(self.before)}): {self.problem}"
        if self.after is self.before:
            return f"{self.path}: {_long_name(self.before)} stays"
        new = [_long_name(kind) for kind in (self.pad, self.after) if kind is not None]
        return f"{self.path}: {_long_name(self.before)} becomes {' and '.join(new)}"


def _long_name(kind: type[keras.Layer]) -> str:
    return f"{kind.__module__.split('.')[0]} {kind.__name__}"


@dataclass(frozen=True)
class ConversionReport:
    """The conversion of each layer of a model. It prints as one line per layer.

    Nested models, and layers with sub-layers to replace, are represented by their sub-layers.

    Attributes:
        rows: One row per layer, in the order of the model.
    """

    rows: tuple[Conversion, ...]

    @property
    def replaced(self) -> tuple[Conversion, ...]:
        """The layers that are replaced."""
        return tuple(row for row in self.rows if row.after not in (None, row.before))

    @property
    def problems(self) -> tuple[Conversion, ...]:
        """The layers that cannot be converted."""
        return tuple(row for row in self.rows if row.after is None)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rows))


def conversion_report(model: keras.Model, to: Library = "kerasconv") -> ConversionReport:
    """Reports what `convert_model` would do to each layer of a model, without converting it.

    Args:
        model: The model.
        to: `"kerasconv"` or `"keras"`.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If `to` is neither of them.

    Example:
        >>> import keras, kerasconv
        >>> stock = keras.Sequential([keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten(name="flatten")])
        >>> print(kerasconv.interop.conversion_report(stock))
        conv: keras Conv2D becomes kerasconv Conv2D
        flatten: keras Flatten stays
    """
    return Plan(model, to, "conversion_report").report()


class Plan:
    """The conversion of each layer of a model, with the new layers, unbuilt and with sub-layers of their own.

    Attributes:
        rows: The conversion of each layer.
        new: The new layer for each layer, by the `id` of the original. Models with a graph have none.
        pads: The padding layers before new layers, by the `id` of the original.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If `to` is not the name of a library.
    """

    def __init__(self, model: keras.Model, to: Library, caller: str):
        if not isinstance(model, keras.Model):
            raise TypeError(f"{caller}: `model` must be a Keras model. Received: {model!r}.")
        if to not in ("kerasconv", "keras"):
            raise ValueError(f"{caller}: `to` must be 'kerasconv' or 'keras'. Received: to={to!r}.")
        self.rows: list[Conversion] = []
        self.new: dict[int, keras.Layer] = {}
        self.pads: dict[int, keras.Layer] = {}
        self._to = to
        layers = [layer for _, layer in structure.walk(model)]
        self._replaced = {id(layer) for layer in layers if self._is_replaced(layer)}
        self._names = {layer.name for layer in layers}
        self._held = {  # layers that can be replaced, but not preceded by a padding layer
            id(inner): type(layer).__name__
            for layer in (model, *layers)
            if not structure.is_wired(layer)
            for inner in structure.sublayers(layer).values()
        }
        self._seen: set[int] = set()
        self._plan(model, (), model.name)

    def report(self) -> ConversionReport:
        """Returns the report of all layers."""
        return ConversionReport(tuple(self.rows))

    def replaces_inside(self, layer: keras.Layer) -> bool:
        """Returns whether sub-layers of a layer are replaced."""
        return any(id(inner) in self._replaced for _, inner in structure.walk(layer))

    def _is_replaced(self, layer: keras.Layer) -> bool:
        try:
            return bool(counterpart(layer, self._to))
        except Exception:  # noqa: BLE001 - a layer's own code may raise anything; `_plan` reports it
            return True

    def _plan(self, layer: keras.Layer, where: structure.Where, path: str) -> None:
        if id(layer) in self._seen:
            return
        self._seen.add(id(layer))
        wired = structure.is_wired(layer)
        kind: type[keras.Layer] | None = type(layer)
        problem = ""
        try:
            if wired:
                _check_constructor(layer)
            else:
                kind = self._replace(layer)
        except NotConvertibleError as error:
            kind, problem = None, str(error)
        except Exception as error:  # noqa: BLE001 - a layer's own code may raise anything
            kind, problem = None, f"`from_config(get_config())` must make it again. It raises {reason(error)}"
        recurse = wired or self.replaces_inside(layer)
        if problem or not recurse:
            pad = self.pads.get(id(layer))
            self.rows.append(Conversion(path, type(layer), kind, problem, None if pad is None else type(pad)))
        if recurse:
            for step, inner in structure.sublayers(layer).items():
                self._plan(inner, (*where, *step), structure.path((*where, *step)))

    def _replace(self, layer: keras.Layer) -> type[keras.Layer]:
        """Creates the new layer for a layer, and returns its class."""
        *before, new = counterpart(layer, self._to) or (rebuild(type(layer), config_of(layer), layer),)
        for pad in before:
            if id(layer) in self._held:
                raise NotConvertibleError(
                    "stock Keras pads by a layer in front, for which there is no place in a "
                    f"{self._held[id(layer)]}, or by words such as 'valid' and 'same'. "
                    f"Received: padding={layer.padding}."
                )
            while pad.name in self._names:
                pad.name += "_"
            self._names.add(pad.name)
            self.pads[id(layer)] = pad
        self.new[id(layer)] = new
        return type(new)


def _check_constructor(model: keras.Model) -> None:
    """Raises unless the class of a functional or Sequential model has the constructor arguments of its base."""
    if structure.is_functional(model):
        base: tuple[str, ...] = ("inputs", "outputs")
        plain = "keras.Model(model.input, model.output)"
    else:
        base = ("layers",)
        plain = "keras.Sequential(model.layers)"
    signature = inspect.signature(type(model).__init__)
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    kinds = {name: parameter.kind for name, parameter in list(signature.parameters.items())[1:]}
    own = {name for name, kind in kinds.items() if kind not in variadic} - {*base, "name", "trainable"}
    if own or not (set(base) <= set(kinds) or variadic <= set(kinds.values())):
        raise NotConvertibleError(
            f"its constructor must take {' and '.join(f'`{name}`' for name in base)}, and nothing of its own. "
            f"Received: __init__{signature}. `{plain}` is the same without the class."
        )
