"""Promises in prose: asked of a person when an attempt has ended well, and what comes of the answer (semantics S20).

Those of a goal are `goal`'s.
"""

from typing import TYPE_CHECKING

from holdfast.plan.model import Prose, Step
from holdfast.run import events as ev
from holdfast.run import visits
from holdfast.run.disposition import Failing
from holdfast.run.standing import Reviewed, Succeeded
from holdfast.run.states import step_after

if TYPE_CHECKING:
    from holdfast.run.machine import Run


def promised(step: Step) -> tuple[str, ...]:
    """What the step promises in prose: only a person can say whether it holds (semantics S20)."""
    return tuple(criterion.prose for criterion in step.results.expect if isinstance(criterion, Prose))


def rejected(answer: ev.StepAnswered) -> ev.Error:
    """How a step fails that a person did not approve (semantics S20)."""
    who = answer.who.by or answer.who.user
    return ev.Error("expect.failed", f"{who} rejected it" + (f": {answer.reason}" if answer.reason else ""))


def is_asked(run: "Run", i: int) -> bool:
    """Whether people are still asked about step `i`: not once its run, or its fan-out, is to end without it."""
    return i in run.reviews and not run.ending and run.group_of.get(i) not in run.failing


def cuts_off(run: "Run", event: ev.Event) -> bool:
    """Whether the event ends what people are asked, so that it must come after all that they said (semantics G6, S16).

    They may have said it before they could know that the end was near: it is in the journal before that, and this
    event must not be told before it was heard.
    """
    if isinstance(event.body, ev.RunEnding | ev.RunFinished):
        return bool(run.reviews or visits.stuck(run)) or None in run.judged.values()
    if not run.reviews or not isinstance(event.body, ev.StepGathered) or event.step is None:
        return False
    return not run.reviews.isdisjoint(run.groups[run.index[event.step]].positions)


def answered(run: "Run", event: ev.Event) -> None:
    """A person says whether an attempt did what it promised; a second answer changes nothing (semantics G6)."""
    body = event.body
    assert isinstance(body, ev.StepAnswered)
    if event.attempt is None:
        visits.answered(run, event)
        return
    assert event.step is not None
    i = run.index[event.step]
    state = run.states[i]
    if not isinstance(state, Reviewed) or state.result.attempt != event.attempt:
        return
    if run.failing and run.group_of.get(i) in run.failing:
        return  # it ends with its fan-out, which may be told already
    run.reviews.discard(i)
    if body.choice == "approve":
        step_after(state.status, "succeeded")
        run.finish(i, Succeeded(state.result))
    else:
        failing = Failing(event.at, body.error or rejected(body), state.result, body.disposed)
        run.attempt_failed(i, failing, body.retry_at)


def of_goal(run: "Run", event: ev.Event) -> None:
    """People are asked about the goal, or have answered (semantics S18)."""
    from holdfast.run.goal import fold  # noqa: PLC0415 - few plans have a goal in prose

    fold(run, event)


def of_budget(run: "Run", event: ev.Event) -> None:
    """People are asked for more of a budget (semantics G8)."""
    from holdfast.run.shortages import BudgetAsked, fold  # noqa: PLC0415 - few runs spend all that they may

    assert isinstance(event.body, BudgetAsked)
    fold(run, event.body)
