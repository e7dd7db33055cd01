"""Every journal event: one frozen body each, with its version.

An `Event` is a body with its time (UTC microseconds since the epoch) and, where it concerns one, its step and attempt.
The journal keeps those and `kind` as columns and the body as canonical JSON; `encode` and `decode` are the only doors.
"""

from typing import ClassVar, Literal, NamedTuple

import msgspec

from holdfast.errors import IntegrityError
from holdfast.run import particulars

Who = particulars.Who
Error = particulars.Error
ArtifactRef = particulars.ArtifactRef
Launch = particulars.Launch
Spent = particulars.Spent
Action = particulars.Action
Disposition = particulars.Disposition
Parent = particulars.Parent
Child = particulars.Child
AttemptStatus = Literal["succeeded", "failed", "timed_out", "stalled", "canceled", "lost", "uncertain"]
RunOutcome = Literal["succeeded", "partial", "failed", "canceled"]
Resolution = Literal["happened", "not-happened", "recheck", "skip"]
Verdict = Literal["approve", "reject"]
WaitCause = Literal["requires", "breaker", "budget", "resources", "lock", "deadlock", "timer", "file", "review"]


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one kind of event says; `kind` is its name in the journal, `version` that of its shape."""

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1


class Event(NamedTuple):
    """One fact, not yet placed in a stream."""

    at: int
    body: Body
    step: str | None = None
    attempt: int | None = None


class StoredEvent(NamedTuple):
    """One fact in its place: the n-th of its run."""

    run: str
    seq: int
    event: Event


# Runs.


class RunCreated(Body, frozen=True):
    """A run exists: the frozen plan's digest, the inputs, the request and who asked."""

    kind: ClassVar[str] = "run.created"
    plan: str
    plan_digest: str
    plan_file: str
    project: str
    inputs: dict[str, object] = {}
    request: dict[str, object] = {}
    revision: int = 1
    who: Who = Who()
    parent: Parent | None = None


class RunOwned(Body, frozen=True):
    """An engine took the run: who it is, its fence, and the circumstances every attempt of it shares."""

    kind: ClassVar[str] = "run.owned"
    fence: int
    host: str
    pid: int
    engine: str
    os: str = ""
    environment: dict[str, str] = {}
    concurrency: int = 0
    limits: dict[str, object] = {}
    policy: dict[str, object] = {}
    ran_s: float = 0.0


class RunPausing(Body, frozen=True):
    """Somebody asked for a pause: nothing new starts, running steps are awaited, or stopped where `stop` says so."""

    kind: ClassVar[str] = "run.pausing"
    who: Who = Who()
    reason: str | None = None
    stop: bool = False


class RunPaused(Body, frozen=True):
    """Nothing of the run moves until somebody resumes it."""

    kind: ClassVar[str] = "run.paused"
    ran_s: float = 0.0  # seconds that it was running so far, where its plan limits them


class RunCanceling(Body, frozen=True):
    """Somebody asked for the end of the run."""

    kind: ClassVar[str] = "run.canceling"
    who: Who = Who()
    reason: str | None = None
    why: Literal["cancel", "superseded"] = "cancel"


class RunBlocked(Body, frozen=True):
    """Nothing can move until a person answers; `steps` are those that wait. `ending`: the run ends after that."""

    kind: ClassVar[str] = "run.blocked"
    steps: tuple[str, ...] = ()
    ran_s: float = 0.0
    ending: bool = False


class RunExpired(Body, frozen=True):
    """The run has run as long as `limits.time` allows: it ends as after an abort (semantics S10)."""

    kind: ClassVar[str] = "run.expired"
    limit_s: float


class BudgetRaised(Body, frozen=True):
    """A person allows `amount` more of `key`, for the run or for the event's step (semantics G9)."""

    kind: ClassVar[str] = "budget.raised"
    key: str
    amount: float
    who: Who = Who()
    reason: str = ""


class BudgetWarned(Body, frozen=True):
    """At least 80 % of a budget are spent, the run's or the event's step's own (semantics S13)."""

    kind: ClassVar[str] = "budget.warned"
    key: str
    spent: float
    limit: float


