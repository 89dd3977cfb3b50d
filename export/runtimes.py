"""The runtimes for artifacts. Each is a function from a file and sets of inputs to sets of outputs."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasconv.export.errors import ExportError
from kerasconv.export.signature import Arrays

_SAVED_MODEL_TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Runtime:
    """A runtime for artifacts.

    Attributes:
        key: Its name in `verify(runtimes=...)`.
        title: Its name in reports.
        module: The module that it needs.
        install: The argument of `pip install` that provides the module.
        kinds: The kinds of artifacts that it reads.
        run: A function from the artifact's path and sets of named inputs to sets of named outputs.
    """

    key: str
    title: str
    module: str
    install: str
    kinds: tuple[str, ...]
    run: Callable[[Path, Sequence[Arrays]], list[Arrays]]

    @property
    def installed(self) -> bool:
        """`True` if its module can be imported."""
        return importlib.util.find_spec(self.module) is not None


def run_saved_model(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Runs a SavedModel in a process that does not import kerasconv."""
    script = Path(__file__).with_name("run_saved_model.py")
    with tempfile.TemporaryDirectory() as folder:
        inputs_file, outputs_file = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        numbered: dict[str, Any] = {f"{i}/{n}": a for i, arrays in enumerate(inputs) for n, a in arrays.items()}
        np.savez(inputs_file, **numbered)
        command = [sys.executable, "-P", str(script), str(path), str(inputs_file), str(outputs_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SAVED_MODEL_TIMEOUT)
        if done.returncode:
            raise RuntimeError((done.stderr.strip() or "no output").splitlines()[-1])
        with np.load(outputs_file) as outputs:
            return [
                {key.removeprefix(f"{i}/"): outputs[key] for key in outputs.files if key.startswith(f"{i}/")}
                for i in range(len(inputs))
            ]


def run_onnxruntime(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Runs an ONNX file in ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, arrays), strict=True)) for arrays in inputs]


def run_litert(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Runs a LiteRT file through its signature, which resizes the inputs to each batch."""
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_path=str(path)).get_signature_runner()
    return [signature(**arrays) for arrays in inputs]


def run_openvino(path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Runs an ONNX file or SavedModel in OpenVINO, on the CPU, in the precision of the file."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [{name: value for output, value in compiled(arrays).items() for name in output.names} for arrays in inputs]


SAVED_MODEL, ONNX, LITERT = "SavedModel", "ONNX file", "LiteRT file"

# The first runtime that reads a kind of artifact is its native one.
RUNTIMES = (
    Runtime("savedmodel", "SavedModel", "tensorflow", "tensorflow", (SAVED_MODEL,), run_saved_model),
    Runtime("onnxruntime", "ONNX Runtime", "onnxruntime", "onnxruntime", (ONNX,), run_onnxruntime),
    Runtime("litert", "LiteRT", "ai_edge_litert", "'kerasconv[litert]'", (LITERT,), run_litert),
    Runtime("openvino", "OpenVINO", "openvino", "'kerasconv[openvino]'", (ONNX, SAVED_MODEL), run_openvino),
)


def kind_of(artifact: Path) -> str:
    """Returns the kind of an artifact, by the name of a file. A folder is a SavedModel."""
    if artifact.is_dir():
        return SAVED_MODEL
    return LITERT if artifact.suffix == ".tflite" else ONNX


def own_runtime(kind: str) -> Runtime:
    """Returns the native runtime of a kind of artifact. If this one fails, the artifact is broken."""
    return next(runtime for runtime in RUNTIMES if kind in runtime.kinds)


def choose(kind: str, names: Sequence[str] | None, caller: str = "verify") -> list[Runtime]:
    """Returns the runtimes that read a kind of artifact: all that are installed, or those that were named.

    Raises:
        ValueError: If a named runtime does not read this kind.
        ExportError: If a named runtime, or the native one, is not installed.
    """
    readers = [runtime for runtime in RUNTIMES if kind in runtime.kinds]
    known = ["keras", *(runtime.key for runtime in readers)]
    if names is not None and (isinstance(names, str) or not set(names) <= set(known) or not names):
        raise ValueError(
            f"{caller}: `runtimes` must be a list of some that read the {kind}: {', '.join(map(repr, known))}. "
            f"Received: runtimes={names!r}."
        )
    if names is None:
        return [require(readers[0], caller), *(runtime for runtime in readers[1:] if runtime.installed)]
    return [require(runtime, caller) for runtime in readers if runtime.key in names]


def require(runtime: Runtime, caller: str) -> Runtime:
    """Returns the runtime if it is installed.

    Raises:
        ExportError: If it is not installed.
    """
    if not runtime.installed:
        raise ExportError(
            f"{caller}: {runtime.title} must be installed: pip install {runtime.install}. "
            f"Received: no module {runtime.module!r}."
        )
    return runtime


def run(runtime: Runtime, kind: str, path: Path, inputs: Sequence[Arrays]) -> list[Arrays]:
    """Runs an artifact on sets of inputs, and returns the sets of outputs.

    Raises:
        ExportError: If the runtime fails.
    """
    try:
        return runtime.run(path, inputs)
    except Exception as error:
        where = "" if runtime is own_runtime(kind) else f" in {runtime.title}"
        raise ExportError(
            f"verify: the {kind} must run{where}. Received: path={str(path)!r}, which fails: {reason(error)}"
        ) from error


def reason(error: BaseException) -> str:
    """Returns the message of an error in one line of at most 300 characters."""
    return " ".join(str(error).split())[:300] or type(error).__name__
