"""Models from `keras.applications`, converted to our layers: same outputs, same gradients, and back without loss.

Their weights are random, from a seed: downloading trained ones would prove nothing more. Random weights make values die
or explode in a deep network, unless the statistics of its batch normalisation fit; so they are taken from the data, and
then disturbed, that no mean is zero and no variance one.

`python -m scoreboard.stock_models NAME` measures one model and writes JSON; the judge calls it for each, so that
memory is given back in between.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from scoreboard.verdicts import Verdict, failed, passed

ROOT = pathlib.Path(__file__).parent.parent

SIZES = {
    "VGG16": 32,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "DenseNet121": 64,
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ConvNeXtTiny": 64,
    "NASNetMobile": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
}
"""The models, and the height and width of their inputs."""

TOLERANCES = {"float32": (1e-4, 1e-3), "float64": (1e-10, 1e-9)}
"""The largest difference of outputs beside the largest output; and, for each weight, the norm of the difference of
gradients beside the norm of the gradient."""

GRADIENT_FLOOR = 1e-6
"""A gradient smaller than this part of the largest one of the model is rounding: no model may have one."""

DRAWS = 8
"""In float32 a rectifier or a maximum now and then rounds to the other side, in stock Keras or here, which moves
gradients by more than the tolerance. Such a draw of the inputs is replaced; a wrong gradient is wrong in every draw."""

METHOD = f"""\
Each model with seeded random weights and small inputs, converted by `kerasconv.convert_model`. Outputs: the
largest difference beside the largest output, at most {TOLERANCES["float32"][0]:g} in float32 and
{TOLERANCES["float64"][0]:g} in float64. Gradients of a weighted sum of the outputs: for every trainable weight
the norm of the difference beside the norm of the gradient, at most {TOLERANCES["float32"][1]:g} and
{TOLERANCES["float64"][1]:g}. In float32 up to {DRAWS} draws of the inputs are tried, since a rectifier that
rounds to the other side of zero, in either model, moves gradients by more. Further cases: every layer with a
counterpart is ours, no gradient is smaller than {GRADIENT_FLOOR:g} of the largest, converting changes nothing in
the original, and converting back gives the same configuration, weights and outputs, bit for bit."""


def judge(select: str = "") -> Iterator[Verdict]:
    """Verdicts on every model in `SIZES`, or on those whose name contains `select`."""
    for name in SIZES:
        if select in name:
            yield from _verdicts(name)


def _verdicts(name: str) -> Iterator[Verdict]:
    done = subprocess.run(
        [sys.executable, "-m", "scoreboard.stock_models", name],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        yield failed(name, f"{name} runs", " ".join(done.stderr.split())[-500:])
        return
    found = json.loads(done.stdout.splitlines()[-1])
    for dtype, (tolerances, errors) in {d: (TOLERANCES[d], found[d]) for d in TOLERANCES}.items():
        for kind, tolerance in zip(("outputs", "gradients"), tolerances, strict=True):
            verdict = passed if errors[kind] <= tolerance else failed
            shown = f"{dtype} {kind} to {errors[kind]:.0e}"
            if kind == "gradients" and errors.get("draw", 1) > 1:
                shown += f" in draw {errors['draw']}"
            yield verdict(name, f"{name}: {kind} in {dtype}", shown if verdict is passed else f"{shown}: {errors}")
    for check, problem in found["checks"].items():
        shown = f"{found['seconds']:.0f} s" if check == "back: outputs" else ""  # the last one
        yield failed(name, f"{name}: {check}", problem) if problem else passed(name, f"{name}: {check}", shown)


def measure(name: str) -> dict[str, Any]:
    """Converts a model there and back, and compares."""
    import keras

    import kerasconv

    start = time.perf_counter()
    keras.utils.set_random_seed(1)
    generator = np.random.default_rng(2)
    stock = _with_random_weights(_model(name), generator)
    before = [w.numpy() for w in stock.weights]
    ours = kerasconv.convert_model(stock, to="kerasconv")
    back = kerasconv.convert_model(ours, to="keras")
    for draw in range(1, DRAWS + 1):
        x = _pictures(generator, 1, stock.input_shape[1])
        cotangent = generator.normal(size=(1, *stock.output_shape[1:])).astype("float32")
        single = _errors(ours, stock, x, cotangent) | {"draw": draw}
        if single["gradients"] <= TOLERANCES["float32"][1]:
            break
    checks = {
        "every layer is ours": _left_in_stock(ours),
        "values are alive": _dead(*_outputs_and_gradients(stock, x, cotangent)),
        "converting changes nothing": _unequal([w.numpy() for w in stock.weights], before),
        "back: configuration": "" if back.to_json() == stock.to_json() else "another configuration than before",
        "back: weights": _unequal([w.numpy() for w in back.weights], before),
        "back: outputs": _unequal([back(x).numpy()], [stock(x).numpy()]),
    }
    keras.config.set_floatx("float64")  # of inputs
    keras.config.set_dtype_policy("float64")  # of layers
    precise = _model(name)
    precise.set_weights(before)
    double = _errors(kerasconv.convert_model(precise), precise, x.astype("float64"), cotangent.astype("float64"))
    return {"float32": single, "float64": double, "checks": checks, "seconds": time.perf_counter() - start}


def _errors(ours: Any, stock: Any, x: np.ndarray, cotangent: np.ndarray) -> dict[str, Any]:
    """Returns the differences of outputs and gradients, and the weight whose gradient differs most."""
    y, gradients = _outputs_and_gradients(ours, x, cotangent)
    y_stock, gradients_stock = _outputs_and_gradients(stock, x, cotangent)
    errors = {
        weight.path: float(np.linalg.norm(a - b) / max(np.linalg.norm(b), np.finfo("float32").tiny))
        for weight, a, b in zip(stock.trainable_weights, gradients, gradients_stock, strict=True)
    }
    worst = max(errors, key=errors.__getitem__)
    return {
        "outputs": float(np.abs(y - y_stock).max() / np.abs(y_stock).max()),
        "gradients": errors[worst],
        "worst": worst,
    }


def _model(name: str) -> Any:
    import keras

    shape = (SIZES[name], SIZES[name], 3)
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=shape, pooling="avg")


def _with_random_weights(model: Any, generator: np.random.Generator) -> Any:
    """`model`, with random weights under which values neither die nor explode, nor rounding errors grow too much."""
    import keras

    from kerasconv import structure

    layers = [layer for _, layer in structure.walk(model)]
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        for weight in layer.trainable_weights if not hasattr(layer, "layers") else ():
            if weight.name in ("bias", "beta"):
                weight.assign(generator.normal(scale=0.1, size=weight.shape))
            elif weight is getattr(layer, "gamma", None):  # of ConvNeXt's LayerScale too, which starts at 1e-6
                weight.assign(generator.uniform(0.5, 1.5, size=weight.shape))
    for layer in layers:
        if isinstance(layer, keras.layers.Add):  # a residual branch adds little, as in a network in training
            ends = [structure.operation_of(tensor) for tensor in layer.input]
            scales = [getattr(end, "gamma", getattr(end, "kernel", None)) for end in ends]
            for scale in [scale for scale in scales if scale is not None][-1:]:
                scale.assign(0.2 * scale)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # one batch makes the statistics
    model(_pictures(generator, 32, model.input_shape[1]), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        variance = norm.moving_variance.numpy()
        shift = generator.normal(scale=0.1, size=variance.shape) * np.sqrt(variance)
        norm.moving_mean.assign(norm.moving_mean.numpy() + shift)
        norm.moving_variance.assign(variance * generator.uniform(0.7, 1.4, size=variance.shape))
    return model


def _pictures(generator: np.random.Generator, number: int, size: int) -> np.ndarray:
    """Noise between 0 and 255, since some of the models rescale their inputs themselves."""
    return generator.uniform(0, 255, size=(number, size, size, 3)).astype("float32")


def _outputs_and_gradients(model: Any, x: np.ndarray, cotangent: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Outputs in inference, and the gradients of their weighted sum for all trainable weights."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        y = model(x, training=False)
        loss = tf.reduce_sum(y * cotangent)
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    return y.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def _left_in_stock(model: Any) -> str:
    """The layers of `model` that have a counterpart of ours and are not ours."""
    import keras

    import kerasconv.layers
    from kerasconv import structure

    kinds = [
        getattr(keras.layers, name)
        for name in vars(kerasconv.layers)
        if isinstance(getattr(keras.layers, name, None), type)
    ]
    mirrored = [layer for _, layer in structure.walk(model) if isinstance(layer, tuple(kinds))]
    left = [layer.name for layer in mirrored if not type(layer).__module__.startswith("kerasconv.")]
    if not mirrored:
        return "there are no layers of ours"
    return f"{len(left)} of {len(mirrored)} layers are stock Keras': {', '.join(left[:5])}" if left else ""


def _dead(y: np.ndarray, gradients: list[np.ndarray]) -> str:
    """Returns the reason if a comparison says little: outputs vanish or overflow, or gradients are mere rounding."""
    if not np.isfinite(y).all() or not 1e-3 < y.std() < 1e4:
        return f"outputs between {y.min():.3g} and {y.max():.3g}"
    norms = np.array([np.linalg.norm(gradient) for gradient in gradients])
    dead = np.sum(~(norms > GRADIENT_FLOOR * norms.max()))
    return f"{dead} of {len(norms)} gradients are zero or all but zero" if dead else ""


def _unequal(ours: list[np.ndarray], theirs: list[np.ndarray]) -> str:
    """Returns the difference between lists of arrays that should be equal to the bit."""
    if len(ours) != len(theirs):
        return f"{len(ours)} arrays, expected {len(theirs)}"
    unequal = sum(not np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    return f"{unequal} of {len(ours)} arrays differ" if unequal else ""


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
