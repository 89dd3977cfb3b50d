"""Presets: a model in a folder, with everything that is needed to use it and without executable code.

    config.json         the architecture: the zoo's name and options, or Keras' configuration of the layers
    metadata.json       versions, parameters, task, preprocessing, labels, and the SHA-256 of the two other files
    model.safetensors   the weights, by the path of their variable

It has no dates, so the same model gives the same files. The hashes reveal damage but not malice, since whoever changes
a file can change its hash. Loading therefore runs no code from the folder, follows no link, and reads no other file.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import stat
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

import kerasconv
from kerasconv.files import place, staged
from kerasconv.models import _zoo
from kerasconv.models._info import preprocessing_of
from kerasconv.models._variables import State, assign, state_of
from kerasconv.preprocessing import Preprocessing

FORMAT = 1
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.safetensors"
_BESIDE = {"LICENSE", "README.md"}  # files of model hubs; hidden files are allowed too
_LARGEST_JSON = 1 << 24
_DEEPEST = 200
# Layers of Keras that run code or read files named in their configuration.
_REFUSED = {
    "FlaxLayer",
    "IntegerLookup",
    "JaxLayer",
    "Lambda",
    "StringLookup",
    "TFSMLayer",
    "TextVectorization",
    "TorchModuleWrapper",
    "__lambda__",
}


@dataclass(frozen=True)
class PresetInfo:
    """The metadata of a preset.

    Attributes:
        name: The name of the model in the zoo, or that of the model itself.
        options: The options of the zoo's builder; `None` if the model is not from the zoo.
        parameters: The number of all parameters.
        task: The task of the model, as in the zoo's table; `None` if it is not known.
        preprocessing: The preprocessing of encoded images; `None` if it is not known.
        labels: The names of the classes, in the order of the output; `None` if they are not known.
        training: The training of the model, as written by `kerasconv.train`; `None` if it is not known.
        kerasconv: The version of this package that wrote the preset.
        keras: The version of Keras that wrote the preset.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp() + "/edges"
        >>> kerasconv.models.save_to_preset(kerasconv.models.line_detector(), folder, task="filter")
        >>> kerasconv.models.preset_info(folder).task
        'filter'
    """

    name: str
    options: Mapping[str, Any] | None
    parameters: int
    task: str | None
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    training: Mapping[str, Any] | None
    kerasconv: str
    keras: str


def save_to_preset(
    model: keras.Model,
    directory: str | os.PathLike[str],
    *,
    preprocessing: Preprocessing | None = None,
    labels: Sequence[str] | None = None,
    task: str | None = None,
    training: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a model to a folder for `from_preset`. The folder appears when it is complete.

    A model of the zoo is stored as its builder's name and options, which do not include frozen layers.

    Args:
        model: The model. Custom layers must be registered with Keras.
        directory: The folder to write.
        preprocessing: The preprocessing of encoded images; `None` for that of the zoo's table, if any.
        labels: The names of the classes, in the order of the model's output.
        task: The task of the model; `None` for that of the zoo's table, if any.
        training: A description of the training that can be written as JSON.
        overwrite: Whether to replace an existing preset. Other folders and files are never replaced.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model cannot be loaded without running code, or the number of labels is not that of outputs.
        FileExistsError: If something exists there and may not be replaced.
        OSError: If the folder cannot be written.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp() + "/edges"
        >>> kerasconv.models.save_to_preset(kerasconv.models.line_detector(), folder, task="filter")
        >>> kerasconv.models.preset_info(folder).parameters
        10
    """
    caller = "save_to_preset"
    _check_arguments(model, preprocessing, labels, task)
    target = place(directory, caller)
    if overwrite and target.exists() and not _is_preset(target):
        raise FileExistsError(
            f"{caller}: `overwrite=True` replaces presets only. Received: directory={str(directory)!r}, which is none."
        )
    state = state_of(model)
    config = _zoo_config(model, state) or _keras_config(model)
    entry = _zoo.get_entry(config["zoo"]) if "zoo" in config else None
    if preprocessing is None and entry is not None:
        preprocessing = preprocessing_of(config["zoo"], model)
    files = {CONFIG: _to_json(config), WEIGHTS: safetensors.save(state)}
    metadata = {
        "format": FORMAT,
        "kerasconv": kerasconv.__version__,
        "keras": keras.__version__,
        "name": config.get("zoo", model.name),
        "parameters": _size(state),
        "task": entry.task if task is None and entry is not None else task,
        "preprocessing": None if preprocessing is None else preprocessing.to_dict(),
        "labels": None if labels is None else list(labels),
        "training": None if training is None else dict(training),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    with staged(target, overwrite=overwrite, caller=caller) as folder:
        folder.mkdir()
        for name, content in {**files, METADATA: _to_json(metadata)}.items():
            (folder / name).write_bytes(content)
        loaded = state_of(_load(_Preset(folder, caller)))
        if not all(np.array_equal(loaded[path], state[path], equal_nan=True) for path in state):
            raise ValueError(f"{caller}: a model must be the same when it is loaded again. Received: {model.name!r}.")


def from_preset(directory: str | os.PathLike[str]) -> keras.Model:
    """Loads the model of a preset. All files are checked before the model is built, and no code in them is run.

    Args:
        directory: The folder that `save_to_preset` wrote.

    Raises:
        FileNotFoundError: If there is no such folder, or one of its files is missing.
        ValueError: If there is an unexpected file, a file does not have its hash in the metadata, is damaged or would
            run code, or the weights are not those of the model.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp() + "/edges"
        >>> kerasconv.models.save_to_preset(kerasconv.models.line_detector(pooling="max"), folder)
        >>> kerasconv.models.from_preset(folder).output_shape
        (None, 3, 3, 1)
    """
    return _load(_Preset(directory, "from_preset"))


def preset_info(directory: str | os.PathLike[str]) -> PresetInfo:
    """Returns the metadata of a preset, such as size, task, preprocessing and labels, without building the model.

    Args:
        directory: The folder that `save_to_preset` wrote.

    Raises:
        FileNotFoundError: See `from_preset`.
        ValueError: See `from_preset`.

    Example:
        >>> import kerasconv, tempfile
        >>> folder = tempfile.mkdtemp() + "/edges"
        >>> kerasconv.models.save_to_preset(kerasconv.models.line_detector(), folder, labels=["edge"])
        >>> kerasconv.models.preset_info(folder).labels
        ('edge',)
    """
    return _Preset(directory, "preset_info").info


def load_weights(model: keras.Model, directory: str | os.PathLike[str], caller: str) -> None:
    """Loads the weights of a preset into a model, for `weights=directory` of a builder."""
    assign(model, _Preset(directory, caller).state, caller, exact=True)


class _Preset:
    """The checked content of a preset. Each file is read once, so that what is checked is what is used."""

    def __init__(self, directory: str | os.PathLike[str], caller: str):
        self.caller = caller
        self.folder = place(directory, caller)
        self._check_names(directory)
        metadata = self._json(METADATA, self._bytes(METADATA))
        self._check_metadata(metadata)
        content = {name: self._bytes(name) for name in (CONFIG, WEIGHTS)}
        for name, data in content.items():
            if (found := hashlib.sha256(data).hexdigest()) != metadata["files"][name]:
                raise self._fault(
                    name,
                    "must have the SHA-256 in the metadata",
                    f"{found[:12]}... for {metadata['files'][name][:12]}...",
                )
        self.config = self._json(CONFIG, content[CONFIG])
        self._check_config()
        try:
            self.state = safetensors.load(content[WEIGHTS])
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise self._fault(WEIGHTS, "must be a safetensors file", str(error)) from error
        if _size(self.state) != metadata["parameters"]:
            raise self._fault(WEIGHTS, f"must hold {metadata['parameters']} numbers", str(_size(self.state)))
        self.info = self._info(metadata)

    def _check_names(self, directory: Any) -> None:
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.caller}: a preset must be a folder. Received: {str(directory)!r}.")
        found = {entry.name for entry in os.scandir(self.folder)}
        expected = {CONFIG, METADATA, WEIGHTS}
        for name in sorted(expected - found):
            raise FileNotFoundError(
                f"{self.caller}: a preset must have the files {', '.join(sorted(expected))}. "
                f"Received: {str(directory)!r}, which has no {name}."
            )
        for name in sorted(found - expected - _BESIDE):
            if not name.startswith("."):
                raise ValueError(
                    f"{self.caller}: a preset must have no files but {', '.join(sorted(expected | _BESIDE))} and "
                    f"hidden ones. Received: {str(directory)!r}, which has {name!r}."
                )

    def _bytes(self, name: str) -> bytes:
        """Reads a file, which must be a regular file and not a link."""
        path = self.folder / name
        try:
            # O_NONBLOCK, so that a pipe does not block.
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise self._fault(name, "must be a plain file, and no link", error.strerror or str(error)) from error
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            os.close(opened)
            raise self._fault(name, "must be a plain file, and no link", stat.filemode(status.st_mode))
        with open(opened, "rb") as file:
            if name != WEIGHTS and status.st_size > _LARGEST_JSON:
                raise self._fault(name, f"must have at most {_LARGEST_JSON} bytes", str(status.st_size))
            return file.read()

    def _json(self, name: str, data: bytes) -> dict[str, Any]:
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._fault(name, "must be JSON", str(error)) from error
        if not isinstance(content, dict):
            raise self._fault(name, "must be a JSON object", type(content).__name__)
        return content

    def _check_metadata(self, metadata: dict[str, Any]) -> None:
        if metadata.get("format") != FORMAT:
            raise self._fault(METADATA, f"must have the format {FORMAT}", repr(metadata.get("format")))
        rules = {
            "kerasconv": str,
            "keras": str,
            "name": str,
            "parameters": int,
            "task": str | None,
            "preprocessing": dict | None,
            "labels": list | None,
            "training": dict | None,
            "files": dict,
        }
        for key, kind in rules.items():
            if not isinstance(metadata.get(key, ...), kind):
                arrived = repr(metadata[key]) if key in metadata else "none"
                raise self._fault(METADATA, f"must have `{key}`, {_words(kind)}", arrived)
        if any(not isinstance(label, str) for label in metadata["labels"] or ()):
            raise self._fault(METADATA, "must have texts as `labels`", repr(metadata["labels"]))
        files = metadata["files"]
        if set(files) != {CONFIG, WEIGHTS} or not all(isinstance(value, str) for value in files.values()):
            raise self._fault(METADATA, f"must list {CONFIG} and {WEIGHTS}, with their SHA-256", repr(files))

    def _check_config(self) -> None:
        zoo, options = self.config.get("zoo"), self.config.get("options")
        if set(self.config) == {"zoo", "options"} and isinstance(zoo, str) and isinstance(options, dict):
            known = set(inspect.signature(_zoo.get_entry(zoo).build).parameters) - {"weights"}
            if not set(options) <= known:
                raise self._fault(CONFIG, f"must have options of {zoo}", repr(sorted(set(options) - known)[0]))
            if options.get("layers", "keras") not in ("keras", "kerasconv"):
                raise self._fault(CONFIG, "must have layers of 'keras' or 'kerasconv'", repr(options["layers"]))
        elif set(self.config) == {"keras"} and isinstance(self.config["keras"], dict):
            self._check_safe(self.config["keras"])
        else:
            raise self._fault(CONFIG, "must have `zoo` and `options`, or `keras`", repr(sorted(self.config)))

    def _check_safe(self, config: Any, depth: int = 0) -> None:
        """Raises if Keras would run or import code to create an object from this configuration.

        Keras' own safe mode can be switched off for a whole program, and its rules depend on the version.
        """
        if depth > _DEEPEST:
            raise self._fault(CONFIG, f"must be nested at most {_DEEPEST} deep", "more")
        if isinstance(config, dict | list):
            for entry in config.values() if isinstance(config, dict) else config:
                self._check_safe(entry, depth + 1)
        if not isinstance(config, dict) or "class_name" not in config:
            return
        kind, module, registered = (str(config.get(key)) for key in ("class_name", "module", "registered_name"))
        of_keras = module in ("None", "builtins", "keras") or module.startswith("keras.")
        if kind in _REFUSED or not (of_keras or keras.saving.get_registered_object(registered)):
            rule = "must name layers of Keras that run no code and read no files, or registered ones"
            raise self._fault(CONFIG, rule, f"{module}.{kind}")

    def _info(self, metadata: dict[str, Any]) -> PresetInfo:
        arguments, labels = metadata["preprocessing"], metadata["labels"]
        try:
            preprocessing = None if arguments is None else Preprocessing.from_dict(arguments)
        except (TypeError, ValueError) as error:
            raise self._fault(METADATA, "must have arguments of `Preprocessing`", str(error)) from error
        return PresetInfo(
            name=metadata["name"],
            options=self.config.get("options"),
            parameters=metadata["parameters"],
            task=metadata["task"],
            preprocessing=preprocessing,
            labels=None if labels is None else tuple(labels),
            training=metadata["training"],
            kerasconv=metadata["kerasconv"],
            keras=metadata["keras"],
        )

    def _fault(self, name: str, rule: str, arrived: str) -> ValueError:
        return ValueError(f"{self.caller}: {name} of a preset {rule}. Received: {str(self.folder)!r}, with {arrived}.")


