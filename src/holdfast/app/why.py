"""Why a step ran, or did not: read from what the journal recorded, never decided again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from holdfast.errors import RequestError
from holdfast.plan.nearest import nearest
from holdfast.run import events as ev
from holdfast.run.control import taken
from holdfast.run.growth import FAIL_FAST, Group, template_id
from holdfast.run.machine import Run
from holdfast.run.particulars import Cause
from holdfast.run.reused import StepReused
from holdfast.run.standing import (
    Canceled,
    Failed,
    Falling,
    GivenUp,
    Recovered,
    Retrying,
    Reused,
    Skipped,
    State,
    Uncertain,
    Waiting,
)
from holdfast.run.states import FINAL_STEP, OK_STEP, StepStatus
from holdfast.run.visits import stuck

CAUSES_MAX = 8
"""How many causes of one step are followed."""

LINKS_MAX = 100
"""How long a chain may get."""


class Link(msgspec.Struct, frozen=True):
    """One link of a chain: a step, where it stands, and what put it there; `because` names the next links."""

    step: str
    status: str
    said: str
    because: tuple[str, ...] = ()


class Why(msgspec.Struct, frozen=True):
    """Why a step of a run is where it is: its verdict with its reasons, then the chain of causes, nearest first."""

    run: str
    plan: str
    step: str
    status: str
    verdict: str
    reasons: tuple[dict[str, object], ...]
    chain: tuple[Link, ...]


class _Record(NamedTuple):
    """What the journal says beyond the fold: the last event of each step, and who canceled the run."""

    last: Mapping[str, ev.Event]
    canceling: ev.RunCanceling | None


def why(state: Run, stored: Sequence[ev.StoredEvent], step: str) -> Why:
    """The chain of a step; raises `RequestError` for an unknown one, naming the nearest."""
    index = state.index
    if step not in index:
        near = nearest(step, list(index))
        hint = f'did you mean "{near}"?' if near else f"holdfast show {state.id} lists its steps"
        raise RequestError(f'run {state.id} has no step "{step}"', code="E_UNKNOWN_ID", hint=hint)
    record = _Record(
        {each.event.step: each.event for each in stored if each.event.step is not None},
        next((each.event.body for each in stored if isinstance(each.event.body, ev.RunCanceling)), None),
    )
    links: dict[int, Link] = {}
    waiting = [state.place(step)]
    while waiting and len(links) < LINKS_MAX:
        i = waiting.pop(0)
        if i not in links:
            causes = _causes(state, i)
            names = tuple(state.steps[j].id for j in causes)
            said = _said(state, i, record) + _led(state, i)
            links[i] = Link(state.steps[i].id, state.states[i].status.value, said, names)
            waiting += causes
    verdict, decided = _verdict(stored, state.steps[state.place(step)].id)
    reasons: tuple[dict[str, object], ...] = tuple(
        [{"code": it.code, "detail": it.detail or None, "because": [*it.because]} for it in decided]
    )
    return Why(state.id, state.plan.id, step, links[state.place(step)].status, verdict, reasons, tuple(links.values()))


def _verdict(stored: Sequence[ev.StoredEvent], step: str) -> tuple[str, tuple[Cause, ...]]:
    """What was decided of a step when it might have started, and why."""
    for each in reversed(stored):
        body = each.event.body
        if each.event.step != step:
            continue
        if isinstance(body, StepReused):
            return body.verdict, body.reasons
        if isinstance(body, ev.StepSkipped) and body.why == "condition":
            return "inactive", (Cause("condition-false", body.detail or ""),)
        if isinstance(body, ev.AttemptStarted):
            return "run", body.reasons or (Cause("action"),)
    return "run", (Cause("never-run"),)


def _causes(state: Run, i: int) -> list[int]:
    """The steps that put step `i` where it is."""
    standing = state.states[i]
    if i in state.groups:
        wanted = Failed if isinstance(standing, Failed) else State
        of_interest = [
            j
            for j in state.groups[i].positions
            if isinstance(state.states[j], wanted) and state.states[j].status not in OK_STEP
        ]
        return of_interest[:CAUSES_MAX]
    if isinstance(standing, Canceled) and standing.why == FAIL_FAST:
        return [state.group_of[i]]
    if isinstance(standing, Skipped) and standing.why == "upstream":
        return [j for j in state.needs[i] if not state.satisfied(j)][:CAUSES_MAX]
    if isinstance(standing, Canceled) and standing.why == "abort" and state.aborting is not None:
        return [state.index[state.aborting]]
    if isinstance(standing, Falling | Recovered):
        return [state.place(standing.fallback if isinstance(standing, Falling) else standing.by)]
    choosers = state.control.choosers.get(i, ()) if state.control is not None else ()
    if isinstance(standing, Skipped) and standing.why == "branch":
        return list(choosers)[:CAUSES_MAX]
    if i in state.chosen and standing.status is not StepStatus.PENDING:
        return [j for j in choosers if _has_chosen(state, j, i)][:CAUSES_MAX]
    if standing.status is StepStatus.PENDING:
        waited = (*state.needs[i], *(choosers if i not in state.chosen else ()), *_loops(state, i))
        return [j for j in dict.fromkeys(waited) if _keeps_waiting(state, j)][:CAUSES_MAX]
    return []


def _loops(state: Run, i: int) -> list[int]:
    """The sources of the loops that step `i` is outside of and waits for."""
    held = state.control.held.get(template_id(state.steps[i].id), ()) if state.control is not None else ()
    return [state.place(source) for source in held]


def _led(state: Run, i: int) -> str:
    """What a loop has made of the end of step `i`."""
    if i in stuck(state):
        return "; it leads back, and the visits are used up: answer what `inbox` asks"
    return "; the loop went round once more" if state.visits is not None and i in state.visits.past else ""


def _keeps_waiting(state: Run, j: int) -> bool:
    """Whether step `j` has not ended, or its end is still to lead back."""
    return state.states[j].status not in FINAL_STEP or (state.visits is not None and j in state.visits.turning)


def _has_chosen(state: Run, j: int, i: int) -> bool:
    """Whether the end of step `j`, or its failure, has chosen step `i`."""
    standing, name = state.states[j], template_id(state.steps[i].id)
    if isinstance(standing, Falling | Recovered):
        return name == template_id(standing.fallback if isinstance(standing, Falling) else standing.by)
    return name in taken(state, j)


def _said(state: Run, i: int, record: _Record) -> str:
    """What put step `i` where it is, in one line."""
    standing, event = state.states[i], record.last.get(state.steps[i].id)
    if isinstance(standing, Skipped) and not isinstance(standing, GivenUp):
        return _skipped(standing, event)
    if isinstance(standing, Failed | GivenUp | Retrying | Uncertain | Falling):
        group = state.group_of.get(i)
        said = _error(standing.error, event, None if group is None else state.groups[group])
        is_over = isinstance(standing, Retrying) and state.ending
        return f"{said}; the run is to end, and nothing of it is tried again" if is_over else said
    if isinstance(standing, Recovered):
        error = standing.error
        return f'failed ({error.code}: {error.message}), and "{standing.by}" stood in for it'
    if isinstance(standing, Canceled):
        return _canceled(standing, record.canceling)
    if i in state.groups:
        return _gathered(state, state.groups[i])
    if standing.status in OK_STEP:
        return _stood(standing)
    if isinstance(standing, Waiting):
        return f"waits for {standing.what}"
    if standing.status is StepStatus.PENDING:
        return _pending(state, i)
    if standing.status is StepStatus.READY:
        return f"may start; the run is {state.status.value}"
    return "runs"


def _stood(standing: State) -> str:
    """How a step came to be done."""
    return f"was not run: {standing.origin} stands in for it" if isinstance(standing, Reused) else "ran"


def _pending(state: Run, i: int) -> str:
    if state.control is not None and i in state.control.choosers and i not in state.chosen:
        return "is dormant until the end of another step chooses it"
    if state.is_last(i) and not state.finalizing:
        return "runs when everything else is over"
    left = [state.steps[j].id for j in _loops(state, i) if _keeps_waiting(state, j)]
    if left:
        return f"waits until the loop of {', '.join(left)} is left"
    return "waits for the steps it depends on"


def _gathered(state: Run, group: Group) -> str:
    ended = [state.states[j] for j in group.positions if state.states[j].status in FINAL_STEP]
    return f"became {len(group)} instances; {len(ended)} have ended"


def _error(error: ev.Error, event: ev.Event | None, group: Group | None) -> str:
    """What went wrong, what was made of it, and why; what follows for the others where it is one instance of a step."""
    said = f"{error.code}: {error.message}" if error.message else error.code
    made = (
        event.body.disposed if event is not None and isinstance(event.body, ev.AttemptEnded | ev.StepFailed) else None
    )
    if made is None:
        return said
    target = f" {made.target}" if made.target else ""
    advice = "".join(f"; {line}" for line in made.advice)
    follows = f"{made.action}{target}"
    if group is not None and made.action == "continue":
        follows = "the other instances are stopped" if group.fast else "the other instances go on; the step fails"
    return f"{said}; {made.reason}, so: {follows}{advice}"


def _skipped(standing: Skipped, event: ev.Event | None) -> str:
    if standing.why == "branch":
        return "no step that leads to it chose it"
    if standing.why == "upstream":
        return "a step it depends on did not succeed"
    detail = event.body.detail if event is not None and isinstance(event.body, ev.StepSkipped) else None
    if standing.why == "condition" and detail is not None:
        return f"its condition decided: {detail}"
    if event is not None and isinstance(event.body, ev.StepResolved):
        return f"{event.body.who.by or event.body.who.user} decided to skip it"
    return detail or standing.why


def _canceled(standing: Canceled, asked: ev.RunCanceling | None) -> str:
    if standing.why == "abort":
        return "the run ended with a failure"
    if standing.why == FAIL_FAST:
        return "another instance of the step failed (fail: fast)"
    if asked is None or standing.why == "superseded":
        return "a new run of the plan took this one's place"
    reason = f": {asked.reason}" if asked.reason else ""
    return f"{asked.who.by or asked.who.user} canceled the run{reason}"
