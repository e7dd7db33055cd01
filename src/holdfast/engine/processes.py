"""Who a process is, so that a number that was given to another one is never mistaken for it."""

import os

import msgspec

from holdfast.engine.keeper import proc


class Identity(msgspec.Struct, frozen=True):
    """One process on one boot of one machine. `start` is in clock ticks since boot (macOS: seconds since the epoch)."""

    boot: str
    pid: int
    start: int


def current() -> Identity:
    """The identity of this process."""
    pid = os.getpid()
    start = proc.start_of(pid)
    assert start is not None, "a running process has a start"
    return Identity(proc.boot_id(), pid, start)


def identify(pid: int) -> Identity | None:
    """The identity of a process of this machine; None when there is none of that number."""
    start = proc.start_of(pid)
    return None if start is None else Identity(proc.boot_id(), pid, start)


def is_alive(identity: Identity) -> bool:
    """Says whether this very process still runs on this machine; a zombie does not."""
    return identity.boot == proc.boot_id() and proc.is_running(identity.pid, identity.start)
