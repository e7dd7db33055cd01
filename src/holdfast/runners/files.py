"""The runner `file`: write, copy, move, patch and delete, each in one step that a reader sees whole or not at all."""

import os
import shutil
import stat
import sys
from typing import Literal, NamedTuple

import msgspec

from holdfast.runners.failing import WorkFailedError, refused
from holdfast.runners.patch import PatchError, apply, is_applied, lines_of, read_diff
from holdfast.runners.place import Place

PLAIN_MODE = 0o644


class Params(msgspec.Struct, frozen=True):
    """What `with` may hold. `content` that is no text is written as JSON."""

    op: Literal["write", "copy", "move", "patch", "delete"]
    path: str
    content: object = None
    source: str | None = msgspec.field(default=None, name="from")
    diff: str | None = None
    mode: str | None = None


class Change(NamedTuple):
    """A file before and after; `None` where there is none."""

    before: bytes | None
    after: bytes | None


def perform(params: Params, place: Place) -> dict[str, object]:
    """Do it; gives `path` and `changed`. Raises `WorkFailedError`, and `OSError` where the system refuses."""
    target = place.writable(params.path)
    if params.op in {"write", "patch"}:
        target = followed(target, params.path, place)
        change = foreseen(params, _content(target), params.op == "patch" and place.attempt > 1)
        changed = _replace(target, change, _mode(params, target))
    elif params.op == "delete":
        changed = os.path.lexists(target)
        remove(target)
    else:
        changed = _bring(params, target, place)
    sys.stdout.write(f"{params.op} {place.shown(target)}: {'done' if changed else 'nothing to change'}\n")
    outputs: dict[str, object] = {"path": place.shown(target), "changed": changed}
    if os.path.isfile(target):
        outputs["bytes"] = os.path.getsize(target)
    return outputs


def foreseen(params: Params, before: bytes | None, repeated: bool) -> Change:  # noqa: FBT001 - a fact of the attempt
    """What writing or patching makes of a file. Raises `WorkFailedError` for a diff that does not fit."""
    if params.op == "write":
        return Change(before, text_of(params.content).encode("utf-8", "surrogateescape"))
    text = None if before is None else before.decode("utf-8", "surrogateescape")
    after = _patched(params, text, repeated=repeated)
    return Change(before, None if after is None else after.encode("utf-8", "surrogateescape"))


def text_of(content: object) -> str:
    """Content as text; what is no text as JSON with a line end."""
    if isinstance(content, str):
        return content
    import json  # noqa: PLC0415 - most contents are text

    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def followed(target: str, written: str, place: Place) -> str:
    """The file itself where a symbolic link stands for it; refused where it is a folder or leads outside."""
    if os.path.islink(target):
        target = place.writable(os.path.realpath(target))
    if os.path.isdir(target):
        raise refused(f"{written} is a folder, not a file")
    if os.path.lexists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise refused(f"{written} is no plain file")
    return target


def remove(path: str) -> None:
    """Remove a file or a folder, if there is one; a folder disappears at once and is cleared then."""
    if os.path.isdir(path) and not os.path.islink(path):
        aside = _beside(path, "old")
        os.rename(path, aside)
        shutil.rmtree(aside)
    elif os.path.lexists(path):
        os.unlink(path)
    else:
        return
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """Make what was renamed or removed in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _patched(params: Params, text: str | None, *, repeated: bool) -> str | None:
    try:
        diff = read_diff(params.diff or "")
        if text is None and diff.removes:
            return None
        if text is None and not diff.makes:
            raise PatchError("there is no such file")
        lines = lines_of(text or "")
        applied = text is not None and is_applied(diff, lines)
        if applied and repeated:
            return text
        try:
            if diff.makes and text:
                raise PatchError("the diff makes the file, but it is there")
            after = apply(diff, lines)
        except PatchError:
            if applied:
                return text
            raise
    except PatchError as error:
        raise WorkFailedError("exit.nonzero", f"{params.path}: {error}", definite=True) from None
    return None if diff.removes and not after else "".join(after)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _mode(params: Params, target: str) -> int:
    """The permissions the file is to have: as asked, else as they are."""
    if params.mode is not None:
        return int(params.mode, 8)
    return stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else PLAIN_MODE


def _replace(target: str, change: Change, mode: int) -> bool:
    """Put the new content in the place of the old; whether anything changed."""
    if change.after is None:
        remove(target)
        return change.before is not None
    if change.before == change.after and stat.S_IMODE(os.stat(target).st_mode) == mode:
        return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = _beside(target, "new")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as file:
            file.write(change.after)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.rename(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(target))
    return True


def _bring(params: Params, target: str, place: Place) -> bool:
    """Copy or move the source to the target; whether anything changed."""
    written = params.source or ""
    moves = params.op == "move"
    source = place.writable(written) if moves else place.readable(written)
    if not os.path.lexists(source):
        if moves and place.attempt > 1 and os.path.lexists(target):
            return False  # an attempt before this one had done it when it ended
        raise WorkFailedError("exit.nonzero", f"there is no {written} to {params.op}", definite=True)
    if source == target or os.path.realpath(source) == target:
        raise refused(f"{written} and {params.path} are the same file")
    if os.path.isdir(source) and (target + "/").startswith(source + "/"):
        raise refused(f"{params.path} lies inside {written}")
    if os.path.isdir(target) and not os.path.isdir(source):
        raise refused(f"{params.path} is a folder; write the file's name too")
    mode = int(params.mode, 8) if params.mode is not None else None
    if not moves and _is_equal(source, target, mode):
        return False
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if moves and os.lstat(source).st_dev == os.stat(os.path.dirname(target)).st_dev:
        if mode is not None:
            os.chmod(source, mode)
        _put(source, target)
        sync_folder(os.path.dirname(source))
        return True
    temporary = _beside(target, "new")
    try:
        _copy(source, temporary, mode)
        _put(temporary, target)
    finally:
        if os.path.lexists(temporary):
            remove(temporary)
    if moves:
        remove(source)
    return True


def _put(source: str, target: str) -> None:
    """Rename to the target; a folder that stands there makes room first."""
    if os.path.isdir(target) and not os.path.islink(target):
        aside = _beside(target, "old")
        os.rename(target, aside)
        os.rename(source, target)
        shutil.rmtree(aside)
    else:
        os.rename(source, target)
    sync_folder(os.path.dirname(target))


def _copy(source: str, target: str, mode: int | None) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
        return
    shutil.copyfile(source, target)
    os.chmod(target, stat.S_IMODE(os.stat(source).st_mode) if mode is None else mode)
    fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_equal(source: str, target: str, mode: int | None) -> bool:
    """Whether the target is a file that has the source's content and permissions already."""
    import filecmp  # noqa: PLC0415 - only copies compare

    if not (os.path.isfile(source) and os.path.isfile(target)) or os.path.islink(target):
        return False
    wanted = stat.S_IMODE(os.stat(source).st_mode) if mode is None else mode
    return stat.S_IMODE(os.stat(target).st_mode) == wanted and filecmp.cmp(source, target, shallow=False)


def _beside(path: str, what: str) -> str:
    """A name that nothing has yet, in the same folder."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name[:200]}.{what}-{os.getpid()}")
