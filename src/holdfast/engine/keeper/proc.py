"""What the kernel says about processes: boot, start, environment. Exact on Linux; macOS as well as it can."""

import os
import sys
import time

LINUX = sys.platform == "linux"
NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """Names this boot of this machine; a process of another boot is gone."""
    if LINUX:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    from holdfast.engine.keeper import darwin

    return darwin.boot_id()


def now_ticks() -> int:
    """Now, in the unit of `start_of`."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // NS_PER_TICK if LINUX else int(time.time())


def stat_of(pid: int) -> tuple[str, int, int, int, int] | None:
    """State letter, parent, group, session and start of a process; None when there is no such process."""
    if not LINUX:
        from holdfast.engine.keeper import darwin

        return darwin.stat_of(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(2048)
    except (FileNotFoundError, ProcessLookupError):
        return None
    rest = fields[fields.rindex(b")") + 2 :].split()
    return rest[0].decode(), int(rest[1]), int(rest[2]), int(rest[3]), int(rest[19])


def start_of(pid: int) -> int | None:
    """Start of a process in ticks since boot (macOS: seconds since the epoch); None when it is gone and reaped."""
    stat = stat_of(pid)
    return stat[4] if stat else None


def is_running(pid: int, start: int, start_max: int | None = None) -> bool:
    """Says whether the process that started then, or between then and `start_max`, still runs; a zombie does not."""
    stat = stat_of(pid)
    if stat is None or stat[0] in "ZX":
        return False
    return stat[4] == start if start_max is None else start <= stat[4] <= start_max


def environment_of(pid: int) -> bytes:
    """The environment the process was started with, NUL before and after every entry; empty when it cannot be read."""
    if not LINUX:
        from holdfast.engine.keeper import darwin

        return darwin.environment_of(pid)
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return b"\0" + file.readall() + b"\0"
    except OSError:
        return b""


def all_pids() -> list[int]:
    """Every process that can be seen."""
    if not LINUX:
        from holdfast.engine.keeper import darwin

        return darwin.all_pids()
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def all_stats() -> dict[int, tuple[str, int, int, int, int]]:
    """What `stat_of` says, of every process that can be seen."""
    if not LINUX:
        from holdfast.engine.keeper import darwin

        return darwin.all_stats()
    found = {pid: stat_of(pid) for pid in all_pids()}
    return {pid: stat for pid, stat in found.items() if stat is not None}


def descendants(roots: list[int]) -> list[int]:
    """The processes below `roots`, the roots left out. One look; what forks meanwhile is found by the next."""
    below: dict[int, list[int]] = {}
    for pid, stat in all_stats().items():
        below.setdefault(stat[1], []).append(pid)
    found: list[int] = []
    queue = list(roots)
    seen = set(roots)
    while queue:
        for pid in below.get(queue.pop(), ()):
            if pid not in seen:
                seen.add(pid)
                found.append(pid)
                queue.append(pid)
    return found


def command_of(pid: int) -> str:
    """The command line of a process, for people; empty when it cannot be read."""
    if not LINUX:
        from holdfast.engine.keeper import darwin

        return darwin.command_of(pid)
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            return file.readall().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
