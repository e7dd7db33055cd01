"""One attempt in the keeper's hands: how it is started, and what is known about it."""

import os
import sys
import time

from holdfast.engine.keeper.clocks import Clocks
from holdfast.engine.keeper.proc import LINUX, now_ticks, start_of
from holdfast.engine.keeper.tag import STAYS, Tags
from holdfast.engine.keeper.wire import GRACE_S, encode

SHOWN_MAX = 60
"""Characters of PATH in an error."""
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

    from holdfast.engine.keeper.wire import Answer, Job, Spawn

    # Its number, the first and last tick in which it may have started, its tag.
    Process = tuple[int, int, int, int]
else:
    import _signal as signal  # the C half: `signal` itself imports enum

LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND
LOG_MODE = 0o644
# What the keeper ignores or handles, a command gets as the system gives it.
DEFAULT_SIGNALS = tuple(signal.valid_signals())
# A session of its own costs the scheduler a group (autogroup), 10 % of a short command. The keeper has no terminal, so
# a process group is enough where the kernel hands us all orphans; elsewhere the session is one more trace to follow.
OWN_GROUP: "dict[str, int | bool]" = {"setpgroup": 0} if LINUX else {"setsid": True}
clock_agrees: bool | None = None
tags = Tags()
MARKS = ("HOLDFAST_RUN", "HOLDFAST_STEP", "HOLDFAST_ATTEMPT")
ENCODING = sys.getfilesystemencoding()


class NotStartedError(Exception):
    """The command could not be started; `errno_name` is the system's name of the reason."""

    def __init__(self, message: str, errno_name: str) -> None:
        super().__init__(message)
        self.errno_name = errno_name


class Attempt:
    """A command or a job that was started and is not settled yet."""

    __slots__ = (
        "clocks",
        "code",
        "cpu_s",
        "ended_us",
        "env",
        "error",
        "grace_s",
        "has_answer",
        "id",
        "is_gone",
        "kill_at",
        "leave_running",
        "left",
        "logs",
        "max_rss_kib",
        "pid",
        "rounds",
        "spare",
        "start",
        "start_max",
        "tag",
        "why",
        "worker_marks",
    )

    def __init__(self, request: "Spawn | Job", process: "Process", env: "dict[str, str]") -> None:
        self.id = request["id"]
        self.pid, self.start, self.start_max, self.tag = process
        self.left = False  # it has ended and left something running, which is being stopped
        self.grace_s = request.get("grace_s", GRACE_S)
        self.leave_running = request.get("leave_running", False)
        self.env = env
        self.logs = (request["stdout"], request["stderr"])
        self.spare: tuple[str, str] | None = None  # where it writes to meanwhile
        self.clocks = Clocks(request)
        self.worker_marks: list[str] = []  # of a job: what its worker was started with
        self.has_answer = False  # of a job: the worker has said how it went
        self.is_gone = False  # the main process has ended and was reaped
        self.code = 0
        self.error: str | None = None  # of a job, as JSON
        self.why: str | None = None
        self.ended_us = 0
        self.max_rss_kib = 0
        self.cpu_s = 0.0
        self.kill_at: float | None = None  # set while it is being stopped
        self.rounds = 0

    def marks(self) -> list[str]:
        """The entries of the environment by which what it started is known."""
        return [f"{name}={self.env[name]}" for name in MARKS if name in self.env]

    def take(self, answer: "Answer") -> None:
        """Notes what a worker says of the job."""
        self.has_answer = True
        self.code = answer["code"]
        self.error = None if answer["error"] is None else encode(answer["error"])
        self.cpu_s = answer["cpu_s"]
        self.max_rss_kib = answer["max_rss_kib"]
        self.ended_us = now_us()


def encoded(env: "dict[str, str]") -> "dict[bytes, bytes]":
    """An environment as the system takes it."""
    return {
        name.encode(ENCODING, "surrogateescape"): text.encode(ENCODING, "surrogateescape") for name, text in env.items()
    }


class Base:
    """The environment that the attempts of one engine share, encoded once."""

    __slots__ = ("encoded", "path")

    def __init__(self, env: "dict[str, str]") -> None:
        self.path = env.get("PATH", os.defpath)
        self.encoded = encoded(env)

    def completed(self, request: "Spawn") -> "tuple[dict[bytes, bytes], str]":
        """All of a command's environment, and the PATH in it."""
        env = {**self.encoded, **encoded(request["env"])}
        path = request["env"].get("PATH", self.path)
        for name in request.get("unset", ()):
            env.pop(name.encode(ENCODING, "surrogateescape"), None)
            path = os.defpath if name == "PATH" else path
        return env, path


NO_BASE = Base({})


