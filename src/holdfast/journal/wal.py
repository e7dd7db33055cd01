"""The write-ahead log's size: extended before it is needed, moved into the database when nobody waits, never cut.

A log that grows costs a metadata write with every commit; one that is overwritten commits 1.6 times as fast.
"""

import contextlib
import os
from typing import Final

import apsw

from holdfast.journal.statements import sql

FRAME_BYTES: Final = 4096 + 24
EXTEND_PAGES_MIN: Final = 64
"""A shorter log is left alone, so that small runs pay nothing."""
GROWTH: Final = 16
CHECKPOINT_IDLE_PAGES: Final = 500
CHECKPOINT_BUSY_PAGES: Final = 2000
ROOM_PAGES_MAX: Final = 3000
_ZEROS: Final = bytes(1 << 20)


class Wal:
    """The log of one writing connection; used with the connection's lock held."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._path = connection.filename_wal
        self._pages = 0
        self._moved = 0
        self._room = 0  # pages that fit into the file, as far as known
        connection.set_wal_hook(self._grown)

    def prepare(self) -> None:
        """Extend the log if the coming commit may not fit."""
        if self._pages >= EXTEND_PAGES_MIN and self._pages * 2 > self._room and self._room < ROOM_PAGES_MAX:
            self.extend(min(self._pages * GROWTH, ROOM_PAGES_MAX) * FRAME_BYTES)

    def extend(self, size: int) -> None:
        """Make the log at least `size` bytes long, with zeros, which SQLite takes as its end."""
        try:
            self._connection.execute(sql("begin"))  # nobody else extends the log meanwhile
        except apsw.BusyError:
            return  # only speed is lost
        try:
            self._room = _extended(self._path, size) // FRAME_BYTES
        except OSError:
            self._room = ROOM_PAGES_MAX  # as far as it goes: a full disk is reported by the commit that needs it
        finally:
            self._connection.execute(sql("rollback"))

    def relieve(self) -> None:
        """Move the log into the database if it has become long."""
        self._move(CHECKPOINT_BUSY_PAGES)

    def rest(self) -> None:
        """Move the log into the database while nobody waits."""
        self._move(CHECKPOINT_IDLE_PAGES)

    def settle(self) -> None:
        """Move what this connection wrote into the database, which then holds it also without the log."""
        self._move(1)

    def _grown(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _move(self, pages_min: int) -> None:
        if self._pages < self._moved:
            self._moved = 0  # the log has begun anew
        if self._pages - self._moved < pages_min:
            return
        self._moved = self._pages  # also where a reader keeps it from being moved, or every commit would try again
        with contextlib.suppress(apsw.Error):  # the log grows on; a commit that cannot be stored says why
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _extended(path: str, size: int) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        at = old = os.fstat(descriptor).st_size
        while at < size:
            at += os.pwrite(descriptor, _ZEROS[: size - at], at)
        if at > old:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return at
