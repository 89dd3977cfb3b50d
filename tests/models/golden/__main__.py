"""Writes golden numbers: of the models named, or of those that have none."""

import sys

from kerasconv import models
from tests.models import golden

names = sys.argv[1:] or [name for name in models.list_models() if not (golden.FOLDER / f"{name}.safetensors").exists()]
for name in names:
    golden.write(name)
    golden.check(golden.build(name, golden.options_of(name)), name)
    size = (golden.FOLDER / f"{name}.safetensors").stat().st_size
    print(f"{name}: {size / 1024:.1f} KiB", flush=True)
