"""Objects under `objects/<2 hex>/<62 hex>`, named by the SHA-256 of their bytes: staged, synced, renamed; read only.

A collection that runs beside an engine must not delete what that engine is about to commit. Two things see to it. Who
finds an object that he wants to store touches it, and a collection leaves alone what is younger than any run that is
under way. Both do so under one lock: the finder shares it, the collection has it alone, so that either the touch is
seen or the object is gone before it is looked for. The same lock keeps a damaged object that is being moved away from
being taken for the intact one that just replaced it.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

from holdfast.artifacts.copying import hash_of, sync_folder
from holdfast.errors import IntegrityError, StoreError

PREFIX: Final = "sha256:"
OBJECT_MODE: Final = 0o444
STAGED: Final = "tmp-"
FEW_FOLDERS: Final = 4
"""A store with so many folders makes the others when it needs one more."""
FEW_OBJECTS: Final = 64
"""Up to so many objects are looked for one by one; for more, the folders are listed."""
SETTLED_S: Final = 300
"""What was stored so long ago has its name on the disk too, whoever stored it."""
Writer = Callable[[int], str | None]
"""Writes to a descriptor and syncs it; gives the SHA-256 of what it wrote, or `None` where that is known."""


class Condition(Enum):
    """How an object is found."""

    INTACT = "intact"
    MISSING = "missing"
    DAMAGED = "damaged"


class Objects:
    """The objects of one state folder."""

    def __init__(self, state: str) -> None:
        """Nothing is made before something is stored."""
        self.state = state
        self.root = f"{state}/objects"
        self._known_folders: set[str] = set()

    def path(self, digest: str) -> str:
        """Where an object is, or would be."""
        name = digest.removeprefix(PREFIX)
        return f"{self.root}/{name[:2]}/{name[2:]}"

    def stage(self, write: Writer, sha: str | None = None) -> str:
        """Write and sync a temporary file, rename it to its SHA-256, sync the folder. Raises `StoreError`."""
        try:
            self._folder(self.root)
            temporary = f"{self.root}/{STAGED}{os.urandom(8).hex()}"
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(fd, OBJECT_MODE)
                written = write(fd)
                sha = sha or written
                assert sha is not None
                folder = self.shard(sha)
                with self._locked(fcntl.LOCK_SH):
                    os.rename(temporary, f"{folder}/{sha[2:]}")
            except BaseException:
                os.unlink(temporary)
                raise
            finally:
                os.close(fd)
            sync_folder(folder)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            what = "is full" if full else f"cannot be written: {error.strerror}"
            raise StoreError(f"the artifact store {self.root} {what}", code="E_STORE") from error
        return sha

    def holds(self, sha: str) -> bool:
        """Whether an object is there and intact, to be relied on from now on: no collection takes it away."""
        path = self.path(sha)
        try:
            with self._locked(fcntl.LOCK_SH):
                stored_at = os.stat(path).st_mtime
                os.utime(path)
        except OSError:
            return False  # it is stored again, over one that cannot be touched
        if self.check(PREFIX + sha) is not Condition.INTACT:
            return False
        if time.time() - stored_at < SETTLED_S:
            sync_folder(os.path.dirname(path))
        return True

    def check(self, digest: str) -> Condition:
        """Hash an object; a damaged one is moved to the quarantine."""
        found = self._look(digest)
        if found is Condition.DAMAGED:
            try:
                with self._locked(fcntl.LOCK_EX):
                    found = self._look(digest)  # it may have been healed meanwhile
                    if found is Condition.DAMAGED:
                        self._quarantine(digest)
            except OSError:
                return found  # a store that cannot be written: it is not consumed all the same
        return found

    def present(self, digests: Collection[str]) -> set[str]:
        """Those of the objects that are there; whether they are intact is not looked at."""
        if len(digests) <= FEW_OBJECTS:
            return {digest for digest in digests if os.path.exists(self.path(digest))}
        found: dict[str, set[str]] = {}
        for digest in digests:
            shard = digest[len(PREFIX) : len(PREFIX) + 2]
            if shard not in found:
                found[shard] = set(self._names(shard))
        start = len(PREFIX) + 2
        return {digest for digest in digests if digest[start:] in found[digest[len(PREFIX) : start]]}

    def all(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every object with what `stat` says of it."""
        for number in range(256):
            shard = f"{number:02x}"
            for name in sorted(self._names(shard)):
                try:
                    yield f"{PREFIX}{shard}{name}", os.stat(f"{self.root}/{shard}/{name}")
                except FileNotFoundError:
                    continue

    def staged(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every file that was never renamed to its digest, with what `stat` says of it."""
        for name in os.listdir(self.root) if os.path.isdir(self.root) else ():
            if name.startswith(STAGED):
                try:
                    yield f"{self.root}/{name}", os.stat(f"{self.root}/{name}")
                except FileNotFoundError:
                    continue

    def drop(self, paths: Collection[str], before_ns: int) -> int:
        """Delete those of the files that nobody has touched since; how many. Raises `OSError`."""
        dropped = 0
        with self._locked(fcntl.LOCK_EX):
            for path in paths:
                try:
                    if os.stat(path).st_mtime_ns < before_ns:
                        os.unlink(path)
                        dropped += 1
                except FileNotFoundError:
                    continue
        return dropped

    def shard(self, sha: str) -> str:
        """The folder of an object, which exists. A store that grows gets all of them at once, with one sync for all."""
        folder = f"{self.root}/{sha[:2]}"
        if folder not in self._known_folders:
            if not os.path.isdir(folder) and len(os.listdir(self.root)) >= FEW_FOLDERS:
                for number in range(256):
                    os.makedirs(f"{self.root}/{number:02x}", exist_ok=True)
                sync_folder(self.root)
                self._known_folders.update(f"{self.root}/{number:02x}" for number in range(256))
            self._folder(folder)
        return folder

    def _folder(self, folder: str) -> None:
        if folder not in self._known_folders:
            if not os.path.isdir(folder):
                os.makedirs(folder, exist_ok=True)
                sync_folder(os.path.dirname(folder))
            self._known_folders.add(folder)

    def _look(self, digest: str) -> Condition:
        try:
            fd = os.open(self.path(digest), os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return Condition.MISSING
        except OSError:
            return Condition.DAMAGED
        try:
            return Condition.INTACT if PREFIX + hash_of(fd)[0] == digest else Condition.DAMAGED
        except OSError:
            return Condition.DAMAGED  # the disk does not give it back
        finally:
            os.close(fd)

    def _quarantine(self, digest: str) -> None:
        folder = f"{self.state}/quarantine"
        os.makedirs(folder, exist_ok=True)
        os.rename(self.path(digest), f"{folder}/{digest.removeprefix(PREFIX)}-{os.urandom(4).hex()}")

    def _names(self, shard: str) -> list[str]:
        try:
            return os.listdir(f"{self.root}/{shard}")
        except (FileNotFoundError, NotADirectoryError):
            return []

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """The lock of the store, shared or alone."""
        fd = os.open(f"{self.state}/objects.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, how)
            yield
        finally:
            os.close(fd)


def lacking(digest: str, found: Condition) -> IntegrityError:
    """What to say of an object that cannot be used."""
    if found is Condition.MISSING:
        headline = f"object {digest} is missing from the store"
        hint = "`holdfast artifacts ls` says which step made it; making it again brings it back"
        return IntegrityError(headline, code="E_ARTIFACT_MISSING", hint=hint)
    headline = f"object {digest} is damaged: its bytes do not match its digest"
    hint = "`holdfast artifacts verify` says which step made it; making it again heals the store"
    return IntegrityError(headline, code="E_ARTIFACT_DAMAGED", hint=hint)
