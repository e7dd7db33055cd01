"""Where steps lead: cycles, fallbacks, control edges, loops, former names."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from holdfast.plan.checks.loops import check_loops
from holdfast.plan.draft import Draft
from holdfast.plan.graph import find_cycle
from holdfast.plan.model import Depends, Step, Uses
from holdfast.plan.problems import Fault, Path, fault_at, warning_at

MAX_CYCLES: Final = 10
"""Cycles of one plan that are reported at once."""

MAX_FALLBACKS: Final = 3
"""Fallbacks behind each other (semantics S7)."""

Target = tuple[str, Path, int]
"""A step that is named, where, and how often it may be visited from there."""


def check_control(made: Draft) -> Iterator[Fault]:
    """The faults of control flow."""
    steps = {step.id: step for _, step in made.steps()}
    for path, step in made.steps():
        if _leads(step):
            for name, where, _ in (*_fallbacks(path, step), *_jumps(path, step), *_rollback(path, step)):
                yield from _target(made, step, name, where)
        yield from _order(made, path, step)
    yield from _check_fallbacks(made, steps)
    yield from _former_names(made)
    yield from _cycles(made, steps)


def _leads(step: Step) -> bool:
    """Whether a step names others that its end leads to."""
    return bool(
        step.failure_modes
        or step.next
        or step.on_failure.fallback is not None
        or isinstance(step.effect.rollback, str)
        or step.people.gate is not None
        or isinstance(step.work, Uses)
    )


def fallback_of(step: Step) -> list[str]:
    """The steps that may stand in for a step."""
    return [name for name, _, _ in _fallbacks((), step)]


def _fallbacks(path: Path, step: Step) -> Iterator[Target]:
    if step.on_failure.fallback is not None:
        yield step.on_failure.fallback, (*path, "on_failure", "fallback"), 1
    for number, mode in enumerate(step.failure_modes):
        if mode.do == "fallback" and mode.target is not None:
            yield mode.target, (*path, "failure_modes", number, "do", "fallback"), 1


def _jumps(path: Path, step: Step) -> Iterator[Target]:
    for number, edge in enumerate(step.next):
        yield edge.to, (*path, "next", number, "to"), edge.max_visits
    for number, mode in enumerate(step.failure_modes):
        if mode.do == "goto" and mode.target is not None:
            yield mode.target, (*path, "failure_modes", number, "do", "goto"), mode.max_visits
    own = step.work.params if isinstance(step.work, Uses) and step.work.runner == "gate" else None
    for key, gate in (("with", own), ("gate", step.people.gate)):
        reject = (gate or {}).get("on_reject")
        if isinstance(reject, dict) and isinstance(reject.get("goto"), str):
            visits = reject.get("max_visits", 1)
            yield reject["goto"], (*path, key, "on_reject", "goto"), visits if isinstance(visits, int) else 1


def _rollback(path: Path, step: Step) -> Iterator[Target]:
    if isinstance(step.effect.rollback, str):
        yield step.effect.rollback, (*path, "rollback"), 1


def _target(made: Draft, step: Step, name: str, where: Path) -> Iterator[Fault]:
    known = made.names.steps.get(name)
    if known is None:
        fault = fault_at(where, "step.unknown", f' names step "{name}", which this plan does not define')
        fault.near = (name, made.names.steps)
        yield fault
    elif known.section != made.names.steps[step.id].section:
        yield fault_at(where, "step.finally", f' names step "{name}"; `steps` and `finally` cannot lead to each other')


def _order(made: Draft, path: Path, step: Step) -> Iterator[Fault]:
    if path[0] == "finally" and made.written[step.id].get("depends") == Depends.OK:
        message = " has no effect: `finally` steps run whatever happened"
        yield fault_at((*path, "depends"), "key.unused", message, "take it out")
    for number, wanted in enumerate(made.written[step.id].get("depends_on", ())):
        known = made.names.steps.get(wanted.removesuffix("[*]"))
        if wanted.endswith("[*]") and known is not None and not known.many and not known.broken:
            name = wanted.removesuffix("[*]")
            message = f' waits for all instances of "{name}", which has no for_each and no matrix'
            yield warning_at((*path, "depends_on", number), "depends.instances", message, f'write "{name}"')


def _check_fallbacks(made: Draft, steps: dict[str, Step]) -> Iterator[Fault]:
    choosers: dict[str, list[str]] = {}
    for _, step in made.steps():
        for name in (*fallback_of(step), *(name for name, _, _ in _jumps((), step))) if _leads(step) else ():
            choosers.setdefault(name, []).append(step.id)
    needed = {
        name.removesuffix("[*]"): each
        for each in steps
        if made.written[each]
        for name in made.written[each].get("depends_on", ())
    }
    for path, step in made.steps():
        for name, where, _ in _fallbacks(path, step) if _leads(step) else ():
            if name not in steps:
                continue
            chain = _chain(step.id, name, steps)
            if chain is None:
                yield fault_at(
                    where, "fallback.cycle", f' leads back to "{step.id}"', "a chain of fallbacks has an end"
                )
            elif chain > MAX_FALLBACKS:
                message = f" begins a chain of {chain} fallbacks; at most {MAX_FALLBACKS} may follow each other"
                yield fault_at(where, "fallback.chain", message)
            elif _waits_for(step, name, steps):
                message = f' names "{name}", for which "{step.id}" itself waits'
                hint = f'a fallback runs only when "{step.id}" fails, never before it; take the dependency out'
                yield fault_at(where, "fallback.needed", message, hint)
            elif name in needed:
                message = f' names "{name}", which "{needed[name]}" depends on'
                hint = f'let "{needed[name]}" depend on "{step.id}", which has the results of its fallback'
                yield fault_at(where, "fallback.depended", message, hint)
            elif _awaits(name, step.id, steps, choosers):
                message = f' names "{name}", which itself waits for "{step.id}"'
                hint = f'"{name}" stands in for "{step.id}" before that is done; take the dependency out'
                yield fault_at(where, "fallback.waits", message, hint)
            yield from _lacking(made, where, step.id, name)


def _chain(start: str, name: str, steps: dict[str, Step]) -> int | None:
    """How many fallbacks follow each other from `name` on at most; None if they lead back to `start`."""
    longest, level, seen = 0, [name], {name}
    while level:
        if start in level:
            return None
        longest += 1
        behind = [it for this in level for it in fallback_of(steps[this]) if it in steps]
        level = [it for it in dict.fromkeys(behind) if it not in seen]
        seen.update(level)
    return longest


def _waits_for(step: Step, name: str, steps: dict[str, Step]) -> bool:
    seen: set[str] = set()
    waiting = [*step.needs]
    while waiting:
        this = waiting.pop()
        if this == name:
            return True
        if this not in seen:
            seen.add(this)
            waiting += steps[this].needs
    return False


def _awaits(fallback: str, name: str, steps: dict[str, Step], choosers: dict[str, list[str]]) -> bool:
    """Whether the end of a fallback, once it is chosen, waits for the end of the step `name`.

    What it depends on may itself be dormant until that step has ended.
    """
    seen: set[tuple[str, bool]] = set()
    waiting = [(fallback, True)]
    while waiting:
        this, chosen = waiting.pop()
        step = steps.get(this)
        if step is None or (this, chosen) in seen:
            continue
        seen.add((this, chosen))
        onward = [(it, False) for it in step.needs] + [(it, True) for it in fallback_of(step)]
        onward += [] if chosen else [(it, False) for it in choosers.get(this, ())]
        if any(it == name for it, _ in onward):
            return True
        waiting += onward
    return False


def _lacking(made: Draft, where: Path, name: str, fallback: str) -> Iterator[Fault]:
    """What others may ask of a step and its fallback does not have (S6)."""
    own, other = made.names.steps[name], made.names.steps[fallback]
    if own.broken or other.broken:
        return
    for what, lacking in (("artifact", own.artifacts - other.artifacts), ("output", own.outputs - other.outputs)):
        if lacking:
            listed = ", ".join(f'"{it}"' for it in sorted(lacking))
            message = f' names "{fallback}", which lacks the {what} {listed} that "{name}" has'
            yield fault_at(where, "fallback.lacks", message, f'let "{fallback}" declare it, as it stands in')


def _former_names(made: Draft) -> Iterator[Fault]:
    taken: dict[str, str] = {}
    for path, step in made.steps():
        for number, former in enumerate(step.results.formerly):
            where = (*path, "formerly", number)
            if former in made.names.steps:
                yield fault_at(where, "formerly.taken", f' names "{former}", which is a step of this plan')
            elif former in taken:
                yield fault_at(where, "formerly.taken", f' names "{former}", as step "{taken[former]}" does')
            taken.setdefault(former, step.id)


def _cycles(made: Draft, steps: dict[str, Step]) -> Iterator[Fault]:
    ids = [*steps]
    index = {name: i for i, name in enumerate(ids)}
    needs = [tuple([index[name] for name in step.needs]) for step in steps.values()]
    found = False
    for cycle in _each_cycle(needs):
        found = True
        shown = " → ".join(ids[i] for i in cycle)
        place = (made.names.steps[ids[cycle[0]]].section, ids[cycle[0]], "depends_on")
        hint = "take one of these dependencies out; an expression that refers to a step waits for it too"
        yield fault_at(place, "plan.cycle", f"these steps wait for each other: {shown}", hint)
    if found or not any(_leads(step) for step in steps.values()):
        return
    places: dict[tuple[int, int], Path] = {}
    for path, step in made.steps():
        for name, where, visits in _jumps(path, step) if _leads(step) else ():
            if name in index and visits < 2:
                needs[index[name]] += (index[step.id],)
                places[index[step.id], index[name]] = where
        for name, _, _ in _fallbacks(path, step) if _leads(step) else ():
            if name in index:
                needs[index[name]] += (index[step.id],)  # it is dormant until that fails
    for cycle in _each_cycle(needs) if places else ():
        shown = " → ".join(ids[i] for i in cycle)
        edge = next((pair for pair in pairwise(cycle) if pair in places), None)
        if edge is None:
            continue  # of fallbacks alone, which is a fault of its own
        found = True
        message = f" makes a loop: {shown}"
        hint = "a loop needs max_visits of 2 or more; the first visit counts"
        yield fault_at(places[edge], "plan.loop", message, hint)
    if not found:
        yield from check_loops(made)


def _each_cycle(needs: list[tuple[int, ...]]) -> Iterator[list[int]]:
    """Cycles, each broken at its first step before the next is looked for."""
    for _ in range(MAX_CYCLES):
        cycle = find_cycle(needs)
        if cycle is None:
            return
        yield cycle
        needs[cycle[1]] = tuple([i for i in needs[cycle[1]] if i != cycle[0]])
