"""Training of the zoo's classifiers with Keras' `fit`. An interrupted run can be resumed with the same result.

All randomness is a function of the seed: the split, the initial weights, and the order of the examples in each epoch,
which also depends on the number of the epoch. The states of the random generators of augmentation and dropout are part
of the checkpoint.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasconv import models
from kerasconv.files import staged
from kerasconv.train.checkpoint import Checkpoint
from kerasconv.train.data import Batches, Data, Inputs, ShuffledBatches, differing_names, inputs_of, load, split
from kerasconv.train.report import Report, drawing, measure
from kerasconv.train.trained import gives_probabilities

RUN, MODEL, REPORT, CONFUSION = "run.json", "model", "report.json", "confusion.png"

AUGMENTATIONS = {
    "flip": lambda **kwargs: keras.layers.RandomFlip("horizontal", **kwargs),
    "rotate": lambda **kwargs: keras.layers.RandomRotation(0.05, "nearest", **kwargs),
    "shift": lambda **kwargs: keras.layers.RandomTranslation(0.1, 0.1, "nearest", **kwargs),
    "zoom": lambda **kwargs: keras.layers.RandomZoom(0.1, 0.1, "nearest", **kwargs),
}
"""Augmentations: mirroring left to right, rotation by up to 18 degrees, shifts and zoom by up to a tenth."""

PRECISIONS = ("float16", "bfloat16")


@dataclass(frozen=True)
class Plan:
    """The parameters of a training run.

    Attributes:
        name: A classifier of the zoo.
        data: The source of the data; see `kerasconv.train.load`.
        options: Options of the builder. The number of classes is that of the data.
        epochs: The number of epochs.
        batch_size: The number of examples in a batch.
        learning_rate: The learning rate of the optimizer, Adam.
        seed: The seed of all randomness.
        validation_split: The share of the data that is held out for validation.
        augment: Some of `AUGMENTATIONS`, applied to the training examples.
        mixed_precision: `"float16"` or `"bfloat16"` to compute in this, with variables in float32; `None` for float32.
        patience: The number of epochs without a lower validation loss after which the training stops, with the weights
            of the best epoch; `None` to train for all epochs and keep the last weights.
        bad_images: `"skip"` or `"fail"`, the treatment of files that cannot be decoded.

    Raises:
        ValueError: If an argument has an invalid value.
    """

    name: str
    data: str
    options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    seed: int = 0
    validation_split: float = 0.2
    augment: tuple[str, ...] = ()
    mixed_precision: str | None = None
    patience: int | None = None
    bad_images: str = "skip"

    def __post_init__(self) -> None:
        models.get_entry(self.name)
        rules = {
            "epochs": (self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 1, "at least 1"),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "seed": (0 <= self.seed < 2**32, "from 0 to 4294967295"),
            "validation_split": (0 < self.validation_split < 1, "between 0 and 1"),
            "augment": (set(self.augment) <= set(AUGMENTATIONS), f"some of {', '.join(map(repr, AUGMENTATIONS))}"),
            "mixed_precision": (self.mixed_precision in (None, *PRECISIONS), "'float16', 'bfloat16' or None"),
            "patience": (self.patience is None or self.patience >= 1, "at least 1, or None"),
        }
        for name, (kept, rule) in rules.items():
            if not kept:
                raise ValueError(f"train: `{name}` must be {rule}. Received: {name}={getattr(self, name)!r}.")


@dataclass(frozen=True)
class Result:
    """The result of a training run: the model, its validation report, and the metrics of each epoch."""

    model: keras.Model
    report: Report
    history: list[dict[str, float]]


def train(
    plan: Plan,
    output: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    announce: Any = lambda line: None,
) -> Result:
    """Trains a model, and writes it to a folder with reports.

    The folder then has `model/`, `report.json`, `confusion.png`, `log.csv`, `run.json` (the plan), and
    `checkpoint.safetensors`, with which an interrupted run can be resumed, or a run extended by further epochs.

    Args:
        plan: The parameters of the run.
        output: The folder.
        resume: Whether to resume a run in the folder, if there is one. Its data and its plan must be the same, except
            for `epochs`.
        tensorboard: Whether to write logs for TensorBoard, to `tensorboard/`.
        announce: A function that is called with lines of text about the progress.

    Raises:
        ImportError: If a package of the extra `train` is not installed, or TensorBoard is not and `tensorboard` is
            true.
        FileExistsError: If the folder is not empty and `resume` is false.
        ValueError: If the model is not a classifier, the data are malformed, or the run to resume is a different one or
            damaged.

    Example:
        >>> import tempfile
        >>> plan = Plan("conv_pool_classifier", "digits", {"input_shape": (8, 8, 1)}, epochs=1, batch_size=256)
        >>> result = train(plan, Path(tempfile.mkdtemp(), "run"))  # doctest: +SKIP
        >>> len(result.history), result.report.examples  # doctest: +SKIP
        (1, 360)
    """
    output = Path(output)
    _refuse(plan, output, resume, tensorboard)
    inputs = inputs_of(plan.name, plan.options)
    data = load(plan.data, inputs, plan.bad_images)
    learnt, held_out = split(data, plan.validation_split, plan.seed)
    shape = " x ".join(map(str, data.x.shape[1:]))
    announce(f"{len(learnt):,} examples to train on, {len(held_out):,} held out; {len(data.labels)} classes; {shape}")
    if data.unreadable:
        names = ", ".join(str(path) for path in data.unreadable[:3]) + (", ..." if len(data.unreadable) > 3 else "")
        announce(f"Skipped {len(data.unreadable):,} files that cannot be decoded: {names}")

    _make_deterministic(plan.seed)
    with _precision(plan.mixed_precision):
        model, trainer = _build(plan, data, inputs)
    _same_run(plan, data, output)
    checkpoint = Checkpoint(output, plan.patience)
    checkpoint.set_model(trainer)
    checkpoint.restore()
    done = len(checkpoint.history)
    if done:
        announce(f"Goes on after epoch {done} of {plan.epochs}")
    if done < plan.epochs and not checkpoint.finished:
        batches = ShuffledBatches(data, learnt, plan.batch_size, plan.seed)
        callbacks = [keras.callbacks.LambdaCallback(lambda epoch, logs: batches.set_epoch(epoch)), checkpoint]
        if tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(output / "tensorboard"))
        trainer.fit(
            batches,
            shuffle=False,  # Keras would shuffle the batches again, with Python's generator, whose state is not saved
            validation_data=Batches(data, held_out, plan.batch_size),
            initial_epoch=done,
            epochs=plan.epochs,
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=callbacks,
        )
    if plan.patience:
        checkpoint.restore_best()
    final = models.create_model(plan.name, **plan.options, classes=len(data.labels)) if plan.mixed_precision else model
    final.set_weights(model.get_weights())
    report = measure(final, data, held_out)
    _write(plan, data, inputs, final, report, len(checkpoint.history), output)
    return Result(final, report, checkpoint.history)


def _refuse(plan: Plan, output: Path, resume: bool, tensorboard: bool) -> None:
    """Raises if the run cannot be started."""
    if output.exists() and not resume and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(
            f"train: the output must be a new or empty folder, unless a run in it is to be resumed. "
            f"Received: {str(output)!r}."
        )
    drawing("train")  # which is needed at the end only
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError(
            "train: logs for TensorBoard need the package tensorboard, which the extra of that name has: "
            "pip install 'kerasconv[tensorboard]'."
        )
    if "classes" in plan.options:
        raise ValueError(
            f"train: `classes` is the number of classes in the data. Received: classes={plan.options['classes']!r}."
        )


def _write(
    plan: Plan, data: Data, inputs: Inputs, model: keras.Model, report: Report, epochs: int, output: Path
) -> None:
    """Writes the model and its report."""
    training = {
        **{name: value for name, value in dataclasses.asdict(plan).items() if name not in ("name", "data", "options")},
        "fingerprint": data.fingerprint,
        "epochs": epochs,
        "accuracy": report.accuracy,
        "interval_95": list(report.interval),
        "examples": report.examples,
    }
    models.save_to_preset(
        model,
        output / MODEL,
        preprocessing=inputs.preprocessing,
        labels=data.labels,
        training=training,
        overwrite=True,
    )
    with staged(output / REPORT, overwrite=True, caller="train") as new:
        new.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    report.draw(output / CONFUSION)


def _build(plan: Plan, data: Data, inputs: Inputs) -> tuple[keras.Model, keras.Model]:
    """Returns the model, and a compiled model of augmentation and the same model."""
    model = models.create_model(plan.name, **plan.options, classes=len(data.labels))
    if model.output_shape != (None, len(data.labels)):
        raise ValueError(
            f"train: the model must give one number for each of {len(data.labels)} classes. Received: {plan.name!r}, "
            f"whose output has the shape {model.output_shape}."
        )
    model.layers[-1].dtype_policy = "float32"  # for the probabilities and the loss
    data_format = "channels_first" if inputs.channels_first else "channels_last"
    augment = [
        AUGMENTATIONS[word](dtype="float32", data_format=data_format, name=f"augment_{word}") for word in plan.augment
    ]
    trainer = keras.Sequential([keras.Input(data.x.shape[1:]), *augment, model])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not gives_probabilities(model))
    trainer.compile(keras.optimizers.Adam(plan.learning_rate), loss, metrics=["accuracy"])
    trainer.optimizer.build(trainer.trainable_variables)
    return model, trainer


def _make_deterministic(seed: int) -> None:
    """Sets the seed, and enables deterministic operations on a GPU. Those on a CPU always are."""
    keras.utils.set_random_seed(seed)
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


@contextmanager
def _precision(mixed: str | None) -> Iterator[None]:
    """Sets the default precision of layers within the block."""
    before = keras.config.dtype_policy()
    if mixed:
        keras.config.set_dtype_policy(f"mixed_{mixed}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _same_run(plan: Plan, data: Data, output: Path) -> None:
    """Records the run in its folder, or raises if the folder has a different run."""
    now = json.loads(json.dumps({**dataclasses.asdict(plan), "labels": data.labels, "fingerprint": data.fingerprint}))
    if (output / RUN).exists():
        before = json.loads((output / RUN).read_text())
        if difference := differing_names(before["labels"], now["labels"]):
            raise ValueError(f"train: in a resumed run, the class names must be as before. Received: {difference}.")
        for name in now:
            if name not in ("epochs", "data", "labels") and before.get(name) != now[name]:
                what = "the data must be" if name == "fingerprint" else f"`{name}` must be"
                raise ValueError(
                    f"train: in a resumed run, {what} as before. Received: {now[name]!r}, not {before.get(name)!r}."
                )
    with staged(output / RUN, overwrite=True, caller="train") as new:
        new.write_text(json.dumps(now, indent=2) + "\n")
