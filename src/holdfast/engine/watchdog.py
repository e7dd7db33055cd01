"""Quick functions on the engine's own thread, and what frees the engine from one that is quick no more.

A function that was quick may hang the next time, and with it the engine: no timeout, no Ctrl-C would be heard. So a
thread looks after it, and has a signal raise `Overdue` inside a call that takes its time. The call is then made anew in
a thread of its own; only functions with `effect: none` are called here, which may be repeated (semantics C1).
"""

import signal
import threading
from types import FrameType

from holdfast.engine.inline import DISTRUST, Call

LOOK_S = 0.2
"""A call that is met twice, this long apart, is taken off the engine's thread."""
NUMBER = signal.SIGURG
"""What nobody else sends, and what does nothing where nobody listens."""


class Overdue(BaseException):
    """Raised inside a call that keeps the engine; no `except Exception` of the function takes it for its own."""


class Watchdog:
    """Runs quick calls; its thread starts with the first one."""

    def __init__(self) -> None:
        self._call: Call | None = None  # what runs right now
        self._asked: Call | None = None  # what is to be interrupted
        self._interrupted: Call | None = None
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._main = threading.main_thread().ident or 0
        self._before: object = None

    @property
    def can_watch(self) -> bool:
        """Whether calls can be interrupted here: signals reach Python's main thread alone."""
        return threading.get_ident() == self._main

    def run(self, call: Call) -> bool:
        """Run the call here; `False` when it took its time and was interrupted: it is to be made anew elsewhere."""
        if self._thread is None:
            self._start()
        try:
            self._call = call
            try:
                call.run()
            finally:
                self._call = None
        except Overdue:
            self._call = None
        if self._interrupted is not call:
            return True
        self._interrupted = None
        call.target.trust = DISTRUST
        call.started = call.ended = 0
        call.value = call.error = None
        return False

    def close(self) -> None:
        """Nothing runs any more."""
        if self._thread is None:
            return
        self._closed.set()
        self._thread.join()
        self._thread = None
        if self.can_watch:
            signal.signal(NUMBER, self._before)  # type: ignore[arg-type]  # what `signal` gave us

    def _start(self) -> None:
        self._before = signal.signal(NUMBER, self._interrupt)
        self._thread = threading.Thread(target=self._look, name="holdfast-watchdog", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        seen: Call | None = None
        while not self._closed.wait(LOOK_S):
            call = self._call
            if call is not None and call is seen:
                self._asked = call
                signal.pthread_kill(self._main, NUMBER)
            seen = call

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and asked is self._call:
            self._interrupted = asked
            raise Overdue
