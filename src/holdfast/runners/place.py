"""Where a runner works, and what the plan's policy lets it touch."""

import os

import msgspec

from holdfast.plan.hosts import denied
from holdfast.runners.failing import refused

STATE_FOLDER = ".holdfast"


class Place(msgspec.Struct, frozen=True):
    """The plan's folder, the step's working directory, and the policy that holds there; one for each attempt."""

    project: str
    cwd: str
    write_roots: tuple[str, ...] = (".",)
    hosts_allowed: tuple[str, ...] | None = None
    hosts_denied: tuple[str, ...] = ()
    plan: str = ""
    attempt: int = 1
    once: bool = False
    key: str = ""
    scratch: str = ""
    heartbeat: str = ""
    body: str = ""  # where an answer goes that is too large for an output

    def readable(self, written: str) -> str:
        """The absolute path of what the plan writes as a path."""
        return os.path.normpath(os.path.join(self.project, written))

    def writable(self, written: str) -> str:
        """The same, with symbolic links followed up to its folder; refused where the policy forbids to write."""
        path = self.readable(written)
        parent, name = os.path.split(path)
        real = os.path.join(os.path.realpath(parent), name) if name else os.path.realpath(path)
        root = os.path.realpath(self.project)
        if not self.allows(real):
            roots = ", ".join(self.write_roots)
            led = "" if real == path else f", which is {real},"
            raise refused(f"{written}{led} lies outside of policy.write_roots, now [{roots}]")
        if real == root:
            raise refused(f"{written} is the project's folder itself")
        if STATE_FOLDER in os.path.relpath(real, root).split(os.sep):
            raise refused(f"{written} lies inside {STATE_FOLDER}, the engine's folder")
        return real

    def allows(self, real: str) -> bool:
        """Whether a path, symbolic links followed, lies where the policy lets the plan write."""
        root = os.path.realpath(self.project)
        return any(within(real, os.path.realpath(os.path.join(root, allowed))) for allowed in self.write_roots)

    def denied(self, host: str, port: int | None) -> str | None:
        """How the policy refuses a host: `denies` or `does not allow`; `None` if it does not."""
        return denied(host, port, self.hosts_allowed, self.hosts_denied)

    def shown(self, path: str) -> str:
        """A path as the plan would write it."""
        relative = os.path.relpath(path, os.path.realpath(self.project))
        return path if relative.startswith("..") else relative

    def beat(self) -> None:
        """Says that the work goes on."""
        if self.heartbeat:
            os.close(os.open(self.heartbeat, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
            os.utime(self.heartbeat)


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
