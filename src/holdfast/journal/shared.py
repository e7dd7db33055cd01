"""What runs share, as the project's own stream makes it: the circuit breakers, folded in the appending transaction."""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import apsw
import msgspec

from holdfast.errors import BugError
from holdfast.journal.documents import ShownBreaker, stamp
from holdfast.journal.reader import Reader, Row, Value
from holdfast.journal.statements import sql
from holdfast.ports import Breakers
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, Breaker, Trial, after
from holdfast.run.project import BreakerEvent
from holdfast.run.states import BreakerState

PROJECT_NUMBER: Final = 0
"""The number of the project's own stream among the runs."""


def take(connection: apsw.Connection, seq: int, event: ev.Event) -> None:
    """Fold one event of the project's own stream; raises `IllegalTransitionError` where it cannot follow."""
    body = event.body
    if not isinstance(body, BreakerEvent):
        raise BugError(f"the project's own stream does not hold {body.kind}", code="E_BUG")
    row = connection.execute(sql("breaker_row"), (body.breaker,)).fetchone()
    before = CLOSED if row is None else _breaker(row)
    breaker = after(before, event.at, body)
    if breaker is not before:
        connection.execute(sql("put_breaker"), _row(body.breaker, breaker, seq))


def breakers(reader: Reader) -> Breakers:
    """Every breaker as it stands, with the number of the stream's last event."""
    with reader.snapshot():
        rows = reader.rows("all_breakers")
        seq = cast("int", reader.rows("last_seq", (PROJECT_NUMBER,))[0][0])
    return Breakers(seq, {str(row[0]): _breaker(row[1:10]) for row in rows})


def folded(events: Iterable[ev.StoredEvent]) -> list[Row]:
    """The rows that the stream's events make."""
    found: dict[str, tuple[Breaker, int]] = {}
    for stored in events:
        body = stored.event.body
        assert isinstance(body, BreakerEvent)
        before = found.get(body.breaker, (CLOSED, 0))[0]
        breaker = after(before, stored.event.at, body)
        if breaker is not before:
            found[body.breaker] = breaker, stored.seq
    return [_row(name, *found[name]) for name in sorted(found)]


def differing(stored: Iterable[Row], made: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows that are stored and those that the events make, where they are not the same."""
    ours, theirs = {row[0]: row for row in stored}, {row[0]: row for row in made}
    for name in sorted({str(name) for name in (*ours, *theirs)}):
        if ours.get(name) != theirs.get(name):
            yield ours.get(name), theirs.get(name)


def shown_breaker(name: str, breaker: Breaker) -> ShownBreaker:
    """A breaker as people read it."""
    is_closed = breaker.state is BreakerState.CLOSED
    trials = tuple(trial._asdict() for trial in breaker.trials)
    since = stamp(breaker.since) if breaker.since else None
    due = None if is_closed or trials else stamp(breaker.due)
    return ShownBreaker(name, breaker.state.value, breaker.failures, since, due, breaker.code, trials)


def _breaker(row: tuple[object, ...]) -> Breaker:
    state, generation, failures, since, due, allowed, proven, trials, code = cast(
        "tuple[str, int, int, int, int, int, int, str, str | None]", row
    )
    under_way = tuple(Trial(*each) for each in msgspec.json.decode(trials, type=list[tuple[str, str, int]]))
    return Breaker(BreakerState(state), generation, failures, since, due, allowed, proven, under_way, code)


def _row(name: str, breaker: Breaker, seq: int) -> tuple[Value, ...]:
    trials = msgspec.json.encode(breaker.trials).decode()
    return (
        name,
        breaker.state.value,
        breaker.generation,
        breaker.failures,
        breaker.since,
        breaker.due,
        breaker.allowed,
        breaker.proven,
        trials,
        breaker.code,
        seq,
    )
