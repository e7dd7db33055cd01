"""What people say of promises in prose: a request is answered once, whoever drives its run acts on it (G6, S20)."""

import re
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from holdfast.app.people import NotPossibleError, ask
from holdfast.errors import RequestError
from holdfast.journal.requests import Request, answered, criterion_of, request
from holdfast.journal.unfinished import whole_run
from holdfast.run import events as ev
from holdfast.run.disposition import Scene, disposed, left_behind
from holdfast.run.goal import GoalAnswered
from holdfast.run.reviews import is_asked, rejected
from holdfast.run.standing import Failed, Reviewed
from holdfast.run.visits import stuck

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.journal.reader import Reader
    from holdfast.run.machine import Run

NAME = re.compile(r"(?P<run>.+)\.(?P<opened>[0-9]{1,18})")


def answer(app: "Holdfast", name: str, said: ev.StepAnswered) -> Request:
    """Record the answer to the request `name` (RUN.NUMBER); the request as it was."""
    asked = _find(app, name)
    if asked.kind not in {"review", "loop"}:
        raise _no_review(asked, name)
    with closing(app.open_journal()) as journal:
        if asked.closed is not None:
            raise _closed(journal.reader, asked)
        now = time.time_ns() // 1000
        try:
            if asked.step:
                ask(journal, asked.run, now, lambda run: (_decided(run, asked, said, now), asked.step), asked.attempt)
            else:
                criterion = criterion_of(journal.reader, asked)
                ask(journal, asked.run, now, lambda run: (_of_goal(run, asked, criterion, said), None))
        except NotPossibleError:
            again = request(journal.reader, asked.run, asked.opened)
            if again is None or again.closed is None:
                raise
            raise _closed(journal.reader, again) from None
    return asked


def _no_review(asked: Request, name: str) -> NotPossibleError:
    """The refusal of an answer to what asks for another one, or for none."""
    said, hint = {
        "resolve": (
            f'asks whether the effect of "{asked.step}" happened',
            f"holdfast resolve {asked.run} {asked.step} happened|not-happened|skip",
        ),
        "budget": ("asks for more of a budget", f"holdfast budget {asked.run} KEY +AMOUNT --reason TEXT"),
        "escalation": ("says that something is late; it is closed when that is done", f"holdfast show {asked.run}"),
    }[asked.kind]
    return NotPossibleError(f"request {name} {said}", code="E_NOT_REVIEW", hint=hint)


def _of_goal(run: "Run", asked: Request, criterion: str, said: ev.StepAnswered) -> GoalAnswered:
    """The answer about a criterion of the goal; refused where nothing about it is asked."""
    if run.final or run.ending or run.judged.get(criterion, "") is not None:
        raise NotPossibleError(
            f"run {run.id} is {run.status}: nothing about its goal is asked there", code="E_NOT_ASKED"
        )
    return GoalAnswered(criterion, said.choice, asked.opened, said.who, said.reason)


def _find(app: "Holdfast", name: str) -> Request:
    match = NAME.fullmatch(name)
    if match is None:
        raise RequestError(
            f"{name} is no request: they are called RUN.NUMBER", code="E_UNKNOWN_ID", hint="`holdfast inbox` lists them"
        )
    with app.reading() as reading:
        run = reading.resolve_run(match["run"])
        found = reading.request(run, int(match["opened"]))
    if found is None:
        headline = f"there is no request {match['opened']} of run {run}"
        raise RequestError(headline, code="E_UNKNOWN_ID", hint="`holdfast inbox` lists what is asked")
    return found


def _decided(run: "Run", asked: Request, said: ev.StepAnswered, now: int) -> ev.StepAnswered:
    """The answer as it is recorded; a rejection is judged like every other failure (S5)."""
    i = run.index[asked.step]
    state = run.states[i]
    if asked.kind == "loop":
        return _leaving(run, i, said)
    if asked.attempt is None or not isinstance(state, Reviewed) or state.result.attempt != asked.attempt:
        raise NotPossibleError(
            f'step "{asked.step}" of run {run.id} is {state.status}: nothing about it is asked', code="E_NOT_ASKED"
        )
    if not is_asked(run, i):
        raise NotPossibleError(
            f'run {run.id} is ending without step "{asked.step}": nothing about it is asked any more',
            code="E_NOT_ASKED",
        )
    if said.choice == "approve":
        return said
    result = state.result
    ended = ev.AttemptEnded(
        "failed",
        result.exit_code,
        rejected(said),
        outputs=result.outputs,
        outputs_digest=result.outputs_digest,
        artifacts=result.artifacts,
    )
    ended = disposed(run, i, asked.attempt, ended, Scene(now))
    return replace(said, error=ended.error, retry_at=ended.retry_at, disposed=ended.disposed)


def _leaving(run: "Run", i: int, said: ev.StepAnswered) -> ev.StepAnswered:
    """The answer about a loop that is stuck; what becomes of a failure that led back, where the loop is left (S17)."""
    if i not in stuck(run) or run.ending:
        raise NotPossibleError(
            f'the loop from "{run.steps[i].id}" of run {run.id} is not stuck: nothing about it is asked',
            code="E_NOT_ASKED",
        )
    failed = isinstance(run.states[i], Failed)
    return replace(said, disposed=left_behind(run, i)) if failed and said.choice == "reject" else said


def _closed(reader: "Reader", asked: Request) -> NotPossibleError:
    """The refusal of a further answer, which shows the one that holds (semantics G6)."""
    at, body = answered(reader, asked)
    when = f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
    name = f"{asked.run}.{asked.opened}"
    if not isinstance(body, ev.StepAnswered | GoalAnswered):
        return NotPossibleError(
            f"request {name} lapsed: its run has ended", code="E_ANSWERED", facts=[f"{body.kind}, {when}"]
        )
    who, word = body.who, {"approve": "approved", "reject": "rejected"}[body.choice]
    by = f"{who.by} ({who.user} on {who.host})" if who.by else f"{who.user} on {who.host}"
    return NotPossibleError(
        f"request {name} was answered already: {word}",
        code="E_ANSWERED",
        facts=[f"by {by}, {when}" + (f": {body.reason}" if body.reason else "")],
        hint=f"to go on: holdfast resume {whole_run(reader, asked.run)}",
    )
