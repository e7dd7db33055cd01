"""Unified diffs: read, and applied to the lines of one file. Strict: context and removed lines must be there exactly.

A hunk may stand elsewhere than its header says only where its lines are found at one place and no other.
"""

import re
from typing import NamedTuple

_HEADER = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
NOTHING = "/dev/null"
SHOWN_MAX = 80


class PatchError(Exception):
    """The diff cannot be read, or does not fit the file; the message says which hunk and which line."""


class Hunk(NamedTuple):
    """One place of change: where it was (from 0), the lines before and after. `line` is its place in the diff."""

    line: int
    old_at: int
    new_at: int
    old: list[str]
    new: list[str]

    def reversed(self) -> "Hunk":
        """What takes the change back."""
        return Hunk(self.line, self.new_at, self.old_at, self.new, self.old)


class Diff(NamedTuple):
    """The hunks of one file's diff, and whether it makes or removes the file."""

    hunks: list[Hunk]
    makes: bool
    removes: bool


def lines_of(text: str) -> list[str]:
    """The lines of a text, each with its end; the last one may have none."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def read_diff(text: str) -> Diff:
    """The diff of one file; raises `PatchError`."""
    lines = text.split("\n")
    hunks: list[Hunk] = []
    sources: list[str] = []
    targets: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        match = _HEADER.match(line)
        if match is not None:
            hunk, at = _read_hunk(lines, at, match)
            hunks.append(hunk)
            continue
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            sources.append(_name(line))
            targets.append(_name(lines[at + 1]))
            at += 1
        elif line.startswith(("GIT binary patch", "Binary files ")):
            raise PatchError("the diff is of a binary file, which has no lines")
        elif line.startswith("@@"):
            raise PatchError(f"line {at + 1} of the diff is no hunk header such as @@ -1,3 +1,4 @@: {line[:SHOWN_MAX]}")
        elif hunks and line[:1] in {"+", "-", " "} and not line.startswith(("--- ", "+++ ")):
            raise PatchError(f"line {at + 1} of the diff is beyond the lines that the header of its hunk counts")
        at += 1
    if len(sources) > 1:
        raise PatchError(f"the diff is of {len(sources)} files; write one step for each")
    if not hunks:
        raise PatchError("the diff has no hunk, that is, no line such as @@ -1,3 +1,4 @@")
    return Diff(hunks, sources == [NOTHING], targets == [NOTHING])


def _name(line: str) -> str:
    return line[4:].split("\t", maxsplit=1)[0].strip()


def _read_hunk(lines: list[str], at: int, header: re.Match[str]) -> tuple[Hunk, int]:
    old_count, new_count = (int(header[n] or 1) if header[n] != "0" else 0 for n in (2, 4))
    old: list[str] = []
    new: list[str] = []
    line = at + 1
    while len(old) < old_count or len(new) < new_count:
        if line >= len(lines) or (line == len(lines) - 1 and not lines[line]):
            raise PatchError(f"the hunk at line {at + 1} of the diff ends before the lines that its header counts")
        mark, text = lines[line][:1] or " ", lines[line][1:] + "\n"
        if mark == "\\":
            _unend(old, new, lines[line - 1][:1])
        elif mark in {" ", "\r"}:
            old.append(text if mark == " " else "\r\n")
            new.append(old[-1])
        elif mark == "-":
            old.append(text)
        elif mark == "+":
            new.append(text)
        else:
            raise PatchError(f"line {line + 1} of the diff begins with {mark!r}, not with a space, + or -")
        line += 1
    if len(old) > old_count or len(new) > new_count:
        raise PatchError(f"the hunk at line {at + 1} of the diff has not the lines that its header counts")
    if line < len(lines) and lines[line].startswith("\\"):
        _unend(old, new, lines[line - 1][:1])
        line += 1
    old_at, new_at = int(header[1]), int(header[3])
    return Hunk(at + 1, old_at - bool(old_count), new_at - bool(new_count), old, new), line


def _unend(old: list[str], new: list[str], mark: str) -> None:
    """The line before has no end in the file."""
    for lines, marks in ((old, "- "), (new, "+ ")):
        if lines and (mark or " ") in marks:
            lines[-1] = lines[-1].removesuffix("\n")


def apply(diff: Diff, lines: list[str]) -> list[str]:
    """The lines after the change; raises `PatchError`."""
    hunks = _with_ends(diff.hunks, lines)
    result: list[str] = []
    done, drift = 0, 0
    for number, hunk in enumerate(hunks, 1):
        at = _find(hunk, lines, done, drift)
        if at is None:
            raise PatchError(_rejected(number, hunk, lines, hunk.old_at + drift))
        drift = at - hunk.old_at
        result += lines[done:at]
        result += hunk.new
        done = at + len(hunk.old)
    result += lines[done:]
    if any(not line.endswith("\n") for line in result[:-1]):
        raise PatchError("a line without an end, as the diff says, would not be the file's last")
    return result


def is_applied(diff: Diff, lines: list[str]) -> bool:
    """Whether each hunk's new lines stand where its header says: the change has been made already."""
    return all(lines[hunk.new_at : hunk.new_at + len(hunk.new)] == hunk.new for hunk in _with_ends(diff.hunks, lines))


def _with_ends(hunks: list[Hunk], lines: list[str]) -> list[Hunk]:
    """The hunks with the line ends of the file, where the diff came without its carriage returns."""
    written = [line for hunk in hunks for line in (*hunk.old, *hunk.new)]
    if not all(line.endswith("\r\n") for line in lines) or any(line.endswith("\r\n") for line in written):
        return hunks
    if not any(hunk.old for hunk in hunks):
        return hunks

    def ended(texts: list[str]) -> list[str]:
        return [text[:-1] + "\r\n" if text.endswith("\n") else text for text in texts]

    return [hunk._replace(old=ended(hunk.old), new=ended(hunk.new)) for hunk in hunks]


def _find(hunk: Hunk, lines: list[str], least: int, drift: int) -> int | None:
    """Where the hunk's old lines are: where the header says, else at the only other place."""
    size = len(hunk.old)
    expected = hunk.old_at + drift
    if least <= expected <= len(lines) - size and lines[expected : expected + size] == hunk.old:
        return expected
    if not size:
        return None
    places = [at for at in range(least, len(lines) - size + 1) if lines[at : at + size] == hunk.old]
    return places[0] if len(places) == 1 else None


def _rejected(number: int, hunk: Hunk, lines: list[str], expected: int) -> str:
    where = f"hunk {number} (line {hunk.line} of the diff) does not fit"
    if not hunk.old:
        return f"{where}: the file has {len(lines)} lines, and it adds after line {expected}"
    for offset, wanted in enumerate(hunk.old):
        at = expected + offset
        if at < 0 or at >= len(lines):
            return f"{where}: it expects line {at + 1} to be {_shown(wanted)}, and the file has {len(lines)} lines"
        if lines[at] != wanted:
            return f"{where}: it expects line {at + 1} to be {_shown(wanted)}, but it is {_shown(lines[at])}"
    return f"{where}: its lines are at more than one place"


def _shown(line: str) -> str:
    text = line.rstrip("\r\n")
    ending = "" if line.endswith("\n") else " without a line end"
    return repr(text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…") + ending
