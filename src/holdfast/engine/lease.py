"""Keeping a run's lease: a thread that renews every third of its length (semantics C4)."""

import threading
from collections.abc import Callable

from holdfast.errors import HoldfastError
from holdfast.ports import LEASE_S, Clock, Journal


class Renewer:
    """Renews the leases of the runs this engine drives, even while a step's function keeps the engine busy."""

    def __init__(self, journal: Journal, clock: Clock, lost: Callable[[str], None]) -> None:
        """`lost` is called from the renewing thread with each run that another engine has taken."""
        self._journal = journal
        self._clock = clock
        self._lost = lost
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, run: str, fence: int) -> None:
        """Renew this lease from now on."""
        with self._lock:
            self._held[run] = fence
        if self._thread is None:
            self._thread = threading.Thread(target=self._renew, name="holdfast-lease", daemon=True)
            self._thread.start()

    def drop(self, run: str) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop(run, None)

    def close(self) -> None:
        """Stop renewing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _renew(self) -> None:
        while not self._stop.wait(LEASE_S / 3):
            with self._lock:
                held = list(self._held.items())
            if not held:
                continue
            try:
                lost = self._journal.renew(held, self._clock.now())
            except HoldfastError:
                continue  # the engine's own next append meets the same store and says so
            for run in lost:
                self.drop(run)
                self._lost(run)
