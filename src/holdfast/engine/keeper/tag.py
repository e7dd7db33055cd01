"""A mark that every process inherits, through forks, sessions and emptied environments: an odd limit of the system.

The soft limit of CPU time without a pause for real-time scheduling is so high that nothing ever reaches it; which of
these high numbers it is says which attempt a process comes from. Taking it off takes intent.
"""

from holdfast.engine.keeper.proc import LINUX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = 1 << 61
LINE = b"Max realtime timeout"


class Tags:
    """The tags of one keeper, each for one start."""

    __slots__ = ("_last", "_set")

    def __init__(self) -> None:
        self._last = FIRST
        self._set = setter() if LINUX else None

    def next(self) -> int:
        """Marks this process, and so what it starts from now on; 0 where the system does not take it."""
        if self._set is None:
            return 0
        self._last += 1
        try:
            self._set(self._last)
        except (OSError, ValueError):
            self._set = None
            return 0
        return self._last


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
