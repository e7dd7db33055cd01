"""A run's stream: what is appended is there, in order, once, or not at all."""

import threading
from queue import SimpleQueue

import pytest

from holdfast.errors import BugError, HoldfastError, IntegrityError
from holdfast.ports import Append, Appended, Done, Journal, LostRunError, StaleError
from holdfast.run import events as ev
from tests.conformance.journal.backends import Backend
from tests.conformance.journal.facts import (
    ANNA,
    NOW,
    PLAN,
    begin,
    created,
    digest,
    ended,
    frozen,
    kinds,
    owned,
    started,
    step,
    told,
)

WAIT_S = 20.0

EVERY_BODY: list[tuple[ev.Body, str | None, int | None]] = [
    (ev.RunPausing(ev.Who("user", "host", 1, "Änne"), "lunch – now", stop=True), None, None),
    (ev.AttemptStarted(ev.Launch(("sh", "-c", "true"), "/p", {"A": "1"}, "o", "e", 1.5, 2.0, 3e300, 0.1)), "fetch", 1),
    (ev.AttemptSpawned(77, "123"), "fetch", 1),
    (ev.AttemptAdopted(2), "fetch", 1),
    (
        ev.AttemptEnded(
            "succeeded",
            0,
            outputs={
                "text": 'quote " back \\ line\n tab\t \x7f \u2028 😀',
                "none": None,
                "deep": {"b": [1, 2.5], "a": True},
            },
            artifacts={"log": ev.ArtifactRef("a/b", "sha256:00", 12, tree=True)},
            spent=ev.Spent(0.25, 7, {"web": 2}),
            cpu_s=0.001,
            max_rss_kib=4,
            notes=("output-untouched",),
        ),
        "fetch",
        1,
    ),
    (ev.StepSkipped("condition", "inputs.x", {"network.online": False}), "build", None),
    (ev.StepFailed(ev.Error("expression.invalid", "no")), "pay", None),
    (ev.RunCanceling(why="superseded"), None, None),
    (ev.RunFinished("failed", {"answer": 42}, ("careful",)), None, None),
]


def test_what_is_appended_is_read_again_in_order(journal: Journal) -> None:
    begin(journal)
    events = [ev.Event(NOW + i, body, name, attempt) for i, (body, name, attempt) in enumerate(EVERY_BODY)]
    last = journal.append(Append("r1", events, fence=1)).last_seq

    stored = journal.events("r1")

    assert last == 2 + len(events)
    assert [each.seq for each in stored] == list(range(1, last + 1))
    assert {each.run for each in stored} == {"r1"}
    assert [each.event for each in stored] == [created(), owned(), *events]
    assert journal.events("r1", after=last - 1) == stored[-1:]
    assert journal.events("r1", after=last) == []


def test_a_run_is_created_once(journal: Journal) -> None:
    begin(journal)
    with pytest.raises(StaleError, match="r1 has moved on from event 0 to 2"):
        begin(journal)
    with pytest.raises(BugError):
        journal.append(Append("r1", [created()], fence=1))
    assert kinds(journal) == ["run.created", "run.owned"]


def test_an_unknown_run_is_lost(journal: Journal) -> None:
    for append in (
        Append("nobody", [owned()]),
        Append("nobody", [owned()], after=3),
        Append("nobody", [created()], after=3),
    ):
        with pytest.raises(LostRunError, match="there is no run nobody"):
            journal.append(append)
    with pytest.raises(LostRunError):
        journal.events("nobody")
    with pytest.raises(LostRunError):
        journal.take("nobody", ANNA, NOW)


def test_an_append_behind_the_runs_last_event_is_stale_and_leaves_nothing(journal: Journal) -> None:
    last = begin(journal)
    journal.append(Append("r1", [told(ev.RunPausing())], after=last))
    with pytest.raises(StaleError):
        journal.append(Append("r1", [told(ev.RunCanceling())], after=last))
    assert kinds(journal)[2:] == ["run.pausing"]


def test_a_plan_is_kept_whatever_its_size(journal: Journal) -> None:
    big = PLAN.__class__(id="big", steps=tuple(step(f"step-{i}") for i in range(3000)))
    begin(journal)
    begin(journal, "r2", plan=big)
    begin(journal, "r3", plan=big)
    assert journal.plan(digest(PLAN)) == frozen(PLAN)
    assert journal.plan(digest(big)) == frozen(big)


