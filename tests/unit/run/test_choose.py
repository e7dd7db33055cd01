"""What is decided next, when a run comes to rest, and how it ends."""

import pytest

from holdfast.errors import BugError
from holdfast.plan.model import Depends, Effect, OnFailure, Retry
from holdfast.run import events as ev
from holdfast.run.choose import Start, to_stop, wake_at
from holdfast.run.finishing import outcome
from tests.unit.run.story import LOST, OWNED, SECOND, T0, Story, step

CANCELED = ev.AttemptEnded("canceled", error=ev.Error("canceled"))

# --- order


def test_ready_steps_start_by_priority_then_research_then_longest_path_then_file_order() -> None:
    # semantics S4, semantics S19
    story = Story(
        step("first"),
        step("long"),
        step("middle", "long"),
        step("end", "middle"),
        step("study", kind="research"),
        step("urgent", priority=3),
        step("later", priority=-3, kind="research"),
    )
    assert story.take() == ["urgent", "study", "long", "middle", "first", "end", "later"]


def test_dependents_start_when_their_last_dependency_is_satisfied() -> None:
    # semantics S2
    story = Story(step("z", "x", "y"), step("y", "x"), step("x"))
    assert story.take() == ["x", "y", "z"]


def test_a_due_retry_competes_by_its_rank() -> None:
    # semantics S4
    story = Story(step("low", retry=Retry(attempts=2)), step("high", priority=1), step("other"))
    story.fail("low", retry_s=1).later(1)
    assert story.take() == ["high", "low", "other"]


# --- room and time


def test_nothing_starts_without_room_and_a_retry_that_is_due_wakes_nobody() -> None:
    # semantics S4
    story = Story(step("a", retry=Retry(attempts=2)), step("b")).fail("a", retry_s=5)
    assert wake_at(story.run) == T0 + 5 * SECOND
    story.later(5)
    assert story.next(0) is None
    assert wake_at(story.run) is None
    assert story.next_start(1) == ("a", 2)


def test_a_retry_does_not_start_before_it_is_due() -> None:
    # semantics S9
    story = Story(step("a", retry=Retry(attempts=2))).fail("a", retry_s=5)
    assert story.later(4.999999).next() is None
    assert story.rest() is None
    assert story.later(0.000001).next_start() == ("a", 2)


def test_what_is_reserved_is_not_chosen_again() -> None:
    story = Story(step("a"), step("b", retry=Retry(attempts=2))).fail("b", retry_s=0)
    story.run.reserve(0)
    assert story.next_start() == ("b", 2)
    story.run.reserve(1)
    assert story.next() is None


@pytest.mark.parametrize(
    "asked", [ev.RunPausing(), ev.RunPausing(stop=True), ev.RunCanceling(), ev.RunCanceling(why="superseded")]
)
def test_nothing_starts_and_nothing_is_retried_once_a_pause_or_the_end_is_asked_for(asked: ev.Body) -> None:
    # semantics S8
    story = Story(step("a", retry=Retry(attempts=2)), step("b")).fail("a", retry_s=5).tell(asked).later(9)
    assert (story.next(), wake_at(story.run)) == (None, None)


def test_nothing_starts_and_nothing_is_retried_after_an_abort() -> None:
    # semantics S8
    story = Story(step("a"), step("b"), step("c", retry=Retry(attempts=2))).fail("c", retry_s=5).fail("a").later(9)
    assert (story.next(), wake_at(story.run)) == (None, None)


@pytest.mark.parametrize("body", [ev.RunPaused(), ev.RunBlocked(), ev.RunQuarantined("x"), ev.RunFinished("canceled")])
def test_a_run_that_is_not_running_decides_nothing(body: ev.Body) -> None:
    story = Story(step("a")).tell(body)
    assert (story.next(), story.rest()) == (None, None)


def test_a_pending_run_decides_nothing() -> None:
    assert Story(step("a"), owned=False).next() is None


# --- skips


