"""House rules about `.sql` files: one statement each, each used, each dialect has them all."""

import re
from collections.abc import Iterable, Mapping

NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)


def statements(text: str) -> int:
    """How many statements a text has; quotes and comments do not count."""
    return sum(1 for part in NOT_CODE.sub(" ", text).split(";") if part.strip())


def crowded(files: Mapping[str, str]) -> list[str]:
    """Files that do not hold exactly one statement; schema files (`0001_….sql`, `schema….sql`) may hold many."""
    return [
        f"{path} holds {statements(text)} statements, not one"
        for path, text in sorted(files.items())
        if not re.match(r"(\d|schema)", path.rsplit("/", 1)[-1]) and statements(text) != 1
    ]


def unused(files: Iterable[str], code: Iterable[str]) -> list[str]:
    """Files whose name no code says; the loader takes a name, so a file nobody names is dead."""
    said = set(re.findall(r"[\"']([\w./-]+)[\"']", "\n".join(code)))
    names = {path: path.rsplit("/", 1)[-1].removesuffix(".sql") for path in files}
    return [
        f"{path} is named by no code"
        for path, name in sorted(names.items())
        if not re.match(r"(\d|schema)", name) and not said & {name, name + ".sql"}
    ]


def unpaired(files: Iterable[str]) -> list[str]:
    """Statements that one dialect has and another lacks; schema files differ on purpose."""
    dialects: dict[str, set[str]] = {}
    for path in files:
        dialect, name = path.split("/")[-2:]
        if not re.match(r"(\d|schema)", name):
            dialects.setdefault(dialect, set()).add(name)
    every: set[str] = set().union(*dialects.values())
    return [f"{dialect} has no {name}" for dialect in sorted(dialects) for name in sorted(every - dialects[dialect])]
