"""The events of the project's own stream, run 0: what runs share, here the circuit breakers (semantics S12).

Each says which attempt of which run it is about; `generation` is that of the breaker when the attempt was let through.
"""

from typing import ClassVar

from holdfast.run.events import Body

PROJECT = "0"
"""The name of the project's own stream among the runs."""


class BreakerFailed(Body, frozen=True):
    """An attempt that counts for the breaker failed; `failures`, `cooldown_s` and `trials` are its plan's settings."""

    kind: ClassVar[str] = "breaker.failed"
    breaker: str
    run: str
    step: str
    attempt: int
    generation: int
    code: str
    failures: int = 5
    cooldown_s: float = 60.0
    trials: int = 1


class BreakerSucceeded(Body, frozen=True):
    """An attempt that counts for the breaker succeeded; told only where that changes anything."""

    kind: ClassVar[str] = "breaker.succeeded"
    breaker: str
    run: str
    step: str
    attempt: int
    generation: int


class BreakerTrial(Body, frozen=True):
    """An attempt is let through on trial; durable before the attempt's start is."""

    kind: ClassVar[str] = "breaker.trial"
    breaker: str
    run: str
    step: str
    attempt: int


class BreakerReleased(Body, frozen=True):
    """A trial is given back: it proved nothing. `why` says what became of its attempt."""

    kind: ClassVar[str] = "breaker.released"
    breaker: str
    run: str
    step: str
    attempt: int
    why: str


BreakerEvent = BreakerFailed | BreakerSucceeded | BreakerTrial | BreakerReleased
PROJECT_BODIES: tuple[type[Body], ...] = (BreakerFailed, BreakerSucceeded, BreakerTrial, BreakerReleased)
