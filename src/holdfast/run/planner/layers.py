"""In which layer each step stands."""

from collections import deque
from collections.abc import Mapping

from holdfast.plan.graph import Graph


def layers_of(graph: Graph, dormant: Mapping[int, tuple[int, ...]], last: int) -> list[int]:
    """The layer of each step: its longest path from a root on the full graph, before any filter (planner 33).

    A dormant step comes after those that may choose it, and the `finally` steps (from `last` on) after all. What waits
    for each other, as the steps of a loop do, is taken in file order.
    """
    if not dormant and last == len(graph.ids):
        return graph.layers()
    layer = [0] * len(graph.ids)
    for first, end in ((0, last), (last, len(graph.ids))):
        base = max(layer[:first], default=-1) + 1
        waits = {i: {j for j in (*graph.needs[i], *dormant.get(i, ())) if first <= j < end} for i in range(first, end)}
        after: dict[int, list[int]] = {}
        for i, wanted in waits.items():
            for j in wanted:
                after.setdefault(j, []).append(i)
        left = {i: len(wanted) for i, wanted in waits.items()}
        ready = deque(i for i, count in left.items() if not count)
        while left:
            i = ready.popleft() if ready else next(iter(left))
            if left.pop(i, None) is None:
                continue
            layer[i] = max((layer[j] + 1 for j in waits[i] if j not in left), default=base)
            for j in after.get(i, ()):
                if j in left:
                    left[j] -= 1
                    if not left[j]:
                        ready.append(j)
    return layer
