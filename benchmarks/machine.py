"""Circumstances of a run: the machine, the versions, and the commands with their commits and dates."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import subprocess
from importlib import metadata
from pathlib import Path

VERSIONS = ("kerasconv", "tensorflow", "keras", "numpy", "torch")


def command(arguments: list[str]) -> str:
    """The command that measures, and on which commit it did so when."""
    today = datetime.date.today().isoformat()
    return f"{shlex.join(['python', '-m', 'benchmarks', *arguments])}  # {commit() or 'unknown commit'}, {today}"


def describe(threads: int) -> dict[str, str]:
    """Names to values."""
    versions = {name: found for name in VERSIONS if (found := version(name))}
    return {
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(threads),
        "GPU": graphics() or "none",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        **versions,
    }


def version(name: str) -> str | None:
    """The version of a distribution, if it is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def graphics() -> str:
    """The names of the GPUs that TensorFlow sees."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return ", ".join(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in found)


def commit() -> str | None:
    """The commit of the checkout, with a plus if it has changes."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
