"""The fold: what each kind of event makes of a run."""

import pytest

from holdfast.errors import BugError
from holdfast.plan.model import Depends, Effect, OnFailure, Retry
from holdfast.run import events as ev
from holdfast.run.machine import Run
from holdfast.run.standing import Canceled, Failed, Pausing, Result, Retrying, Running, Skipped, Succeeded, Uncertain
from holdfast.run.states import IllegalTransitionError
from tests.unit.run.story import CREATED, FAILED, LOST, OWNED, SECOND, T0, UNCERTAIN, Story, step

ARTIFACT = ev.ArtifactRef("out.txt", "sha256:1", 3)


def test_a_new_run_is_pending_and_its_roots_are_ready() -> None:
    run = Run("r", Story(step("a"), step("b", "a")).plan)
    assert (run.status, [state.status for state in run.states], run.left) == ("pending", ["ready", "pending"], 2)


# --- runs


def test_run_created_gives_the_inputs_and_the_time() -> None:
    story = Story(owned=False).tell(ev.RunCreated("p", "d", "f", "/", inputs={"day": "x"}))
    assert (story.run.status, story.run.inputs, story.run.created_at) == ("pending", {"day": "x"}, T0)


def test_run_owned_starts_the_run_once_and_ends_a_pause() -> None:
    # semantics C4: a takeover
    story = Story(step("a")).tell(ev.RunPausing(stop=True)).later(5).tell(OWNED)
    assert (story.run.status, story.run.started_at, story.run.pausing, story.run.owner) == ("running", T0, None, OWNED)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([False], Pausing.AWAIT),
        ([True], Pausing.STOP),
        ([False, True], Pausing.STOP),
        ([True, False], Pausing.STOP),
    ],
)
def test_run_pausing_is_remembered_and_the_stronger_one_wins(asked: list[bool], expected: Pausing) -> None:
    story = Story(step("a"))
    for stop in asked:
        story.tell(ev.RunPausing(stop=stop))
    assert (story.run.pausing, story.run.status) == (expected, "running")


def test_run_paused_then_owned_again() -> None:
    story = Story(step("a")).tell(ev.RunPausing()).tell(ev.RunPaused())
    assert story.run.status == "paused"
    assert story.tell(OWNED).run.status == "running"


def test_run_blocked_then_owned_again() -> None:
    story = Story(step("a", effect=Effect.ONCE)).doubt("a").tell(ev.RunBlocked(("a",)))
    assert story.run.status == "blocked"
    assert story.tell(OWNED).run.status == "running"


@pytest.mark.parametrize(
    ("whys", "kept"),
    [
        (["cancel"], "cancel"),
        (["superseded"], "superseded"),
        (["superseded", "cancel"], "cancel"),
        (["cancel", "superseded"], "cancel"),
    ],
)
def test_run_canceling_is_remembered_and_a_persons_word_wins(whys: list[str], kept: str) -> None:
    story = Story(step("a"))
    for why in whys:
        story.tell(ev.RunCanceling(why="cancel" if why == "cancel" else "superseded"))
    assert (story.run.canceling, story.run.status) == (kept, "running")


@pytest.mark.parametrize(
    ("outcome", "why"), [("failed", "abort"), ("canceled", "cancel"), ("succeeded", "cancel"), ("partial", "cancel")]
)
def test_run_finished_ends_what_never_ran_as_canceled(outcome: ev.RunOutcome, why: str) -> None:
    story = Story(step("done"), step("ready"), step("pending", "ready"), step("retrying", retry=Retry(attempts=2)))
    story.ok("done").fail("retrying", retry_s=5).later(1).tell(ev.RunFinished(outcome, {"n": 1}))
    run = story.run
    assert run.states[1:] == [Canceled(why)] * 3
    assert (run.status, run.outcome, run.outputs, run.finished_at) == (outcome, outcome, {"n": 1}, story.now)
    assert (run.final, run.left, run.next_ready(), run.queue.next_due()) == (True, 0, None, None)


