"""The command `kerasconv`: everything that can be done without writing Python.

Commands import what they need when they run, so that `--help` and mistakes are answered at once.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

import kerasconv
from kerasconv.cli import catalogue, tables, training
from kerasconv.cli.model_arguments import NameArgument, SetOption, in_zoo, is_preset, load_model, parse
from kerasconv.cli.quiet_import import import_tensorflow
from kerasconv.cli.terminal import console, say

if TYPE_CHECKING:
    import keras

    from kerasconv.export import ParityReport
    from kerasconv.preprocessing import Preprocessing


class _NoVerdictError(Exception):
    """No verdict could be reached."""


app = typer.Typer(
    name="kerasconv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Convolution and pooling for Keras 3: look at models, run them on images, train, export and verify them.\n\n"
    "Start with `kerasconv demo`, then `kerasconv list`.",
)

app.add_typer(training.app)

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace what stands at the output path.")]


FORMATS = ("savedmodel", "onnx", "litert")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"kerasconv {kerasconv.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of every command; `--debug` is read by `main`."""


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="Shell-style wildcards that the names must match.")] = "*",
    task: Annotated[str | None, typer.Option(help="What the models are for, such as `segmentation`.")] = None,
    pretrained: Annotated[
        bool | None, typer.Option("--pretrained/--untrained", help="Those that have weights, or that have none.")
    ] = None,
) -> None:
    """List the models of the zoo.

    Example: `kerasconv list "resnet*" --pretrained`
    """
    names = catalogue.find(pattern, task, pretrained)
    if not names:
        raise ValueError(
            f"list: some model must match. Received: {pattern!r}, task={task!r}, pretrained={pretrained!r}; "
            f"tasks are {', '.join(sorted({model.task for model in catalogue.catalogue().values()}))}."
        )
    console.print(tables.zoo(names, console.width))


@app.command()
def show(name: NameArgument, set_: SetOption = None) -> None:
    """Show the layers of a model: shapes, parameters, multiply-adds, receptive fields; and what is known of it.

    Example: `kerasconv show line_detector --set pooling=average`
    """
    console.print(tables.layers(load_model(name, set_), name if in_zoo(name) else None))