def _load(preset: _Preset) -> keras.Model:
    model = _build(preset)
    assign(model, preset.state, preset.caller, exact=True)
    return model


def _build(preset: _Preset) -> keras.Model:
    if "zoo" in preset.config:
        return _from_zoo(preset.config)
    try:
        model = keras.saving.deserialize_keras_object(preset.config["keras"], safe_mode=True)
    except Exception as error:
        raise preset._fault(CONFIG, "must be a model that Keras can build", str(error).split("\n")[0]) from error
    if not isinstance(model, keras.Model):
        raise preset._fault(CONFIG, "must be a model that Keras can build", type(model).__name__)
    return model


def _from_zoo(config: dict[str, Any]) -> keras.Model:
    options = {option: _as_tuple(value) for option, value in config["options"].items()}
    if "layers" in options:
        options["layers"] = {"keras": keras.layers, "kerasconv": kerasconv.layers}[options["layers"]]
    return _zoo.get_entry(config["zoo"]).build(**options)


def _as_tuple(value: Any) -> Any:
    """Converts lists, which JSON has instead of tuples, to tuples."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _zoo_config(model: keras.Model, state: State) -> dict[str, Any] | None:
    """Returns the builder's name and options of a model of the zoo; `None` if it is not one, or was changed."""
    origin = getattr(model, "origin", None)
    if origin is None or origin.name not in _zoo.list_models():
        return None
    try:
        config = json.loads(_to_json({"zoo": origin.name, "options": origin.options}))
    except TypeError:  # an option is a function, for example
        return None
    again = state_of(_from_zoo(config))
    same = {path: a.shape for path, a in again.items()} == {path: a.shape for path, a in state.items()}
    return config if same else None


