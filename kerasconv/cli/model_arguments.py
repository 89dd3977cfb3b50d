"""Arguments that name a model and its options, and the model that they stand for."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kerasconv.cli.catalogue import catalogue, check_name
from kerasconv.cli.quiet_import import import_tensorflow

if TYPE_CHECKING:
    import keras

NameArgument = Annotated[
    str, typer.Argument(help="A model of the zoo (see `kerasconv list`), the folder of a preset, or a `.keras` file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the model's builder, such as `pooling=max`."),
]


def is_preset(name: str) -> bool:
    """Returns true for a folder. One that is called like a model of the zoo must be given as `./NAME`."""
    return Path(name).is_dir() and name not in catalogue()


def in_zoo(name: str) -> bool:
    """Returns true for the name of a model of the zoo, false for a preset and for a `.keras` file.

    Raises:
        ValueError: If it is none of these.
    """
    if name.endswith(".keras") or is_preset(name):
        return False
    check_name(name)
    return True


def load_model(name: str, settings: list[str] | None) -> keras.Model:
    """Builds a model of the zoo, or reads a preset or a `.keras` file."""
    zoo, options = in_zoo(name), parse(settings)
    if options and not zoo:
        raise ValueError(f"--set: only models of the zoo have options. Received: {name!r}, which is a file or folder.")
    import_tensorflow()
    import keras

    from kerasconv import layers, models  # our layers must be known before a file is read

    if zoo:
        return models.create_model(name, **options)
    if is_preset(name):
        return models.from_preset(name)
    return keras.saving.load_model(name, custom_objects={"kerasconv": layers})


def parse(settings: list[str] | None, name: str = "--set") -> dict[str, Any]:
    """Turns `["a=1", "b=max"]` into `{"a": 1, "b": "max"}`."""
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
