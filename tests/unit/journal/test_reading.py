"""The documents of `runs`, `show`, `inbox` and `timeline` (cli page), and runs by name."""

import msgspec
import pytest

from holdfast.errors import RequestError
from holdfast.journal.documents import stamp
from holdfast.journal.reading import Reading
from holdfast.journal.sqlite import SqliteJournal
from holdfast.journal.unfinished import effects_in_doubt, status_of, unfinished
from holdfast.plan.model import Effect, Plan
from holdfast.ports import Append
from holdfast.run import events as ev
from tests.conformance.journal.facts import (
    ANNA,
    NOW,
    PLAN,
    SECOND,
    begin,
    created,
    digest,
    ended,
    frozen,
    owned,
    started,
    step,
    told,
)

AT = "2026-11-18T11:06:40.00000"


def document(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))


def grow(journal: SqliteJournal, *events: ev.Event) -> None:
    journal.append(Append("r1", events, fence=1))


def test_runs_are_listed_newest_first(journal: SqliteJournal) -> None:
    assert document(Reading(journal).runs()) == {"runs": []}
    journal.append(Append("r1", [created(colour="blue")], plan=frozen(PLAN)))
    begin(journal, "r2")
    journal.append(Append("r2", [told(ev.RunFinished("succeeded"))], fence=1))
    assert document(Reading(journal).runs()) == {
        "runs": [
            {
                "run": "r2",
                "plan": "shop",
                "revision": 1,
                "status": "succeeded",
                "created_at": AT + "0Z",
                "started_at": AT + "1Z",
                "finished_at": AT + "4Z",
                "inputs": {},
                "parent": None,
            },
            {
                "run": "r1",
                "plan": "shop",
                "revision": 1,
                "status": "pending",
                "created_at": AT + "0Z",
                "started_at": None,
                "finished_at": None,
                "inputs": {"colour": "blue"},
                "parent": None,
            },
        ]
    }
    assert [line.run for line in Reading(journal).runs(limit=1).runs] == ["r2"]


NOT_GROWN = dict.fromkeys(
    ("from_run", "outputs_digest", "instances", "instance_of", "nested_run", "visit_of", "next_visit")
)
UNREMARKABLE: dict[str, object] = {"notes": [], "disposed": None}


def test_a_step_is_shown_with_its_attempts_outputs_and_artifacts(journal: SqliteJournal) -> None:
    begin(journal)
    launch = ev.Launch(("sh", "-c", "true"), stdout="fetch/1.out", stderr="fetch/1.err")
    done = ev.AttemptEnded(
        "succeeded",
        0,
        outputs={"answer": 42},
        artifacts={"data": ev.ArtifactRef("out/data", "sha256:ab", 7)},
        spent=ev.Spent(0.5, 10, {"web": 2}),
    )
    grow(
        journal,
        ev.Event(NOW + 5, ev.AttemptStarted(launch), "fetch", 1),
        ev.Event(NOW + 6, ev.AttemptSpawned(77, "1"), "fetch", 1),
        ended("fetch", "lost", code="lost"),
        ev.Event(NOW + 7, ev.AttemptStarted(launch), "fetch", 2),
        ev.Event(NOW + 8, ev.AttemptAdopted(2), "fetch", 2),
        ev.Event(NOW + 9, done, "fetch", 2),
    )
    shown = Reading(journal, "/runs").show("r1")
    logs = {"stdout": "/runs/r1/fetch/1.out", "stderr": "/runs/r1/fetch/1.err"}
    assert document(shown.steps[0]) == {
        "step": "fetch",
        "verdict": "run",
        "reasons": [{"code": "action", "detail": None, "because": []}],
        "status": "succeeded",
        "why": None,
        "attempts": [
            {
                "number": 1,
                "status": "lost",
                "exit_code": None,
                "error": {"code": "lost", "message": "it was lost"},
                "started_at": AT + "5Z",
                "finished_at": AT + "3Z",
                **logs,
                "pid": 77,
                "adopted": False,
                **UNREMARKABLE,
            },
            {
                "number": 2,
                "status": "succeeded",
                "exit_code": 0,
                "error": None,
                "started_at": AT + "7Z",
                "finished_at": AT + "9Z",
                **logs,
                "pid": None,
                "adopted": True,
                **UNREMARKABLE,
            },
        ],
        "outputs": {"answer": 42},
        "artifacts": {"data": {"path": "out/data", "digest": "sha256:ab", "size": 7}},
        **NOT_GROWN,
    }
    none = {"time_s": None, "limits": None}
    assert document(shown.spent) == {"cost_usd": 0.5, "tokens": 10, "calls": {"web": 2}} | none
    assert [each.status for each in shown.steps] == ["succeeded", "pending", "pending"]


