"""The fold of what people answer about effects in doubt (semantics E4)."""

import pytest

from holdfast.plan.model import Effect, Retry
from holdfast.run import events as ev
from holdfast.run.standing import Failed, Skipped, Succeeded
from tests.unit.run.story import Story, step


def test_happened_makes_the_step_succeed_with_the_outputs_a_person_gave() -> None:
    # semantics E4
    story = Story(step("a", effect=Effect.ONCE), step("b", "a")).doubt("a").resolve("a", "happened", ref="42")
    state = story.run.states[0]
    assert isinstance(state, Succeeded)
    assert (state.result.outputs, story.status("b"), story.run.uncertain) == ({"ref": "42"}, "ready", set())


def test_happened_without_outputs_keeps_those_of_the_attempt() -> None:
    # semantics E4
    ended = ev.AttemptEnded("uncertain", 1, ev.Error("exit.nonzero"), outputs={"ref": "7"})
    story = Story(step("a", effect=Effect.ONCE)).start("a").end("a", ended).resolve("a", "happened")
    state = story.run.states[0]
    assert isinstance(state, Succeeded)
    assert state.result.outputs == {"ref": "7"}


def test_not_happened_with_attempts_left_makes_the_step_ready_again() -> None:
    # semantics E4
    story = Story(step("a", effect=Effect.ONCE, retry=Retry(attempts=2))).doubt("a").resolve("a", "not-happened")
    assert (story.status("a"), story.next_start()) == ("ready", ("a", 2))


def test_not_happened_with_all_attempts_spent_fails_the_step() -> None:
    # semantics E4, semantics S9
    story = Story(step("a", effect=Effect.ONCE)).doubt("a").resolve("a", "not-happened")
    told, name = story.next_told()
    assert isinstance(told, ev.StepFailed)
    assert (name, told.disposed) == ("a", ev.Disposition("abort", reason="there is no retry"))
    story.tell(told, name)
    assert isinstance(story.run.states[0], Failed)
    assert story.run.aborting == "a"


@pytest.mark.parametrize("asked", [ev.RunCanceling(), ev.RunPausing()])
def test_what_becomes_of_an_effect_that_did_not_happen_is_told_whatever_the_run_does(asked: ev.Body) -> None:
    # semantics S8: the run's outcome follows the answer
    story = Story(step("a", effect=Effect.ONCE), step("b", "a")).doubt("a").tell(asked).resolve("a", "not-happened")
    assert story.rest() is None
    assert story.take() == []
    assert story.status("a") == "failed"
    assert story.rest() == ev.RunFinished("failed")


@pytest.mark.parametrize("code", ["lost", "canceled"])
def test_not_happened_after_a_crash_or_a_stop_on_request_does_not_count_as_an_attempt(code: str) -> None:
    # semantics E4, semantics C3
    story = Story(step("a", effect=Effect.ONCE, retry=Retry(attempts=2))).doubt("a", code=code)
    story.resolve("a", "not-happened").doubt("a", 2).resolve("a", "not-happened")
    assert story.next_start() == ("a", 3)
    story.doubt("a", 3).resolve("a", "not-happened").take()
    assert story.status("a") == "failed"


def test_skip_makes_a_hard_skip_that_was_attempted_once() -> None:
    # semantics E4, semantics S2
    story = Story(step("a", effect=Effect.ONCE), step("b", "a")).doubt("a").resolve("a", "skip")
    assert story.run.states[0] == Skipped("policy")
    assert story.run.attempts_of(0).total == 1
    assert story.next_told() == (ev.StepSkipped("upstream"), "b")


def test_recheck_is_only_recorded() -> None:
    # semantics E4
    story = Story(step("a", effect=Effect.ONCE)).doubt("a").resolve("a", "recheck")
    assert (story.status("a"), story.run.uncertain) == ("uncertain", {0})
