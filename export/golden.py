"""Golden data: inputs and outputs of a model, kept with its artifact in the layout of the ONNX model zoo.

`golden/test_data_set_0/input_0.pb`, `output_0.pb` and so on are ONNX tensors, each with its name inside.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from kerasconv.export.signature import Arrays, Signature
from onnx import numpy_helper

BATCH_SIZES = (1, 3)


def save_golden(served: Signature, folder: Path) -> None:
    """Runs the model on random inputs, one set per batch size, and writes what went in and what came out."""
    for index, batch_size in enumerate(BATCH_SIZES):
        inputs = served.trial_inputs(batch_size, seed=index)
        data_set = folder / f"test_data_set_{index}"
        data_set.mkdir(parents=True)
        for kind, arrays in (("input", inputs), ("output", served.run(inputs))):
            for i, (name, array) in enumerate(arrays.items()):
                (data_set / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def load_golden(folder: Path) -> list[tuple[Arrays, Arrays]]:
    """The sets of inputs and outputs in a folder, none if it does not exist.

    Raises:
        google.protobuf.message.DecodeError: If a file is corrupt.
    """
    return [
        (_load(data_set, "input"), _load(data_set, "output")) for data_set in sorted(folder.glob("test_data_set_*"))
    ]


def _load(data_set: Path, kind: str) -> Arrays:
    files = sorted(data_set.glob(f"{kind}_*.pb"), key=lambda file: int(file.stem.removeprefix(f"{kind}_")))
    tensors = [onnx.TensorProto.FromString(file.read_bytes()) for file in files]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
