"""Groups of appends as transactions: each is checked by itself, all that hold are stored together."""

from collections.abc import Sequence
from typing import Final

import apsw
import msgspec

from holdfast.errors import BugError, HoldfastError, IntegrityError, StoreError
from holdfast.journal.chain import FIRST, extend, link
from holdfast.journal.heads import Head, Heads
from holdfast.journal.leases import LENGTH_US, IsAlive, next_fence, write_lease
from holdfast.journal.locks import release_locks
from holdfast.journal.packing import digest_of, packed, unpacked
from holdfast.journal.projection import Projection
from holdfast.journal.statements import sql
from holdfast.journal.stored import run_row
from holdfast.journal.trouble import explained
from holdfast.ports import Append, Appended, FenceLostError, Lease, LostRunError, StaleError
from holdfast.run import events as ev
from holdfast.run.project import PROJECT

EVENTS_PER_COMMIT_MAX: Final = 4096
_END: Final = 2**62

Outcome = Appended | HoldfastError
_Row = tuple[int, int, int, str, str | None, int | None, str, bytes]


class Committer:
    """The one way into the journal's tables; used by one thread at a time."""

    def __init__(self, connection: apsw.Connection, path: str, is_alive: IsAlive) -> None:
        self._connection = connection
        self._path = path
        self._is_alive = is_alive
        self._heads = Heads(connection)
        self._projection = Projection(connection)
        self._seen: dict[str, int] = {}  # up to where a run's engine knows its events
        self._seeing: dict[str, int] = {}  # the same, as of this transaction
        self._rows: list[_Row] = []
        self._spans: dict[int, tuple[int, int, list[bytes]]] = {}

    def look(self, run: str, seq: int) -> None:
        """Note that the run's events up to `seq` are known to whoever will append to it."""
        self._seen.setdefault(run, seq)

    def forget(self, run: str) -> None:
        """Note that the run has another engine, which has to look at it first."""
        self._seen.pop(run, None)

    def commit(self, works: Sequence[Append]) -> list[Outcome]:
        """Store what holds, in one transaction; an outcome for each. Raises nothing that belongs to one append."""
        try:
            return self._transaction(works)
        except StoreError as error:
            return [error] * len(works)
        except HoldfastError as error:
            if len(works) == 1:
                return [error]
        return [outcome for work in works for outcome in self.commit([work])]  # find the one that spoiled it

    def _transaction(self, works: Sequence[Append]) -> list[Outcome]:
        try:
            self._connection.execute(sql("begin"))
            if self._heads.refresh():
                self._projection.forget()
            outcomes = [self._admitted(work) for work in works]
            self._write()
            self._connection.execute(sql("commit"))
        except BaseException as error:
            self._roll_back()
            if isinstance(error, apsw.Error):
                raise explained(error, self._path) from error
            raise
        self._heads.committed()
        self._seen.update(self._seeing)
        self._seeing.clear()
        for work, outcome in zip(works, outcomes, strict=True):
            if work.release and isinstance(outcome, Appended):
                self.forget(work.run)
                self._heads.drop(work.run)
        return outcomes

    def _roll_back(self) -> None:
        self._heads.forget()
        self._projection.forget()
        self._rows.clear()
        self._spans.clear()
        self._seeing.clear()
        if self._connection.in_transaction:
            self._connection.execute(sql("rollback"))

    # One append.

    def _admitted(self, work: Append) -> Outcome:
        """Fold `work` into the transaction, or say why not without a trace of it."""
        head = self._heads.of(work.run)
        fence = None
        try:
            self._check(work, head)
            if work.take is not None:
                fence = next_fence(self._connection, work.run, work.events[0].at, self._is_alive)
        except HoldfastError as error:
            return error
        if head is None:
            head = self._create(work)
        foreign = self._foreign(work, head)
        if work.take is not None and fence is not None:
            now = work.events[0].at
            write_lease(self._connection, head.n, Lease(work.run, work.take, fence, now, now + LENGTH_US))
            head.fence, head.held = fence, True
        self._extend(work, head)
        if work.also:
            project = self._heads.of(PROJECT)
            assert project is not None, "every journal has the project's own stream"
            self._extend(Append(PROJECT, work.also), project)
        if work.unlock or work.withdrawn:
            release_locks(self._connection, work.run, work.unlock, work.withdrawn)
        if work.fence is not None or work.take is not None:
            self._seeing[work.run] = head.seq
        if work.release:
            self._connection.execute(sql("release_lease"), (work.run, head.fence))
            head.held = False
        return Appended(head.seq, fence, foreign)

    def _check(self, work: Append, head: Head | None) -> None:
        first = work.events[0].body if work.events else None
        if head is None:
            if work.after or not isinstance(first, ev.RunCreated):
                raise LostRunError(
                    f"there is no run {work.run}", code="E_UNKNOWN_ID", hint="`holdfast runs` lists them"
                )
            if work.plan is not None and digest_of(work.plan) != first.plan_digest:
                raise BugError(f"the digest of run {work.run}'s plan is not that of its bytes", code="E_BUG")
            if work.fence is not None:
                raise FenceLostError(f"run {work.run} has no owner yet", code="E_BUSY")
            return
        if work.after is not None and work.after != head.seq:
            raise StaleError(
                f"run {work.run} has moved on from event {work.after} to {head.seq}",
                code="E_BUSY",
                hint="look again, then decide again",
            )
        if work.fence is not None and (work.fence != head.fence or not head.held):
            raise FenceLostError(
                f"run {work.run} was taken over by another engine",
                code="E_BUSY",
                facts=[f"this engine's fence is {work.fence}, the run's is {head.fence}"],
            )
        if work.take is not None and not work.events:
            raise BugError("a lease is taken with an event that says so", code="E_BUG")

    def _create(self, work: Append) -> Head:
        at, body = work.events[0].at, work.events[0].body
        assert isinstance(body, ev.RunCreated)
        n = self._heads.last_run + 1
        elsewhere = self._connection.execute(sql("last_run_elsewhere")).get
        if not n or (isinstance(elsewhere, int) and elsewhere >= n):
            raise IntegrityError(
                f"the journal {self._path} is damaged: run number {elsewhere if n else 0} is missing",
                code="E_JOURNAL_DAMAGED",
                hint="`holdfast audit verify` lists all that does not hold; put back a copy of the journal that does",
            )
        self._keep_plan(work, body.plan_digest)
        self._heads.last_run = n
        self._connection.execute(sql("insert_run"), run_row(n, work.run, body, at))
        head = Head(n, "pending", 0, FIRST, 0, held=False)
        self._heads.add(work.run, head)
        return head

    def _keep_plan(self, work: Append, digest: str) -> None:
        stored = self._connection.execute(sql("plan_by_digest"), (digest,)).fetchone()
        if stored is not None:
            unpacked(digest, *stored)  # raises where it is not what was stored; the run would end and prove nothing
        elif work.plan is not None:
            self._connection.execute(sql("insert_plan"), (digest, len(work.plan), packed(work.plan)))

    def _foreign(self, work: Append, head: Head) -> tuple[ev.StoredEvent, ...]:
        if work.fence is None and work.take is None:
            return ()
        seen = self._seeing.get(work.run) or self._seen.get(work.run, head.seq)
        if seen >= head.seq:
            return ()
        self._write_events()
        rows = self._connection.execute(sql("events_of_run"), (work.run, seen, _END))
        return tuple(
            ev.StoredEvent(work.run, seq, ev.Event(at, ev.decode(kind, data), step, attempt))
            for seq, at, kind, step, attempt, data in rows
        )

    def _extend(self, work: Append, head: Head) -> None:
        n, seq, last, run = head.n, head.seq, head.hash, work.run
        rows, take = self._rows, self._projection.take
        first, _, hashes = self._spans.get(n) or (seq + 1, 0, [])
        for event in work.events:
            at, body, step, attempt = event
            if step is not None and head.finished:
                raise BugError(f"run {run} has ended; {body.kind} cannot follow", code="E_BUG")
            seq += 1
            data = ev.encode(body)
            last = link(last, run, seq, (at, body.kind, step, attempt, data))
            rows.append((n, seq, at, body.kind, step, attempt, data.decode(), last))
            hashes.append(last)
            take(head, seq, event)
        head.seq, head.hash = seq, last
        if work.events:
            self._spans[n] = (first, seq, hashes)

    # One transaction.

    def _write(self) -> None:
        self._write_events()
        if self._spans:
            spans = sorted(self._spans.items())
            heads = self._heads
            heads.head = extend(heads.head, (hash for _, (_, _, hashes) in spans for hash in hashes))
            heads.commit += 1
            ranges = msgspec.json.encode([(n, first, last) for n, (first, last, _) in spans]).decode()
            self._connection.execute(sql("insert_commit"), (heads.commit, heads.head, ranges))
            self._spans.clear()
        self._projection.flush()

    def _write_events(self) -> None:
        if self._rows:
            self._connection.executemany(sql("insert_event"), self._rows)
            self._rows.clear()
