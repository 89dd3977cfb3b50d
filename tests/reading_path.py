"""Counts what one reads to understand an algorithm: `python -m tests.reading_path`.

Starts at an algorithm's operations and at the table of gradients, and follows every name that leads to a function,
class or constant of `kerasconv.arithmetic` or `kerasconv.geometry`. Counts the code lines of each definition that is
reached, without blank lines, comments and docstrings. Of the engine, which runs the same functions and may be skipped,
only the choice by `auto` is followed.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import io
import tokenize
from collections import Counter
from types import ModuleType

ROOMS = (
    "kerasconv.arithmetic",
    "kerasconv.geometry",
    "kerasconv.engine.auto",
    "kerasconv.engine.costs",
    "kerasconv.engine.problem",
)
GRADIENTS = ("kerasconv.arithmetic.convolution",)
PATHS = {
    "direct": ("kerasconv.arithmetic.direct", *GRADIENTS),
    "gemm": ("kerasconv.arithmetic.im2col", *GRADIENTS),
    "depthwise": ("kerasconv.arithmetic.depthwise", *GRADIENTS),
    "fft": ("kerasconv.arithmetic.fft", *GRADIENTS),
    "winograd": ("kerasconv.arithmetic.winograd", *GRADIENTS),
    "auto, where it takes winograd": (
        "kerasconv.engine.auto:plan",
        "kerasconv.engine.costs:_winograd",
        "kerasconv.arithmetic.winograd",
        *GRADIENTS,
    ),
}
_OTHER_ALGORITHMS = ("kerasconv.engine.costs", "CANDIDATES")  # the list of all: not followed


def reading_path(*starts: str) -> Counter[str]:
    """Returns the code lines to read in each module.

    Args:
        starts: Modules, all of whose definitions are read, or `module:name` for one of them.
    """
    found: dict[tuple[str, str], ast.AST] = {}
    waiting: list[tuple[str, str]] = []
    for start in starts:
        module, _, name = start.partition(":")
        waiting += [(module, n) for n in ([name] if name else _definitions(module))]
    while waiting:
        module, name = waiting.pop()
        if (module, name) in found or (module, name) == _OTHER_ALGORITHMS:
            continue
        node = _definitions(module)[name]
        found[module, name] = node
        waiting += _leads_to(module, node)
    lines: Counter[str] = Counter()
    for module, name in found:
        code, node = _code_lines(module), found[module, name]
        nested = [other for (m, n), other in found.items() if m == module and n.startswith(f"{name}.")]
        own = set(range(_first(node), node.end_lineno + 1)) - {
            i for n in nested for i in range(_first(n), n.end_lineno + 1)
        }
        if isinstance(node, ast.ClassDef):  # methods count when they are used
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            own -= {i for n in methods for i in range(_first(n), n.end_lineno + 1)}
        lines[module] += len(own & code)
    return lines


def _leads_to(module: str, node: ast.AST) -> list[tuple[str, str]]:
    """Returns the definitions that a definition names: by a name, as `module.name`, or as a method."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    attributes = [(n.value, n.attr) for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    if isinstance(node, ast.ClassDef):
        fields = [n for n in node.body if not isinstance(n, ast.FunctionDef)]
        names = {n.id for part in [*node.bases, *fields] for n in ast.walk(part) if isinstance(n, ast.Name)}
        attributes = []
    values = vars(importlib.import_module(module))
    leads = [place for name in names if (place := _place(module, name, values.get(name)))]
    for owner, attribute in attributes:
        value = values.get(owner.id) if isinstance(owner, ast.Name) else None
        if isinstance(value, ModuleType) and value.__name__.startswith(ROOMS):
            leads.append((value.__name__, attribute))
        else:
            leads += _methods(module, attribute)
    return leads


def _place(module: str, name: str, value: object) -> tuple[str, str] | None:
    home = getattr(value, "__module__", None)
    if (inspect.isfunction(value) or inspect.isclass(value)) and home and home.startswith(ROOMS):
        return home, value.__name__
    return (module, name) if name in _definitions(module) else None


def _methods(module: str, attribute: str) -> list[tuple[str, str]]:
    """Returns the methods of this name: of the module's own classes, and of windows."""
    homes = (module, "kerasconv.geometry")
    return [
        (home, name)
        for home in dict.fromkeys(homes)
        for name in _definitions(home)
        if name.endswith(f".{attribute}") and not name.startswith("AdaptiveWindow.")
    ]


@functools.cache
def _definitions(module: str) -> dict[str, ast.AST]:
    """Returns the functions, classes, methods and constants that a module defines, by their names."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse(_source(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
            for method in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(method, ast.FunctionDef):
                    found[f"{node.name}.{method.name}"] = method
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def _first(node: ast.AST) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


@functools.cache
def _code_lines(module: str) -> set[int]:
    """Returns the numbers of the lines that hold code."""
    source = _source(module)
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return lines


if __name__ == "__main__":
    for algorithm, starts in PATHS.items():
        lines = reading_path(*starts)
        print(f"{algorithm}: {sum(lines.values())} code lines in {len(lines)} files")
        for module, count in sorted(lines.items()):
            print(f"  {count:4} {module}")
