"""`goal.done_when` is evaluated and recorded at the end (semantics S18)."""

import pytest

from holdfast.plan.model import Depends, Goal, Holds, OnFailure, Plan, Step
from holdfast.run import events as ev
from tests.unit.run.story import Story, step


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
