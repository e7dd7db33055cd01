"""The goal's criteria in prose: people are asked at the end, and the run waits for what they say (semantics S18)."""

from typing import TYPE_CHECKING, ClassVar

from holdfast.plan.model import Prose
from holdfast.run import events as ev
from holdfast.run.finishing import outcome
from holdfast.run.reckoning import ran_s

if TYPE_CHECKING:
    from holdfast.run.machine import Run


class GoalAsked(ev.Body, frozen=True):
    """People are asked whether one criterion of the goal is met."""

    kind: ClassVar[str] = "goal.asked"
    criterion: str


class GoalAnswered(ev.Body, frozen=True):
    """A person's word on it; `asked` is the number of the event that asked."""

    kind: ClassVar[str] = "goal.answered"
    criterion: str
    choice: ev.Verdict
    asked: int
    who: ev.Who = ev.Who()
    reason: str | None = None


def prose_of(run: "Run") -> list[str]:
    """What of the goal only a person can say."""
    goal = run.plan.goal
    found = [criterion.prose for criterion in goal.done_when if isinstance(criterion, Prose)] if goal else []
    return list(dict.fromkeys(found))


def review(run: "Run", now: int) -> ev.Event | None:
    """The next event before a run may end whose goal has criteria in prose: a question, or that it waits for answers.

    Of a run that has failed or was canceled nobody is asked: no answer makes its outcome better.
    """
    if run.canceling is not None or outcome(run) not in {"succeeded", "partial"}:
        return None
    wanted = prose_of(run)
    for criterion in wanted:
        if criterion not in run.judged:
            return ev.Event(now, GoalAsked(criterion))
    if any(run.judged[criterion] is None for criterion in wanted):
        return ev.Event(now, ev.RunBlocked((), ran_s(run, now)))
    return None


def fold(run: "Run", event: ev.Event) -> None:
    """A question, or its answer; a second answer changes nothing (semantics G6)."""
    body = event.body
    if isinstance(body, GoalAsked):
        run.judged.setdefault(body.criterion, None)
        return
    assert isinstance(body, GoalAnswered)
    if run.judged.get(body.criterion, "") is None:
        run.judged[body.criterion] = in_words(body)


def in_words(said: GoalAnswered) -> str:
    """What a criterion is by a person's word: true, or who says that it is not, and why."""
    if said.choice == "approve":
        return "true"
    return f"rejected by {said.who.by or said.who.user}" + (f": {said.reason}" if said.reason else "")


GOAL_BODIES: tuple[type[ev.Body], ...] = (GoalAsked, GoalAnswered)
