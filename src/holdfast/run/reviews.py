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
