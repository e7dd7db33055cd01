"""A keeper's process that is started before its run exists, since it takes as long to start as the engine does.

It knows of no run and touches nothing until the engine names one, with its fence, as every keeper is told (semantics
C2). It goes when the engine goes; where no run comes of it, it is ended.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from holdfast.engine.keeper.summons import name_run
from holdfast.engine.keeper_client import spawn_keeper
from holdfast.errors import StoreError
from holdfast.plan.model import Step, Uses

if TYPE_CHECKING:
    import socket
else:
    import _socket as socket  # the C half has all that is needed here, and costs nothing

NO_PROCESS = frozenset({"noop", "wait"})


class EarlyKeeper:
    """A keeper that waits for its run."""

    def __init__(self) -> None:
        """Raises `OSError` or `StoreError` where it cannot be started."""
        self._end, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._pid: int | None = spawn_keeper((), other.fileno())
        except StoreError:
            self._end.close()
            raise
        finally:
            other.close()

    def take(self, words: list[str], listener: int, log: int) -> int | None:
        """Name its run: folder, fence and id; its pid, or `None` where it has one already or has died."""
        pid = self._pid
        if pid is None:
            return None
        try:
            name_run(self._end, words, listener, log)
        except OSError:
            self.close()
            return None
        self._pid = None
        self._end.close()
        return pid

    def close(self) -> None:
        """End it, unless a run is its own now."""
        pid, self._pid = self._pid, None
        if pid is not None:
            self._end.close()
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)  # it has nothing in hand, and nobody else reaps it
                os.waitpid(pid, 0)


@contextmanager
def early_keeper(steps: Sequence[Step]) -> Iterator[EarlyKeeper | None]:
    """While inside, a keeper waits for a run of these steps, if they will need one."""
    early = None
    if any(not _is_done_here(step) for step in steps):
        with suppress(OSError, StoreError):  # the run's own start of a keeper says why, if it fails too
            early = EarlyKeeper()
    try:
        yield early
    finally:
        if early is not None:
            early.close()


def _is_done_here(step: Step) -> bool:
    """Whether the engine does the step without a process."""
    return step.inline or (isinstance(step.work, Uses) and step.work.runner in NO_PROCESS)
