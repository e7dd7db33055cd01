"""Values that events hold: who acted, what went wrong, what was made, how it was started, what it spent."""

from typing import Literal

import msgspec

Action = Literal[
    "retry", "abort", "skip_dependents", "continue", "skip", "fallback", "rollback", "goto", "next", "doubt"
]


class Who(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who acted: a claim (`by`) and what the machine knows (user, host, pid)."""

    user: str = ""
    host: str = ""
    pid: int = 0
    by: str | None = None


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong in an attempt or a step: a code of semantics S22 and one line for people.

    `retry_after_s` is what a server asked to wait before the next attempt (semantics S9, E2).
    """

    code: str
    message: str = ""
    retry_after_s: float | None = None


class ArtifactRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """One artifact: its path in the project, digest `sha256:<hex>` and size in bytes; `tree` marks a folder.

    `digest_only`: its bytes were not stored (`keep: digest`).
    """

    path: str
    digest: str
    size: int
    tree: bool = False
    executable: bool = False
    digest_only: bool = False


class Keyed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key with its components (planner, Terms): the definition's digest, the declared environment, content by port.

    `own` are the ports that no step makes, `made` those of other steps. `identity`: the step, where two steps with
    equal components are two (not deterministic, or an effect that happens once).
    """

    definition: str
    environment: dict[str, str] = {}
    own: dict[str, str] = {}
    made: dict[str, str] = {}
    identity: str = ""


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason of a verdict, as it is recorded; `changes` are (port, old, new)."""

    code: str
    detail: str = ""
    because: tuple[str, ...] = ()
    changes: tuple[tuple[str, str | None, str | None], ...] = ()


class Launch(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an attempt's process is started: argv, folder, the step's own (redacted) environment, its clocks and logs."""

    argv: tuple[str, ...] = ()
    cwd: str = ""
    env: dict[str, str] = {}
    stdout: str = ""
    stderr: str = ""
    timeout_s: float | None = None
    heartbeat_s: float | None = None
    quiet_s: float | None = None
    grace_s: float | None = None


class Spent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an attempt spent: a call of each capability by starting (negative: it never began), what it reported."""

    cost_usd: float = 0.0
    tokens: int = 0
    calls: dict[str, int] = {}


class Lacking(msgspec.Struct, frozen=True, omit_defaults=True):
    """A budget that is spent, the run's or (`step`) a step's own; `said` says so to people."""

    key: str
    spent: float
    limit: float
    said: str
    step: str | None = None


class Disposition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of a failure and why (semantics S5): by a retry, a failure mode, or the step's policy.

    `target` is the step of a fallback or a jump, `mode` the failure mode that matched, `advice` is for people.
    """

    action: Action
    target: str | None = None
    mode: str | None = None
    reason: str = ""
    advice: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """What the step becomes by it."""
        return _DISPOSED.get(self.action, "failed")


_DISPOSED: dict[Action, str] = {"retry": "retrying", "skip": "skipped", "fallback": "waiting", "doubt": "uncertain"}


class Parent(msgspec.Struct, frozen=True):
    """The attempt that a nested run is."""

    run: str
    step: str
    attempt: int


class Child(msgspec.Struct, frozen=True, omit_defaults=True):
    """The run that an attempt of a `uses: plan` step is: its id, the inputs it gets, and what it may spend by key."""

    run: str
    inputs: dict[str, object] = {}
    allotted: dict[str, float] = {}
