"""Stdout kept for one JSON document or stream, whatever the functions of steps that run in this process print."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from holdfast.surfaces.cli.screen import Screen

STDOUT, STDERR = 1, 2


@contextmanager
def stdout_apart(screen: Screen) -> Iterator[None]:
    """While inside, only the screen writes to stdout; what others write there goes to stderr."""
    screen.flush()
    try:
        kept = os.dup(STDOUT)
    except OSError:  # closed by whoever started us: nothing can get between
        yield
        return
    usual = screen.out
    with os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace") as own:
        _point_to_stderr()
        screen.out = own
        try:
            with redirect_stdout(sys.stderr):
                yield
        finally:
            screen.flush()
            os.dup2(kept, STDOUT)
            os.close(kept)
            _give_back(screen, own, usual)


def _point_to_stderr() -> None:
    with suppress(OSError):  # stderr is closed: there is no better place
        os.dup2(STDERR, STDOUT)


def _give_back(screen: Screen, own: TextIO, usual: TextIO) -> None:
    screen.out = usual
    if id(own) in screen.gone:
        screen.gone.remove(id(own))
        screen.gone.add(id(usual))
