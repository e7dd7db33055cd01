"""Whoever changes the journal behind its back is found out, and where (audit); projections are mended (doctor)."""

import hashlib
import json

import apsw
import pytest

from holdfast.errors import BugError, IntegrityError
from holdfast.journal import doctor, projection
from holdfast.journal.audit import Audit, head_of, verify
from holdfast.journal.sqlite import SqliteJournal
from holdfast.plan.model import Plan
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import ANNA, begin, ended, started, step, told


def fill(journal: SqliteJournal) -> None:
    """Two runs: r1 with every table in use, r2 finished."""
    begin(journal, "r1", [started("fetch"), ended("fetch", "lost"), started("fetch", 2)])
    begin(journal, "r2", [started("fetch"), ended("fetch")])
    journal.append(Append("r1", [ended("fetch", attempt=2), started("pay", key="k")], fence=1))
    journal.append(Append("r1", [ended("pay", "uncertain", code="timeout")], fence=1))
    journal.append(Append("r2", [told(ev.RunFinished("succeeded"))], fence=1, release=True))


def tamper(journal: SqliteJournal, *statements: str) -> None:
    """What a person with a database tool would do."""
    connection = apsw.Connection(journal.path)
    connection.execute("drop trigger if exists events_are_not_changed; drop trigger if exists events_are_not_deleted")
    for statement in statements:
        connection.execute(statement)
    connection.close()


def said(audit: Audit) -> list[tuple[str | None, int | None]]:
    return [(damage.run, damage.seq) for damage in audit.damages]


def test_an_untouched_journal_holds(journal: SqliteJournal) -> None:
    assert verify(journal.reader).ok
    assert verify(journal.reader).head == head_of(journal.reader) == "00" * 32
    fill(journal)
    audit = verify(journal.reader)
    assert audit == Audit(2, 13, 5, head_of(journal.reader), ())
    assert verify(journal.reader, "r2").events == 5
    assert doctor.differences(journal.reader) == []


def test_the_chain_can_be_verified_with_nothing_but_hashlib_and_json(journal: SqliteJournal) -> None:
    # docs/reference/journal.md says how
    fill(journal)
    connection = apsw.Connection(journal.path)
    links: dict[tuple[int, int], bytes] = {}
    last: dict[str, bytes] = {}
    for n, run, *fact, data, stored in connection.execute(
        "select r.n, r.id, e.seq, e.at, e.kind, e.step, e.attempt, e.data, e.hash"
        " from events e join runs r on r.n = e.run order by e.run, e.seq"
    ):
        array = json.dumps([run, *fact], separators=(",", ":"), ensure_ascii=False)[:-1] + "," + data + "]"
        assert isinstance(json.loads(array), list)
        last[run] = hashlib.sha256(last.get(run, bytes(32)) + array.encode()).digest()
        assert last[run] == stored
        links[n, fact[0]] = stored
    head = bytes(32)
    for n, stored, runs in connection.execute("select n, head, runs from commits order by n"):
        hashes = [links[run, seq] for run, first, to in json.loads(runs) for seq in range(first, to + 1)]
        head = hashlib.sha256(head + b"".join(hashes)).digest()
        assert head == stored, n
    assert head.hex() == head_of(journal.reader)
    connection.close()


EVENT = "where run = 1 and seq = 4"
CHANGES = {
    "data": f"""update events set data = '{{"status":"succeeded"}}' {EVENT}""",
    "time": f"update events set at = at + 1 {EVENT}",
    "kind": f"update events set kind = 'attempt.adopted' {EVENT}",
    "step": f"update events set step = 'build' {EVENT}",
    "attempt": f"update events set attempt = 9 {EVENT}",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_event_is_found_at_its_place(journal: SqliteJournal, change: str) -> None:
    fill(journal)
    tamper(journal, change)
    assert said(verify(journal.reader)) == [("r1", 4)]
    assert said(verify(journal.reader, "r1")) == [("r1", 4)]
    assert verify(journal.reader, "r2").ok


def test_a_changed_event_with_a_new_hash_breaks_what_follows_it(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, f"update events set at = 5, hash = x'{'ab' * 32}' {EVENT}")
    assert said(verify(journal.reader)) == [("r1", 4), ("r1", 5), (None, None)]


def test_a_removed_event_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, f"delete from events {EVENT}")
    audit = verify(journal.reader)
    assert said(audit)[:2] == [("r1", 4), ("r1", 5)]
    assert audit.damages[0].what == "event 4 is missing"


def test_a_removed_run_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from leases", "delete from events where run = 1", "delete from runs where n = 1")
    texts = [damage.what for damage in verify(journal.reader).damages]
    assert "run number 1 is missing" in texts