@pytest.mark.parametrize("body", [None, UNCERTAIN])
def test_a_run_does_not_finish_while_a_step_runs_or_is_uncertain(body: ev.AttemptEnded | None) -> None:
    # semantics S1
    story = Story(step("a", effect=Effect.ONCE)).start("a")
    if body is not None:
        story.end("a", body)
    with pytest.raises(IllegalTransitionError):
        story.tell(ev.RunFinished("failed"))


def test_run_quarantined_keeps_the_reason_until_run_released() -> None:
    # semantics C3, semantics G9
    story = Story(step("a"))
    for attempt in (1, 2, 3):
        story.start("a", attempt).end("a", LOST, attempt)
    assert story.run.too_often_lost == 0
    story.tell(ev.RunQuarantined("it kills the engine"))
    assert (story.run.status, story.run.quarantine) == ("quarantined", "it kills the engine")
    story.tell(ev.RunReleased(reason="mended"))
    after = story.run
    assert (after.status.value, after.quarantine, after.too_often_lost) == ("paused", None, None)
    assert story.tell(OWNED).next_start() == ("a", 4)


def test_a_released_run_may_lose_three_attempts_again() -> None:
    # semantics C3
    story = Story(step("a"))
    for attempt in (1, 2, 3):
        story.start("a", attempt).end("a", LOST, attempt)
    story.tell(ev.RunQuarantined("lost")).tell(ev.RunReleased()).tell(OWNED)
    found = []
    for attempt in (4, 5, 6):
        story.start("a", attempt).end("a", LOST, attempt)
        found.append(story.run.too_often_lost)
    assert found == [None, None, 0]


# --- steps


def test_step_skipped_ends_a_ready_step_and_readies_its_dependents() -> None:
    story = Story(step("a"), step("b", "a")).tell(ev.StepSkipped("condition"), "a")
    assert story.run.states[0] == Skipped("condition")
    assert (story.status("b"), story.run.left, story.next_start()) == ("ready", 1, ("b", 1))


def test_step_failed_ends_a_step_before_any_attempt() -> None:
    # semantics S3
    error = ev.Error("expression.invalid", "no")
    story = Story(step("a"), step("b", "a")).tell(ev.StepFailed(error), "a")
    assert story.run.states[0] == Failed(error)
    assert (story.run.aborting, story.run.attempts_of(0).total) == ("a", 0)


@pytest.mark.parametrize("body", [ev.StepSkipped("condition"), ev.StepFailed(ev.Error("x"))])
@pytest.mark.parametrize("name", ["running", "pending", "uncertain"])
def test_a_step_under_way_is_not_skipped_and_does_not_fail_without_an_attempt(body: ev.Body, name: str) -> None:
    # semantics S1
    story = Story(step("running"), step("pending", "running"), step("uncertain", effect=Effect.ONCE), step("retrying"))
    story.start("running").doubt("uncertain").fail("retrying", retry_s=5)
    with pytest.raises(IllegalTransitionError):
        story.tell(body, name)


# --- attempts


def test_attempt_started_makes_the_step_run_and_keeps_the_effects_key() -> None:
    # semantics E1
    story = Story(step("a", effect=Effect.ONCE)).later(2).start("a", key="r/a")
    assert story.run.states[0] == Running(1, T0 + 2 * SECOND)
    assert (story.run.running, story.run.keys, story.run.attempts_of(0).total) == ({0}, {0: "r/a"}, 1)


def test_attempt_started_again_counts() -> None:
    # semantics S9
    story = Story(step("a", retry=Retry(attempts=3))).fail("a", retry_s=0).fail("a", 2, retry_s=0).start("a", 3)
    assert (story.run.attempts_of(0).total, story.run.attempts_of(0).counted, story.run.retrying) == (3, 3, {})


def test_attempt_spawned_and_adopted_only_add_to_the_record() -> None:
    story = Story(step("a")).start("a")
    before = list(story.run.states)
    story.tell(ev.AttemptSpawned(7), "a", 1).tell(ev.AttemptAdopted(2), "a", 1)
    assert (list(story.run.states), story.run.seq) == (before, 5)


