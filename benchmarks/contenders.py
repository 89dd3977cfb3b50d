"""Contenders: for each name, case, mode and direction a function without arguments to be timed.

- `auto` and the other names in `kerasconv.config.ALGORITHM_NAMES`: our layers;
- `keras`: the stock layer; `tf.nn`: TensorFlow's function, without a layer;
- `torch`: PyTorch, where it is installed, in its eager mode in every mode of ours;
- `numpy`: im2col in NumPy; `loops`: `kerasconv.reference`, the tutorial's loops, in every mode the same too;
- `matmul` and `x+1`: yardsticks; see `benchmarks.yardsticks`.

A contender that cannot run a case raises, and what it says is shown as the reason. TensorFlow is imported when the
first function is prepared, so that asking the command line for help is quick.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable

from benchmarks.data import Data
from benchmarks.results import Cell
from benchmarks.shapes import Case, Step
from kerasconv import config

MODES = ("graph", "xla", "eager")
OURS = config.ALGORITHM_NAMES
PEERS = ("keras", "tf.nn", "torch", "numpy", "loops")
YARDSTICKS = ("matmul", "x+1")
NAMES = (*OURS, *PEERS, *YARDSTICKS)
MACHINE = "machine"  # the case of the yardsticks beside the whole list
BOTH = "both_gradients"
DIRECTIONS = ("forward", "input_gradient", "kernel_gradient", BOTH, "step")


def directions(case: Case, mode: str) -> tuple[str, ...]:
    """Returns the directions of a case that are timed.

    A graph computes only what is asked for, so that each gradient has a time of its own. Eagerly, and in the tutorial's
    loops, the two gradients of a convolution come together: there they are timed together too.
    """
    together = case.kind == "conv" and (mode == "eager" or case.name == "tutorial")
    return (*case.directions, BOTH) if together else case.directions


def plan(cases: Iterable[Case], modes: Iterable[str], asked: Iterable[str], names: Iterable[str]) -> list[Cell]:
    """The cells to measure; with yardsticks among the contenders, those beside the whole list come first."""
    cells: list[Cell] = [(MACHINE, mode, "forward") for mode in modes if set(names) & set(YARDSTICKS)]
    for case in cases:
        cells += [(case.name, mode, d) for mode in modes for d in directions(case, mode) if d in asked]
    return cells


def entrants(case: Case, direction: str) -> list[str]:
    """Returns the contenders that can run a case: those that are installed and have such an operation."""
    if case.kind == "step":
        return [*OURS, "keras"]
    absent = {"x+1" if case.kind == "conv" and case.group != "depthwise" else "matmul"}
    if direction == BOTH:
        absent.add("matmul")  # one product has no two gradients
    if case.kind == "pool":
        absent |= {"numpy", "loops"}
    if case.name != "tutorial" or direction in ("input_gradient", "kernel_gradient"):
        absent.add("loops")
    if importlib.util.find_spec("torch") is None:
        absent.add("torch")
    return [name for name in NAMES if name not in absent]


def prepare(name: str, case: Case, data: Data | None, mode: str, direction: str) -> Callable[[], object]:
    """The function to be timed.

    Args:
        name: The contender.
        case: The case.
        data: The numbers of the case; none for a training step.
        mode: `"graph"`, `"xla"` or `"eager"`.
        direction: What to compute; see `directions`.

    Raises:
        Exception: Whatever the contender raises if it has no such case.
    """
    from benchmarks import nets, numpy_contenders, tensorflow_contenders, yardsticks

    if isinstance(case, Step) or data is None:
        return nets.prepare(name, case, mode)
    if name in YARDSTICKS:
        return yardsticks.prepare(name, case, mode, direction)
    if name in ("numpy", "loops"):
        return numpy_contenders.prepare(name, data, direction)
    if name == "torch":
        from benchmarks import torch_contender

        return torch_contender.prepare(data, direction)
    return tensorflow_contenders.prepare(name, data, mode, direction)


def check(names: Iterable[str], known: Iterable[str], option: str) -> list[str]:
    """The names, or all that are known if there are none.

    Raises:
        ValueError: If one is not known.
    """
    for name in names:
        if name not in known:
            raise ValueError(f"`{option}` must be one of {', '.join(known)}. Received: {name!r}.")
    return [name for name in known if not names or name in names]
