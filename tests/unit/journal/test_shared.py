"""The project's own stream: what runs share is folded, proven and mended like everything else."""

import pytest

from holdfast.errors import BugError, RequestError
from holdfast.journal.audit import verify
from holdfast.journal.doctor import differences, rebuild
from holdfast.journal.reading import Reading
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append
from holdfast.run import events as ev
from holdfast.run.project import PROJECT, BreakerFailed, BreakerReleased, BreakerSucceeded, BreakerTrial
from tests.conformance.journal.facts import NOW, SECOND, begin
from tests.unit.journal.test_audit import said, tamper

MINUTE = 60 * SECOND


def opened(journal: SqliteJournal) -> None:
    for n in range(5):
        tell(journal, BreakerFailed("web", "r1", "fetch", n, 0, "timeout"), NOW + n)
    tell(journal, BreakerFailed("mail", "r1", "pay", 1, 0, "timeout"), NOW)
    tell(journal, BreakerTrial("web", "r1", "fetch", 6), NOW + MINUTE)


def tell(journal: SqliteJournal, body: ev.Body, at: int) -> None:
    journal.append(Append(PROJECT, [ev.Event(at, body)]))


def test_breakers_are_proven_and_rebuilt(journal: SqliteJournal) -> None:
    # semantics S12, S16
    opened(journal)
    assert verify(journal.reader).ok
    assert differences(journal.reader) == []
    before = journal.breakers()
    for spoil in ("update breakers set failures = 1 where name = 'web'", "delete from breakers where name = 'mail'"):
        with journal.transaction() as connection:
            connection.execute(spoil)
        [found] = differences(journal.reader)
        assert (found.run, found.table) == (PROJECT, "breakers")
        assert rebuild(journal) == [found]
        assert journal.breakers() == before


def test_an_altered_event_of_the_project_is_found(journal: SqliteJournal) -> None:
    # semantics S12
    opened(journal)
    tamper(journal, "update events set at = at + 1 where run = 0 and seq = 3")
    assert said(verify(journal.reader)) == [(PROJECT, 3)]
    tamper(journal, "delete from events where run = 0 and seq = 7")
    assert (PROJECT, 3) in said(verify(journal.reader))
    assert len(said(verify(journal.reader))) > 1


def test_breakers_are_shown(journal: SqliteJournal) -> None:
    opened(journal)
    mail, web = Reading(journal).breakers()
    assert (mail.breaker, mail.state, mail.failures, mail.next_trial_at) == ("mail", "closed", 1, None)
    assert (web.breaker, web.state, web.failures, web.next_trial_at) == ("web", "half-open", 5, None)
    assert web.trials == ({"run": "r1", "step": "fetch", "attempt": 6},)
    tell(journal, BreakerReleased("web", "r1", "fetch", 6, "canceled"), NOW + 2 * MINUTE)
    assert Reading(journal).breakers()[1].next_trial_at is not None


def test_the_project_holds_nothing_of_one_run(journal: SqliteJournal) -> None:
    with pytest.raises(BugError, match=r"does not hold run\.pausing"):
        tell(journal, ev.RunPausing(), NOW)
    with pytest.raises(RequestError):
        Reading(journal).show(PROJECT)


def test_a_budgets_events_are_noted_for_the_run_and_for_its_steps(journal: SqliteJournal) -> None:
    # semantics S13, G9
    begin(journal)
    journal.append(Append("r1", [ev.Event(NOW, ev.BudgetWarned("cost", 8.0, 10.0))]))
    journal.append(Append("r1", [ev.Event(NOW, ev.BudgetWarned("tokens", 80.0, 100.0), "fetch")]))
    journal.append(Append("r1", [ev.Event(NOW, ev.BudgetRaised("tokens", 80.0, reason="x"), "fetch")]))
    assert Reading(journal).show("r1").warnings == ("80 % of the run's budget spent: 8 of 10 USD",)
    assert differences(journal.reader) == []
    with journal.transaction() as connection:
        connection.execute("delete from budget_events")
    assert {found.table for found in differences(journal.reader)} == {"budget_events"}
    assert len(rebuild(journal)) == 3
    assert len(Reading(journal).show("r1").warnings) == 1


def test_a_success_is_worth_an_event_that_changes_nothing(journal: SqliteJournal) -> None:
    tell(journal, BreakerSucceeded("web", "r1", "fetch", 1, 0), NOW)
    found = journal.breakers()
    assert found.seq == 1
    assert differences(journal.reader) == []
