"""Facts about the models of the zoo: costs, receptive fields, sources and licences."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras

from kerasconv.inspection.layer_table import Row, channel_axis
from kerasconv.inspection.summary import Summary, summarise
from kerasconv.models import _zoo
from kerasconv.preprocessing import Preprocessing

CODE_LICENCE = "Apache-2.0"

# Licences of the weights in `keras.applications` by the beginning of the model's name, from the section "License" of
# the documentation of Keras 2.2. Later versions do not state them.
_WEIGHTS_LICENCES = {"VGG": "CC-BY-4.0", "ResNet": "MIT", "DenseNet": "BSD-3-Clause", "MobileNet": "Apache-2.0"}

_FACTS = Path(__file__).with_name("facts.json")


@dataclass(frozen=True)
class ModelInfo(Summary):
    """Facts about a model of the zoo: those of `Summary`, and its sources.

    Attributes:
        name: The name of the model.
        title: A description in one line.
        task: The task of the model; see `kerasconv.models.Entry`.
        paper: Authors, title, year.
        published: The published number of trainable parameters; `None` if there is none.
        source: The source of this number, and the implementation that the model equals.
        licence: The licence of the code.
        weights_licence: The licences of the weights, by their names in `pretrained`.
        pretrained: The names of available weights.
        preprocessing: The preprocessing of image files. `None` if the input is not an image, or its size is not fixed
            by `input_shape`.
    """

    name: str
    title: str
    task: str
    paper: str
    published: int | None
    source: str
    licence: str
    weights_licence: Mapping[str, str]
    pretrained: tuple[str, ...]
    preprocessing: Preprocessing | None


def model_info(name: str, **options: Any) -> ModelInfo:
    """Builds a model of the zoo, and returns facts about it.

    Args:
        name: One of `list_models()`.
        **options: Options of the builder, which sizes and costs depend on.

    Raises:
        ValueError: If there is no such model.

    Example:
        >>> import kerasconv
        >>> info = kerasconv.models.model_info("line_detector", input_shape=(28, 28, 1))
        >>> info.parameters, info.macs, info.receptive_field, info.activation_memory
        (10, 6084, (3, 3), 2704)
    """
    return info_of(_zoo.create_model(name, **options), name)


def info_of(model: keras.Model, name: str, rows: list[Row] | None = None) -> ModelInfo:
    """Returns the facts of `model_info` for a model that has been built.

    Args:
        model: The model.
        name: One of `list_models()`.
        rows: The model's `layer_table`, if it has been computed.
    """
    entry = _zoo.get_entry(name)
    return ModelInfo(
        **vars(summarise(model, rows)),
        name=name,
        title=title(name),
        task=entry.task,
        paper=entry.paper,
        published=entry.parameters,
        source=entry.source,
        licence=CODE_LICENCE,
        weights_licence={word: _weights_licence(word, entry.source) for word in entry.pretrained},
        pretrained=entry.pretrained,
        preprocessing=preprocessing_of(name, model),
    )


def title(name: str) -> str:
    """Returns the description of a model of the zoo, the first line of its builder's docstring."""
    return (_zoo.get_entry(name).build.__doc__ or "").splitlines()[0].rstrip(".")


def preprocessing_of(name: str, model: keras.Model, size: tuple[int, int] | None = None) -> Preprocessing | None:
    """Returns the preprocessing of images for a model of the zoo.

    Args:
        name: The model's name.
        model: The model.
        size: Height and width of the images, if the model does not fix them.

    Returns:
        The preprocessing; `None` if the model takes no images, or the size is not known.
    """
    arguments, shape = _zoo.get_entry(name).preprocessing, list(model.inputs[0].shape[1:])
    if arguments is None or len(shape) != 3:
        return None
    channels = shape.pop(channel_axis(model))
    height, width = (given or n for given, n in zip(size or (None, None), shape, strict=True))
    if height is None or width is None or channels not in (1, 3):
        return None
    return Preprocessing((height, width), channels, **arguments)


def counted(name: str) -> Summary:
    """Returns the summary of a model with default options. Costs are for the `sizes` of its entry, if any."""
    summary, sizes = summarise(_zoo.create_model(name)), _zoo.get_entry(name).sizes
    if sizes is None:
        return summary
    at = summarise(_zoo.create_model(name, input_shape=(*sizes, summary.input_shape[-1])))
    return replace(summary, macs=at.macs, activation_memory=at.activation_memory)


@functools.cache
def facts() -> dict[str, Summary]:
    """Reads the summaries of all models from a file, since building them all takes minutes.

    `python -m cards` writes the file, and a test compares it with the models.
    """
    if not _FACTS.exists():
        return {}
    return {name: _from_json(entries) for name, entries in json.loads(_FACTS.read_text(encoding="utf-8")).items()}


def listed(name: str) -> dict[str, Any]:
    """Returns title, task, paper and weights of a model, which the file of `facts` also contains.

    `kerasconv list` reads them from the file without importing TensorFlow.
    """
    entry = _zoo.get_entry(name)
    return {"title": title(name), "task": entry.task, "paper": entry.paper, "pretrained": list(entry.pretrained)}


def write_facts(summaries: Mapping[str, Summary]) -> None:
    """Writes the file of `facts`, with a line for each model."""
    lines = (
        f"  {json.dumps(name)}: {json.dumps(listed(name) | asdict(summary), ensure_ascii=False)}"
        for name, summary in sorted(summaries.items())
    )
    _FACTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    facts.cache_clear()


def _from_json(entries: dict[str, Any]) -> Summary:
    def plain(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], list):
            return [tuple(entry) for entry in value]
        return tuple(value) if isinstance(value, list) else value

    return Summary(**{field.name: plain(entries[field.name]) for field in fields(Summary)})


def _weights_licence(word: str, source: str) -> str:
    if word != "imagenet":
        return CODE_LICENCE  # trained here
    model = source.removeprefix("keras.applications.")
    return next((lic for start, lic in _WEIGHTS_LICENCES.items() if model.startswith(start)), "not stated by Keras")