def test_a_hard_skip_and_a_failure_skip_dependents_transitively() -> None:
    # semantics S2, semantics S6
    story = Story(
        step("bad", on_failure=OnFailure.SKIP_DEPENDENTS),
        step("b", "bad"),
        step("c", "b"),
        step("free"),
        step("d", "c", "free"),
    )
    assert story.take(["bad"]) == ["bad", "free"]
    assert [story.status(name) for name in "bcd"] == ["skipped"] * 3
    assert story.rest() == ev.RunFinished("partial")


def test_a_soft_skip_lets_dependents_run() -> None:
    # semantics S2
    story = Story(step("a", when="false"), step("b", "a"))
    assert story.take() == ["b"]
    assert story.rest() == ev.RunFinished("succeeded")


def test_depends_done_runs_whatever_the_outcome() -> None:
    # semantics S2
    story = Story(
        step("bad", on_failure=OnFailure.SKIP_DEPENDENTS),
        step("b", "bad"),
        step("report", "bad", "b", depends=Depends.DONE),
    )
    assert story.take(["bad"]) == ["bad", "report"]


def test_on_failure_continue_runs_dependents_and_the_run_is_partial() -> None:
    # semantics S6
    story = Story(step("a", on_failure=OnFailure.CONTINUE), step("b", "a"))
    assert story.take(["a"]) == ["a", "b"]
    assert story.rest() == ev.RunFinished("partial")


# --- conditions


@pytest.mark.parametrize(
    ("when", "skip_if", "why"),
    [
        ("true", (), None),
        ("false", (), "when: false"),
        ("1 < 2", ("2 < 1",), None),
        (None, ("false", "true"), "skip_if: true"),
        ("false", ("true",), "when: false"),
        ("steps.dep.ok", (), None),
        ("steps.dep.outputs.n == 4", (), None),
        ('steps.dep.status == "failed"', (), 'when: steps.dep.status == "failed"'),
    ],
)
def test_conditions_decide_whether_a_step_runs(when: str | None, skip_if: tuple[str, ...], why: str | None) -> None:
    # semantics S3
    story = Story(step("dep"), step("a", "dep", when=when, skip_if=skip_if)).ok("dep", n=4)
    if why is None:
        assert story.next_start() == ("a", 1)
    else:
        assert story.next_told() == (ev.StepSkipped("condition", why), "a")


@pytest.mark.parametrize("when", ["steps.dep.outputs.n > 1", "1", '"true"', "null", "1 / 0 > 1", "len(3) == 1"])
def test_a_condition_that_cannot_be_evaluated_fails_the_step(when: str) -> None:
    # semantics S3
    story = Story(step("dep"), step("a", "dep", when=when)).ok("dep")
    body, name = story.next_told()
    assert isinstance(body, ev.StepFailed)
    assert (name, body.error.code) == ("a", "expression.invalid")
    assert story.tell(body, name).rest() == ev.RunFinished("failed")


def test_conditions_are_evaluated_once() -> None:
    # semantics S3
    story = Story(step("a", when="disk.free > 5", retry=Retry(attempts=3)))
    assert story.next(1, {"disk.free": 9}) == Start(0, 1, {"disk.free": 9})
    story.fail("a", retry_s=0)
    assert story.next(1, {"disk.free": 1}) == Start(0, 2, {})


@pytest.mark.parametrize("ended", [LOST, CANCELED], ids=["lost", "stopped"])
def test_conditions_are_not_evaluated_again_after_an_attempt_that_does_not_count(ended: ev.AttemptEnded) -> None:
    # semantics S3
    story = Story(step("a", when="disk.free > 5")).start("a").end("a", ended)
    assert story.next(1, {"disk.free": 1}) == Start(0, 2, {})


def test_the_facts_that_decided_are_recorded() -> None:
    story = Story(step("a", when="disk.free > 5", skip_if=("not network.online",)), step("b", when="disk.free > 50"))
    facts: dict[str, object] = {"disk.free": 10, "network.online": True, "disk.store_free": 1}
    assert story.next(1, facts) == Start(0, 1, {"disk.free": 10, "network.online": True})
    story.ok("a")
    assert story.next_told(facts) == (ev.StepSkipped("condition", "when: disk.free > 50", {"disk.free": 10}), "b")


# --- rest


def test_a_run_rests_only_when_nothing_runs() -> None:
    story = Story(step("a")).tell(ev.RunPausing()).start("a")
    assert story.rest() is None