def test_attempt_succeeded_keeps_its_result_and_readies_dependents_whose_last_dependency_it_was() -> None:
    # semantics S2
    story = Story(step("a"), step("b"), step("both", "a", "b"), step("one", "a"))
    ended = ev.AttemptEnded("succeeded", 0, outputs={"n": 3}, artifacts={"out": ARTIFACT})
    story.start("a").later(3).end("a", ended)
    state = story.run.states[0]
    assert state == Succeeded(Result(1, T0, T0 + 3 * SECOND, 0, {"n": 3}, None, {"out": ARTIFACT}))
    assert story.statuses() == {"a": "succeeded", "b": "ready", "both": "pending", "one": "ready"}
    assert story.ok("b").status("both") == "ready"


def test_large_outputs_are_recalled_by_digest() -> None:
    story = Story(step("a"))
    stored: dict[str, dict[str, object]] = {"sha256:9": {"n": 1}}
    run = Run("r", story.plan, stored.__getitem__)
    result = Result(1, 0, 1, outputs_digest="sha256:9")
    assert (run.outputs_of(result), run.outputs_of(Result(1, 0, 1, outputs={"m": 2}))) == ({"n": 1}, {"m": 2})
    with pytest.raises(BugError):
        story.run.outputs_of(result)


@pytest.mark.parametrize("status", ["failed", "timed_out", "stalled"])
def test_attempt_failed_for_good_fails_the_step(status: ev.AttemptStatus) -> None:
    # semantics S5
    story = Story(step("a")).start("a").end("a", ev.AttemptEnded(status, None, ev.Error("timeout", "too long")))
    state = story.run.states[0]
    assert isinstance(state, Failed)
    assert (state.error.code, story.run.aborting, story.run.left) == ("timeout", "a", 0)


@pytest.mark.parametrize("status", ["failed", "timed_out", "stalled"])
def test_attempt_failed_to_be_retried_waits_for_its_time(status: ev.AttemptStatus) -> None:
    # semantics S9
    ended = ev.AttemptEnded(status, 1, ev.Error("exit.nonzero"), retry_at=T0 + 5)
    story = Story(step("a")).start("a").end("a", ended)
    assert story.run.states[0] == Retrying(T0, T0 + 5, ev.Error("exit.nonzero"))
    assert (story.run.retrying, story.run.running, story.run.aborting) == ({0: T0 + 5}, set(), None)


def test_an_end_without_an_error_is_named_all_the_same() -> None:
    story = Story(step("a"), step("b", effect=Effect.ONCE)).start("a").end("a", ev.AttemptEnded("failed"))
    story.start("b").end("b", ev.AttemptEnded("uncertain"))
    failed, uncertain = story.run.states
    assert isinstance(failed, Failed)
    assert isinstance(uncertain, Uncertain)
    assert (failed.error.code, uncertain.error.code) == ("exit.nonzero", "uncertain")


def test_a_lost_attempt_makes_the_step_ready_again_and_does_not_count() -> None:
    # semantics C3
    story = Story(step("a")).start("a").end("a", LOST)
    tries = story.run.attempts_of(0)
    assert (story.status("a"), tries.total, tries.counted, tries.lost) == ("ready", 1, 0, 1)
    assert story.next_start() == ("a", 2)


def test_two_lost_attempts_are_no_reason_to_quarantine_and_three_are() -> None:
    # semantics C3
    story = Story(step("a"))
    found = []
    for attempt in (1, 2, 3):
        story.start("a", attempt).end("a", LOST, attempt)
        found.append(story.run.too_often_lost)
    assert found == [None, None, 0]


def test_a_stopped_attempt_makes_the_step_ready_again_and_does_not_count() -> None:
    story = Story(step("a")).start("a").end("a", ev.AttemptEnded("canceled", error=ev.Error("canceled")))
    tries = story.run.attempts_of(0)
    assert (story.status("a"), tries.total, tries.counted, tries.lost) == ("ready", 1, 0, 0)


def test_an_uncertain_attempt_holds_the_step_and_nothing_of_it_is_ready() -> None:
    # semantics E5
    story = Story(step("a", effect=Effect.ONCE), step("b", "a"), step("other")).doubt("a")
    assert story.statuses() == {"a": "uncertain", "b": "pending", "other": "ready"}
    assert (story.run.uncertain, story.run.running) == ({0}, set())


