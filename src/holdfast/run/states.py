"""The states of run, step, attempt, effect and breaker, and the tables of their legal transitions (semantics S1).

A table maps (state, trigger) to the next state; what it does not list is a bug that quarantines the run. The state
diagrams of the documentation are drawn from these tables.
"""

from enum import StrEnum
from typing import Final

from holdfast.errors import BugError


class RunStatus(StrEnum):
    """Where a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELED = "canceled"
    QUARANTINED = "quarantined"


class StepStatus(StrEnum):
    """Where a step stands; the words that `steps.<id>.status` has."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    SUCCEEDED = "succeeded"
    REUSED = "reused"
    RECOVERED = "recovered"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class AttemptState(StrEnum):
    """Where an attempt stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    CANCELED = "canceled"
    LOST = "lost"
    UNCERTAIN = "uncertain"


class EffectState(StrEnum):
    """Where the effect of a `once` step stands."""

    INTENDED = "intended"
    UNCERTAIN = "uncertain"
    APPLIED = "applied"
    FAILED = "failed"
    SKIPPED = "skipped"


class BreakerState(StrEnum):
    """Where a circuit breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


FINAL_RUN: Final = frozenset({RunStatus.SUCCEEDED, RunStatus.PARTIAL, RunStatus.FAILED, RunStatus.CANCELED})
FINAL_STEP: Final = frozenset(
    {
        StepStatus.SUCCEEDED,
        StepStatus.REUSED,
        StepStatus.RECOVERED,
        StepStatus.FAILED,
        StepStatus.SKIPPED,
        StepStatus.CANCELED,
    }
)
OK_STEP: Final = frozenset({StepStatus.SUCCEEDED, StepStatus.REUSED, StepStatus.RECOVERED})
SOFT_SKIPS: Final = frozenset({"condition", "branch", "not-selected"})

_R, _S, _A, _E, _B = RunStatus, StepStatus, AttemptState, EffectState, BreakerState

RUN_TABLE: Final[dict[tuple[RunStatus, str], RunStatus]] = {
    (_R.PENDING, "owned"): _R.RUNNING,
    (_R.RUNNING, "owned"): _R.RUNNING,  # a takeover after a crash
    (_R.PAUSED, "owned"): _R.RUNNING,
    (_R.BLOCKED, "owned"): _R.RUNNING,
    (_R.RUNNING, "paused"): _R.PAUSED,
    (_R.RUNNING, "blocked"): _R.BLOCKED,
    (_R.RUNNING, "quarantined"): _R.QUARANTINED,
    (_R.PAUSED, "quarantined"): _R.QUARANTINED,
    (_R.BLOCKED, "quarantined"): _R.QUARANTINED,
    (_R.QUARANTINED, "released"): _R.PAUSED,
    **{
        (status, outcome.value): outcome
        for status in (_R.PENDING, _R.RUNNING, _R.PAUSED, _R.BLOCKED)
        for outcome in sorted(FINAL_RUN)
        if status is _R.RUNNING or outcome is _R.CANCELED
    },
}

STEP_TABLE: Final[dict[tuple[StepStatus, str], StepStatus]] = {
    (_S.PENDING, "dependencies finished"): _S.READY,
    (_S.READY, "started"): _S.RUNNING,
    **{(status, "expanded"): _S.RUNNING for status in (_S.READY, _S.WAITING)},  # into its instances
    (_S.READY, "skipped"): _S.SKIPPED,
    **{(status, "reused"): _S.REUSED for status in (_S.READY, _S.WAITING)},
    (_S.RUNNING, "succeeded"): _S.SUCCEEDED,
    (_S.RUNNING, "failed"): _S.FAILED,
    (_S.RUNNING, "failed, to be retried"): _S.RETRYING,
    (_S.RUNNING, "failed, to be skipped"): _S.SKIPPED,
    (_S.RUNNING, "failed, to be recovered"): _S.WAITING,
    (_S.RUNNING, "uncertain"): _S.UNCERTAIN,
    (_S.RUNNING, "instances succeeded"): _S.SUCCEEDED,
    (_S.RUNNING, "an instance failed"): _S.FAILED,
    (_S.RUNNING, "an instance failed, to be skipped"): _S.SKIPPED,
    (_S.RUNNING, "an instance failed, to be recovered"): _S.WAITING,
    (_S.WAITING, "recovered"): _S.RECOVERED,
    (_S.RUNNING, "an instance was given up"): _S.SKIPPED,
    (_S.RUNNING, "run ended before all instances"): _S.CANCELED,
    (_S.RUNNING, "lost"): _S.READY,
    (_S.RUNNING, "stopped"): _S.READY,
    (_S.RETRYING, "started"): _S.RUNNING,
    **{(status, "waits"): _S.WAITING for status in (_S.READY, _S.RETRYING, _S.WAITING)},
    (_S.WAITING, "started"): _S.RUNNING,
    **{
        (status, f"cannot start{then}"): after
        for then, after in (("", _S.FAILED), (", to be skipped", _S.SKIPPED), (", to be recovered", _S.WAITING))
        for status in (_S.READY, _S.RETRYING, _S.WAITING)
    },
    (_S.RUNNING, "begins to wait"): _S.WAITING,
    (_S.RUNNING, "succeeded, to be reviewed"): _S.WAITING,
    (_S.WAITING, "succeeded"): _S.SUCCEEDED,
    (_S.WAITING, "succeeded, to be reviewed"): _S.WAITING,
    (_S.WAITING, "failed"): _S.FAILED,
    (_S.WAITING, "failed, to be retried"): _S.RETRYING,
    (_S.WAITING, "stopped"): _S.READY,
    (_S.WAITING, "failed, to be skipped"): _S.SKIPPED,
    (_S.WAITING, "failed, to be recovered"): _S.WAITING,
    (_S.UNCERTAIN, "happened"): _S.SUCCEEDED,
    (_S.UNCERTAIN, "not happened"): _S.READY,
    (_S.UNCERTAIN, "given up"): _S.SKIPPED,
    **{
        (status, trigger): _S.CANCELED
        for trigger in ("run ended", "group failed")
        for status in (_S.PENDING, _S.READY, _S.RETRYING, _S.WAITING)
    },
}

