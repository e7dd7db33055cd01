"""What the disk can do: floors.py commits N | file SIZE N. Bare SQLite commits of one row, or files with fdatasync."""

import os
import sys

import apsw
from measure import sync
from report import Phase

ROOM = 8_000_000


def commits(n: int) -> None:
    """One row for each commit, WAL, synchronous=FULL, in a log that was made long beforehand."""
    connection = apsw.Connection("floor.db")
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.wal_autocheckpoint(0)
    connection.execute("create table t (seq integer primary key, data text)")
    connection.execute("create table big (data blob)")
    connection.execute("insert into big values (zeroblob(?))", (ROOM,))
    connection.execute("drop table big")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    with Phase() as phase:
        for _ in range(n):
            connection.execute("insert into t (data) values ('x')")
    phase.tell(n)


def file(size: int, n: int) -> None:
    """The same bytes to a new file each time, and fdatasync."""
    data = os.urandom(size)
    with Phase() as phase:
        for i in range(n):
            descriptor = os.open(f"blob{i}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            os.write(descriptor, data)
            sync(descriptor)
            os.close(descriptor)
    phase.tell(n)


if __name__ == "__main__":
    {"commits": commits, "file": file}[sys.argv[1]](*(int(word) for word in sys.argv[2:]))
