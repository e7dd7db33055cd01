"""A damaged journal is not gone on with: whoever would append to it is told what does not hold (planner 60)."""

import pytest

from holdfast.errors import IntegrityError
from holdfast.journal.sqlite import SqliteJournal
from holdfast.plan.model import Plan
from holdfast.ports import LostRunError
from tests.conformance.journal.facts import begin, kinds, step
from tests.unit.journal.test_audit import CHANGES, EVENT, fill, tamper


def refused(journal: SqliteJournal, run: str = "r1") -> str:
    """What is said to somebody who would go on with the run."""
    with pytest.raises(IntegrityError) as error:
        journal.events(run)
    assert error.value.code == "E_JOURNAL_DAMAGED"
    assert error.value.hint
    return error.value.headline


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_run_with_a_changed_event_is_not_gone_on_with(journal: SqliteJournal, change: str) -> None:
    fill(journal)  # planner 60
    tamper(journal, change)
    assert refused(journal).startswith("run r1 is damaged: event 4 ")
    assert kinds(journal, "r2")[-1] == "run.finished", "another run is none the worse"


def test_a_run_with_a_gap_is_not_gone_on_with(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, f"delete from events {EVENT}")
    assert refused(journal) == "run r1 is damaged: event 4 is missing"


def test_a_run_without_its_tail_is_not_gone_on_with(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from events where run = 1 and seq > 6")
    assert refused(journal) == "run r1 is damaged: events 7 to 8 are missing"


@pytest.mark.parametrize("evidence", ["commits", "steps"])
def test_a_cut_tail_is_known_by_its_commit_or_by_what_followed_from_it(journal: SqliteJournal, evidence: str) -> None:
    fill(journal)
    hidden = {"commits": "delete from steps", "steps": "delete from commits where n > 3"}[evidence]
    tamper(journal, "delete from events where run = 1 and seq = 8", hidden)
    assert refused(journal) == "run r1 is damaged: event 8 is missing"


def test_a_run_without_events_is_damaged_also_for_those_who_only_look(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from events where run = 1")
    assert "missing" in refused(journal)
    reading = SqliteJournal.open(journal.path, mode="read")
    assert "missing" in refused(reading)
    reading.close()


def test_who_only_looks_sees_a_damaged_run_as_it_is(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, CHANGES["time"])
    reading = SqliteJournal.open(journal.path, mode="read")
    assert len(reading.events("r1")) == 8
    reading.close()


def test_bytes_that_are_no_text_are_damage(journal: SqliteJournal) -> None:
    begin(journal)
    tamper(journal, "update events set data = cast(x'7bff7d' as text)")
    assert "damaged" in refused(journal)


@pytest.mark.parametrize("steps", [3, 3000], ids=["as it is", "packed"])
def test_no_run_begins_on_a_stored_plan_that_is_not_its_digests(journal: SqliteJournal, steps: int) -> None:
    plan = Plan(id="shop", steps=tuple(step(f"step-{i}") for i in range(steps)))
    begin(journal, "r1", plan=plan)
    begin(journal, "r2", plan=plan)
    tamper(journal, "update plans set data = zeroblob(length(data))")
    with pytest.raises(IntegrityError, match="is damaged"):
        begin(journal, "r3", plan=plan)
    with pytest.raises(LostRunError):
        journal.events("r3")


LEFT = {
    "all runs": "delete from events; delete from runs",
    "the last run": "delete from events where run = 2; delete from runs where n = 2",
    "the last run, its steps stay": "delete from leases; delete from events where run = 2;delete from runs where n = 2",
    "the last run, only its commit stays": "delete from leases; delete from steps where run = 2;"
    "delete from events where run = 2; delete from runs where n = 2",
    "the last run, its events stay": "delete from leases; delete from steps; delete from commits;"
    "delete from runs where n = 2",
}


@pytest.mark.parametrize("statements", LEFT.values(), ids=LEFT)
def test_no_run_begins_beside_what_is_left_of_a_deleted_one(journal: SqliteJournal, statements: str) -> None:
    fill(journal)
    tamper(journal, "delete from requests", "delete from effects", statements)
    with pytest.raises(IntegrityError) as error:
        begin(journal, "r3")
    assert error.value.code == "E_JOURNAL_DAMAGED"
    assert "run number" in error.value.headline
    assert error.value.hint