ATTEMPT_TABLE: Final[dict[tuple[AttemptState, str], AttemptState]] = {
    (_A.RUNNING, end.value): end for end in AttemptState if end is not AttemptState.RUNNING
}

EFFECT_TABLE: Final[dict[tuple[EffectState, str], EffectState]] = {
    (_E.INTENDED, "success"): _E.APPLIED,
    (_E.INTENDED, "definite failure"): _E.FAILED,
    (_E.INTENDED, "anything else"): _E.UNCERTAIN,
    (_E.UNCERTAIN, "happened"): _E.APPLIED,
    (_E.UNCERTAIN, "not happened"): _E.FAILED,
    (_E.UNCERTAIN, "skipped"): _E.SKIPPED,
    (_E.FAILED, "started again"): _E.INTENDED,
}

BREAKER_TABLE: Final[dict[tuple[BreakerState, str], BreakerState]] = {
    (_B.CLOSED, "failed"): _B.OPEN,  # so many attempts in a row
    (_B.OPEN, "trial"): _B.HALF_OPEN,
    (_B.HALF_OPEN, "trial"): _B.HALF_OPEN,
    (_B.HALF_OPEN, "failed"): _B.OPEN,
    (_B.HALF_OPEN, "succeeded"): _B.CLOSED,
}

ARROWS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "run": tuple((a.value, trigger, b.value) for (a, trigger), b in RUN_TABLE.items()),
    "step": tuple((a.value, trigger, b.value) for (a, trigger), b in STEP_TABLE.items()),
    "attempt": tuple((a.value, trigger, b.value) for (a, trigger), b in ATTEMPT_TABLE.items()),
    "effect": tuple((a.value, trigger, b.value) for (a, trigger), b in EFFECT_TABLE.items()),
    "breaker": tuple((a.value, trigger, b.value) for (a, trigger), b in BREAKER_TABLE.items()),
}
"""Every legal transition as (from, trigger, to): what the diagrams are drawn from."""


class IllegalTransitionError(BugError):
    """A transition that no table lists; the run is quarantined."""


def run_after(status: RunStatus, trigger: str) -> RunStatus:
    """The run's next status."""
    try:
        return RUN_TABLE[status, trigger]
    except KeyError:
        raise _illegal("run", status, trigger) from None


def step_after(status: StepStatus, trigger: str) -> StepStatus:
    """The step's next status."""
    try:
        return STEP_TABLE[status, trigger]
    except KeyError:
        raise _illegal("step", status, trigger) from None


def effect_after(status: EffectState, trigger: str) -> EffectState:
    """The effect's next status."""
    try:
        return EFFECT_TABLE[status, trigger]
    except KeyError:
        raise _illegal("effect", status, trigger) from None


def breaker_after(state: BreakerState, trigger: str) -> BreakerState:
    """The breaker's next state."""
    try:
        return BREAKER_TABLE[state, trigger]
    except KeyError:
        raise _illegal("breaker", state, trigger) from None


def _illegal(what: str, status: StrEnum, trigger: str) -> IllegalTransitionError:
    return IllegalTransitionError(f'a {what} that is {status} cannot take "{trigger}"', code="E_BUG")
