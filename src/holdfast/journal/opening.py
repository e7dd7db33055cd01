"""Opening the file: only ours, only with a SQLite that keeps its promises, nothing written to anything else."""

import os
from array import array
from typing import Final, Literal

import apsw

from holdfast.errors import HoldfastError, RequestError, StoreError
from holdfast.journal.mounts import network_file_system
from holdfast.journal.statements import schema, sql
from holdfast.journal.trouble import explained

APPLICATION_ID: Final = 0x484F4C44  # "HOLD"
SCHEMA: Final = 1
SQLITE_MIN: Final = (3, 51, 3)
"""Older versions can lose commits when two connections reset the WAL at once."""
BUSY_MS: Final = 10_000
_WAL_TRIES: Final = 100
_ONE: Final = array("i", [1])  # file controls take a pointer

Durability = Literal["full", "normal"]


def open_for_writing(path: str, durability: Durability = "full") -> apsw.Connection:
    """A connection that writes; makes the journal where there is none, migrates an older one."""
    _refuse_sqlite(apsw.sqlite_lib_version())
    _refuse_place(path)
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        connection.set_busy_timeout(BUSY_MS)
        version = schema_of(connection, path)
        if connection.readonly("main"):
            raise explained(apsw.ReadOnlyError("the file or its folder may not be written"), path)
        _set_wal(connection)
        connection.pragma("synchronous", durability)
        connection.wal_autocheckpoint(0)  # the writer chooses when
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, _ONE.buffer_info()[0])
        if version < SCHEMA:
            _migrate(connection, path)
        connection.pragma("foreign_keys", value=True)
    except (apsw.Error, HoldfastError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, apsw.Error):
            raise explained(error, path) from error
        raise
    return connection


def open_for_reading(path: str) -> apsw.Connection:
    """A connection that only reads; there must be a journal."""
    _refuse_sqlite(apsw.sqlite_lib_version())
    if not os.path.exists(path):
        raise RequestError(
            f"there is no journal at {path}",
            code="E_STORE_MISSING",
            hint="nothing was run here yet: `holdfast run PLAN` makes one",
        )
    _refuse_place(path)
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_MS)
        version = schema_of(connection, path)
        if not connection.pragma("application_id"):
            raise RequestError(
                f"the journal {path} is empty: nothing was recorded yet, or its -wal file was removed",
                code="E_NO_STATE",
                hint="if runs are missing, put the -wal file back; else `holdfast run PLAN` begins the journal",
            )
        if version < SCHEMA:
            raise RequestError(
                f"the journal {path} has schema {version}, this program reads {SCHEMA}",
                code="E_STORE_OLDER",
                hint="any command that writes, such as `holdfast resume`, brings it up to date",
            )
    except (apsw.Error, HoldfastError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, apsw.Error):
            raise explained(error, path) from error
        raise
    return connection


def _refuse_sqlite(version: str) -> None:
    if tuple(int(part) for part in version.split(".")) < SQLITE_MIN:
        raise StoreError(
            f"SQLite {version} can lose committed work",
            code="E_STORE_SQLITE",
            facts=["versions before 3.51.3 have a bug when two processes write to one database"],
            hint="install a newer apsw, for example with `pip install --upgrade apsw`",
        )


def _refuse_place(path: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise RequestError(f"the journal {path} is a folder", code="E_STORE_FOREIGN", hint="name a file")
    if not os.path.isdir(folder):
        raise StoreError(
            f"the folder {folder} of the journal does not exist",
            code="E_STORE_UNREACHABLE",
            hint="make it, or name another",
        )
    kind = network_file_system(folder)
    if kind is not None:
        raise StoreError(
            f"the journal {path} is on a network file system ({kind})",
            code="E_STORE_NETWORK",
            facts=["SQLite's locks and shared memory do not hold there"],
            hint="choose a local folder with HOLDFAST_DIR, or use PostgreSQL with HOLDFAST_DB",
        )


def schema_of(connection: apsw.Connection, path: str) -> int:
    """The schema of the file, 0 for an empty one; refuses what is not ours."""
    try:
        mark, objects = connection.pragma("application_id"), 0
        if mark != APPLICATION_ID:
            objects = connection.execute(sql("count_objects")).get
            mark = connection.pragma("application_id")  # another process may have made the journal since, all at once
        version = connection.pragma("user_version")
    except apsw.NotADBError as error:
        raise _foreign(path, "the file is no SQLite database") from error
    if mark == APPLICATION_ID:
        if version > SCHEMA:
            raise RequestError(
                f"the journal {path} was made by a newer Holdfast (schema {version}, this program knows {SCHEMA})",
                code="E_STORE_NEWER",
                hint="use the newer program; this one has changed nothing",
            )
        return int(version)
    if mark or objects:
        raise _foreign(path, "the file is another program's database")
    return 0


def _foreign(path: str, fact: str) -> RequestError:
    return RequestError(
        f"{path} is not a Holdfast journal",
        code="E_STORE_FOREIGN",
        facts=[fact],
        hint="name another file; nothing was changed",
    )


def _set_wal(connection: apsw.Connection) -> None:
    for left in reversed(range(_WAL_TRIES)):  # the busy timeout does not hold for this pragma
        try:
            if connection.pragma("journal_mode") == "wal" or connection.pragma("journal_mode", "wal") == "wal":
                return
        except apsw.BusyError:
            if not left:
                raise
            connection.execute(sql("begin"))  # waits for the other process
            connection.execute(sql("rollback"))
    raise apsw.CantOpenError("this file system cannot keep a write-ahead log")


def _migrate(connection: apsw.Connection, path: str) -> None:
    """Apply every missing schema in one transaction; another process may have been first."""
    connection.execute(sql("begin"))
    try:
        for number in range(schema_of(connection, path) + 1, SCHEMA + 1):
            connection.execute(schema(number))
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", SCHEMA)
        connection.execute(sql("commit"))
    except apsw.Error:
        if connection.in_transaction:
            connection.execute(sql("rollback"))
        raise
