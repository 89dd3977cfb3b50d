"""Common parts of the zoo's builders.

An architecture is written as a function of the layers, set to one data format, and the input. It returns the output, or
the feature maps for a classifier. The decorators `network` and `classifier` turn such a function into a builder with
the common options.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

import kerasconv.layers
from kerasconv.interop import convert_model
from kerasconv.models._weights import load_weights

Builder = Callable[..., keras.Model]
Tensor = Any

_DATA_FORMATS = ("channels_last", "channels_first")
_POOLINGS = {"avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}

_CLASSIFIER_ARGS = """
        classes: Number of classes.
        include_top: Whether the classifier comes on top of the feature maps.
        pooling: Pooling of the feature maps without the classifier: `None`, `"avg"` or `"max"` over the whole map.
        classifier_activation: Activation of the last layer."""

_SHARED_ARGS = """
        input_shape: Shape of one input, without the batch, in the order of `data_format`.{more}
        weights: `None` for random weights, a name in `model_info(name).pretrained`, or the path of a file or preset.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' setting.
        layers: The module of the layers: `kerasconv.layers`, or `keras.layers` for the same graph of stock layers.
        features_only: Names of layers whose outputs become those of the model{pyramid}.
        name: The model's name."""


@dataclass(frozen=True)
class Origin:
    """The builder and options of a model, stored in its attribute `origin`.

    Attributes:
        name: The builder's name.
        options: All options with their values, without `weights`. `layers` is the name of the package.
    """

    name: str
    options: Mapping[str, Any]


class Layers:
    """The layers of `kerasconv.layers`, or else of `keras.layers`, set to one data format.

    Layers with an `axis`, such as normalisation and concatenation, get that of the channels.

    Example:
        >>> net = Layers("channels_first")
        >>> net.Conv2D(8, 3).data_format, net.BatchNormalization().axis, net.Dense(2).units
        ('channels_first', 1, 2)
    """

    def __init__(self, data_format: str):
        self.data_format = data_format
        self.channel_axis = -1 if data_format == "channels_last" else 1

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        layer = getattr(kerasconv.layers, kind, None) or getattr(keras.layers, kind)
        parameters = inspect.signature(layer).parameters
        if "data_format" in parameters:
            return functools.partial(layer, data_format=self.data_format)
        if "axis" in parameters:
            return functools.partial(layer, axis=self.channel_axis)
        return layer

    def channels(self, x: Tensor) -> int:
        """Returns the number of channels of a feature map."""
        return x.shape[self.channel_axis]


def network(input_shape: tuple[int | None, ...]) -> Callable[[Callable[..., Tensor]], Builder]:
    """Decorates a function `forward(net, x, *, option=default, ...)` that returns the model's output.

    The builder takes `input_shape`, the function's options, and `weights`, `data_format`, `layers` and `name`. The
    model's input has the name of the function's second argument.

    Args:
        input_shape: The builder's default input shape, channels last.

    Example:
        >>> @network((None, None, 1))
        ... def smoother(net, image, *, size=3):
        ...     '''An average over each window.'''
        ...     return net.AveragePooling2D(size, 1, "same", name="average")(image)
        >>> smoother(size=5, data_format="channels_first").output_shape
        (None, 1, None, None)
    """

    def decorate(forward: Callable[..., Tensor]) -> Builder:
        options = _options(forward)

        @functools.wraps(forward)
        def build(
            input_shape: Any = input_shape,
            *,
            data_format: str | None = None,
            name: str = forward.__name__,
            **given: Any,
        ) -> keras.Model:
            if "classes" in given:
                check_classes(build.__name__, given["classes"])
            return _model(build, lambda net, x: forward(net, x, **given), input_shape, data_format, name)

        return _public(build, forward, options, _SHARED_ARGS.format(more="", pyramid=""))

    return decorate


def average_top(net: Layers, x: Tensor, classes: int, activation: Any) -> Tensor:
    """Adds global average pooling and a dense layer, the classifier of most networks since NiN."""
    x = net.GlobalAveragePooling2D(name="avg_pool")(x)
    return net.Dense(classes, activation=activation, name="predictions")(x)


def probabilities(net: Layers, x: Tensor, activation: Any) -> Tensor:
    """Applies an activation to the scores of a segmentation, which are the channels at each position."""
    if activation is None:
        return x
    softmax = keras.activations.get(activation) is keras.activations.softmax  # as an activation it has no axis
    return (net.Softmax if softmax else functools.partial(net.Activation, activation))(name="probabilities")(x)


def identity(net: Layers, x: Tensor) -> Tensor:
    """Returns the input: most networks add nothing to the feature maps without their classifier."""
    return x


