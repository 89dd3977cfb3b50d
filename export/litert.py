"""Export to LiteRT, formerly TensorFlow Lite, for phones and embedded devices."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from kerasconv.export.errors import ExportError
from kerasconv.export.golden import check_numeric, golden_folder, save_golden
from kerasconv.export.manifest import move_sidecars, write_manifest
from kerasconv.export.parity import ParityReport
from kerasconv.export.runtimes import LITERT, choose
from kerasconv.export.scopes import layers_of
from kerasconv.export.signature import Signature, check_precision, signature_of
from kerasconv.export.verify import verify
from kerasconv.files import place, staged


def to_litert(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Writes a model as a LiteRT file of built-in operators, and verifies it.

    Its signature takes and gives the model's inputs and outputs by name, at any batch size. Beside `NAME.tflite`, the
    folder `NAME.tflite.golden` holds inputs and outputs to verify it with, and `NAME.tflite.manifest.json` the hashes
    of all these files.

    The extra `litert` of this package, that is `ai-edge-litert`, must be installed.

    Args:
        model: A built functional or Sequential model.
        path: The file to write. It ends in `.tflite`.
        overwrite: Whether to replace an existing file.
        tolerance: The largest difference from the model's own output that is accepted, relative to the largest output.

    Returns:
        The measured differences in LiteRT, at two batch sizes.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If the model has not been built, takes text or computes in half precision, or the path ends
            otherwise.
        FileExistsError: If `path` exists, without `overwrite`.
        ExportError: If the model has an operation that LiteRT lacks, the outputs of the file differ from those of the
            model, or LiteRT is not installed. Nothing is written in that case.

    Example:
        >>> import importlib.util, kerasconv, tempfile
        >>> path = tempfile.mkdtemp() + "/detector.tflite"
        >>> installed = importlib.util.find_spec("ai_edge_litert") is not None
        >>> not installed or kerasconv.export.to_litert(kerasconv.models.line_detector(), path).passed
        True
    """
    signature = signature_of(model, "to_litert")
    check_numeric(signature, "to_litert")
    check_precision(signature, "to_litert")
    target = place(path, "to_litert")
    if target.suffix != ".tflite":
        raise ValueError(f"to_litert: `path` must end in '.tflite'. Received: path={str(path)!r}.")
    choose(LITERT, ["litert"], "to_litert")
    with staged(target, overwrite=overwrite, caller="to_litert") as stage:
        stage.write_bytes(_convert(signature))
        save_golden(signature, golden_folder(stage))
        report = verify(stage, model, batch_sizes=(), tolerance=tolerance, runtimes=["litert"])
        report.raise_if_failed("to_litert")
        write_manifest(stage)
        move_sidecars(stage, target)
    return report


def _convert(signature: Signature) -> bytes:
    """Returns the content of a LiteRT file for the model, weights included."""
    function = tf.function(
        signature.function(), input_signature=signature.inputs, autograph=False
    ).get_concrete_function()
    module = tf.Module()
    module.weights = [variable.value for variable in signature.model.variables]
    try:
        with tempfile.TemporaryDirectory() as folder, _silent():
            # Without gradients: LiteRT does not have them, and writing them takes most of the time.
            options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
            tf.saved_model.save(module, folder, signatures=function, options=options)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
            return converter.convert()
    except Exception as error:
        raise ExportError(
            "to_litert: every layer must have a counterpart in LiteRT's built-in operators. Write a custom layer with "
            "`keras.ops`, or leave it out of the exported model. "
            f"Received: model {signature.model.name!r}, {_complaint(signature, function, str(error))}"
        ) from error


def _complaint(signature: Signature, function: tf.types.experimental.ConcreteFunction, text: str) -> str:
    """Describes the operators that LiteRT lacks and the layers that need them."""
    lists = re.findall(r"(?:Select|Custom) ops: ([\w, ]+)", text)
    operators = sorted({name for found in lists for name in found.replace(" ", "").split(",")})
    if not operators:
        return f"for which the converter says: {' '.join(text.split())[:300]}"
    named = layers_of(signature, (op.name for op in function.graph.get_operations() if op.type in operators))
    complaint = f"{f'whose layers {named} need' if named else 'which needs'} {', '.join(operators)}."
    if any(size is None for spec in signature.inputs for size in spec.shape[1:]):
        complaint += (
            " Its inputs have unknown sizes, which many operators of LiteRT do not take: fix them, as in "
            "keras.Sequential([keras.Input((224, 224, 3)), model])."
        )
    return complaint


@contextmanager
def _silent() -> Iterator[None]:
    """Discards what the compiler prints to standard error. The exception has the same information."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
