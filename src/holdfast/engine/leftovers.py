"""Processes of a run whose keeper is gone: finding them, waiting for them, ending them."""

import os
import signal
import time

import msgspec

from holdfast.engine.keeper import proc
from holdfast.engine.keeper.tag import is_of_run, tag_of
from holdfast.engine.keeper_facts import Facts
from holdfast.engine.naming import attempt_name
from holdfast.engine.orphans import ORPHANS

LOOK_S = 0.02
KILL_WAIT_S = 5.0


class Leftover(msgspec.Struct, frozen=True):
    """A live process that an attempt left behind. `attempt` is the id it was recorded under, if it was."""

    pid: int
    start: int
    attempt: str | None
    command: str


def find_leftovers(facts: Facts, run_id: str) -> tuple[Leftover, ...]:
    """Every live process recorded and not ended, every one with the run's mark or tag, and what is below them."""
    roots: dict[int, str | None] = {}
    boot = proc.boot_id()
    for identity, attempt in facts.attempts.items():
        spawned, keeper = attempt.spawned, attempt.keeper
        if spawned is None or attempt.end is not None or keeper is None or keeper.boot != boot:
            continue
        if proc.is_running(spawned.pid, spawned.start, spawned.start_max):
            roots[spawned.pid] = identity
    spared = _self_and_ancestors()
    mark = f"\0HOLDFAST_RUN={run_id}\0".encode()
    for pid in proc.all_pids():
        if pid in roots or pid in spared:
            continue
        environment = proc.environment_of(pid)
        if not _is_settled(facts, environment) if mark in environment else is_of_run(tag_of(pid), run_id):
            roots[pid] = None
    roots |= dict.fromkeys(ORPHANS.traceless())
    found = [_leftover(pid, attempt) for pid, attempt in roots.items()]
    found += [_leftover(pid, None) for pid in proc.descendants(list(roots)) if pid not in spared]
    return tuple(leftover for leftover in found if leftover is not None)


def _is_settled(facts: Facts, environment: bytes) -> bool:
    """Whether the process is of an attempt whose end is recorded: its keeper left it running on purpose (S11)."""
    entries = dict(entry.partition(b"=")[::2] for entry in environment.split(b"\0"))
    step, number = entries.get(b"HOLDFAST_STEP", b""), entries.get(b"HOLDFAST_ATTEMPT", b"")
    if not number.isdigit():
        return False
    attempt = facts.attempts.get(attempt_name(step.decode(errors="replace"), int(number)))
    return attempt is not None and attempt.end is not None


def still_alive(leftovers: tuple[Leftover, ...]) -> tuple[Leftover, ...]:
    """Those that have not ended yet."""
    return tuple(leftover for leftover in leftovers if proc.is_running(leftover.pid, leftover.start))


def end_leftovers(facts: Facts, run_id: str, grace_s: float) -> tuple[Leftover, ...]:
    """Asks all leftovers to end and makes them after `grace_s`; gives what could not be ended."""
    asked: set[tuple[int, int]] = set()
    grace_ends = time.monotonic() + grace_s
    give_up = grace_ends + KILL_WAIT_S
    while True:
        left = find_leftovers(facts, run_id)
        now = time.monotonic()
        if not left or now > give_up:
            return left
        for leftover in left:
            if now >= grace_ends:
                _signal(leftover, signal.SIGKILL)
            elif (leftover.pid, leftover.start) not in asked:
                asked.add((leftover.pid, leftover.start))
                _signal(leftover, signal.SIGTERM)
                _signal(leftover, signal.SIGCONT)
        time.sleep(LOOK_S)


def _signal(leftover: Leftover, number: int) -> None:
    if proc.is_running(leftover.pid, leftover.start):
        try:
            os.kill(leftover.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def _leftover(pid: int, attempt: str | None) -> Leftover | None:
    start = proc.start_of(pid)
    if start is None or not proc.is_running(pid, start):
        return None
    return Leftover(pid, start, attempt, proc.command_of(pid))


def _self_and_ancestors() -> set[int]:
    pids: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in pids:
        pids.add(pid)
        stat = proc.stat_of(pid)
        pid = stat[1] if stat else 0
    return pids
