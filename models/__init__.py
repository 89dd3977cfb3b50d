"""The zoo: reference networks built on the layers, as functions over tables.

Each builder takes `layers`, the module that the layers come from: ours by default, or `keras.layers`, which gives the
same graph on stock layers.

Example:
    >>> import kerasconv
    >>> kerasconv.models.line_detector().count_params()
    10
"""

import difflib
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import keras
from kerasconv.models.filter_bank import filter_bank as filter_bank
from kerasconv.models.line_detector import line_detector as line_detector
from kerasconv.models.same_padding_stack import same_padding_stack as same_padding_stack

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "filter_bank": filter_bank,
    "line_detector": line_detector,
    "same_padding_stack": same_padding_stack,
}


def list_models(pattern: str = "*") -> list[str]:
    """The names of the models in the zoo, in alphabetical order.

    Args:
        pattern: Shell-style wildcards that a name must match.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.list_models("*_stack")
        ['same_padding_stack']
    """
    return [name for name in sorted(_BUILDERS) if fnmatchcase(name, pattern)]


def get_builder(name: str) -> Callable[..., keras.Model]:
    """The function that builds a model.

    Args:
        name: One of `list_models()`.

    Raises:
        ValueError: If there is no such model.
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(str(name), _BUILDERS)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"create_model: `name` must be one of {', '.join(map(repr, list_models()))}. Received: name={name!r}.{hint}"
        )
    return _BUILDERS[name]


def create_model(name: str, **options: Any) -> keras.Model:
    """Builds a model of the zoo by its name.

    Args:
        name: One of `list_models()`.
        **options: What the builder takes.

    Raises:
        ValueError: If there is no such model.

    Example:
        >>> import kerasconv
        >>> kerasconv.models.create_model("line_detector", pooling="max").output_shape
        (None, 3, 3, 1)
    """
    return get_builder(name)(**options)
