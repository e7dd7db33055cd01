"""The clocks of an attempt: whole time, silence of its heartbeat, silence of its output. All monotonic."""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.engine.keeper import wire

# A silence is noticed this fraction of its limit late at most: looking is a stat, files tell nobody that they changed.
LOOKS_PER_SILENCE = 10
LOOK_S_MIN = 0.02
# A command that runs longer than this has its logs under their names, printing or not.
NAMED_S = 0.05
NEVER = float("inf")


class Silence:
    """How long a set of files has not changed."""

    __slots__ = ("limit_s", "look_s", "next_look", "paths", "seen", "since")

    def __init__(self, paths: "tuple[str, ...]", limit_s: float, now: float) -> None:
        self.paths = paths
        self.limit_s = limit_s
        self.look_s = max(limit_s / LOOKS_PER_SILENCE, LOOK_S_MIN)
        self.since = now
        self.seen = self._look()
        self.next_look = now + self.look_s

    def too_long(self, now: float) -> bool:
        """Looks at the files and says whether the limit is reached."""
        state = self._look()
        if state != self.seen:
            self.seen = state
            self.since = now
        self.next_look = min(now + self.look_s, max(self.since + self.limit_s, now + LOOK_S_MIN))
        return now >= self.since + self.limit_s

    def _look(self) -> "list[tuple[int, int] | None]":
        state: list[tuple[int, int] | None] = []
        for path in self.paths:
            try:
                stat = os.stat(path)
            except OSError:
                state.append(None)
            else:
                state.append((stat.st_mtime_ns, stat.st_size))
        return state


class Clocks:
    """When an attempt must be looked at next, and why it must end."""

    __slots__ = ("due", "named_at", "silences", "timeout_at")

    def __init__(self, request: "wire.Clocks") -> None:
        now = time.monotonic()
        timeout_s = request.get("timeout_s")
        self.timeout_at = NEVER if timeout_s is None else now + timeout_s
        self.named_at = now + NAMED_S if request.get("silent", False) else NEVER
        self.silences: list[Silence] = []
        heartbeat = request.get("heartbeat")
        if heartbeat is not None:
            self.silences.append(Silence((heartbeat["path"],), heartbeat["s"], now))
        quiet_s = request.get("quiet_s")
        if quiet_s is not None:
            self.silences.append(Silence((request["stdout"], request["stderr"]), quiet_s, now))
        self.due = self._next()

    def expired(self, now: float) -> str | None:
        """The reason why the attempt must end now, if there is one."""
        if now >= self.timeout_at:
            return "timeout"
        for silence in self.silences:
            if now >= silence.next_look and silence.too_long(now):
                return "stalled"
        self.due = self._next()
        return None

    def _next(self) -> float:
        due = min(self.timeout_at, self.named_at)
        for silence in self.silences:
            due = min(due, silence.next_look)
        return due