def launch(
    argv: "list[str]",
    env: "tuple[dict[bytes, bytes], str]",
    cwd: str,
    actions: "Sequence[tuple[object, ...]]",
    stays: int = 0,
) -> "Process":
    """Starts a process in its own group. Raises NotStartedError.

    `env` is the environment and the PATH in it; `stays` is STAYS for what may leave something running.
    """
    try:
        os.chdir(cwd)
    except OSError as error:
        raise NotStartedError(
            f"the working directory {cwd} cannot be entered: {error.strerror}", name_of(error)
        ) from None
    program = find_program(argv[0], env[1])
    tag = tags.next(stays)
    before = now_ticks()
    try:
        pid = os.posix_spawn(
            program,
            argv,
            env[0],
            file_actions=actions,
            setsigmask=(),
            setsigdef=DEFAULT_SIGNALS,
            **OWN_GROUP,  # type: ignore[arg-type]  # one keyword of two, by system
        )
    except OSError as error:
        raise NotStartedError(explain(program, actions, error), name_of(error)) from None
    except ValueError as error:
        raise NotStartedError(f"{argv[0]}: {error}", "EINVAL") from None
    return (pid, *start_between(before, now_ticks(), pid), tag)


def start_between(before: int, after: int, pid: int) -> tuple[int, int]:
    """The first and last tick in which a process started that was started between these.

    Asking the kernel would cost as much as all the rest of a start. The first process shows if it counts as we do.
    """
    global clock_agrees  # noqa: PLW0603  # a fact about the machine
    if clock_agrees:
        return before, after
    start = start_of(pid)
    if start is None:
        return before, after
    if clock_agrees is None:
        clock_agrees = before <= start <= after
    return start, start


def spawn(request: "Spawn", base: Base, spare: "tuple[str, str] | None" = None) -> Attempt:
    """Starts a command with its output going straight to its log files, or to `spare` ones. Raises NotStartedError."""
    if "mkdirs" in request:
        make_folders(request["mkdirs"])
    env = (base if request.get("based", False) else NO_BASE).completed(request)
    stdout, stderr = spare or (request["stdout"], request["stderr"])
    actions = (
        (os.POSIX_SPAWN_OPEN, 0, request.get("stdin", "/dev/null"), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, LOG_FLAGS, LOG_MODE),
        (os.POSIX_SPAWN_DUP2, 1, 2) if stderr == stdout else (os.POSIX_SPAWN_OPEN, 2, stderr, LOG_FLAGS, LOG_MODE),
    )
    stays = STAYS if request.get("leave_running", False) else 0
    attempt = Attempt(request, launch(request["argv"], env, request["cwd"], actions, stays), request["env"])
    attempt.spare = spare
    return attempt


def make_folders(paths: "list[str]") -> None:
    """Makes the folders an attempt wants to find. Raises NotStartedError."""
    for path in paths:
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise NotStartedError(f"the folder {path} cannot be made: {error.strerror}", name_of(error)) from None


def find_program(name: str, path: str) -> str:
    """Looks a program up in the command's own PATH. Raises NotStartedError."""
    if "/" in name:
        return name
    places = [f"{folder or '.'}/{name}" for folder in path.split(":")]
    for place in places:
        if os.access(place, os.X_OK) and not os.path.isdir(place):
            return place
    if any(map(os.path.isfile, places)):
        raise NotStartedError(f"{name} was found on PATH but is not executable: chmod +x it", "EACCES")
    raise NotStartedError(f"there is no program {name} on PATH ({_shortened(path)})", "ENOENT")


def _shortened(path: str) -> str:
    return path if len(path) <= SHOWN_MAX else f"{path[:SHOWN_MAX]}…"


def explain(program: str, actions: "Sequence[tuple[object, ...]]", error: OSError) -> str:
    """Says which of the things a start needs was the one that failed; the system names none."""
    for action in actions:
        if action[0] == os.POSIX_SPAWN_OPEN:
            path = str(action[2])
            if action[1] == 0 and not os.access(path, os.R_OK):
                return f"standard input {path} cannot be read"
            if action[1] != 0 and not os.access(path if os.path.exists(path) else os.path.dirname(path), os.W_OK):
                return f"the log file {path} cannot be written"
    if not os.path.exists(program):
        return f"there is no program {program}"
    if os.path.isdir(program):
        return f"{program} is a directory, not a program"
    if not os.access(program, os.X_OK):
        return f"{program} is not executable: chmod +x it"
    name = name_of(error)
    if name == "ENOENT":
        return f"{program}: the interpreter that its first line (#!) names does not exist"
    if name == "ENOEXEC":
        return f"{program} is neither a script with a first line #! nor a program for this machine"
    if name == "E2BIG":
        return f"{program}: arguments and environment together are too long for this system"
    return f"{program} could not be started: {error.strerror}"


def name_of(error: OSError) -> str:
    """The symbolic name of a system error, `ENOENT` and the like."""
    import errno

    return errno.errorcode.get(error.errno or 0, "EIO")


def now_us() -> int:
    """Wall-clock time, µs since the epoch."""
    return time.time_ns() // 1000
