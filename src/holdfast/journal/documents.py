"""The documents of `runs`, `show`, `inbox` and `timeline` as values; their JSON form is that of the cli page."""

import time

import msgspec


class NestedIn(msgspec.Struct, frozen=True):
    """The attempt that a nested run is."""

    run: str
    step: str
    attempt: int


class RunLine(msgspec.Struct, frozen=True):
    """A run in the list of runs."""

    run: str
    plan: str
    revision: int
    status: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    inputs: dict[str, object]
    parent: NestedIn | None = None


class Runs(msgspec.Struct, frozen=True):
    """`runs --json`, newest first."""

    runs: list[RunLine]


class Reason(msgspec.Struct, frozen=True):
    """Why a step has its verdict."""

    code: str
    detail: str | None = None
    because: tuple[str, ...] = ()


class Fault(msgspec.Struct, frozen=True):
    """What went wrong in an attempt."""

    code: str
    message: str


class Disposed(msgspec.Struct, frozen=True):
    """What became of a failure: what was done, which step took over, which failure mode matched, and why."""

    action: str
    target: str | None
    mode: str | None
    reason: str
    advice: tuple[str, ...]


class ShownAttempt(msgspec.Struct, frozen=True):
    """An attempt of a shown step; `stdout` and `stderr` are the paths of its logs."""

    number: int
    status: str
    exit_code: int | None
    error: Fault | None
    started_at: str
    finished_at: str | None
    stdout: str | None
    stderr: str | None
    pid: int | None
    adopted: bool
    notes: tuple[str, ...] = ()
    disposed: Disposed | None = None


class ShownArtifact(msgspec.Struct, frozen=True):
    """An artifact of a shown step."""

    path: str
    digest: str
    size: int


class ShownStep(msgspec.Struct, frozen=True):
    """A step of a shown run; `outputs_digest` stands for outputs that are in the store.

    `nested_run` is the run that its latest attempt is, of a step that runs a plan.
    `instances` are the ids of what a `for_each` step became; each of those names the step in `instance_of`.
    A visit after the first in a loop names the step in `visit_of`; `next_visit` is the visit that followed this one.
    """

    step: str
    verdict: str
    reasons: tuple[Reason, ...]
    status: str
    why: str | None
    attempts: tuple[ShownAttempt, ...]
    outputs: dict[str, object]
    artifacts: dict[str, ShownArtifact]
    from_run: str | None = None
    outputs_digest: str | None = None
    instances: tuple[str, ...] | None = None
    instance_of: str | None = None
    nested_run: str | None = None
    visit_of: str | None = None
    next_visit: str | None = None


class LockHolder(msgspec.Struct, frozen=True):
    """Who holds a lock since when, or (`since` is null) stands before the step in line for it."""

    lock: str
    run: str
    step: str | None  # None: the run holds it
    host: str
    pid: int
    since: str | None


class Wait(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run waits for: `kind` is `uncertain`, `retry`, `release`, or the cause of a step that is `waiting`.

    `holders` are those of the locks that it waits for; of another kind it has none.
    """

    kind: str
    step: str | None
    since: str
    what: str
    holders: tuple[LockHolder, ...] | None = None


class Holder(msgspec.Struct, frozen=True):
    """Who owns a run."""

    host: str
    pid: int
    engine: str
    since: str
    expires_at: str
    alive: bool | None  # None: on another host


class Limits(msgspec.Struct, frozen=True):
    """What may be spent, as it was raised; `None`: no limit."""

    cost_usd: float | None = None
    tokens: int | None = None
    calls: dict[str, int] = {}
    time_s: float | None = None


class Spending(msgspec.Struct, frozen=True):
    """What attempts spent; of a run whose time is limited, how long it was running, and what it may spend."""

    cost_usd: float = 0.0
    tokens: int = 0
    calls: dict[str, int] = {}
    time_s: float | None = None
    limits: Limits | None = None


class Shown(msgspec.Struct, frozen=True):
    """`show --json`."""

    run: str
    plan: str
    revision: int
    status: str
    inputs: dict[str, object]
    created_at: str
    started_at: str | None
    finished_at: str | None
    owner: Holder | None
    request: dict[str, object]
    steps: list[ShownStep]
    waits: list[Wait]
    spent: Spending
    warnings: tuple[str, ...]
    outputs: dict[str, object]
    pausing: bool
    canceling: bool
    project: str
    plan_file: str
    goal: dict[str, str] = {}  # what each expression of its `done_when` was
    reason: str | None = None  # why it failed, where no step's failure says so


class ShownBreaker(msgspec.Struct, frozen=True):
    """A circuit breaker: `trials` are the attempts under way on trial, `next_trial_at` when one may be."""

    breaker: str
    state: str
    failures: int
    since: str | None
    next_trial_at: str | None
    error: str | None
    trials: tuple[dict[str, object], ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """A request to people, about a step or (null) its run; `shows` holds what the person needs to see to answer.

    `kind` is review, resolve, budget (more of it is to be allowed) or escalation (something is late).
    """

    id: str
    run: str
    step: str | None
    kind: str
    question: str
    options: tuple[str, ...]
    shows: dict[str, object]
    since: str
    expires_at: str | None = None
    role: str | None = None


class Inbox(msgspec.Struct, frozen=True):
    """`inbox --json`, oldest first."""

    requests: list[Asked]


class Span(msgspec.Struct, frozen=True):
    """One attempt on the timeline."""

    step: str
    number: int
    status: str
    started_at: str
    finished_at: str | None


class Timeline(msgspec.Struct, frozen=True):
    """`timeline --json`: attempts by the time they started."""

    run: str
    plan: str
    status: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: list[Span]


def stamp(at: int) -> str:
    """Microseconds since the epoch as RFC 3339 UTC."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{micros:06}Z"


def stamp_or_none(at: int | None) -> str | None:
    """`stamp`, where there is a time."""
    return None if at is None else stamp(at)
