"""The writer: commits whatever waits as one group, with no timer; an idle journal commits in the caller's thread."""

import threading
from collections import deque
from queue import SimpleQueue
from typing import Final

from holdfast.errors import BugError
from holdfast.journal.committing import EVENTS_PER_COMMIT_MAX, Committer, Outcome
from holdfast.journal.wal import Wal
from holdfast.ports import Append, Appended, Done

_JOIN_S: Final = 60.0


class Writer:
    """One thread that commits in groups; it starts with the first `submit`."""

    def __init__(self, committer: Committer, wal: Wal, lock: threading.Lock) -> None:
        self._committer = committer
        self._wal = wal
        self._lock = lock  # held around every use of the writing connection
        self._queue: deque[tuple[Append, Done]] = deque()
        self._signal: SimpleQueue[None] = SimpleQueue()
        self._signaled = False
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Append, done: Done) -> None:
        """Queue `work`; `done` is called from the writer's thread."""
        if self._closed:
            raise _closed()
        self._queue.append((work, done))
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="holdfast-journal", daemon=True)
                    self._thread.start()
        self._wake()

    def append(self, work: Append) -> Appended:
        """Commit `work` behind everything queued before it, here where nothing waits."""
        if self._closed:
            raise _closed()
        if threading.current_thread() is self._thread:
            self._drain()
        if not self._queue and self._lock.acquire(blocking=False):
            try:
                outcome = self._alone(work) if not self._queue else None
            finally:
                self._lock.release()
        else:
            outcome = None
        if outcome is None:
            answer: SimpleQueue[Outcome] = SimpleQueue()
            self.submit(work, answer.put)
            outcome = answer.get()
        if isinstance(outcome, Appended):
            return outcome
        raise outcome

    def close(self) -> None:
        """Commit what is queued and stop."""
        self._closed = True
        if self._thread is not None:
            self._wake()
            self._thread.join(_JOIN_S)
        self._drain()

    def _wake(self) -> None:
        if not self._signaled:
            self._signaled = True
            self._signal.put(None)

    def _alone(self, work: Append) -> Outcome:
        self._wal.prepare()
        outcome = self._committer.commit([work])[0]
        self._wal.relieve()
        return outcome

    def _work(self) -> None:
        while True:
            self._signal.get()
            self._signaled = False  # before draining: what is queued from now on signals again
            self._drain()
            if self._closed:
                return
            with self._lock:
                self._wal.rest()

    def _drain(self) -> None:
        queue = self._queue
        while queue:
            with self._lock:
                works: list[Append] = []
                dones: list[Done] = []
                events = 0
                while queue and events < EVENTS_PER_COMMIT_MAX:
                    work, done = queue.popleft()
                    works.append(work)
                    dones.append(done)
                    events += len(work.events)
                outcomes = self._committed(works)
            for done, outcome in zip(dones, outcomes, strict=True):
                _tell(done, outcome)

    def _committed(self, works: list[Append]) -> list[Outcome]:
        try:
            self._wal.prepare()
            outcomes = self._committer.commit(works)
            self._wal.relieve()
        except Exception as error:  # noqa: BLE001 - the waiters are told, or they would wait for ever
            bug = BugError(f"the journal's writer failed: {error!r}", code="E_BUG")
            bug.__cause__ = error
            return [bug] * len(works)
        return outcomes


def _tell(done: Done, outcome: Outcome) -> None:
    try:
        done(outcome)
    except Exception as error:  # noqa: BLE001 - one waiter's failure is not the others'
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        )


def _closed() -> BugError:
    return BugError("the journal is closed", code="E_BUG")