@app.command()
def run(
    name: NameArgument,
    image: Annotated[Path, typer.Argument(help="An image file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The image file to write, such as `edges.png`.")],
    set_: SetOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Run a model on an image and write its feature maps, side by side, as an image.

    A model of the zoo or a preset gets the pixels as it takes them, a `.keras` file gets them from 0 to 1.

    Example: `kerasconv run filter_bank photo.jpg -o edges.png --set names=sobel_vertical`
    """
    zoo = in_zoo(name)
    from kerasconv.cli import images

    pixels = images.read(image)
    model = load_model(name, set_)
    if len(model.output_shape) != 4:
        raise ValueError(
            f"run: the model must give feature maps (batch, height, width, channels). "
            f"Received: {name!r}, whose output has the shape {_shape(model.output_shape)}."
        )
    if zoo:  # takes the size of the image
        model = load_model(name, [*(set_ or []), f"input_shape=(None, None, {model.input_shape[-1]})"])
    fitted = images.fit(pixels, model.input_shape)
    preprocessing = _preprocessing(name, model, fitted.shape[:2])
    maps = model.predict(images.normalise(fitted, preprocessing)[None], verbose=0)[0]
    images.write(output, images.montage(maps), overwrite=overwrite)
    say(f"Wrote {maps.shape[-1]} feature map(s) of {maps.shape[1]}x{maps.shape[0]} pixels to {output}")


@app.command()
def export(
    name: NameArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file, or folder (SavedModel), to write.")],
    format_: Annotated[str, typer.Option("--format", help="`savedmodel`, `onnx` or `litert`.")],
    set_: SetOption = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="An option of the export, such as `opset=17` or `layout=channels_first`."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Export a model as a SavedModel, an ONNX file or a LiteRT file, verified before it is put in place.

    How an image becomes the input of a model of the zoo is written down too: a SavedModel gets a signature that takes
    image files, an ONNX file the property `preprocessing`.

    Example: `kerasconv export line_detector --format onnx -o line_detector.onnx`
    """
    in_zoo(name)
    if format_ not in FORMATS:
        raise ValueError(f"export: `--format` must be one of {', '.join(map(repr, FORMATS))}. Received: {format_!r}.")
    options, exporter = parse(option, "--option"), _exporter(format_)
    known = list(inspect.signature(exporter).parameters)[2:]
    unknown = [key for key in options if key not in known or key == "overwrite"]
    if unknown:
        raise ValueError(
            f"export: an `--option` of {format_!r} must be one of {', '.join(k for k in known if k != 'overwrite')}. "
            f"Received: {unknown[0]!r}."
        )
    model = load_model(name, set_)
    report = exporter(model, output, overwrite=overwrite, **_preprocessed(name, model, format_, options))
    console.print(tables.parity([report]))
    say(f"Wrote {output}")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="An ONNX or LiteRT file, or the folder of a SavedModel.")],
    model: Annotated[
        str | None,
        typer.Option(help="The model to compare with: of the zoo, or a `.keras` file. Default: the golden data that "
                     "were written with the artifact."),
    ] = None,
    set_: SetOption = None,
    tolerance: Annotated[float, typer.Option(help="The largest relative difference that passes.")] = 1e-5,
    runtime: Annotated[
        list[str] | None,
        typer.Option(help="`keras`, `savedmodel`, `onnxruntime`, `litert` or `openvino`; may be repeated. Default: all "
                     "that are installed and read the artifact."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON for machines in place of the table.")] = False,
) -> None:  # fmt: skip
    """Run an exported model in its runtimes and measure how far it is from its model.

    Exit status 0 if it is near enough, 1 if it is not, 2 if that could not be measured: no such file, one that is
    damaged or differs from its manifest, a mistake in the command.

    Example: `kerasconv verify line_detector.onnx --model line_detector`
    """
    try:
        keras_model = None if model is None else load_model(model, set_)
        import_tensorflow()
        from kerasconv import export as exporters

        report = exporters.verify(path, keras_model, tolerance=tolerance, runtimes=runtime or None)
    except Exception as error:
        raise _NoVerdictError(str(error) or type(error).__name__) from error
    if json_:
        print(json.dumps(report.to_json(), indent=2))
    else:
        console.print(tables.parity([report]))
        for title, reason in report.refused:
            say(f"{title} does not run it: {reason}")
    report.raise_if_failed("verify")


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")] = Path("demo-output"),
    image: Annotated[
        Path | None, typer.Option(help="The photograph to filter. Default: scikit-learn's `china.jpg`.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training.")] = 12,
) -> None:
    """Build, read, train, export and verify: the tour of the package, on real input.

    What it writes is replaced when it runs again.
    """
    import_tensorflow()
    from kerasconv.cli.demo import run_demo

    run_demo(console, output, image, epochs)


def _exporter(format_: str) -> Callable[..., ParityReport]:
    import_tensorflow()
    from kerasconv import export as exporters

    functions: dict[str, Callable[..., ParityReport]] = {
        "savedmodel": exporters.to_saved_model,
        "onnx": exporters.to_onnx,
        "litert": exporters.to_litert,
    }
    return functions[format_]


def _preprocessing(name: str, model: keras.Model, size: tuple[int, int] | None = None) -> Preprocessing | None:
    """Preprocessing of a model's images, if it is known: by the zoo's table, or by the preset."""
    from kerasconv import models
    from kerasconv.models._info import preprocessing_of

    if is_preset(name):
        return models.preset_info(name).preprocessing
    return preprocessing_of(name, model, size) if in_zoo(name) else None


def _preprocessed(name: str, model: keras.Model, format_: str, options: dict[str, Any]) -> dict[str, Any]:
    """Options of an export with the model's preprocessing, where the format has a place for it."""
    preprocessing = _preprocessing(name, model)
    if preprocessing is None:
        return options
    if format_ == "savedmodel" and model.input_shape[1:] == (*preprocessing.size, preprocessing.channels):
        return {"preprocessing": preprocessing, **options}
    given = options.get("metadata") or {}
    if format_ == "onnx" and isinstance(given, dict):
        return {**options, "metadata": {"preprocessing": preprocessing.to_dict(), **given}}
    return options


def _shape(shape: tuple[int | None, ...]) -> str:
    return " x ".join("?" if n is None else str(n) for n in shape[1:])


def main() -> None:
    """Runs the command line. An error is one line on standard error, and exit status 1, or 2 without a verdict."""
    try:
        app()
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        message = " ".join(str(error).split()) or type(error).__name__
        Console(stderr=True).print(Text.assemble(("Error:", "bold red"), " ", message), soft_wrap=True)
        raise SystemExit(2 if isinstance(error, _NoVerdictError) else 1) from None
