"""What may start: ready steps by rank, retries by when they are due (semantics S4, S9, S19)."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

from holdfast.plan.graph import RECENT_MAX, Graph
from holdfast.plan.model import Step, Uses

PLACE_BITS = 32
PLACE = (1 << PLACE_BITS) - 1
"""The part of a ticket that is a step's position; the part above is its rank."""


class Queue:
    """The steps of one run that wait for nothing but room or time, known by position.

    A step is offered (it may start now), later (its retry is not due yet), or neither. Both heaps may hold stale
    entries, which are dropped when met.
    """

    __slots__ = ("_due", "_free", "_later", "_offered", "_shared", "_tickets", "tickets")

    def __init__(self, steps: Sequence[Step], graph: Graph) -> None:
        self.tickets, self._free = _tickets_of(steps, graph)
        self._shared = self.tickets
        self._offered: set[int] = set()
        self._tickets: list[int] = []  # of what is offered, a heap
        self._later: dict[int, int] = {}  # position -> due
        self._due: list[tuple[int, int]] = []  # (due, position) of what is later, a heap

    def __bool__(self) -> bool:
        """Whether any step may start, now or when it is due."""
        return bool(self._offered or self._later)

    def begin(self, ready: Sequence[int]) -> None:
        """These may start now, where nothing was offered before."""
        self._offered.update(ready)
        self._tickets = sorted(map(self.tickets.__getitem__, ready))  # what is sorted is a heap

    def offer(self, i: int) -> None:
        """Step `i` may start now."""
        self._later.pop(i, None)
        self._offered.add(i)
        heappush(self._tickets, self.tickets[i])

    def offer_new(self, ready: range) -> None:
        """These, which came into being just now, may start."""
        self._offered.update(ready)
        self._tickets += self.tickets[ready.start : ready.stop]
        heapify(self._tickets)

    def offers(self, i: int) -> bool:
        """Whether step `i` is offered."""
        return i in self._offered

    def later(self) -> Mapping[int, int]:
        """The steps that are looked at when they are due, with when that is."""
        return self._later

    def postpone(self, i: int, due: int) -> None:
        """Step `i` may start when `due` is reached."""
        self._offered.discard(i)
        self._later[i] = due
        heappush(self._due, (due, i))

    def withdraw(self, i: int) -> None:
        """Step `i` may not start, or has been handed out."""
        self._offered.discard(i)
        self._later.pop(i, None)

    def clear(self) -> None:
        """No step may start any more."""
        for heap in (self._offered, self._tickets, self._later, self._due):
            heap.clear()

    def grow(self, like: Sequence[int]) -> None:
        """Steps have come into being, at the next positions; the n-th starts when step `like[n]` would."""
        if self.tickets is self._shared:
            self.tickets = [*self._shared]
        tickets = self.tickets
        first = len(tickets)
        if self._free:
            self._free = self._free.union([i for i, each in enumerate(like, first) if each in self._free])
        tickets.extend([(tickets[each] & ~PLACE) | i for i, each in enumerate(like, first)])

    def first(self) -> int | None:
        """The step that starts next of those that may start now, or `None`."""
        tickets = self._tickets
        while tickets:
            i = tickets[0] & PLACE
            if i in self._offered:
                return i
            heappop(tickets)
        return None

    def first_free(self) -> int | None:
        """The next of those that need no slot, or `None`."""
        offered = self._free & self._offered if self._free else None
        return min(offered, key=self.tickets.__getitem__) if offered else None

    def call_due(self, now: int) -> None:
        """Offer every retry that is due."""
        if not self._due:
            return
        while (due := self.next_due()) is not None and due <= now:
            self.offer(heappop(self._due)[1])

    def next_due(self) -> int | None:
        """When the next retry is due, or `None`."""
        due = self._due
        while due:
            at, i = due[0]
            if self._later.get(i) == at:
                return at
            heappop(due)
        return None


def takes_no_slot(step: Step) -> bool:
    """Whether attempts of the step only wait (semantics S4)."""
    return isinstance(step.work, Uses) and step.work.runner == "wait"


Tickets = tuple[list[int], frozenset[int]]


def _tickets_of(steps: Sequence[Step], graph: Graph) -> Tickets:
    """As `_made_tickets`, with the steps that need no slot; many runs of one plan share them."""
    for known, tickets in _recent:
        if known is graph:
            return tickets
    tickets = _made_tickets(steps, graph), frozenset([i for i, step in enumerate(steps) if takes_no_slot(step)])
    _recent.append((graph, tickets))
    del _recent[:-RECENT_MAX]
    return tickets


_recent: list[tuple[Graph, Tickets]] = []


def _made_tickets(steps: Sequence[Step], graph: Graph) -> list[int]:
    """For each position its rank in the order in which ready steps start (semantics S4, S19), and the position."""
    count = len(steps)
    rest = graph.remaining(lambda _: 1.0) if any(graph.dependents) else [1.0] * count
    if any(step.priority or step.shown.kind == "research" for step in steps):
        step_at = sorted(
            range(count),
            key=lambda i: (-steps[i].priority, steps[i].shown.kind != "research", -rest[i], i),
        )
    else:  # the same order, found in a fifth of the time
        step_at = sorted(range(count), key=rest.__getitem__, reverse=True)
    tickets = [0] * count
    for rank, i in enumerate(step_at):
        tickets[i] = rank << PLACE_BITS | i
    return tickets
