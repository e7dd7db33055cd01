"""Loops: new visits, names that mean the latest one, what waits until the loop is left, and used up visits (S17)."""

import pytest

from holdfast.plan.model import Depends, Edge, FailureMode, ForEach, OnFailure, Plan, Step
from holdfast.run import events as ev
from holdfast.run.choose import Decision, Expand
from holdfast.run.disposition import left_behind
from holdfast.run.finishing import outcome
from holdfast.run.reviews import cuts_off
from tests.unit.run.story import FAILED, Story, snapshot, step

MORE = ev.AttemptEnded("succeeded", 0, outputs={"outcome": "more"}, outcome="more")
CONTINUE, SKIP = OnFailure.CONTINUE, OnFailure.SKIP_DEPENDENTS


def repair(most: int = 3) -> Story:
    """`build`, then `test`; where that fails, `fix` leads back to `build`; `ship` waits for `test`."""
    return Story(
        step("build"),
        step("test", "build", edges={"failure": "fix"}),
        step("fix", edges={"success": ("build", most)}),
        step("ship", "test"),
    )


def told(story: Story, body: ev.Body, name: str) -> Story:
    """The next thing that is to be told is this."""
    assert story.next_told() == (body, name)
    return story.tell(body, name)


def answer(story: Story, name: str, choice: ev.Verdict) -> Story:
    """A person's word on a loop that is stuck."""
    disposed = None
    if choice == "reject" and story.status(name) == "failed":
        disposed = left_behind(story.run, story.run.index[name])
    return story.tell(ev.StepAnswered(choice, disposed=disposed), name)


def same(story: Story) -> None:
    assert snapshot(story.refolded()) == snapshot(story.run)


def test_a_jump_back_makes_a_new_visit_of_all_that_goes_round() -> None:
    # semantics S17, R4
    story = repair().ok("build").breaks("test").ok("fix")
    told(story, ev.StepJumped("build", 2, ("build#2", "test#2", "fix#2")), "fix")
    assert story.statuses() == {
        "build": "succeeded",
        "test": "failed",
        "fix": "succeeded",
        "ship": "pending",
        "build#2": "ready",
        "test#2": "pending",
        "fix#2": "pending",
    }
    same(story)
    end = story.play()
    assert (end.outcome, story.status("fix#2"), story.status("ship")) == ("succeeded", "skipped", "succeeded")
    same(story)


def test_nothing_outside_goes_on_before_the_loop_is_left() -> None:
    # semantics S17
    story = repair().ok("build")
    assert story.ok("test").next_told() == (ev.StepSkipped("branch"), "fix")
    assert story.status("ship") == "pending"
    told(story, ev.StepSkipped("branch"), "fix")
    assert story.next_start() == ("ship", 1)


def test_what_a_visit_chose_outside_is_void_with_it() -> None:
    # semantics S17
    story = Story(
        step("test", edges={"failure": "explain", "success": "ship", "more": ("test", 3)}),
        step("explain"),
        step("ship"),
    )
    story.start("test").end("test", ev.AttemptEnded("failed", 1, FAILED.error, outcome="more", disposed=next_()))
    told(story, ev.StepJumped("test", 2, ("test#2",)), "test")
    assert (story.status("explain"), story.status("ship")) == ("pending", "pending")
    assert story.play().outcome == "succeeded"
    assert (story.status("explain"), story.status("ship")) == ("skipped", "succeeded")


def next_() -> ev.Disposition:
    return ev.Disposition("next", reason="there is no retry")


def test_names_mean_the_latest_visit() -> None:
    # semantics S17
    story = Story(
        step("a", edges={"more": ("a", 9)}),
        step("b", "a", when="steps.a.outputs.n == 3 and steps.a.attempts == 1"),
    )
    for n, name in enumerate(("a", "a#2"), 1):
        story.start(name).end(name, ev.AttemptEnded("succeeded", 0, outputs={"n": n}, outcome="more"))
        told(story, ev.StepJumped("a", n + 1, (f"a#{n + 1}",)), name)
    story.ok("a#3", n=3)
    assert story.take() == ["b"]


