"""SQL by name: one statement per file of `sql/sqlite`, read when first used."""

import functools
import os

_FOLDER = os.path.join(os.path.dirname(__file__), "sql", "sqlite")


@functools.cache
def sql(name: str) -> str:
    """The statement in `<name>.sql`."""
    return _read(f"{name}.sql")


def schema(number: int) -> str:
    """The statements that lead from schema `number - 1` to `number`."""
    return _read(os.path.join("schema", f"{number:04}.sql"))


def _read(path: str) -> str:
    with open(os.path.join(_FOLDER, path), encoding="utf-8") as file:
        return file.read().rstrip()
