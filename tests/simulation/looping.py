"""Loops of random plans, and what must hold of them, said in another way than the core does it (semantics S17)."""

import random

from msgspec.structs import replace

from holdfast.plan.loops import fallbacks_of, loops_among, tangled
from holdfast.plan.model import Edge, FailureMode, Step
from holdfast.run.events import StepJumped
from holdfast.run.machine import Run
from holdfast.run.states import FINAL_STEP

Back = tuple[str, str]


def name_of(step: str) -> str:
    """What the plan calls the step that an id is of."""
    return step.partition("[")[0].partition("#")[0]


def looping(rng: random.Random, steps: list[Step]) -> list[Step]:
    """The steps with loops that a check would let pass."""
    for _ in range(rng.randint(1, 3)):
        n = rng.randrange(len(steps))
        target, most = steps[rng.randint(0, n)].id, rng.choice((2, 2, 3))
        if rng.random() < 0.2 and steps[n].for_each is None:
            mode = FailureMode(name="back", detect="exit_code == 1", do="goto", target=target, max_visits=most)
            step = replace(steps[n], failure_modes=(mode, *steps[n].failure_modes))
        else:
            word = rng.choice(("failure", "failure", "success", "fine", "other"))
            step = replace(steps[n], next=(*steps[n].next, Edge(on=word, to=target, max_visits=most)))
        if is_sound(tried := [*steps[:n], step, *steps[n + 1 :]], (step.id, target)):
            steps = tried
    return steps


def is_sound(steps: list[Step], back: Back) -> bool:
    """Whether this edge makes a loop that a check would let pass."""
    loops = loops_among(steps)
    pairs = [(step.id, name) for step in steps for name in fallbacks_of(step)]
    together = all(
        (a in loop.members) == (b in loop.members) and b not in {loop.source, loop.target}
        for loop in loops
        for a, b in pairs
    )
    once = [(step.id, edge.to) for step in steps for edge in step.next if edge.max_visits == 1]
    is_loop = back in [(loop.source, loop.target) for loop in loops] and back not in once
    return is_loop and together and not tangled(loops, steps)


def leads_back(step: Step) -> set[str]:
    """The steps that a step leads back to."""
    jumps = {mode.target for mode in step.failure_modes if mode.do == "goto" and mode.max_visits > 1}
    return {edge.to for edge in step.next if edge.max_visits > 1} | {name for name in jumps if name is not None}


def latest(run: Run) -> dict[str, int]:
    """The last visit of each step of the plan."""
    return {name_of(step.id): i for i, step in enumerate(run.steps) if i not in run.group_of}


def wrong_jump(run: Run, step: str, jumped: StepJumped, allowed: int) -> str | None:
    """What is wrong with a jump, of which people have allowed so many more than the plan."""
    last, name = latest(run), name_of(step)
    own = run.steps[run.index[step]]
    most = [edge.max_visits for edge in own.next if edge.to == jumped.target]
    most += [mode.max_visits for mode in own.failure_modes if mode.target == jumped.target]
    if jumped.visit > max(most) + allowed:
        return f"visit {jumped.visit} of {jumped.target}, {max(most)} and {allowed} more are allowed"
    for steps in (run.plan.steps, run.plan.finally_):
        for loop in loops_among(steps):
            if (loop.source, loop.target) == (name, jumped.target):
                if {name_of(each) for each in jumped.ids} != set(loop.members):
                    return f"{jumped.ids} go round, {loop.members} are in the loop"
                if any(run.states[last[each]].status not in FINAL_STEP for each in loop.members):
                    return "not all that goes round has ended"
    return None


def is_inside(run: Run, at: int, left: set[str]) -> bool:
    """Whether a step is to wait that is outside of a loop which is not left yet; `left`: ends that people let go on."""
    from tests.simulation.leading import leads  # noqa: PLC0415 - that module needs this one

    name, last = name_of(run.steps[at].id), latest(run)
    for steps in (run.plan.steps, run.plan.finally_):
        for loop in loops_among(steps):
            needed = {each for step in steps if step.id == name for each in step.needs}
            if name in loop.members or not needed & set(loop.members):
                continue
            j = last[loop.source]
            goes_round = leads(run, j, loop.target) and run.steps[j].id not in left
            if run.states[j].status not in FINAL_STEP or goes_round:
                return True
    return False