def test_a_run_whose_steps_are_all_final_ends_even_if_a_pause_was_asked_for() -> None:
    assert Story(step("a")).ok("a").tell(ev.RunPausing()).rest() == ev.RunFinished("succeeded")


def test_a_run_without_steps_succeeds() -> None:
    assert Story().rest() == ev.RunFinished("succeeded")


def test_a_pause_is_reached_when_nothing_runs() -> None:
    assert Story(step("a"), step("b")).ok("a").tell(ev.RunPausing()).rest() == ev.RunPaused()


def test_a_pause_is_reached_beside_an_uncertain_step_and_a_retry() -> None:
    story = Story(step("a", effect=Effect.ONCE), step("b", retry=Retry(attempts=2))).doubt("a").fail("b", retry_s=9)
    assert story.tell(ev.RunPausing()).rest() == ev.RunPaused()


def test_a_run_is_blocked_when_only_uncertain_steps_are_left_to_move() -> None:
    # semantics E4
    story = Story(step("b", effect=Effect.ONCE), step("a", effect=Effect.ONCE), step("c", "a")).doubt("a").doubt("b")
    assert story.rest() == ev.RunBlocked(("b", "a"))


def test_independent_branches_go_on_beside_an_uncertain_step() -> None:
    # semantics E5
    story = Story(step("a", effect=Effect.ONCE), step("after", "a"), step("b"), step("c", "b")).doubt("a")
    assert story.take() == ["b", "c"]
    assert story.rest() == ev.RunBlocked(("a",))


def test_a_run_is_not_blocked_while_a_retry_is_to_come_or_a_step_is_ready() -> None:
    # semantics E5
    story = Story(step("a", effect=Effect.ONCE), step("b", retry=Retry(attempts=2))).doubt("a")
    assert story.rest() is None
    assert story.fail("b", retry_s=9).rest() is None


@pytest.mark.parametrize("end", ["abort", "cancel"])
def test_an_uncertain_step_keeps_an_ending_run_blocked_and_the_outcome_follows_the_answer(end: str) -> None:
    # semantics S8
    story = Story(step("pay", effect=Effect.ONCE, retry=Retry(attempts=2)), step("bad"), step("after", "pay"))
    story.doubt("pay")
    if end == "abort":
        story.fail("bad")
    else:
        story.tell(ev.RunCanceling())
    assert story.rest() == ev.RunBlocked(("pay",), ending=True)
    story.tell(ev.RunBlocked(("pay",), ending=True)).resolve("pay", "not-happened").tell(OWNED)
    assert story.next() is None
    assert story.rest() == ev.RunFinished("failed" if end == "abort" else "canceled")


def test_three_lost_attempts_quarantine_the_run_when_nothing_else_runs() -> None:
    # semantics C3
    story = Story(step("a"), step("b"), step("c")).start("b")
    for attempt in (1, 2, 3):
        story.start("a", attempt).end("a", LOST, attempt)
    assert (story.next(), wake_at(story.run), story.rest()) == (None, None, None)
    story.end("b", ev.AttemptEnded("succeeded"))
    assert story.rest() == ev.RunQuarantined('3 attempts of step "a" were lost with the process that ran them')


def test_a_run_that_is_to_end_is_not_quarantined() -> None:
    story = Story(step("a"))
    for attempt in (1, 2, 3):
        story.start("a", attempt).end("a", LOST, attempt)
    assert story.tell(ev.RunCanceling()).rest() == ev.RunFinished("canceled")


def test_a_run_that_cannot_move_and_has_no_reason_is_a_bug() -> None:
    story = Story(step("a"))
    story.run.reserve(0)
    with pytest.raises(BugError, match="none of them can move"):
        story.rest()


# --- what is stopped


