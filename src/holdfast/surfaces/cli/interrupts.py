"""Ctrl-C while runs go on: once pauses, twice stops the steps, a third time leaves at once.

SIGTERM (`timeout`, systemd, a container's end) and SIGHUP (the terminal closes) mean the same as Ctrl-C.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ASKS_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ctrl_c(interrupt: Callable[[], None], note: Callable[[str], None]) -> Iterator[None]:
    """While inside, Ctrl-C calls `interrupt` and says what it does; the third one raises KeyboardInterrupt.

    To leave at once is safe: commands that still run are kept, and `resume` adopts them.
    """
    pressed = 0

    def press(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 2:
            raise KeyboardInterrupt
        interrupt()
        if pressed == 1:
            note("pausing: running steps are awaited; Ctrl-C again stops them")
        else:
            note("stopping the running steps; Ctrl-C again leaves at once")

    before = {number: signal.signal(number, press) for number in ASKS_TO_STOP}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
