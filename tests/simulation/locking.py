"""The named locks of the simulated project: the real tables and rules, over simulated engines and keepers (G9)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import apsw

from holdfast.journal.leases import write_lease
from holdfast.journal.locks import RESTING, Witness, holders, release_locks, take_locks, turns
from holdfast.journal.statements import schema, sql
from holdfast.journal.stored import run_row
from holdfast.ports import Append, FenceLostError, Lease, LockRequest, Owner
from holdfast.run import events as ev
from holdfast.run.locks import RUN_TOKEN, Holder, Token
from holdfast.run.states import FINAL_RUN
from tests.simulation.rules import BrokenRuleError

if TYPE_CHECKING:
    from tests.simulation.world import World

SET_STATUS = "update runs set status = ?2, finished_at = ?3 where id = ?1"
"""In the journal an event does that."""
CREATED = ev.RunCreated("p", "sha256:0", "plan.yaml", "/")


class _Place(NamedTuple):
    run: str
    step: str
    names: frozenset[str]


class Locks:
    """The tables, in memory, and who is in line as it should be."""

    def __init__(self, worlds: Mapping[str, "World"]) -> None:
        self._worlds = worlds
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(schema(1))
        self._changes = 0
        self._line: list[_Place] = []

    @property
    def version(self) -> object:
        """Changes with whatever decides who gets a lock."""
        return self._changes, tuple(map(_standing, self._worlds.values()))

    # As engines see it.

    def lock(self, asked: LockRequest, now: int) -> tuple[Holder, ...]:
        """Take all the locks, or none and a place in line; who is before it. Raises `FenceLostError`."""
        world = self._worlds[asked.run]
        if (asked.fence, True) != (world.journal.fence, world.journal.held):
            raise FenceLostError("taken over", code="E_BUSY")
        self._changes += 1
        before = take_locks(self._connection, asked, self._witness(now), self._keep_out)
        place = _Place(asked.run, asked.step, frozenset(asked.names))
        first = self._first(place, now)
        if first is not None and not before:
            raise BrokenRuleError(f"{asked.run} {asked.step} gets {asked.names} before {first} (G9)")
        if not before:
            self._line = [each for each in self._line if each[:2] != place[:2]]
        elif place not in self._line:
            self._line.append(place)
        return before

    def lock_turns(self, run: str, now: int) -> list[str]:
        """The steps of the run that stand in line and have nobody before them now."""
        return turns(run, self._witness(now))

    def locks_of(self, run: str) -> list[Token]:
        """What locks are given to, of the run."""
        return [Token(*row) for row in self._connection.execute(sql("locks_of_run"), (run,))]

    def line_of(self, run: str) -> list[str]:
        """The steps of the run that stand in line for locks."""
        return [step for (step,) in self._connection.execute(sql("line_of_run"), (run,))]

    def release(self, work: Append) -> None:
        """What goes with an append."""
        if work.unlock or work.withdrawn:
            self._changes += 1
            release_locks(self._connection, work.run, work.unlock, work.withdrawn)
            gone = {(work.run, step) for step in work.withdrawn}
            self._line = [each for each in self._line if each[:2] not in gone]

    # Checks.

    def given(self, run: str) -> dict[str, Token]:
        """The locks that the run has, and what they were given to."""
        rows = self._connection.execute(sql("held_locks"))
        return {row[0]: Token(row[1], row[2]) for row in rows if row[4] == run}

    def still_held(self, names: Iterable[str], now: int) -> list[Holder]:
        """Who holds any of these locks, as somebody finds out who wants them."""
        return holders(sorted(names), ("", "nobody"), self._witness(now))

    def _first(self, place: _Place, now: int) -> _Place | None:
        """Who came before and waits for any of these locks; who waits no more is forgotten."""
        first, whole = None, self._of_runs()
        for each in list(self._line):
            if each[:2] == place[:2]:
                break
            if each.names.isdisjoint(place.names):
                continue
            if not self._waits(each, now):
                self._line.remove(each)
            elif first is None and each.names.isdisjoint(whole):
                first = each
        return first

    def _of_runs(self) -> set[str]:
        """The locks that runs hold as a whole, which may be long: who waits for one of them lets others go before."""
        found: set[str] = set()
        for world in self._worlds.values():
            status = world.journal.durable.status
            is_there = world.keeper is not None or world.is_driven_by(world.journal.fence) or status in RESTING
            if is_there and status not in FINAL_RUN:
                found.update(name for name, token in self.given(world.name).items() if token == RUN_TOKEN)
        return found

    def _waits(self, place: _Place, now: int) -> bool:
        journal = self._worlds[place.run].journal
        is_driven = self._worlds[place.run].is_driven_by(journal.fence)
        return journal.held and is_driven and journal.expires > now and journal.durable.status not in FINAL_RUN

    # Who lives.

    def _witness(self, now: int) -> Witness:
        self._look()
        return Witness(now, self._is_alive, self._has_keeper, self._rows)

    def _rows(self, name: str, values: tuple[str, ...]) -> Iterable[tuple[object, ...]]:
        return self._connection.execute(sql(name), values)

    def _look(self) -> None:
        """Runs and leases as the simulated journals have them now."""
        for n, world in enumerate(self._worlds.values(), 1):
            journal, name = world.journal, world.name
            if self._connection.execute(sql("run_number"), (name,)).get is None:
                self._connection.execute(sql("insert_run"), run_row(n, name, CREATED, 0))
            status = journal.durable.status
            self._connection.execute(SET_STATUS, (name, status.value, 0 if status in FINAL_RUN else None))
            owner = Owner("host", "boot", journal.fence, name, "0")
            write = Lease(name, owner, journal.fence, 0, journal.expires)
            known = self._connection.execute(sql("lease_of_run"), (name,)).fetchone()
            if known is None or known[0] != journal.fence:
                write_lease(self._connection, n, write)
            self._connection.execute(sql("renew_lease"), (name, journal.fence, journal.expires))
            if not journal.held:
                self._connection.execute(sql("release_lease"), (name, journal.fence))

    def _is_alive(self, owner: Owner) -> bool:
        return self._worlds[owner.start].is_driven_by(owner.pid)

    def _has_keeper(self, run: str) -> bool:
        return self._worlds[run].keeper is not None

    def _keep_out(self, run: str, fence: int) -> bool:
        world = self._worlds[run]
        return world.keep_out(fence)


def _standing(world: "World") -> tuple[object, ...]:
    journal = world.journal
    is_late = journal.expires <= world.wall
    alive = world.is_driven_by(journal.fence), world.keeper is None, world.known_fence
    return journal.fence, journal.held, is_late, journal.durable.status, alive
