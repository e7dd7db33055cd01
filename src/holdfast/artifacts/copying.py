"""Bytes from one descriptor to another: hashed on the way, written whole, synced before anybody relies on them."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from queue import Queue
from typing import Final

CHUNK_BYTES: Final = 1 << 20
CLONED_BYTES: Final = 1 << 20
"""Files from this size on are copied by the system, which on some file systems shares their blocks instead."""
PIECES_WAITING: Final = 4
SYNC_BYTES: Final = 8 << 20
"""So much is written before the disk is set to work."""
NO_CLONE: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF})


def hash_of(fd: int) -> tuple[str, int]:
    """The SHA-256 in hex and the number of the bytes that are still to be read."""
    sha, size = hashlib.sha256(), 0
    while chunk := os.read(fd, CHUNK_BYTES):
        sha.update(chunk)
        size += len(chunk)
    return sha.hexdigest(), size


def copy(source: int, target: int) -> tuple[str, int]:
    """Copy a file from its beginning and sync the copy; SHA-256 and size of what was copied. `target` is readable too.

    What is hashed is what the copy holds, so a source that changes meanwhile does no harm.
    """
    if _cloned(source, target):
        os.lseek(target, 0, os.SEEK_SET)
        found = hash_of(target)
    else:
        sha, size = hashlib.sha256(), 0
        while chunk := os.read(source, CHUNK_BYTES):
            sha.update(chunk)
            size += len(chunk)
            write_all(target, chunk)
        found = sha.hexdigest(), size
    sync(target)
    return found


def _cloned(source: int, target: int) -> bool:
    """Let the system copy a large file; whether it did."""
    os.lseek(source, 0, os.SEEK_SET)
    size = os.fstat(source).st_size
    if size < CLONED_BYTES or not hasattr(os, "copy_file_range"):
        return False
    done = 0
    try:
        while copied := os.copy_file_range(source, target, size):
            done += copied
    except OSError as error:
        if done or error.errno not in NO_CLONE:
            raise
    os.lseek(source, 0, os.SEEK_SET)
    return done > 0


def write_all(fd: int, data: bytes) -> None:
    """Write every byte."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_beside(fd: int, pieces: Iterable[bytes], ready: Callable[[str], object]) -> str:
    """Write and sync on a thread beside this one, which makes and hashes the pieces; gives their SHA-256 in hex.

    `ready` is told it while the last of them are on their way to the disk.
    """
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
        ready(digest)
    finally:
        thread.join()
    if failures:
        raise failures[0]
    return digest


def _write_waiting(fd: int, waiting: "Queue[bytes | None]", failures: list[OSError]) -> None:
    unsynced = 0
    while (piece := waiting.get()) is not None:
        if failures:
            continue  # the other thread is not left waiting for room
        try:
            write_all(fd, piece)
            unsynced += len(piece)
            if unsynced >= SYNC_BYTES:
                unsynced = 0
                sync(fd)
        except OSError as error:
            failures.append(error)
    if not failures:
        try:
            sync(fd)
        except OSError as error:
            failures.append(error)


def sync(fd: int) -> None:
    """Bring a file's bytes to the disk."""
    os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)


def sync_folder(folder: str) -> None:
    """Bring the names in a folder to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
