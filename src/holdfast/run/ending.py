"""The end of a run: what has not ended never will, and the `finally` steps come after everything else (semantics S15).

Only `machine` calls these.
"""

from typing import TYPE_CHECKING

from holdfast.run import events as ev
from holdfast.run.standing import Canceled, Expanded
from holdfast.run.states import FINAL_STEP, step_after
from holdfast.run.visits import awaited

if TYPE_CHECKING:
    from holdfast.run.machine import Run


def begin_last(run: "Run", event: ev.Event) -> None:
    """Everything but the `finally` steps is over."""
    body = event.body
    assert isinstance(body, ev.RunEnding)
    first = len(run.plan.steps)
    last = range(first, first + run.tail)
    run.settling.clear()
    run.failing.clear()
    run.reviews.clear()
    _forget_turns(run)
    for i in run.waiting:
        run.waiting.end(i)
    run.queue.clear()  # not before: whoever leaves a line gives way to others in it
    cancel_rest(run, body.outcome, last)
    run.finalizing, run.outcome, run.cancels_heeded = True, body.outcome, body.cancels
    run.too_often_lost = None
    run.left = run.tail
    for i in last:
        if run.visits is None:
            run.missing[i] = sum(run.states[j].status not in FINAL_STEP for j in run.needs[i])
        else:
            run.missing[i] = len(awaited(run, i))
        run.missing[i] += i in run.undecided
    for i in last:
        if not run.missing[i]:
            run.make_ready(i)


def end(run: "Run", event: ev.Event) -> None:
    """The run has its outcome."""
    body = event.body
    assert isinstance(body, ev.RunFinished)
    run.rest(body.outcome, event)
    run.outcome, run.outputs, run.finished_at = body.outcome, body.outputs, event.at
    run.waiting.clear()
    run.reviews.clear()
    if run.left:
        cancel_rest(run, body.outcome)
        run.left = 0
    _forget_turns(run)
    run.settling.clear()
    run.queue.clear()


def _forget_turns(run: "Run") -> None:
    """What was to lead back does not any more."""
    if run.visits is not None:
        run.visits.cut.update(run.visits.turning)
        run.visits.turning.clear()
        run.visits.stuck.clear()


def cancel_rest(run: "Run", outcome: ev.RunOutcome, but: range = range(0)) -> None:
    """Steps that have not ended are canceled, those in `but` aside."""
    why = "abort" if outcome == "failed" else "cancel"
    for i, state in enumerate(run.states):
        if state.status not in FINAL_STEP and i not in but:
            step_after(state.status, "run ended before all instances" if isinstance(state, Expanded) else "run ended")
            run.states[i] = Canceled(why)
