"""Export as a TensorFlow SavedModel."""

from __future__ import annotations

import os

import keras
from kerasconv.export.artifacts import staged
from kerasconv.export.golden import save_golden
from kerasconv.export.signature import signature
from kerasconv.export.verify import ParityReport, verify

from kerasconv import config


def to_saved_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    tolerance: float = 1e-5,
) -> ParityReport:
    """Writes a model as a SavedModel that runs without kerasconv, verified before it is put in place.

    Its signature `serving_default` takes and gives the model's inputs and outputs by name, at any batch size. The
    convolutions and poolings inside are TensorFlow's own operators. The folder `assets.extra/golden` holds inputs and
    outputs to verify it with.

    Args:
        model: A built functional or Sequential model.
        path: The folder to write.
        overwrite: Whether to replace what stands there.
        tolerance: The largest difference from the model's own output that is accepted, relative to the largest output.

    Returns:
        The measured differences, at two batch sizes, in a fresh process.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If the model has not been built.
        FileExistsError: If something stands at `path`, without `overwrite`.
        ExportError: If the SavedModel does not give what the model gives. Nothing is written then.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> report = kerasconv.export.to_saved_model(kerasconv.models.line_detector(), f"{folder}/detector")
        >>> report.passed
        True
    """
    served = signature(model, "to_saved_model")
    with staged(path, overwrite=overwrite, caller="to_saved_model") as stage:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", served.function(), input_signature=list(served.inputs))
        with config.lowered():  # writing traces the gradients too
            archive.write_out(stage, verbose=False)
        save_golden(served, stage / "assets.extra" / "golden")
        report = verify(stage, model, tolerance=tolerance)
        report.raise_if_failed("to_saved_model")
    return report
