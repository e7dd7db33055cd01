"""Where a step stands: one frozen class for each state, which carries only its own data."""

from enum import IntEnum
from typing import ClassVar

import msgspec

from holdfast.run import events as ev
from holdfast.run.states import StepStatus


class State(msgspec.Struct, frozen=True, gc=False):
    """Base of a step's states."""

    status: ClassVar[StepStatus]


class Pending(State, frozen=True, gc=False):
    """Dependencies are not finished."""

    status = StepStatus.PENDING


class Ready(State, frozen=True, gc=False):
    """Dependencies are finished; the step may start, or be skipped by its condition."""

    status = StepStatus.READY


class Running(State, frozen=True, gc=False):
    """An attempt is under way."""

    status = StepStatus.RUNNING
    attempt: int
    since: int


class Expanded(State, frozen=True, gc=False):
    """Its instances are under way since then; it has no attempts of its own."""

    status = StepStatus.RUNNING
    since: int


class Retrying(State, frozen=True):
    """The last attempt failed at `since`, the next is due at `due`."""

    status = StepStatus.RETRYING
    since: int
    due: int
    error: ev.Error


class Waiting(State, frozen=True):
    """Waits since `since` for what `cause` and `on` name; `what` says so to people. It holds no slot (semantics S4)."""

    status = StepStatus.WAITING
    since: int
    cause: ev.WaitCause
    on: str
    what: str


class Result(msgspec.Struct, frozen=True):
    """What the last attempt left: all that expressions and reports may ask of a finished step."""

    attempt: int
    started: int
    ended: int
    exit_code: int | None = None
    outputs: dict[str, object] = {}
    outputs_digest: str | None = None
    artifacts: dict[str, ev.ArtifactRef] = {}
    outcome: str | None = None  # the one it names, where edges lead on from it


class Lingering(Waiting, frozen=True):
    """An attempt that only waits: until `due` (`fixed`: a point in time), at the longest to `deadline`."""

    attempt: int
    due: int | None
    fixed: bool
    deadline: int | None


class Reviewed(Waiting, frozen=True):
    """The attempt has ended well, and a person must say whether it did what it promised in prose."""

    result: Result


class Uncertain(State, frozen=True):
    """Whether the effect happened is not known; `counts` says whether its attempt counts if it did not.

    `mode` is the failure mode that holds then.
    """

    status = StepStatus.UNCERTAIN
    result: Result
    error: ev.Error
    counts: bool
    mode: str | None = None


class Undone(State, frozen=True):
    """The effect did not happen and no attempt is left: what becomes of the failure is to be told."""

    status = StepStatus.READY
    result: Result
    error: ev.Error
    mode: str | None = None


class Succeeded(State, frozen=True):
    """Done."""

    status = StepStatus.SUCCEEDED
    result: Result


class Reused(State, frozen=True):
    """Did not run: an earlier result stands in for it, which `origin` made (run/step/attempt)."""

    status = StepStatus.REUSED
    result: Result
    origin: str


class Failed(State, frozen=True):
    """Failed for good; `action` is the row of the table of S6 that holds, `target` the step of a jump."""

    status = StepStatus.FAILED
    error: ev.Error
    result: Result | None = None
    action: ev.Action = "abort"
    target: str | None = None


class Falling(State, frozen=True):
    """Failed, and waits for what becomes of its fallback (semantics S7)."""

    status = StepStatus.WAITING
    since: int
    error: ev.Error
    result: Result | None
    fallback: str


class Recovered(State, frozen=True):
    """Failed, and its fallback succeeded, whose result it has."""

    status = StepStatus.RECOVERED
    error: ev.Error
    result: Result
    by: str


class Skipped(State, frozen=True):
    """Did not run; soft skips satisfy dependents (semantics S2)."""

    status = StepStatus.SKIPPED
    why: str


class GivenUp(Skipped, frozen=True):
    """Failed, and skipped by its policy (semantics S6)."""

    error: ev.Error
    result: Result | None = None


class Canceled(State, frozen=True):
    """Ended with the run."""

    status = StepStatus.CANCELED
    why: str


class Tries(msgspec.Struct, frozen=True, gc=False):
    """How often a step was started; kept only for steps that needed more than one attempt."""

    total: int = 0
    counted: int = 0
    lost: int = 0


class Pausing(IntEnum):
    """What a pause that was asked for does with running steps; the stronger wins."""

    AWAIT = 1
    STOP = 2


PENDING = Pending()
READY = Ready()
NO_TRIES = Tries()
ONE_TRY = Tries(1, 1)