@pytest.mark.parametrize(
    ("told", "attempt"), [(["start"], 2), ([], 1), (["start", "end"], 1)], ids=["other", "none", "ended"]
)
def test_an_end_of_an_attempt_that_does_not_run_is_a_bug(told: list[str], attempt: int) -> None:
    # semantics S1
    story = Story(step("a"))
    if "start" in told:
        story.start("a")
    if "end" in told:
        story.end("a", FAILED)
    with pytest.raises(IllegalTransitionError, match=f"end of attempt {attempt}"):
        story.end("a", FAILED, attempt)


@pytest.mark.parametrize("name", ["running", "pending", "succeeded"])
def test_a_step_that_is_not_ready_or_retrying_does_not_start(name: str) -> None:
    # semantics S1
    story = Story(step("running"), step("pending", "running"), step("succeeded")).start("running").ok("succeeded")
    with pytest.raises(IllegalTransitionError):
        story.start(name, 2)


# --- what follows from a failure


@pytest.mark.parametrize("action", [OnFailure.ABORT, OnFailure.ROLLBACK])
def test_a_failure_that_aborts_is_remembered(action: OnFailure) -> None:
    # semantics S6
    assert Story(step("a", on_failure=action)).fail("a").run.aborting == "a"


@pytest.mark.parametrize("action", [OnFailure.CONTINUE, OnFailure.SKIP_DEPENDENTS])
def test_a_tolerated_failure_aborts_nothing(action: OnFailure) -> None:
    # semantics S6
    assert Story(step("a", on_failure=action)).fail("a").run.aborting is None


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        ("ok", "satisfied"),
        ("condition", "satisfied"),
        ("branch", "satisfied"),
        ("not-selected", "satisfied"),
        ("upstream", "doomed"),
        ("policy", "doomed"),
        ("fail", "doomed"),
    ],
)
def test_a_dependency_is_satisfied_when_ok_or_softly_skipped(end: str, verdict: str) -> None:
    # semantics S2
    story = Story(step("a", on_failure=OnFailure.SKIP_DEPENDENTS), step("b", "a"), step("c", "a", depends=Depends.DONE))
    if end == "ok":
        story.ok("a")
    elif end == "fail":
        story.fail("a")
    else:
        story.tell(ev.StepSkipped(end), "a")  # type: ignore[arg-type]  # a reason of the table above
    assert story.run.satisfied(0) is (verdict == "satisfied")
    assert story.run.doomed(1) is (verdict == "doomed")
    assert not story.run.doomed(2)


def test_a_failure_under_continue_satisfies() -> None:
    # semantics S2
    story = Story(step("a", on_failure=OnFailure.CONTINUE), step("b", "a")).fail("a")
    assert story.run.satisfied(0)
    assert not story.run.doomed(1)


# --- clocks


def test_a_clock_that_jumped_back_while_nobody_drove_the_run_makes_no_delay_longer() -> None:
    # semantics C8
    story = Story(step("a", retry=Retry(attempts=2))).later(7200).fail("a", retry_s=30).later(-3600).tell(OWNED)
    assert story.run.retrying == {0: story.now + 30 * SECOND}
    assert story.later(29).next() is None
    assert story.later(1).next_start() == ("a", 2)


def test_a_retry_time_survives_a_restart() -> None:
    # semantics S9
    story = Story(step("a", retry=Retry(attempts=2))).fail("a", retry_s=30).later(10).tell(OWNED)
    assert story.run.retrying == {0: T0 + 30 * SECOND}


def test_attempts_are_told_for_every_state() -> None:
    story = Story(step("a"), step("b", "a"), step("c"), step("d", retry=Retry(attempts=2)))
    story.ok("a").fail("d", retry_s=1)
    assert [story.run.attempts_of(i).total for i in range(4)] == [1, 0, 0, 1]
    story.start("c")
    assert story.run.attempts_of(2).counted == 1
    story.end("c", FAILED)
    assert story.run.attempts_of(2).counted == 1


def test_events_are_counted() -> None:
    assert Story(step("a"), owned=False).tell(OWNED).run.seq == len([CREATED, OWNED])
