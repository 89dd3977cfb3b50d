"""What several commands have in common."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    import keras

console = Console()

NameArgument = Annotated[
    str, typer.Argument(help="A model of the zoo (see `kerasconv list`), the folder of a preset, or a `.keras` file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the model's builder, such as `pooling=max`."),
]


def is_preset(name: str) -> bool:
    """Whether this is a folder. One that is called like a model of the zoo must be given as `./NAME`."""
    from kerasconv import models

    return Path(name).is_dir() and name not in models.list_models()


def in_zoo(name: str) -> bool:
    """Whether this is to be a model of the zoo: neither a preset nor a `.keras` file."""
    return not name.endswith(".keras") and not is_preset(name)


def load_model(name: str, settings: list[str] | None) -> keras.Model:
    """The model that a person asked for."""
    import keras

    from kerasconv import layers, models  # our layers must be known before a file is read

    if in_zoo(name):
        return models.create_model(name, **parse(settings))
    if settings:
        raise ValueError(f"--set: only models of the zoo have options. Received: {name!r}, which is a file or folder.")
    if is_preset(name):
        return models.from_preset(name)
    return keras.saving.load_model(name, custom_objects={"kerasconv": layers})


def parse(settings: list[str] | None, name: str = "--set") -> dict[str, Any]:
    """`["a=1", "b=max"]` as `{"a": 1, "b": "max"}`."""
    options = {}
    for setting in settings or []:
        key, equals, text = setting.partition("=")
        if not equals or not key.isidentifier():
            raise ValueError(f"{name}: must have the form KEY=VALUE. Received: {setting!r}.")
        try:
            options[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[key] = text
    return options
