"""Rows of the journal as values, and the other way round."""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Final

from holdfast.run.events import Body, Event, RunCreated, StoredEvent, decode

_SHARED_CHARACTERS_MAX: Final = 64
_SHARED_MAX: Final = 1024

_event: Final[Callable[[tuple[Any, ...]], Event]] = partial(tuple.__new__, Event)
_stored: Final[Callable[[tuple[Any, ...]], StoredEvent]] = partial(tuple.__new__, StoredEvent)


class _Bodies(dict[tuple[str, str], Body]):
    """Bodies by kind and data; equal short ones are one object, since most are."""

    def __missing__(self, key: tuple[str, str]) -> Body:
        body = decode(*key)
        if len(key[1]) <= _SHARED_CHARACTERS_MAX and len(self) < _SHARED_MAX:
            self[key] = body
        return body


def stored_events(run: str, rows: Sequence[tuple[Any, ...]]) -> list[StoredEvent]:
    """Events from rows that begin with seq, at, kind, step, attempt, data."""
    if not rows:
        return []
    collecting = gc.isenabled()
    gc.disable()  # nothing here can be garbage, and looking for it takes as long as all the rest
    try:
        # Column by column: no line of Python runs for an event whose body is known.
        seqs, ats, kinds, steps, attempts, data, *_ = zip(*rows, strict=True)
        bodies = map(_Bodies().__getitem__, zip(kinds, data, strict=True))
        events = map(_event, zip(ats, bodies, steps, attempts, strict=True))
        return list(map(_stored, zip(repeat(run), seqs, events, strict=False)))
    finally:
        if collecting:
            gc.enable()


def run_row(n: int, run: str, created: RunCreated, at: int) -> tuple[object, ...]:
    """The values of a new row of `runs`."""
    parent, step = (created.parent.run, created.parent.step) if created.parent is not None else (None, None)
    return (n, run, created.plan, created.revision, created.plan_digest, created.plan_file, parent, step, at)