class RunEnding(Body, frozen=True):
    """Everything but the `finally` steps is over: what has not ended never will, and they begin (semantics S15).

    `cancels` is how many times an end had been asked for by then.
    """

    kind: ClassVar[str] = "run.ending"
    outcome: RunOutcome
    cancels: int = 0


class RunFinished(Body, frozen=True):
    """The run's outcome, a pure function of its steps' outcomes (semantics S14), and the plan's outputs."""

    kind: ClassVar[str] = "run.finished"
    outcome: RunOutcome
    outputs: dict[str, object] = {}
    warnings: tuple[str, ...] = ()
    reason: str | None = None  # why it failed, where no step's failure says so
    ran_s: float = 0.0
    goal: dict[str, str] = {}  # each expression of `done_when` (semantics S18): true, false, or why it has no value


class RunQuarantined(Body, frozen=True):
    """The engine no longer trusts the run."""

    kind: ClassVar[str] = "run.quarantined"
    reason: str


class RunReleased(Body, frozen=True):
    """A person freed a quarantined run."""

    kind: ClassVar[str] = "run.released"
    who: Who = Who()
    reason: str = ""


# Steps.


class StepSkipped(Body, frozen=True):
    """The step does not run; `why` is one of semantics' reasons, `detail` the expression that decided."""

    kind: ClassVar[str] = "step.skipped"
    why: Literal["condition", "upstream", "policy", "not-selected", "branch"]
    detail: str | None = None
    facts: dict[str, object] = {}


class StepRecovered(Body, frozen=True):
    """The step had failed, and its fallback succeeded, whose outputs and artifacts it has (semantics S6)."""

    kind: ClassVar[str] = "step.recovered"
    by: str


class StepFailed(Body, frozen=True):
    """The step fails otherwise than by the end of an attempt, such as by an expression that cannot be evaluated."""

    kind: ClassVar[str] = "step.failed"
    error: Error
    facts: dict[str, object] = {}
    disposed: Disposition | None = None


class StepWaiting(Body, frozen=True):
    """The step waits without holding a slot: for what, since when (where not since this event), when it is looked at.

    Said once, and again only when `cause` or `on` changes; `facts` are those of the world that decided. With an attempt
    it is the attempt that waits: until `due` (`fixed`: a point in time, not a duration), at the longest to `deadline`.
    """

    kind: ClassVar[str] = "step.waiting"
    cause: WaitCause
    on: str
    what: str
    since: int | None = None
    look_at: int | None = None
    facts: dict[str, object] = {}
    due: int | None = None
    fixed: bool = False
    deadline: int | None = None


class StepAnswered(Body, frozen=True):
    """A person's word on whether an attempt did what it promised in prose; without an attempt: on a loop that is stuck.

    A rejection is a failure like another (`error`, `retry_at`, `disposed`), or leaves the loop: `disposed` is then what
    becomes of a failure that led back.
    """

    kind: ClassVar[str] = "step.answered"
    choice: Verdict
    who: Who = Who()
    reason: str | None = None
    error: Error | None = None
    retry_at: int | None = None
    disposed: Disposition | None = None


class StepExpanded(Body, frozen=True):
    """A `for_each` step has one instance for each key; `items`, in the store when large, are the keys if not here."""

    kind: ClassVar[str] = "step.expanded"
    keys: tuple[str, ...]
    items: list[object] | None = None
    items_digest: str | None = None
    facts: dict[str, object] = {}


class StepGathered(Body, frozen=True):
    """All instances of a `for_each` step have ended, or `fail: fast` has ended the rest; the step's own end."""

    kind: ClassVar[str] = "step.gathered"
    status: Literal["succeeded", "failed", "skipped"]
    error: Error | None = None
    disposed: Disposition | None = None


class StepJumped(Body, frozen=True):
    """The step's end leads back to `target`, for visit number `visit`; `ids`: new visits of what goes round (S17)."""

    kind: ClassVar[str] = "step.jumped"
    target: str
    visit: int
    ids: tuple[str, ...]


class StepStuck(Body, frozen=True):
    """The step's end leads back to `target`, whose visits are used up: a person is asked (semantics S17)."""

    kind: ClassVar[str] = "step.stuck"
    target: str
    visits: int