def test_a_run_is_shown_with_its_owner_and_request(journal: SqliteJournal) -> None:
    body = ev.RunCreated("shop", digest(PLAN), "shop.yaml", "/p", {"a": 1}, {"concurrency": 3})
    journal.append(Append("r1", [ev.Event(NOW, body), owned()], take=ANNA, plan=frozen(PLAN)))
    grow(journal, told(ev.RunPausing()), told(ev.RunCanceling()))
    shown = Reading(journal).show("r1")
    assert (shown.run, shown.plan, shown.revision, shown.status) == ("r1", "shop", 1, "running")
    assert shown.inputs == {"a": 1}
    assert shown.request == {"concurrency": 3}
    assert document(shown.owner) == {
        "host": "host-a",
        "pid": 11,
        "engine": "0.1.0",
        "since": AT + "0Z",
        "expires_at": "2026-11-18T11:06:55.000000Z",
        "alive": None,
    }
    assert shown.pausing
    assert shown.canceling
    journal.append(Append("r1", [told(ev.RunFinished("canceled", {"x": 1}, ("careful",)))], fence=1, release=True))
    shown = Reading(journal).show("r1")
    assert shown.owner is None
    assert (shown.outputs, shown.warnings) == ({"x": 1}, ("careful",))
    assert not shown.pausing
    assert not shown.canceling


@pytest.mark.parametrize(("outcome", "why"), [("failed", "abort"), ("canceled", "cancel")])
def test_steps_of_an_ended_run_that_never_ran_are_canceled(
    journal: SqliteJournal, outcome: ev.RunOutcome, why: str
) -> None:
    begin(journal, "r1", [started("fetch"), ended("fetch", "failed", code="exit.nonzero")])
    grow(journal, started("build"), ended("build", "canceled"), told(ev.RunFinished(outcome)))
    steps = Reading(journal).show("r1").steps
    assert [(each.status, each.why) for each in steps] == [("failed", None), ("canceled", why), ("canceled", why)]


def test_why_a_step_did_not_run_is_shown(journal: SqliteJournal) -> None:
    begin(journal)
    grow(journal, told(ev.StepSkipped("condition", "when: x"), "fetch"))
    grow(journal, told(ev.StepFailed(ev.Error("expression.invalid", "no such name")), "build"))
    steps = Reading(journal).show("r1").steps
    assert [(each.status, each.why) for each in steps[:2]] == [
        ("skipped", "condition"),
        ("failed", "expression.invalid: no such name"),
    ]


def test_a_retry_is_waited_for(journal: SqliteJournal) -> None:
    begin(journal)
    grow(journal, started("build"), ended("build", "failed", retry_at=NOW + SECOND, code="exit.nonzero"))
    shown = Reading(journal).show("r1")
    assert document(shown.waits) == [
        {"kind": "retry", "step": "build", "since": AT + "3Z", "what": f"next attempt at {stamp(NOW + SECOND)}"}
    ]
    assert shown.steps[1].status == "retrying"


def test_a_quarantined_run_waits_for_its_release(journal: SqliteJournal) -> None:
    begin(journal)
    grow(journal, told(ev.RunQuarantined("lost three times")))
    assert document(Reading(journal).show("r1").waits) == [
        {"kind": "release", "step": None, "since": AT + "4Z", "what": "lost three times"}
    ]


def doubtful(journal: SqliteJournal, plan: Plan = PLAN) -> None:
    begin(journal, plan=plan)
    launch = ev.Launch(("pay", "10"), "/p", stdout="o", stderr="e")
    grow(
        journal,
        ev.Event(NOW + 5, ev.AttemptStarted(launch, "r1/pay"), "pay", 1),
        ended("pay", "uncertain", code="timeout"),
    )


def test_an_uncertain_effect_is_asked_about_once(journal: SqliteJournal) -> None:
    # semantics E4
    doubtful(journal)
    assert document(Reading(journal).inbox()) == {
        "requests": [
            {
                "id": "r1.4",
                "run": "r1",
                "step": "pay",
                "kind": "resolve",
                "question": 'Did the effect of "pay" happen? it was timeout',
                "options": ["happened", "not-happened", "skip"],
                "shows": {
                    "attempt": 1,
                    "error": {"code": "timeout", "message": "it was timeout"},
                    "command": ["pay", "10"],
                    "cwd": "/p",
                    "stdout": "o",
                    "stderr": "e",
                    "idempotency_key": "r1/pay",
                },
                "since": AT + "3Z",
                "expires_at": None,
                "role": None,
            }
        ]
    }
    shown = Reading(journal).show("r1")
    assert [(wait.kind, wait.step, wait.what) for wait in shown.waits] == [("uncertain", "pay", "it was timeout")]
    assert effects_in_doubt(journal.reader, "r1") == ["pay"]