def _keras_config(model: keras.Model) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")  # which is rejected
        config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    return {"keras": config}


def _check_arguments(model: Any, preprocessing: Any, labels: Any, task: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"save_to_preset: `model` must be a Keras model. Received: model={model!r}.")
    if not model.built:
        raise ValueError(f"save_to_preset: `model` must be built. Received: {model.name!r}, which is not.")
    if preprocessing is not None and not isinstance(preprocessing, Preprocessing):
        raise TypeError(
            f"save_to_preset: `preprocessing` must be a kerasconv.export.Preprocessing. Received: {preprocessing!r}."
        )
    if task is not None and not isinstance(task, str):
        raise TypeError(f"save_to_preset: `task` must be a text. Received: task={task!r}.")
    if labels is None:
        return
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise TypeError(f"save_to_preset: `labels` must be texts. Received: labels={labels!r}.")
    shape = getattr(model, "output_shape", None)
    if isinstance(shape, tuple) and len(shape) == 2 and shape[1] != len(labels):
        raise ValueError(
            f"save_to_preset: `labels` must be as many as the model has outputs, {shape[1]}. "
            f"Received: {len(labels)} labels."
        )


def _is_preset(folder: Path) -> bool:
    try:
        _Preset(folder, "save_to_preset")
    except (OSError, ValueError):
        return False
    return True


def _size(state: State) -> int:
    return sum(int(array.size) for array in state.values())


def _to_json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _words(kind: Any) -> str:
    words = {str: "a text", int: "a number", dict: "an object", list: "a list"}
    optional = [part for part in getattr(kind, "__args__", (kind,)) if part is not type(None)]
    return words[optional[0]] + (" or null" if kind is not optional[0] else "")
