"""Digests of files by what `stat` says of them, so that a file that nobody touched is not read again.

A cache and nothing more: it may be deleted, a damaged one is begun anew, and where it cannot be written the next one
who looks reads the files. Paths, signatures and digests are kept in columns: a hundred thousand load in 30 ms.
"""

import hashlib
import os
import stat
import struct
import sys
import time
import zlib
from array import array
from collections.abc import Callable
from typing import Final

PREFIX: Final = "sha256:"
FOLDER: Final = "cache"
MAGIC: Final = f"holdfast stat cache 1 {sys.byteorder}\n".encode()
HEAD: Final = struct.Struct("=IQQ")
"""Checksum of what follows, number of files, bytes of their names."""
DIGEST_BYTES: Final = 32
ENTRIES_MAX: Final = 2_000_000
"""A cache of more files is begun anew."""
CHUNK_BYTES: Final = 1 << 20
READS_MAX: Final = 3
"""How often a file that changes while it is read is read again."""
TICK_NS: Final = 100_000_000
"""Longer than the steps in which systems count the times of files (10 ms at most)."""
COARSE_TICK_NS: Final = 2_100_000_000
"""The same for file systems that keep whole seconds only; FAT keeps every second one."""
SECOND_NS: Final = 1_000_000_000
FILE_WORTH: Final = 100
"""Reading a file again costs about as much as writing so many entries."""
BYTES_WORTH: Final = 10_000
"""And so many of its bytes as much as writing one."""


class StatCache:
    """The digests of a project's files as they were last read; for one thread."""

    def __init__(self, file: str, now: Callable[[], int] = time.time_ns) -> None:
        """The cache that is kept in `file`; `now` is the time in nanoseconds, on the clock of the file system."""
        self._file = file
        self._now = now
        self._index: dict[str, int] = {}
        self._sizes, self._modified, self._changed = array("q"), array("q"), array("q")
        self._inodes = array("Q")
        self._digests = bytearray()
        self._gain = 0  # what the next one who looks saves if this is kept, in entries written
        self._load()

    @classmethod
    def of(cls, state: str, root: str) -> "StatCache":
        """The cache in a state folder for the files below `root`, which are named relative to it."""
        place = os.path.relpath(root, state).encode(errors="surrogateescape")
        return cls(f"{state}/{FOLDER}/stat-{hashlib.sha256(place).hexdigest()[:16]}")

    def digest(self, path: str, real: str, found: os.stat_result) -> str:
        """`sha256:<hex>` of the file `path`, which is at `real` and of which `stat` says `found`.

        It is read unless nothing of (size, mtime, ctime, inode) differs from when it was read. Raises `OSError`.
        """
        at = self._index.get(path)
        if (
            at is not None
            and self._modified[at] == found.st_mtime_ns
            and self._changed[at] == found.st_ctime_ns
            and self._sizes[at] == found.st_size
            and self._inodes[at] == found.st_ino
        ):
            return PREFIX + self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES].hex()
        digest = b""
        for _ in range(READS_MAX):
            before = self._now()
            digest, after = _read(real, found.st_size)
            if _signature(found) == _signature(after):
                if not _is_young(found, before):
                    self._keep(path, found, digest)
                break
            found = after
        return PREFIX + digest.hex()  # of one that does not rest: of what was read last, and for nobody else

    def save(self) -> None:
        """Keep what was learned, if that is worth writing it and there is a state folder."""
        folder = os.path.dirname(self._file)
        if self._gain < len(self._index) or not self._gain or not os.path.isdir(os.path.dirname(folder)):
            return
        names = "\0".join(self._index).encode("utf-8", "surrogateescape")
        columns = (self._sizes, self._modified, self._changed, self._inodes, self._digests)
        body = b"".join((names, *(bytes(column) for column in columns)))
        head = HEAD.pack(zlib.crc32(body), len(self._index), len(names))
        staged = f"{self._file}.{os.getpid()}"
        try:
            os.makedirs(folder, exist_ok=True)
            with open(staged, "wb") as file:
                file.write(MAGIC + head + body)
            os.replace(staged, self._file)
            self._gain = 0
        except OSError:
            return

    def _load(self) -> None:
        try:
            with open(self._file, "rb") as file:
                data = file.read()
        except OSError:
            return
        start = len(MAGIC) + HEAD.size
        if len(data) < start or not data.startswith(MAGIC):
            return
        checksum, count, named = HEAD.unpack_from(data, len(MAGIC))
        body = memoryview(data)[start:]
        if count > ENTRIES_MAX or len(body) != named + count * (4 * 8 + DIGEST_BYTES) or zlib.crc32(body) != checksum:
            return
        names = bytes(body[:named]).decode("utf-8", "surrogateescape").split("\0") if count else []
        self._index = dict(zip(names, range(count), strict=True))
        end = named
        for column in (self._sizes, self._modified, self._changed, self._inodes):
            column.frombytes(body[end : end + 8 * count])
            end += 8 * count
        self._digests += body[end:]

    def _keep(self, path: str, found: os.stat_result, digest: bytes) -> None:
        signature = _signature(found)
        if not all(-(2**63) <= number < 2**63 for number in signature[:3]) or "\0" in path:
            return
        at = self._index.setdefault(path, len(self._index))
        columns = (self._sizes, self._modified, self._changed, self._inodes)
        if at == len(self._inodes):
            for column, number in zip(columns, signature, strict=True):
                column.append(number)
            self._digests += digest
        else:
            for column, number in zip(columns, signature, strict=True):
                column[at] = number
            self._digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] = digest
        self._gain += FILE_WORTH + found.st_size // BYTES_WORTH


def _signature(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _is_young(found: os.stat_result, read_at: int) -> bool:
    """Whether a later write could leave the signature as it is: the file is as young as its record (planner 10)."""
    times = (found.st_mtime_ns, found.st_ctime_ns)
    tick = COARSE_TICK_NS if all(time % SECOND_NS == 0 for time in times) else TICK_NS
    return max(times) + tick >= read_at


def _read(path: str, size: int) -> tuple[bytes, os.stat_result]:
    """The SHA-256 of a regular file of about `size` bytes, and what `stat` says of it afterwards."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        data = os.read(fd, min(size + 1, CHUNK_BYTES))
        sha = hashlib.sha256(data)
        if len(data) != size:
            while data:
                data = os.read(fd, CHUNK_BYTES)
                sha.update(data)
        after = os.fstat(fd)
        if not stat.S_ISREG(after.st_mode):
            raise FileNotFoundError(path)  # another thing took the file's place
        return sha.digest(), after
    finally:
        os.close(fd)
