"""A light install: every import is declared, and what needs no TensorFlow does not wait for it."""

import ast
import os
import pathlib
import re
import resource
import subprocess
import sys
import tomllib

import pytest

import kerasconv
from kerasconv import models
from kerasconv.cli import catalogue
from kerasconv.models._info import facts, listed
from tests.test_house import modules

PROJECT = tomllib.loads((pathlib.Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]

# Modules whose package has another name.
PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn"}


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def imports(file):
    """Modules that a file imports: those that it needs to be imported itself, and all."""
    tree = ast.parse(file.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    later = {id(inner) for node in ast.walk(tree) if isinstance(node, functions) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            later |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
    first, every = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found = {node.module}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "import_extra", "optional_module")
        ):
            found = {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
        else:
            continue
        found = {module.partition(".")[0] for module in found} - {"kerasconv"} - set(sys.stdlib_module_names)
        every |= found
        first |= found if id(node) not in later else set()
    return first, every


@pytest.mark.parametrize(("module", "file"), list(modules()), ids=[m for m, _ in modules()])
def test_every_import_is_declared(module, file):
    """What a module needs to be imported is in the base install, what its functions import may be in an extra."""
    base = names(PROJECT["dependencies"])
    extras = set().union(*map(names, PROJECT["optional-dependencies"].values()))
    first, every = ({PACKAGES.get(m, m.replace("_", "-")) for m in found} for found in imports(file))
    assert first <= base
    assert every <= base | extras


def test_every_declared_package_is_imported():
    """Nothing is installed for nothing."""
    every = set().union(*(imports(file)[1] for _, file in modules()))
    assert names(PROJECT["dependencies"]) <= {PACKAGES.get(m, m.replace("_", "-")) for m in every}


def python(*arguments, **environment):
    """Standard output, standard error and status of a fresh Python, and the seconds of computing that it took."""
    kept = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=kept | environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, done.stderr, done.returncode, seconds


def test_the_zoo_loads_no_exporter():
    script = "import sys, kerasconv.models; print({'onnx', 'onnxruntime', 'onnx_ir', 'tf2onnx'} & set(sys.modules))"
    assert python("-c", script)[0] == "set()\n"


MISSPELT = "Error: create_model: `name` must be that of a model of the zoo. Received: name='resnt18'. Did you mean 'resnet18' or 'resnet152' or 'resnet101'?\n"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("--help", 0),
        ("--version", 0),
        ("list", 0),
        ("list resnet* --pretrained", 0),
        ("train --help", 0),
        ("show resnt18", 1),
        ("run resnt18 a.png -o b.png", 1),
        ("train resnt18 --data digits -o out", 1),
        ("evaluate resnt18 --data digits", 1),
        ("predict resnt18 a.png", 1),
        ("export resnt18 --format onnx -o a.onnx", 1),
        ("verify a.onnx --model resnt18", 2),
    ],
)
def test_quick_answers(command, status):
    """Within a second, of which the computing is counted, since others may be using this machine; without TensorFlow."""
    script = (
        "import atexit, sys, kerasconv.cli\n"
        "atexit.register(lambda: print({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))\n"
        f"sys.argv = ['kerasconv', *{command.split()!r}]\n"
        "kerasconv.cli.main()"
    )
    out, err, returned, seconds = python("-c", script)
    assert (returned, err) == (status, MISSPELT if status else "")
    assert out.endswith("set()\n")
    assert seconds < 1


def test_the_version():
    assert python("-m", "kerasconv.cli", "--version")[0] == f"kerasconv {kerasconv.__version__}\n"


def test_nothing_precedes_an_answer():
    """TensorFlow's log neither goes before ours nor takes it along."""
    out, err, status, _ = python("-m", "kerasconv.cli", "show", "line_detector")
    assert (status, err) == (0, "")
    assert "Receptive field" in out
    _, err, status, _ = python("-m", "kerasconv.cli", "show", "line_detector", "--set", "pooling=none")
    assert status == 1
    assert re.fullmatch(r"Error: line_detector: .*\n", err)


def test_tensorflows_log_can_be_had():
    script = (
        "from kerasconv.cli.quiet_import import import_tensorflow as f; f(); import os, tensorflow; os.write(2, b'own')"
    )
    assert python("-c", script)[1] == "own"
    assert "oneDNN" in python("-c", script, TF_CPP_MIN_LOG_LEVEL="0")[1]


def test_what_is_no_log_passes_the_filter():
    script = (
        "import os, sys\n"
        "from kerasconv.cli.quiet_import import _filtered_stderr\n"
        "with _filtered_stderr():\n"
        "    os.write(2, b'I0000 00:00:1.5    1 port.cc:153] log\\nF0000 00:00:1.5    1 a.cc:1] fatal\\n')\n"
        "    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called\\n')\n"
        "    os.write(2, b'2026-01-01 00:00:00.123: I tensorflow/a.cc:1] old log\\nplain\\n')\n"
        "    print('of Python', file=sys.stderr)\n"
        "    os.abort()"
    )
    _, err, status, _ = python("-c", script)
    assert (status, err) == (-6, "F0000 00:00:1.5    1 a.cc:1] fatal\nplain\nof Python\n")


def test_the_catalogue_is_the_zoo():
    """If this fails, `python -m cards -` writes it anew; costs that have changed, `python -m cards`."""
    assert list(catalogue.catalogue()) == models.list_models()
    for name, model in catalogue.catalogue().items():
        assert vars(model) == {
            **listed(name),
            "pretrained": models.get_entry(name).pretrained,
            "parameters": facts()[name].parameters,
            "input_shape": facts()[name].input_shape,
        }


@pytest.mark.parametrize("pretrained", [None, True, False])
@pytest.mark.parametrize("task", [None, "filter", "segmentation", "none"])
@pytest.mark.parametrize("pattern", ["*", "resnet*", "*[0-9]", "nothing"])
def test_the_catalogue_finds_what_the_zoo_finds(pattern, task, pretrained):
    assert catalogue.find(pattern, task, pretrained) == models.list_models(pattern, task=task, pretrained=pretrained)


@pytest.mark.parametrize("name", ["resnt18", "nonsense", "", "LeNet5"])
def test_a_misspelt_name_is_answered_as_by_the_zoo(name):
    with pytest.raises(ValueError, match="create_model") as quick:
        catalogue.check_name(name)
    with pytest.raises(ValueError, match="create_model") as slow:
        models.create_model(name)
    assert str(quick.value) == str(slow.value)