def test_a_step_that_can_be_looked_at_offers_to_look_again(journal: SqliteJournal) -> None:
    doubtful(journal, Plan(id="shop", steps=(step("pay", reconcile="look", effect=Effect.ONCE),)))
    assert "recheck" in Reading(journal).inbox().requests[0].options


@pytest.mark.parametrize(
    ("choice", "status", "why"),
    [("happened", "succeeded", None), ("not-happened", "pending", None), ("skip", "skipped", "policy")],
)
def test_an_answer_closes_the_request(
    journal: SqliteJournal, choice: ev.Resolution, status: str, why: str | None
) -> None:
    doubtful(journal)
    grow(journal, told(ev.StepResolved("recheck"), "pay"))
    assert len(Reading(journal).inbox().requests) == 1
    grow(journal, told(ev.StepResolved(choice, outputs={"id": 7}), "pay"), told(ev.StepResolved("skip"), "pay"))
    assert Reading(journal).inbox().requests == []
    pay = Reading(journal).show("r1").steps[2]
    assert (pay.status, pay.why) == (status if status != "pending" else "ready", why)
    if choice == "happened":
        assert pay.outputs == {"id": 7}
    assert effects_in_doubt(journal.reader, "r1") == []


def test_what_becomes_of_an_effect_that_did_not_happen_is_what_the_engine_tells(journal: SqliteJournal) -> None:
    doubtful(journal, Plan(id="shop", steps=(step("pay", retry=1, effect=Effect.ONCE),)))
    grow(journal, told(ev.StepResolved("not-happened"), "pay"))
    assert Reading(journal).show("r1").steps[0].status == "ready"
    told_of = ev.StepFailed(ev.Error("timeout"), disposed=ev.Disposition("skip", reason="there is no retry"))
    grow(journal, told(told_of, "pay"))
    assert Reading(journal).show("r1").steps[0].status == "skipped"


def test_the_timeline_has_every_attempt_by_its_start(journal: SqliteJournal) -> None:
    begin(journal)
    grow(journal, started("build", at=NOW + 9), started("fetch", at=NOW + 5), ended("fetch", at=NOW + 7))
    timeline = Reading(journal).timeline("r1")
    assert document(timeline.attempts) == [
        {"step": "fetch", "number": 1, "status": "succeeded", "started_at": AT + "5Z", "finished_at": AT + "7Z"},
        {"step": "build", "number": 1, "status": "running", "started_at": AT + "9Z", "finished_at": None},
    ]
    assert (timeline.run, timeline.plan, timeline.status) == ("r1", "shop", "running")


def test_a_run_is_found_by_id_prefix_or_last(journal: SqliteJournal) -> None:
    for run in ("alpha-1", "alpha-2", "beta", "alpha"):
        begin(journal, run)
    find = Reading(journal).resolve_run
    assert find("beta") == find("b") == "beta"
    assert find("alpha") == find("last") == "alpha"
    assert find("alpha-1") == "alpha-1"


def test_an_ambiguous_or_unknown_run_is_an_error_that_helps(journal: SqliteJournal) -> None:
    find = Reading(journal).resolve_run
    for text in ("x", "last"):
        with pytest.raises(RequestError, match="nothing was run yet"):
            find(text)
    for run in ("alpha-1", "alpha-2", "beta%"):
        begin(journal, run)
    with pytest.raises(RequestError, match='"alpha" is the beginning of 2 runs') as many:
        find("alpha")
    assert many.value.facts == ("alpha-2", "alpha-1")
    with pytest.raises(RequestError, match="there is no run betta") as typo:
        find("betta")
    assert typo.value.hint == "did you mean beta%?"
    assert typo.value.code == "E_UNKNOWN_ID"
    for text in ("%", "_", "0", "zzzzzzzz"):
        with pytest.raises(RequestError, match="there is no run"):
            find(text)
    for show in (Reading(journal).show, Reading(journal).timeline):
        with pytest.raises(RequestError, match="there is no run nobody"):
            show("nobody")
        with pytest.raises(RequestError, match="there is no run 0"):
            show("0")


def test_unfinished_runs_are_listed_oldest_first(journal: SqliteJournal) -> None:
    begin(journal, "r1")
    begin(journal, "r2")
    begin(journal, "r3", plan=Plan(id="other", steps=()))
    grow(journal, told(ev.RunFinished("succeeded")))
    assert [run.run for run in unfinished(journal.reader)] == ["r2", "r3"]
    assert [run.run for run in unfinished(journal.reader, "other")] == ["r3"]
    assert status_of(journal.reader, "r1") == "succeeded"
    with pytest.raises(RequestError):
        status_of(journal.reader, "nobody")
