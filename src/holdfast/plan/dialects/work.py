"""What a step of the format `orchestrator` does, in the native format."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from holdfast.plan.dialects import powershell
from holdfast.plan.problems import Path

_ENDINGS: Final = {"shell": ".sh", "python": ".py", "powershell": ".ps1"}
_PLACEHOLDER: Final = ":"
"""Stands for work that could not be read; its fault is told already."""


class Work(NamedTuple):
    """Native keys of a step, and the foreign path (below the step) of each native path."""

    keys: dict[str, object]
    places: dict[Path, Path]


def work(step: Mapping[str, Any]) -> Work:
    """The work of a step as the table read it."""
    if step.get("command"):
        return _command(step["command"], step.get("args", ()), shell=step.get("shell", False))
    definition = step.get("step_def", {})
    kind = definition.get("type")
    if kind in {"http", "file"} and isinstance(definition.get("args"), dict):
        return Work({"uses": kind, "with": definition["args"]}, _at("step_def", "args", keys=("with",), uses="type"))
    if kind in _ENDINGS and "script" in definition:
        return _script(kind, definition["script"], definition.get("args", ()))
    return Work({"run": _PLACEHOLDER}, {("run",): ()})


def _command(command: str | tuple[str, ...], args: tuple[str, ...], *, shell: bool) -> Work:
    if isinstance(command, str) and shell:
        return Work({"run": command}, {("run",): ("command",)})
    argv = (command,) if isinstance(command, str) else command
    text = powershell.script(argv[0], (*argv[1:], *args))
    if text is not None:
        return Work({"run": text, "shell": "pwsh"}, {("run",): ("command",), ("shell",): ("command",)})
    places: dict[Path, Path] = {("command",): ("command",)}
    if isinstance(command, str):
        places["command", 0] = ("command",)
    for number in range(len(args)):
        places["command", len(argv) + number] = ("args", number)
    return Work({"command": [*argv, *args]}, places)


def _script(kind: str, script: str, args: tuple[str, ...] | dict[str, object]) -> Work:
    """A script's text, or the file that a text of one line with the right ending names."""
    places: dict[Path, Path] = dict.fromkeys(_SCRIPT_KEYS, ("step_def", "script"))
    is_file = "\n" not in script and script.endswith(_ENDINGS[kind])
    if isinstance(args, dict):  # of python only: the worker calls the file with named arguments
        return Work(
            {"uses": "python", "with": {"script": script, "args": args}}, _at("step_def", keys=("with",), uses="type")
        )
    if kind == "powershell":
        text = powershell.call(script, args) if is_file else powershell.block(script, args)
        return Work({"run": text, "shell": "pwsh"}, places)
    program = {"shell": "sh", "python": "python3"}[kind]
    if is_file:
        return Work({"command": [program, script, *args]}, places)
    if args:
        options = ["-ec", script, "sh"] if kind == "shell" else ["-c", script]
        return Work({"command": [program, *options, *args]}, places)
    return Work({"run": script, **({"shell": "python"} if kind == "python" else {})}, places)


_SCRIPT_KEYS: Final[tuple[Path, ...]] = (("run",), ("shell",), ("command",))


def _at(*foreign: str, keys: tuple[str, ...], uses: str) -> dict[Path, Path]:
    return {keys: foreign, ("uses",): (foreign[0], uses)}


def escaped(value: object) -> object:
    """The value with each `${{` written so that it is no template."""
    if isinstance(value, str):
        return value.replace("${{", '${{ "${{" }}')
    if isinstance(value, dict):
        return {key: escaped(held) for key, held in value.items()}
    return [escaped(held) for held in value] if isinstance(value, list) else value
