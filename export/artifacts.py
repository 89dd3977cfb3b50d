"""Putting files in place: whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class ExportError(Exception):
    """An export, or its verification, failed. Whatever stood at its place before still stands there."""


@contextmanager
def staged(path: str | os.PathLike[str], *, overwrite: bool, caller: str) -> Iterator[Path]:
    """A place beside `path` to write a file or folder to; it is moved to `path` when the block ends without an error.

    Args:
        path: Where the result shall stand.
        overwrite: Whether something may stand there already. It is replaced.
        caller: Who asks, for the error message.

    Yields:
        The path to write to. Nothing exists there yet.

    Raises:
        FileExistsError: If something stands at `path` and may not be replaced.
        OSError: If nothing can be written there.
    """
    target = Path(path).absolute()
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{caller}: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
        )
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise type(error)(
            f"{caller}: `path` must be a place that can be written to. Received: path={str(path)!r}, for which the "
            f"system says: {error.strerror}: {error.filename!r}."
        ) from error
    try:
        new = stage / target.name
        yield new
        if overwrite and target.exists() and (target.is_dir() or new.is_dir()):  # a folder is not replaced in one step
            target.rename(stage / "old")
        new.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with suppress(OSError):  # the first that is not empty
            for folder in missing:
                folder.rmdir()
