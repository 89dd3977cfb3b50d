"""The house rules: how much there is to read, what importing costs, and that every example in a docstring runs.

The direction of imports is checked by `make imports`.
"""

import ast
import doctest
import importlib
import importlib.util
import inspect
import os
import pathlib
import pydoc
import subprocess
import sys

import pytest

import kerasconv
from tests.reading_path import PATHS, reading_path

ROOT = pathlib.Path(__file__).parent.parent
# Three folders in the repository, one within the other when installed.
PACKAGES = {
    package: pathlib.Path(importlib.util.find_spec(package).origin).parent
    for package in ("kerasconv", "kerasconv.models", "kerasconv.export")
}


def modules():
    found = {}
    for package, folder in PACKAGES.items():
        for file in sorted(folder.rglob("*.py")):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            found[".".join(part for part in parts if part != "__init__")] = file
    return found.items()


# Modules whose examples build large models.
DEEP = ("kerasconv.models.densenet", "kerasconv.models.efficientnet", "kerasconv.models.resnet")


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(module, marks=[pytest.mark.large] if module in DEEP else [])
        for module, _ in modules()
        if module != "kerasconv.cli.__main__"
    ],
)
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.failed == 0


PUBLIC = ("ops", "layers", "models", "export", "reference", "config", "interop", "inspection", "train")

# Classes that hold what a function returns or raises, and two ways to name an algorithm: their examples are that of the
# function.
SHOWN_ELSEWHERE = {
    *("Conversion", "ConversionReport", "Data", "Difference", "Inputs", "Plan", "Report", "Result", "Trained"),
    *("Entry", "Explanation", "ExplanationRow", "ExportError", "GradientReport", "GradientRow", "ModelInfo"),
    *("ParityReport", "PresetInfo", "Row", "Settings", "Summary"),
}


@pytest.mark.parametrize("room", PUBLIC)
def test_public_names_are_listed_and_have_an_example(room):
    module = importlib.import_module(f"kerasconv.{room}")
    assert len(module.__all__) == len(set(module.__all__))
    public = {name: getattr(module, name) for name in module.__all__}
    own = {name for name, value in public.items() if getattr(value, "__module__", "").startswith("kerasconv")}
    lacking = {name for name in own - SHOWN_ELSEWHERE if ">>> " not in (inspect.getdoc(public[name]) or "")}
    assert lacking == set()


@pytest.mark.parametrize("room", PUBLIC)
def test_help_lists_the_public_names(room):
    module = importlib.import_module(f"kerasconv.{room}")
    text = pydoc.render_doc(module, renderer=pydoc.plaintext)
    assert [name for name in module.__all__ if name not in text] == []


def read_by_developers():
    """Yields the name and the file of each module of the package, and of the tools beside it."""
    yield from modules()
    for tool in ("benchmarks", "scoreboard", "cards"):
        for file in sorted((ROOT / tool).glob("*.py")):
            yield f"{tool}.{file.stem}", file


@pytest.mark.parametrize(("module", "file"), [pytest.param(m, file, id=m) for m, file in read_by_developers()])
def test_docstrings_lead_with_a_noun_or_a_verb(module, file):
    riddles = [
        f"{node.lineno}: {text.splitlines()[0]}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node))
        if text.split()[0].lower() in ("what", "which", "whether", "how", "where", "who", "whose", "that")
    ]
    assert riddles == []


@pytest.mark.parametrize(
    "file", sorted((PACKAGES["kerasconv"] / "arithmetic").glob("*.py")), ids=lambda file: file.name
)
def test_arithmetic_knows_nothing_of_the_engine(file):
    """No compilation, cache, mode, cost or workspace: the engine puts these around the arithmetic, in one place."""
    tree = ast.parse(file.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    decorators = {ast.unparse(d) for node in ast.walk(tree) for d in getattr(node, "decorator_list", [])}
    allowed = {"tf.custom_gradient", "dataclass(frozen=True)", "property", "staticmethod", "classmethod"}
    assert decorators <= allowed
    unwanted = {
        "executing_eagerly",
        "lru_cache",
        "cache",
        "tf.function",
        "jit_scope",
        "hasattr",
        "getattr",
        "Workspace",
    }
    assert [name for name in names if name in unwanted or name.split(".")[-1] in unwanted] == []


@pytest.mark.parametrize(
    ("algorithm", "lines", "files"), [("direct", 350, 6), ("gemm", 350, 6), ("auto, where it takes winograd", 500, 9)]
)
def test_an_algorithm_can_be_read(algorithm, lines, files):
    found = reading_path(*PATHS[algorithm])
    assert sum(found.values()) <= lines
    assert len(found) <= files


def python(script, **environment):
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
