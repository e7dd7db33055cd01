"""One history: a seed makes a plan, a world and everything that happens in it, until the run has ended."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from holdfast.plan.model import Effect
from holdfast.run.finishing import outcome
from holdfast.run.machine import Run, fold
from holdfast.run.reviews import promised
from holdfast.run.standing import Canceled, Running, Skipped, Succeeded
from holdfast.run.states import FINAL_RUN, FINAL_STEP, RunStatus
from tests.simulation.aiming import aiming, wrong_alarms, wrong_end
from tests.simulation.engine import Engine
from tests.simulation.people import People, Profile
from tests.simulation.plans import Script, random_script
from tests.simulation.truth import BrokenRuleError
from tests.simulation.world import Limits, Note, World
from tests.unit.run.story import snapshot

MOVES_MAX = 20_000
"""A history that takes more moves than this never ends."""
Move = Callable[[], None]


CALM = Profile(0, freezes=False, requests=0, cancels=False, honest=True, limits=Limits(256, 64, 0.0))


@dataclass(frozen=True, slots=True)
class Result:
    """How a history ended: each step's last word, and what there was of events and moves."""

    outcome: str
    steps: tuple[str, ...]
    moves: int
    events: int
    canceled: bool


def silent(_line: str) -> None:
    """Nobody reads."""


def random_profile(rng: random.Random) -> Profile:
    """From nothing but delays to everything at once."""
    crashes = rng.choice((0, 1, 2, 3, 6))
    limits = Limits(rng.choice((2, 8, 256)), rng.choice((1, 3, 64)), rng.choice((0.0, 0.02, 0.1)))
    return Profile(
        crashes,
        freezes=crashes > 0 and rng.random() < 0.4,
        requests=rng.choice((0, 0, 1, 3, 6)),
        cancels=rng.random() < 0.25,
        honest=rng.random() < 0.8,
        limits=limits,
    )


def play(seed: int, note: Note = silent) -> Result:
    """The history of `seed`; raises `BrokenRuleError` (or what the core raises) where a rule does not hold."""
    rng = random.Random(seed)
    profile = random_profile(rng)
    script = random_script(rng, inline_effects=not profile.freezes)
    script = replace(script, plan=aiming(script.plan))
    result = History(script, profile, rng, note).play()
    comparable = profile.honest and not result.canceled and not _looked_at_twice(script)
    if comparable and seed % 2 == 0:
        note("-- the same plan on a calm day")
        calm = History(script, CALM, random.Random(seed), note).play()
        compare(result, calm)
    return result


def _looked_at_twice(script: Script) -> bool:
    """Whether people may find that an effect happened, and so never look at what a step has promised."""
    natures = zip(script.steps, script.natures, strict=True)
    return any(step.effect_class is Effect.ONCE and nature.rejections for step, nature in natures)


def play_all(seed: int, count: int) -> int:
    """Play `count` histories from `seed` on; how many events they had. Raises `AssertionError` that names the seed."""
    events = 0
    for each in range(seed, seed + count):
        try:
            events += play(each).events
        except Exception as error:
            said = f"{type(error).__name__}: {error}\nsee it with: python -m tests.simulation --seed {each}"
            raise AssertionError(said) from error
    return events


def compare(result: Result, calm: Result) -> None:
    """Crashes and pauses change nothing of what comes out (semantics C5)."""
    if result.outcome != calm.outcome:
        raise BrokenRuleError(f"the run {result.outcome}, without crashes it {calm.outcome} (C5)")
    if result.outcome != "failed" and result.steps != calm.steps:
        raise BrokenRuleError(f"the steps are {result.steps}, without crashes {calm.steps} (C5)")


