"""The seams, on one page: what the engine needs from the world, each with one or more implementations behind it.

Parts meet here and in the journal; nobody imports sideways.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from holdfast.errors import HoldfastError
from holdfast.run.events import ArtifactRef, Event, StoredEvent
from holdfast.run.locks import Holder, Token

if TYPE_CHECKING:
    from holdfast.run.breakers import Breaker
    from holdfast.run.choose import Expand, Start
    from holdfast.run.events import Body
    from holdfast.run.machine import Run

LEASE_S = 15.0


class Clock(Protocol):
    """Time as the engine sees it; a virtual one jumps to the next deadline."""

    def now(self) -> int:
        """UTC, microseconds since the epoch; never goes back while the process lives."""
        ...


class Owner(NamedTuple):
    """Which engine holds a run: enough to tell whether it still lives (semantics C4)."""

    host: str
    boot: str
    pid: int
    start: str
    engine: str


class Lease(NamedTuple):
    """Who owns a run, since when and until when (microseconds), under which fencing number."""

    run: str
    owner: Owner
    fence: int
    since: int
    expires: int


class Append(msgspec.Struct, eq=False):
    """Events for one run that commit together.

    `fence`: the engine's fencing number; `None` for a person's events. `after`: commit only if the run's last event
    has this number (0: the run must not exist); `None`: wherever the run stands. `plan`: the frozen plan's bytes,
    stored once under the digest that `run.created` names, which is `sha256:<hex>` of them. `take`: take the run's
    lease for this owner in the same transaction. `release`: give the lease back in it. `also`: events of the project's
    own stream that are stored with these or not at all. `unlock`: whose locks are released with it; `withdrawn`: which
    steps wait for locks no more.
    """

    run: str
    events: Sequence[Event]
    fence: int | None = None
    after: int | None = None
    plan: bytes | None = None
    take: Owner | None = None
    release: bool = False
    also: Sequence[Event] = ()
    unlock: Sequence[Token] = ()
    withdrawn: Sequence[str] = ()


class LockRequest(NamedTuple):
    """Which locks an attempt (or, with no step and attempt 0, a run) wants, and its engine's fencing number."""

    run: str
    fence: int
    step: str
    attempt: int
    names: tuple[str, ...]


class Appended(NamedTuple):
    """What is durable now.

    The number of the run's last event, the lease's fence where one was taken, and the events that others appended to
    the run since this journal last looked at it, in order, all placed before the new ones.
    """

    last_seq: int
    fence: int | None = None
    foreign: tuple[StoredEvent, ...] = ()


class Breakers(NamedTuple):
    """The circuit breakers by name, as they stand after event `seq` of the project's own stream."""

    seq: int
    by_name: "Mapping[str, Breaker]"


class FenceLostError(HoldfastError):
    """Another engine has taken the run over; nothing of this one is accepted any more."""

    exit_code = 8


class StaleError(HoldfastError):
    """The run has moved on since `after`; read it again and decide again."""

    exit_code = 8


class RunEndedError(HoldfastError):
    """The run has ended, or is not trusted; nothing drives it any more."""

    exit_code = 3


class LostRunError(HoldfastError):
    """There is no such run."""

    exit_code = 3


Done = Callable[[Appended | HoldfastError], None]


class Journal(Protocol):
    """The append-only record.

    Every method raises `StoreError` when the store cannot be reached, is full or read only, and `IntegrityError` when
    what it reads does not hold.
    """

    def submit(self, work: Append, done: Done) -> None:
        """Queue `work` for the writer; `done` is called from the writer's thread when it is durable or refused."""
        ...

    def append(self, work: Append) -> Appended:
        """Commit now and return; raises `FenceLostError`, `StaleError`, `LostRunError`, `BusyError` (lease taken)."""
        ...

    def events(self, run: str, after: int = 0) -> list[StoredEvent]:
        """The run's events behind `after`, in order."""
        ...

    def plan(self, digest: str) -> bytes:
        """The frozen plan's bytes."""
        ...

    def take(self, run: str, owner: Owner, now: int) -> Lease:
        """Take the run's lease with a higher fence; `BusyError` names the owner that lives and since when."""
        ...

    def renew(self, leases: Sequence[tuple[str, int]], now: int) -> list[str]:
        """Renew (run, fence) pairs; returns the runs whose lease was lost."""
        ...

    def release(self, run: str, fence: int) -> None:
        """Give a lease back; a lost one is left alone."""
        ...

    def lease(self, run: str) -> Lease | None:
        """The run's present lease, expired or not."""
        ...

    def breakers(self) -> Breakers:
        """The circuit breakers that all runs share."""
        ...

    def lock(self, asked: LockRequest, now: int) -> tuple[Holder, ...]:
        """Take all the locks, or none and a place in line; who is before it. Raises `FenceLostError`."""
        ...

    def lock_turns(self, run: str, now: int) -> list[str]:
        """The steps of the run that stand in line for locks and have nobody before them now."""
        ...

    def locks_of(self, run: str) -> list[Token]:
        """What locks are given to, of the run."""
        ...

    def line_of(self, run: str) -> list[str]:
        """The steps of the run that stand in line for locks."""
        ...

    def changed(self) -> bool:
        """Whether another process has committed since the last call (cheap; not for what this journal wrote)."""
        ...

    def close(self) -> None:
        """Commit what is queued and close."""
        ...


class Proofs(Protocol):
    """What earlier runs have left that may stand in for the steps of a run (planner)."""

    def instead(self, run: "Run", decided: "Start | Expand") -> "Body | None":
        """What becomes of a step that does not run: left out, or an earlier result stands in, its files put back."""
        ...

    def stamped(self, run: "Run", event: Event) -> Event:
        """The start of an attempt, with what it is for."""
        ...


class Log(Protocol):
    """Where the engine says what it does, for those who ask."""

    def __call__(self, what: str, run: str | None = None, /, **facts: object) -> None:
        """One thing that was done, with facts that JSON can hold."""
        ...


def silent(what: str, run: str | None = None, /, **facts: object) -> None:
    """The log of an engine that nobody listens to."""


class Artifacts(Protocol):
    """The content-addressed store; digests are `sha256:<hex>`."""

    def put_bytes(self, data: bytes) -> str:
        """Store bytes durably; returns the digest."""
        ...

    def put_pieces(self, pieces: Iterable[bytes]) -> str:
        """Store the bytes that the pieces make together durably; returns the digest."""
        ...

    def put_path(self, path: Path, shown: str, *, roots: Sequence[str] = (), digest_only: bool = False) -> ArtifactRef:
        """Store a file or a folder durably; `shown` is its path as the plan names it. Raises `OSError`, `StoreError`.

        Links in it must stay below one of the `roots`, where there are any. `digest_only`: only its digest is taken.
        """
        ...

    def read(self, digest: str) -> bytes:
        """The bytes of an object; `IntegrityError` when missing or damaged."""
        ...

    def present(self, refs: Collection[ArtifactRef]) -> set[str]:
        """The digests of those artifacts whose bytes are all there; they are not read."""
        ...

    def place(self, ref: ArtifactRef, target: str, roots: Sequence[str] = ()) -> None:
        """Put an artifact back at a path, verified, all of it or nothing; raises `IntegrityError`, `StoreError`."""
        ...
