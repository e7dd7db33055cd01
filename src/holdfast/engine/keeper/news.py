"""What has happened: written down first, then told to the engine, at once or a few at a time."""

import time

from holdfast.engine.keeper.clocks import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.engine.keeper.engines import Engines
    from holdfast.engine.keeper.record import Record

# That a process exists is news for nobody in a hurry: a short command's start is told with its end. Ends are told a few
# at a time while others wait here for their turn: the engine has nothing to start, and keeps them in one commit.
TOLD_S = 0.03
RECORD_AGAIN_S = 1.0


class News:
    """The facts of one run on their way to the disk and to the engine."""

    __slots__ = ("_engines", "_is_urgent", "_record", "_tell_at", "_untold", "_unwritten")

    def __init__(self, record: "Record", engines: "Engines") -> None:
        self._record = record
        self._engines = engines
        self._unwritten = b""
        self._untold = b""  # written, not sent yet
        self._is_urgent = False
        self._tell_at = NEVER

    @property
    def due(self) -> float:
        """When something is to be done about it, at the latest."""
        return min(self._tell_at, time.monotonic() + RECORD_AGAIN_S) if self._record.is_behind else self._tell_at

    def note(self, line: str) -> None:
        """Takes a fact that nobody waits for."""
        self._unwritten += line.encode()
        if self._tell_at == NEVER:
            self._tell_at = time.monotonic() + TOLD_S

    def add(self, line: str) -> None:
        """Takes a fact that the engine waits for."""
        self.note(line)
        self._is_urgent = True

    def warn(self, line: str) -> None:
        """Takes a fact of which the engine must hear at once, whatever it has to do: perhaps nothing may start now."""
        self.add(line)
        self._tell_at = 0.0

    def write_down(self) -> None:
        """Brings to the disk what has come since, and what the disk did not take before."""
        if self._unwritten or self._record.is_behind:
            self._record.write(self._unwritten)
            self._untold += self._unwritten
            self._unwritten = b""

    def tell(self, *, has_time: bool) -> None:
        """Tells the engine what is written down; while it `has_time`, not before it is due."""
        if self._untold and ((self._is_urgent and not has_time) or time.monotonic() >= self._tell_at):
            self._engines.tell(self._untold)
            self._untold = b""
            self._is_urgent = False
            self._tell_at = NEVER
