"""The journal of one simulated run: it admits appends as the real one does, and folds them as they become durable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.journal.views import StepRow, step_after
from holdfast.plan.model import Plan
from holdfast.ports import LEASE_S, Append, Appended, FenceLostError, StaleError
from holdfast.run import events as ev
from holdfast.run.machine import Run
from tests.simulation.project import Project

LEASE_US = round(LEASE_S * 1_000_000)
Watch = Callable[[ev.StoredEvent, Run], None]
"""Called for each event that becomes durable, with the state of the run before it."""


@dataclass(slots=True)
class Reader:
    """What one engine has seen of the run."""

    seen: int = 0


class Journal:
    """The events of the run and their fold, which is the truth that every engine must agree with."""

    def __init__(self, run: str, plan: Plan, watch: Watch, project: Project) -> None:
        self.run = run
        self.plan = plan
        self.events: list[ev.StoredEvent] = []
        self.durable = Run(run, plan)
        self.rows: dict[str, StepRow] = {}
        self.fence = 0
        self.held = False
        self.expires = 0
        self._watch = watch
        self._project = project

    @property
    def head(self) -> int:
        """The number of the last event."""
        return len(self.events)

    def commit(self, works: Sequence[Append], reader: Reader | None = None) -> list[Appended | HoldfastError]:
        """Store what holds of a group, in one commit; an outcome for each."""
        outcomes = [self._admit(work, reader) for work in works]
        if reader is not None:
            reader.seen = self.head  # not before the whole group is stored, as in the real journal
        return outcomes

    def _admit(self, work: Append, reader: Reader | None) -> Appended | HoldfastError:
        if work.after is not None and work.after != self.head:
            return StaleError("moved on", code="E_BUSY")
        if work.fence is not None and (work.fence != self.fence or not self.held):
            return FenceLostError("taken over", code="E_BUSY")
        foreign = tuple(self.events[reader.seen :]) if reader is not None else ()
        for event in work.events:
            self._store(event)
        self._project.store(work.also)
        if work.unlock or work.withdrawn:
            self._project.locks.release(work)
        if work.release:
            self.held = False
        return Appended(self.head, None, foreign)

    def take(self, now: int, *, owner_gone: bool) -> int | None:
        """The fence of a new owner, or `None` while the old one has to be taken as alive (semantics C4)."""
        if self.held and self.expires > now and not owner_gone:
            return None
        self.fence += 1
        self.held = True
        self.renew(now)
        return self.fence

    def renew(self, now: int) -> None:
        """The owner is alive."""
        self.expires = now + LEASE_US

    def _store(self, event: ev.Event) -> None:
        stored = ev.StoredEvent(self.run, self.head + 1, event)
        self._watch(stored, self.durable)
        if event.step is not None:
            row = step_after(self.rows.get(event.step), stored.seq, event)
            if row is not None:
                self.rows[event.step] = row
        self.durable.apply(event)
        self.events.append(stored)
