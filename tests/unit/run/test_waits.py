"""Attempts that only wait, and attempts that a person has to look at."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from holdfast.engine.hearing import hears_first
from holdfast.plan.model import Effect, ForEach, OnFailure, Retry, RunLimits
from holdfast.run import events as ev
from holdfast.run.choose import OVER, End, may_leave, to_let_go, wake_at
from holdfast.run.context import step_view
from holdfast.run.reviews import cuts_off, is_asked
from holdfast.run.standing import Failed, Lingering, Retrying, Reviewed, Succeeded
from tests.unit.run.story import OWNED, SECOND, T0, Story, snapshot, step

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver

FAR_US = 60 * SECOND
OK = ev.AttemptEnded("succeeded", 0)
PROMISED = ev.AttemptEnded("succeeded", 0, outputs={"n": 1}, review=("it reads well",))


def timer(for_s: float, *, deadline_s: float | None = None, fixed: bool = False, at: int = T0) -> ev.StepWaiting:
    due = at + round(for_s * SECOND)
    deadline = None if deadline_s is None else at + round(deadline_s * SECOND)
    look_at = due if deadline is None else min(due, deadline)
    return ev.StepWaiting("timer", "t", "t to pass", look_at=look_at, due=due, fixed=fixed, deadline=deadline)


def lingering(body: ev.StepWaiting, *more: str) -> Story:
    """A run of a step `w` that waits."""
    story = Story(step("w", runner="wait"), *(step(name) for name in more))
    return story.start("w").tell(body, "w", 1)


# --- timers


def test_a_wait_holds_no_slot_and_ends_when_its_time_has_come() -> None:
    # semantics S4
    story = lingering(timer(30), "b")
    assert (story.status("w"), story.run.running, story.next_start()) == ("waiting", set(), ("b", 1))
    story.ok("b")
    assert (story.next(), story.rest(), wake_at(story.run)) == (None, None, T0 + 30 * SECOND)
    assert story.later(29.9).next() is None
    assert story.later(0.1).next() == End(0, 1, OVER)
    story.end("w", OVER)
    assert isinstance(story.run.states[0], Succeeded)
    assert (story.next(), story.rest()) == (None, ev.RunFinished("succeeded"))


def test_a_wait_begins_although_no_slot_is_free() -> None:
    # semantics S4
    story = Story(step("a"), step("w", runner="wait"), step("v", runner="wait", priority=1)).start("a")
    decision = story.next(0)
    assert decision == (2, 1, {})
    story.start("v").tell(timer(1), "v", 1)
    assert story.next(0) == (1, 1, {})
    story.start("w").tell(timer(1), "w", 1)
    assert story.next(0) is None


def test_a_timeout_ends_a_wait_that_is_not_over() -> None:
    # semantics S10
    story = lingering(timer(30, deadline_s=10)).later(10)
    decision = story.next()
    assert isinstance(decision, End)
    assert (decision.ended.status, decision.ended.error) == (
        "timed_out",
        ev.Error("timeout", "waited longer than its timeout for t to pass"),
    )
    story.end("w", decision.ended)
    assert isinstance(story.run.states[0], Failed)
    assert lingering(timer(10, deadline_s=10)).later(50).next() == End(0, 1, OVER)


def test_a_wait_for_a_file_has_its_timeout_and_nothing_else_of_the_core() -> None:
    story = lingering(ev.StepWaiting("file", "f", "the file f", deadline=T0 + 9 * SECOND, look_at=T0 + 9 * SECOND))
    assert story.later(8).next() is None
    decision = story.later(1).next()
    assert isinstance(decision, End)
    assert decision.ended.status == "timed_out"
    endless = lingering(ev.StepWaiting("file", "f", "the file f"))
    assert (endless.later(1e6).next(), endless.rest(), wake_at(endless.run)) == (None, None, None)
    assert not may_leave(endless.run, endless.now, FAR_US)


def test_a_failed_wait_is_tried_again_as_its_retry_says() -> None:
    # semantics S9
    story = Story(step("w", runner="wait", retry=Retry(attempts=2))).start("w").tell(timer(30, deadline_s=1), "w", 1)
    story.end("w", ev.AttemptEnded("timed_out", error=ev.Error("timeout"), retry_at=T0 + 5 * SECOND))
    assert isinstance(story.run.states[0], Retrying)
    assert story.later(5).next_start() == ("w", 2)
    story.start("w", 2).tell(timer(30, at=story.now), "w", 2)
    assert story.run.attempts_of(0).counted == 2


def test_a_due_time_survives_a_restart_and_a_clock_that_jumps_back_does_not_make_it_longer() -> None:
    # semantics C8
    story = lingering(timer(30, deadline_s=40)).later(10).tell(OWNED)
    assert (story.next(), wake_at(story.run)) == (None, T0 + 30 * SECOND)
    story.later(-3600).tell(OWNED)
    assert story.next() is None
    state = story.run.states[0]
    assert isinstance(state, Lingering)
    assert (state.due, state.deadline) == (story.now + 30 * SECOND, story.now + 40 * SECOND)
    assert wake_at(story.run) == story.now + 30 * SECOND


def test_a_point_in_time_stays_where_it_is() -> None:
    # semantics C8
    story = lingering(timer(30, fixed=True)).later(-3600).tell(OWNED)
    assert (story.next(), wake_at(story.run)) == (None, T0 + 30 * SECOND)


@pytest.mark.parametrize("for_s", [59, 60, 61, 3600])
def test_nobody_stays_for_a_timer_that_is_more_than_a_minute_away(for_s: float) -> None:
    story = lingering(timer(for_s))
    assert story.next() is None
    assert may_leave(story.run, story.now, FAR_US) is (for_s > 60)


def test_the_end_of_a_run_ends_its_waits_and_a_pause_does_not() -> None:
    # semantics S8
    story = lingering(timer(30)).tell(ev.RunPausing(stop=True))
    assert (to_let_go(story.run), story.rest()) == ([], ev.RunPaused())
    story = lingering(timer(30)).tell(ev.RunCanceling())
    assert to_let_go(story.run) == [0]
    story.end("w", ev.AttemptEnded("canceled", error=ev.Error("canceled")))
    assert (to_let_go(story.run), story.rest()) == ([], ev.RunFinished("canceled"))


def test_a_wait_keeps_the_resources_of_its_attempt() -> None:
    story = Story(
        step("w", runner="wait", needs_resources={"gpu": 1}),
        step("b", needs_resources={"gpu": 1}),
        limits=RunLimits(resources={"gpu": 1}),
    )
    story.start("w").tell(timer(9), "w", 1)
    assert isinstance(story.next_told()[0], ev.StepWaiting)
    assert story.end("w", OVER).next_start() == ("b", 1)


# --- reviews


def test_prose_never_passes_by_itself_and_the_run_is_blocked_until_a_person_answers() -> None:
    # semantics S20, semantics G1
    story = Story(step("a"), step("b", "a")).start("a").end("a", PROMISED)
    state = story.run.states[0]
    assert isinstance(state, Reviewed)
    assert (state.cause, state.what, story.run.attempts_of(0).counted) == ("review", "it reads well", 1)
    assert (story.next(), story.rest()) == (None, ev.RunBlocked(("a",)))
    assert step_view(story.run, 0)["outputs"] == {"n": 1}
    story.tell(ev.RunBlocked(("a",))).tell(ev.StepAnswered("approve"), "a", 1).tell(OWNED)
    assert isinstance(story.run.states[0], Succeeded)
    assert story.next_start() == ("b", 1)


def test_others_go_on_while_a_person_looks() -> None:
    story = Story(step("a"), step("b")).start("a").end("a", PROMISED)
    assert story.next_start() == ("b", 1)
    assert story.start("b").rest() is None


def test_a_rejection_fails_the_step() -> None:
    # semantics S20
    answer = ev.StepAnswered("reject", ev.Who("root", by="Ann"), "too long")
    story = Story(step("a", on_failure=OnFailure.CONTINUE), step("b", "a")).start("a").end("a", PROMISED)
    story.tell(answer, "a", 1)
    state = story.run.states[0]
    assert isinstance(state, Failed)
    assert state.error == ev.Error("expect.failed", "Ann rejected it: too long")
    assert story.next_start() == ("b", 1)
    stopped = Story(step("a")).start("a").end("a", PROMISED).tell(ev.StepAnswered("reject"), "a", 1)
    assert stopped.rest() == ev.RunFinished("failed")


def test_a_rejected_attempt_is_tried_again_where_the_answer_says_when() -> None:
    # semantics S5, semantics S9
    story = Story(step("a", retry=Retry(attempts=2))).start("a").end("a", PROMISED)
    story.later(100).tell(ev.StepAnswered("reject", retry_at=story.now + 2 * SECOND), "a", 1)
    assert story.status("a") == "retrying"
    assert story.later(2).next_start() == ("a", 2)


def test_the_second_answer_changes_nothing() -> None:
    # semantics G6
    story = Story(step("a", retry=Retry(attempts=2))).start("a").end("a", PROMISED)
    story.tell(ev.StepAnswered("reject", retry_at=story.now), "a", 1).tell(ev.StepAnswered("approve"), "a", 1)
    assert story.status("a") == "retrying"
    story.start("a", 2).end("a", PROMISED, 2).tell(ev.StepAnswered("approve"), "a", 1)
    assert story.status("a") == "waiting"
    assert story.tell(ev.StepAnswered("approve"), "a", 2).status("a") == "succeeded"


def test_a_run_that_ends_otherwise_asks_nothing_any_more() -> None:
    story = Story(step("a", effect=Effect.ONCE), step("b"), step("c", "a")).start("a", key="k").end("a", PROMISED)
    story.fail("b")
    assert story.rest() == ev.RunFinished("failed")
    story.tell(ev.RunFinished("failed"))
    assert (story.status("a"), story.run.reviews) == ("canceled", set())


def test_a_paused_run_may_be_answered() -> None:
    story = Story(step("a"), step("b", "a")).start("a").end("a", PROMISED).tell(ev.RunPausing())
    assert story.rest() == ev.RunPaused()
    story.tell(ev.RunPaused()).tell(ev.StepAnswered("approve"), "a", 1)
    assert story.status("b") == "ready"


def test_what_is_reviewed_and_what_lingers_is_folded_again_to_the_same() -> None:
    # semantics S16
    story = lingering(timer(30), "a").start("a").end("a", PROMISED).tell(OWNED)
    assert snapshot(story.refolded()) == snapshot(story.run)


def test_who_looks_at_a_step_is_not_asked_any_more_once_the_run_is_to_end_without_it() -> None:
    # semantics G6, semantics S16
    story = Story(step("a"), step("b")).start("a").end("a", PROMISED)
    assert is_asked(story.run, 0)
    story.fail("b")
    assert not is_asked(story.run, 0)
    end = story.rest()
    assert end == ev.RunFinished("failed")
    assert cuts_off(story.run, ev.Event(story.now, end))
    story.tell(ev.StepAnswered("approve"), "a", 1)  # it was said before the failure was known: the end waits for that
    assert not cuts_off(story.run, ev.Event(story.now, end))


def test_an_instance_that_people_look_at_is_cut_off_by_the_failure_of_another() -> None:
    # semantics G6, semantics S16
    story = Story(step("a", for_each=ForEach(items=["x", "y"])))
    story.tell(ev.StepExpanded(("x", "y")), "a").start("a[x]").end("a[x]", PROMISED)
    assert is_asked(story.run, 1)
    story.fail("a[y]")
    assert not is_asked(story.run, 1)
    gathered, name = story.next_told()
    assert cuts_off(story.run, ev.Event(story.now, gathered, name))


def test_a_driver_hears_what_people_said_before_it_tells_of_an_end_that_cuts_them_off() -> None:
    # semantics G6, semantics S16
    story = Story(step("a"), step("b")).start("a").end("a", PROMISED).fail("b")
    end = ev.Event(story.now, ev.RunFinished("failed"))
    driver = SimpleNamespace(run=story.run, told=5, durable_told=4)
    assert hears_first(cast("Driver", driver), end)
    driver.durable_told = 5
    assert not hears_first(cast("Driver", driver), end)
