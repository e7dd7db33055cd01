"""Waiting for what other processes do, by looking, with a deadline."""

import select
import time
from collections.abc import Callable

LOOK_S = 0.01


def until(holds: Callable[[], object], within_s: float = 30.0) -> None:
    """Look until it holds; fails the test after `within_s`."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "what was awaited did not happen"
        select.select([], [], [], LOOK_S)
