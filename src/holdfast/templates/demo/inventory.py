"""Measures the standard library of the Python that runs this: what the steps of plan.yaml call.

What a function returns are its step's outputs; what it prints is in `holdfast logs last STEP`.
"""

import ast
import json
import os
import re
import sys
import sysconfig
from collections import Counter, defaultdict
from pathlib import Path
from typing import TypedDict

APART = {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib-dynload", "__pycache__"}
"""Folders inside the standard library's that are not the standard library, or only test it."""

IMPORT_TIME = re.compile(r"^import time: +(?P<micros>\d+) \| +\d+ \| +(?P<name>[\w.]+)$")
"""A line of `python -X importtime`: microseconds in the module itself, with all it imports, and its name."""

BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where statements hold other statements."""


class Lines(TypedDict):
    """The lines of a module: those that are neither blank nor comments, and all."""

    code: int
    lines: int


def find(to: str) -> dict[str, object]:
    """List the source files of every module; `packages` are those with more than one, `modules` the others."""
    root = Path(sysconfig.get_path("stdlib"))
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(set(inside) - APART)
        for name in sorted(names):
            if name.endswith(".py"):
                path = Path(folder, name)
                modules[path.relative_to(root).parts[0].removesuffix(".py")].append(str(path))
    write(to, modules)
    files = sum(len(paths) for paths in modules.values())
    print(f"{files} files of {len(modules)} modules in {root}")
    kinds = ["packages", "modules"]  # what takes longest first
    return {
        "python": sys.executable,
        "version": sys.version.split()[0],
        "modules": len(modules),
        "files": files,
        "kinds": kinds,
    }


def lines(files: str, to: str) -> dict[str, object]:
    """Count the lines of every module."""
    counted = {module: count(paths) for module, paths in read_files(files).items()}
    write(to, counted)
    total = sum(one["lines"] for one in counted.values())
    print(f"{total} lines")
    return {"lines": total, "code": sum(one["code"] for one in counted.values())}


def count(paths: list[str]) -> Lines:
    """The lines of one module's files."""
    stripped = [line.strip() for path in paths for line in Path(path).read_bytes().splitlines()]
    return {"code": sum(line != b"" and not line.startswith(b"#") for line in stripped), "lines": len(stripped)}


def imports(files: str, kind: str, to: str) -> dict[str, object]:
    """Find what every module of a kind, `packages` or `modules`, imports from the standard library."""
    known = read_files(files)
    found: dict[str, list[str]] = {}
    for module, paths in known.items():
        if (len(paths) > 1) == (kind == "packages"):
            names = {name for path in paths for name in imported(path)}
            found[module] = sorted((names & sys.stdlib_module_names) - {module})
            print(f"{module} imports {len(found[module])}")
    write(to, found)
    return {"modules": len(found), "imports": sum(map(len, found.values()))}


def imported(path: str) -> set[str]:
    """The top-level names that a file imports, wherever in the file; none where it is not Python of this version."""
    try:
        tree = ast.parse(Path(path).read_bytes())
    except SyntaxError as error:
        print(f"{path} is left out: {error}")
        return set()
    names: set[str] = set()
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
        for part in BODIES:  # an import is a statement: expressions need not be looked at
            left += getattr(node, part, ())
    return names


def timed(path: str) -> dict[str, float]:
    """Milliseconds that importing each module took, without what it imports from others."""
    micros: Counter[str] = Counter()
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        match = IMPORT_TIME.match(line)
        if match:
            micros[match["name"].partition(".")[0]] += int(match["micros"])
    return {module: total / 1000 for module, total in micros.items()}


def join(folder: str, to: str) -> dict[str, object]:
    """Put all measurements together, the largest module first."""
    files = read_files(f"{folder}/files.json")
    counted: dict[str, Lines] = json.loads(Path(folder, "lines.json").read_bytes())
    uses: dict[str, list[str]] = {}
    for path in sorted(Path(folder, "imports").glob("*.json")):
        uses |= read_files(str(path))
    millis = timed(f"{folder}/timing.txt")
    users: defaultdict[str, list[str]] = defaultdict(list)
    for module, names in uses.items():
        for name in names:
            users[name].append(module)
    by_size = sorted(files, key=lambda module: counted[module]["code"], reverse=True)
    inventory = [
        {
            "module": module,
            "files": len(files[module]),
            **counted[module],
            "imports": uses[module],
            "imported_by": users[module],
            "import_ms": millis.get(module),
        }
        for module in by_size
    ]
    write(to, inventory)
    most = max(by_size, key=lambda module: len(users[module]))
    print(f"{len(inventory)} modules; the largest is {by_size[0]}, the most imported {most}")
    return {"largest": by_size[0], "most_imported": most}


def read_files(path: str) -> dict[str, list[str]]:
    """A JSON file of a list of texts per module."""
    found: dict[str, list[str]] = json.loads(Path(path).read_bytes())
    return found


def write(path: str, value: object) -> None:
    """Write a value as JSON."""
    Path(path).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
