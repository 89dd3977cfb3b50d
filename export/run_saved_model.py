"""Runs a SavedModel in a process of its own, which knows TensorFlow and NumPy only.

    python run_saved_model.py SAVED_MODEL INPUTS.npz OUTPUTS.npz

The inputs are called `SET/NAME`; each set goes through the signature `serving_default`, and its outputs are written
under the same `SET`.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf


def main(path: str, inputs_file: str, outputs_file: str) -> None:
    """See the module."""
    serve = tf.saved_model.load(path).signatures["serving_default"]
    inputs = np.load(inputs_file)
    outputs = {}
    for data_set in sorted({key.split("/", 1)[0] for key in inputs.files}):
        prefix = f"{data_set}/"
        tensors = {key.removeprefix(prefix): tf.constant(inputs[key]) for key in inputs.files if key.startswith(prefix)}
        outputs |= {f"{prefix}{name}": value.numpy() for name, value in serve(**tensors).items()}
    if "kerasconv" in sys.modules:
        raise SystemExit("this process must not know kerasconv")
    np.savez(outputs_file, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
