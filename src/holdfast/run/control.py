"""Where the ends of steps lead: steps that are dormant until the end of another chooses them (semantics S7, S17).

A fallback, the target of an edge and the target of a jump are all chosen; what nobody chose is skipped softly when
everybody who might have chosen it has ended.
"""

from typing import TYPE_CHECKING

import msgspec

from holdfast.plan.loops import Loop, loops_among, loops_of, waiting_outside
from holdfast.plan.model import Plan, Step
from holdfast.run import events as ev
from holdfast.run.standing import Failed, Falling, Recovered, Result, Reused, Succeeded
from holdfast.run.states import FINAL_STEP, OK_STEP, step_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.run.machine import Run
    from holdfast.run.reached import Reached

RECENT_MAX = 4
HANDLED = frozenset({"goto", "next"})
"""A failure that leads on is not the run's failure (semantics S17)."""


class Control(msgspec.Struct, frozen=True):
    """By position: `choosers` of each dormant step, and the dormant `targets` of each step that leads to any.

    By name in the plan: the `loops` of each step that leads back, and by step outside which of these (`held`) must be
    out of their loops before it goes on. `own`: a run whose loops went round has its own copy.
    """

    choosers: dict[int, tuple[int, ...]]
    targets: dict[int, tuple[int, ...]]
    loops: dict[str, tuple[Loop, ...]] = {}
    held: dict[str, tuple[str, ...]] = {}
    own: bool = False


def control_of(plan: Plan, index: "Mapping[str, int]") -> Control | None:
    """Who may choose whom in a plan; `None` where nothing does. Many runs of one plan share it."""
    for known, control in _recent:
        if known is plan:
            return control
    control = _control(plan, index)
    _recent.append((plan, control))
    del _recent[:-RECENT_MAX]
    return control


_recent: list[tuple[Plan, Control | None]] = []


def _control(plan: Plan, index: "Mapping[str, int]") -> Control | None:
    choosers: dict[int, list[int]] = {}
    targets: dict[int, tuple[int, ...]] = {}
    leading = [
        (step, leads)
        for step in plan.steps + plan.finally_
        if (step.next or step.failure_modes or step.on_failure.fallback is not None) and (leads := leads_to(step))
    ]
    if not leading:
        return None
    loops: dict[str, list[Loop]] = {}
    for loop in loops_of(plan):
        loops.setdefault(loop.source, []).append(loop)
    for step, leads in leading:
        i, back = index[step.id], [loop.target for loop in loops.get(step.id, ())]
        targets[i] = tuple([index[name] for name in dict.fromkeys(leads) if name not in back])
        for j in targets[i]:
            choosers.setdefault(j, []).append(i)
    held: dict[str, list[str]] = {}
    for steps in (plan.steps, plan.finally_) if loops else ():
        for source, name in waiting_outside(loops_among(steps), steps):
            held.setdefault(name, []).append(source)
    return Control(
        {j: tuple(found) for j, found in choosers.items()},
        targets,
        {source: tuple(found) for source, found in loops.items()},
        {name: tuple(found) for name, found in held.items()},
    )


def leads_to(step: Step) -> list[str]:
    """The steps that the end of a step may choose."""
    names = [] if step.on_failure.fallback is None else [step.on_failure.fallback]
    names += [mode.target for mode in step.failure_modes if mode.target is not None]
    return names + [edge.to for edge in step.next]


def edges_taken(step: Step, end: str, outcome: str | None) -> list[tuple[str, int]]:
    """A step's edges on its `end` (success or failure) or on the outcome that it names: to where, how often."""
    return [
        (edge.to, edge.max_visits)
        for edge in step.next
        if edge.on == end or (edge.on == outcome and outcome is not None)
    ]


def taken(run: "Reached", i: int) -> list[str]:
    """The steps that the end of step `i` has chosen, its fallback and what it leads back to aside."""
    assert run.control is not None
    loops = run.control.loops.get(run.steps[i].id.partition("#")[0], ()) if run.control.loops else ()
    back = {loop.target for loop in loops}
    return [name for name, _ in led_to(run, i) if name not in back]


def led_to(run: "Reached", i: int) -> list[tuple[str, int]]:
    """The steps that the end of step `i` leads to, its fallback aside, each with how often it may be visited."""
    state, step = run.states[i], run.steps[i]
    result: Result | None = getattr(state, "result", None)
    outcome = None if result is None else result.outcome
    if state.status in OK_STEP:
        return edges_taken(step, "success", outcome)
    if isinstance(state, Failed) and state.action == "goto" and state.target is not None:
        jumps = [mode for mode in step.failure_modes if mode.do == "goto" and mode.target == state.target]
        return [(state.target, max(mode.max_visits for mode in jumps))]
    if isinstance(state, Failed) and state.action == "next":
        return edges_taken(step, "failure", outcome)
    return []


# What the fold does; only `machine` calls these.


def begin(run: "Run", control: Control) -> None:
    """Every dormant step waits for one thing more: that it is decided whether it is chosen.

    A step outside of a loop that waits for one inside waits for the loop's source too: that the loop is left.
    """
    for j, choosers in control.choosers.items():
        run.missing[j] += 1
        run.undecided[j] = len(choosers)
    if not control.held:
        return
    run.own_graph()
    assert isinstance(run.dependents, list)
    for name, sources in control.held.items():
        j = run.index[name]
        for i in {run.index[source] for source in sources}.difference(run.needs[j]):
            run.missing[j] += 1
            run.dependents[i] = (*run.dependents[i], j)


def choose_step(run: "Run", j: int) -> None:
    """Step `j` is chosen, perhaps not for the first time."""
    if j not in run.chosen:
        run.chosen.add(j)
        _decided(run, j)


def fall(run: "Run", i: int, state: Falling) -> None:
    """Step `i` has failed and waits for its fallback, which is chosen."""
    run.states[i] = state
    fallback = run.place(state.fallback)
    if run.states[fallback].status in FINAL_STEP:
        run.settling.add(i)
    else:
        choose_step(run, fallback)


def recovered(run: "Run", event: ev.Event) -> None:
    """The fallback of a step has succeeded."""
    body = event.body
    assert isinstance(body, ev.StepRecovered)
    i = run.index[event.step or ""]
    state, by = run.states[i], run.states[run.place(body.by)]
    step_after(state.status, "recovered")
    assert isinstance(state, Falling)
    assert isinstance(by, Succeeded | Reused | Recovered)
    run.settling.discard(i)
    run.finish(i, Recovered(state.error, by.result, body.by))


def decide(run: "Run", i: int) -> None:
    """Step `i` has ended: what it chose may start, what nobody can choose any more is passed over.

    What has fallen back on it is to be settled.
    """
    control = run.control
    assert control is not None
    chosen = {run.place(name) for name in taken(run, i)} if i in control.targets else ()
    for j in control.targets.get(i, ()):
        decide_about(run, j, chosen=j in chosen)
    for j in control.choosers.get(i, ()):
        waiting = run.states[j]
        if isinstance(waiting, Falling) and run.place(waiting.fallback) == i:
            run.settling.add(j)


def decide_about(run: "Run", j: int, *, chosen: bool) -> None:
    """One of those that may choose step `j` has ended."""
    run.undecided[j] -= 1
    if chosen:
        choose_step(run, j)
    elif not run.undecided[j] and j not in run.chosen:
        _decided(run, j)


def _decided(run: "Run", j: int) -> None:
    run.missing[j] -= 1
    if not run.missing[j]:
        run.make_ready(j)
