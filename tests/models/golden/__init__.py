"""Golden numbers: what each model of the zoo makes of a stored input when its weights follow a rule.

A file `<name>.safetensors` stands here for each model, and its hash in `SHA256SUMS` (`sha256sum -c` reads it). In it are
the input, bytes that are fed as `x / 255`; the outputs, of large ones every n-th number; and as metadata the options the
model was built with and a digest of the names and shapes of its variables. `python -m tests.models.golden` writes the
files that are missing, `python -m tests.models.golden NAME...` writes those anew.

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

from kerasconv import models
from kerasconv.interop import structure

FOLDER = pathlib.Path(__file__).parent
SUMS = FOLDER / "SHA256SUMS"
LARGEST = 1024  # numbers of an output that are stored
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
    entry = models.get_entry(name)
    fixed = {"data_format": "channels_last", "classifier_activation": None}
    known = inspect.signature(entry.build).parameters
    return {**entry.small, **{option: value for option, value in fixed.items() if option in known}}


def digest(model):
    lines = sorted(f"{v.path} {tuple(v.shape)}\n" for v in model.weights)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def outputs_of(model, inputs):
    """By number, the outputs, of large ones every n-th number, n odd; and their shapes."""
    fed = [x / np.float32(255) for x in inputs]
    arrays = [np.asarray(y) for y in keras.tree.flatten(model(fed if len(fed) > 1 else fed[0]))]
    steps = [math.ceil(y.size / LARGEST) // 2 * 2 + 1 for y in arrays]
    # In a row, since safetensors writes what lies in memory, without regard to the step.
    numbers = {f"output{i}": y.ravel()[::step].copy() for i, (y, step) in enumerate(zip(arrays, steps, strict=True))}
    return numbers, [list(y.shape) for y in arrays]


def write(name):
    """Writes the file of a model, and its hash."""
    options = options_of(name)
    model = build(name, options)
    inputs = []
    for i, x in enumerate(model.inputs):
        shape = (1, *(n or 16 for n in x.shape[1:]))
        inputs.append(uniform(f"{name} input{i}", 0, 256, shape).astype("uint8"))
    outputs, shapes = outputs_of(model, inputs)
    about = {"model": name, "options": options, "digest": digest(model), "shapes": shapes}
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
        arrays = {key: file.get_tensor(key) for key in file.keys()}
        about = json.loads(file.metadata()["golden"])
    about["options"] = {option: as_tuple(value) for option, value in about["options"].items()}
    inputs = [value for key, value in sorted(arrays.items()) if key.startswith("input")]
    return about, inputs, {key: value for key, value in arrays.items() if key.startswith("output")}


def as_tuple(value):
    """JSON knows lists only, builders are given tuples."""
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def check(model, name):
    """Raises unless the model, with weights by the rule, is the one whose numbers are stored."""
    about, inputs, expected = read(name)
    assert digest(model) == about["digest"], "the names and shapes of the variables have changed"
    outputs, shapes = outputs_of(model, inputs)
    assert shapes == about["shapes"]
    for key, y in expected.items():
        np.testing.assert_allclose(outputs[key], y, rtol=0, atol=TOLERANCE * np.abs(y).max(), err_msg=key)
