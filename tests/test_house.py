"""The house rules: which way imports run, what importing costs, and that every example in a docstring runs."""

import ast
import doctest
import importlib
import pathlib
import subprocess
import sys

import pytest

import kerasconv

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = {"kerasconv": ROOT / "kerasconv", "kerasconv.models": ROOT / "models", "kerasconv.export": ROOT / "export"}

# What each part may import of this package. `kerasconv` itself is for its version alone.
MAY_IMPORT = {
    "kerasconv": set(),
    "kerasconv.explain": {"ops"},
    "kerasconv.gradients": set(),
    "kerasconv.interop": {"geometry", "layers"},
    "kerasconv.backend": set(),
    "kerasconv.config": set(),
    "kerasconv.geometry": set(),
    "kerasconv.reference": {"geometry"},
    "kerasconv.ops": {"backend", "config", "geometry"},
    "kerasconv.layers": {"backend", "config", "geometry", "ops"},
    "kerasconv.models": {"export", "geometry", "interop", "layers"},
    "kerasconv.export": {"config", "geometry", "interop", "ops"},
    "kerasconv.cli": {"export", "layers", "models", "train"},
    "kerasconv.train": {"export", "layers", "models"},
}


def modules():
    for package, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.py")):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            yield ".".join(part for part in parts if part != "__init__"), file


def part_of(module):
    return max((part for part in MAY_IMPORT if module == part or module.startswith(f"{part}.")), key=len)


def imported(file):
    """The parts of this package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "kerasconv":
            names = [f"kerasconv.{alias.name}" for alias in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            first, *rest = name.split(".")
            if first == "kerasconv" and rest:
                yield rest[0]


@pytest.mark.parametrize(("module", "file"), list(modules()), ids=[m for m, _ in modules()])
def test_imports_run_one_way(module, file):
    part = part_of(module)
    own = part.removeprefix("kerasconv.")
    assert set(imported(file)) - {own} <= MAY_IMPORT[part]


@pytest.mark.parametrize("module", [m for m, _ in modules() if m not in ("kerasconv.cli.__main__",)])
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


@pytest.mark.parametrize(
    "module",
    [
        "kerasconv.ops",
        "kerasconv.layers",
        "kerasconv.models",
        "kerasconv.export",
        "kerasconv.reference",
        "kerasconv.config",
    ],
)
def test_every_public_name_has_an_example(module):
    public = vars(importlib.import_module(module))
    lacking = [
        name
        for name, value in public.items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "").startswith("kerasconv")
        and name not in ("ExportError", "ParityReport", "check_algorithm", "get_algorithm", "lowered", "resolve", "require_tensorflow", "Entry", "ModelInfo", "PresetInfo", "Row", "set_algorithm", "algorithm")
        and ">>> " not in (value.__doc__ or "")
    ]  # fmt: skip
    assert lacking == []


def python(script, **environment):
    import os

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout.strip(), done.stderr


def test_importing_the_package_is_light():
    out, _ = python("import sys, kerasconv; print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))")
    assert out == "set()"
    out, _ = python(
        "import sys, kerasconv; kerasconv.reference.zero_pad; print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    assert out == "set()"
    out, _ = python("import kerasconv; print(kerasconv.models.line_detector().count_params())")
    assert out == "10"


def test_submodules_are_found():
    assert {"layers", "ops", "models", "export", "reference", "config", "geometry"} <= set(dir(kerasconv))
    with pytest.raises(AttributeError, match="module 'kerasconv' has no attribute 'nonsense'"):
        kerasconv.nonsense  # noqa: B018


@pytest.mark.parametrize("module", ["ops", "layers"])
def test_another_backend_is_one_clear_error(module):
    pytest.importorskip("torch", reason="PyTorch, an optional extra, is the other backend here")
    script = f"try:\n    import kerasconv.{module}\nexcept ImportError as error:\n    print(error)"
    out, _ = python(script, KERAS_BACKEND="torch")
    assert out == (
        f"kerasconv.{module}: Keras must run on the TensorFlow backend, in whose operations this package is written. "
        'Received: the backend "torch". Set the environment variable KERAS_BACKEND=tensorflow before Keras is imported.'
    )


def test_the_version_is_one():
    from importlib.metadata import version

    assert version("kerasconv") == kerasconv.__version__
    assert f"## {kerasconv.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_all_packages_are_installed():
    """Each folder with an `__init__.py` stands in pyproject.toml's list, which names them one by one."""
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {m for m, file in modules() if file.name == "__init__.py"}
    assert set(listed) == found
