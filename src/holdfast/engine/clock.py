"""The engine's time: the wall clock as it stood when the process began, carried on by a clock that never jumps.

A person or a time server may set the wall clock while runs are under way; no timer gets longer by it (semantics C8).
"""

import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux: goes on while the machine sleeps


_steady_ns = time.clock_gettime_ns
_BEGAN_US = time.time_ns() // 1000 - _steady_ns(_STEADY) // 1000


def now_us() -> int:
    """UTC microseconds since the epoch."""
    return _BEGAN_US + _steady_ns(_STEADY) // 1000


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> int:
        """Wall time, UTC, microseconds since the epoch; never jumps while this process lives."""
        return now_us()
