"""Rows of `events` as events."""

import gc
from collections.abc import Iterable
from typing import Final, cast

from holdfast.run.events import Body, Event, StoredEvent, decode

_SHARED_CHARACTERS_MAX: Final = 64
_SHARED_MAX: Final = 1024


def stored_events(run: str, rows: Iterable[tuple[object, ...]]) -> list[StoredEvent]:
    """Events from rows of (seq, at, kind, step, attempt, data); equal short bodies are one object, since most are."""
    events: list[StoredEvent] = []
    collecting = gc.isenabled()
    gc.disable()  # nothing here can be garbage, and looking for it takes as long as all the rest
    try:
        _add(events, run, rows)
    finally:
        if collecting:
            gc.enable()
    return events


def _add(events: list[StoredEvent], run: str, rows: Iterable[tuple[object, ...]]) -> None:
    shared: dict[tuple[str, str], Body] = {}
    for seq, at, kind, step, attempt, data in cast("Iterable[tuple[int, int, str, str | None, int | None, str]]", rows):
        body = shared.get((kind, data))
        if body is None:
            body = decode(kind, data)
            if len(data) <= _SHARED_CHARACTERS_MAX and len(shared) < _SHARED_MAX:
                shared[kind, data] = body
        events.append(StoredEvent(run, seq, Event(at, body, step, attempt)))
