"""Golden data: inputs and outputs of a model, stored with its artifact in the layout of the ONNX model zoo.

`golden/test_data_set_0/input_0.pb`, `output_0.pb` and so on are ONNX tensors, each with its name inside. The inputs
are seeded: the same model gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import numpy_helper

from kerasconv.export.errors import ExportError
from kerasconv.export.onnx_file import Interface
from kerasconv.export.signature import Arrays, Signature

BATCH_SIZES = (1, 3)


def sidecar(artifact: Path, kind: str) -> Path:
    """Returns the path of a file beside an artifact: `NAME.kind` for `NAME.onnx`, otherwise the full name and kind."""
    return artifact.with_name(f"{artifact.name.removesuffix('.onnx')}.{kind}")


def golden_folder(artifact: Path) -> Path:
    """Returns the folder for the golden data of an artifact."""
    return artifact / "assets.extra" / "golden" if artifact.is_dir() else sidecar(artifact, "golden")


def save_golden(
    signature: Signature, folder: Path, *, interface: Interface | None = None, batch_sizes: Sequence[int] = BATCH_SIZES
) -> None:
    """Runs the model on random inputs, one set per batch size, and writes the inputs and outputs.

    Args:
        signature: The model.
        folder: The folder to write; see `golden_folder`.
        interface: The names and layouts in the artifact if they differ from those of the model.
        batch_sizes: The batch sizes.

    Raises:
        ValueError: If the model takes or gives text.
    """
    check_numeric(signature, "save_golden")
    for index, batch_size in enumerate(batch_sizes):
        inputs = signature.trial_inputs(batch_size, seed=index)
        outputs = signature.run(inputs)
        if interface is not None:
            inputs, outputs = interface.inputs_to_file(inputs), interface.outputs_to_file(outputs)
        data_set = folder / f"test_data_set_{index}"
        data_set.mkdir(parents=True)
        save_arrays(data_set, "input", inputs)
        save_arrays(data_set, "output", outputs)


def save_arrays(data_set: Path, kind: str, arrays: Arrays) -> None:
    """Writes the inputs (`kind` is `"input"`) or outputs of one set."""
    for i, (name, array) in enumerate(arrays.items()):
        (data_set / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def load_golden(artifact: Path) -> list[tuple[Arrays, Arrays]]:
    """Reads the sets of inputs and outputs that were stored with an artifact. The list may be empty.

    Raises:
        ExportError: If they cannot be read.
    """
    folder = golden_folder(artifact)
    try:
        sets = [(_load(data_set, "input"), _load(data_set, "output")) for data_set in _data_sets(folder)]
    except Exception as error:
        raise ExportError(f"verify: the golden data in {str(folder)!r} must be readable: {error}") from error
    for inputs, outputs in sets:
        if not inputs or not outputs:
            raise ExportError(
                f"verify: the golden data in {str(folder)!r} must be readable: a set lacks its inputs or its outputs"
            )
    return sets


def check_numeric(signature: Signature, caller: str) -> None:
    """Checks that all inputs and outputs of a model are numbers, as opposed to text.

    Raises:
        ValueError: If one is text.
    """
    dtypes = {spec.name: spec.dtype.name for spec in signature.inputs}
    dtypes |= dict(zip(signature.outputs, (str(t.dtype) for t in signature.model.outputs), strict=True))
    for name, dtype in dtypes.items():
        if dtype == "string":
            raise ValueError(
                f"{caller}: the inputs and outputs of a model must be numbers. "
                f"Received: model {signature.model.name!r}, whose {name!r} is a string."
            )


def _data_sets(folder: Path) -> list[Path]:
    return sorted(folder.glob("test_data_set_*"), key=lambda data_set: int(data_set.name.rpartition("_")[2]))


def _load(data_set: Path, kind: str) -> Arrays:
    files = sorted(data_set.glob(f"{kind}_*.pb"), key=lambda file: int(file.stem.removeprefix(f"{kind}_")))
    tensors = [onnx.TensorProto.FromString(file.read_bytes()) for file in files]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
