"""Random graphs, histories and requests: what the planner promises holds for all of them."""

import os
from random import Random

import pytest
from msgspec.structs import replace

from holdfast.plan.model import Effect, Input, Plan, Step
from holdfast.run.planner.kind import Kind
from holdfast.run.planner.planning import Answer, plan_steps
from holdfast.run.planner.request import Request
from holdfast.run.planner.snapshot import Pin, Snapshot
from holdfast.run.planner.subject import Field, field_of
from holdfast.run.planner.verdict import MAY_EXECUTE, REASONS, Verdict
from tests.unit.run.planning import World, plan_of, planned

BATCHES = 20
CASES = int(os.environ.get("PLANNING_CASES", "260"))  # in each batch
SOURCES = ("X", "Y", "Z")


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_plans_are_decided_as_promised(batch: int) -> None:
    # planner 1, 6, 9, 19, 20, 21, 30, 65
    for number in range(CASES):
        seed = batch * CASES + number
        try:
            _one(Random(seed))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def _one(random: Random) -> None:
    world = _world(random)
    for _ in range(random.randrange(4)):
        _live(random, world)
    _change(random, world)
    request = _request(random, world)
    answer = world.ask(request)
    _check_shape(answer)
    _check_order(random, world, request, answer)
    if answer.faults:
        return
    _check_pins(answer)
    _check_another_pin(random, world, request, answer)
    _check_run(world, request, answer)


# What promises are.


def _check_shape(answer: Answer) -> None:
    for decision in answer.decisions:
        codes = [reason.code for reason in decision.reasons]
        assert codes, "every decision has a reason"
        assert set(codes) <= set(REASONS)
        executes = decision.verdict in MAY_EXECUTE
        assert (decision.proof is None) or not executes
        assert executes or decision.proof or decision.verdict in {"inactive", "out", "excluded", "not-needed"}


def _check_order(random: Random, world: World, request: Request, answer: Answer) -> None:
    """planner 1: the order of steps, of keys and of flags means nothing."""
    steps = [*world.plan.steps]
    random.shuffle(steps)
    plan = replace(world.plan, steps=tuple(steps))
    snapshot = world.snapshot()
    turned = replace(
        snapshot,
        history=dict(reversed([*snapshot.history.items()])),
        files=dict(reversed([*snapshot.files.items()])),
        working=dict(reversed([*snapshot.working.items()])),
    )
    flags = {key: tuple(reversed(getattr(request, key))) for key in ("from_", "until", "only", "exclude", "force")}
    other = plan_steps(field_of(plan), turned, replace(request, pins=tuple(reversed(request.pins)), **flags))
    assert (other.faults, other.warnings) == (answer.faults, answer.warnings)
    for name, at in answer.field.graph.index.items():
        mine, theirs = answer.decisions[at], other.decisions[other.field.graph.index[name]]
        assert (mine.verdict, mine.reasons, mine.notes) == (theirs.verdict, theirs.reasons, theirs.notes)


def _check_pins(answer: Answer) -> None:
    """planner 21: what is wholly pinned does not run, whatever else is asked."""
    for i, pins in answer.asked.pins.items():
        whole = all(name in pins for name in answer.field.subjects[i].makes)
        narrowed = not answer.asked.in_scope(i) or answer.decisions[i].verdict is Verdict.INACTIVE
        if whole and not narrowed:
            assert answer.decisions[i].verdict is Verdict.PINNED


def _check_another_pin(random: Random, world: World, request: Request, answer: Answer) -> None:
    """planner 30: a further valid pin never enlarges what may execute.

    Where the step would take an older result from the store, the pin keeps another content than that one.
    """
    held = [
        i
        for i, subject in enumerate(answer.field.subjects)
        if subject.kind in {Kind.REUSABLE, Kind.ONCE}
        and i not in answer.asked.pins
        and (history := world.history.get(subject.step.id)) is not None
        and (answer.decisions[i].proof is None or answer.decisions[i].proof is history.current)
    ]
    if not held:
        return
    name = answer.field.graph.ids[random.choice(held)]
    more = world.ask(replace(request, pins=(*request.pins, Pin(f"step:{name}", stored=False))))
    if not more.faults:
        assert _may_execute(more) <= _may_execute(answer)


def _check_run(world: World, request: Request, answer: Answer) -> None:
    """planner 19, 20: what executes is between the bounds; planner 65: then there is nothing more to do."""
    certain = {name for name in _may_execute(answer) if answer.decisions[_at(answer, name)].verdict is Verdict.RUN}
    world.run(request)
    executed = set(world.executed)
    assert certain <= executed <= _may_execute(answer)
    again = world.ask(replace(request, from_=(), force=()))
    assert not again.faults
    for i, decision in enumerate(again.decisions):
        if not _follows_actions(again.field, i):
            assert decision.verdict not in {Verdict.RUN, Verdict.MAYBE, Verdict.RESTORE}, (
                again.field.graph.ids[i],
                decision.reasons,
            )


