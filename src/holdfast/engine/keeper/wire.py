"""Requests and their JSON. Read with the C scanner: importing `json` takes longer than starting Python does."""

from _json import encode_basestring_ascii as quote
from _json import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, NotRequired, TypedDict

    class Heartbeat(TypedDict):
        """Silence of touches of `path` for `s` seconds ends the attempt."""

        path: str
        s: float

    class Clocks(TypedDict):
        """What `spawn` and `job` share: who, where the output goes, how long, and of how many at a time it is one."""

        id: str
        stdout: str
        stderr: str
        slots: NotRequired[int]
        timeout_s: NotRequired[float]
        heartbeat: NotRequired[Heartbeat]
        quiet_s: NotRequired[float]
        silent: NotRequired[bool]
        grace_s: NotRequired[float]
        leave_running: NotRequired[bool]
        mkdirs: NotRequired[list[str]]

    class Base(TypedDict):
        """The environment that later requests share."""

        op: Literal["base"]
        env: dict[str, str]

    class Spawn(Clocks):
        """Run a command."""

        op: Literal["spawn"]
        argv: list[str]
        cwd: str
        env: dict[str, str]
        based: NotRequired[bool]
        unset: NotRequired[list[str]]
        stdin: NotRequired[str]

    class WorkerSpec(TypedDict):
        """How a worker is started; equal ones share a pool."""

        argv: list[str]
        cwd: str
        env: dict[str, str]

    class Call(TypedDict):
        """What is called, with what, where. The worker reads the rest."""

        env: dict[str, str]

    class Job(Clocks):
        """Call a Python function on a warm worker."""

        op: Literal["job"]
        worker: WorkerSpec
        job: Call

    class JobError(TypedDict):
        """Why a job failed."""

        code: str
        message: str
        definite: bool
        retry_after_s: float | None

    class Answer(TypedDict):
        """What a worker says of a job it has done; when it retires, it takes no other."""

        id: str
        code: int
        error: JobError | None
        retire: bool
        cpu_s: float
        max_rss_kib: int

    class Stop(TypedDict):
        """End one attempt."""

        op: Literal["stop"]
        id: str
        grace_s: float

    class StopAll(TypedDict):
        """End every attempt."""

        op: Literal["stop_all"]
        grace_s: float

    class Hello(TypedDict):
        """The first line of a connection."""

        op: Literal["hello"]
        fence: int

    class Bye(TypedDict):
        """No more attempts will come."""

        op: Literal["bye"]

    Request = Base | Spawn | Job | Stop | StopAll | Hello | Bye

__all__ = ["GRACE_S", "encode", "parse", "quote", "scan"]

GRACE_S = 10.0
"""Between TERM and KILL, where a request does not say."""


class _Strict:
    """What the scanner wants to know; the meaning of `json.loads` without arguments."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


scan: "Callable[[str, int], tuple[Any, int]]" = make_scanner(_Strict())  # type: ignore[arg-type]  # duck-typed


def parse(line: bytes) -> "Request":
    """Reads one request line; raises ValueError when it is not a JSON object."""
    try:
        value, _ = scan(line.decode(), 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    return value  # type: ignore[return-value]  # the engine is our own; a missing key is refused where it is used


def encode(value: object) -> str:
    """Writes plain data as JSON."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quote(str(key))}:{encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(encode, value)) + "]"
    raise TypeError(f"no JSON for {type(value).__name__}")