def test_a_plan_must_have_the_digest_that_the_run_names(journal: Journal) -> None:
    with pytest.raises(BugError, match="digest"):
        journal.append(Append("r1", [created()], plan=b"{}"))
    with pytest.raises(IntegrityError):
        journal.plan("sha256:" + "0" * 64)


def test_done_is_called_from_another_thread_when_another_journal_can_see_the_events(store: Backend) -> None:
    journal, other = store.open(), store.open()
    begin(journal)
    seen: SimpleQueue[tuple[Appended | HoldfastError, str, list[str]]] = SimpleQueue()
    journal.submit(
        Append("r1", [started("fetch")], fence=1),
        lambda result: seen.put((result, threading.current_thread().name, kinds(other))),
    )
    result, thread, there = seen.get(timeout=WAIT_S)
    assert result == Appended(3)
    assert thread != threading.current_thread().name
    assert there[-1] == "attempt.started"


def test_submits_and_appends_keep_their_order(journal: Journal) -> None:
    begin(journal)
    order: list[int] = []

    def note(i: int) -> Done:
        return lambda _: order.append(i)

    for i in range(50):
        journal.submit(Append("r1", [told(ev.RunPausing(reason=str(i)))], fence=1), note(i))
        if i % 7 == 0:
            journal.append(Append("r1", [told(ev.RunPausing(reason=f"{i}a"))], fence=1))
    journal.append(Append("r1", [told(ev.RunPausing(reason="last"))], fence=1))
    reasons = [each.event.body.reason for each in journal.events("r1") if isinstance(each.event.body, ev.RunPausing)]
    expected = [said for i in range(50) for said in ([str(i), f"{i}a"] if i % 7 == 0 else [str(i)])]
    assert reasons == [*expected, "last"]
    journal.close()
    assert order == list(range(50))


def test_a_refused_append_spoils_no_other(journal: Journal) -> None:
    begin(journal)
    begin(journal, "r2")
    answers: SimpleQueue[tuple[int, Appended | HoldfastError]] = SimpleQueue()
    works = [
        Append("r1", [started("fetch")], fence=1),
        Append("nobody", [started("fetch")], fence=1),
        Append("r2", [started("fetch")], fence=1),
        Append("r1", [started("build"), started("build")], fence=1),  # illegal: it runs already
        Append("r1", [told(ev.RunPausing())], after=1),
        Append("r2", [ended("fetch"), told(ev.RunFinished("succeeded"))], fence=1),
        Append("r2", [started("build")], fence=1),  # the run has ended
        Append("r1", [ended("fetch")], fence=1),
    ]

    def note(i: int) -> Done:
        return lambda result: answers.put((i, result))

    for i, work in enumerate(works):
        journal.submit(work, note(i))
    results = dict(answers.get(timeout=WAIT_S) for _ in works)
    assert {i for i, result in results.items() if isinstance(result, Appended)} == {0, 2, 5, 7}
    assert isinstance(results[1], LostRunError)
    assert isinstance(results[4], StaleError)
    assert kinds(journal)[2:] == ["attempt.started", "attempt.ended"]
    assert kinds(journal, "r2")[2:] == ["attempt.started", "attempt.ended", "run.finished"]


def test_what_is_queued_is_committed_before_closing(store: Backend) -> None:
    journal = store.open()
    begin(journal)
    for i in range(200):
        journal.submit(Append("r1", [told(ev.RunPausing(reason=str(i)))], fence=1), lambda _: None)
    journal.close()
    assert len(store.open().events("r1")) == 202
    with pytest.raises(BugError, match="closed"):
        journal.append(Append("r1", [told(ev.RunPausing())]))


def test_a_done_may_append(journal: Journal) -> None:
    begin(journal)
    answers: SimpleQueue[Appended] = SimpleQueue()

    def go_on(_: Appended | HoldfastError) -> None:
        answers.put(journal.append(Append("r1", [told(ev.RunCanceling())], fence=1)))

    journal.submit(Append("r1", [told(ev.RunPausing())], fence=1), go_on)
    assert answers.get(timeout=WAIT_S).last_seq == 4


def test_two_writers_never_share_a_number(store: Backend) -> None:
    # semantics S16
    journals = [store.open() for _ in range(3)]
    begin(journals[0])

    def write(journal: Journal, name: str) -> None:
        for i in range(40):
            journal.append(Append("r1", [told(ev.RunPausing(reason=f"{name}{i}"))]))

    threads = [threading.Thread(target=write, args=(each, str(i))) for i, each in enumerate(journals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = journals[1].events("r1", 2)
    assert [each.seq for each in stored] == list(range(3, 123))
    assert len({each.event.body for each in stored}) == 120
