"""What the engine knows of the machine: who and where it is, how much may run at once, facts for expressions."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from holdfast.engine import processes
from holdfast.plan.model import Plan
from holdfast.ports import Lease, Owner
from holdfast.run.events import Who

ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Host:
    """The machine and the process, asked once."""

    def __init__(
        self, version: str, project: Path, state: Path, concurrency: int | None = None, wait_s: float = 0.0
    ) -> None:
        """`concurrency` overrides the plan's limit; `wait_s`: how long to stay where only people can move a run."""
        self.version = version
        system = os.uname()  # `platform` and `socket` say the same, and cost every start 4 ms
        self.name = system.nodename
        self.system = f"{system.sysname} {system.release} {system.machine}"
        identity = processes.current()
        self.owner = Owner(self.name, identity.boot, identity.pid, str(identity.start), version)
        self.who = whoami(self.name)
        self._project = project
        self._state = state
        self._concurrency = concurrency
        self.wait_s = wait_s
        self.is_program = False  # this process is Holdfast's own, not a program that uses it

    def concurrency(self, plan: Plan) -> int:
        """How many attempts of the plan may run at once: the request's number, the plan's, or twice the cores."""
        return self._concurrency or plan.limits.concurrency or 2 * (os.cpu_count() or 1)

    def run_id(self) -> str:
        """A new id that sorts by time: date, time (UTC) and eight random characters."""
        random = "".join(ID_LETTERS[byte % 32] for byte in os.urandom(8))
        return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{random}"

    def facts(self, names: Iterable[str]) -> dict[str, object]:
        """The host facts by name, as they are now (plan-format, Values and expressions)."""
        return {name: self._fact(name) for name in names}

    def _fact(self, name: str) -> object:
        if name == "now_utc":
            from datetime import UTC, datetime  # noqa: PLC0415 - only expressions that ask for the time pay for it

            return datetime.now(UTC).isoformat().replace("+00:00", "Z")
        if name == "network.online":
            return _online()
        return _free_bytes(self._state if name == "disk.store_free" else self._project)


def whoami(host: str | None = None, by: str | None = None) -> Who:
    """The person at this process: the system's user and host, and the name they claim."""
    try:
        import pwd  # noqa: PLC0415 - POSIX only

        user = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        user = os.environ.get("USER") or os.environ.get("USERNAME") or "unknown"
    return Who(user, host or os.uname().nodename, os.getpid(), by)


def is_alive(owner: Owner) -> bool | None:
    """Whether a lease's owner still runs; `None` when it is on another host and cannot be asked (semantics C4)."""
    if owner.host != os.uname().nodename:
        return None
    return processes.is_alive(processes.Identity(owner.boot, owner.pid, int(owner.start)))


def is_held(lease: Lease) -> bool:
    """Whether the lease's owner has its run in hand; one that cannot be asked is believed until the lease ends."""
    alive = is_alive(lease.owner)
    return lease.expires > time.time_ns() // 1000 if alive is None else alive


def _online() -> bool:
    """Whether the machine has a route to the outside; nothing is sent."""
    import socket  # noqa: PLC0415 - only expressions that ask for the network pay for it

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1: connecting a datagram socket only asks the routing table
        except OSError:
            return False
    return True


def _free_bytes(path: Path) -> int:
    while not path.exists():
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
