"""The journal on SQLite: the port `Journal` over one connection that writes and one that reads."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, Self, cast

import apsw

from holdfast.errors import BugError, IntegrityError
from holdfast.journal.chain import Chained, breaks, damaged
from holdfast.journal.committing import Committer
from holdfast.journal.leases import LENGTH_US, IsAlive, lease_of, next_fence, write_lease
from holdfast.journal.opening import Durability, open_for_reading, open_for_writing
from holdfast.journal.packing import unpacked
from holdfast.journal.reader import Reader
from holdfast.journal.statements import sql
from holdfast.journal.stored import stored_events
from holdfast.journal.trouble import explained
from holdfast.journal.wal import Wal
from holdfast.journal.writer import Writer
from holdfast.ports import Append, Appended, Breakers, Done, Lease, LockRequest, LostRunError, Owner
from holdfast.run.events import StoredEvent
from holdfast.run.locks import Holder, Token

_END: Final = 2**62
PUT_OFF_MAX: Final = 20
COMMITS_ASKED_MAX: Final = 1000
"""How many of the latest commits are asked for a run's last event."""


def _nobody_knows(_owner: Owner) -> None:
    return None


def _no_keeper(_run: str) -> bool:
    return False


def _nobody_comes(_run: str, _fence: int) -> bool:
    return True


