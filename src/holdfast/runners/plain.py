"""What is said to the author of a function: which value is not plain data, and which name may have been meant.

For any Python from 3.8, like the worker, which imports this only when something is wrong.
"""

import json
import sys

FIXES = {"datetime": ".isoformat()", "date": ".isoformat()", "set": "sorted(…)", "bytes": ".decode()"}


def what_is_not_plain(value: object, where: str, depth: int = 0) -> str:
    """Says which part of a value JSON cannot hold, and what to return instead."""
    if depth > 50:
        return f"{where} is nested too deeply, or contains itself: return plain, finite data"
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{where} has a key {key!r}, {with_article(key)}: keys must be text"
            if not is_plain(item):
                return what_is_not_plain(item, f"{where}[{key!r}]", depth + 1)
    if isinstance(value, (list, tuple)):
        for at, item in enumerate(value):
            if not is_plain(item):
                return what_is_not_plain(item, f"{where}[{at}]", depth + 1)
    if isinstance(value, float):
        return f"{where} is {value!r}: return a number, or None"
    fix = FIXES.get(type(value).__name__, "str(…)")
    return f"{where} is {with_article(value)}; return text, numbers, lists and maps of them, here for example {fix}"


def is_plain(value: object) -> bool:
    """Says whether JSON can hold a value."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def with_article(value: object) -> str:
    """The name of a value's type, with its article."""
    name = type(value).__name__
    return ("an " if name[:1].lower() in "aeiou" else "a ") + name


def nearest(name: str, names: "list[str]") -> str:
    """Names the most similar one, as a question; empty when none is."""
    import difflib  # noqa: PLC0415  # it takes longer than all else here

    found = difflib.get_close_matches(name, names, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""


def modules_beside(module_name: str, project: str) -> "list[str]":
    """The names of modules that could have been meant."""
    import pkgutil  # noqa: PLC0415  # as difflib

    package, dot, _ = module_name.rpartition(".")
    parent = sys.modules.get(package)
    folders = list(getattr(parent, "__path__", [])) if dot else [project]
    return [package + dot + module.name for module in pkgutil.iter_modules(folders)]
