"""Whose process is it: what an attempt started, wherever it went, and the end of all of it.

On Linux the keeper is a sub-reaper: whatever loses its parent below the keeper becomes its child. So an attempt's tree
is gone exactly when its main process is and the keeper has no other child that belongs to it.
"""

import os
import time

from holdfast.engine.keeper.attempt import Attempt
from holdfast.engine.keeper.clocks import NEVER
from holdfast.engine.keeper.proc import LINUX, all_stats, descendants, environment_of, stat_of
from holdfast.engine.keeper.tag import tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
else:
    import _signal as signal

PR_SET_CHILD_SUBREAPER = 36
DEAD = "ZX"
MANY = frozenset(("?", "??"))
NOBODY: "frozenset[str]" = frozenset()
# The kernel hands out the list of children in pieces of at most a page.
PIECE_BYTES = 4096
PIECE_BYTES_FULL = PIECE_BYTES - 24


def become_subreaper() -> bool:
    """Makes orphans below this process its children; says whether the system can."""
    if not LINUX:
        return False
    import _ctypes  # `ctypes` itself takes 4 ms, which the first command would wait for

    prctl = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None is this process itself
    return bool(_ctypes.call_function(prctl, (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) == 0)


class Family:
    """The processes below the keeper, and whose they are."""

    def __init__(self, run_id: str, live: "dict[str, Attempt]", mains: "Mapping[int, object]") -> None:
        self._run_mark = f"\0HOLDFAST_RUN={run_id}\0".encode(errors="surrogateescape")
        self._live = live
        self._mains = mains  # the children the keeper started itself
        self._orphans: dict[int, frozenset[str]] = {}  # the other children: ids of attempts that may have started them
        self._signalled: dict[int, str] = {}  # pid -> attempt; such a process is known when it is orphaned later
        self._noticed_at = 0.0
        self._children_fd = -1
        try:
            self._children_fd = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        except OSError:
            pass
        self.is_proof = become_subreaper() and self._children_fd >= 0

    @property
    def means(self) -> str:
        """By what the end of a tree is known here."""
        return "sub-reaper" if self.is_proof else "process group"

    def is_alone(self, attempt: Attempt) -> bool:
        """Says quickly that nothing but its main process is the attempt's; False means: look closer."""
        if not self.is_proof:
            return not group_exists(attempt.pid) and not any(map(is_alive, self._asked(attempt)))
        if self._children().count(b" ") != len(self._mains) + len(self._orphans):
            return False
        return not self._orphans or not any(attempt.id in owners for owners in self._orphans.values())

    def is_alone_with_worker(self, attempt: Attempt) -> bool:
        """Says whether a job has left nothing behind, its worker not counted."""
        if not self.is_proof:
            return not descendants([attempt.pid])
        return not children_of(attempt.pid) and self.is_alone(attempt)

    def members(self, attempt: Attempt, since: float = NEVER) -> "dict[int, int]":
        """The live processes of an attempt and the group of each, its main process included.

        A look at all orphans that was made `since` then is good enough.
        """
        if self.is_proof and since > self._noticed_at:
            self._noticed_at = time.monotonic()
            self._notice()
        roots = [] if attempt.is_gone else [attempt.pid]
        for pid, owners in self._orphans.items():
            if attempt.id in owners and all(owner == attempt.id or owner not in self._live for owner in owners):
                roots.append(pid)
        found: dict[int, int] = {}
        for pid in roots + (below(roots) if self.is_proof else self._by_group(attempt, roots)):
            stat = stat_of(pid)
            if stat is not None and stat[0] not in DEAD:
                found[pid] = stat[2]
        return found

    def is_certain(self, attempt: Attempt) -> bool:
        """Says whether no process is left of which it is open if this attempt started it."""
        return self.is_proof and not any(
            attempt.id in owners and is_alive(pid) for pid, owners in self._orphans.items()
        )

    def ask(self, attempt: Attempt, since: float = NEVER) -> bool:
        """Asks every member to end, each once; says whether there is any member."""
        members = self.members(attempt, since)
        asked = {group for pid, group in members.items() if pid in self._signalled}
        for pid, group in members.items():
            if pid not in self._signalled:
                self._signalled[pid] = attempt.id
                if group in asked or not self._is_own(group, attempt, members):
                    send(os.kill, pid, signal.SIGTERM)
                    send(os.kill, pid, signal.SIGCONT)
        for group in set(members.values()) - asked:
            if self._is_own(group, attempt, members):
                send(os.killpg, group, signal.SIGTERM)
                send(os.killpg, group, signal.SIGCONT)
        return bool(members)

    def force(self, attempt: Attempt, since: float) -> bool:
        """Kills every member; says whether there was any. A group goes at once, so that no fork slips through."""
        members = self.members(attempt, since)
        for pid in members:
            self._signalled[pid] = attempt.id
            send(os.kill, pid, signal.SIGKILL)
        for group in set(members.values()):
            if self._is_own(group, attempt, members):
                send(os.killpg, group, signal.SIGKILL)
        return bool(members)

    def _is_own(self, group: int, attempt: Attempt, members: "dict[int, int]") -> bool:
        """Says whether a process group was made by the attempt: then all that is in it may be signalled."""
        return group in members or group == attempt.pid

    def reaped(self, pid: int) -> "frozenset[str]":
        """Forgets a child that was reaped; gives the ids of the attempts that may have started it."""
        self._signalled.pop(pid, None)
        return self._orphans.pop(pid, NOBODY)

    def ended(self, attempt: Attempt) -> None:
        """Forgets an attempt; what it was allowed to leave running is nobody's from now on."""
        if self._signalled:
            self._signalled = {pid: owner for pid, owner in self._signalled.items() if owner != attempt.id}
        if attempt.leave_running and self._orphans:
            for pid, owners in self._orphans.items():
                if attempt.id in owners:
                    self._orphans[pid] = frozenset()

    def _notice(self) -> None:
        for word in self._children().split():
            pid = int(word)
            # One with several owners is looked at again: in the middle of an exec a process shows no environment.
            if pid not in self._mains and len(self._orphans.get(pid, MANY)) > 1:
                owners = self._owners(pid)
                if owners is not None:
                    self._orphans[pid] = owners
                else:
                    self._bury(pid)

    def _bury(self, pid: int) -> None:
        """Reaps a dead orphan now: where thousands fork and die, each look at all children would see it again."""
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        self._orphans.pop(pid, None)

    def _owners(self, pid: int) -> "frozenset[str] | None":
        """Whose an orphan may be; None when it is dead already."""
        stat = stat_of(pid)
        if stat is None or stat[0] in DEAD:
            return None
        known = self._signalled.get(pid)
        if known is not None:
            return frozenset((known,))
        for attempt in self._live.values():
            if stat[2] == attempt.pid:
                return frozenset((attempt.id,))
        tag = tag_of(pid)
        if tag:
            return frozenset(attempt.id for attempt in self._live.values() if attempt.tag == tag)
        environment = environment_of(pid)
        for attempt in self._live.values():
            if carries(environment, attempt.marks()) or carries(environment, attempt.worker_marks):
                return frozenset((attempt.id,))
        if self._run_mark in environment:
            return frozenset()  # of an attempt that has ended and was allowed to leave it
        # It hid its group, its tag and its environment: it may be of any attempt that was there when it started.
        return frozenset(attempt.id for attempt in self._live.values() if attempt.start <= stat[4])

    def _children(self) -> bytes:
        pieces = os.pread(self._children_fd, PIECE_BYTES, 0)
        size = len(pieces)
        while size >= PIECE_BYTES_FULL:
            piece = os.pread(self._children_fd, PIECE_BYTES, len(pieces))
            size = len(piece)
            pieces += piece
        return pieces

    def _asked(self, attempt: Attempt) -> list[int]:
        return [pid for pid, owner in self._signalled.items() if owner == attempt.id]

    def _by_group(self, attempt: Attempt, roots: list[int]) -> list[int]:
        """Without a sub-reaper: descendants, those seen before, and who is still in the attempt's group or session."""
        found = set(descendants(roots))
        found.update(self._asked(attempt))
        if group_exists(attempt.pid):
            found.update(pid for pid, stat in all_stats().items() if attempt.pid in (stat[2], stat[3]))
        return sorted(found.difference(roots))


def carries(environment: bytes, marks: list[str]) -> bool:
    """Says whether an environment has all of these entries, and there are any."""
    return bool(marks) and all(f"\0{mark}\0".encode(errors="surrogateescape") in environment for mark in marks)


def send(kill: "Callable[[int, int], None]", number: int, signal_number: int) -> None:
    """Signals a process or group if it is still there."""
    try:
        kill(number, signal_number)
    except (ProcessLookupError, PermissionError):
        pass


def is_alive(pid: int) -> bool:
    """Says whether a child that was not reaped yet still runs."""
    stat = stat_of(pid)
    return stat is not None and stat[0] not in DEAD


def group_exists(group: int) -> bool:
    """Says whether a process group has members (zombies count)."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def children_of(pid: int) -> list[int]:
    """The children of all threads of a process, as the kernel lists them."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb", buffering=0) as file:
                found.extend(map(int, file.readall().split()))
    except OSError:
        pass
    return found


def below(roots: list[int]) -> list[int]:
    """The processes below `roots`; costs what the tree costs, not what the machine runs."""
    found: list[int] = []
    queue = list(roots)
    seen = set(roots)
    while queue:
        for pid in children_of(queue.pop()):
            if pid not in seen:
                seen.add(pid)
                found.append(pid)
                queue.append(pid)
    return found
