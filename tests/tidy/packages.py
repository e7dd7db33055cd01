"""House rules about what is installed and what is exported."""

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType


def startup_files(names: Iterable[str], allowed: Mapping[str, str]) -> list[str]:
    """Installed distributions that ship a `.pth` file, which runs at every start of Python, wanted or not."""
    found: list[str] = []
    for name in sorted(names):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:  # locked for another platform
            continue
        found += [f"{name} ships {f}" for f in files if f.suffix == ".pth" and allowed.get(name) != str(f)]
    return found


def undocumented(module: ModuleType) -> list[str]:
    """Exported functions and classes without a docstring of their own."""
    exported: Iterable[str] = getattr(module, "__all__", ())
    things = {name: getattr(module, name) for name in exported}
    return [
        f"{module.__name__}.{name} has no docstring"
        for name, thing in things.items()
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and not inspect.getdoc(thing)
    ]
