"""What every public layer and operation says of odd arguments; signatures, docstrings and aliases of all layers."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasconv import layers, ops

LAYERS = sorted({getattr(layers, name) for name in layers.__all__}, key=lambda layer: layer.__name__)
REQUIRED = {"filters": 4, "kernel_size": 3, "output_size": 2}

INTS = ["3", 2.5, True, {}, object(), np.float32(3), 0, -1, (1, 2.5)]
NO_INT = [*INTS, None, (3, 3, 3, 3), [], 10**20]
NAMES = ["valied", 3, ("same",) * 4, object()]

# Values that an argument does not take, in any layer.
ODD = {
    "filters": NO_INT,
    "groups": [*NO_INT, 3],
    "depth_multiplier": NO_INT,
    "kernel_size": [*INTS, None, (3, 3, 3, 3), []],
    "pool_size": [*INTS, None, (3, 3, 3, 3), []],
    "output_size": [*INTS[:-1], (3, 3, 3, 3), []],
    "strides": [*INTS, (3, 3, 3, 3)],
    "dilation_rate": [*INTS, None, (3, 3, 3, 3)],
    "output_padding": [*INTS[:-3], -1, 7, (1, 2.5)],
    "padding": ["valied", 2.5, -1, None, (3, 3, 3, 3), {}, object()],
    "data_format": NAMES,
    "activation": NAMES,
    "padding_mode": [*NAMES, None],
    "padding_value": ["3", None, True, (1,)],
    "mode": [*NAMES, None],
    "value": ["3", None, True, (1,)],
    "algorithm": [*NAMES, None, np],
    "ties": [*NAMES, None],
    "norm_type": ["3", None, 0.5, True, np.nan],
    "divisor_override": ["3", 0, True],
    **{f"{weight}_initializer": NAMES for weight in ("kernel", "bias", "depthwise", "pointwise")},
    **{f"{weight}_regularizer": NAMES for weight in ("kernel", "bias", "depthwise", "pointwise", "activity")},
    **{f"{weight}_constraint": NAMES for weight in ("kernel", "bias", "depthwise", "pointwise")},
}
NO_VALUES = {  # what any truth value, or any layer's name, is
    "use_bias", "flip_kernel", "ceil_mode", "return_indices", "count_include_pad", "propagate_mask", "keepdims", "name",
    "kwargs",
}  # fmt: skip

every_layer = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)


def required(layer):
    parameters = inspect.signature(layer).parameters.values()
    return {p.name: REQUIRED[p.name] for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}


def message(function, *args, **kwargs):
    with pytest.raises((ValueError, TypeError)) as error:
        function(*args, **kwargs)
    assert type(error.value) in (ValueError, TypeError)
    return str(error.value)


@every_layer
def test_odd_arguments(layer):
    """An error names the layer, the argument, and what arrived."""
    for name in inspect.signature(layer).parameters:
        if name in NO_VALUES:
            continue
        for value in ODD[name]:
            text = message(layer, **required(layer) | {name: value})
            assert text.startswith(f"{layer.__name__} layer"), text
            assert name.split("_")[-1] in text.lower(), (name, text)
            # Keras has made a tuple of an int where it compares.
            received = str(value) if value != 7 else "7"
            assert received.lower() in text.lower() or repr(value) in text or f"({value}, " in text, (name, text)
            assert "Received" in text or "interpret" in text or "data_format" in text, (name, text)


@every_layer
def test_unknown_arguments(layer):
    text = message(layer, **required(layer), stride=2)
    assert layer.__name__ in text
    assert "stride" in text


@every_layer
def test_numpy_integers(layer):
    """They are ints, and a configuration with them is saved as with ints."""
    parameters = inspect.signature(layer).parameters
    arguments = required(layer)
    arguments |= {name: 2 for name in ("pool_size", "strides", "groups", "depth_multiplier") if name in parameters}
    if issubclass(layer, (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)):
        arguments["padding"] = 2
    made = layer(**arguments, name="a")
    as_numpy = layer(**{key: np.int64(value) for key, value in arguments.items()}, name="a")
    saved = [json.dumps(keras.saving.serialize_keras_object(one), sort_keys=True) for one in (made, as_numpy)]
    assert saved[0] == saved[1]
    if "kernel_size" in parameters:
        pair = layer(**arguments | {"kernel_size": np.array([2] * made.rank)})
        assert pair.kernel_size == (2,) * made.rank


@every_layer
def test_inputs(layer):
    """Inputs of another rank, of integers, of strings, and of no channels known."""
    made = layer(**required(layer), name="a")
    rank = int(next(c for c in layer.__name__ if c.isdigit()))
    indices = [np.zeros((1, *(4,) * rank, 6), "int64")] if "Unpooling" in layer.__name__ else []
    with pytest.raises((ValueError, TypeError)) as error:
        made(np.ones((1, 6), "float32"), *indices)
    assert "'a'" in str(error.value) or '"a"' in str(error.value) or layer.__name__ in str(error.value)
    if hasattr(made, "kernel_size"):
        text = message(layer(**required(layer), name="b").build, (None, *(9,) * rank, None))
        assert text.startswith(f"{layer.__name__} layer 'b': the input must have {rank + 2} axes, and a number of")
        text = message(layer(**required(layer), name="b").build, (None, 9))
        assert text.startswith(f"{layer.__name__} layer 'b': the input must have {rank + 2} axes")
        text = message(made, np.ones((1, *(5,) * rank, 4), "int32"))
        assert "must be floating-point tensors" in text
    if hasattr(made, "kernel_size") or "Average" in layer.__name__:
        with pytest.raises((ValueError, TypeError)):
            layer(**required(layer))(tf.constant([["a"] * 5] * 5))


@every_layer
def test_signature_and_docstring(layer):
    """Every parameter is there by name, and explained."""
    parameters = inspect.signature(layer).parameters.values()
    assert not any(p.kind is p.VAR_POSITIONAL for p in parameters)
    lines = inspect.getdoc(layer).split("Args:\n")[1].split("\nRaises:")[0].splitlines()
    explained = [line.split(":")[0].strip(" *") for line in lines if line.startswith("    ") and line[4] != " "]
    assert explained == [p.name for p in parameters]


def test_aliases_are_those_of_keras():
    for stock in dir(keras.layers):
        ours = getattr(layers, stock, None)
        if ours is None or not inspect.isclass(ours):
            continue
        name = getattr(keras.layers, stock).__name__
        assert ours.__name__ == name
        assert ours is getattr(layers, name)
        assert stock in layers.__all__
    known = {layer.__name__ for layer in LAYERS}
    aliases = {n for n in dir(keras.layers) if getattr(getattr(keras.layers, n), "__name__", None) in known}
    assert aliases <= set(layers.__all__)


X, W = np.ones((1, 5, 6, 4), "float32"), np.ones((3, 2, 4, 2), "float32")
OPERATIONS = {
    "conv": (X, W),
    "conv_transpose": (X, np.ones((3, 2, 2, 4), "float32")),
    "depthwise_conv": (X, W),
    "separable_conv": (X, W, np.ones((1, 1, 8, 3), "float32")),
    "max_pool": (X, 2),
    "average_pool": (X, 2),
    "lp_pool": (X, 2, 2),
    "adaptive_max_pool": (X, 2),
    "adaptive_average_pool": (X, 2),
    "global_max_pool": (X,),
    "global_average_pool": (X,),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    """The same of operations, by keyword."""
    function = getattr(ops, name)
    bound = inspect.signature(function).bind(*OPERATIONS[name]).arguments
    for argument in inspect.signature(function).parameters:
        for value in ODD.get(argument, []):
            text = message(function, **bound | {argument: value})
            assert text.startswith(f"{name}: ") or "depthwise_conv: " in text or "conv: " in text, text
            assert argument in text, text
            assert "Received: " in text, text
    for x in (np.ones((5, 6), "float32"), tf.constant([[["a"]]]), object()):
        first = next(iter(bound))
        if name.startswith(("max", "adaptive_max", "global_max")) and isinstance(x, tf.Tensor):
            continue
        text = message(function, **bound | {first: x})
        assert ": " in text
        assert "eceived" in text
