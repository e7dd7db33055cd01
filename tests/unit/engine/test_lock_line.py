"""What a run does to get locks: it stands in line, and comes out of it whatever others do meanwhile (semantics S4)."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from msgspec.structs import replace

from holdfast.engine.locks import LOOK_US, Locks
from holdfast.journal.sqlite import SqliteJournal
from holdfast.plan.model import Plan, Sharing
from holdfast.ports import Append, LockRequest
from holdfast.run import events as ev
from holdfast.run.choose import Start
from holdfast.run.locks import RUN_TOKEN, Token
from holdfast.run.machine import Run, fold
from tests.conformance.journal.facts import NOW, begin, created, owned, step

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver

LATER = NOW + 2 * LOOK_US
PLAN = Plan(id="shop", steps=(replace(step("b"), sharing=Sharing(locks=("db",))),))
WHOLE = Plan(id="shop", steps=(step("b"),), locks=("site",))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(str(tmp_path / "journal.db"), is_alive=lambda _: True)
    begin(opened, "other")
    yield opened
    opened.close()


class Stand:
    """A run that has nothing but its locks to care for."""

    def __init__(self, journal: SqliteJournal, plan: Plan) -> None:
        seq = begin(journal, "ours", plan=plan)
        self.run = fold(Run("ours", plan), [created(plan), owned()])
        self.calls = SimpleNamespace(out={})
        driver = SimpleNamespace(
            run=self.run,
            world=SimpleNamespace(journal=journal),
            calls=self.calls,
            fence=1,
            seq=seq,
            closing=False,
            concurrency=2,
            failure=None,
            tell=self.run.apply,
        )
        self.locks = Locks(cast("Driver", driver))

    def asks(self, now: int = NOW) -> bool:
        return self.locks.enters(Start(0, 1, {}), now)

    def is_offered_at(self, now: int) -> bool:
        self.locks.look(now)
        return self.run.queue.offers(0)


def test_who_lost_its_place_while_it_was_late_asks_again(journal: SqliteJournal) -> None:
    # semantics S4
    journal.lock(LockRequest("other", 1, "a", 1, ("db",)), NOW)
    stand = Stand(journal, PLAN)
    assert not stand.asks()
    assert not stand.is_offered_at(LATER)
    journal.append(Append("ours", [], 1, withdrawn=("b",)))  # as others do that take its engine for dead
    assert stand.is_offered_at(LATER + 2 * LOOK_US)
    assert not stand.asks()
    assert journal.line_of("ours") == ["b"]
    journal.append(Append("other", [], 1, unlock=[Token("a", 1)]))
    assert stand.is_offered_at(LATER + 4 * LOOK_US)
    assert stand.asks()


def test_what_was_handed_out_and_is_not_told_yet_is_not_offered_again(journal: SqliteJournal) -> None:
    # semantics S4
    journal.lock(LockRequest("other", 1, *RUN_TOKEN, ("site",)), NOW)
    stand = Stand(journal, WHOLE)
    assert not stand.asks()
    journal.append(Append("other", [], 1, unlock=[RUN_TOKEN]))
    assert stand.is_offered_at(LATER)
    assert stand.asks(LATER)
    stand.run.reserve(0)
    stand.calls.out[0] = "a function of no effect, whose start is told with its end"
    assert not stand.is_offered_at(LATER + 2 * LOOK_US)
    stand.run.apply(ev.Event(NOW, ev.AttemptStarted(), "b", 1))
    assert not stand.is_offered_at(LATER + 4 * LOOK_US)
