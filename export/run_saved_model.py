"""Runs a SavedModel in a process with TensorFlow and NumPy only.

    python run_saved_model.py SAVED_MODEL INPUTS.npz OUTPUTS.npz

The arrays of inputs are named `SET/NAME`. A set with the name of a signature is run through that signature, any other
through `serving_default`. The outputs have the same `SET`. Strings are arrays of objects.
"""

import os
import sys
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf


def main(path: str, inputs_file: str, outputs_file: str) -> None:
    """Runs all sets of inputs; the arguments are those of the command."""
    loaded = tf.saved_model.load(path)  # keeps the variables alive
    inputs = np.load(inputs_file, allow_pickle=True)
    outputs: dict[str, Any] = {}
    for data_set in sorted({key.split("/", 1)[0] for key in inputs.files}):
        serve = loaded.signatures[data_set if data_set in loaded.signatures else "serving_default"]
        prefix = f"{data_set}/"
        tensors = {key.removeprefix(prefix): tf.constant(inputs[key]) for key in inputs.files if key.startswith(prefix)}
        outputs |= {f"{prefix}{name}": _array(value) for name, value in serve(**tensors).items()}
    if "kerasconv" in sys.modules:
        raise SystemExit("this process must not know kerasconv")
    np.savez(outputs_file, **outputs)


def _array(tensor: tf.Tensor) -> np.ndarray:
    """Converts a tensor to an array of a type that NumPy can write."""
    return (tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor).numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
