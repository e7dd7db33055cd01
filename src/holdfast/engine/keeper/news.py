"""What has happened: written down first, then told to the engine, at once or a few at a time."""

import time

from holdfast.engine.keeper.attempt import now_us
from holdfast.engine.keeper.clocks import NEVER
from holdfast.engine.keeper.wire import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.engine.keeper.attempt import Attempt, NotStartedError
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

    def spawned(self, attempt: "Attempt") -> None:
        """It has been started."""
        self.note(
            f'{{"ev":"spawned","id":{quote(attempt.id)},"pid":{attempt.pid},"start":{attempt.start},'
            f'"start_max":{attempt.start_max},"at":{now_us()}}}\n'
        )

    def not_started(self, identity: str, error: "NotStartedError") -> None:
        """Its command could not be started."""
        self.warn(
            f'{{"ev":"spawn_failed","id":{quote(identity)},"error":{quote(str(error))},'
            f'"errno":"{error.errno_name}","at":{now_us()}}}\n'
        )

    def dropped(self, identity: str, why: str) -> None:
        """It was never started."""
        self.add(f'{{"ev":"dropped","id":{quote(identity)},"why":{quote(why)},"at":{now_us()}}}\n')

    def exited(self, attempt: "Attempt", tree: str, by: str, *, has_printed: bool) -> None:
        """Nothing of it is left: whether that is proven (`tree`), and by what it is known (`by`) where it was ended."""
        why = "null" if attempt.why is None else f'"{attempt.why}"'
        more = f',"by":"{by}"' if by else ""
        more += ',"left":true' if attempt.left else ""
        more += ',"printed":true' if has_printed else ""
        more += "" if attempt.error is None else f',"error":{attempt.error}'
        tell = self.add if attempt.code == 0 and attempt.why is None else self.warn
        tell(
            f'{{"ev":"exited","id":{quote(attempt.id)},"code":{attempt.code},"why":{why},"at":{attempt.ended_us},'
            f'"tree":"{tree}","max_rss_kib":{attempt.max_rss_kib},"cpu_s":{attempt.cpu_s:.6f}{more}}}\n'
        )

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
