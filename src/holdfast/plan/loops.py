"""Loops: control edges that lead back to a step their source comes from (semantics S17). Pure.

What goes round in a loop, and which steps outside of it wait until it is left: the checks, the fold and the pictures
read it from here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from holdfast.plan.graph import find_cycle, reach
from holdfast.plan.model import Plan, Step

Arrows = dict[str, set[str]]


class Loop(NamedTuple):
    """One loop: the end of `source` may lead back to `target`; `members` go round, in file order."""

    source: str
    target: str
    members: tuple[str, ...]


def jumps_of(step: Step) -> Iterator[tuple[str, int]]:
    """The steps that edges and jumps of a step lead to, each with how often it may be visited."""
    for edge in step.next:
        yield edge.to, edge.max_visits
    for mode in step.failure_modes:
        if mode.do == "goto" and mode.target is not None:
            yield mode.target, mode.max_visits


def fallbacks_of(step: Step) -> list[str]:
    """The steps that may stand in for a step."""
    names = [] if step.on_failure.fallback is None else [step.on_failure.fallback]
    return names + [mode.target for mode in step.failure_modes if mode.do == "fallback" and mode.target is not None]


def loops_of(plan: Plan) -> tuple[Loop, ...]:
    """The loops of a checked plan."""
    return (*loops_among(plan.steps), *loops_among(plan.finally_))


def loops_among(steps: Sequence[Step]) -> tuple[Loop, ...]:
    """The loops of one section of a plan; names that it does not have are passed over.

    An edge that may be taken more than once and leads on, not back, is like any other edge. Where two such edges lead
    to each other's source, the one that is reached first leads on.
    """
    later = [(step.id, to) for step in steps for to, visits in jumps_of(step) if visits > 1]
    if not later:
        return ()
    after = _arrows(steps)
    later = [(source, to) for source, to in dict.fromkeys(later) if to in after]
    chosen = {to for step in steps for to in (*fallbacks_of(step), *(to for to, _ in jumps_of(step)))}
    entries = [step.id for step in steps if step.id not in chosen]
    back: list[tuple[str, str]] = []
    while later:
        reached = {*entries, *reach(entries, after.__getitem__)}
        edge = next((each for each in later if each[0] in reached), later[0])
        later.remove(edge)
        source, target = edge
        if source == target or source in reach([target], after.__getitem__):
            back.append(edge)
        else:
            after[source].add(target)
            entries.append(source)
    awaited = _awaited(steps, after)
    for step in steps:  # what waits for a step waits for its fallback too
        for name in fallbacks_of(step):
            if name in after:
                after[name].add(step.id)
    found = []
    for source, target in back:
        ends = {source, *(name for name, _ in reach([(source, False)], awaited.__getitem__))}
        members = {target, *reach([target], after.__getitem__)} & ends
        found.append(Loop(source, target, tuple([step.id for step in steps if step.id in members])))
    return tuple(found)


def _awaited(steps: Sequence[Step], after: Arrows) -> dict[tuple[str, bool], set[tuple[str, bool]]]:
    """What the end of each step waits for, and of one that is chosen already (`True`), as a fallback is then."""
    choosers: Arrows = {name: set() for name in after}
    awaited: dict[tuple[str, bool], set[tuple[str, bool]]] = {}
    for step in steps:
        needs = {(need, False) for need in step.needs if need in after}
        stand_ins = {(name, True) for name in fallbacks_of(step) if name in after}
        for name in after[step.id]:
            choosers[name].add(step.id)
        awaited[step.id, True] = needs | stand_ins
    for step in steps:
        awaited[step.id, False] = awaited[step.id, True] | {(name, False) for name in choosers[step.id]}
    return awaited


def waiting_outside(loops: Iterable[Loop], steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Pairs of a loop's source and a step outside of the loop that must not go on before the loop is left.

    Those are the steps that wait for one inside, or that one inside may choose; where the loop's source itself goes
    round in another loop, they wait until that is left too.
    """
    loops = list(loops)
    by_id = {step.id: step for step in steps}
    back = {(loop.source, loop.target) for loop in loops}
    pairs: dict[tuple[str, str], None] = {}
    for loop in loops:
        inside = set(loop.members)
        led = {
            to
            for name in loop.members
            for to, _ in jumps_of(by_id[name])
            if to in by_id and to not in inside and (name, to) not in back
        }
        waiting = [step.id for step in steps if step.id not in inside and inside.intersection(step.needs)]
        pairs.update(dict.fromkeys((loop.source, name) for name in (*waiting, *sorted(led))))
    todo = list(pairs)
    while todo:
        source, name = todo.pop()
        for loop in loops:
            pair = (loop.source, name)
            if source in loop.members and name not in loop.members and pair not in pairs:
                pairs[pair] = None
                todo.append(pair)
    return list(pairs)


def tangled(loops: Sequence[Loop], steps: Sequence[Step]) -> list[str]:
    """Steps that would wait for each other, since what is outside of a loop waits until that is left."""
    ids = [step.id for step in steps]
    index = {name: i for i, name in enumerate(ids)}
    back = {(loop.source, loop.target) for loop in loops}
    needs = [{index[name] for name in step.needs if name in index} for step in steps]
    for step in steps:
        for name in (*(to for to, _ in jumps_of(step)), *fallbacks_of(step)):
            if name in index and (step.id, name) not in back:
                needs[index[name]].add(index[step.id])
    for source, name in waiting_outside(loops, steps):
        needs[index[name]].add(index[source])
    by_id = {step.id: step for step in steps}
    for loop in loops:  # it leads back when all that goes round has ended
        own = {loop.source, *reach([loop.source], lambda name: [it for it in fallbacks_of(by_id[name]) if it in index])}
        needs[index[loop.source]] |= {index[name] for name in loop.members if name not in own}
    return [ids[i] for i in find_cycle([sorted(each) for each in needs]) or ()]


def _arrows(steps: Sequence[Step]) -> Arrows:
    """From each step to those that wait for it or that it may choose, edges that may be taken again left out."""
    after: Arrows = {step.id: set() for step in steps}
    for step in steps:
        for need in step.needs:
            if need in after:
                after[need].add(step.id)
        once = [to for to, visits in jumps_of(step) if visits < 2]
        after[step.id].update(to for to in (*once, *fallbacks_of(step)) if to in after)
    return after
