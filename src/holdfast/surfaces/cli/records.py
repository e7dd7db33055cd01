"""A journal event as a JSON record: one shape for `events`, `run --json-events` and reports."""

import msgspec

from holdfast.run import events as ev
from holdfast.run.visits import used_up
from holdfast.surfaces.cli.moments import rfc3339


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of a run; `seq` is its number there, `data` its body without defaults."""

    run: str
    at: str
    kind: str
    seq: int
    step: str | None = None
    attempt: int | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


def record(stored: ev.StoredEvent) -> Record:
    """The record of an event."""
    run, seq, event = stored
    body = msgspec.Raw(ev.encode(event.body))
    return Record(run, rfc3339(event.at), event.body.kind, seq, event.step, event.attempt, body)


def brief(event: ev.Event) -> str:
    """What an event says beyond its kind, on one line."""
    body = event.body
    if isinstance(body, ev.AttemptEnded):
        exited = f"exit {body.exit_code}" if body.exit_code is not None else ""
        review = f"to be reviewed: {'; '.join(body.review)}" if body.review else ""
        parts = [body.status, exited, _error(body.error), *body.notes, review]
        return ", ".join(part for part in parts if part)
    if isinstance(body, ev.AttemptStarted):
        return " ".join(body.launch.argv) if body.launch else ""
    if isinstance(body, ev.AttemptSpawned):
        return f"pid {body.pid}"
    if isinstance(body, ev.StepSkipped):
        return ": ".join(part for part in (body.why, body.detail) if part)
    if isinstance(body, ev.StepFailed):
        return _error(body.error)
    if isinstance(body, ev.StepWaiting):
        return f"{body.cause}: {body.what}"
    if isinstance(body, ev.StepJumped):
        return f"back to {body.target}, visit {body.visit}: {', '.join(body.ids)}"
    if isinstance(body, ev.StepStuck):
        return used_up(body)
    if isinstance(body, ev.StepResolved | ev.StepAnswered):
        return ", ".join(part for part in (body.choice, _who(body.who), body.reason) if part)
    return _of_run(body)


def _of_run(body: ev.Body) -> str:
    if isinstance(body, ev.RunFinished):
        return ", ".join(part for part in (body.outcome, body.reason) if part)
    if isinstance(body, ev.BudgetRaised):
        return ", ".join(part for part in (f"{body.key} +{body.amount:g}", _who(body.who), body.reason) if part)
    if isinstance(body, ev.BudgetWarned):
        return f"{body.key}: {body.spent:g} of {body.limit:g}"
    if isinstance(body, ev.RunExpired):
        return f"{body.limit_s:g} s"
    if isinstance(body, ev.RunOwned):
        return f"{body.host} pid {body.pid}"
    if isinstance(body, ev.RunCreated):
        return body.plan
    if isinstance(body, ev.RunBlocked):
        return ", ".join(body.steps)
    if isinstance(body, ev.RunQuarantined):
        return body.reason
    if isinstance(body, ev.RunPausing | ev.RunCanceling | ev.RunReleased):
        return ", ".join(part for part in (_who(body.who), body.reason) if part)
    return _of_people(body) if body.kind.startswith(ev.RARE) else ""


def _of_people(body: ev.Body) -> str:
    from holdfast.run.alarms import Escalated
    from holdfast.run.goal import GoalAnswered, GoalAsked
    from holdfast.run.reused import StepReused
    from holdfast.run.shortages import BudgetAsked

    if isinstance(body, StepReused):
        return f"{body.verdict}, from run {body.from_run}"
    if isinstance(body, Escalated):
        return f"{body.what}: {body.said}"
    if isinstance(body, GoalAnswered):
        said = (body.criterion, body.choice, _who(body.who), body.reason)
        return ", ".join(part for part in said if part)
    if isinstance(body, BudgetAsked):
        return f"{body.lacking.step or 'the run'}: {body.lacking.said}"
    return body.criterion if isinstance(body, GoalAsked) else ""


def _error(error: ev.Error | None) -> str:
    return ": ".join(part for part in (error.code, error.message) if part) if error else ""


def _who(who: ev.Who) -> str:
    return who.by or who.user
