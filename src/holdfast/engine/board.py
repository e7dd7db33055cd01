"""The circuit breakers as this engine sees them: read from the journal, which all engines share (semantics S12).

What the engine told itself and is not durable yet counts here already. A trial is asked of the journal before the
attempt's start is told: only one of all engines gets it.
"""

from collections.abc import Mapping

from holdfast.ports import Append, Journal, StaleError
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, Breaker, after
from holdfast.run.project import PROJECT, BreakerEvent


class Board:
    """Breakers by name; one board for all runs of an engine."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._seq = 0
        self._under_way = 0  # events of ours that are told and not answered
        self._stale = True
        self._by_name: dict[str, Breaker] = {}
        self.version = 0  # changes with whatever is seen here

    @property
    def by_name(self) -> Mapping[str, Breaker]:
        """Every breaker that ever counted anything."""
        return self._by_name

    @property
    def is_settled(self) -> bool:
        """Whether everything that is seen here is durable."""
        return not self._under_way

    def doubt(self) -> None:
        """Somebody has appended something: look again."""
        self._stale = True

    def look(self) -> None:
        """Read the journal again where that could show anything new."""
        if not self._stale or self._under_way:
            return
        self._stale = False
        seq, found = self._journal.breakers()
        if (seq, found) != (self._seq, self._by_name):
            self._seq, self._by_name = seq, dict(found)
            self.version += 1

    def told(self, at: int, body: BreakerEvent) -> None:
        """An event that goes to the journal with others of a run."""
        self._under_way += 1
        self._fold(at, body)

    def answered(self, count: int) -> None:
        """The journal has stored or refused so many of what was told."""
        if count:
            self._under_way -= count
            self._stale = True

    def take(self, at: int, body: BreakerEvent) -> bool:
        """Ask for a trial, which is durable then; whether it was given."""
        if self._under_way:
            return False
        try:
            done = self._journal.append(Append(PROJECT, [ev.Event(at, body)], after=self._seq))
        except StaleError:
            self._stale = True
            self.look()
            return False
        self._seq = done.last_seq
        self._fold(at, body)
        return True

    def give_back(self, at: int, body: BreakerEvent) -> None:
        """Give back a trial of a run that nobody drives any more."""
        self._journal.append(Append(PROJECT, [ev.Event(at, body)]))
        self._stale = True

    def _fold(self, at: int, body: BreakerEvent) -> None:
        self._by_name[body.breaker] = after(self._by_name.get(body.breaker, CLOSED), at, body)
        self.version += 1
