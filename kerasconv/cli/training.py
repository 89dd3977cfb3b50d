"""`kerasconv train`, `evaluate` and `predict`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kerasconv.cli.catalogue import check_name
from kerasconv.cli.model_arguments import SetOption, in_zoo, parse
from kerasconv.cli.quiet_import import import_tensorflow
from kerasconv.cli.terminal import console, say

if TYPE_CHECKING:
    from kerasconv.train import Report

app = typer.Typer()

DataOption = Annotated[
    str,
    typer.Option(
        help="`digits` (scikit-learn's), a folder that has a folder of images for each class, or an `.npz` file with "
        "`x` and `y`."
    ),
]
BadImagesOption = Annotated[
    str, typer.Option(metavar="skip|fail", help="What to do with files that cannot be decoded.")
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        help="The folder of a trained model, a model of the zoo with `--set weights=...`, or a `.keras` file."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A classifier of the zoo (see `kerasconv list`).")],
    data: DataOption,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write to.")],
    epochs: Annotated[int, typer.Option(help="How often every example is seen.")] = 10,
    batch_size: Annotated[int, typer.Option(help="How many examples are seen between two steps.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Of the optimizer, Adam.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="All that is random follows from it, the split too.")] = 0,
    validation_split: Annotated[float, typer.Option(help="The share that is held out to measure by.")] = 0.2,
    augment: Annotated[
        list[str] | None,
        typer.Option(help="`flip`, `rotate`, `shift` or `zoom` what is trained on; may be repeated."),
    ] = None,
    mixed_precision: Annotated[
        str | None, typer.Option(metavar="float16|bfloat16", help="Compute in this, with variables in float32.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a lower loss on the held-out part, and keep the best."),
    ] = None,
    set_: SetOption = None,
    bad_images: BadImagesOption = "skip",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the output folder, if any.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard too.")] = False,
) -> None:
    """Train a classifier of the zoo, and measure it on what was held out.

    A run that was interrupted ends as if it had not been when the same command is given with `--resume`.

    Example: `kerasconv train lenet5 --data digits -o runs/lenet5`
    """
    check_name(name)
    import_tensorflow()
    from kerasconv.train import Plan, train

    plan = Plan(
        name,
        data,
        parse(set_),
        epochs,
        batch_size,
        learning_rate,
        seed,
        validation_split,
        tuple(augment or ()),
        mixed_precision,
        patience,
        bad_images,
    )
    result = train(plan, output, resume=resume, tensorboard=tensorboard, announce=say)
    _show(result.report)
    if patience:
        say("The epoch was chosen by the same examples: others may be recognised less often.")
    say(f"Wrote {output}: model/, report.json, confusion.png, log.csv")
    say(f"Try: kerasconv predict {output / 'model'} IMAGE")


@app.command()
def evaluate(
    model: ModelArgument,
    data: DataOption,
    set_: SetOption = None,
    bad_images: BadImagesOption = "skip",
    confusion: Annotated[Path | None, typer.Option(help="The PNG file to draw the confusion matrix to.")] = None,
    json_: JsonOption = False,
) -> None:
    """Measure a classifier on data; on the held-out part, if it is those that it was trained on.

    Example: `kerasconv evaluate runs/lenet5/model --data digits`
    """
    in_zoo(model)
    import_tensorflow()
    from kerasconv.train import load, measure, open_trained
    from kerasconv.train.report import drawing

    if confusion is not None:
        drawing("evaluate")
    trained = open_trained(model, parse(set_))
    loaded = load(data, trained.inputs, bad_images)
    trained.check_labels(loaded)
    held_out = trained.held_out(loaded)
    report = measure(trained.model, loaded, held_out)
    if json_:
        print(json.dumps({**report.to_json(), "held_out": held_out is not None}, indent=2))
    else:
        if loaded.unreadable:
            say(f"Skipped {len(loaded.unreadable):,} files that cannot be decoded")
        if held_out is not None:
            say("It was trained on the other part of these data; this is the part that was held out.")
        _show(report)
    if confusion is not None:
        report.draw(confusion)
        if not json_:
            say(f"Wrote {confusion}")


@app.command()
def predict(
    model: ModelArgument,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    top: Annotated[int, typer.Option(min=1, help="So many of the most probable classes.")] = 3,
    set_: SetOption = None,
    json_: JsonOption = False,
) -> None:
    """Say what a classifier sees in images.

    Example: `kerasconv predict runs/lenet5/model photo.jpg --top 5`
    """
    in_zoo(model)
    import_tensorflow()
    from kerasconv.train import open_trained, read_image

    trained = open_trained(model, parse(set_))
    answers = [trained.best(read_image(path, trained.inputs), top) for path in images]
    if json_:
        rows = [{"image": str(path), "classes": dict(answer)} for path, answer in zip(images, answers, strict=True)]
        print(json.dumps(rows, indent=2))
        return
    table = Table("Image", *(["Class", "Probability"] * min(top, len(answers[0]))))
    for path, answer in zip(images, answers, strict=True):
        table.add_row(escape(str(path)), *(cell for label, p in answer for cell in (escape(label), f"{100 * p:.1f} %")))
    console.print(table)


def _show(report: Report) -> None:
    console.print(report.table())
    say(str(report))
