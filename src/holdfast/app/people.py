"""What people ask of a run from any terminal: recorded as events, acted on by whoever owns the run."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from holdfast.errors import HoldfastError, RequestError
from holdfast.plan.model import Plan
from holdfast.ports import Append, StaleError
from holdfast.run import events as ev
from holdfast.run.machine import Run, fold
from holdfast.run.standing import Uncertain
from holdfast.run.states import RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from holdfast.journal.sqlite import SqliteJournal

TRIES_MAX = 20
"""How often a request is decided again because the run moved on meanwhile."""


class NotPossibleError(HoldfastError):
    """The run is not in a state that allows what was asked; says what is the case now."""

    exit_code = 3


def load_run(journal: "SqliteJournal", run: str) -> Run:
    """The run as its events make it, large outputs left out."""
    stored = journal.events(run)
    state = Run(run, _plan_of(journal, stored[0]), lambda _: {})
    fold(state, (each.event for each in stored))
    return state


def frozen_plan(journal: "SqliteJournal", run: str) -> Plan:
    """The plan that the run was created with; `LostRunError` where there is no such run."""
    return _plan_of(journal, journal.events(run)[0])


def _plan_of(journal: "SqliteJournal", first: ev.StoredEvent) -> Plan:
    created = first.event.body
    assert isinstance(created, ev.RunCreated)
    return msgspec.json.decode(journal.plan(created.plan_digest), type=Plan)


def ask(
    journal: "SqliteJournal",
    run: str,
    now: int,
    decide: "Callable[[Run], tuple[ev.Body, str | None]]",
    attempt: int | None = None,
) -> Run:
    """Append what `decide` makes of the run as it stands; decided again whenever the run moves on meanwhile."""
    for _ in range(TRIES_MAX):
        state = load_run(journal, run)
        body, step = decide(state)
        event = ev.Event(now, body, step, attempt)
        # These may be asked for wherever the run stands, and one that moves fast never stands still.
        after = None if isinstance(body, ev.RunPausing | ev.RunCanceling | ev.BudgetRaised) else state.seq
        try:
            last_seq = journal.append(Append(run, [event], after=after)).last_seq
        except StaleError:
            continue
        fold(state, (each.event for each in journal.events(run, state.seq) if each.seq < last_seq))
        if state.final:
            decide(state)  # it has ended meanwhile: says so
        state.apply(event)
        return state
    raise NotPossibleError(f"run {run} moves too fast to be asked", code="E_BUSY", hint="try again")


def pausing(state: Run, who: ev.Who, reason: str | None) -> ev.Body:
    """A request to pause; refused for a run that does not run."""
    if state.status is not RunStatus.RUNNING:
        raise _not_now(state, "be paused")
    return ev.RunPausing(who, reason)


def canceling(state: Run, who: ev.Who, reason: str | None) -> ev.Body:
    """A request to cancel; refused for a run that has ended."""
    if state.final or state.status is RunStatus.QUARANTINED:
        raise _not_now(state, "be canceled")
    return ev.RunCanceling(who, reason)


def still_open(state: Run) -> None:
    """Refuses what is asked of a run that has ended."""
    if state.final or state.ending:
        raise _not_now(state, "be allowed more")


def releasing(state: Run, who: ev.Who, reason: str) -> ev.Body:
    """The release of a quarantined run."""
    if state.status is not RunStatus.QUARANTINED:
        raise _not_now(state, "be released")
    return ev.RunReleased(who, reason)


def resolving(state: Run, step: str, answer: ev.StepResolved) -> ev.Body:
    """An answer about an uncertain effect; refused where nothing is uncertain, or it was answered already."""
    i = state.index.get(step)
    if i is None:
        names = [state.steps[j].id for j in sorted(state.uncertain)]
        hint = f"uncertain: {', '.join(names)}" if names else "nothing in this run is uncertain"
        raise RequestError(f'run {state.id} has no step "{step}"', code="E_UNKNOWN_ID", hint=hint)
    standing = state.states[i]
    if not isinstance(standing, Uncertain):
        raise NotPossibleError(
            f'step "{step}" of run {state.id} is {standing.status}: nothing about it is uncertain',
            code="E_NOT_UNCERTAIN",
        )
    if answer.choice == "recheck":
        raise NotPossibleError(
            f'step "{step}" has no reconcile that could look again',
            code="E_NO_RECONCILE",
            hint="answer happened, not-happened or skip",
        )
    return answer


def settled(events: "Iterable[ev.StoredEvent]", run: str, step: str) -> NotPossibleError | None:
    """The refusal of a further answer, which shows the one that holds (semantics G6); `None` where there is none."""
    for stored in events:
        event = stored.event
        if event.step == step and isinstance(event.body, ev.StepResolved) and event.body.choice != "recheck":
            answer, who = event.body, event.body.who
            by = f"{who.by} ({who.user} on {who.host})" if who.by else f"{who.user} on {who.host}"
            at = datetime.fromtimestamp(event.at / 1e6, UTC)
            return NotPossibleError(
                f'step "{step}" of run {run} was settled already: {answer.choice}',
                code="E_NOT_UNCERTAIN",
                facts=[f"by {by}, {at:%Y-%m-%dT%H:%M:%SZ}" + (f": {answer.reason}" if answer.reason else "")],
                hint=f"to go on: holdfast resume {run}",
            )
    return None


def _not_now(state: Run, what: str) -> NotPossibleError:
    return NotPossibleError(f"run {state.id} is {state.status} and cannot {what}", code="E_NOT_NOW")
