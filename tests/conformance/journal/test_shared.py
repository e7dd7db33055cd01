"""What runs share: a trial is given once; what an attempt's end means for a breaker is stored with it or not at all."""

import pytest

from holdfast.ports import Append, FenceLostError, Journal, StaleError
from holdfast.run import events as ev
from holdfast.run.project import PROJECT, BreakerFailed, BreakerTrial
from holdfast.run.states import BreakerState
from tests.conformance.journal.backends import Backend
from tests.conformance.journal.facts import NOW, SECOND, begin, ended, started

FAILED = ev.Event(NOW + 3, BreakerFailed("web", "r1", "fetch", 1, 0, "exit.nonzero", failures=1))
TRIAL = ev.Event(NOW + 61 * SECOND, BreakerTrial("web", "r1", "fetch", 2))


def test_a_new_store_has_no_breakers(journal: Journal) -> None:
    assert journal.breakers() == (0, {})


def test_an_attempts_end_and_its_breaker_are_stored_together(journal: Journal) -> None:
    # semantics S12, C1
    begin(journal, events=[started("fetch")])
    done = journal.append(Append("r1", [ended("fetch", "failed", code="exit.nonzero")], fence=1, also=[FAILED]))
    assert done.last_seq == 4
    seq, found = journal.breakers()
    assert (seq, found["web"].state) == (1, BreakerState.OPEN)
    assert [stored.event for stored in journal.events(PROJECT)] == [FAILED]


def test_what_is_refused_moves_no_breaker(journal: Journal) -> None:
    # semantics S12, C4
    begin(journal, events=[started("fetch")])
    with pytest.raises(FenceLostError):
        journal.append(Append("r1", [ended("fetch", "failed")], fence=7, also=[FAILED]))
    assert journal.breakers() == (0, {})


def test_events_of_the_project_may_come_alone(journal: Journal) -> None:
    begin(journal)
    journal.append(Append("r1", [], fence=1, also=[FAILED]))
    assert journal.breakers().seq == 1
    assert len(journal.events("r1")) == 2


def test_only_one_of_two_engines_gets_the_trial(store: Backend) -> None:
    # semantics S12
    one, two = store.open(), store.open()
    one.append(Append(PROJECT, [FAILED]))
    assert one.breakers() == two.breakers()
    seq = two.breakers().seq
    one.append(Append(PROJECT, [TRIAL], after=seq))
    assert two.changed()
    with pytest.raises(StaleError):
        two.append(Append(PROJECT, [TRIAL._replace(body=BreakerTrial("web", "r2", "fetch", 1))], after=seq))
    [trial] = two.breakers().by_name["web"].trials
    assert trial == ("r1", "fetch", 2)
