"""Named locks, which all runs on a store share: given in line, released by token, free when their holder is gone (G9).

A lock is held as long as its run is driven, its keeper lives, a run nested in it is driven or kept, or the run was
given back to wait (blocked, paused, quarantined). Nobody has to unlock what a dead process held.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, cast

import apsw
import msgspec

from holdfast.journal.leases import IsAlive, lease_of
from holdfast.journal.statements import sql
from holdfast.ports import FenceLostError, Lease, LockRequest
from holdfast.run.locks import THE_RUN, Holder, Token
from holdfast.run.states import FINAL_RUN

RESTING: Final = frozenset({"blocked", "paused", "quarantined"})
HasKeeper = Callable[[str], bool]
"""Whether a live keeper has the run's commands in hand."""
KeepOut = Callable[[str, int], bool]
"""Let no keeper below this fence come up for the run any more; false where one has, or a newer engine."""
Row = tuple[object, ...]


class Witness(NamedTuple):
    """How to find out who still lives, at one moment."""

    now: int
    is_alive: IsAlive
    has_keeper: HasKeeper
    rows: Callable[[str, tuple[str, ...]], Iterable[Row]]

    def drives(self, lease: Lease, *, held: bool) -> bool:
        """Whether the owner has its run in hand; one that cannot be asked is believed until the lease ends."""
        if not held:
            return False
        alive = self.is_alive(lease.owner)
        return lease.expires > self.now if alive is None else alive

    def keeps(self, run: str, status: str, row: Row) -> bool:
        """Whether what the run holds is still its own."""
        if status in FINAL_RUN:
            return False
        lease, held = lease_of(run, row)
        if status in RESTING or self.drives(lease, held=held) or self.has_keeper(run):
            return True
        for each in self.rows("runs_inside", (run,)):
            name = cast("str", each[0])
            lease, held = lease_of(name, each[1:])
            if self.drives(lease, held=held) or self.has_keeper(name):
                return True
        return False

    def waits(self, run: str, status: str, row: Row) -> bool:
        """Whether the run still stands in line: its engine comes back for it soon."""
        lease, held = lease_of(run, row)
        return held and status not in FINAL_RUN and lease.expires > self.now and self.is_alive(lease.owner) is not False


class _Held(NamedTuple):
    name: str
    step: str
    since: int
    run: str
    status: str
    lease: Row

    def is_over(self, keep_out: KeepOut) -> bool:
        """Whether nothing that was handed out under the lock can begin any more, once its holder is gone."""
        return self.status in FINAL_RUN or keep_out(self.run, lease_of(self.run, self.lease)[0].fence + 1)

    @property
    def holder(self) -> Holder:
        owner = lease_of(self.run, self.lease)[0].owner
        return Holder(self.name, self.run, self.step, owner.host, owner.pid, self.since, self.status)


class _Ticket(NamedTuple):
    n: int
    run: str
    step: str
    names: frozenset[str]
    lease: Lease
    status: str
    is_stuck: bool  # until a run ends: others, that one too, go before it meanwhile

    def before(self, name: str) -> Holder:
        owner = self.lease.owner
        return Holder(name, self.run, self.step, owner.host, owner.pid, None, self.status)


def take_locks(
    connection: apsw.Connection, asked: LockRequest, witness: Witness, keep_out: KeepOut
) -> tuple[Holder, ...]:
    """All the locks for the attempt, or none and a place in line; who is before it. Raises `FenceLostError`."""
    row = connection.execute(sql("lease_of_run"), (asked.run,)).fetchone()
    if row is None or row[:2] != (asked.fence, 1):
        raise FenceLostError(f"run {asked.run} was taken over by another engine", code="E_BUSY")
    around = _around(asked.run, witness)
    wanted = set(asked.names)
    before: list[Holder] = []
    for each in _held(witness):
        if each.name not in wanted or (each.run, each.step) == (asked.run, asked.step):
            continue
        if (each.run, each.step) in around:
            wanted.discard(each.name)  # this run is a part of what holds it
        elif witness.keeps(each.run, each.status, each.lease) or not each.is_over(keep_out):
            before.append(each.holder)
        else:
            connection.execute(sql("drop_lock"), (each.name,))
    line = _before_in_line(connection, asked, wanted, witness)
    held = {each.name for each in before}
    if before or line:
        before += [each for each in line if each.name not in held]
        names = msgspec.json.encode(sorted(wanted)).decode()
        connection.execute(sql("stand_in_line"), (asked.run, asked.step, names))
        return tuple(_circles(asked.run, before, witness))
    for name in sorted(wanted):
        connection.execute(sql("put_lock"), (name, asked.run, asked.step, asked.attempt, witness.now))
    connection.execute(sql("leave_line"), (asked.run, asked.step))
    return ()


