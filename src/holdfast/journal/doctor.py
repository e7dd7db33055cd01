"""Looks for what is wrong with the journal's file and its projections, and mends the projections from the events."""

from collections.abc import Container, Iterator
from typing import Final, NamedTuple, cast

import apsw
import msgspec

from holdfast.errors import HoldfastError, IntegrityError
from holdfast.journal.heads import Head
from holdfast.journal.leases import IsAlive, lease_of
from holdfast.journal.opening import SCHEMA
from holdfast.journal.projection import Projection
from holdfast.journal.reader import Reader
from holdfast.journal.shared import PROJECT_NUMBER, differing, folded
from holdfast.journal.sqlite import SqliteJournal
from holdfast.journal.statements import schema, sql
from holdfast.journal.stored import run_row, stored_events
from holdfast.run import events as ev
from holdfast.run.project import PROJECT


class LeftLease(msgspec.Struct, frozen=True):
    """A lease that nobody gave back: `gone` is true where its owner is known to be dead."""

    run: str
    host: str
    pid: int
    gone: bool


class Health(msgspec.Struct, frozen=True):
    """The file's state: versions, counts, what SQLite finds damaged, leases without a living owner."""

    path: str
    sqlite: str
    schema: int
    counts: dict[str, int]
    damages: tuple[str, ...]
    left_leases: tuple[LeftLease, ...]


class Difference(msgspec.Struct, frozen=True):
    """A row of a projection that is not what the events say; `None`: the row is not there."""

    run: str
    table: str
    stored: tuple[object, ...] | None
    folded: tuple[object, ...] | None


def examine(reader: Reader, is_alive: IsAlive) -> Health:
    """Look at the file without changing it."""
    with reader.snapshot():
        counts = dict(cast("list[tuple[str, int]]", reader.rows("counts")))
        said = cast("list[tuple[str]]", reader.rows("quick_check"))
        damages = [text for (text,) in said if text != "ok"]
        loose = cast("list[tuple[str, int, str, int]]", reader.rows("loose_ends"))
        damages += [f"{table} refers to a row of {parent} that is missing" for table, _, parent, _ in loose]
        version = cast("int", reader.rows("schema_version")[0][0])
        leases = [_left(row, is_alive) for row in reader.rows("held_leases")]
    left = tuple(each for each in leases if each is not None)
    return Health(reader.path, apsw.sqlite_lib_version(), version, counts, tuple(damages), left)


def differences(reader: Reader, run: str | None = None, leave: Container[str] = ()) -> list[Difference]:
    """Fold the events of one run, or of all but `leave`, and compare with the projections; changes nothing."""
    found: list[Difference] = []
    for n, name in cast("list[tuple[int, str]]", reader.rows("run_numbers", (run,))):
        if n and name not in leave:
            with reader.snapshot():
                found += _compared(name, _stored(reader, n), _folded(reader, n, name))
    if run is None and PROJECT not in leave:
        with reader.snapshot():
            found += _differences_of_project(reader)
    return found


def rebuild(journal: SqliteJournal, run: str | None = None, leave: Container[str] = ()) -> list[Difference]:
    """Make the projections of one run, or of all but `leave`, what their events say; returns what was different.

    A run whose events cannot be folded is left as it is and reported by raising, after the others are mended.
    """
    mended: list[Difference] = []
    trouble: HoldfastError | None = None
    for n, name in cast("list[tuple[int, str]]", journal.reader.rows("run_numbers", (run,))):
        if not n or name in leave:
            continue
        with journal.transaction() as connection:  # nobody appends meanwhile
            try:
                folded = _folded(journal.reader, n, name)
            except HoldfastError as error:
                trouble = trouble or error
                continue
            found = list(_compared(name, _stored(journal.reader, n), folded))
            if found:
                _replace(connection, n, folded)
        mended += found
    if run is None and PROJECT not in leave:
        mended += _mend_project(journal)
    if trouble is not None:
        raise trouble
    return mended


def _differences_of_project(reader: Reader) -> list[Difference]:
    made = folded(_events_of_project(reader))
    return [Difference(PROJECT, "breakers", *rows) for rows in differing(reader.rows("all_breakers"), made)]


