"""TF Serving's layout: a folder of numbered versions, with the server's configuration and a README.

Source: https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/serving_config.md and `api_rest.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import tensorflow as tf

import kerasconv
from kerasconv.export.saved_model.endpoints import Endpoint
from kerasconv.export.saved_model.requests import requests
from kerasconv.files import staged

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MARK = "<!-- Written by kerasconv with each version. Without this line it stays as it is. -->"

_CONFIGS = {
    "models.config": """\
# What TensorFlow Serving serves.
model_config_list {
  config {
    name: "$name"
    base_path: "/models/$name"
    model_platform: "tensorflow"
    # The newest version alone. For several, with labels to ask for them by:
    # model_version_policy { specific { versions: 1 versions: 2 } }
    # version_labels { key: "stable" value: 1 }
    # version_labels { key: "canary" value: 2 }
    model_version_policy { latest { num_versions: 1 } }
  }
}
""",
    "batching_parameters.txt": """\
# How TensorFlow Serving joins requests that arrive together to one batch.
# A request of more rows than `max_batch_size` is refused.
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 4 }
""",
    "monitoring.config": """\
# Figures for Prometheus.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
""",
}

_README = """\
$mark
# $name, version $version

Written by kerasconv $kerasconv with TensorFlow $tensorflow. `models.config`, `batching_parameters.txt` and
`monitoring.config` are yours to edit: they are written only where they are missing.

## Serve

In this folder:

```sh
docker run --rm -p 8500:8500 -p 8501:8501 \\
  --mount type=bind,source="$$PWD",target=/models/$name,readonly \\
  tensorflow/serving \\
  --model_config_file=/models/$name/models.config \\
  --enable_batching --batching_parameters_file=/models/$name/batching_parameters.txt \\
  --monitoring_config_file=/models/$name/monitoring.config
```

Port 8500 speaks gRPC, port 8501 HTTP. A newer version beside this one is taken up without a restart.

```sh
curl http://localhost:8501/v1/models/$name
curl http://localhost:8501/v1/models/$name/metadata
curl http://localhost:8501/monitoring/prometheus/metrics
```

## Signatures

| signature | takes | gives |
|---|---|---|
$table

`serve` is `serving_default` under the name that Keras looks for.

## Ask

$requests"""


def target(path: Path, version: Any, *, overwrite: bool) -> Path:
    """Returns the folder for a SavedModel: `path` itself, or the folder of a new version in it.

    Raises:
        ValueError: If `version` is malformed or given with `overwrite`, or the folder's name cannot be a model's name.
        FileExistsError: If a version would be replaced, or `path` is not a folder of versions.
    """
    existing = _versions(path)
    if version is None:
        if existing and overwrite:
            raise FileExistsError(
                "to_saved_model: versions are never replaced; `version='next'` adds one. "
                f"Received: path={str(path)!r}, with version(s) {', '.join(map(str, existing))}."
            )
        return path
    number = max(existing, default=0) + 1 if version == "next" else version
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(
            f"to_saved_model: `version` must be None, 'next' or an int from 1. Received: version={version!r}."
        )
    if overwrite:
        raise ValueError(
            f"to_saved_model: `overwrite` must be False with a `version`, which is never replaced. "
            f"Received: overwrite={overwrite!r}."
        )
    if not _NAME.fullmatch(path.absolute().name):
        raise ValueError(
            "to_saved_model: with a `version`, the last part of `path` is the model's name in URLs, and must have "
            f"letters, digits, `.`, `_` and `-` only. Received: {path.absolute().name!r}."
        )
    if path.is_file() or (path / "saved_model.pb").exists():
        raise FileExistsError(
            "to_saved_model: with a `version`, `path` must be a folder of versions, or not exist yet. "
            f"Received: path={str(path)!r}, which is a {'file' if path.is_file() else 'SavedModel'}."
        )
    if number in existing:
        raise FileExistsError(
            "to_saved_model: `version` must be one that does not exist yet; versions are never replaced. "
            f"Received: version={version}, and path={str(path)!r} has {', '.join(map(str, existing))}."
        )
    return path / str(number)


def _versions(path: Path) -> list[int]:
    """Returns the versions in a folder."""
    names = [child.name for child in path.iterdir()] if path.is_dir() else []
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def save_beside(folder: Path, endpoints: Sequence[Endpoint]) -> None:
    """Writes the files beside a version: missing configuration files, and the README of this version."""
    path, names = folder.parent, {"name": folder.parent.name}
    for file, text in _CONFIGS.items():
        if not (path / file).exists():
            _write(path / file, Template(text).substitute(names))
    readme = path / "README.md"
    if not readme.exists() or readme.read_text().startswith(_MARK):
        fields = {
            "mark": _MARK,
            "version": folder.name,
            "kerasconv": kerasconv.__version__,
            "tensorflow": tf.__version__,
            "table": "\n".join(map(_table_row, endpoints)),
            "requests": "\n".join(requests(path.name, endpoint) for endpoint in endpoints),
        }
        _write(readme, Template(_README).substitute(names, **fields))


def _write(file: Path, text: str) -> None:
    with staged(file, overwrite=True, caller="to_saved_model") as stage:
        stage.write_text(text)


def _table_row(endpoint: Endpoint) -> str:
    takes = [f"`{spec.name}`: {spec.dtype.name} {_shape(spec.shape)}" for spec in endpoint.inputs]
    gives = [f"`{name}`" for name in endpoint.expected]
    return f"| `{endpoint.name}` | {', '.join(takes)} | {', '.join(gives)} |"


def _shape(shape: tf.TensorShape) -> str:
    return f"({', '.join('?' if n is None else str(n) for n in shape)})"
