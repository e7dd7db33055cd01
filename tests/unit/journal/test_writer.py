"""The writer: groups, order, and what happens when something breaks inside it."""

import threading
from queue import SimpleQueue

import pytest

from holdfast.errors import BugError, HoldfastError
from holdfast.journal.audit import verify
from holdfast.journal.committing import Committer
from holdfast.journal.sqlite import SqliteJournal
from holdfast.ports import Append, Appended
from holdfast.run import events as ev
from tests.conformance.journal.facts import begin, started, told

WAIT_S = 20.0
ASK = told(ev.RunPausing())


def test_what_waits_together_is_one_commit(journal: SqliteJournal) -> None:
    begin(journal)
    held, gate = threading.Event(), threading.Event()
    answers: SimpleQueue[Appended | HoldfastError] = SimpleQueue()

    def hold(_: Appended | HoldfastError) -> None:
        held.set()
        gate.wait(WAIT_S)

    journal.submit(Append("r1", [ASK]), hold)
    held.wait(WAIT_S)
    for _ in range(50):
        journal.submit(Append("r1", [ASK]), answers.put)
    gate.set()
    for _ in range(50):
        answers.get(timeout=WAIT_S)
    assert verify(journal.reader).commits == 3


def test_an_idle_journal_commits_in_the_callers_thread(journal: SqliteJournal) -> None:
    begin(journal)
    journal.append(Append("r1", [ASK]))
    assert not [thread for thread in threading.enumerate() if thread.name == "holdfast-journal"]


def test_a_failing_waiter_is_reported_and_spoils_no_other(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(journal)
    reported: SimpleQueue[object] = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.put(args.exc_value))
    answers: SimpleQueue[Appended | HoldfastError] = SimpleQueue()

    def fail(_: Appended | HoldfastError) -> None:
        raise ValueError("not my day")

    journal.submit(Append("r1", [ASK]), fail)
    journal.submit(Append("r1", [ASK]), answers.put)
    assert isinstance(answers.get(timeout=WAIT_S), Appended)
    assert str(reported.get(timeout=WAIT_S)) == "not my day"


def test_a_bug_in_the_writer_reaches_every_waiter_and_leaves_nothing(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(journal)

    def break_down(*_: object) -> None:
        raise ZeroDivisionError("what a day")

    answers: SimpleQueue[Appended | HoldfastError] = SimpleQueue()
    with monkeypatch.context() as patch:
        patch.setattr(Committer, "_write", break_down)
        for _ in range(2):
            journal.submit(Append("r1", [ASK]), answers.put)
        found = [answers.get(timeout=WAIT_S) for _ in range(2)]
        with pytest.raises(ZeroDivisionError):
            journal.append(Append("r1", [ASK]))
    assert all(isinstance(each, BugError) and "what a day" in each.headline for each in found)
    assert journal.append(Append("r1", [started("fetch")], fence=1)).last_seq == 3
    assert verify(journal.reader).ok