class SqliteJournal:
    """The append-only record in one file; safe to use from several threads, and from several processes at once."""

    def __init__(self, path: str, writing: apsw.Connection | None, reader: Reader, is_alive: IsAlive) -> None:
        self.path = path
        self.reader = reader
        self._is_alive = is_alive
        self.keep_out: Callable[[str, int], bool] = _nobody_comes  # let no keeper below a fence come up for a run
        self.has_keeper: Callable[[str], bool] = _no_keeper  # whether a live keeper has a run's commands in hand
        self._lock = threading.Lock()  # around every use of the writing connection
        self._writing = writing
        self._data_version = 0
        self._put_off = 0  # times `changed` gave no answer
        if writing is not None:
            self._committer = Committer(writing, path, is_alive)
            self._wal = Wal(writing)
            self._writer = Writer(self._committer, self._wal, self._lock)
            self._data_version = _data_version(writing)

    @classmethod
    def open(
        cls,
        path: str,
        *,
        mode: Literal["write", "read"] = "write",
        durability: Durability = "full",
        is_alive: IsAlive = _nobody_knows,
    ) -> Self:
        """Open the journal at `path`; `write` makes it where there is none.

        Raises `StoreError` when the place cannot hold it, `RequestError` when the file is not ours or newer.
        """
        if mode == "read":
            return cls(path, None, Reader(path, open_for_reading(path)), is_alive)
        return cls(path, open_for_writing(path, durability), Reader(path), is_alive)

    # Writing.

    def submit(self, work: Append, done: Done) -> None:
        """Queue `work`; `done` is called from the writer's thread when it is durable or refused."""
        self._connection()
        self._writer.submit(work, done)

    def append(self, work: Append) -> Appended:
        """Commit now, behind what was submitted before, and return; raises what refuses it."""
        self._connection()
        return self._writer.append(work)

    def extend_wal(self, size: int) -> None:
        """Make room of `size` bytes for commits to come; worth it for runs over a few hundred steps."""
        with self._locked():
            self._wal.extend(size)

    # Leases.

    def take(self, run: str, owner: Owner, now: int) -> Lease:
        """Take the run's lease with a higher fence; `BusyError` names the owner that lives and since when."""
        with self.transaction() as connection:
            row = connection.execute(sql("run_number"), (run,)).fetchone()
            if row is None:
                raise LostRunError(f"there is no run {run}", code="E_UNKNOWN_ID", hint="`holdfast runs` lists them")
            fence = next_fence(connection, run, now, self._is_alive)
            lease = Lease(run, owner, fence, now, now + LENGTH_US)
            write_lease(connection, row[0], lease)
            self._committer.forget(run)
        return lease

    def renew(self, leases: Sequence[tuple[str, int]], now: int) -> list[str]:
        """Renew (run, fence) pairs in one transaction; returns the runs whose lease was lost."""
        lost: list[str] = []
        with self.transaction() as connection:
            for run, fence in leases:
                connection.execute(sql("renew_lease"), (run, fence, now + LENGTH_US))
                if not connection.changes():
                    lost.append(run)
        return lost

    def release(self, run: str, fence: int) -> None:
        """Give a lease back; a lost one is left alone."""
        with self.transaction() as connection:
            connection.execute(sql("release_lease"), (run, fence))
            self._committer.forget(run)

    # Locks.

    def lock(self, asked: LockRequest, now: int) -> tuple[Holder, ...]:
        """Take all the locks, or none and a place in line; who is before it. Raises `FenceLostError`."""
        from holdfast.journal.locks import Witness, take_locks  # noqa: PLC0415 - few runs have any

        with self.transaction() as connection:
            witness = Witness(
                now, self._is_alive, self.has_keeper, lambda name, values: connection.execute(sql(name), values)
            )
            return take_locks(connection, asked, witness, self.keep_out)

    def lock_turns(self, run: str, now: int) -> list[str]:
        """The steps of the run that stand in line for locks and have nobody before them now."""
        from holdfast.journal.locks import Witness, turns  # noqa: PLC0415 - few runs have any

        with self.reader.snapshot():
            return turns(run, Witness(now, self._is_alive, self.has_keeper, self.reader.rows))

    def locks_of(self, run: str) -> list[Token]:
        """What locks are given to, of the run."""
        return [Token(*cast("tuple[str, int]", row)) for row in self.reader.rows("locks_of_run", (run,))]

    def line_of(self, run: str) -> list[str]:
        """The steps of the run that stand in line for locks."""
        return [str(step) for (step,) in self.reader.rows("line_of_run", (run,))]

    # Reading.

    def events(self, run: str, after: int = 0) -> list[StoredEvent]:
        """The run's events behind `after`, in order; `LostRunError` where there is no such run.

        Where the journal is open for writing, all of a run's events are proven to be what was written: whoever may
        append must not go on from anything else.
        """
        if after == 0 and self._writing is not None:
            events = stored_events(run, self._proven(run))
        else:
            events = stored_events(run, self.reader.rows("events_of_run", (run, after, _END)))
        if not events and self._number(run) and after == 0:
            raise damaged(run, "all its events are missing")
        if self._writing is not None:
            self._committer.look(run, events[-1].seq if events else after)
        return events

    def _proven(self, run: str) -> Sequence[Chained]:
        """The rows of the run's events; `IntegrityError` at the first that does not hold, or where they stop early."""
        for n, end in self.reader.rows("run_end", (run, COMMITS_ASKED_MAX)):  # first, since others append meanwhile
            rows = cast("list[Chained]", self.reader.rows("chain_of_run", (n,)))
            for _, what in breaks(run, rows, cast("int", end)):
                raise damaged(run, what)
            return rows
        return ()

    def _number(self, run: str) -> int:
        for (n,) in self.reader.rows("run_number", (run,)):
            return cast("int", n)
        raise LostRunError(f"there is no run {run}", code="E_UNKNOWN_ID", hint="`holdfast runs` lists them")

    def plan(self, digest: str) -> bytes:
        """The frozen plan's bytes."""
        for size, data in self.reader.rows("plan_by_digest", (digest,)):
            assert isinstance(size, int)
            assert isinstance(data, bytes)
            return unpacked(digest, size, data)
        raise IntegrityError(f"the journal {self.path} lacks the plan {digest}", code="E_JOURNAL_DAMAGED")

    def lease(self, run: str) -> Lease | None:
        """The run's present lease, expired or not; `None` where there is none or it was given back."""
        for row in self.reader.rows("lease_of_run", (run,)):
            lease, held = lease_of(run, row)
            return lease if held else None
        return None

    def breakers(self) -> Breakers:
        """The circuit breakers that all runs share."""
        from holdfast.journal.shared import breakers  # noqa: PLC0415 - few runs have any

        return breakers(self.reader)

    def changed(self) -> bool:
        """Whether another connection has committed since the last call; not for what this journal wrote.

        While a commit is under way the answer is left to the next call, though not for ever.
        """
        if self._put_off < PUT_OFF_MAX and self._lock.locked():
            self._put_off += 1
            return False
        self._put_off = 0
        with self._locked() as connection:
            version = _data_version(connection)
        changed, self._data_version = version != self._data_version, version
        return changed

    def close(self) -> None:
        """Commit what is queued and close."""
        if self._writing is not None:
            self._writer.close()
            with self._lock:
                self._wal.settle()
                self._writing.close()
        self.reader.close()

    # The writing connection.

    def _connection(self) -> apsw.Connection:
        if self._writing is None:
            raise BugError(f"the journal {self.path} was opened for reading", code="E_BUG")
        return self._writing

    @contextlib.contextmanager
    def _locked(self) -> Iterator[apsw.Connection]:
        connection = self._connection()
        with self._lock:
            try:
                yield connection
            except apsw.Error as error:
                raise explained(error, self.path) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """The writing connection inside a transaction of its own, for leases and repairs; events come by `append`."""
        with self._locked() as connection:
            connection.execute(sql("begin"))
            try:
                yield connection
                connection.execute(sql("commit"))
            except BaseException:
                if connection.in_transaction:
                    connection.execute(sql("rollback"))
                raise


def _data_version(connection: apsw.Connection) -> int:
    version = connection.execute(sql("data_version")).get
    assert isinstance(version, int)
    return version
