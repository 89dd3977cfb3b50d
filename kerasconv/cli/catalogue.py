"""Names of the zoo's models, and a few facts of each, without importing TensorFlow.

They stand in `kerasconv/models/facts.json`, which a test compares with the models.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Listed:
    """A model of the zoo, as `kerasconv list` shows it.

    Attributes:
        title: A line of description.
        task: Its task, such as `"classification"`.
        paper: Authors, title, year.
        pretrained: Words that its argument `weights` takes.
        parameters: The number of its parameters.
        input_shape: The shape of its input, without the batch; of several inputs, a list of shapes.
    """

    title: str
    task: str
    paper: str
    pretrained: tuple[str, ...]
    parameters: int
    input_shape: Any


@functools.cache
def catalogue() -> dict[str, Listed]:
    """Returns all models of the zoo, in alphabetical order."""
    package = importlib.util.find_spec("kerasconv.models")  # found, but not imported
    if package is None or package.origin is None:
        raise ModuleNotFoundError("list: the package kerasconv.models must be installed. Received: no such package.")
    facts = json.loads(Path(package.origin).with_name("facts.json").read_text(encoding="utf-8"))
    return {
        name: Listed(
            fact["title"],
            fact["task"],
            fact["paper"],
            tuple(fact["pretrained"]),
            fact["parameters"],
            _shape(fact["input_shape"]),
        )
        for name, fact in sorted(facts.items())
    }


def _shape(sizes: list[Any]) -> Any:
    """A tuple for a list of sizes, and a list of tuples for a list of such lists."""
    return list(map(_shape, sizes)) if sizes and isinstance(sizes[0], list) else tuple(sizes)


def find(pattern: str, task: str | None, pretrained: bool | None) -> list[str]:
    """Returns the names that match, as `kerasconv.models.list_models` does."""
    return [
        name
        for name, model in catalogue().items()
        if fnmatchcase(name, pattern)
        and (task is None or model.task == task)
        and (pretrained is None or pretrained is bool(model.pretrained))
    ]


def check_name(name: str) -> None:
    """Raises unless a model of the zoo has this name, with the message of `kerasconv.models.create_model`.

    Raises:
        ValueError: If none has.
    """
    if name in catalogue():
        return
    near = difflib.get_close_matches(name, catalogue())
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else " `kerasconv list` shows them."
    raise ValueError(f"create_model: `name` must be that of a model of the zoo. Received: name={name!r}.{hint}")
