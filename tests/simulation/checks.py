"""What must hold of every run: while it goes on and nothing is under way, and when it has ended."""

from holdfast.plan.model import Effect
from holdfast.run.finishing import outcome
from holdfast.run.machine import Run, fold
from holdfast.run.reviews import promised
from holdfast.run.standing import Canceled, Running, Skipped, Succeeded
from holdfast.run.states import FINAL_STEP, RunStatus
from tests.simulation.aiming import wrong_alarms, wrong_end
from tests.simulation.engine import Engine
from tests.simulation.rules import BrokenRuleError
from tests.simulation.world import World
from tests.unit.run.story import snapshot


def check_quiet(world: World) -> None:
    """Where nothing is under way, what the engine has in memory is what the journal makes."""
    engine = world.engine
    if engine is None or not engine.quiet:
        return
    ours, durable = snapshot(engine.run), snapshot(world.journal.durable)
    if ours != durable:
        wrong = [f"{name}: {ours[name]} is {durable[name]}" for name in ours if ours[name] != durable[name]]
        raise BrokenRuleError(f"memory differs from the journal (S16): {'; '.join(wrong)}")
    _check_busy(world, engine)


def _check_busy(world: World, engine: Engine) -> None:
    """What could start does: only attempts that really run take slots (semantics S4)."""
    run = world.journal.durable
    if (
        engine.wants_turn
        or engine.wants_to_look
        or engine.closing
        or engine.resting
        or run.status is not RunStatus.RUNNING
    ):
        return
    busy = sum(isinstance(state, Running) for state in run.states) + engine.calls.untold
    i = engine.run.next_ready()
    if i is not None and busy < world.script.concurrency and run.too_often_lost is None:
        raise BrokenRuleError(f"s{i} could start, {busy} of {world.script.concurrency} slots are taken (S4)")


def check_end(world: World, *, honest: bool, freezes: bool) -> None:
    """What holds of every run that has ended."""
    durable = world.journal.durable
    again = fold(Run(world.name, world.script.plan), (stored.event for stored in world.journal.events))
    if snapshot(again) != snapshot(durable):
        raise BrokenRuleError("two folds of one journal differ (S16)")
    wrong = wrong_end(durable, outcome(durable))
    if wrong is not None:
        raise BrokenRuleError(f"the run {durable.outcome}: {wrong} (S14, S18)")
    untimely = wrong_alarms(durable, world.journal.events)
    if untimely is not None:
        raise BrokenRuleError(f"{untimely} (S18)")
    for i, state in enumerate(durable.states):
        if durable.cancels < 2 and isinstance(state, Canceled) and durable.is_last(i):
            raise BrokenRuleError(f"finally step s{i} never ran (S15)")
        if state.status not in FINAL_STEP:
            raise BrokenRuleError(f"s{i} ended as {state.status}")
        row = world.journal.rows.get(durable.steps[i].id)
        if row is not None and state.status.value not in {row.status, "canceled"}:
            raise BrokenRuleError(f"s{i} is {state.status}, its row says {row.status}")
        if honest:
            _check_effect(world, i)
        asked = i not in durable.groups and promised(durable.steps[i])
        if isinstance(state, Succeeded) and asked and i not in world.truth.approved:
            raise BrokenRuleError(f"s{i} succeeded and nobody approved of it (S20)")
    left = world.project.locks.given(world.name) if world.script.plan.locks else {}
    if world.project.locks.still_held(left, world.wall):
        raise BrokenRuleError(f"the run has ended and holds {left} (G9)")
    if world.name in world.project.holders and not freezes:
        raise BrokenRuleError("the run has ended and holds a trial (S12)")
    if any(each.engine is None for each in world.truth.processes):
        raise BrokenRuleError("the run has ended and a command of it runs")


def _check_effect(world: World, i: int) -> None:
    run = world.journal.durable
    if run.steps[i].effect_class is not Effect.ONCE or run.steps[i].for_each is not None:
        return
    times = world.truth.applied.get(i, 0)
    if times > 1:
        raise BrokenRuleError(f"the effect of s{i} happened {times} times (E3)")
    if isinstance(run.states[i], Succeeded) and times != 1:
        raise BrokenRuleError(f"s{i} succeeded and its effect never happened (E2)")


def words(world: World) -> tuple[str, ...]:
    """Each step's end by id; which instances a failure stopped is a matter of chance."""
    run = world.journal.durable
    said: dict[str, str] = {}
    for i, state in enumerate(run.states):
        chance = any(run.group_of.get(i) == group.at and group.failing for group in run.groups.values())
        word = f"{state.status}:{state.why}" if isinstance(state, Skipped) else state.status.value
        said[run.steps[i].id] = "stopped or not" if chance else word
    return tuple(f"{step} {said[step]}" for step in sorted(said))
