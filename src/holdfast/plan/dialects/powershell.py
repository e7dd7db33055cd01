"""PowerShell as a command: its own arguments told apart from what it is to run."""

import re
from collections.abc import Sequence
from typing import Final

PROGRAMS: Final = frozenset(("powershell", "powershell.exe", "pwsh", "pwsh.exe"))
"""What a command must be called to be PowerShell. On the systems that we run on its program is `pwsh`."""

_DROPPED: Final = frozenset(("noprofile", "noninteractive", "nologo"))
_DROPPED_WITH_VALUE: Final = frozenset(("executionpolicy", "ep", "ex"))
_TEXT: Final = frozenset(("command", "c"))
_FILE: Final = frozenset(("file", "f"))
_PLAIN: Final = re.compile(r"-?[A-Za-z0-9_][A-Za-z0-9_./\\:=+-]*|-[A-Za-z][A-Za-z0-9]*")


def script(command: str, args: Sequence[str]) -> str | None:
    """The text that `command` with `args` runs; None where it is not PowerShell, or has options that only it knows."""
    program = command.lower()
    if program not in PROGRAMS:
        return None
    rest = [*args]
    while rest and rest[0].startswith(("-", "/")):
        option = rest.pop(0)[1:].lower()
        if option in _DROPPED_WITH_VALUE and rest:
            rest.pop(0)
        elif option in _TEXT and rest:
            return " ".join(rest)
        elif option in _FILE and rest:
            return call(rest[0], rest[1:])
        elif option not in _DROPPED:
            return None
    if not rest:
        return None
    return call(rest[0], rest[1:]) if program.startswith("pwsh") else " ".join(rest)


def call(path: str, args: Sequence[str]) -> str:
    """The text that calls a script file with arguments."""
    return " ".join(["&", _quoted(_here(path)), *map(_argument, args)])


def block(text: str, args: Sequence[str]) -> str:
    """The text, called with arguments where there are any."""
    return " ".join(["&", f"{{\n{text}\n}}", *map(_argument, args)]) if args else text


def _here(path: str) -> str:
    """A path that PowerShell does not look for on PATH."""
    return path if "/" in path or "\\" in path or ":" in path else f"./{path}"


def _argument(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
