"""The files of a project that a module is made of: itself, and what it imports from the same project."""

import ast
import os
from collections.abc import Iterator
from functools import lru_cache

MODULES_MAX = 2_000
"""How many modules of a project are followed."""


def files_of_module(name: str, project: str) -> tuple[str, ...]:
    """Paths relative to the project, sorted; nothing for a module that is not there."""
    seen: dict[str, tuple[str, ...]] = {}
    waiting = [name]
    while waiting and len(seen) < MODULES_MAX:
        module = waiting.pop()
        if module in seen:
            continue
        seen[module] = tuple(_files(module, project))
        for path in seen[module]:
            full = os.path.join(project, path)
            try:
                changed = os.stat(full).st_mtime_ns
                waiting += _imported(full, changed, _package(module, path))
            except (OSError, SyntaxError, ValueError, RecursionError):
                continue  # it is read as it is; whether it can be run, its step will tell
    return tuple(sorted({path for paths in seen.values() for path in paths}))


def _files(module: str, project: str) -> Iterator[str]:
    """The module's file, and those of the packages it is in."""
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        stem = "/".join(parts[:count])
        for path in (f"{stem}/__init__.py", f"{stem}.py"):
            if os.path.isfile(os.path.join(project, path)):
                yield path
                break


def _package(module: str, path: str) -> str:
    return (
        path[: -len("/__init__.py")].replace("/", ".")
        if path.endswith("/__init__.py")
        else (path[: -len(".py")].replace("/", ".").rpartition(".")[0])
    )


@lru_cache(maxsize=1024)
def _imported(full: str, changed: int, package: str) -> tuple[str, ...]:
    """The names of the modules that a file imports, as they are called in full."""
    del changed  # part of the cache's key
    with open(full, "rb") as file:
        tree = ast.parse(file.read())
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if package else []
                base = ".".join([*above, *([base] if base else [])])
            if base:
                found[base] = None
            found.update(dict.fromkeys(f"{base}.{alias.name}" if base else alias.name for alias in node.names))
    return tuple(found)