def _events_of_project(reader: Reader) -> list[ev.StoredEvent]:
    rows = reader.rows("rows_of_run", (PROJECT_NUMBER,))
    return stored_events(PROJECT, [row[1:7] for row in rows])


def _mend_project(journal: SqliteJournal) -> list[Difference]:
    with journal.transaction() as connection:  # nobody appends meanwhile
        found = _differences_of_project(journal.reader)
        if found:
            connection.execute(sql("clear_breakers"))
            connection.executemany(sql("put_breaker"), folded(_events_of_project(journal.reader)))
    return found


_Tables = dict[str, list[tuple[object, ...]]]


class _Table(NamedTuple):
    """How one projection is read and replaced; its first `keys` columns name a row."""

    keys: int
    read: str
    insert: str
    clear: str | None = None


_TABLES: Final = {
    "runs": _Table(1, "all_runs", "mend_run"),
    "steps": _Table(2, "all_steps", "insert_step", "clear_steps"),
    "expansions": _Table(2, "all_expansions", "insert_expansion", "clear_expansions"),
    "jumps": _Table(2, "all_jumps", "insert_jump", "clear_jumps"),
    "attempts": _Table(3, "all_attempts", "insert_attempt", "clear_attempts"),
    "records": _Table(3, "all_records", "insert_record", "clear_records"),
    "effects": _Table(2, "all_effects", "mend_effect", "clear_effects"),
    "budget_events": _Table(2, "all_budget_events", "note_budget", "clear_budget_events"),
    "requests": _Table(2, "all_requests", "mend_request", "clear_requests"),
}


def _stored(reader: Reader, n: int) -> _Tables:
    return {name: cast("list[tuple[object, ...]]", reader.rows(table.read, (n,))) for name, table in _TABLES.items()}


def _folded(reader: Reader, n: int, run: str) -> _Tables:
    """The projections that the run's events make, folded in a database in memory."""
    rows = reader.rows("rows_of_run", (n,))
    events = stored_events(run, [row[1:] for row in rows])
    created = events[0].event if events else None
    if created is None or not isinstance(created.body, ev.RunCreated):
        raise IntegrityError(f"run {run} does not begin with its creation", code="E_JOURNAL_DAMAGED")
    body = created.body
    connection = apsw.Connection(":memory:")
    try:
        for number in range(1, SCHEMA + 1):
            connection.execute(schema(number))
        for size, data in reader.rows("plan_by_digest", (body.plan_digest,)):
            connection.execute(sql("insert_plan"), (body.plan_digest, size, data))
        connection.execute(sql("insert_run"), run_row(n, run, body, created.at))
        connection.executemany(sql("insert_event"), rows)
        head, projection = Head(n, "pending", 0, b"", 0, held=False), Projection(connection)
        for stored in events:
            projection.take(head, stored.seq, stored.event)
        projection.flush()
        return {name: connection.execute(sql(table.read), (n,)).fetchall() for name, table in _TABLES.items()}
    finally:
        connection.close()


def _compared(run: str, stored: _Tables, folded: _Tables) -> Iterator[Difference]:
    for name, table in _TABLES.items():
        ours = {row[: table.keys]: row for row in stored[name]}
        theirs = {row[: table.keys]: row for row in folded[name]}
        for key in sorted(ours.keys() | theirs.keys()):
            if ours.get(key) != theirs.get(key):
                yield Difference(run, name, ours.get(key), theirs.get(key))


def _replace(connection: apsw.Connection, n: int, folded: _Tables) -> None:
    for name, table in _TABLES.items():
        if table.clear is not None:
            connection.execute(sql(table.clear), (n,))
        connection.executemany(sql(table.insert), cast("list[tuple[apsw.SQLiteValue, ...]]", folded[name]))


def _left(row: tuple[object, ...], is_alive: IsAlive) -> LeftLease | None:
    lease, _ = lease_of(cast("str", row[0]), row[1:])
    alive = is_alive(lease.owner)
    return None if alive else LeftLease(lease.run, lease.owner.host, lease.owner.pid, alive is False)
