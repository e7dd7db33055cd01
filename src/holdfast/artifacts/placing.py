"""Stored bytes back at a path of the working tree: staged, verified, synced, then put in place of what is there."""

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from holdfast.artifacts.copying import copy, sync_folder
from holdfast.artifacts.manifest import Entry
from holdfast.artifacts.objects import PREFIX, Condition, Objects, lacking
from holdfast.errors import RequestError, StoreError
from holdfast.plan.checks.paths import inside, parents

FOLDER: Final = "placing"
AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
IN_THE_WAY: Final = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST})


def place_file(objects: Objects, entry: Entry, target: str, roots: Sequence[str]) -> None:
    """Put one file at a path. Raises `IntegrityError`, `RequestError` and `StoreError`."""

    def stage(path: str) -> None:
        _write(objects, entry, path)

    _place(objects, stage, target, roots)


def place_tree(objects: Objects, entries: Iterable[Entry], target: str, roots: Sequence[str]) -> None:
    """Put a folder at a path: what was in it before is gone. Raises as `place_file` does."""

    def stage(path: str) -> None:
        folders = {""}
        os.mkdir(path)
        for entry in entries:
            for folder in reversed([*parents(entry.path)][0 if entry.folder else 1 :]):
                if folder not in folders:
                    os.mkdir(f"{path}/{folder}")
                    folders.add(folder)
            if entry.link is not None:
                os.symlink(entry.link, f"{path}/{entry.path}")
            elif not entry.folder:
                _write(objects, entry, f"{path}/{entry.path}")
        for folder in folders:
            sync_folder(f"{path}/{folder}")

    _place(objects, stage, target, roots)


def _place(objects: Objects, stage: Callable[[str], None], target: str, roots: Sequence[str]) -> None:
    parent = os.path.dirname(target)
    real = os.path.realpath(parent)
    if roots and not any(inside(real, root) for root in roots):
        raise RequestError(f"{target} leads out of the project, to {real}", code="E_ARTIFACT_PLACE")
    try:
        os.makedirs(parent, exist_ok=True)
        with _staging(objects.state, parent) as folder:
            stage(f"{folder}/new")
            _swap(f"{folder}/new", target, f"{folder}/old")
        sync_folder(parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}", code="E_STORE") from error


@contextmanager
def _staging(state: str, parent: str) -> Iterator[str]:
    """A folder on the file system of `parent`: in the state folder, where a crash leaves nothing in anybody's way."""
    name = os.urandom(8).hex()
    if os.path.isdir(state) and os.stat(state).st_dev == os.stat(parent).st_dev:
        folder = f"{state}/{FOLDER}/{name}"
    else:
        folder = f"{parent}/.holdfast-{name}"
    os.makedirs(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(staged: str, target: str, aside: str) -> None:
    """Rename what is staged to its place.

    What a plain rename cannot replace, such as a folder, changes places with it in one step where the system can do
    that. Where it cannot, it gives way first: a crash just then leaves nothing in its place, and the artifact is put
    back again.
    """
    try:
        os.rename(staged, target)
    except OSError as error:
        if error.errno not in IN_THE_WAY:
            raise
        if _exchanged(staged, target):
            return
        os.rename(target, aside)
        try:
            os.rename(staged, target)
        except BaseException:
            os.rename(aside, target)
            raise


def _exchanged(one: str, other: str) -> bool:
    """Whether two names have changed places, which Linux does on most file systems."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # noqa: PLC0415 - only a folder that takes the place of another needs it

    call = getattr(ctypes.CDLL(None), "renameat2", None)  # glibc 2.28, musl 1.2.6
    return call is not None and call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0


def _write(objects: Objects, entry: Entry, path: str) -> None:
    """One verified file: a copy, so that nobody who writes to it writes into the store."""
    assert entry.digest is not None
    try:
        source = os.open(objects.path(entry.digest), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise lacking(entry.digest, Condition.MISSING) from None
    try:
        mode = 0o777 if entry.executable else 0o666
        target = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            sha, _ = copy(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)
    if PREFIX + sha != entry.digest:
        raise lacking(entry.digest, objects.check(entry.digest))