def test_past_the_limit_the_run_is_blocked_and_a_person_allows_one_more_visit() -> None:
    # semantics S17, S14
    story = Story(step("a", edges={"more": ("a", 2)}), step("b", "a")).start("a").end("a", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2",)), "a").start("a#2").end("a#2", MORE)
    told(story, ev.StepStuck("a", 2), "a#2")
    assert (story.next(), story.rest()) == (None, ev.RunBlocked(("a#2",)))
    same(story)
    answer(story, "a#2", "approve")
    told(story, ev.StepJumped("a", 3, ("a#3",)), "a#2").start("a#3").end("a#3", MORE)
    told(story, ev.StepStuck("a", 3), "a#3")
    answer(story, "a#3", "reject")
    answer(story, "a#3", "approve")  # semantics G6: a second answer changes nothing
    assert story.play().outcome == "succeeded"
    assert story.status("b") == "succeeded"
    same(story)


@pytest.mark.parametrize(
    ("policy", "after", "run"),
    [
        (OnFailure.ABORT, "canceled", "failed"),
        (CONTINUE, "succeeded", "partial"),
        (OnFailure.SKIP, "skipped", "partial"),
    ],
)
def test_a_failure_whose_loop_a_person_leaves_has_the_policy_of_its_step(
    policy: OnFailure, after: str, run: str
) -> None:
    # semantics S6, S17
    story = Story(step("a", edges={"failure": ("a", 2)}, on_failure=policy), step("b", "a")).breaks("a")
    told(story, ev.StepJumped("a", 2, ("a#2",)), "a").breaks("a#2")
    told(story, ev.StepStuck("a", 2), "a#2")
    end = answer(story, "a#2", "reject").play()
    assert (end.outcome, story.status("b")) == (run, after)
    same(story)


def test_a_jump_of_a_failure_mode_leads_back_too() -> None:
    # semantics S5, S17
    mode = FailureMode(name="flaky", detect="true", do="goto", target="a", max_visits=3)
    story = Story(step("a"), step("b", "a", modes=(mode,)), step("c", "b")).ok("a").breaks("b")
    told(story, ev.StepJumped("a", 2, ("a#2", "b#2")), "b")
    assert (story.play().outcome, story.status("c")) == ("succeeded", "succeeded")
    assert story.statuses()["b"] == "failed"


def test_a_failure_that_no_loop_takes_counts_in_any_visit() -> None:
    # semantics S17, S14
    story = Story(step("a", edges={"more": ("a", 5)}), step("b", "a")).start("a").end("a", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2",)), "a")
    assert story.play("a#2").outcome == "failed"


def test_an_inner_loop_has_all_its_visits_again_in_each_round_of_the_outer() -> None:
    # semantics S17
    story = Story(
        step("plan"),
        step("build", "plan", edges={"more": ("build", 2)}),
        step("review", "build", edges={"more": ("plan", 3)}),
        step("ship", "review"),
    ).ok("plan")
    story.start("build").end("build", MORE)
    told(story, ev.StepJumped("build", 2, ("build#2",)), "build").ok("build#2").start("review").end("review", MORE)
    told(story, ev.StepJumped("plan", 2, ("plan#2", "build#3", "review#2")), "review").ok("plan#2")
    story.start("build#3").end("build#3", MORE)
    told(story, ev.StepJumped("build", 2, ("build#4",)), "build#3").start("build#4").end("build#4", MORE)
    told(story, ev.StepStuck("build", 2), "build#4")
    answer(story, "build#4", "reject")
    assert (story.play().outcome, story.status("ship"), story.status("review#2")) == ("succeeded", *["succeeded"] * 2)
    same(story)


def test_loops_that_overlap_one_after_the_other_go_round_each() -> None:
    # semantics S17
    story = Story(
        step("a"),
        step("b", "a"),
        step("c", "b", edges={"more": ("a", 2)}),
        step("d", "c", edges={"more": ("b", 2)}),
    )
    story.ok("a").ok("b").start("c").end("c", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2", "b#2", "c#2")), "c").ok("a#2").ok("b#2").ok("c#2").start("d").end(
        "d", MORE
    )
    told(story, ev.StepJumped("b", 2, ("b#3", "c#3", "d#2")), "d").ok("b#3").ok("c#3")
    assert story.next_start() == ("d#2", 1)
    assert (story.play().outcome, story.run.left) == ("succeeded", 0)
    same(story)


def test_a_fallback_goes_round_with_the_step_it_stands_in_for() -> None:
    # semantics S7, S17
    story = Story(step("a", on_failure="x"), step("x"), step("b", "a", edges={"more": ("a", 3)}), step("c", "b"))
    story.breaks("a").ok("x")
    told(story, ev.StepRecovered("x"), "a").start("b").end("b", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2", "x#2", "b#2")), "b").breaks("a#2")
    assert story.next_start() == ("x#2", 1)
    story.ok("x#2")
    told(story, ev.StepRecovered("x#2"), "a#2")
    end = story.play()
    assert (end.outcome, len(end.warnings), story.status("c")) == ("succeeded", 1, "succeeded")
    assert '"a#2" failed' in end.warnings[0]
    same(story)


def test_a_fan_out_inside_of_a_loop_is_expanded_anew() -> None:
    # semantics S17, R4
    many = ForEach(items=["k"])
    story = Story(
        step("a", for_each=many),
        step("b", "a", edges={"more": ("a", 3)}),
        step("c", "b", when='steps["a[k]"].outputs.n == 2 and sum(steps["a[*]"].outputs.n) == 2'),
    )
    for n, (a, b) in enumerate([("a", "b"), ("a#2", "b#2")], 1):
        decision: Decision | None = story.next()
        assert isinstance(decision, Expand)
        story.tell(decision.body(), a).ok(f"{a}[k]", n=n)
        told(story, ev.StepGathered("succeeded"), a).start(b)
        story.end(b, MORE if n == 1 else ev.AttemptEnded("succeeded", 0))
        if n == 1:
            told(story, ev.StepJumped("a", 2, ("a#2", "b#2")), "b")
    assert story.take() == ["c"]
    same(story)


def test_the_end_of_a_fan_out_may_lead_back() -> None:
    story = Story(step("a"), step("b", "a", for_each=ForEach(items=["k"]), edges={"failure": ("a", 2)}))
    story.ok("a")
    decision = story.next()
    assert isinstance(decision, Expand)
    story.tell(decision.body(), "b").breaks("b[k]")
    body, name = story.next_told()
    assert (body.kind, name) == ("step.gathered", "b")
    told(story.tell(body, name), ev.StepJumped("a", 2, ("a#2", "b#2")), "b")
    assert story.play().outcome == "succeeded"


def test_a_jump_waits_for_all_that_goes_round() -> None:
    # semantics S17
    story = Story(
        step("a"),
        step("b", "a", edges={"success": "d"}),
        step("c", "a", edges={"success": "d"}),
        step("d", edges={"more": ("a", 2)}),
    )
    story.ok("a").start("c").ok("b").start("d").end("d", MORE)
    assert story.next() is None
    story.end("c", ev.AttemptEnded("succeeded", 0))
    told(story, ev.StepJumped("a", 2, ("a#2", "b#2", "c#2", "d#2")), "d")
    assert story.play().outcome == "succeeded"


def test_of_two_edges_that_may_be_taken_again_the_one_reached_first_leads_on() -> None:
    # semantics S17
    story = Story(
        step("fix", edges={"success": ("test", 3)}), step("build"), step("test", "build", edges={"failure": ("fix", 3)})
    )
    assert story.next_start() == ("build", 1)
    story.ok("build").breaks("test").ok("fix")
    told(story, ev.StepJumped("test", 2, ("fix#2", "test#2")), "fix")
    assert (story.play().outcome, story.status("fix#2")) == ("succeeded", "skipped")


@pytest.mark.parametrize("end", ["cancel", "pause"])
def test_nothing_jumps_while_the_run_ends_or_pauses(end: str) -> None:
    # semantics S8
    story = Story(step("a", edges={"more": ("a", 2)})).start("a")
    story.tell(ev.RunCanceling() if end == "cancel" else ev.RunPausing()).end("a", MORE)
    assert story.next() is None
    if end == "pause":
        story.tell(ev.RunPaused()).tell(ev.RunOwned(2, "host", 1, "0"))
        told(story, ev.StepJumped("a", 2, ("a#2",)), "a")
    else:
        assert story.play().outcome == "canceled"
    same(story)


def test_a_cancel_ends_a_run_whose_loop_is_stuck_and_finally_sees_the_latest_visit() -> None:
    # semantics S15, S17
    last = Step(id="z", work=step("z").work, depends=Depends.DONE, needs=("a",))
    story = Story(step("a", edges={"failure": ("a", 2)}), step("b", "a"), last=(last,)).breaks("a")
    told(story, ev.StepJumped("a", 2, ("a#2",)), "a").breaks("a#2")
    told(story, ev.StepStuck("a", 2), "a#2").tell(ev.RunBlocked(("a#2",))).tell(ev.RunOwned(2, "host", 1, "0"))
    end = story.tell(ev.RunCanceling()).play()
    assert (end.outcome, story.status("z"), story.status("b")) == ("canceled", "succeeded", "canceled")
    assert story.run.needs[story.run.index["z"]] == (story.run.index["a#2"],)
    same(story)


def test_finally_steps_have_loops_of_their_own() -> None:
    # semantics S15, S17
    last = (
        Step(id="y", work=step("y").work, depends=Depends.DONE, next=(Edge(on="more", to="y", max_visits=3),)),
        Step(id="z", work=step("z").work, depends=Depends.DONE, needs=("y",)),
    )
    story = Story(plan=Plan(id="p", steps=(step("a"),), finally_=last)).ok("a")
    story.tell(ev.RunEnding("succeeded")).start("y").end("y", MORE)
    told(story, ev.StepJumped("y", 2, ("y#2",)), "y")
    assert (story.play().outcome, story.status("z")) == ("succeeded", "succeeded")
    same(story)


def test_visits_that_are_over_do_not_count_in_the_outcome() -> None:
    # semantics S14, S17
    story = Story(
        step("a"),
        step("b", "a", on_failure=CONTINUE),
        step("c", "b", edges={"more": ("a", 2)}),
    )
    story.ok("a").fail("b").start("c").end("c", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2", "b#2", "c#2")), "c")
    story.take()
    assert outcome(story.run) == "succeeded"


def test_a_step_that_leads_back_takes_its_own_fallback_round_with_it() -> None:
    # semantics S7, S17
    story = (
        Story(step("a", on_failure="x", edges={"more": ("a", 2)}), step("x"), step("b", "a")).start("a").end("a", MORE)
    )
    told(story, ev.StepSkipped("branch"), "x")
    told(story, ev.StepJumped("a", 2, ("a#2", "x#2")), "a").breaks("a#2")
    assert story.next_start() == ("x#2", 1)
    assert (story.play().outcome, story.status("b")) == ("succeeded", "succeeded")
    same(story)


def test_a_run_that_is_canceled_before_a_jump_is_canceled_whatever_its_steps_say() -> None:
    # semantics S14, S17
    story = Story(step("a", edges={"more": ("a", 2)})).start("a").tell(ev.RunCanceling()).end("a", MORE)
    assert story.play().outcome == "canceled"
    assert outcome(story.run) == "canceled"


def test_a_run_does_not_rest_before_it_has_jumped() -> None:
    # semantics S17
    story = Story(step("a", edges={"more": ("a", 2)})).start("a").end("a", MORE)
    assert story.rest() is None


def test_a_run_does_not_end_before_it_has_heard_what_was_said_of_its_loop() -> None:
    # semantics G6, S16, S17
    story = Story(step("a", edges={"more": ("a", 2)}), step("b", "a")).start("a").end("a", MORE)
    told(story, ev.StepJumped("a", 2, ("a#2",)), "a").start("a#2").end("a#2", MORE)
    told(story, ev.StepStuck("a", 2), "a#2")
    assert cuts_off(story.run, ev.Event(story.now, ev.RunFinished("canceled")))
    assert not cuts_off(answer(story, "a#2", "reject").run, ev.Event(story.now, ev.RunFinished("canceled")))
