"""Random plans, and what each of their steps really does in the simulated world."""

import random
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

import msgspec

from holdfast.plan.model import (
    AttemptLimits,
    Breaker,
    Budget,
    Command,
    Conditions,
    Depends,
    Edge,
    Effect,
    EffectPolicy,
    FailureMode,
    FailurePolicy,
    ForEach,
    OnFailure,
    Plan,
    Retry,
    RunLimits,
    Sharing,
    Step,
    StepShown,
    Uses,
)
from holdfast.run.machine import Run
from tests.simulation.leading import without_deadlocks
from tests.simulation.looping import looping, name_of
from tests.simulation.wanting import WHOLE, locking, needing, promising, requiring, waiting

SECOND = 1_000_000
DEFINITE_EXIT = 3
ASKED_S = 5.0
"""What a server asks to wait that says: no effect."""
GRACE_S = 10.0
QUICK_S = 0.05
OUTPUTS: dict[str, object] = {"n": 1, "outcome": "fine"}
"""What a step gives that succeeds."""


class Work(StrEnum):
    """How the engine runs a step."""

    COMMAND = "command"
    INLINE = "inline"
    NOOP = "noop"
    WAIT = "wait"


class Failure(StrEnum):
    """How a step fails when it does."""

    EXIT = "exit"  # a plain exit code: for a once step nobody knows whether the effect happened
    DEFINITE = "definite"  # an exit code that is documented as "no effect"
    HANG = "hang"  # it never ends by itself
    UNSTARTED = "unstarted"  # its process cannot be started


@dataclass(frozen=True, slots=True)
class Nature:
    """What a step really does: the first `failures` attempts that count fail, the others succeed."""

    work: Work
    lasts_s: float
    failures: int
    failure: Failure
    fails_after_effect: bool  # whether a failing attempt has had its effect already
    quick: bool  # an inline function that is proven quick
    mended: bool = False  # once a loop goes round it does not fail any more
    rejections: int = 0  # so often a person does not approve of what it has done