class History:
    """The scheduler: who moves next is drawn among those who can."""

    def __init__(self, script: Script, profile: Profile, rng: random.Random, note: Note) -> None:
        self.script = script
        self.profile = profile
        self.rng = rng
        self.world = World(script, rng, profile.limits, note)
        self.world.crashes_left = profile.crashes
        self.people = People(self.world, profile, rng)
        shared = any(step.sharing.breaker for step in script.plan.steps)
        self.meddling_left = rng.choice((0, 3, 8)) if shared and profile.crashes else 0
        self.changes_left = rng.choice((0, 2, 6)) if profile.crashes else 0
        self.moves = 0

    def play(self) -> Result:
        """Let everybody move until the run has ended and everything is quiet."""
        world = self.world
        world.create()
        durable = world.journal.durable
        while not self._is_over():
            self.moves += 1
            if self.moves > MOVES_MAX:
                raise BrokenRuleError(f"no end after {MOVES_MAX} moves; the run is {durable.status}")
            self._move()
            self._check_quiet()
        self._check_end()
        return Result(str(durable.outcome), self._words(), self.moves, world.journal.head, self.people.canceled)

    def _is_over(self) -> bool:
        world = self.world
        return (
            world.journal.durable.status in FINAL_RUN
            and world.engine is None
            and world.frozen is None
            and world.keeper is None
        )

    # Moves.

    def _move(self) -> None:
        moves: list[Move] = []
        weights: list[float] = []
        for weight, move in self._at_once():
            moves.append(move)
            weights.append(weight)
        later = self.world.next_moment()
        if later is not None:
            at = later
            moves.append(lambda: self.world.advance(at))
            weights.append(1.0 if moves[:-1] else 10.0)
        if not moves or self.rng.random() < 0.05:
            moves += (duties := self.people.duties())
            weights += [1.0] * len(duties)
        for weight, move in self._mischief():
            moves.append(move)
            weights.append(weight)
        if not moves:
            raise BrokenRuleError(f"nothing can happen any more; the run is {self.world.journal.durable.status}")
        self.rng.choices(moves, weights)[0]()

    def _at_once(self) -> list[tuple[float, Move]]:
        """What can happen without time passing."""
        world = self.world
        found: list[tuple[float, Move]] = []
        for engine in (world.engine, world.frozen):
            if engine is not None and not engine.frozen:
                found += self._engine_moves(engine)
        if world.keeper is not None and world.keeper.busy:
            found.append((6.0, world.keeper_reads))
        for process in world.due_processes():
            found.append((4.0, lambda each=process: world.settle(each)))  # type: ignore[misc]  # the default binds it
        return found

    def _engine_moves(self, engine: Engine) -> list[tuple[float, Move]]:
        world = self.world
        found: list[tuple[float, Move]] = []
        if engine.wants_turn:
            found.append((6.0, lambda: world.wake_engine(engine)))
        elif engine.wants_to_look:
            found.append((1.0, lambda: world.wake_engine(engine)))
        if engine.queue:
            found.append((5.0, lambda: world.commit(engine)))
        if engine.calls.can_take_thread:
            found.append((5.0, engine.calls.take_thread))
        return found

    def _mischief(self) -> list[tuple[float, Move]]:
        """Crashes, and people who ask for something."""
        world = self.world
        found: list[tuple[float, Move]] = []
        if world.crashes_left > 0:
            found.append((0.15, world.crash))
            if self.profile.freezes and world.engine is not None and world.frozen is None:
                found.append((0.15, world.freeze))
        if world.frozen is not None and world.frozen.frozen:
            found.append((0.3, world.thaw))
        if self.people.requests_left > 0:
            found.append((0.2, self.people.request))
        if self.meddling_left > 0:
            found.append((0.1, self._meddle))
        if self.changes_left > 0:
            found.append((0.1, self._change))
        return found

    def _meddle(self) -> None:
        """Another run of the project does something with the breaker."""
        self.meddling_left -= 1
        self.world.project.meddle(self.rng, self.world.wall)

    def _change(self) -> None:
        """Something changes around the run."""
        self.changes_left -= 1
        self.world.surroundings.meddle(self.rng)

    # Checks.

    def _check_quiet(self) -> None:
        """Where nothing is under way, what the engine has in memory is what the journal makes."""
        engine = self.world.engine
        if engine is None or not engine.quiet:
            return
        ours, durable = snapshot(engine.run), snapshot(self.world.journal.durable)
        if ours != durable:
            wrong = [f"{name}: {ours[name]} is {durable[name]}" for name in ours if ours[name] != durable[name]]
            raise BrokenRuleError(f"memory differs from the journal (S16): {'; '.join(wrong)}")
        self._check_busy(engine)

    def _check_busy(self, engine: Engine) -> None:
        """What could start does: only attempts that really run take slots (semantics S4)."""
        run = self.world.journal.durable
        if engine.wants_turn or engine.closing or engine.resting or run.status is not RunStatus.RUNNING:
            return
        busy = sum(isinstance(state, Running) for state in run.states) + engine.calls.untold
        i = engine.run.next_ready()
        if i is not None and busy < self.script.concurrency and run.too_often_lost is None:
            raise BrokenRuleError(f"s{i} could start, {busy} of {self.script.concurrency} slots are taken (S4)")

    def _check_end(self) -> None:
        world = self.world
        durable = world.journal.durable
        again = fold(Run("r", self.script.plan), (stored.event for stored in world.journal.events))
        if snapshot(again) != snapshot(durable):
            raise BrokenRuleError("two folds of one journal differ (S16)")
        wrong = wrong_end(durable, outcome(durable))
        if wrong is not None:
            raise BrokenRuleError(f"the run {durable.outcome}: {wrong} (S14, S18)")
        untimely = wrong_alarms(durable, world.journal.events)
        if untimely is not None:
            raise BrokenRuleError(f"{untimely} (S18)")
        for i, state in enumerate(durable.states):
            if durable.cancels < 2 and isinstance(state, Canceled) and durable.steps[i] in self.script.plan.finally_:
                raise BrokenRuleError(f"finally step s{i} never ran (S15)")
            if state.status not in FINAL_STEP:
                raise BrokenRuleError(f"s{i} ended as {state.status}")
            row = world.journal.rows.get(durable.steps[i].id)
            if row is not None and state.status.value not in {row.status, "canceled"}:
                raise BrokenRuleError(f"s{i} is {state.status}, its row says {row.status}")
            self._check_effect(i)
            asked = i not in durable.groups and promised(durable.steps[i])
            if isinstance(state, Succeeded) and asked and i not in world.truth.approved:
                raise BrokenRuleError(f"s{i} succeeded and nobody approved of it (S20)")
        if "r" in world.project.holders and not self.profile.freezes:
            raise BrokenRuleError("the run has ended and holds a trial (S12)")
        if any(each.engine is None for each in world.truth.processes):
            raise BrokenRuleError("the run has ended and a command of it runs")

    def _check_effect(self, i: int) -> None:
        run = self.world.journal.durable
        if run.steps[i].effect_class is not Effect.ONCE or not self.profile.honest or run.steps[i].for_each is not None:
            return
        times = self.world.truth.applied.get(i, 0)
        if times > 1:
            raise BrokenRuleError(f"the effect of s{i} happened {times} times (E3)")
        if isinstance(run.states[i], Succeeded) and times != 1:
            raise BrokenRuleError(f"s{i} succeeded and its effect never happened (E2)")

    def _words(self) -> tuple[str, ...]:
        """Each step's end by id; which instances a failure stopped is a matter of chance."""
        run = self.world.journal.durable
        said: dict[str, str] = {}
        for i, state in enumerate(run.states):
            chance = any(run.group_of.get(i) == group.at and group.failing for group in run.groups.values())
            word = f"{state.status}:{state.why}" if isinstance(state, Skipped) else state.status.value
            said[run.steps[i].id] = "stopped or not" if chance else word
        return tuple(f"{step} {said[step]}" for step in sorted(said))
