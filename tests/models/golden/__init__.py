"""Golden numbers: what each model of the zoo makes of a stored input when its weights follow a rule.

A file `<name>.safetensors` stands here for each model, and its hash in `SHA256SUMS` (`sha256sum -c` reads it). In it are

- the input, as bytes that are scaled; a large one repeats those that are stored;
- the outputs, of large ones every n-th number, and likewise what some layers on the way give: deep in a network little is
  left of what an early layer does, so each is seen by the next of these;
- as metadata, the options the model was built with, and a digest of the names and shapes of its variables.

`python -m tests.models.golden` writes the files that are missing, `python -m tests.models.golden NAME...` those.

The rule depends on nothing but NumPy's PCG64, whose stream NumPy promises never to change.
"""

import hashlib
import inspect
import json
import math
import pathlib

import keras
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from kerasconv import models, structure
from kerasconv.models import _entry as entry

FOLDER = pathlib.Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
LARGEST = 1024  # numbers of an output that are stored
PROBES, SHORT = 8, 64  # layers on the way, and numbers stored of each
REPEATED = 16381  # numbers of an input that are stored; a larger one repeats them
# Of the largest number in an output. Ten times how far apart our algorithms are on ResNet-152.
TOLERANCE = 2e-5


def uniform(seed, low, high, shape):
    """Numbers from `low` to `high` that follow from a text."""
    bits = np.random.PCG64(int.from_bytes(hashlib.sha256(seed.encode()).digest())).random_raw(math.prod(shape))
    return (low + (high - low) * (bits >> np.uint64(11)) * 2.0**-53).astype("float32").reshape(shape)


def initialise(model):
    """Weights by the path of their variable: kernels that keep the variance of what passes through ReLU; the rest near
    what it is at the start of training, but no two alike.
    """
    for layer in (model, *(layer for _, layer in structure.walk(model))):
        for variable in structure.own_weights(layer):
            if variable.name == "gamma":
                low, high = 0.5, 1.1
            elif variable.name == "moving_variance":
                low, high = 0.5, 1.5
            elif len(variable.shape) < 2 or variable.name == "alpha":
                low, high = -0.1, 0.1
            else:
                high = math.sqrt(6 / fan_in(layer, variable))
                low = -high
            variable.assign(uniform(variable.path, low, high, variable.shape))


def fan_in(layer, variable):
    """How many inputs an output is the sum of."""
    *spatial, second, last = variable.shape
    if hasattr(layer, "depth_multiplier") and variable.name in ("kernel", "depthwise_kernel"):
        return math.prod(spatial)
    return math.prod(spatial) * (last if type(layer).__name__.endswith("Transpose") else second)


def build(name, options):
    model = models.create_model(name, **options)
    initialise(model)
    return model


def options_of(name):
    """A small model, channels last, and without a softmax, which would hide what is before it."""
    found = models.get_entry(name)
    fixed = {"data_format": "channels_last", "classifier_activation": None}
    known = inspect.signature(found.build).parameters
    return {**found.small, **{option: value for option, value in fixed.items() if option in known}}


def shape_of(x):
    """The shape of an input that is stored."""
    return (1, *(n or 16 for n in x.shape[1:]))


def digest(model):
    lines = sorted(f"{v.path} {tuple(v.shape)}\n" for v in model.weights)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def probes(model):
    """The names of some layers, evenly spread over the model."""
    names = [
        layer.name
        for layer in model.layers
        if not isinstance(layer, keras.Model | keras.layers.InputLayer)
        and len(layer._inbound_nodes) == 1
        and isinstance(layer.output, keras.KerasTensor)
    ]
    return [names[i * (len(names) - 1) // (PROBES + 1)] for i in range(1, min(PROBES + 1, len(names)))]


def outputs_of(model, inputs, scale, layers):
    """The outputs and what the layers give, of large ones every n-th number, n odd; and the outputs' shapes."""
    fed = [np.resize(x, shape_of(t)) * np.float32(scale) for x, t in zip(inputs, model.inputs, strict=True)]
    ends = keras.tree.flatten(model.outputs)
    whole = keras.Model(model.inputs, [*ends, *(model.get_layer(name).output for name in layers)])
    arrays = [np.asarray(y) for y in keras.tree.flatten(whole(fed))]
    names = [f"output{i}" for i in range(len(ends))] + [f"after {name}" for name in layers]
    numbers = {}
    for name, y in zip(names, arrays, strict=True):
        step = math.ceil(y.size / (SHORT if name.startswith("after ") else LARGEST)) // 2 * 2 + 1
        numbers[name] = np.ascontiguousarray(y.ravel()[::step])  # safetensors does not look at strides
    return numbers, [list(y.shape) for y in arrays[: len(ends)]]


def write(name):
    """Writes the file of a model, and its hash."""
    options = options_of(name)
    model = build(name, options)
    inputs = []
    for i, x in enumerate(model.inputs):
        pixels = uniform(f"{name} input{i}", 0, 256, shape_of(x)).astype("uint8")
        inputs.append(pixels if pixels.size <= REPEATED else pixels.ravel()[:REPEATED])
    scale = (models.get_entry(name).preprocessing or entry.UNIT).get("scale", 1 / 255)
    outputs, shapes = outputs_of(model, inputs, scale, probes(model))
    about = {"model": name, "options": options, "digest": digest(model), "shapes": shapes, "scale": scale}
    path = FOLDER / f"{name}.safetensors"
    # One entry, since safetensors writes several in any order.
    save_file({f"input{i}": x for i, x in enumerate(inputs)} | outputs, path, {"golden": json.dumps(about)})
    hashes = read_hashes() | {path.name: hash_of(path)}
    SUMS.write_text("".join(f"{value}  {file}\n" for file, value in sorted(hashes.items())))


def read_hashes():
    lines = SUMS.read_text().splitlines() if SUMS.exists() else []
    return {line.split()[1]: line.split()[0] for line in lines}


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(name):
    """What the file of a model says: about it, its inputs, its outputs."""
    with safe_open(FOLDER / f"{name}.safetensors", "numpy") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - safetensors' file is no mapping
        about = json.loads(file.metadata()["golden"])
    about["options"] = {option: as_tuple(value) for option, value in about["options"].items()}
    inputs = [value for key, value in sorted(arrays.items()) if key.startswith("input")]
    return about, inputs, {key: value for key, value in arrays.items() if not key.startswith("input")}


def as_tuple(value):
    """JSON knows lists only, builders are given tuples."""
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def check(model, name):
    """Raises unless the model, with weights by the rule, is the one whose numbers are stored."""
    about, inputs, expected = read(name)
    assert digest(model) == about["digest"], "the names and shapes of the variables have changed"
    layers = [key.removeprefix("after ") for key in expected if key.startswith("after ")]
    outputs, shapes = outputs_of(model, inputs, about["scale"], layers)
    assert shapes == about["shapes"]
    for key, y in expected.items():
        np.testing.assert_allclose(outputs[key], y, rtol=0, atol=TOLERANCE * np.abs(y).max(), err_msg=key)