@pytest.mark.parametrize(
    ("tell", "stopped"),
    [
        ([], []),
        ([ev.RunPausing()], []),
        ([ev.RunPausing(stop=True)], ["once", "plain"]),
        ([ev.RunCanceling()], ["plain"]),
        ([ev.RunCanceling(), ev.RunPausing(stop=True)], ["once", "plain"]),
    ],
)
def test_an_end_stops_running_steps_but_lets_effects_finish_unless_a_person_insists(
    tell: list[ev.Body], stopped: list[str]
) -> None:
    # semantics S8
    story = Story(step("once", effect=Effect.ONCE), step("plain"), step("idle")).start("once").start("plain")
    for body in tell:
        story.tell(body)
    assert [story.run.steps[i].id for i in to_stop(story.run)] == stopped


def test_an_abort_stops_running_steps() -> None:
    # semantics S8
    story = Story(step("once", effect=Effect.ONCE), step("none", effect=Effect.NONE), step("bad"))
    story.start("once").start("none").fail("bad")
    assert [story.run.steps[i].id for i in to_stop(story.run)] == ["none"]


# --- outcome

SKIP_DEPENDENTS, CONTINUE, ABORT = OnFailure.SKIP_DEPENDENTS, OnFailure.CONTINUE, OnFailure.ABORT


@pytest.mark.parametrize(
    ("policies", "ends", "expected"),
    [
        ([], [], "succeeded"),
        ([ABORT], ["ok"], "succeeded"),
        ([ABORT, ABORT], ["ok", "condition"], "succeeded"),
        ([ABORT, ABORT], ["ok", "branch"], "succeeded"),
        ([ABORT, ABORT], ["ok", "not-selected"], "succeeded"),
        ([ABORT, ABORT], ["ok", "policy"], "partial"),
        ([ABORT, ABORT], ["ok", "upstream"], "partial"),
        ([CONTINUE, ABORT], ["fail", "ok"], "partial"),
        ([SKIP_DEPENDENTS, ABORT], ["fail", "ok"], "partial"),
        ([OnFailure.SKIP, ABORT], ["fail", "ok"], "partial"),
        ([ABORT, ABORT], ["fail", "ok"], "failed"),
        ([OnFailure.ROLLBACK, ABORT], ["fail", "ok"], "failed"),
        ([CONTINUE, ABORT], ["fail", "fail"], "failed"),
        ([ABORT, ABORT], ["fail", "open"], "failed"),
        ([ABORT, ABORT], ["ok", "open, cancel"], "canceled"),
        ([ABORT, ABORT], ["ok", "ok, cancel"], "succeeded"),
        ([CONTINUE, ABORT], ["fail", "ok, cancel"], "partial"),
        ([CONTINUE, ABORT], ["fail", "open, cancel"], "canceled"),
        ([ABORT, ABORT], ["fail", "open, cancel"], "failed"),
    ],
)
def test_the_outcome_is_a_function_of_the_steps_outcomes(
    policies: list[OnFailure], ends: list[str], expected: str
) -> None:
    # semantics S14, semantics S6
    story = Story(*(step(f"s{i}", on_failure=policy) for i, policy in enumerate(policies)))
    for i, words in enumerate(ends):
        end, _, cancel = words.partition(", ")
        if end == "ok":
            story.ok(f"s{i}")
        elif end == "fail":
            story.fail(f"s{i}")
        elif end != "open":
            assert end in {"condition", "upstream", "policy", "not-selected", "branch"}
            story.tell(ev.StepSkipped(end), f"s{i}")  # type: ignore[arg-type]  # narrowed above
        if cancel:
            story.tell(ev.RunCanceling())
    assert outcome(story.run) == expected
    story.tell(ev.RunFinished(outcome(story.run)))
    assert outcome(story.run) == expected


# --- outputs of the plan


def test_the_plans_outputs_are_evaluated_at_the_end() -> None:
    story = Story(step("a"), outputs={"n": "steps.a.outputs.n + 1", "state": "steps.a.status"}).ok("a", n=1)
    assert story.rest() == ev.RunFinished("succeeded", {"n": 2, "state": "succeeded"})


def test_an_output_without_a_value_is_a_warning() -> None:
    story = Story(step("a"), outputs={"n": "steps.a.outputs.n", "m": "1"}).ok("a")
    body = story.rest()
    assert isinstance(body, ev.RunFinished)
    assert body.outputs == {"m": 1}
    assert [warning.startswith('output "n" has no value: ') for warning in body.warnings] == [True]
