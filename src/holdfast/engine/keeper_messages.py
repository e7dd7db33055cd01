"""What engine and keeper say to each other, one JSON line each. `at` is µs since the epoch, durations are seconds."""

from typing import Literal

import msgspec

from holdfast.engine.keeper.wire import GRACE_S


class Heartbeat(msgspec.Struct, frozen=True):
    """The attempt has stalled when `path` was not touched for `s` seconds."""

    path: str
    s: float


class Base(msgspec.Struct, frozen=True, tag_field="op", tag="base"):
    """The environment that the later requests of this connection which say `based` share."""

    env: dict[str, str]


class Spawn(msgspec.Struct, frozen=True, tag_field="op", tag="spawn", omit_defaults=True):
    """Run `argv`; its output is appended to the files `stdout` and `stderr`, which may be one. Paths are absolute.

    `env` is all of its environment, or where it is `based`, what differs from the base; `unset` names what goes. With
    `slots` it waits in the keeper, in the order of coming, until fewer attempts than that are in hand. One that is
    expected to be `silent` and quick has log files only when it is not.
    """

    id: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    stdout: str
    stderr: str
    based: bool = False
    unset: list[str] = []
    slots: int | None = None
    stdin: str | None = None
    timeout_s: float | None = None
    heartbeat: Heartbeat | None = None
    quiet_s: float | None = None
    grace_s: float = GRACE_S
    leave_running: bool = False
    mkdirs: list[str] = []
    silent: bool = False


class WorkerSpec(msgspec.Struct, frozen=True):
    """How a worker is started; jobs with equal ones share a pool."""

    argv: list[str]
    cwd: str
    env: dict[str, str]


class Call(msgspec.Struct, frozen=True):
    """What a worker does: call `module:function` with keyword arguments, in this folder and with this environment.

    With a `runner` it does that runner's work instead: `args` are its parameters, `place` what it may touch, and `call`
    is for people.
    """

    call: str
    args: dict[str, object]
    env: dict[str, str]
    cwd: str
    project: str
    runner: str = ""
    place: dict[str, object] = {}


class Job(msgspec.Struct, frozen=True, tag_field="op", tag="job", omit_defaults=True):
    """Make a call on a warm worker; `slots` as in `Spawn`."""

    id: str
    worker: WorkerSpec
    job: Call
    stdout: str
    stderr: str
    slots: int | None = None
    timeout_s: float | None = None
    heartbeat: Heartbeat | None = None
    quiet_s: float | None = None
    grace_s: float = GRACE_S
    leave_running: bool = False
    mkdirs: list[str] = []


class Stop(msgspec.Struct, frozen=True, tag_field="op", tag="stop"):
    """End one attempt: TERM to its whole tree, KILL after `grace_s`."""

    id: str
    grace_s: float = GRACE_S


class StopAll(msgspec.Struct, frozen=True, tag_field="op", tag="stop_all"):
    """End every attempt, drop what waits."""

    grace_s: float = GRACE_S


class Hello(msgspec.Struct, frozen=True, tag_field="op", tag="hello"):
    """First line of a connection: who commands from now on."""

    fence: int


class Bye(msgspec.Struct, frozen=True, tag_field="op", tag="bye"):
    """No more attempts will come; the keeper goes when none is left."""


Request = Base | Spawn | Job | Stop | StopAll | Hello | Bye


class Welcome(msgspec.Struct, frozen=True, tag_field="ev", tag="hello"):
    """The keeper obeys this connection; `live` are the attempts it has in hand."""

    fence: int
    pid: int
    live: list[str]


class Spawned(msgspec.Struct, frozen=True, tag_field="ev", tag="spawned"):
    """The process exists. It started between `start` and `start_max`, in the unit of `processes.Identity`."""

    id: str
    pid: int
    start: int
    start_max: int
    at: int


class SpawnFailed(msgspec.Struct, frozen=True, tag_field="ev", tag="spawn_failed"):
    """The process could not be started; nothing ran."""

    id: str
    error: str
    errno: str
    at: int


class JobError(msgspec.Struct, frozen=True):
    """Why a job failed, in the words of the worker. `definite`: nothing has happened outside (semantics E2)."""

    code: str
    message: str
    definite: bool = False
    retry_after_s: float | None = None  # what a server asked to wait


class Exited(msgspec.Struct, frozen=True, tag_field="ev", tag="exited"):
    """Nothing of the attempt is left. `code` is the exit status or minus a signal; `at` is when its main process ended.

    `why` says that the keeper ended it, `left` that it left something running which was stopped. `tree` says if it is
    proven that no process is left, or only likely, and `by` what the keeper went by where it had to stop anything.
    `printed`: its logs are not empty.
    """

    id: str
    code: int
    why: Literal["timeout", "stalled", "stopped"] | None
    at: int
    tree: Literal["proven", "best-effort"]
    max_rss_kib: int
    cpu_s: float
    error: JobError | None = None
    by: str = ""
    left: bool = False
    printed: bool = False


class Dropped(msgspec.Struct, frozen=True, tag_field="ev", tag="dropped"):
    """An attempt that waited for its turn was never started."""

    id: str
    why: str
    at: int


class Refused(msgspec.Struct, frozen=True, tag_field="ev", tag="refused"):
    """A request was not obeyed."""

    id: str | None
    why: str


class Fenced(msgspec.Struct, frozen=True, tag_field="ev", tag="fenced"):
    """A newer engine has taken over; this connection is at its end."""


Event = Welcome | Spawned | SpawnFailed | Exited | Dropped | Refused | Fenced
End = Exited | SpawnFailed | Dropped


class KeeperStarted(msgspec.Struct, frozen=True, tag_field="ev", tag="keeper"):
    """The first fact of every keeper of the run."""

    pid: int
    start: int
    boot: str
    fence: int
    run: str
    socket: str
    python: str


Fact = KeeperStarted | Spawned | SpawnFailed | Exited | Dropped
