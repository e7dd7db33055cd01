"""What lets a step run, said once more and in another way than the core does it (semantics S2, S7, S15, S17)."""

import msgspec

from holdfast.plan.model import Depends, FailurePolicy, OnFailure, Step
from holdfast.run.machine import Run
from holdfast.run.standing import Failed, Falling, Recovered, Skipped, Succeeded
from tests.simulation.looping import latest, leads_back, name_of


def may_run(run: Run, i: int) -> bool:
    """What finished dependencies let run."""
    step = run.steps[i]
    return step.depends is Depends.DONE or all(_lets_run(run, j, name_of(step.id)) for j in run.needs[i])


def _lets_run(run: Run, j: int, name: str) -> bool:
    match run.states[j]:
        case Succeeded() | Recovered():
            return True
        case Skipped(why):
            return why in {"condition", "branch"}
        case Failed(action=action):
            tolerated = run.steps[j].on_failure.action is OnFailure.CONTINUE and action in {"goto", "next"}
            return action == "continue" or tolerated or leads(run, j, name)
        case _:
            return False


def leads(run: Run, j: int, name: str) -> bool:
    """Whether the end of step `j` has chosen the step of that name."""
    step, state = run.steps[j], run.states[j]
    match state:
        case Falling():
            return name_of(state.fallback) == name
        case Failed(action="goto"):
            return state.target == name
        case Failed(action="next"):
            words = {"failure"} if state.result is None else {"failure", state.result.outcome}
        case Recovered():
            if name_of(state.by) == name:
                return True
            words = {"success", state.result.outcome}
        case Succeeded():
            words = {"success", state.result.outcome}
        case _:
            return False
    return any(edge.to == name and edge.on in words for edge in step.next)


def is_dormant(run: Run, i: int) -> bool:
    """Whether the step starts only when the end of another chooses it."""
    name = name_of(run.steps[i].id)
    return any(name in _named(step) - leads_back(step) for step in (*run.plan.steps, *run.plan.finally_))


def may_begin(run: Run, i: int) -> bool:
    """Whether a dormant step was chosen, and a `finally` step's time has come."""
    at = run.group_of.get(i, i)
    name, now = name_of(run.steps[at].id), latest(run)
    last = name in {step.id for step in run.plan.finally_}
    chosen = not is_dormant(run, at) or any(leads(run, j, name) for j in now.values())
    again = run.steps[at].id != name and any(  # a jump led there
        name in leads_back(step) and leads(run, j, name) for j, step in enumerate(run.steps) if j not in now.values()
    )
    return last is run.finalizing and (chosen or again)


def _named(step: Step) -> set[str | None]:
    return {step.on_failure.fallback, *(mode.target for mode in step.failure_modes), *(edge.to for edge in step.next)}


def awaits(steps: list[Step], fallback: str, name: str) -> bool:
    """Whether the end of a chosen fallback waits for the end of the step `name`: such a plan is refused."""
    by_id = {step.id: step for step in steps}
    seen: set[tuple[str, bool]] = set()
    stack = [(fallback, True)]
    while stack:
        this, chosen = stack.pop()
        step = by_id[this]
        names = {step.on_failure.fallback, *(mode.target for mode in step.failure_modes if mode.do == "fallback")}
        onward = {(need, False) for need in step.needs} | {(it, True) for it in names if it is not None}
        if not chosen:
            onward |= {(each.id, False) for each in steps if this in _named(each)}
        if name in {it for it, _ in onward}:
            return True
        stack += onward - seen
        seen |= onward
    return False


def without_deadlocks(steps: list[Step]) -> list[Step]:
    """The steps without the fallbacks that wait for what they stand in for."""
    kept = list(steps)
    for n, step in enumerate(kept):
        names = [step.on_failure.fallback, *(mode.target for mode in step.failure_modes if mode.do == "fallback")]
        if any(name is not None and awaits(kept, name, step.id) for name in names):
            modes = tuple(mode for mode in step.failure_modes if mode.do != "fallback")
            kept[n] = msgspec.structs.replace(step, on_failure=FailurePolicy(), failure_modes=modes)
    return kept
