"""Random plans with a loop: once it is left, all has ended as it would have with nothing but the last visit."""

import random
from collections.abc import Callable

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.plan.model import Edge, Plan
from holdfast.run import events as ev
from holdfast.run.choose import Start, Tell, at_rest, choose
from holdfast.run.disposition import Scene, disposed
from holdfast.run.machine import Run
from tests.property.test_failure_model import MOVES_MAX, Model, Node, drawn, plan_of
from tests.simulation.looping import is_sound, latest, name_of

ROUNDS_MAX = 3


def looped(nodes: list[Node], source: int, target: int) -> Plan:
    """The plan of the steps, in which the failure of `source` leads back to `target`."""
    plan = plan_of(nodes)
    steps = [*plan.steps, *plan.finally_]
    edge = Edge(on="failure", to=f"s{target}", max_visits=ROUNDS_MAX + 1)
    steps[source] = replace(steps[source], next=(*steps[source].next, edge))
    count = len(plan.steps)
    section = steps[:count] if source < count else steps[count:]
    assume((target < count) == (source < count) and is_sound(section, (f"s{source}", f"s{target}")))
    return replace(plan, steps=tuple(steps[:count]), finally_=tuple(steps[count:]))


def played(plan: Plan, fails: Callable[[str], bool], rng: random.Random) -> Run:
    """The run of the plan in which some visits fail; which of the running steps ends next is drawn."""
    run = Run("r", plan)
    run.apply(ev.Event(1, ev.RunCreated("p", "d", "p.yaml", "/p")))
    run.apply(ev.Event(1, ev.RunOwned(1, "host", 1, "0")))
    for now in range(2, MOVES_MAX * ROUNDS_MAX):
        if run.final:
            return run
        decision = choose(run, now, 3 - len(run.running), {})
        if isinstance(decision, Start):
            run.apply(ev.Event(now, ev.AttemptStarted(), run.steps[decision.step].id, 1))
        elif decision is not None:
            assert isinstance(decision, Tell)
            run.apply(decision.event)
        elif run.running:
            i = rng.choice(sorted(run.running))
            step, ended = run.steps[i].id, ev.AttemptEnded("succeeded")
            if fails(step):
                ended = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero"))
            run.apply(ev.Event(now, disposed(run, i, 1, ended, Scene(now)), step, 1))
        else:
            rest = at_rest(run, now, {})
            assert rest is not None, "a run that can do nothing says so"
            run.apply(rest.event)
    raise AssertionError("the run never ends")


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 16), st.integers(0, 2**32))
def test_a_loop_that_is_left_ends_as_its_last_visit_would_have_alone(count: int, seed: int) -> None:
    # semantics S14, S17
    rng = random.Random(seed)
    nodes, source = drawn(rng, count), rng.randrange(count)
    nodes[source] = nodes[source]._replace(fallback=None, on_failure=None, fails=False)
    model = Model(nodes, keep_going=False)
    target = rng.randint(0, source)
    chosen = any(target in {node.fallback, node.on_success, node.on_failure} for node in nodes)
    assume(not model.aborted and not chosen)  # a jump chooses what nobody else may have chosen
    plan, rounds = looped(nodes, source, target), rng.randint(1, ROUNDS_MAX)
    goes_round = {f"s{source}", *(f"s{source}#{number}" for number in range(2, rounds + 1))}
    run = played(plan, lambda step: step in goes_round or nodes[int(name_of(step)[1:])].fails, rng)
    ended = {int(name[1:]): run.states[i] for name, i in latest(run).items()}
    assert {i: getattr(state, "why", None) or state.status.value for i, state in ended.items()} == model.end
    assert run.outcome == model.outcome
    assert len([step for step in run.steps if name_of(step.id) == f"s{source}"]) in {1, rounds + 1}
