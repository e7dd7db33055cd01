"""Which of a run's steps wait for something of the world, and when they are looked at again (semantics S4)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from holdfast.run import events as ev
from holdfast.run.queue import Queue
from holdfast.run.standing import Lingering, State, Waiting
from holdfast.run.states import step_after
from holdfast.run.stock import Stock

if TYPE_CHECKING:
    from holdfast.run.machine import Run


class Waiters:
    """The positions of the steps that wait, and the resources that some of them wait for."""

    __slots__ = ("_at", "_queue", "stock")

    def __init__(self, queue: Queue, resources: Mapping[str, float]) -> None:
        self._queue = queue
        self._at: set[int] = set()
        self.stock = Stock(resources) if resources else None

    def __iter__(self) -> Iterator[int]:
        """Every one that waits, in file order."""
        return iter(sorted(self._at))

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._at)

    def __contains__(self, i: int) -> bool:
        """Whether step `i` waits."""
        return i in self._at

    def begin(self, i: int, event: ev.Event, needs: Mapping[str, float]) -> Waiting:
        """Step `i` waits, or waits for something else than before; `needs` are the resources of its attempts."""
        body = event.body
        assert isinstance(body, ev.StepWaiting)
        self._at.add(i)
        self._queue.withdraw(i)
        if body.look_at is not None:
            self._queue.postpone(i, body.look_at)
        if self.stock is not None:
            if body.cause == "resources":
                self.stock.enter(i, needs)
            else:
                self.stock.leave(i)
            self._serve(self.stock)
        since = body.since or event.at
        if event.attempt is None:
            return Waiting(since, body.cause, body.on, body.what)
        return Lingering(since, body.cause, body.on, body.what, event.attempt, body.due, body.fixed, body.deadline)

    def end(self, i: int) -> None:
        """Step `i` waits no more, and starts nothing."""
        if i in self._at:
            self._at.discard(i)
            if self.stock is not None:
                self.stock.leave(i)
                self._serve(self.stock)

    def started(self, i: int, needs: Mapping[str, float]) -> None:
        """An attempt of step `i` starts."""
        self._at.discard(i)
        if self.stock is not None:
            self.stock.take(i, needs)

    def ended(self, i: int) -> None:
        """An attempt of step `i` has ended."""
        if i in self._at:  # it only waited
            self._at.discard(i)
            self._queue.withdraw(i)
        if self.stock is not None:
            self.stock.give(i)
            self._serve(self.stock)

    def look_again(self) -> None:
        """Whatever is waited for may be there meanwhile: look at every one."""
        for i in self._at:
            self._queue.offer(i)

    def clear(self) -> None:
        """The run has ended."""
        self._at.clear()

    def _serve(self, stock: Stock) -> None:
        """Offer the steps in line that have what they need now."""
        for i in stock.served():
            if not self._queue.offers(i):
                self._queue.offer(i)


def hastened(state: State, now: int) -> State:
    """A timer as it stands after a restart: a duration does not get longer where the clock jumped back (semantics C8).

    A deadline is a duration too; a point in time stays where it is.
    """
    if not isinstance(state, Lingering) or now >= state.since:
        return state
    back = state.since - now
    due = state.due if state.due is None or state.fixed else state.due - back
    deadline = None if state.deadline is None else state.deadline - back
    return replace(state, since=now, due=due, deadline=deadline)


# What the fold does; only `machine` calls these.


def begin(run: "Run", event: ev.Event) -> None:
    """A step waits before an attempt starts, or its attempt itself only waits."""
    assert event.step is not None
    i = run.index[event.step]
    step_after(run.states[i].status, "waits" if event.attempt is None else "begins to wait")
    if event.attempt is not None:
        run.running.discard(i)
        run.lingering.add(i)
    waiting = run.states[i] = run.waiting.begin(i, event, run.steps[i].sharing.needs_resources)
    if waiting.cause == "budget" and run.account is not None:
        run.account.wait(i)
        run.account.lack(i)
