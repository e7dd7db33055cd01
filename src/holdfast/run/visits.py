"""Loops: the end of a step leads back, and what goes round gets a new visit, `id#2` (semantics S17).

A step whose end leads back keeps what waits for it until the engine has told of the jump (`step.jumped`), or, past the
limit, until a person has answered. The visit before is over then: names mean the latest one.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from holdfast.plan.loops import Loop, fallbacks_of
from holdfast.run import events as ev
from holdfast.run.control import Control, control_of, decide_about, led_to, taken
from holdfast.run.disposition import POLICIES, left_behind
from holdfast.run.growth import append_steps, template_id
from holdfast.run.standing import PENDING, Failed, Falling
from holdfast.run.states import FINAL_STEP

if TYPE_CHECKING:
    from holdfast.run.machine import Run
    from holdfast.run.reached import Reached


NOBODY: Final[set[int]] = set()


class Visits(msgspec.Struct):
    """Where the loops of a run stand."""

    turning: dict[int, str] = {}  # steps whose end leads back: to where
    stuck: set[int] = set()  # those of them that a person is asked about
    latest: dict[str, int] = {}  # name in the plan -> position of its latest visit
    past: set[int] = set()  # visits that are over
    cut: set[int] = set()  # steps whose end was to lead back when the run ended
    rounds: dict[tuple[str, str], int] = {}  # source and target of a loop -> visits of the target so far, if not one
    allowed: dict[tuple[str, str], int] = {}  # how many visits a person has allowed beyond the limit


def visit_id(name: str, number: int) -> str:
    """What a visit of a step is called; the first has the name of the step."""
    return name if number == 1 else f"{name}#{number}"


def visit_number(step: str) -> int:
    """Which visit of its step an id is."""
    number = step.partition("[")[0].partition("#")[2]
    return int(number) if number else 1


def used_up(stuck: ev.StepStuck) -> str:
    """What keeps a loop that is stuck."""
    return f'back to "{stuck.target}" has used up its {stuck.visits} visits'


def ended(run: "Reached", j: int) -> bool:
    """Whether step `j` has ended and its end is not still to lead back."""
    assert run.visits is not None
    return run.states[j].status in FINAL_STEP and j not in run.visits.turning


def turning(run: "Reached", now: int) -> ev.Event | None:
    """What is to be told of a step whose end leads back, or `None`; all that goes round has ended first."""
    visits = run.visits
    for i in sorted(visits.turning) if visits is not None else ():
        assert visits is not None
        if i in visits.stuck:
            continue
        loop = _loop(run, i, visits.turning[i])
        members = [run.place(name) for name in loop.members]
        if not all(j == i or ended(run, j) for j in members):
            continue
        visit = visits.rounds.get((loop.source, loop.target), 1) + 1
        step = run.steps[i].id
        if visit > _limit(run, i, loop):
            return ev.Event(now, ev.StepStuck(loop.target, visit - 1), step)
        ids = [visit_id(name, visit_number(run.steps[run.place(name)].id) + 1) for name in loop.members]
        return ev.Event(now, ev.StepJumped(loop.target, visit, tuple(ids)), step)
    return None


def stuck(run: "Reached") -> set[int]:
    """The steps whose loops are stuck: a person is asked about them."""
    return run.visits.stuck if run.visits is not None else NOBODY


def _limit(run: "Reached", i: int, loop: Loop) -> int:
    assert run.visits is not None
    most = max(most for target, most in led_to(run, i) if target == loop.target)
    return most + run.visits.allowed.get((loop.source, loop.target), 0)


def _loop(run: "Reached", i: int, target: str) -> Loop:
    assert run.control is not None
    source = template_id(run.steps[i].id)
    return next(loop for loop in run.control.loops[source] if loop.target == target)


# What the fold does; only `machine` and `reviews` call these.


def turns_back(run: "Run", i: int) -> bool:
    """Whether the end of step `i` leads back: then nothing goes on from it yet. The first such edge holds."""
    assert run.control is not None
    assert run.visits is not None
    loops = run.control.loops.get(run.steps[i].id.partition("#")[0])
    if loops is None:
        return False
    targets = {loop.target for loop in loops}
    back = next((target for target, _ in led_to(run, i) if target in targets), None)
    if back is None:
        return False
    run.visits.turning[i] = back
    for name in fallbacks_of(run.steps[i]):  # it goes round too, and is not chosen any more
        j, control = run.place(name), _own_control(run)
        control.targets[i] = tuple([k for k in control.targets[i] if k != j])
        decide_about(run, j, chosen=False)
    return True


def _own_control(run: "Run") -> Control:
    """Who may choose whom, as it is in this run only."""
    assert run.control is not None
    if not run.control.own:
        tables = dict(run.control.choosers), dict(run.control.targets)
        run.control = msgspec.structs.replace(run.control, choosers=tables[0], targets=tables[1], own=True)
    return run.control


def exhausted(run: "Run", event: ev.Event) -> None:
    """The visits of a loop are used up."""
    assert run.visits is not None
    run.visits.stuck.add(run.index[event.step or ""])


def answered(run: "Run", event: ev.Event) -> None:
    """A person says whether a loop that is stuck goes round once more; a second answer changes nothing (G6)."""
    body = event.body
    assert isinstance(body, ev.StepAnswered)
    visits, i = run.visits, run.index[event.step or ""]
    if visits is None or i not in visits.stuck:
        return
    visits.stuck.discard(i)
    if body.choice == "approve":
        loop = _loop(run, i, visits.turning[i])
        key = loop.source, loop.target
        visits.allowed[key] = visits.allowed.get(key, 0) + 1
        return
    del visits.turning[i]
    state = run.states[i]
    if isinstance(state, Failed):
        disposed = body.disposed or left_behind(run, i)
        run.states[i] = msgspec.structs.replace(state, action=disposed.action, target=None)
        if POLICIES[disposed.action].dependents == "canceled":
            run.abort(i)
    run.pass_on(i)


def jumped(run: "Run", event: ev.Event) -> None:
    """All that goes round in a loop gets a new visit; what waits for the loop waits for those."""
    body = event.body
    assert isinstance(body, ev.StepJumped)
    visits, i = run.visits, run.index[event.step or ""]
    assert visits is not None
    loop = _loop(run, i, body.target)
    del visits.turning[i]
    visits.rounds[loop.source, loop.target] = body.visit
    _begin_inner_anew(run, loop)
    names = [template_id(id) for id in body.ids]
    old = [run.place(name) for name in names]
    new = range(len(run.states), len(run.states) + len(names))
    visits.past.update(old)
    visits.latest.update(zip(names, new, strict=True))
    outside = _outside(run, old)
    _append(run, names, body.ids, old)
    moved = dict(zip(old, new, strict=True))
    _rewire(run, outside, moved)
    run.left -= 1  # the step that led back has ended now
    for k in (*new, *outside):
        _settle(run, k, new, led=k == run.place(loop.target))
    for k in (*new, *outside):
        if not run.missing[k]:
            run.make_ready(k)


def _begin_inner_anew(run: "Run", loop: Loop) -> None:
    """A loop inside of this one has all of its visits again."""
    assert run.control is not None
    assert run.visits is not None
    around = set(loop.members)
    for inner in (each for loops in run.control.loops.values() for each in loops):
        if around > set(inner.members):
            for counts in (run.visits.rounds, run.visits.allowed):
                counts.pop((inner.source, inner.target), None)


def _outside(run: "Run", old: list[int]) -> list[int]:
    """The steps that wait for one of `old`, or may be chosen by one, are not of them and have not begun."""
    assert run.control is not None
    found = {k for j in old for k in (*run.dependents[j], *run.control.targets.get(j, ()))}
    return sorted(k for k in found.difference(old) if run.states[k] is PENDING)


def _append(run: "Run", names: list[str], ids: tuple[str, ...], old: list[int]) -> None:
    """The new visits: each is what the plan says of its step."""
    steps = [run.steps[run.index[name]] for name in names]
    needs = [tuple([run.place(need) for need in step.needs]) for step in steps]
    made = [msgspec.structs.replace(step, id=id) for step, id in zip(steps, ids, strict=True)]
    append_steps(run, made, needs, old)


def _rewire(run: "Run", outside: list[int], moved: dict[int, int]) -> None:
    """Steps outside wait for, choose and are chosen by the new visits."""
    assert isinstance(run.needs, list)
    control, plan = _own_control(run), control_of(run.plan, run.index)
    assert plan is not None
    for k in outside:
        run.needs[k] = tuple([moved.get(j, j) for j in run.needs[k]])
    for table, first in ((control.choosers, plan.choosers), (control.targets, plan.targets)):
        for k in [k for k in table if k not in moved]:
            table[k] = tuple([moved.get(j, j) for j in table[k]])
        for new in moved.values():
            k = run.index[template_id(run.steps[new].id)]
            if k in first:
                table[new] = tuple([run.place(run.steps[j].id) for j in first[k]])


def awaited(run: "Run", k: int) -> list[int]:
    """The steps whose ends step `k` waits for, the sources of loops that must be left among them."""
    assert run.control is not None
    name = template_id(run.steps[k].id)
    waits = [j for j in run.needs[k] if not ended(run, j)]
    for source in run.control.held.get(name, ()):
        j = run.place(source)
        if j not in run.needs[k] and not ended(run, j):
            waits.append(j)
    return waits


def _settle(run: "Run", k: int, new: range, *, led: bool) -> None:
    """How much step `k` waits for, from where everything stands; `led`: the jump leads there."""
    assert run.control is not None
    assert isinstance(run.dependents, list)
    waits = awaited(run, k)
    for j in waits:
        if j in new or k in new:
            run.dependents[j] = (*run.dependents[j], k)
    run.missing[k] = len(waits) + (run.is_last(k) and not run.finalizing)
    choosers = run.control.choosers.get(k, ())
    if choosers:
        run.undecided[k] = sum(not ended(run, j) for j in choosers)
        if led or _chosen(run, k, choosers):
            run.chosen.add(k)
        else:
            run.chosen.discard(k)
            run.missing[k] += run.undecided[k] > 0


def _chosen(run: "Run", k: int, choosers: Iterable[int]) -> bool:
    """Whether step `k` is chosen, by the visits that count."""
    name = template_id(run.steps[k].id)
    for j in choosers:
        state = run.states[j]
        if isinstance(state, Falling) and template_id(state.fallback) == name:
            return True
        if ended(run, j) and name in taken(run, j):
            return True
    return False
