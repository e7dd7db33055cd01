"""What people are asked: the requests of the inbox as documents, each from the events that opened and closed it."""

from collections.abc import Callable
from typing import NamedTuple, cast

from holdfast.errors import IntegrityError
from holdfast.journal.documents import Asked, stamp
from holdfast.journal.reader import Reader
from holdfast.plan.model import Plan
from holdfast.run import events as ev
from holdfast.run.growth import template_id
from holdfast.run.visits import used_up

Options = tuple[str, ...]
EFFECT_OPTIONS: Options = ("happened", "not-happened", "skip")
EFFECT_OPTIONS_WITH_A_LOOK: Options = ("happened", "not-happened", "recheck", "skip")
REVIEW_OPTIONS: Options = ("approve", "reject")


class Request(NamedTuple):
    """One request: its run, the number of the event that opened it, its step and kind; `closed` by which event."""

    run: str
    opened: int
    step: str  # "": it is about the run itself
    kind: str
    attempt: int | None
    closed: int | None


class Answered(NamedTuple):
    """The event that closed a request."""

    at: int
    body: ev.Body


def request(reader: Reader, run: str, opened: int) -> Request | None:
    """The request that an event of a run opened, or `None`."""
    for row in reader.rows("request", (run, opened)):
        return Request(*cast("tuple[str, int, str, str, int | None, int | None]", row))
    return None


def answered(reader: Reader, asked: Request) -> Answered:
    """What closed a request."""
    for at, kind, data in reader.rows("event", (asked.run, asked.closed)):
        return Answered(cast("int", at), ev.decode(cast("str", kind), cast("str", data)))
    raise IntegrityError(f"run {asked.run} lacks event {asked.closed}", code="E_JOURNAL_DAMAGED")


def open_requests(reader: Reader, run: str) -> bool:
    """Whether a run cannot go on before a person answers; a spent budget is looked at again."""
    return bool(reader.rows("open_requests", (run,)))


def asked_of_run(reader: Reader, n: int) -> list[tuple[int, str]]:
    """The criteria of the goal of run number `n` that wait for a person, each with when it was asked."""
    from holdfast.run.goal import GoalAsked  # noqa: PLC0415 - few runs have any

    found = []
    for at, data in reader.rows("asked_of_run", (n,)):
        body = ev.decode(GoalAsked.kind, cast("str", data))
        assert isinstance(body, GoalAsked)
        found.append((cast("int", at), body.criterion))
    return found


def criterion_of(reader: Reader, asked: Request) -> str:
    """What a request about a run's goal asks."""
    from holdfast.run.goal import GoalAsked  # noqa: PLC0415 - few runs have any

    for _, kind, data in reader.rows("event", (asked.run, asked.opened)):
        body = ev.decode(cast("str", kind), cast("str", data))
        if isinstance(body, GoalAsked):
            return body.criterion
    raise IntegrityError(f"run {asked.run} lacks event {asked.opened}", code="E_JOURNAL_DAMAGED")


RunRow = tuple[str, int, str, str, int, str, str, str]


def document_of_run(row: RunRow) -> Asked:
    """A row about a run itself, or about a step that is late or a loop that is stuck, as what a person needs to see."""
    from holdfast.run.alarms import Escalated  # noqa: PLC0415 - few runs have any
    from holdfast.run.goal import GoalAsked  # noqa: PLC0415 - as above
    from holdfast.run.shortages import BudgetAsked  # noqa: PLC0415 - as above

    run, opened, step, kind, since, event, data, plan = row
    body, shows = ev.decode(event, data), dict[str, object]()
    options: Options = ()
    role = None
    if isinstance(body, GoalAsked):
        question, options = f'Is the goal of "{plan}" met? {body.criterion}', REVIEW_OPTIONS
        shows["criteria"] = [body.criterion]
    elif isinstance(body, Escalated):
        what = f'"{step}"' if step else f'The run of "{plan}"'
        question, role = f"{what} is late: {body.said} ({body.what})", body.role
        shows["due"] = stamp(body.due)
    elif isinstance(body, ev.StepStuck):
        question = f'Once more? The loop from "{step}" {used_up(body)}; reject: it is left'
        options = REVIEW_OPTIONS
        shows |= {"target": body.target, "visits": body.visits}
    else:
        assert isinstance(body, BudgetAsked)
        short = body.lacking
        whose = "" if short.step is None else f"{short.step}: "
        question = f'More of a budget of "{plan}"? {whose}{short.said}'
        shows |= {"key": short.key, "step": short.step, "spent": short.spent, "limit": short.limit}
    return Asked(f"{run}.{opened}", run, step or None, kind, question, options, shows, stamp(since), role=role)


Row = tuple[str, int, str, str, int, str, str, str | None, int]


def document(row: Row, plan_of: Callable[[str], Plan]) -> Asked:
    """One row of the inbox as what a person needs to see to answer."""
    run, opened, step, kind, since, ended, started, key, attempt = row
    begun, end = ev.decode(ev.AttemptStarted.kind, started), ev.decode(ev.AttemptEnded.kind, ended)
    assert isinstance(begun, ev.AttemptStarted)
    assert isinstance(end, ev.AttemptEnded)
    shows: dict[str, object] = {"attempt": attempt}
    if kind == "review":
        question = f'Did "{step}" do what it promised? {"; ".join(end.review)}'
        options = REVIEW_OPTIONS
        shows["criteria"] = list(end.review)
        if end.outputs:
            shows["outputs"] = end.outputs
        if end.artifacts:
            shows["artifacts"] = {name: ref.path for name, ref in end.artifacts.items()}
    else:
        error = end.error or ev.Error("uncertain")
        question = f'Did the effect of "{step}" happen? {error.message or error.code}'
        steps = plan_of(run)
        looks = any(
            each.id == template_id(step) and each.effect.reconcile is not None for each in steps.steps + steps.finally_
        )
        options = EFFECT_OPTIONS_WITH_A_LOOK if looks else EFFECT_OPTIONS
        shows["error"] = {"code": error.code, "message": error.message}
    if begun.launch is not None:
        launch = begun.launch
        shows |= {"command": list(launch.argv), "cwd": launch.cwd, "stdout": launch.stdout, "stderr": launch.stderr}
    if key is not None:
        shows["idempotency_key"] = key
    return Asked(f"{run}.{opened}", run, step, kind, question, options, shows, stamp(since))
