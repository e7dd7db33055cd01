"""Commands shown in a Markdown page: read them, run them, compare what they print.

A page shows a command in a ```console block, after the prompt `$ ` (its further lines after `> `); what it prints, both
streams together, stands below it. In expected output `…` matches anything on its line, and a line of `…` alone matches
any number of lines. A block whose first line is a comment that is a file name (`# plan.yaml`) is that file. A page's
commands run in one shell, one after the other, in one new folder. A command that fails is an error unless the next one
is `echo $?`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>\w*)")
FILE_NAME = re.compile(r"^# (?P<name>[\w-][\w./-]*\.\w+)$")
MARK = "\x1e"


@dataclass(frozen=True, slots=True)
class File:
    """A file that the page shows in full."""

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command that the page shows, and what it says the command prints."""

    line: int
    text: str
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code; None where it was never reached."""

    printed: tuple[str, ...]
    code: int | None


def blocks(page: str) -> Iterator[tuple[int, str, list[str]]]:
    """The fenced blocks of a page: line of the first line inside, language, lines without the fence's indentation."""
    opened: re.Match[str] | None = None
    start, inside = 0, list[str]()
    for number, line in enumerate(page.splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened, start, inside = fence, number + 1, []
        elif opened is not None and line.strip() == opened["marks"]:
            yield start, opened["language"], inside
            opened = None
        elif opened is not None:
            inside.append(line.removeprefix(opened["indent"]))


def parse(page: str) -> list[File | Command]:
    """The files and commands of a page in their order; ValueError for a console block without a prompt."""
    found: list[File | Command] = []
    for start, language, lines in blocks(page):
        name = FILE_NAME.match(lines[0]) if lines else None
        if language == "console":
            found += commands(start, lines)
        elif name:
            found.append(File(start, name["name"], "\n".join(lines) + "\n"))
    return found


def commands(start: int, lines: list[str]) -> Iterator[Command]:
    """The commands of one console block."""
    if not lines or not lines[0].startswith("$ "):
        message = f"line {start}: a console block begins with a command after the prompt `$ `"
        raise ValueError(message)
    prompts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for number, following in zip(prompts, [*prompts[1:], len(lines)], strict=True):
        end = number + 1
        while end < following and (lines[end] == ">" or lines[end].startswith("> ")):
            end += 1
        text = [lines[number][2:], *(line[2:] for line in lines[number + 1 : end])]
        yield Command(start + number, "\n".join(text), tuple(lines[end:following]))


def matches(expected: tuple[str, ...], printed: tuple[str, ...]) -> bool:
    """Whether the printed lines are the expected ones; blank lines at the end and spaces at line ends are free."""
    pattern = ""
    for line in "\n".join(expected).rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"
    text = "\n".join(line.rstrip() for line in printed).rstrip("\n")
    return re.fullmatch(pattern, text + "\n" if text else "") is not None


def run(page: list[File | Command], folder: Path, timeout_s: float = 120) -> list[tuple[Command, Outcome]]:
    """Run a page's commands in `folder`, in one shell; each with its outcome."""
    work, staged = folder / "work", folder / "staged"
    work.mkdir()
    staged.mkdir()
    script: list[str] = []
    for number, item in enumerate(page):
        if isinstance(item, File):
            (staged / str(number)).write_text(item.text, encoding="utf-8")
            script.append(
                f'mkdir -p "$(dirname "{item.name}")" && cp "{staged / str(number)}" "{item.name}"; (exit $code)'
            )
        else:
            script.append(f"{{ {item.text}\n}} 2>&1 </dev/null; code=$?; printf '{MARK}%d{MARK}' $code; (exit $code)")
    (folder / "script").write_text("code=0\n" + "\n".join(script) + "\n", encoding="utf-8")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["sh", folder / "script"], cwd=work, env=environment, capture_output=True, timeout=timeout_s, check=False
    )
    parts = done.stdout.decode(errors="replace").split(MARK)
    printed = [tuple(part.splitlines()) for part in parts[0::2]]
    codes: list[int | None] = [int(part) for part in parts[1::2]]
    shown = [item for item in page if isinstance(item, Command)]
    lost = len(shown) - len(codes)
    outcomes = [Outcome(*pair) for pair in zip(printed, [*codes, None], strict=False)] + [Outcome((), None)] * lost
    return list(zip(shown, outcomes[: len(shown)], strict=True))


def differences(results: list[tuple[Command, Outcome]]) -> list[str]:
    """Where a page does not say what happens, as text for its author."""
    found: list[str] = []
    for number, (command, outcome) in enumerate(results):
        following = results[number + 1][0].text if number + 1 < len(results) else ""
        if outcome.code is None:
            found.append(f"line {command.line}: $ {command.text}\n  did not end, or ended the shell")
        elif outcome.code != 0 and following != "echo $?":
            shown = "\n".join(f"  | {line}" for line in outcome.printed)
            found.append(f"line {command.line}: $ {command.text}\n  ended with {outcome.code} and printed\n{shown}")
        elif not matches(command.expected, outcome.printed):
            expected = "\n".join(f"  - {line}" for line in command.expected)
            shown = "\n".join(f"  + {line}" for line in outcome.printed)
            found.append(f"line {command.line}: $ {command.text}\n{expected}\n{shown}")
    return found