def _circles(run: str, before: Sequence[Holder], witness: Witness) -> Iterable[Holder]:
    """Who is before `run`, each with whether it waits, perhaps by way of others, for what `run` holds (S4).

    A run that holds a lock, and a step that is a run, cannot end while a part of them waits; a command can.
    """
    ours = _around(run, witness) | {(run, THE_RUN)}
    held = {each.name: (each.run, each.step) for each in _held(witness)}
    line = [(_around(each.run, witness) | {(each.run, THE_RUN)}, each.names) for each, waits in _line(witness) if waits]
    for each in before:
        seen: set[Row] = set()
        met: list[Row] = [(each.run, each.step)] if each.since is not None else []
        while met:
            holder = met.pop()
            if holder in seen:
                continue
            seen.add(holder)
            met += [held[name] for parts, names in line if holder in parts for name in names if name in held]
        yield each._replace(waits_for_us=bool(seen & ours))


def release_locks(connection: apsw.Connection, run: str, tokens: Iterable[Token], withdrawn: Iterable[str]) -> None:
    """Free what the tokens were given, and leave the line for these steps."""
    for token in tokens:
        connection.execute(sql("release_locks"), (run, *token))
    for step in withdrawn:
        connection.execute(sql("leave_line"), (run, step))


def turns(run: str, witness: Witness) -> list[str]:
    """The steps of the run that stand in line and have nobody before them now."""
    taken: set[str] = set()
    around = _around(run, witness)
    for each in _held(witness):
        if (each.run, each.step) not in around and witness.keeps(each.run, each.status, each.lease):
            taken.add(each.name)
    found = []
    for ticket, waits in _line(witness):
        if ticket.run == run and ticket.names.isdisjoint(taken):
            found.append(ticket.step)
        if waits and not ticket.is_stuck:
            taken |= ticket.names
    return found


def holders(names: Sequence[str], asking: tuple[str, str], witness: Witness) -> list[Holder]:
    """Who holds these locks now, and who is before `asking` (run and step) in line for them."""
    found = [
        each.holder
        for each in _held(witness)
        if each.name in names and (each.run, each.step) != asking and witness.keeps(each.run, each.status, each.lease)
    ]
    held = {each.name for each in found}
    for ticket, waits in _line(witness):
        if (ticket.run, ticket.step) == asking:
            break
        for name in sorted(ticket.names.intersection(names) - held) if waits and not ticket.is_stuck else ():
            held.add(name)
            found.append(ticket.before(name))
    return found


def _around(run: str, witness: Witness) -> set[Row]:
    """What may hold locks that this run, as a part of it, uses too."""
    around = set(witness.rows("runs_around", (run,)))
    return around | {(outer, THE_RUN) for outer, _ in around}


def _before_in_line(
    connection: apsw.Connection, asked: LockRequest, wanted: set[str], witness: Witness
) -> list[Holder]:
    found = []
    for ticket, waits in _line(witness):
        if (ticket.run, ticket.step) == (asked.run, asked.step):
            break
        if ticket.names.isdisjoint(wanted):
            continue
        if not waits:
            connection.execute(sql("drop_ticket"), (ticket.n,))
        elif not ticket.is_stuck:
            name = min(ticket.names & wanted)
            found.append(ticket.before(name))
    return found


def _held(witness: Witness) -> list[_Held]:
    """Every lock that was given and not released."""
    found = []
    for row in list(witness.rows("held_locks", ())):
        name, step, _, since, run, status = cast("tuple[str, str, int, int, str, str]", row[:6])
        found.append(_Held(name, step, since, run, status, row[6:]))
    return found


def _line(witness: Witness) -> list[tuple[_Ticket, bool]]:
    """Everybody who waits for locks, in order, and whether they still do.

    Who waits for what a run holds as a whole keeps its place and keeps nobody from the other locks that it wants: that
    run might need one of them to come to its end.
    """
    rows = list(witness.rows("lock_line", ()))
    whole = {
        each.name
        for each in (_held(witness) if rows else ())
        if each.step == THE_RUN and witness.keeps(each.run, each.status, each.lease)
    }
    found = []
    waiting: dict[str, bool] = {}  # by run; to ask whether a process lives costs more than all the rest
    for n, step, names, run, status, *its in rows:
        name, standing = cast("tuple[str, str]", (run, status))
        row = tuple(its)
        these = frozenset(msgspec.json.decode(cast("str", names), type=list[str]))
        is_stuck = not these.isdisjoint(whole)
        ticket = _Ticket(cast("int", n), name, cast("str", step), these, lease_of(name, row)[0], standing, is_stuck)
        if name not in waiting:
            waiting[name] = witness.waits(name, standing, row)
        found.append((ticket, waiting[name]))
    return found
