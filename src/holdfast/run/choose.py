"""(Run, now) -> the next decision, with its reason. Pure: the engine applies it, then asks again.

A decision is an event to append, or a wish that something outside happens. Asked often enough, `choose` says `None`:
nothing is to be done until something happens or `wake_at` is reached.
"""

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.errors import BugError
from holdfast.plan.expr import ExpressionError, compile_expression, truth
from holdfast.plan.model import Effect, OnFailure
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.machine import Run
from holdfast.run.policy import LOST_ATTEMPTS_MAX
from holdfast.run.standing import Canceled, Failed, Pausing, Skipped
from holdfast.run.states import SOFT_SKIPS, RunStatus


class Start(NamedTuple):
    """Begin attempt number `attempt` of the step at position `step`; `facts` decided its condition."""

    step: int
    attempt: int
    facts: dict[str, object]


class Tell(NamedTuple):
    """Append this event."""

    event: ev.Event


Decision = Start | Tell


def choose(run: Run, now: int, room: int, facts: Mapping[str, object]) -> Decision | None:
    """The next decision, or `None`. `room` is how many more attempts may begin (0 or less: none)."""
    if run.status is not RunStatus.RUNNING or _is_closing(run):
        return None
    run.queue.call_due(now)
    if room <= 0:
        return None
    i = run.queue.first()
    return None if i is None else _begin(run, i, now, facts)


def at_rest(run: Run, now: int, facts: Mapping[str, object]) -> Tell | None:
    """What follows when nothing runs and `choose` has nothing: an end, a pause, a block, or `None` (not yet)."""
    if run.status is not RunStatus.RUNNING or run.running:
        return None
    ending = run.aborting is not None or run.canceling is not None
    if run.too_often_lost is not None and not ending:
        step = run.steps[run.too_often_lost].id
        reason = f'{LOST_ATTEMPTS_MAX} attempts of step "{step}" were lost with the process that ran them'
        return Tell(ev.Event(now, ev.RunQuarantined(reason)))
    if run.uncertain and (ending or (run.pausing is None and not run.queue)):
        return Tell(ev.Event(now, ev.RunBlocked(tuple(run.steps[i].id for i in sorted(run.uncertain)))))
    if ending or not run.left:
        return Tell(ev.Event(now, _finish(run, facts)))
    if run.pausing is not None:
        return Tell(ev.Event(now, ev.RunPaused()))
    if not run.queue:
        raise BugError(f"run {run.id} has {run.left} steps left and none of them can move", code="E_BUG")
    return None


def wake_at(run: Run) -> int | None:
    """When the next retry is due, if nothing else happens before; what is due already waits for room, not for time."""
    return None if _is_closing(run) else run.queue.next_due()


def to_stop(run: Run) -> list[int]:
    """Positions of running steps that are to be stopped now (semantics S8).

    Running `once` steps are let finish within their timeout, unless a person insists (Ctrl-C twice).
    """
    insists = run.pausing is Pausing.STOP
    if run.aborting is None and run.canceling is None and not insists:
        return []
    return [i for i in sorted(run.running) if insists or run.steps[i].effect_class is not Effect.ONCE]


def outcome(run: Run) -> ev.RunOutcome:
    """The run's outcome from its steps' outcomes (semantics S14); steps that never ran count as canceled."""
    tolerated = False
    canceled = run.canceling is not None and run.left > 0
    for step, state in zip(run.steps, run.states, strict=True):
        if isinstance(state, Failed):
            if step.on_failure.action in {OnFailure.ABORT, OnFailure.ROLLBACK}:
                return "failed"
            tolerated = True
        elif isinstance(state, Skipped):
            tolerated = tolerated or state.why not in SOFT_SKIPS
        elif isinstance(state, Canceled):
            canceled = True
    if canceled:
        return "canceled"
    return "partial" if tolerated else "succeeded"


def _is_closing(run: Run) -> bool:
    """Whether nothing new starts, and the run comes to rest when nothing runs any more."""
    return (
        run.aborting is not None
        or run.canceling is not None
        or run.pausing is not None
        or run.too_often_lost is not None
    )


def _begin(run: Run, i: int, now: int, facts: Mapping[str, object]) -> Decision:
    step = run.steps[i]
    attempt = run.attempts_of(i).total + 1
    if attempt > 1:
        return Start(i, attempt, {})  # conditions are evaluated once (semantics S3)
    if run.graph.needs[i] and run.doomed(i):
        return Tell(ev.Event(now, ev.StepSkipped("upstream"), step.id))
    if step.conditions is None:
        return Start(i, attempt, {})
    return _decide_condition(run, i, now, facts)


def _decide_condition(run: Run, i: int, now: int, facts: Mapping[str, object]) -> Decision:
    step = run.steps[i]
    conditions = step.conditions
    assert conditions is not None
    used: dict[str, object] = {}
    wanted = [(conditions.when, True)] if conditions.when is not None else []
    wanted += [(text, False) for text in conditions.skip_if]
    label = ""
    try:
        for text, runs in wanted:
            label = f"when: {text}" if runs else f"skip_if: {text}"
            expression = compile_expression(text)
            used |= {name: facts[name] for name in sorted(expression.facts) if name in facts}
            if truth(expression.evaluate(context_for(run, expression.references, facts))) is not runs:
                return Tell(ev.Event(now, ev.StepSkipped("condition", label, used), step.id))
    except ExpressionError as error:
        said = ev.Error("expression.invalid", f"{label}: {error.headline}")
        return Tell(ev.Event(now, ev.StepFailed(said, used), step.id))
    return Start(i, 1, used)


def _finish(run: Run, facts: Mapping[str, object]) -> ev.RunFinished:
    ended = outcome(run)
    outputs: dict[str, object] = {}
    warnings: list[str] = []
    for name, text in run.plan.outputs.items():
        try:
            expression = compile_expression(text)
            outputs[name] = expression.evaluate(context_for(run, expression.references, facts))
        except ExpressionError as error:
            warnings.append(f'output "{name}" has no value: {error.headline}')
    return ev.RunFinished(ended, outputs, tuple(warnings))