class StepResolved(Body, frozen=True):
    """A person settled an uncertain effect (semantics E4)."""

    kind: ClassVar[str] = "step.resolved"
    choice: Resolution
    who: Who = Who()
    reason: str | None = None
    outputs: dict[str, object] = {}


# Attempts.


class AttemptStarted(Body, frozen=True):
    """An attempt is about to start: durable before its process exists (semantics C1)."""

    kind: ClassVar[str] = "attempt.started"
    launch: Launch | None = None
    key: str | None = None  # idempotency key of a once effect
    facts: dict[str, object] = {}
    spent: Spent | None = None
    breaker: int | None = None  # the generation of the step's breaker that let it through
    child: Child | None = None
    keyed: particulars.Keyed | None = None  # what it is for, as of before it started; why nothing stands in for it
    reasons: tuple[particulars.Cause, ...] = ()


class AttemptSpawned(Body, frozen=True):
    """The attempt's process exists; of one that ended before this was told, its end says the number."""

    kind: ClassVar[str] = "attempt.spawned"
    pid: int
    start: str = ""


class AttemptAdopted(Body, frozen=True):
    """Another engine than the one that started it took over a living or finished attempt."""

    kind: ClassVar[str] = "attempt.adopted"
    fence: int


class AttemptEnded(Body, frozen=True):
    """An attempt's end, with all that later steps may depend on; `retry_at` says when the next one is due.

    `disposed` says what becomes of a failure; without it the step's own policy holds. `review`: what it promised in
    prose; it has succeeded once a person says so (semantics S20).
    """

    kind: ClassVar[str] = "attempt.ended"
    status: AttemptStatus
    exit_code: int | None = None
    error: Error | None = None
    outputs: dict[str, object] = {}
    outputs_digest: str | None = None  # outputs over 64 KiB are in the store by digest
    artifacts: dict[str, ArtifactRef] = {}
    spent: Spent | None = None
    retry_at: int | None = None
    disposed: Disposition | None = None
    outcome: str | None = None  # the one that a step with edges names (semantics S17)
    cpu_s: float | None = None
    max_rss_kib: int | None = None
    notes: tuple[str, ...] = ()
    pid: int | None = None  # of a process so short that no `attempt.spawned` tells of it
    review: tuple[str, ...] = ()


BODIES: tuple[type[Body], ...] = (
    *(RunCreated, RunOwned),
    RunPausing,
    RunPaused,
    RunCanceling,
    RunBlocked,
    RunExpired,
    BudgetRaised,
    BudgetWarned,
    RunEnding,
    RunFinished,
    *(RunQuarantined, RunReleased),
    *(StepSkipped, StepFailed),
    StepRecovered,
    StepWaiting,
    StepExpanded,
    StepGathered,
    StepJumped,
    StepStuck,
    StepAnswered,
    StepResolved,
    AttemptStarted,
    AttemptSpawned,
    AttemptAdopted,
    AttemptEnded,
)
_DECODERS = {body.kind: msgspec.json.Decoder(body) for body in BODIES}
RARE = ("breaker.", "goal.", "escalation.", "budget.asked", "step.reused")
_ENCODER = msgspec.json.Encoder(order="deterministic")


def encode(body: Body) -> bytes:
    """The body as canonical JSON: keys in order, defaults left out."""
    return _ENCODER.encode(body)


def decode(kind: str, data: bytes | str) -> Body:
    """The body that `encode` made; an unknown kind or shape is `E_JOURNAL_DAMAGED`."""
    if kind not in _DECODERS and kind.startswith(RARE):
        from holdfast.run.rare import RARE_BODIES  # noqa: PLC0415 - few journals hold any; it needs `Body`

        _DECODERS.update({body.kind: msgspec.json.Decoder(body) for body in RARE_BODIES})
    try:
        if (decoder := _DECODERS.get(kind)) is not None:
            return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise IntegrityError(f"a {kind} event does not have its shape: {error}", code="E_JOURNAL_DAMAGED") from error
    raise IntegrityError(f"the journal holds an unknown kind of event, {kind!r}", code="E_JOURNAL_DAMAGED")
