"""Times and durations as people read them: local, short."""

import time
from datetime import UTC, datetime

DAY_S = 86_400


def micros_of(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time."""
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def rfc3339(micros: int) -> str:
    """The RFC 3339 UTC time of microseconds since the epoch."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def local(text: str | None) -> str:
    """An RFC 3339 time as the local date and time, `-` for none."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else "-"


def local_clock(micros: int) -> str:
    """The local time of day of microseconds since the epoch."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC).astimezone().strftime("%H:%M:%S")


def between(start: str | None, end: str | None) -> str:
    """How long it took from one RFC 3339 time to another, or until now; `-` before it started."""
    if start is None:
        return "-"
    until = micros_of(end) / 1_000_000 if end else time.time()
    return took(until - micros_of(start) / 1_000_000)


def took(seconds: float) -> str:
    """A measured duration in few characters: `40ms`, `3.2s`, `41s`, `12m04s`, `3h05m`, `2d04h`."""
    seconds = max(0.0, seconds)
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < DAY_S:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // DAY_S}d{whole // 3600 % 24:02}h"
