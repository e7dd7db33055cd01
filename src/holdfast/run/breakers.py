"""Circuit breakers by named capability, shared by every run of the project (semantics S12). Pure.

A breaker is closed until so many attempts in a row fail, then open until its cooldown is over, then half open: so many
attempts are let through on trial. When all of them succeed it closes; when one fails it opens again. A trial that ends
in any other way is given back, and the next attempt takes it. An attempt counts only for the generation in which it was
let through: what began before the breaker opened says nothing about what is the case now.
"""

from typing import Final, NamedTuple

import msgspec

from holdfast.errors import BugError
from holdfast.run import events as ev
from holdfast.run.project import BreakerEvent, BreakerFailed, BreakerReleased, BreakerSucceeded, BreakerTrial
from holdfast.run.states import BreakerState, breaker_after

JUMP_US: Final = 2_000_000
"""A clock that is this far behind the breaker's last event has jumped back (semantics C8)."""
FAILING: Final = frozenset({"failed", "timed_out", "stalled", "uncertain"})
NOT_ITS_FAULT: Final = frozenset(
    {"spawn.failed", "expression.invalid", "budget.exhausted", "canceled", "lost", "input.changed"}
)
"""Codes that say nothing about what the capability reaches: the attempt failed before, beside or with its engine."""


class Trial(NamedTuple):
    """An attempt that was let through on trial."""

    run: str
    step: str
    attempt: int


class Breaker(msgspec.Struct, frozen=True):
    """Where a breaker stands; times are microseconds."""

    state: BreakerState = BreakerState.CLOSED
    generation: int = 0  # one more whenever it opens or closes
    failures: int = 0  # in a row
    since: int = 0  # when it came to its state
    due: int = 0  # when it may be tried again
    allowed: int = 1  # trials that must succeed
    proven: int = 0  # those that have
    trials: tuple[Trial, ...] = ()  # those under way
    code: str | None = None  # of the last failure


CLOSED: Final = Breaker()


class Ask(NamedTuple):
    """What a breaker says to an attempt that wants to start: let through, on trial, or not before `look_at`."""

    passes: bool
    on_trial: bool = False
    look_at: int = 0


LOOK_US: Final = 1_000_000
"""How often a trial that is under way elsewhere is looked at again."""


def ask(breaker: Breaker, now: int) -> Ask:
    """Whether an attempt may start now."""
    if breaker.state is BreakerState.CLOSED:
        return Ask(passes=True)
    if breaker.state is BreakerState.OPEN:
        if now < breaker.due and now >= breaker.since - JUMP_US:
            return Ask(passes=False, look_at=breaker.due)
        return Ask(passes=True, on_trial=True)
    if breaker.proven + len(breaker.trials) < breaker.allowed:
        return Ask(passes=True, on_trial=True)
    return Ask(passes=False, look_at=now + LOOK_US)


def in_words(name: str, breaker: Breaker) -> str:
    """Why a breaker lets nothing through, for people."""
    if breaker.state is BreakerState.OPEN:
        times = "1 failure" if breaker.failures == 1 else f"{breaker.failures} failures in a row"
        last = f", the last with {breaker.code}" if breaker.code else ""
        return f"{name} is open after {times}{last}; it is tried again at {_clock(breaker.due)}"
    held = ", ".join(f'"{trial.step}" of run {trial.run}' for trial in breaker.trials)
    return f"{name} is half open: {held or 'a trial'} is under way"


def _clock(at: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - few runs meet an open breaker

    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def counts(ended: ev.AttemptEnded) -> bool | None:
    """Whether an attempt's end is a success or a failure for its breaker; `None`: it is neither."""
    if ended.status == "succeeded":
        return True
    if ended.status in FAILING and (ended.error is None or ended.error.code not in NOT_ITS_FAULT):
        return False
    return None


def after(breaker: Breaker, at: int, body: BreakerEvent) -> Breaker:
    """The breaker after one event; raises `IllegalTransitionError` for a trial that it does not have to give."""
    if isinstance(body, BreakerTrial):
        return _tried(breaker, at, body)
    trial = Trial(body.run, body.step, body.attempt)
    on_trial = breaker.state is BreakerState.HALF_OPEN and trial in breaker.trials
    if isinstance(body, BreakerReleased):
        return _given_back(breaker, trial) if on_trial else breaker
    if on_trial:
        return _opened(breaker, at, body) if isinstance(body, BreakerFailed) else _proven(breaker, at, trial)
    if breaker.state is not BreakerState.CLOSED or body.generation != breaker.generation:
        return breaker  # it began before the breaker came to where it stands
    if isinstance(body, BreakerSucceeded):
        return msgspec.structs.replace(breaker, failures=0, code=None)
    if breaker.failures + 1 >= body.failures:
        return _opened(breaker, at, body)
    return msgspec.structs.replace(breaker, failures=breaker.failures + 1, code=body.code)


def _opened(breaker: Breaker, at: int, body: BreakerFailed) -> Breaker:
    return Breaker(
        breaker_after(breaker.state, "failed"),
        breaker.generation + 1,
        breaker.failures + 1,
        at,
        at + round(body.cooldown_s * 1e6),
        body.trials,
        code=body.code,
    )


def _tried(breaker: Breaker, at: int, body: BreakerTrial) -> Breaker:
    if breaker.proven + len(breaker.trials) >= breaker.allowed:
        raise BugError(f'breaker "{body.breaker}" has no trial left for step "{body.step}"', code="E_BUG")
    return msgspec.structs.replace(
        breaker,
        state=breaker_after(breaker.state, "trial"),
        since=at if breaker.state is BreakerState.OPEN else breaker.since,
        trials=(*breaker.trials, Trial(body.run, body.step, body.attempt)),
    )


def _proven(breaker: Breaker, at: int, trial: Trial) -> Breaker:
    if breaker.proven + 1 >= breaker.allowed:
        return Breaker(breaker_after(breaker.state, "succeeded"), breaker.generation + 1, since=at)
    return msgspec.structs.replace(_given_back(breaker, trial), proven=breaker.proven + 1)


def _given_back(breaker: Breaker, trial: Trial) -> Breaker:
    return msgspec.structs.replace(breaker, trials=tuple(each for each in breaker.trials if each != trial))
