"""What several commands have in common."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    import keras

console = Console()

NameArgument = Annotated[str, typer.Argument(help="A model of the zoo (see `kerasconv list`), or a `.keras` file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the model's builder, such as `pooling=max`."),
]


def load_model(name: str, settings: list[str] | None) -> keras.Model:
    """The model that a person asked for."""
    import keras

    from kerasconv import layers, models  # our layers must be known before a file is read

    if not name.endswith(".keras"):
        return models.create_model(name, **parse(settings))
    if settings:
        raise ValueError("--set: only models of the zoo have options. Received: a `.keras` file.")
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
