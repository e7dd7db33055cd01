"""What the runner `file` would change, without changing anything: `run --dry-run` shows it."""

import difflib
import os
import stat
from typing import Literal

import msgspec

from holdfast.runners.failing import WorkFailedError
from holdfast.runners.files import Change, Params, followed, foreseen
from holdfast.runners.patch import lines_of
from holdfast.runners.place import Place

DIFF_CHARS_MAX = 64 * 1024
Verdict = Literal["created", "changed", "deleted", "unchanged", "refused", "unknown"]
Ahead = dict[str, bytes | None]
"""What the steps before this one would have made of files, by their real paths."""


class Preview(msgspec.Struct, frozen=True):
    """What becomes of one path: a diff where it is text, else words."""

    path: str
    change: Verdict
    diff: str = ""
    why: str = ""


def preview(params: Params, place: Place, ahead: Ahead) -> list[Preview]:
    """What the step would do, given what those before it would have done; adds its own to `ahead`."""
    try:
        target = place.writable(params.path)
        if params.op == "delete":
            return _deleted(target, place, ahead)
        if params.op in {"copy", "move"}:
            return _brought(params, target, place, ahead)
        target = followed(target, params.path, place) if target not in ahead else target
        change = foreseen(params, _now(target, ahead), repeated=False)
        return [_seen(target, change, place, ahead, _mode(params, target))]
    except WorkFailedError as error:
        return [Preview(params.path, "refused", why=str(error))]
    except OSError as error:
        return [Preview(params.path, "refused", why=error.strerror or str(error))]


def _deleted(target: str, place: Place, ahead: Ahead) -> list[Preview]:
    if target not in ahead and os.path.isdir(target) and not os.path.islink(target):
        return [Preview(place.shown(target), "deleted", why="the folder with all in it")]
    return [_seen(target, Change(_now(target, ahead), None), place, ahead)]


def _brought(params: Params, target: str, place: Place, ahead: Ahead) -> list[Preview]:
    written = params.source or ""
    source = place.writable(written) if params.op == "move" else place.readable(written)
    if source not in ahead and os.path.isdir(source):
        verb = "moved" if params.op == "move" else "copied"
        there: Verdict = "changed" if os.path.lexists(target) else "created"
        return [Preview(place.shown(target), there, why=f"the folder {written} is {verb} there")]
    content = _now(source, ahead)
    if content is None:
        raise WorkFailedError("exit.nonzero", f"there is no {written} to {params.op}")
    found = [_seen(target, Change(_now(target, ahead), content), place, ahead, _mode(params, target))]
    if params.op == "move":
        found.append(_seen(source, Change(content, None), place, ahead))
    return found


def _now(path: str, ahead: Ahead) -> bytes | None:
    if path in ahead:
        return ahead[path]
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _mode(params: Params, target: str) -> str:
    """Which permissions change, in words."""
    if params.mode is None or not os.path.isfile(target):
        return ""
    now = stat.S_IMODE(os.stat(target).st_mode)
    return "" if now == int(params.mode, 8) else f"permissions {now:04o} become {int(params.mode, 8):04o}"


def _seen(path: str, change: Change, place: Place, ahead: Ahead, why: str = "") -> Preview:
    ahead[path] = change.after
    shown = place.shown(path)
    if change.before == change.after:
        return Preview(shown, "changed" if why else "unchanged", why=why)
    verdict: Verdict = "changed"
    if change.before is None:
        verdict = "created"
    elif change.after is None:
        verdict = "deleted"
    before, after = _text(change.before), _text(change.after)
    if before is None or after is None:
        sizes = " become ".join(f"{len(data or b''):,} bytes" for data in change)
        return Preview(shown, verdict, why=f"{sizes}, no text")
    names = (
        f"a/{shown}" if change.before is not None else "/dev/null",
        f"b/{shown}" if change.after is not None else "/dev/null",
    )
    lines: list[str] = []
    for line in difflib.unified_diff(lines_of(before), lines_of(after), *names):
        lines += [line] if line.endswith("\n") else [line + "\n", "\\ No newline at end of file\n"]
    diff = "".join(lines)
    if len(diff) > DIFF_CHARS_MAX:
        return Preview(
            shown, verdict, diff[: diff.rfind("\n", 0, DIFF_CHARS_MAX) + 1], "the diff is longer than is shown"
        )
    return Preview(shown, verdict, diff, why)


def _text(data: bytes | None) -> str | None:
    """Content as text; `None` where it is none."""
    if data is not None and b"\0" in data:
        return None
    try:
        return (data or b"").decode()
    except UnicodeDecodeError:
        return None
