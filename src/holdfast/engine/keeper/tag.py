"""A mark that every process inherits, through forks, sessions and emptied environments: an odd limit of the system.

The soft limit of CPU time without a pause for real-time scheduling is so high that nothing ever reaches it; which of
these high numbers it is says which attempt of which run a process comes from. Taking it off takes intent.
"""

from holdfast.engine.keeper.proc import LINUX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = 1 << 61
STAYS = 1 << 60  # of what may be left running
START_BITS = 28
RUNS = 4_294_967_291  # a prime below 2 to the 32nd
LINE = b"Max realtime timeout"


class Tags:
    """The tags of one keeper, each for one start."""

    __slots__ = ("_run", "_set", "_starts")

    def __init__(self) -> None:
        self._run = FIRST
        self._starts = 0
        self._set = setter() if LINUX else None

    def begin(self, run_id: str) -> None:
        """The starts to come are of this run."""
        self._run = FIRST | _number_of(run_id) << START_BITS

    def next(self, stays: int = 0) -> int:
        """Marks this process, and so what it starts from now on; 0 where the system does not take it.

        `stays` is STAYS for what may be left running.
        """
        if self._set is None:
            return 0
        self._starts = (self._starts + 1) & ((1 << START_BITS) - 1)
        tag = self._run | stays | self._starts
        try:
            self._set(tag)
        except (OSError, ValueError):
            self._set = None
            return 0
        return tag


def is_of_run(tag: int, run_id: str) -> bool:
    """Says whether a process with this tag comes from an attempt of the run that may leave nothing running."""
    return tag >> START_BITS == (FIRST >> START_BITS) | _number_of(run_id)


def _number_of(run_id: str) -> int:
    return int.from_bytes(run_id.encode(errors="surrogateescape"), "big") % RUNS


def setter() -> "Callable[[int], None] | None":
    """What sets the limit of this process."""
    try:
        from resource import RLIMIT_RTTIME, getrlimit, setrlimit
    except ImportError:
        return None
    hard = getrlimit(RLIMIT_RTTIME)[1]
    return lambda soft: setrlimit(RLIMIT_RTTIME, (soft, hard))


def tag_of(pid: int) -> int:
    """The tag a process has; 0 for none."""
    try:
        with open(f"/proc/{pid}/limits", "rb", buffering=0) as file:
            _, found, rest = file.readall().partition(LINE)
    except OSError:
        return 0
    soft = rest.split(None, 1)[0] if found else b""
    return int(soft) if soft.isdigit() and int(soft) > FIRST else 0
