"""What is late of runs that nobody drives: told when somebody looks into the inbox (semantics S18)."""

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from holdfast.journal.packing import unpacked
from holdfast.plan.model import Plan
from holdfast.ports import Append, StaleError

if TYPE_CHECKING:
    from holdfast.app import Holdfast
    from holdfast.journal.sqlite import SqliteJournal
    from holdfast.run.events import Event


class _Late(NamedTuple):
    """What people are to be told of a run, and the last event that it had."""

    run: str
    events: "list[Event]"
    after: int


def tell_late(app: "Holdfast") -> None:
    """Record what is late and was not told; opens the journal for writing only where anything is."""
    if not app.database.exists():
        return
    now = time.time_ns() // 1000
    with closing(app.open_journal("read")) as journal:
        rows = cast("list[tuple[str, str, int, bytes]]", journal.reader.rows("open_runs"))
        plans: dict[str, bool] = {}
        found: list[_Late] = []
        for run, digest, size, data in rows:
            if digest not in plans:
                plans[digest] = _may_be_late(unpacked(digest, size, data))
            if plans[digest]:
                found += _late(journal, run, now)
    if not found:
        return
    with closing(app.open_journal()) as journal:
        for run, events, after in found:
            with suppress(StaleError):  # it moves again: whoever drives it tells
                journal.append(Append(run, events, after=after))


def _may_be_late(plan: bytes) -> bool:
    from holdfast.run.reached import may_be_late

    return may_be_late(msgspec.json.decode(plan, type=Plan))


def _late(journal: "SqliteJournal", run: str, now: int) -> list[_Late]:
    from holdfast.app.earlier import owner_of
    from holdfast.app.people import load_run

    if owner_of(journal, run) is not None:
        return []  # its engine tells
    state = load_run(journal, run)
    after, events = state.seq, []
    while state.alarms is not None and (event := state.alarms.next(now)) is not None:
        state.apply(event)
        events.append(event)
    return [_Late(run, events, after)] if events and not state.final else []
