"""The plan's steps as an integer graph: order, layers, ancestors, downstream, remaining path; no recursion."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from holdfast.plan.model import Plan, Step

T = TypeVar("T")


class Graph(msgspec.Struct, frozen=True):
    """Steps by position: `needs[i]` and `dependents[i]` are positions; `order` is a topological order."""

    ids: tuple[str, ...]
    index: dict[str, int]
    needs: tuple[tuple[int, ...], ...]
    dependents: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    def layers(self) -> list[int]:
        """The layer of each step: its longest path from a root."""
        layer = [0] * len(self.ids)
        for i in self.order:
            for j in self.dependents[i]:
                layer[j] = max(layer[j], layer[i] + 1)
        return layer

    def remaining(self, duration: Callable[[int], float]) -> list[float]:
        """The length of the longest path from the start of each step to the end, in `duration`'s unit (S4)."""
        rest = [duration(i) for i in range(len(self.ids))]
        for i in reversed(self.order):
            after = self.dependents[i]
            if after:
                rest[i] += max([rest[j] for j in after])
        return rest

    def downstream(self, starts: Iterable[int]) -> set[int]:
        """Every step that depends, directly or not, on one of `starts`, which are not in it unless reached."""
        return reach(starts, self.dependents.__getitem__)

    def ancestors(self, starts: Iterable[int]) -> set[int]:
        """Every step that one of `starts` depends on, directly or not."""
        return reach(starts, self.needs.__getitem__)


def build(steps: Sequence[Step]) -> Graph:
    """The graph of steps whose dependencies all exist and hold no cycle (`find_cycle` says so beforehand)."""
    ids = tuple(step.id for step in steps)
    index = dict(zip(ids, range(len(ids)), strict=True))
    needs = tuple([tuple([index[name] for name in step.needs]) if step.needs else () for step in steps])
    dependents = _dependents(needs)
    order = _topological(needs, dependents)
    assert len(order) == len(ids), "a plan with a cycle is refused before its graph is built"
    return Graph(ids, index, needs, tuple([tuple(each) if each else () for each in dependents]), tuple(order))


def of_plan(plan: Plan) -> Graph:
    """The graph of a checked plan's steps, the `finally` steps last; many runs of one plan share it."""
    for known, graph in _recent:
        if known is plan:
            return graph
    graph = build(plan.steps + plan.finally_)
    _recent.append((plan, graph))
    del _recent[:-RECENT_MAX]
    return graph


RECENT_MAX = 4
_recent: list[tuple[Plan, Graph]] = []


def find_cycle(needs: Sequence[Sequence[int]]) -> list[int] | None:
    """A shortest cycle through some step on a cycle, first step repeated at the end, or `None`."""
    order = _topological(needs, _dependents(needs))
    if len(order) == len(needs):
        return None
    placed = set(order)
    left = [i for i in range(len(needs)) if i not in placed]
    # What is left holds every cycle and what hangs below one; walking needs inside it always ends in a cycle.
    inside = set(left)
    seen: set[int] = set()
    here = left[0]
    while here not in seen:
        seen.add(here)
        here = next(j for j in needs[here] if j in inside)
    return _shortest_back(here, needs, inside)


def _shortest_back(start: int, needs: Sequence[Sequence[int]], inside: set[int]) -> list[int]:
    came: dict[int, int] = {}
    queue = [start]
    for i in queue:
        for j in needs[i]:
            if j == start:
                path = [start]
                while i != start:
                    path.append(i)
                    i = came[i]  # noqa: PLW2901 - the walk back reuses the cursor; the loop ends here
                return [*path, start]
            if j in inside and j not in came:
                came[j] = i
                queue.append(j)
    raise AssertionError("a walk that came back to its start has a way back")


def _dependents(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    none: list[int] = []  # one for all, as in many plans few steps have any
    dependents = [none] * len(needs)
    for i, wanted in enumerate(needs):
        for j in wanted:
            if dependents[j] is none:
                dependents[j] = []
            dependents[j].append(i)
    return dependents


def _topological(needs: Sequence[Sequence[int]], dependents: Sequence[Sequence[int]]) -> list[int]:
    waiting = [len(wanted) for wanted in needs]
    order = [i for i, count in enumerate(waiting) if not count]
    for i in order:
        for j in dependents[i]:
            waiting[j] -= 1
            if not waiting[j]:
                order.append(j)
    return order


def reach(starts: Iterable[T], arrows: Callable[[T], Iterable[T]]) -> set[T]:
    """What can be reached from `starts`, which are not in it unless an arrow leads to them."""
    seen: set[T] = set()
    stack = list(starts)
    while stack:
        for name in arrows(stack.pop()):
            if name not in seen:
                seen.add(name)
                stack.append(name)
    return seen
