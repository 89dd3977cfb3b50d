"""Atomic writing of files and folders."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def place(path: str | os.PathLike[str], caller: str) -> Path:
    """Returns a path as an absolute one.

    Raises:
        TypeError: If it is not a path.
        OSError: If the system cannot access it.
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
    """Provides a temporary path beside `path`, which is moved to `path` when the block ends without an error.

    Args:
        path: The final path of the file or folder.
        overwrite: Whether to replace an existing file or folder.
        caller: The name of the public function, for error messages.

    Yields:
        The path to write to, which does not exist yet.

    Raises:
        FileExistsError: If `path` exists and may not be replaced.
        OSError: If `path` cannot be written.
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
        with suppress(OSError):  # stops at the first folder that is not empty
            for folder in missing:
                folder.rmdir()


def _unwritable(error: OSError, path: str | os.PathLike[str], caller: str) -> OSError:
    return type(error)(
        f"{caller}: `path` must be a place that can be written to. Received: path={str(path)!r}, for which the system "
        f"says: {error.strerror}: {error.filename!r}."
    )


def _exchange(new: Path, old: Path) -> None:
    """Swaps two paths, atomically if the system can, as Linux does on most file systems.

    Source: https://man7.org/linux/man-pages/man2/renameat2.2.html
    """
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None or rename(here, os.fsencode(new), here, os.fsencode(old), exchange):
        old.rename(new.with_name("old"))
        new.rename(old)
