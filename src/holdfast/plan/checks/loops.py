"""Loops: what may not go round, and loops that would wait for each other (semantics S17)."""

from collections.abc import Iterator, Sequence

from holdfast.plan.draft import Draft
from holdfast.plan.loops import Loop, fallbacks_of, loops_among, tangled
from holdfast.plan.model import Step
from holdfast.plan.problems import Fault, Path, fault_at


def check_loops(made: Draft) -> Iterator[Fault]:
    """The faults of the loops of a plan that has no other cycle."""
    for section in ("steps", "finally"):
        steps = [step for path, step in made.steps() if path[0] == section]
        loops = loops_among(steps)
        if not loops:
            continue
        places = {(step.id, target): where for path, step in made.steps() for target, where in _edges(path, step)}
        fault = None
        for loop in loops:
            for fault in _with_fallbacks(loop, steps, places[loop.source, loop.target]):
                yield fault
        if fault is None:
            yield from _in_each_others_way(loops, steps, places)


def _edges(path: Path, step: Step) -> Iterator[tuple[str, Path]]:
    for number, mode in enumerate(step.failure_modes):
        if mode.do == "goto" and mode.target is not None:
            yield mode.target, (*path, "failure_modes", number, "do", "goto")
    for number, edge in enumerate(step.next):
        yield edge.to, (*path, "next", number, "to")


def _with_fallbacks(loop: Loop, steps: Sequence[Step], where: Path) -> Iterator[Fault]:
    """A step goes round together with its fallback, and neither begins nor ends a loop as one."""
    for step in steps:
        for name in fallbacks_of(step):
            message = hint = ""
            if name == loop.target:
                message = f' leads back to "{name}", which stands in for "{step.id}"'
                hint = f'lead back to "{step.id}": its fallback goes round with it'
            elif name == loop.source:
                message = f' leads back to "{loop.target}" from "{name}", which stands in for "{step.id}"'
                hint = f'let "{step.id}" lead back: its fallback goes round with it'
            elif (name in loop.members) != (step.id in loop.members):
                inside, outside = (name, step.id) if name in loop.members else (step.id, name)
                message = f' makes a loop that "{inside}" is in and "{outside}" is not'
                hint = "a step and its fallback go round together"
            if message:
                yield fault_at(where, "loop.fallback", message, hint)
                return


def _in_each_others_way(
    loops: Sequence[Loop], steps: Sequence[Step], places: dict[tuple[str, str], Path]
) -> Iterator[Fault]:
    """What is outside of a loop waits until that is left: two loops side by side may not wait for each other so."""
    names = tangled(loops, steps)
    if not names:
        return
    loop = next((each for each in loops if each.source in names), loops[0])
    others = [each for each in loops if each is not loop and set(each.members) & set(loop.members)]
    message = f" makes a loop whose steps wait for each other: {' → '.join(names)}"
    hint = "take one of these dependencies or edges out"
    if others:
        other = f'the loop from "{others[0].source}" back to "{others[0].target}"'
        message = f" makes a loop that goes round beside {other}, with steps of it"
        hint = "let one loop lie in the other, or let one begin when the other is left"
    yield fault_at(places[loop.source, loop.target], "loop.overlap", message, hint)
