"""Manifests: the SHA-256 of every file of an artifact, which reveal damaged or replaced files.

The manifest of `NAME.onnx` is `NAME.manifest.json` beside it. A folder has `assets.extra/manifest.json` inside:

    {
      "files": {
        "digits.golden/test_data_set_0/input_0.pb": "9f86d081884c7d65...",
        "digits.onnx": "60303ae22b998861..."
      },
      "format": 1,
      "kerasconv": "0.1.0"
    }

It contains no dates, so the same files have the same manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import kerasconv
from kerasconv.export.errors import ExportError
from kerasconv.export.golden import golden_folder, sidecar

FORMAT = 1


def manifest_file(artifact: Path) -> Path:
    """Returns the path of the manifest of an artifact."""
    return artifact / "assets.extra" / "manifest.json" if artifact.is_dir() else sidecar(artifact, "manifest.json")


def write_manifest(artifact: Path, files: Sequence[Path] = ()) -> Path:
    """Writes the manifest of an artifact.

    Args:
        artifact: The artifact. Its golden data are listed too, and all files in it if it is a folder.
        files: Other files that belong to it, such as external data.

    Returns:
        The manifest's file.

    Raises:
        ValueError: If a file is outside the artifact's folder.

    Example:
        >>> import pathlib, tempfile
        >>> artifact = pathlib.Path(tempfile.mkdtemp(), "model.onnx")
        >>> _ = artifact.write_bytes(b"...")
        >>> write_manifest(artifact).name
        'model.manifest.json'
        >>> check_manifest(artifact)
        True
    """
    artifact = artifact.absolute()
    root = _root(artifact)
    listed = {file.absolute() for file in (*_own_files(artifact), *files)} - {manifest_file(artifact)}
    for file in listed:
        if not file.is_relative_to(root) or ".." in file.parts:
            raise ValueError(
                f"write_manifest: the files of an artifact must stand in its folder {str(root)!r}. "
                f"Received: {str(file)!r}."
            )
    content = {
        "format": FORMAT,
        "kerasconv": kerasconv.__version__,
        "files": {file.relative_to(root).as_posix(): _sha256(file) for file in listed},
    }
    target = manifest_file(artifact)
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return target


def check_manifest(artifact: Path) -> bool:
    """Checks the files of an artifact against its manifest.

    Returns:
        Whether there is a manifest.

    Raises:
        ExportError: If the manifest cannot be read, a file in it is missing or has changed, or the artifact or one of
            its golden data is not in it.
    """
    artifact = artifact.absolute()
    manifest = manifest_file(artifact)
    if not manifest.is_file():
        return False
    root = _root(artifact)
    files = _read(manifest)
    for name, expected in files.items():
        if not (root / name).is_file():
            raise ExportError(
                f"verify: every file in the manifest must exist. Received: {str(manifest)!r}, which lists {name!r}."
            )
        if (actual := _sha256(root / name)) != expected:
            raise ExportError(
                f"verify: the files of an artifact must have the SHA-256 in its manifest {str(manifest)!r}. "
                f"Received: {name!r} with {actual[:12]}... in place of {str(expected)[:12]}..."
            )
    main = artifact / "saved_model.pb" if artifact.is_dir() else artifact
    for file in (main, *_files_in(golden_folder(artifact))):
        if file.relative_to(root).as_posix() not in files:
            raise ExportError(
                f"verify: the artifact and its golden data must be in the manifest {str(manifest)!r}. "
                f"Received: {file.relative_to(root).as_posix()!r}, which is not."
            )
    return True


def move_sidecars(stage: Path, target: Path) -> None:
    """Moves the golden data and the manifest of a staged file to its destination.

    Args:
        stage: The file, in a temporary folder of its own. Files that are replaced are moved into that folder.
        target: The destination of the file.
    """
    for kind in ("golden", "manifest.json"):
        new, old = sidecar(stage, kind), sidecar(target, kind)
        if old.exists():
            old.rename(stage.parent / f"old.{kind}")
        if new.exists():
            new.rename(old)


def _read(manifest: Path) -> dict[str, str]:
    """Reads the hashes in a manifest, by file."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        found, files = content["format"], content["files"]
        plain = all(isinstance(name, str) and isinstance(value, str) for name, value in files.items())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f"verify: the manifest must be JSON with `format` and `files`. Received: {str(manifest)!r}, which fails: "
            f"{error}"
        ) from error
    if found != FORMAT or not plain:
        raise ExportError(
            f"verify: the manifest must have format {FORMAT}, with a text for each file. "
            f"Received: {str(manifest)!r} with format {found!r}."
        )
    for name in files:
        if PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
            raise ExportError(
                f"verify: the files in a manifest must stand in its artifact's folder. Received: {str(manifest)!r}, "
                f"which lists {name!r}."
            )
    return files


def _root(artifact: Path) -> Path:
    return artifact if artifact.is_dir() else artifact.parent


def _own_files(artifact: Path) -> list[Path]:
    return _files_in(artifact) if artifact.is_dir() else [artifact, *_files_in(golden_folder(artifact))]


def _files_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