def _may_execute(answer: Answer) -> set[str]:
    ids = answer.field.graph.ids
    return {ids[i] for i, it in enumerate(answer.decisions) if it.verdict in MAY_EXECUTE}


def _at(answer: Answer, name: str) -> int:
    return answer.field.graph.index[name]


def _follows_actions(field: Field, i: int) -> bool:
    """Whether a step runs every time, or after one that does and that it says it takes."""
    seen = {i}
    stack = [i]
    while stack:
        subject = field.subjects[stack.pop()]
        if subject.kind in {Kind.ACTION, Kind.QUIET} or subject.causes:
            return True
        for port in subject.ports:
            if port.dep not in seen:
                seen.add(port.dep)
                stack.append(port.dep)
    return False


# Random worlds.


def _world(random: Random) -> World:
    count = random.randint(1, 6)
    steps = [_step(random, number) for number in range(count)]
    plan = replace(plan_of(*steps), inputs={"on": Input(type="bool")})
    world = World(plan, **{name: str(random.randrange(2)) for name in SOURCES})
    world.inputs = {"on": True}
    return world


def _step(random: Random, number: int) -> Step:
    name = f"S{number}"
    needs = [f"S{i}" for i in range(number) if random.random() < 0.35]
    makes = random.choice([[], [name.lower()], [name.lower()], [name.lower()], [f"{name}p", f"{name}q"]])
    consumes = None
    if needs and random.random() < 0.25:
        consumes = [it for it in needs if random.random() < 0.6]
    return planned(
        name,
        *needs,
        makes=makes,
        reads=[it for it in SOURCES if random.random() < 0.3],
        effect=random.choice([None, None, None, Effect.NONE, Effect.ONCE]),
        when="inputs.on" if random.random() < 0.1 else None,
        optional=True,
        outputs=["v"] if random.random() < 0.2 else [],
        consumes=consumes,
        deterministic=random.random() < 0.8,
        text="the same" if not makes and random.random() < 0.3 else None,
    )


def _live(random: Random, world: World) -> None:
    """One change and one run, which may fail."""
    _change(random, world)
    request = _request(random, world) if random.random() < 0.4 else Request()
    if world.ask(request).faults:
        return
    ids = [step.id for step in world.plan.steps]
    fate = random.random()
    world.run(
        request,
        fails=random.choice(ids) if fate < 0.15 else None,
        killed=random.choice(ids) if 0.15 <= fate < 0.3 else None,
    )


def _change(random: Random, world: World) -> None:
    for name in SOURCES:
        if random.random() < 0.25:
            world.sources[name] = str(random.randrange(3))
    if random.random() < 0.15:
        world.inputs = {"on": not world.inputs["on"]}
    world.equal = {step.id for step in world.plan.steps if random.random() < 0.2}
    if random.random() < 0.2 and world.plan.steps:
        _redefine(random, world)
    current = [it.current for it in world.history.values() if it.current is not None]
    for ref in [ref for it in current for ref in it.artifacts.values()]:
        fate = random.random()
        if fate < 0.05:
            world.missing.add(ref.digest)
        elif fate < 0.1:
            world.damaged.add(ref.digest)
        elif fate < 0.15:
            world.working[ref.path] = None
        elif fate < 0.16:
            world.working[ref.path] = "sha256:by hand"


def _redefine(random: Random, world: World) -> None:
    at = random.randrange(len(world.plan.steps))
    steps = [*world.plan.steps]
    other = planned("x", text=f"again {random.randrange(3)} {at}")
    steps[at] = replace(steps[at], work=other.work)
    world.plan = _with(world.plan, steps)


def _with(plan: Plan, steps: list[Step]) -> Plan:
    return replace(plan, steps=tuple(steps))


def _request(random: Random, world: World) -> Request:
    ids = [step.id for step in world.plan.steps]
    layers = [f"layer:{number}" for number in range(3)]

    def some(chance: float, among: list[str]) -> tuple[str, ...]:
        return tuple(it for it in among if random.random() < chance)

    return Request(
        from_=some(0.15, [random.choice(ids + layers)]),
        until=some(0.25, [random.choice(ids + layers)]),
        only=some(0.5, ids) if random.random() < 0.1 else (),
        exclude=some(0.1, ids),
        force=some(0.08, ids),
        pins=tuple(Pin(f"step:{it}", stored=random.random() < 0.5) for it in some(0.12, ids)),
        invalid_pins=random.choice(["fail", "regenerate"]),
        overwrite=random.random() < 0.5,
    )


def test_planning_looks_at_nothing_but_its_arguments() -> None:
    # planner 1, 2
    world = _world(Random(1))
    world.run()
    field, snapshot = world.field(), world.snapshot()
    before = (repr(snapshot), repr(field.subjects))
    first, second = plan_steps(field, snapshot), plan_steps(field, snapshot)
    assert first == second
    assert (repr(snapshot), repr(field.subjects)) == before
    assert plan_steps(field, Snapshot()).faults == ()
