"""Putting files in place: whole or not at all."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def place(path: str | os.PathLike[str], caller: str) -> Path:
    """The path, absolute.

    Raises:
        TypeError: If it is none.
        OSError: If the system does not tell what stands there.
    """
    try:
        target = Path(path).absolute()
        target.exists()
    except TypeError as error:
        raise TypeError(f"{caller}: `path` must be a path. Received: path={path!r}.") from error
    except OSError as error:
        raise _unwritable(error, path, caller) from error
    return target


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
    target = place(path, caller)
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"{caller}: `path` must not exist yet, unless `overwrite=True`. Received: path={str(path)!r}."
        )
    missing = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _unwritable(error, path, caller) from error
    try:
        new = stage / target.name
        yield new
        if overwrite and target.exists() and (target.is_dir() or new.is_dir()):
            _exchange(new, target)
        else:
            new.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with suppress(OSError):  # the first that is not empty
            for folder in missing:
                folder.rmdir()


def _unwritable(error: OSError, path: str | os.PathLike[str], caller: str) -> OSError:
    return type(error)(
        f"{caller}: `path` must be a place that can be written to. Received: path={str(path)!r}, for which the system "
        f"says: {error.strerror}: {error.filename!r}."
    )


def _exchange(new: Path, old: Path) -> None:
    """Puts each in the other's place: in one step where the system can do that, as Linux does on most file systems.

    Source: https://man7.org/linux/man-pages/man2/renameat2.2.html
    """
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None or rename(here, os.fsencode(new), here, os.fsencode(old), exchange):
        old.rename(new.with_name("old"))
        new.rename(old)
