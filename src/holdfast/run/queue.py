"""What may start: ready steps by rank, retries by when they are due (semantics S4, S9, S19)."""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from holdfast.plan.graph import RECENT_MAX, Graph
from holdfast.plan.model import Step


class Queue:
    """The steps of one run that wait for nothing but room or time, known by position.

    A step is offered (it may start now), later (its retry is not due yet), or neither. Both heaps may hold stale
    entries, which are dropped when met.
    """

    __slots__ = ("_due", "_later", "_offered", "_ranks", "rank", "step_at")

    def __init__(self, steps: Sequence[Step], graph: Graph) -> None:
        self.rank, self.step_at = _ranks_of(steps, graph)
        self._offered: set[int] = set()
        self._ranks: list[int] = []  # of what is offered, a heap
        self._later: dict[int, int] = {}  # position -> due
        self._due: list[tuple[int, int]] = []  # (due, position) of what is later, a heap

    def __bool__(self) -> bool:
        """Whether any step may start, now or when it is due."""
        return bool(self._offered or self._later)

    def offer(self, i: int) -> None:
        """Step `i` may start now."""
        self._later.pop(i, None)
        self._offered.add(i)
        heappush(self._ranks, self.rank[i])

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
        for heap in (self._offered, self._ranks, self._later, self._due):
            heap.clear()

    def first(self) -> int | None:
        """The step that starts next of those that may start now, or `None`."""
        ranks = self._ranks
        while ranks:
            i = self.step_at[ranks[0]]
            if i in self._offered:
                return i
            heappop(ranks)
        return None

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


def _ranks_of(steps: Sequence[Step], graph: Graph) -> tuple[list[int], list[int]]:
    """As `_ranks`; many runs of one plan share them."""
    for known, ranks in _recent:
        if known is graph:
            return ranks
    ranks = _ranks(steps, graph)
    _recent.append((graph, ranks))
    del _recent[:-RECENT_MAX]
    return ranks


_recent: list[tuple[Graph, tuple[list[int], list[int]]]] = []


def _ranks(steps: Sequence[Step], graph: Graph) -> tuple[list[int], list[int]]:
    """The order in which ready steps start (semantics S4, S19): rank of each position, position of each rank."""
    rest = graph.remaining(lambda _: 1.0)
    if any(step.priority or step.shown.kind == "research" for step in steps):
        step_at = sorted(
            range(len(steps)),
            key=lambda i: (-steps[i].priority, steps[i].shown.kind != "research", -rest[i], i),
        )
    else:  # the same order, found in a fifth of the time
        step_at = sorted(range(len(steps)), key=rest.__getitem__, reverse=True)
    rank = [0] * len(steps)
    for position, i in enumerate(step_at):
        rank[i] = position
    return rank, step_at
