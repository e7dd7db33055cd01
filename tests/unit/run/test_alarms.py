"""What is late is told once, and everything goes on (semantics S18)."""

import pytest
from msgspec.structs import replace

from holdfast.plan.model import Goal, Overdue, People, Plan, Step
from holdfast.run import events as ev
from holdfast.run.alarms import Escalated
from holdfast.run.choose import Start, Tell, wake_at
from tests.unit.run.story import SECOND, T0, Story, snapshot, step

LATE = Overdue(after_s=60, escalate="lead")
DAY = T0 - T0 % (86_400 * SECOND)


def late_step(name: str, *needs: str) -> Step:
    return replace(step(name, *needs), people=People(overdue=LATE))


def told(story: Story) -> tuple[str, str | None, str | None]:
    """What people are told now: by which key, of which step, and who."""
    decision = story.next(0)
    assert isinstance(decision, Tell)
    body, name = decision.event.body, decision.event.step
    assert isinstance(body, Escalated)
    story.tell(body, name)
    return body.what, name, body.role


def test_a_run_that_is_not_done_in_time_is_told_of_once_and_goes_on() -> None:
    # semantics S18
    story = Story(plan=Plan(id="p", steps=(step("a"), step("b", "a")), overdue=LATE)).start("a")
    assert (story.next(0), wake_at(story.run)) == (None, T0 + 60 * SECOND)
    assert told(story.later(60)) == ("overdue", None, "lead")
    assert (story.next(0), wake_at(story.run)) == (None, None)
    assert story.end("a", ev.AttemptEnded("succeeded", 0)).play().outcome == "succeeded"


@pytest.mark.parametrize(
    ("deadline", "passes"),
    [("2023-11-14T23:00:00Z", DAY + 23 * 3600 * SECOND), ("2023-11-14", DAY + 86_400 * SECOND)],
)
def test_a_deadline_passes_at_its_time_and_that_of_a_day_when_the_day_is_over(deadline: str, passes: int) -> None:
    # semantics S18
    story = Story(plan=Plan(id="p", steps=(step("a"),), goal=Goal(deadline=deadline))).start("a")
    assert wake_at(story.run) == passes
    story.now = passes - 1
    assert story.next(0) is None
    story.now = passes
    assert told(story) == ("goal.deadline", None, None)


def test_a_step_is_late_so_long_after_it_began_whatever_became_of_its_attempts() -> None:
    # semantics S18: its first attempt counts
    story = Story(step("a"), late_step("b", "a")).start("a").later(100).end("a", ev.AttemptEnded("succeeded", 0))
    story.fail("b", retry_s=50).later(59)
    assert isinstance(story.next(), Start)
    story.start("b", 2).later(1)
    assert told(story) == ("overdue", "b", "lead")
    assert snapshot(story.refolded()) == snapshot(story.run)


def test_a_step_that_waits_is_late_too_and_one_that_has_ended_is_not() -> None:
    # semantics S18
    story = Story(late_step("a"), late_step("b")).tell(ev.StepWaiting("requires", "x", "x"), "a").ok("b").later(60)
    assert told(story) == ("overdue", "a", "lead")
    assert not isinstance(story.next(0), Tell)


def test_of_a_run_that_nothing_makes_late_nothing_is_kept() -> None:
    assert Story(step("a")).run.alarms is None
