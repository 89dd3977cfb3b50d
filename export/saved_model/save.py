"""Export to SavedModel."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from kerasconv import config
from kerasconv.export.golden import check_numeric, golden_folder, save_golden
from kerasconv.export.manifest import write_manifest
from kerasconv.export.parity import ParityReport
from kerasconv.export.saved_model import endpoints, serving
from kerasconv.export.saved_model.options import check_options
from kerasconv.export.saved_model.postprocess import postprocess
from kerasconv.export.saved_model.replay import check_endpoints
from kerasconv.export.saved_model.warmup import WARMUP_FILE, save_warmup
from kerasconv.export.signature import Signature, signature_of
from kerasconv.export.verify import verify
from kerasconv.files import place, staged
from kerasconv.preprocessing import Preprocessing


def to_saved_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    version: int | Literal["next"] | None = None,
    labels: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    features: Sequence[str] | None = None,
    overwrite: bool = False,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Writes a model as a SavedModel that runs without kerasconv, and verifies it.

    The convolutions and poolings inside are TensorFlow's own operators. All signatures take any batch size:

    | signature | takes | gives |
    |---|---|---|
    | `serving_default` | the model's inputs, by name | the model's outputs, by name |
    | `serving_bytes`, with `preprocessing` | `image_bytes`: JPEG or PNG files | the same |
    | `classify`, with `labels` | `inputs`: `tf.train.Example`s | `classes` and `scores`, in the order of the labels |
    | `features`, with `features` | the model's inputs, by name | the outputs of the layers, by name |

    `serve` is `serving_default` under the name that `keras.layers.TFSMLayer` looks for. An example for `classify` has
    the feature `image_bytes` where there is a `preprocessing`, or else the model's inputs by name, as flat lists.

    A SavedModel that is loaded again can be differentiated: once by the layers' own gradients, which are stored in it,
    and on by those of TensorFlow's operators.

    Labels and preprocessing are written to `assets/labels.txt` and `assets/preprocessing.json`, requests for TF Serving
    to warm up with to `assets.extra/tf_serving_warmup_requests`, inputs and outputs to verify with to
    `assets.extra/golden`, and the SHA-256 of every file to `assets.extra/manifest.json`.

    With a `version`, the SavedModel is the folder `path/VERSION`, as TF Serving expects, and beside it are
    `models.config`, `batching_parameters.txt` and `monitoring.config`, unless they exist, and a `README.md` with the
    commands to serve the model and to query it.

    Args:
        model: A model that has been built.
        path: The folder to write. With a `version` the folder of versions, whose name is the model's name in URLs.
        version: An int from 1 that does not exist yet, or `"next"`, the highest one plus one.
        labels: The name of each class, for a model with one output of shape `(batch, classes)`.
        preprocessing: How an image becomes the model's input, for a model with one input of shape
            `(batch, height, width, channels)`.
        features: Names of layers.
        overwrite: Whether to replace an existing file or folder at `path`. A version is never replaced.
        tolerance: The largest difference from the model's own output that is accepted, relative to the largest output.

    Returns:
        The measured differences of `serving_default`, at two batch sizes, in a fresh process. The other signatures were
        measured too. Its `path` is that of the SavedModel.

    Raises:
        TypeError: If `model` is not a Keras model, or an option has the wrong type.
        ValueError: If the model has not been built, or an option does not fit it.
        FileExistsError: If `path` exists, without `overwrite`, or the version exists.
        ExportError: If the outputs of a signature differ from those of the model. Nothing is written in that case.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> report = kerasconv.export.to_saved_model(kerasconv.models.line_detector(), f"{folder}/detector")
        >>> report.passed
        True
    """
    signature = signature_of(model, "to_saved_model")
    check_numeric(signature, "to_saved_model")
    check_options(signature, labels, preprocessing, features)
    place(path, "to_saved_model")
    target = serving.target(Path(path), version, overwrite=overwrite)
    with staged(target, overwrite=overwrite, caller="to_saved_model") as stage, tempfile.TemporaryDirectory() as folder:
        table = _table(labels, Path(folder)) if labels else None
        written = list(_endpoints(signature, labels, table, preprocessing, features))
        _write(model, written, table, stage)
        postprocess(stage, signature)
        if preprocessing:
            _save_preprocessing(preprocessing, stage / "assets" / "preprocessing.json")
        save_warmup(written, stage / WARMUP_FILE)
        save_golden(signature, golden_folder(stage))
        check_endpoints(stage, written[1:], tolerance)
        report = verify(
            stage, model, batch_sizes=(), edge_inputs=False, runtimes=["savedmodel"], tolerance=tolerance
        )  # on the golden data
        report.raise_if_failed("to_saved_model")
        write_manifest(stage)
    if version is not None:
        serving.save_beside(target, written)
    return dataclasses.replace(report, path=target.absolute())


def _table(labels: Sequence[str], folder: Path) -> tf.lookup.StaticHashTable:
    """Returns a table from the index of a class to its label. Its file becomes an asset of the SavedModel."""
    file = folder / "labels.txt"
    file.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    lines = tf.lookup.TextFileInitializer(
        str(file), tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE
    )
    return tf.lookup.StaticHashTable(lines, default_value="")


def _endpoints(
    signature: Signature,
    labels: Sequence[str] | None,
    table: tf.lookup.StaticHashTable | None,
    preprocessing: Preprocessing | None,
    features: Sequence[str] | None,
) -> Iterator[endpoints.Endpoint]:
    """Yields the requested signatures, `serving_default` first."""
    forward = endpoints.forward(signature)
    yield endpoints.serving_default(signature, forward)
    if preprocessing:
        yield endpoints.serving_bytes(signature, forward, preprocessing)
    if labels:
        yield endpoints.classify(signature, forward, labels, table, preprocessing)
    if features:
        yield endpoints.features(signature, features)


def _write(
    model: keras.Model, written: Sequence[endpoints.Endpoint], table: tf.lookup.StaticHashTable | None, stage: Path
) -> None:
    archive = keras.export.ExportArchive()
    for resource in (model, table):
        if resource is not None:
            archive.track(resource)
    for kind in ("variables", "trainable_variables", "non_trainable_variables"):
        # TensorFlow's variables, which the signatures hold too. Keras' own would be written a second time.
        archive.add_variable_collection(kind, [variable.value for variable in getattr(model, kind)])
    for endpoint in written:
        name = "serve" if endpoint.name == "serving_default" else endpoint.name  # the first also becomes the default
        archive.add_endpoint(name, endpoint.function, input_signature=list(endpoint.inputs))
    with config.lowered():  # writing traces the gradients too
        archive.write_out(stage, verbose=False)


def _save_preprocessing(preprocessing: Preprocessing, file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(preprocessing.to_dict(), indent=2) + "\n", encoding="utf-8")