@dataclass(frozen=True, slots=True)
class Script:
    """One plan with the natures of its steps."""

    plan: Plan
    natures: tuple[Nature, ...]
    concurrency: int
    instances: dict[int, tuple[Nature, ...]] = field(default_factory=dict)  # of the steps with a list

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of the plan by position."""
        return self.plan.steps + self.plan.finally_

    def nature(self, run: Run, at: int) -> Nature:
        """What the step at a position of the run really does."""
        group = run.groups.get(run.group_of.get(at, -1))
        step = run.steps[at if group is None else group.at].id
        n = run.index[name_of(step)]
        nature = self.natures[n] if group is None else self.instances[n][at - group.first]
        is_well = nature.mended and name_of(step) != step
        return replace(nature, failures=0, fails_after_effect=False, rejections=0) if is_well else nature


def random_scripts(rng: random.Random, *, inline_effects: bool) -> tuple[Script, ...]:
    """The plans of one history, nearly always one; several share locks."""
    count = rng.choice((1, 2, 2, 3)) if rng.random() < 0.2 else 0
    if not count:
        return (random_script(rng, inline_effects=inline_effects, locks=False),)
    return tuple(random_script(rng, inline_effects=inline_effects, locks=True) for _ in range(count))


def random_script(rng: random.Random, *, inline_effects: bool, locks: bool) -> Script:
    """A plan of 1 to 30 steps, mostly small; `inline_effects`: functions in the engine's own process may have some."""
    count = rng.choice((1, 2, 3, 4, 5, 6) if locks else (1, 2, 3, 4, 5, 6, 7, 8, 8, 10, 12, 30))
    density = rng.choice((0.1, 0.4, 0.8))
    steps: list[Step] = []
    natures: list[Nature] = []
    instances: dict[int, tuple[Nature, ...]] = {}
    calm = rng.random() < 0.5  # half of all plans hold no step that fails for good
    for n in range(count):
        nature = _nature(rng)
        step = _step(rng, n, density, nature, inline_effects=inline_effects)
        if calm and nature.failures >= step.retry.attempts:
            nature = replace(nature, failures=0, fails_after_effect=False)
        if nature.work is not Work.WAIT and rng.random() < 0.1:
            step = promising(step)
            nature = replace(nature, rejections=rng.choice((0, 0, 0 if calm else 1, 0 if calm else 99)))
        step = _wait(rng, step, nature)
        if rng.random() < 0.15:
            step, instances[n] = _many(rng, step, nature, calm=calm)
        steps.append(step)
        natures.append(nature)
    last = rng.choice((1, 1, 2, 3)) if rng.random() < 0.3 else 0
    for n in range(count, count + last):
        natures.append(_nature(rng))
        step = _step(rng, n, density, natures[n], inline_effects=inline_effects)
        steps.append(_last(_wait(rng, step, natures[n])))
    if rng.random() < 0.4:
        for n in rng.sample(range(count), rng.randint(0, count // 2)):
            steps[n] = _leading(rng, steps, n, count)
        steps = without_deadlocks(steps)
    if rng.random() < 0.3:
        steps = [*looping(rng, steps[:count]), *(looping(rng, steps[count:]) if last else ())]
        natures = [replace(nature, mended=rng.random() < 0.6) for nature in natures]
    concurrency = rng.choice((1, 2, 2, 3, 5))
    resources = {"gpu": 2.0, "mem": 1.0} if rng.random() < 0.3 else {}
    budget = Budget(calls={"web": rng.randint(0, 4)}) if rng.random() < 0.2 else Budget()
    limits = RunLimits(concurrency=concurrency, grace_s=GRACE_S, budget=budget, resources=resources)
    if rng.random() < 0.4:
        steps = [requiring(rng, step) if rng.random() < 0.3 else step for step in steps]
    if rng.random() < 0.5:
        shared = [_sharing(rng, nature) for nature in natures]
        steps = [msgspec.structs.replace(step, sharing=its) for step, its in zip(steps, shared, strict=True)]
    if resources:
        steps = [needing(rng, step, resources) if rng.random() < 0.6 else step for step in steps]
    if locks:
        steps = [locking(rng, step) if rng.random() < 0.5 else step for step in steps]
    made = tuple(steps)
    whole = (rng.choice(WHOLE),) if locks and rng.random() < 0.6 else ()
    plan = Plan(
        id="p",
        steps=made[:count],
        finally_=made[count:],
        limits=limits,
        breakers={"api": _breaker(rng)},
        locks=whole,
    )
    return Script(plan, tuple(natures), concurrency, instances)


def _breaker(rng: random.Random) -> Breaker:
    cooldown_s = rng.choice((1.0, 5.0, 40.0))
    return Breaker(failures=rng.choice((1, 2, 3)), cooldown_s=cooldown_s, trials=rng.choice((1, 1, 2)))


def _sharing(rng: random.Random, nature: Nature) -> Sharing:
    """What a command shares with others: the breaker of a service, its calls, a budget of its own."""
    if nature.work is not Work.COMMAND:
        return Sharing()
    return Sharing(
        breaker="api" if rng.random() < 0.5 else None,
        capabilities=("web",) if rng.random() < 0.5 else (),
        budget=Budget(calls={"web": rng.randint(1, 3)}) if rng.random() < 0.2 else None,
    )


def _wait(rng: random.Random, step: Step, nature: Nature) -> Step:
    if nature.work is not Work.WAIT:
        return step
    return waiting(rng, step, lasts_s=nature.lasts_s, ends=nature.failures == 0)


def _last(step: Step) -> Step:
    """The step as one of those under `finally`."""
    return msgspec.structs.replace(step, depends=Depends.DONE, on_failure=FailurePolicy(action=OnFailure.CONTINUE))


def _leading(rng: random.Random, steps: list[Step], n: int, count: int) -> Step:
    """Step `n` with edges, jumps or a fallback to steps behind it, which are dormant then."""
    step, behind = steps[n], [each.id for each in steps[n + 1 : count]]
    if not behind:
        return step
    target = rng.choice(behind)
    how = rng.choice(("fallback", "mode", "goto", "next", "next"))
    needed = {step.id}
    for each in steps[n + 1 : count]:
        needed |= {each.id} if needed & set(each.needs) else set()
    if how in {"fallback", "mode"} and target in needed:
        how = "next"  # it cannot wait for what it stands in for
    if how == "fallback":
        return msgspec.structs.replace(step, on_failure=FailurePolicy(action=OnFailure.FALLBACK, fallback=target))
    if how == "next" or step.for_each is not None:
        words = rng.sample(("success", "failure", "fine", "other"), rng.randint(1, 3))
        edges = tuple(Edge(on=word, to=rng.choice(behind)) for word in words)
        return msgspec.structs.replace(step, next=edges)
    do: Literal["goto", "fallback"] = "goto" if how == "goto" else "fallback"
    mode = FailureMode(name="led", detect='error.code == "exit.nonzero"', do=do, target=target)
    return msgspec.structs.replace(step, failure_modes=(mode, *step.failure_modes))


def _many(rng: random.Random, step: Step, nature: Nature, *, calm: bool) -> tuple[Step, tuple[Nature, ...]]:
    """The step for each item of a list, one of which may fail where the step does not, or the other way round."""
    count = rng.choice((0, 1, 2, 3, 3, 5, 9))
    many = ForEach(
        items=[f"k{n}" for n in range(count)] if rng.random() < 0.5 else [{"id": n} for n in range(count)],
        max_parallel=rng.choice((None, None, 1, 2)),
        fail=rng.choice(("fast", "all")),
    )
    if many.items and isinstance(many.items[0], dict):
        many = msgspec.structs.replace(many, item_key="item.id")
    natures = []
    for _ in range(count):
        fails = nature.work is not Work.NOOP and rng.random() < 0.2
        failures = rng.choice((1, 99)) if fails else nature.failures if rng.random() < 0.5 else 0
        if calm and failures >= step.retry.attempts:
            failures = 0
        natures.append(replace(nature, failures=failures, lasts_s=rng.choice((0.001, 0.5, 3.0))))
    return msgspec.structs.replace(step, for_each=many), tuple(natures)


def _nature(rng: random.Random) -> Nature:
    work = rng.choices(tuple(Work), (6, 3, 1, 1))[0]
    fails = work is not Work.NOOP and rng.random() < 0.35
    return Nature(
        work,
        rng.choice((0.001, 0.001, 0.001, 0.5, 1.0, 3.0, 20.0)),
        rng.choice((1, 1, 2, 99)) if fails else 0,
        rng.choices(tuple(Failure), (5, 3, 1, 1))[0]
        if work is Work.COMMAND
        else rng.choice((Failure.EXIT, Failure.HANG)),
        rng.random() < 0.5,
        work is Work.INLINE and rng.random() < 0.4,
    )


def _step(rng: random.Random, n: int, density: float, nature: Nature, *, inline_effects: bool) -> Step:
    near = list(range(max(0, n - 6), n))
    needs = tuple(f"s{i}" for i in near if rng.random() < density / 2)
    return Step(
        id=f"s{n}",
        work=_work(nature),
        needs=needs,
        depends=Depends.DONE if rng.random() < 0.15 else Depends.OK,
        priority=rng.choice((0, 0, 0, 1, -1)),
        conditions=_conditions(rng, needs) if rng.random() < 0.2 else None,
        limits=AttemptLimits(timeout_s=rng.choice((25.0, 60.0))),
        retry=_retry(rng),
        on_failure=FailurePolicy(
            action=rng.choices(
                (OnFailure.ABORT, OnFailure.CONTINUE, OnFailure.SKIP_DEPENDENTS, OnFailure.SKIP, OnFailure.ROLLBACK),
                (4, 1, 1, 1, 0.5),
            )[0]
        ),
        failure_modes=_modes(rng) if rng.random() < 0.25 else (),
        effect=EffectPolicy(
            effect=_effect(rng, nature, inline_effects=inline_effects), definite_failures=(DEFINITE_EXIT,)
        ),
        shown=StepShown(kind="research" if rng.random() < 0.1 else "implement"),
    )


def _work(nature: Nature) -> Command | Uses:
    if nature.work is Work.NOOP:
        return Uses(runner="noop")
    if nature.work is Work.INLINE:
        return Uses(runner="python", params={"call": "m:f", "inline": True})
    return Command(argv=("quick" if nature.lasts_s < QUICK_S else "slow",))


def _effect(rng: random.Random, nature: Nature, *, inline_effects: bool) -> Effect:
    # What runs inside an engine cannot be stopped, nor kept from going on when the engine is frozen and replaced.
    if nature.work in {Work.NOOP, Work.WAIT} or nature.quick or (nature.work is Work.INLINE and not inline_effects):
        return Effect.NONE
    if nature.work is Work.INLINE:
        return rng.choices(tuple(Effect), (4, 1, 0 if nature.failure is Failure.HANG else 1))[0]
    return rng.choice(tuple(Effect))


def _retry(rng: random.Random) -> Retry:
    return Retry(
        attempts=rng.choice((1, 1, 2, 3, 4)),
        delay_s=rng.choice((0.0, 0.5, 2.0, 30.0)),
        factor=rng.choice((1.0, 2.0, 10.0)),
        max_delay_s=rng.choice((1.0, 60.0)),
        on=rng.choice(((), (), (), ("timeout",), ("exit.nonzero", "timeout"))),
    )


def _modes(rng: random.Random) -> tuple[FailureMode, ...]:
    """Failure modes of every kind, some of which match; none asks how long it took, which a crash may change."""
    found = []
    for n in range(rng.randint(1, 3)):
        detect = rng.choice(
            ('error.code == "timeout"', 'error.code == "exit.nonzero"', "exit_code == 1", "1 > 2", None)
        )
        prose = "it looks odd" if detect is None else None
        do: Literal["retry", "fail"] = rng.choice(("retry", "fail"))
        found.append(FailureMode(name=f"m{n}", detect=detect, prose=prose, do=do))
    return tuple(found)


def _conditions(rng: random.Random, needs: tuple[str, ...]) -> Conditions:
    if not needs:
        return rng.choice((Conditions(when="true"), Conditions(when="1 > 2"), Conditions(skip_if=("2 > 1",))))
    name = rng.choice(needs)
    return rng.choice(
        (
            Conditions(when=f"steps.{name}.ok"),
            Conditions(when=f'steps.{name}.status != "skipped"', skip_if=("false",)),
            Conditions(skip_if=(f"not steps.{name}.ok",)),
            Conditions(when=f"steps.{name}.outputs.n == 1"),  # cannot be evaluated where the step gave no output
            Conditions(when="steps." + name + ".attempts < 100"),
        )
    )
