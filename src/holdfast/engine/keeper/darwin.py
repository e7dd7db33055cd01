"""What macOS says about processes, through `ps` and `sysctl`: slower and coarser than Linux, and never proof.

Starts are in whole seconds there; with the process number and the boot that is enough to tell processes apart.
"""

import calendar
import os
import time

PS = "/bin/ps"
SYSCTL = "/usr/sbin/sysctl"
START_FIELDS = 5  # lstart: weekday, month, day, time, year


def output_of(argv: list[str]) -> str:
    """Runs a system tool and gives what it prints; empty when it fails."""
    read_fd, write_fd = os.pipe()
    try:
        actions = [(os.POSIX_SPAWN_DUP2, write_fd, 1)]
        pid = os.posix_spawn(argv[0], argv, {"LC_ALL": "C", "TZ": "UTC0"}, file_actions=actions)
    except OSError:
        os.close(read_fd)
        return ""
    finally:
        os.close(write_fd)
    with open(read_fd, encoding="utf-8", errors="replace") as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


def boot_id() -> str:
    """The UUID of this boot."""
    return output_of([SYSCTL, "-n", "kern.bootsessionuuid"]).strip() or "unknown"


def stat_of(pid: int) -> tuple[str, int, int, int, int] | None:
    """State letter, parent, group, session and start (seconds since the epoch) of a process."""
    return stats("-p", str(pid)).get(pid)


def all_stats() -> dict[int, tuple[str, int, int, int, int]]:
    """The same of every process, for the price of one."""
    return stats("-ax")


def stats(*which: str) -> dict[int, tuple[str, int, int, int, int]]:
    """What `ps` says of some processes."""
    found: dict[int, tuple[str, int, int, int, int]] = {}
    for line in output_of([PS, "-o", "pid=,state=,ppid=,pgid=,lstart=", *which]).splitlines():
        fields = line.split()
        if len(fields) < 4 + START_FIELDS:
            continue
        pid = int(fields[0])
        start = time.strptime(" ".join(fields[4 : 4 + START_FIELDS]), "%a %b %d %H:%M:%S %Y")
        try:
            session = os.getsid(pid)
        except OSError:
            session = 0
        found[pid] = fields[1][0], int(fields[2]), int(fields[3]), session, calendar.timegm(start)
    return found


def environment_of(pid: int) -> bytes:
    """The environment of a process of the same user, as `ps` shows it: values are cut at their first blank."""
    words = output_of([PS, "-E", "-ww", "-o", "command=", "-p", str(pid)]).split()
    return b"\0" + "\0".join(words).encode(errors="replace") + b"\0"


def all_pids() -> list[int]:
    """Every process."""
    return [int(word) for word in output_of([PS, "-axo", "pid="]).split()]


def command_of(pid: int) -> str:
    """The command line of a process."""
    return output_of([PS, "-ww", "-o", "command=", "-p", str(pid)]).strip()
