"""Fallbacks, edges and jumps choose dormant steps; `finally` steps come last (semantics S7, S15, S17)."""

import pytest

from holdfast.plan.model import Depends, Effect, FailureMode, OnFailure, Retry
from holdfast.run import events as ev
from holdfast.run.standing import Recovered
from tests.unit.run.story import Story, snapshot, step

SKIP, CONTINUE = OnFailure.SKIP_DEPENDENTS, OnFailure.CONTINUE


def goto(target: str) -> tuple[FailureMode, ...]:
    return (FailureMode(name="led", detect="true", do="goto", target=target),)


# Fallbacks.


def test_a_fallback_is_dormant_and_skipped_softly_where_nobody_chose_it() -> None:
    # semantics S7, semantics S2
    story = Story(step("a", on_failure="x"), step("x"), step("after", "x"))
    assert story.next_start(room=9) == ("a", 1)
    assert story.status("x") == "pending"
    end = story.play()
    assert story.statuses() == {"a": "succeeded", "x": "skipped", "after": "succeeded"}
    assert (end.outcome, end.warnings) == ("succeeded", ())
    assert (ev.StepSkipped("branch"), "x") in [(event.body, event.step) for event in story.events]


def test_a_step_recovers_with_the_results_of_its_fallback_and_its_dependents_wait_for_that() -> None:
    # semantics S6
    story = Story(step("a", on_failure="x"), step("x"), step("after", "a", when="steps.a.outputs.n == 7"))
    story.breaks("a")
    assert (story.status("a"), story.status("after")) == ("waiting", "pending")
    assert story.next_start(room=9) == ("x", 1)
    story.ok("x", n=7)
    assert story.next_told() == (ev.StepRecovered("x"), "a")
    end = story.play()
    assert story.statuses() == {"a": "recovered", "x": "succeeded", "after": "succeeded"}
    assert (end.outcome, end.warnings) == (
        "succeeded",
        ('step "a" failed (exit.nonzero: exit code 1) and was recovered by "x"',),
    )
    state = story.run.states[0]
    assert isinstance(state, Recovered)
    assert (state.result.outputs, story.run.attempts_of(0).total) == ({"n": 7}, 1)


@pytest.mark.parametrize(
    ("policy", "became", "after", "run"),
    [
        (OnFailure.ABORT, "failed", "canceled", "failed"),
        (SKIP, "failed", "skipped", "partial"),
        (CONTINUE, "failed", "succeeded", "partial"),
        (OnFailure.SKIP, "skipped", "skipped", "partial"),
    ],
)
def test_a_step_whose_fallback_fails_has_the_policy_of_that(
    policy: OnFailure, became: str, after: str, run: str
) -> None:
    # semantics S6
    story = Story(step("a", on_failure="x"), step("x", on_failure=policy), step("after", "a"))
    end = story.play("a", "x")
    assert (story.status("a"), story.status("after"), end.outcome) == (became, after, run)


def test_a_chain_of_fallbacks_recovers_every_link() -> None:
    # semantics S7
    story = Story(step("a", on_failure="x"), step("x", on_failure="y"), step("y"), step("after", "a"))
    end = story.play("a", "x")
    assert story.statuses() == {"a": "recovered", "x": "recovered", "y": "succeeded", "after": "succeeded"}
    assert end.outcome == "succeeded"
    assert len(end.warnings) == 2


def test_a_chain_that_fails_has_the_policy_of_its_last_link() -> None:
    # semantics S6, semantics S7
    story = Story(step("a", on_failure="x"), step("x", on_failure="y"), step("y", on_failure=CONTINUE), step("z", "a"))
    end = story.play("a", "x", "y")
    assert story.statuses() == {"a": "failed", "x": "failed", "y": "failed", "z": "succeeded"}
    assert end.outcome == "partial"


def test_two_steps_may_share_a_fallback_which_runs_once() -> None:
    # semantics S7
    story = Story(step("a", on_failure="x"), step("b", "a", on_failure="x"), step("x"))
    story.play("a", "b")
    assert story.statuses() == {"a": "recovered", "b": "recovered", "x": "succeeded"}
    assert story.run.attempts_of(2).total == 1