def classifier(
    input_shape: tuple[int | None, ...],
    classes: int = 1000,
    top: Callable[..., Tensor] = average_top,
    end: Callable[[Layers, Tensor], Tensor] = identity,
) -> Callable[[Callable[..., Sequence[Tensor]]], Builder]:
    """Decorates a function `backbone(net, image, ...)` that returns feature maps, of which a top classifies the last.

    The builder takes the options of `network`, and `classes`, `include_top`, `pooling`, `classifier_activation` and
    `features_only`. The keyword-only options of the top are options of the builder too.

    Args:
        input_shape: The builder's default input shape, channels last.
        classes: The builder's default number of classes.
        top: A function `top(net, x, classes, activation, ...)` from feature maps to probabilities.
        end: A function `end(net, x)` that is applied instead of the top, after the pooling if there is any.

    Example:
        >>> @classifier((8, 8, 1), classes=10)
        ... def tiny(net, image, *, filters=4):
        ...     '''A convolution, and the usual top.'''
        ...     return [net.Conv2D(filters, 3, activation="relu", name="conv")(image)]
        >>> tiny(classes=3).output_shape, tiny(include_top=False, pooling="max", filters=5).output_shape
        ((None, 3), (None, 5))
    """

    def decorate(backbone: Callable[..., Sequence[Tensor]]) -> Builder:
        backbone_options, top_options = _options(backbone), _options(top)

        @functools.wraps(backbone)
        def build(
            input_shape: Any = input_shape,
            classes: int = classes,
            *,
            include_top: bool = True,
            pooling: str | None = None,
            classifier_activation: Any = "softmax",
            features_only: bool = False,
            data_format: str | None = None,
            name: str = backbone.__name__,
            **given: Any,
        ) -> keras.Model:
            check_classes(build.__name__, classes)
            check_choice(build.__name__, "pooling", pooling, (None, *_POOLINGS))

            def forward(net: Layers, image: Tensor) -> Tensor:
                features = backbone(
                    net, image, **{key: value for key, value in given.items() if key in backbone_options}
                )
                if features_only:
                    return list(features)
                if include_top:
                    chosen = {key: value for key, value in given.items() if key in top_options}
                    return top(net, features[-1], classes, classifier_activation, **chosen)
                x = getattr(net, _POOLINGS[pooling])(name="pool")(features[-1]) if pooling else features[-1]
                return end(net, x)

            return _model(build, forward, input_shape, data_format, name)

        args = _SHARED_ARGS.format(more=_CLASSIFIER_ARGS, pyramid="; `True` for the feature maps of all stages")
        return _public(build, backbone, backbone_options | top_options, args)

    return decorate


def _model(
    build: Builder, forward: Callable[..., Tensor], input_shape: Any, data_format: Any, name: str
) -> keras.Model:
    net, input_shape = resolve_input(build, input_shape, data_format)
    argument = list(inspect.signature(inspect.unwrap(build)).parameters)[1]
    inputs = keras.Input(input_shape, name=argument)
    return keras.Model(inputs, forward(net, inputs), name=name)


def resolve_input(build: Builder, input_shape: Any, data_format: Any) -> tuple[Layers, tuple[int | None, ...]]:
    """Resolves the arguments `data_format` and `input_shape` of a builder to layers and the shape of the input.

    Args:
        build: The builder, whose default for `input_shape` has the channels last.
        input_shape: The builder's argument.
        data_format: The builder's argument.

    Raises:
        ValueError: If an argument is malformed.
    """
    data_format = data_format or keras.config.image_data_format()
    check_choice(build.__name__, "data_format", data_format, _DATA_FORMATS)
    default = inspect.signature(build).parameters["input_shape"].default
    if input_shape is default and data_format == "channels_first":
        input_shape = (default[-1], *default[:-1])
    check_shape(build.__name__, input_shape, len(default), data_format)
    return Layers(data_format), tuple(input_shape)


def builder(build: Builder) -> Builder:
    """Decorates a function that returns a model of our layers, and adds the options that apply to a finished model.

    The builder takes `layers`, `weights` and `features_only` besides the function's own arguments, and sets the
    attribute `origin` of its models.

    Example:
        >>> @builder
        ... def one(input_shape=(4, 4, 1), *, name="one"):
        ...     '''A convolution.'''
        ...     return keras.Sequential([keras.Input(input_shape), keras.layers.Conv2D(2, 3, name="conv")], name=name)
        >>> one(features_only=["conv"]).output_shape, one().origin.options["input_shape"]
        ((None, 2, 2, 2), (4, 4, 1))
    """
    own = inspect.signature(build)
    common = {
        option: inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default)
        for option, default in (("weights", None), ("layers", kerasconv.layers), ("features_only", False))
    }
    before: list[inspect.Parameter] = []
    after: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        (before if parameter.kind is parameter.POSITIONAL_OR_KEYWORD else after).append(parameter)
    signature = own.replace(parameters=[*before, *({p.name: p for p in after} | common).values()])

    @functools.wraps(build)
    def built(
        *args: Any, weights: Any = None, layers: Any = kerasconv.layers, features_only: Any = False, **kwargs: Any
    ) -> keras.Model:
        check_options(build.__name__, kwargs, signature.parameters)
        if layers not in (kerasconv.layers, keras.layers):
            rule = "must be kerasconv.layers or keras.layers"
            raise ValueError(f"{build.__name__}: `layers` {rule}. Received: {layers!r}.")
        if isinstance(features_only, bool) and "features_only" in own.parameters:
            kwargs["features_only"] = features_only
        model = build(*args, **kwargs)
        given = own.bind(*args, **kwargs)
        given.apply_defaults()
        options = given.arguments | {
            "input_shape": tuple(model.input_shape[1:]),  # this and `data_format` depend on Keras' setting
            "data_format": given.arguments.get("data_format") or keras.config.image_data_format(),
            "layers": layers.__name__.split(".")[0],
        }
        if layers is keras.layers:
            model = convert_model(model, to="keras")
        if weights is not None:
            load_weights(model, weights, build.__name__, options)
        if features_only is not False and not options.get("features_only"):
            model = endpoints(build.__name__, model, features_only)
            options["features_only"] = list(features_only)
        model.origin = Origin(build.__name__, options)
        return model

    built.__signature__ = signature  # type: ignore[attr-defined]
    return built


