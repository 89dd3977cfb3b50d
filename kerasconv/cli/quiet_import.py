"""The import of TensorFlow, without the lines that it logs meanwhile.

`TF_CPP_MIN_LOG_LEVEL` turns TensorFlow's log down, but while its libraries are loaded they heed no level, and write of
oneDNN and of missing GPUs before anything of ours. So standard error goes through a filter as long as that lasts. The
filter is a process of its own: what TensorFlow says before it aborts, on a processor that is too old, still arrives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"

# Lines of information, warnings and errors, in the forms of absl and of older TensorFlow; fatal ones pass.
_FILTER = r"""
import re, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
log = re.compile(rb"[IWE]\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d \S+: [IWE] |WARNING: All log messages before absl")
for line in sys.stdin.buffer:
    if not log.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def import_tensorflow() -> None:
    """Imports TensorFlow and Keras without their log, unless `TF_CPP_MIN_LOG_LEVEL` is set: then it comes later."""
    if LEVEL in os.environ or "tensorflow" in sys.modules:
        return
    os.environ[LEVEL] = "3"
    with _filtered_stderr(), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # Keras 3.13 gives one with NumPy 2.0
        import keras  # noqa: F401
        import tensorflow  # noqa: F401


@contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Sends what this process writes to standard error, in any language, through the filter."""
    try:
        own = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", _FILTER], stdin=reading)
    os.dup2(writing, 2)
    os.close(writing)
    os.close(reading)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(own, 2)
        os.close(own)
        child.wait()