def test_a_fallback_that_is_skipped_by_its_condition_is_no_help() -> None:
    # semantics S6
    story = Story(step("a", on_failure="x"), step("x", when="false", on_failure=SKIP))
    story.play("a")
    assert story.statuses() == {"a": "failed", "x": "skipped"}


def test_a_retried_step_falls_back_when_its_attempts_are_spent() -> None:
    # semantics S5
    story = Story(step("a", on_failure="x", retry=Retry(attempts=2, delay_s=0)), step("x"))
    story.play("a")
    assert (story.status("a"), story.run.attempts_of(0).total) == ("recovered", 2)


def test_after_an_abort_no_fallback_starts() -> None:
    # semantics S8
    story = Story(step("bad"), step("a", on_failure="x"), step("x")).start("a").breaks("bad")
    story.end("a", story.judged("a", ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"))))
    assert story.take() == []
    assert story.play().outcome == "failed"
    assert story.statuses() == {"bad": "failed", "a": "canceled", "x": "canceled"}


def test_an_effect_that_did_not_happen_falls_back_too() -> None:
    # semantics E4, semantics S6
    story = Story(step("a", effect=Effect.ONCE, on_failure="x"), step("x")).doubt("a").resolve("a", "not-happened")
    story.play()
    assert story.statuses() == {"a": "recovered", "x": "succeeded"}


def test_a_condition_that_cannot_be_evaluated_falls_back_too() -> None:
    # semantics S3, semantics S6
    story = Story(step("a", when="1 / 0", on_failure="x"), step("x"))
    story.play()
    assert story.statuses() == {"a": "recovered", "x": "succeeded"}


def test_a_failure_mode_may_name_a_fallback() -> None:
    # semantics S5
    modes = (FailureMode(name="m", detect="exit_code == 1", do="fallback", target="x"),)
    story = Story(step("a", modes=modes, retry=Retry(attempts=9)), step("x"))
    story.play("a")
    assert story.statuses() == {"a": "recovered", "x": "succeeded"}


# Edges and jumps.


@pytest.mark.parametrize(("fails", "ran", "left"), [(False, "good", "bad"), (True, "bad", "good")])
def test_an_edge_is_taken_by_how_a_step_ends_and_the_other_target_is_skipped_softly(
    *, fails: bool, ran: str, left: str
) -> None:
    # semantics S17
    edges = {"success": "good", "failure": "bad"}
    story = Story(step("a", edges=edges), step("good"), step("bad"), step("join", "good", "bad"))
    end = story.play(*(["a"] if fails else []))
    assert (story.status(ran), story.status(left), story.status("join")) == ("succeeded", "skipped", "succeeded")
    assert (story.status("a"), end.outcome) == ("failed" if fails else "succeeded", "succeeded")


def test_an_edge_may_name_an_outcome_that_the_outputs_name() -> None:
    # semantics S17
    story = Story(step("a", edges={"small": "x", "large": "y"}), step("x"), step("y"))
    story.start("a").end("a", ev.AttemptEnded("succeeded", 0, outputs={"outcome": "large"}, outcome="large"))
    story.play()
    assert story.statuses() == {"a": "succeeded", "x": "skipped", "y": "succeeded"}


def test_an_outcome_named_by_a_failed_step_handles_the_failure() -> None:
    # semantics S17
    story = Story(step("a", edges={"conflict": "x"}), step("x"), step("after", "a"))
    ended = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"), outputs={"outcome": "conflict"}, outcome="conflict")
    story.breaks("a", ended)
    end = story.play()
    assert story.statuses() == {"a": "failed", "x": "succeeded", "after": "skipped"}
    assert end.outcome == "partial"  # something is missing, but nothing failed that is not handled


def test_a_failure_that_no_edge_takes_is_the_run_s() -> None:
    # semantics S17
    story = Story(step("a", edges={"success": "x"}), step("x"))
    assert story.play("a").outcome == "failed"


def test_the_target_of_an_edge_may_depend_on_the_step_that_failed() -> None:
    # semantics S17, semantics S2
    story = Story(step("a", edges={"failure": "x"}), step("x", "a", when='steps.a.error.code == "exit.nonzero"'))
    assert story.play("a").outcome == "succeeded"
    assert story.status("x") == "succeeded"


def test_a_target_with_dependencies_waits_for_them_too() -> None:
    # semantics S17
    story = Story(step("a", edges={"success": "x"}), step("slow"), step("x", "slow")).ok("a")
    assert (story.status("x"), story.next_start(room=9)) == ("pending", ("slow", 1))
    story.play()
    assert story.status("x") == "succeeded"


def test_a_target_starts_when_the_first_of_its_edges_is_taken_and_runs_once() -> None:
    # semantics S17
    story = Story(step("a", edges={"success": "x"}), step("b", edges={"success": "x"}), step("x")).ok("a")
    assert story.status("x") == "ready"
    story.play()
    assert (story.status("x"), story.run.attempts_of(2).total) == ("succeeded", 1)


def test_a_skipped_step_takes_no_edge() -> None:
    # semantics S17
    story = Story(step("a", when="false", edges={"success": "x", "failure": "y"}), step("x"), step("y"))
    story.play()
    assert story.statuses() == {"a": "skipped", "x": "skipped", "y": "skipped"}


def test_a_chain_of_edges_that_is_not_entered_is_skipped_to_its_end() -> None:
    # semantics S17
    story = Story(step("a", edges={"failure": "b"}), step("b", edges={"success": "c"}), step("c"))
    assert story.play().outcome == "succeeded"
    assert story.statuses() == {"a": "succeeded", "b": "skipped", "c": "skipped"}


def test_a_jump_leads_on_from_a_failure_and_handles_it() -> None:
    # semantics S5, semantics S17
    story = Story(step("a", modes=goto("x"), edges={"failure": "y"}), step("x"), step("y"))
    assert story.play("a").outcome == "succeeded"
    assert story.statuses() == {"a": "failed", "x": "succeeded", "y": "skipped"}


def test_under_continue_dependents_of_a_handled_failure_run() -> None:
    # semantics S6, semantics S17
    story = Story(step("a", on_failure=CONTINUE, edges={"failure": "x"}), step("x"), step("after", "a"))
    assert story.play("a").outcome == "succeeded"
    assert story.status("after") == "succeeded"


def test_a_recovered_step_takes_its_edge_of_success_and_one_whose_fallback_failed_that_of_failure() -> None:
    # semantics S6, semantics S17
    steps = (step("a", on_failure="f", edges={"success": "x", "failure": "y"}), step("f"), step("x"), step("y"))
    well, ill = Story(*steps), Story(*steps)
    assert well.play("a").outcome == "succeeded"
    assert well.statuses() == {"a": "recovered", "f": "succeeded", "x": "succeeded", "y": "skipped"}
    ill.play("a", "f")
    assert ill.statuses() == {"a": "failed", "f": "failed", "x": "canceled", "y": "canceled"}


# Finally.


LAST = (step("z", depends=Depends.DONE, on_failure=CONTINUE),)


@pytest.mark.parametrize(("failing", "outcome"), [((), "succeeded"), (("a",), "failed"), (("b",), "partial")])
def test_finally_runs_after_everything_else_whatever_happened(failing: tuple[str, ...], outcome: str) -> None:
    # semantics S15
    story = Story(step("a"), step("b", on_failure=SKIP), last=LAST)
    assert story.status("z") == "pending"
    end = story.play(*failing)
    assert (story.status("z"), end.outcome) == ("succeeded", outcome)
    kinds = [event.body.kind for event in story.events if event.step in {None, "z"}]
    assert kinds[-4:] == ["run.ending", "attempt.started", "attempt.ended", "run.finished"]


def test_finally_runs_after_a_cancel_and_the_run_is_canceled() -> None:
    # semantics S15
    story = Story(step("a"), last=LAST).tell(ev.RunCanceling())
    assert story.take() == []
    assert story.play().outcome == "canceled"
    assert story.statuses() == {"a": "canceled", "z": "succeeded"}


def test_a_failing_finally_step_makes_a_succeeded_run_partial_and_no_other_better() -> None:
    # semantics S15
    assert Story(step("a"), last=LAST).play("z").outcome == "partial"
    assert Story(step("a"), last=LAST).play("a", "z").outcome == "failed"
    assert Story(step("a"), last=LAST).tell(ev.RunCanceling()).play("z").outcome == "canceled"


def test_finally_steps_see_how_the_rest_ended() -> None:
    # semantics S15
    last = (
        step("told", "a", depends=Depends.DONE, when='run.outcome == "failed" and steps.b.status == "canceled"'),
        step("not", "b", depends=Depends.DONE, when='run.outcome == "succeeded"'),
    )
    story = Story(step("a"), step("b", "a"), last=last)
    story.play("a")
    assert story.statuses() == {"a": "failed", "b": "canceled", "told": "succeeded", "not": "skipped"}


def test_finally_steps_are_retried_and_ordered_after_an_abort() -> None:
    # semantics S15, semantics S8
    retry = Retry(attempts=2, delay_s=0)
    last = (step("y", retry=retry, depends=Depends.DONE, on_failure=CONTINUE), step("z", "y", depends=Depends.DONE))
    story = Story(step("a"), last=last)
    story.play("a", "y")
    assert story.statuses() == {"a": "failed", "y": "failed", "z": "succeeded"}
    assert story.run.attempts_of(1).total == 2


def test_an_abort_policy_of_a_finally_step_keeps_no_other_from_running() -> None:
    # semantics S15, semantics S6
    last = (step("y", depends=Depends.DONE), step("z", "y", depends=Depends.DONE))
    story = Story(step("a"), last=last)
    assert story.play("y").outcome == "failed"
    assert story.statuses() == {"a": "succeeded", "y": "failed", "z": "succeeded"}


def test_a_cancel_while_finally_steps_run_changes_nothing_and_a_second_one_ends_them() -> None:
    # semantics S15
    first = Story(step("a"), last=LAST).ok("a").tell(ev.RunEnding("succeeded")).tell(ev.RunCanceling())
    assert first.play().outcome == "succeeded"
    second = (
        Story(step("a"), last=LAST).tell(ev.RunCanceling()).tell(ev.RunEnding("canceled", 1)).tell(ev.RunCanceling())
    )
    assert second.take() == []
    assert second.play().outcome == "canceled"
    assert second.status("z") == "canceled"


def test_a_cancel_that_races_with_the_beginning_of_the_finally_steps_makes_the_same_run() -> None:
    # semantics S16
    ours, theirs = Story(step("a"), last=LAST).ok("a"), Story(step("a"), last=LAST).ok("a")
    for body in (ev.RunEnding("succeeded"), ev.RunCanceling()):
        ours.tell(body)
    for body in (ev.RunCanceling(), ev.RunEnding("succeeded")):
        theirs.tell(body)
    assert snapshot(ours.run) == snapshot(theirs.run)


def test_finally_steps_may_lead_to_each_other() -> None:
    # semantics S15, semantics S17
    last = (
        step("y", depends=Depends.DONE, on_failure="x"),
        step("x", depends=Depends.DONE, on_failure=CONTINUE),
        step("w", depends=Depends.DONE, edges={"success": "v"}),
        step("v", depends=Depends.DONE),
    )
    story = Story(step("a"), last=last)
    assert story.play("y").outcome == "succeeded"
    assert story.statuses() == {
        "a": "succeeded",
        "y": "recovered",
        "x": "succeeded",
        "w": "succeeded",
        "v": "succeeded",
    }


def test_the_same_events_make_the_same_run_again() -> None:
    # semantics S16
    story = Story(step("a", on_failure="x"), step("x", edges={"success": "y"}), step("y"), last=LAST)
    story.play("a")
    assert snapshot(story.refolded()) == snapshot(story.run)
