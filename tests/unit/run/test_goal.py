"""`goal.done_when` is evaluated and recorded at the end (semantics S18)."""

import pytest

from holdfast.plan.model import Depends, Goal, Holds, OnFailure, Plan, Prose, Step
from holdfast.run import events as ev
from holdfast.run.goal import GoalAnswered, GoalAsked
from tests.unit.run.story import OWNED, Story, snapshot, step


def ended(*done_when: str, failing: str = "", last: tuple[Step, ...] = ()) -> tuple[Story, ev.RunFinished]:
    """A run of a plan with that goal, of which at most one step fails."""
    steps = (step("a"), step("b", on_failure=OnFailure.CONTINUE))
    goal = Goal(done_when=tuple([Holds(expression=text) for text in done_when]))
    story = Story(plan=Plan(id="p", steps=steps, finally_=last, goal=goal))
    return story, story.play(failing)


def test_a_goal_that_is_met_is_recorded() -> None:
    # semantics S18
    _, end = ended("steps.a.ok", 'run.outcome == "succeeded"')
    assert (end.outcome, end.warnings) == ("succeeded", ())
    assert end.goal == {"steps.a.ok": "true", 'run.outcome == "succeeded"': "true"}


@pytest.mark.parametrize(
    ("text", "found", "warning"),
    [
        ("not steps.a.ok", "false", "goal.unmet: not steps.a.ok"),
        ("steps.a.outputs.rows > 3", 'there is no key "rows"', "goal.unmet: steps.a.outputs.rows > 3: "),
    ],
)
def test_a_goal_that_is_not_met_makes_a_succeeded_run_partial(text: str, found: str, warning: str) -> None:
    # semantics S18: never taken as true where it cannot be evaluated
    _, end = ended("steps.a.ok", text)
    assert end.outcome == "partial"
    assert end.warnings[0].startswith(warning)
    assert end.goal[text] == found or found != "false"
    assert end.goal["steps.a.ok"] == "true"


def test_a_goal_changes_no_other_outcome() -> None:
    # semantics S18
    assert ended("false", failing="a")[1].outcome == "failed"
    assert ended("true", failing="b")[1].outcome == "partial"


def test_finally_steps_see_whether_the_goal_is_met_as_far_as_it_is_not_about_them() -> None:
    # semantics S15, semantics S18
    last = (step("z", depends=Depends.DONE, when='run.outcome == "partial"'),)
    assert ended("false", last=last)[0].status("z") == "succeeded"
    story, end = ended("steps.z.ok", last=last)
    assert (story.status("z"), end.outcome) == ("skipped", "partial")


NICE = "it is nice"


def in_prose(*more: str, on_failure: OnFailure = OnFailure.ABORT, last: tuple[Step, ...] = ()) -> Story:
    """A run whose goal is one criterion in prose, and more."""
    goal = Goal(done_when=tuple([Prose(prose=text) for text in (NICE, *more)]))
    return Story(plan=Plan(id="p", steps=(step("a", on_failure=on_failure),), finally_=last, goal=goal))


def said(choice: ev.Verdict, criterion: str = NICE, reason: str | None = None) -> GoalAnswered:
    return GoalAnswered(criterion, choice, 5, ev.Who("ann"), reason)


def asked(story: Story) -> list[str]:
    """What people are asked before the run is blocked."""
    found = []
    while isinstance(rest := story.rest(), GoalAsked):
        story.tell(rest)
        found.append(rest.criterion)
    assert rest == ev.RunBlocked()
    story.tell(rest)
    return found


@pytest.mark.parametrize(
    ("choice", "outcome", "found"), [("approve", "succeeded", "true"), ("reject", "partial", "rejected by ann: no")]
)
def test_prose_blocks_the_run_until_a_person_has_said(choice: ev.Verdict, outcome: str, found: str) -> None:
    # semantics S18
    story = in_prose()
    story.ok("a")
    assert asked(story) == [NICE]
    end = story.tell(said(choice, reason="no")).tell(OWNED).rest()
    assert isinstance(end, ev.RunFinished)
    assert (end.outcome, end.goal) == (outcome, {NICE: found})
    assert end.warnings == (() if choice == "approve" else (f"goal.unmet: {NICE}: {found}",))


def test_every_criterion_is_asked_by_itself_and_all_must_be_answered() -> None:
    # semantics S18
    story = in_prose("it is short", NICE)
    story.ok("a")
    assert asked(story) == [NICE, "it is short"]
    story.tell(said("approve")).tell(OWNED)
    assert story.rest() == ev.RunBlocked()
    story.tell(said("approve", "it is short"))
    assert isinstance(story.rest(), ev.RunFinished)


def test_prose_is_asked_after_the_finally_steps() -> None:
    # semantics S15, semantics S18: who cleans up does not wait for a person
    story = in_prose(last=(step("z"),))
    story.ok("a").tell(ev.RunEnding("succeeded")).ok("z")
    assert asked(story) == [NICE]


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_nobody_is_asked_about_the_goal_of_a_run_that_failed_or_was_canceled(end: str) -> None:
    # semantics S18
    story = in_prose()
    if end == "failed":
        story.fail("a")
    else:
        story.tell(ev.RunCanceling())
    rest = story.rest()
    assert isinstance(rest, ev.RunFinished)
    assert (rest.outcome, rest.goal) == (end, {})


def test_a_run_that_is_canceled_while_its_goal_is_asked_about_ends_as_canceled() -> None:
    # semantics S18
    story = in_prose()
    story.ok("a")
    asked(story)
    end = story.tell(ev.RunCanceling()).tell(OWNED).rest()
    assert isinstance(end, ev.RunFinished)
    assert (end.outcome, end.goal) == ("canceled", {NICE: "nobody has said"})


def test_prose_is_asked_where_steps_were_tolerated_too() -> None:
    # semantics S18
    story = in_prose(on_failure=OnFailure.CONTINUE)
    story.fail("a")
    assert asked(story) == [NICE]
    story.tell(said("approve")).tell(OWNED)
    end = story.rest()
    assert isinstance(end, ev.RunFinished)
    assert end.outcome == "partial"


def test_a_second_answer_about_the_goal_changes_nothing() -> None:
    # semantics G6
    story = in_prose()
    story.ok("a")
    asked(story)
    before = snapshot(story.tell(said("approve")).run)
    assert snapshot(story.tell(said("reject")).run) == before | {"seq": story.run.seq}
    assert snapshot(story.refolded()) == snapshot(story.run)
