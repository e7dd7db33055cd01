"""Projections as values: what one event makes of the row of its step (semantics S1).

`run.machine` decides what a run does; these rows are what people and other processes read of it. A step's row is made
by its first event: a step without one is pending, and what depends only on other steps (`ready`) is not stored.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from holdfast.run import events as ev
from holdfast.run.policy import APPLIED_CODES
from holdfast.run.reused import StepReused
from holdfast.run.states import IllegalTransitionError

ACTIVE = frozenset({"pending", "ready", "running", "retrying", "waiting"})
"""Statuses that another event of the engine will follow."""

_STARTABLE = frozenset({"pending", "ready", "retrying", "waiting"})


EFFECT, RECORD = 1, 2
"""What `keyed` says of the latest attempt: it has an effect; it knows what it is for."""


class StepRow(msgspec.Struct, frozen=True, gc=False):
    """One step: its status, the event that brought it, and its latest attempt by the numbers of its events."""

    status: str
    seq: int
    attempt: int
    keyed: int = 0
    started: int | None = None
    spawned: int | None = None
    adopted: int | None = None
    ended: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether an attempt is under way."""
        return self.started is not None and self.ended is None


EffectState = Literal["intended", "uncertain", "applied", "failed", "skipped"]


def step_after(row: StepRow | None, seq: int, event: ev.Event) -> StepRow | None:
    """The step's row after event number `seq` of its run; raises `IllegalTransitionError` where it cannot follow."""
    body = event.body
    if isinstance(body, ev.StepResolved):
        return _resolved(row, seq, body)
    if isinstance(body, ev.StepAnswered):
        return _answered(row, seq, event)
    after = _AFTER.get(type(body))
    return row if after is None else after(row, seq, event)


def effect_after(event: ev.Event) -> EffectState | None:
    """The state that an event of a step with an effect brings the effect (semantics E2); `None`: as before."""
    body = event.body
    if isinstance(body, ev.AttemptStarted):
        return "intended"
    if isinstance(body, ev.AttemptEnded):
        if body.status == "succeeded" or (body.error is not None and body.error.code in APPLIED_CODES):
            return "applied"
        return "failed" if body.status in {"failed", "canceled"} else "uncertain"
    if isinstance(body, ev.StepResolved):
        return _RESOLVED[body.choice]
    return None


_RESOLVED: dict[ev.Resolution, EffectState | None] = {
    "happened": "applied",
    "not-happened": "failed",
    "recheck": None,
    "skip": "skipped",
}


def _started(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    body, attempt = event.body, event.attempt
    assert isinstance(body, ev.AttemptStarted)
    if attempt is None or (row is not None and (row.status not in _STARTABLE or attempt <= row.attempt)):
        raise _illegal(row, f"start of attempt {attempt}")
    keyed = (EFFECT if body.key is not None else 0) | (RECORD if body.keyed is not None else 0)
    return StepRow("running", seq, attempt, keyed, seq)


def _ended(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    body = event.body
    assert isinstance(body, ev.AttemptEnded)
    row = _open(row, event)
    status = body.status
    if body.review:
        after = "waiting"
    elif status in {"succeeded", "uncertain"}:
        after = status
    elif status in {"lost", "canceled"}:
        after = "ready"
    elif body.retry_at is not None:
        after = "retrying"
    else:
        after = "failed" if body.disposed is None else body.disposed.status
    return StepRow(after, seq, row.attempt, row.keyed, row.started, row.spawned, row.adopted, seq)


def _spawned(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    return msgspec.structs.replace(_running(row, event), spawned=seq)


def _adopted(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    return msgspec.structs.replace(_running(row, event), adopted=seq)


def _skipped(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    return _closed(row, "skipped", seq)


def _reused(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    body = event.body
    assert isinstance(body, StepReused)
    return msgspec.structs.replace(_closed(row, "reused", seq), keyed=0 if body.keyed is None else RECORD)


def _failed(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    body = event.body
    assert isinstance(body, ev.StepFailed)
    return _closed(row, "failed" if body.disposed is None else body.disposed.status, seq)


def _recovered(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    if row is None or row.status != "waiting":
        raise _illegal(row, event.body.kind)
    return msgspec.structs.replace(row, status="recovered", seq=seq)


def _waiting(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    if event.attempt is not None:
        return msgspec.structs.replace(_running(row, event), status="waiting", seq=seq)
    if row is None:
        return StepRow("waiting", seq, 0)
    if row.status not in _STARTABLE or row.is_open:
        raise _illegal(row, event.body.kind)
    return msgspec.structs.replace(row, status="waiting", seq=seq)


def _expanded(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    return _closed(row, "running", seq)


def _gathered(row: StepRow | None, seq: int, event: ev.Event) -> StepRow:
    body = event.body
    assert isinstance(body, ev.StepGathered)
    if row is None or row.status != "running" or row.attempt:
        raise _illegal(row, "end of its instances")
    return StepRow(body.status if body.disposed is None else body.disposed.status, seq, 0)


_AFTER: dict[type[ev.Body], Callable[[StepRow | None, int, ev.Event], StepRow]] = {
    ev.AttemptStarted: _started,
    ev.AttemptEnded: _ended,
    ev.AttemptSpawned: _spawned,
    ev.AttemptAdopted: _adopted,
    ev.StepSkipped: _skipped,
    StepReused: _reused,
    ev.StepFailed: _failed,
    ev.StepRecovered: _recovered,
    ev.StepWaiting: _waiting,
    ev.StepExpanded: _expanded,
    ev.StepGathered: _gathered,
}


def _resolved(row: StepRow | None, seq: int, body: ev.StepResolved) -> StepRow | None:
    if row is None or row.status != "uncertain" or body.choice == "recheck":
        return row  # a second answer that raced with the first changes nothing (semantics G6)
    if body.choice == "happened":
        after = "succeeded"
    elif body.choice == "skip":
        after = "skipped"
    else:
        after = "ready"
    return msgspec.structs.replace(row, status=after, seq=seq)


def _answered(row: StepRow | None, seq: int, event: ev.Event) -> StepRow | None:
    body = event.body
    assert isinstance(body, ev.StepAnswered)
    if row is None or row.status != "waiting" or row.attempt != event.attempt or row.ended != row.seq:
        return row  # a second answer that raced with the first changes nothing (semantics G6)
    if body.choice == "approve":
        after = "succeeded"
    elif body.retry_at is not None:
        after = "retrying"
    else:
        after = "failed" if body.disposed is None else body.disposed.status
    return msgspec.structs.replace(row, status=after, seq=seq)


def _open(row: StepRow | None, event: ev.Event) -> StepRow:
    if row is not None and row.status == "waiting" and row.is_open and row.attempt == event.attempt:
        return row
    return _running(row, event)


def _running(row: StepRow | None, event: ev.Event) -> StepRow:
    if row is None or row.status != "running" or row.attempt != event.attempt:
        raise _illegal(row, f"{event.body.kind} of attempt {event.attempt}")
    return row


def _closed(row: StepRow | None, status: str, seq: int) -> StepRow:
    if row is None:
        return StepRow(status, seq, 0)
    if row.status not in _STARTABLE:
        raise _illegal(row, status)
    return msgspec.structs.replace(row, status=status, seq=seq)


def _illegal(row: StepRow | None, trigger: str) -> IllegalTransitionError:
    status = "pending" if row is None else row.status
    return IllegalTransitionError(f'a step that is {status} cannot take "{trigger}"', code="E_BUG")