def endpoints(caller: str, model: keras.Model, names: Any) -> keras.Model:
    """Returns the part of a model with the outputs of some layers as its outputs.

    Raises:
        ValueError: If there is no layer of a name.
    """
    layers = {layer.name: layer for layer in model.layers}
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ValueError(
            f"{caller}: `features_only` must be a list of names of layers, or a bool if the model has stages. "
            f"Received: features_only={names!r}."
        )
    for name in names:
        if name not in layers:
            near = difflib.get_close_matches(str(name), layers)
            hint = f"Near it: {', '.join(map(repr, near))}." if near else f"`kerasconv show {caller}` has them."
            raise ValueError(f"{caller}: `features_only` must be names of its layers. Received: {name!r}. {hint}")
    return keras.Model(model.inputs, [layers[name].output for name in names], name=model.name)


def check_choice(caller: str, argument: str, value: Any, allowed: Collection[Any]) -> None:
    """Raises unless a builder's argument is one of the allowed values."""
    if value not in allowed:
        raise ValueError(
            f"{caller}: `{argument}` must be one of {', '.join(map(repr, allowed))}. Received: {argument}={value!r}."
        )


def check_shape(caller: str, shape: Any, rank: int, data_format: str) -> None:
    """Raises unless a builder's `input_shape` has `rank` positive entries and a known number of channels."""
    entries = list(shape) if isinstance(shape, Sequence) else []
    channels = entries[-1 if data_format == "channels_last" else 0] if entries else None
    valid = all(n is None or (isinstance(n, int) and not isinstance(n, bool) and n > 0) for n in entries)
    if len(entries) != rank or not valid or channels is None:
        raise ValueError(
            f"{caller}: `input_shape` must have {rank} entries, positive ints or None, with a known number of channels "
            f"({data_format}). Received: input_shape={shape!r}."
        )


def check_factor(caller: str, argument: str, value: Any, most: float = float("inf")) -> None:
    """Raises unless a factor on the number of filters is above 0, and no more than `most`.

    Example:
        >>> check_factor("tiny", "alpha", 0)
        Traceback (most recent call last):
        ValueError: tiny: `alpha` must be a number above 0. Received: alpha=0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        rule = "a number above 0" + (f" and at most {most:g}" if most < float("inf") else "")
        raise ValueError(f"{caller}: `{argument}` must be {rule}. Received: {argument}={value!r}.")


def check_sizes(caller: str, net: Layers, x: Tensor, step: int, plus: int = 0, least: int = 1) -> None:
    """Raises unless all known spatial sizes of a feature map are `plus` and a multiple of `step`."""
    sizes = x.shape[1:-1] if net.data_format == "channels_last" else x.shape[2:]
    if any(n is not None and (n < least or (n - plus) % step) for n in sizes):
        rule = f"multiples of {step}" + (f" plus {plus}, at least {least}" if plus else "")
        raise ValueError(f"{caller}: the sizes in `input_shape` must be {rule}. Received: {sizes}.")


def check_classes(caller: str, classes: Any) -> None:
    """Raises unless a builder's `classes` is a positive int."""
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise ValueError(f"{caller}: `classes` must be an int, at least 1. Received: classes={classes!r}.")


def check_options(caller: str, given: Collection[str], known: Collection[str]) -> None:
    """Raises if a builder is given an unknown option."""
    unknown = [option for option in given if option not in known]
    if unknown:
        raise TypeError(f"{caller}: an option must be one of {', '.join(known)}. Received: {unknown[0]!r}.")


def _options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the keyword-only parameters of a function."""
    parameters = inspect.signature(function).parameters.items()
    return {name: p for name, p in parameters if p.kind is p.KEYWORD_ONLY}


def _public(build: Any, function: Callable[..., Any], options: dict[str, inspect.Parameter], shared: str) -> Builder:
    """Returns the builder with its public signature and documentation."""
    signature = inspect.signature(build, follow_wrapped=False)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    build.__signature__ = signature.replace(parameters=[*own, *options.values()], return_annotation=keras.Model)
    text = function.__doc__ or ""
    before, heading, after = text.partition("    Args:" if "    Args:" in text else "    References:")
    args = f"    Args:{shared}" + ("" if heading == "    Args:" else f"\n\n{heading}")
    build.__doc__ = before + args + after if heading else function.__doc__
    return builder(build)
