"""Nobody works under a lock that another has (semantics S4, G9)."""

from typing import TYPE_CHECKING

from holdfast.plan.model import Plan, Step
from holdfast.run import events as ev
from holdfast.run.locks import RUN_TOKEN, Token
from holdfast.run.machine import Run
from tests.simulation.rules import BrokenRuleError

if TYPE_CHECKING:
    from tests.simulation.truth import Process
    from tests.simulation.world import World


def locks_wanted(step: Step, plan: Plan) -> set[str]:
    """The locks that an attempt of the step works under."""
    return {*step.sharing.locks, *plan.locks}


def check_given(world: "World", event: ev.Event, before: Run) -> None:
    """An attempt that wants locks has them when its start is durable."""
    if not isinstance(event.body, ev.AttemptStarted) or event.step is None or event.attempt is None:
        return
    plan = before.plan
    wanted = locks_wanted(before.steps[before.index[event.step]], plan)
    given = world.project.locks.given(world.name) if wanted else {}
    for name in wanted:
        if given.get(name) != (RUN_TOKEN if name in plan.locks else Token(event.step, event.attempt)):
            raise BrokenRuleError(f"{event.step} of {world.name} starts without the lock {name}: {given} (G9)")


def check_alone(world: "World", process: "Process") -> None:
    """Nobody else works under the locks of what starts."""
    plan = world.script.plan
    wanted = locks_wanted(process.step, plan)
    if not wanted or not world.has_in_hand(process):
        return  # a function in an engine that was replaced meanwhile begins late
    for other in world.project.worlds.values():
        for each in other.truth.processes:
            if each is process or not other.has_in_hand(each):
                continue
            theirs = locks_wanted(each.step, other.script.plan)
            both = wanted & theirs - (set(plan.locks) if other is world else set())
            if both:
                raise BrokenRuleError(f"{world.name} s{process.at} and {other.name} s{each.at} have {both} (G9)")
