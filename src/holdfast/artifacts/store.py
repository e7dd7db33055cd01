"""The content-addressed store: objects under `objects/<2 hex>/<62 hex>`, staged, synced, then renamed; read only."""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import Queue

from holdfast.artifacts.manifest import Entry, encode
from holdfast.errors import IntegrityError, StoreError
from holdfast.run.events import ArtifactRef

PREFIX = "sha256:"
CHUNK_BYTES = 1 << 20
OBJECT_MODE = 0o444
STAGED = "tmp-"
BESIDE_BYTES = 512 * 1024
"""Bytes from which on a second thread writes while the first one hashes: both cost about the same."""
FEW_FOLDERS = 4
"""A store with so many folders makes the others when it needs one more."""
PIECES_WAITING = 4
SYNC_BYTES = 8 << 20
"""So much is written before the disk is set to work."""


Writer = Callable[[int], str | None]
"""Writes to a descriptor and syncs it; gives the digest of what it wrote, or `None` where that is known."""


class Store:
    """Objects by the SHA-256 of their bytes."""

    def __init__(self, root: Path) -> None:
        """`root` is the state folder; nothing is made before something is stored."""
        self._objects = root / "objects"
        self._known_folders: set[str] = set()

    def put_bytes(self, data: bytes) -> str:
        """Store bytes durably; returns `sha256:<hex>`. Raises `StoreError`."""
        if len(data) >= BESIDE_BYTES:
            return self.put_pieces([data])
        digest = hashlib.sha256(data).hexdigest()
        if not self._has(digest):
            self._stage(lambda fd: _write_synced(fd, data), digest)
        return PREFIX + digest

    def put_pieces(self, pieces: Iterable[bytes]) -> str:
        """Store the bytes that the pieces make together durably; returns `sha256:<hex>`. Raises `StoreError`."""
        return PREFIX + self._stage(lambda fd: self._write_beside(fd, pieces))

    def put_path(self, path: str | Path, shown: str) -> ArtifactRef:
        """Store a file, or a folder as a manifest of its files; raises `StoreError` or `OSError`."""
        path = str(path)
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            entries, size = self._put_tree(path)
            digest = self.put_bytes(encode(entries))
            return ArtifactRef(shown, digest, size, tree=True)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "neither a file nor a folder", path)
        digest, size = self._put_file(path)
        return ArtifactRef(shown, digest, size)

    def read(self, digest: str) -> bytes:
        """An object's bytes, verified; `IntegrityError` when it is missing or damaged."""
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise IntegrityError(f"object {digest} is missing from the store", code="E_ARTIFACT_MISSING") from None
        if PREFIX + hashlib.sha256(data).hexdigest() != digest:
            raise IntegrityError(
                f"object {digest} is damaged: its bytes do not match its digest", code="E_ARTIFACT_DAMAGED"
            )
        return data

    def path(self, digest: str) -> Path:
        """Where an object is, or would be."""
        name = digest.removeprefix(PREFIX)
        return self._objects / name[:2] / name[2:]

    def _put_tree(self, root: str) -> tuple[list[Entry], int]:
        entries: list[Entry] = []
        total = 0
        stack = [""]
        while stack:
            inside = stack.pop()
            listed = list(os.scandir(os.path.join(root, inside)))
            if inside and not listed:
                entries.append(Entry(inside, folder=True))
            for child in listed:
                shown = os.path.join(inside, child.name)
                if child.is_symlink():
                    entries.append(Entry(shown, link=os.readlink(child.path)))
                elif child.is_dir():
                    stack.append(shown)
                elif child.is_file():
                    digest, size = self._put_file(child.path)
                    total += size
                    entries.append(Entry(shown, digest, bool(child.stat().st_mode & stat.S_IXUSR)))
        return entries, total

    def _put_file(self, path: str) -> tuple[str, int]:
        """Copy while hashing, so that what is stored is what was hashed; a known object is hashed only."""
        with open(path, "rb") as source:
            digest, size = _hash(source.fileno())
            if self._has(digest):
                return PREFIX + digest, size
            source.seek(0)
            copied = self._stage(lambda fd: _copy(source.fileno(), fd))
        return PREFIX + copied, os.stat(self.path(copied)).st_size

    def _has(self, digest: str) -> bool:
        return os.path.exists(f"{self._objects}/{digest[:2]}/{digest[2:]}")

    def _stage(self, write: Writer, digest: str | None = None) -> str:
        """Write and sync a temporary file, rename it to its digest, sync the folder."""
        try:
            self._folder(self._objects)
            temporary = f"{self._objects}/{STAGED}{os.urandom(8).hex()}"
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(fd, OBJECT_MODE)
                written = write(fd)
                digest = digest or written
                assert digest is not None
                folder = self._shard(digest)
                os.rename(temporary, folder / digest[2:])
            except BaseException:
                os.unlink(temporary)
                raise
            finally:
                os.close(fd)
            _sync_folder(folder)
        except OSError as error:
            what = "is full" if error.errno == errno.ENOSPC else f"cannot be written: {error.strerror}"
            raise StoreError(f"the artifact store {self._objects} {what}", code="E_STORE") from error
        return digest

    def _write_beside(self, fd: int, pieces: Iterable[bytes]) -> str:
        """Write and sync on a thread beside this one, which makes and hashes the pieces; gives their digest."""
        sha = hashlib.sha256()
        waiting: Queue[bytes | None] = Queue(PIECES_WAITING)
        failures: list[OSError] = []
        thread = threading.Thread(target=_write_waiting, args=[fd, waiting, failures], name="holdfast-store")
        thread.start()
        try:
            try:
                for piece in pieces:
                    waiting.put(piece)
                    sha.update(piece)
            finally:
                waiting.put(None)
            digest = sha.hexdigest()
            self._shard(digest)
        finally:
            thread.join()
        if failures:
            raise failures[0]
        return digest

    def _shard(self, digest: str) -> Path:
        """The folder of an object, which exists. A store that grows gets all of them at once, with one sync for all."""
        folder = self._objects / digest[:2]
        if str(folder) not in self._known_folders:
            if not os.path.isdir(folder) and len(os.listdir(self._objects)) >= FEW_FOLDERS:
                for number in range(256):
                    os.makedirs(f"{self._objects}/{number:02x}", exist_ok=True)
                _sync_folder(self._objects)
                self._known_folders.update(f"{self._objects}/{number:02x}" for number in range(256))
            self._folder(folder)
        return folder

    def _folder(self, folder: Path) -> None:
        name = str(folder)
        if name not in self._known_folders:
            if not os.path.isdir(name):
                os.makedirs(name, exist_ok=True)
                _sync_folder(folder.parent)
            self._known_folders.add(name)


def _hash(fd: int) -> tuple[str, int]:
    sha, size = hashlib.sha256(), 0
    while chunk := os.read(fd, CHUNK_BYTES):
        sha.update(chunk)
        size += len(chunk)
    return sha.hexdigest(), size


def _copy(source: int, target: int) -> str:
    sha = hashlib.sha256()
    while chunk := os.read(source, CHUNK_BYTES):
        sha.update(chunk)
        _write_all(target, chunk)
    _sync(target)
    return sha.hexdigest()


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _write_synced(fd: int, data: bytes) -> None:
    _write_all(fd, data)
    _sync(fd)


def _write_waiting(fd: int, waiting: "Queue[bytes | None]", failures: list[OSError]) -> None:
    unsynced = 0
    while (piece := waiting.get()) is not None:
        if failures:
            continue  # the other thread is not left waiting for room
        try:
            _write_all(fd, piece)
            unsynced += len(piece)
            if unsynced >= SYNC_BYTES:
                unsynced = 0
                _sync(fd)
        except OSError as error:
            failures.append(error)
    if not failures:
        try:
            _sync(fd)
        except OSError as error:
            failures.append(error)


def _sync(fd: int) -> None:
    os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