def test_the_last_run_removed_is_found_by_its_commits(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from leases", "delete from events where run = 2", "delete from runs where n = 2")
    audit = verify(journal.reader)
    assert audit.damages[0].run == "number 2"
    assert "missing" in audit.damages[0].what


def test_events_without_their_run_are_found(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from leases", "delete from runs where n = 2")
    texts = [damage.what for damage in verify(journal.reader).damages]
    assert "there are events of run number 2, which is missing" in texts


CUT = (
    "delete from commits where n >= 4",
    "delete from events where run = 1 and seq = 8",
    "delete from events where run = 2 and seq = 5",
)


def test_a_cut_tail_is_found_by_a_head_that_was_noted(journal: SqliteJournal) -> None:
    fill(journal)
    head = head_of(journal.reader)
    assert verify(journal.reader, head=head).ok
    tamper(journal, *CUT)
    assert verify(journal.reader).ok, "a chain cannot know what was behind its end"
    audit = verify(journal.reader, head=head)
    assert [damage.what for damage in audit.damages] == [
        f"the journal never had the head {head}: its tail was cut, or this is another journal"
    ]
    assert doctor.differences(journal.reader), "but the projections remember it"


def test_an_older_head_still_holds(journal: SqliteJournal) -> None:
    begin(journal, "r0")
    head = head_of(journal.reader)
    fill(journal)
    assert verify(journal.reader, head=head).ok


COMMITS = {
    "a changed head": "update commits set head = zeroblob(32) where n = 3",
    "a removed commit": "delete from commits where n = 3",
    "a changed range": "update commits set runs = '[[1,1,4]]' where n = 1",
    "events that are in no commit": "delete from commits where n = 5",
}


@pytest.mark.parametrize("change", COMMITS.values(), ids=COMMITS)
def test_a_changed_commit_is_found(journal: SqliteJournal, change: str) -> None:
    fill(journal)
    tamper(journal, change)
    assert not verify(journal.reader).ok


def test_a_changed_or_missing_plan_is_found(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "update plans set data = zeroblob(size)")
    audit = verify(journal.reader)
    assert said(audit) == [("r1", 1)]
    assert "is damaged" in audit.damages[0].what
    tamper(journal, "delete from plans")
    assert "is missing" in verify(journal.reader).damages[0].what


def test_a_damaged_packed_plan_is_found(journal: SqliteJournal) -> None:
    begin(journal, plan=Plan(id="big", steps=tuple(step(f"step-{i}") for i in range(3000))))
    tamper(journal, "update plans set data = zeroblob(length(data))")
    assert [damage.what.rpartition(" ")[2] for damage in verify(journal.reader).damages] == ["damaged"]


def test_an_answer_to_a_request_that_was_tampered_with_is_refused(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, PROJECTIONS["requests"])
    with pytest.raises(BugError, match="request of step"):
        journal.append(Append("r1", [told(ev.StepResolved("happened"), "pay")]))
    assert verify(journal.reader).ok


def test_no_more_steps_are_remembered_than_a_bound(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_REMEMBERED_MAX", 1)
    begin(journal, "r1", [started("fetch"), started("build")])
    journal.append(Append("r1", [ended("fetch"), ended("build")], fence=1))
    assert doctor.differences(journal.reader) == []


PROJECTIONS = {
    "steps": "update steps set status = 'skipped' where run = 1 and step = 'fetch'",
    "attempts": "delete from attempts",
    "effects": "update effects set state = 'applied'",
    "requests": "update requests set closed = 99",
    "runs": "update runs set status = 'partial' where n = 2",
}


@pytest.mark.parametrize(("table", "change"), PROJECTIONS.items(), ids=PROJECTIONS)
def test_a_changed_projection_is_found_and_mended_from_the_events(
    journal: SqliteJournal, table: str, change: str
) -> None:
    fill(journal)
    tamper(journal, change)
    assert verify(journal.reader).ok
    found = doctor.differences(journal.reader)
    assert [(each.run, each.table) for each in found] == [("r2" if table == "runs" else "r1", table)]
    assert doctor.differences(journal.reader, "r2") == (found if table == "runs" else [])
    assert doctor.rebuild(journal) == found
    assert doctor.differences(journal.reader) == []
    journal.append(Append("r1", [told(ev.StepResolved("happened"), "pay")]))
    assert doctor.differences(journal.reader) == []


def test_projections_of_an_unreadable_run_are_left_and_the_others_mended(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from events where run = 1 and seq = 1", "delete from steps where run = 2")
    with pytest.raises(IntegrityError, match="r1"):
        doctor.rebuild(journal)
    assert doctor.differences(journal.reader, "r2") == []


def test_health_tells_versions_counts_and_leases_left_behind(journal: SqliteJournal) -> None:
    fill(journal)
    health = doctor.examine(journal.reader, lambda _: False)
    assert health.damages == ()
    assert health.sqlite == apsw.sqlite_lib_version()
    assert health.counts == {"plans": 1, "runs": 2, "events": 13, "commits": 5, "steps": 3, "open requests": 1}
    assert health.left_leases == (doctor.LeftLease("r1", ANNA.host, ANNA.pid, gone=True),)
    assert doctor.examine(journal.reader, lambda _: True).left_leases == ()
    assert doctor.examine(journal.reader, lambda _: None).left_leases == (
        doctor.LeftLease("r1", ANNA.host, ANNA.pid, gone=False),
    )


def test_loose_rows_are_damages(journal: SqliteJournal) -> None:
    fill(journal)
    tamper(journal, "delete from plans")
    assert "runs refers to a row of plans that is missing" in doctor.examine(journal.reader, lambda _: True).damages


def test_events_cannot_be_changed_by_accident(journal: SqliteJournal) -> None:
    fill(journal)
    connection = apsw.Connection(journal.path)
    for statement in (f"delete from events {EVENT}", f"update events set at = 1 {EVENT}"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            connection.execute(statement)
    with pytest.raises(apsw.ConstraintError, match="fence"):
        connection.execute("update leases set fence = 0")
    connection.close()
