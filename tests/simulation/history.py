"""One history: a seed makes a plan, a world and everything that happens in it, until the run has ended."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from holdfast.plan.model import Effect
from holdfast.run.states import FINAL_RUN
from tests.simulation.aiming import aiming
from tests.simulation.checks import check_end, check_quiet, words
from tests.simulation.engine import Engine
from tests.simulation.people import People, Profile
from tests.simulation.plans import Script, random_scripts
from tests.simulation.project import Note, Project
from tests.simulation.rules import BrokenRuleError
from tests.simulation.world import Limits, World

MOVES_MAX = 20_000
"""A history that takes more moves than this never ends."""
Move = Callable[[], None]


CALM = Profile(0, freezes=False, requests=0, cancels=False, honest=True, limits=Limits(256, 64, 0.0))


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: each step's last word."""

    outcome: str
    steps: tuple[str, ...]
    canceled: bool


@dataclass(frozen=True, slots=True)
class Result:
    """How a history ended: its runs, and what there was of events and moves."""

    runs: tuple[Ending, ...]
    moves: int
    events: int


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
    scripts = random_scripts(rng, inline_effects=not profile.freezes)
    scripts = tuple(replace(script, plan=aiming(script.plan)) for script in scripts)
    result = History(scripts, profile, rng, note).play()
    if profile.honest and seed % 2 == 0:
        note("-- the same plans on a calm day")
        calm = History(scripts, CALM, random.Random(seed), note).play()
        for script, ours, theirs in zip(scripts, result.runs, calm.runs, strict=True):
            if not (ours.canceled or theirs.canceled) and not _looked_at_twice(script):
                compare(ours, theirs)
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


def compare(result: Ending, calm: Ending) -> None:
    """Crashes and pauses change nothing of what comes out (semantics C5)."""
    if result.outcome != calm.outcome:
        raise BrokenRuleError(f"the run {result.outcome}, without crashes it {calm.outcome} (C5)")
    if result.outcome != "failed" and result.steps != calm.steps:
        raise BrokenRuleError(f"the steps are {result.steps}, without crashes {calm.steps} (C5)")


class History:
    """The scheduler: who moves next is drawn among those who can."""

    def __init__(self, scripts: Sequence[Script], profile: Profile, rng: random.Random, note: Note) -> None:
        self.profile = profile
        self.rng = rng
        self.project = Project(rng, note)
        self.worlds = [World(self.project, script, profile.limits) for script in scripts]
        for world in self.worlds:
            world.crashes_left = profile.crashes
        self.people = [People(world, profile, rng) for world in self.worlds]
        shared = any(step.sharing.breaker for script in scripts for step in script.plan.steps)
        self.meddling_left = rng.choice((0, 3, 8)) if shared and profile.crashes else 0
        self.changes_left = rng.choice((0, 2, 6)) if profile.crashes else 0
        self.moves = 0

    def play(self) -> Result:
        """Let everybody move until every run has ended and everything is quiet."""
        for world in self.worlds:
            world.create()
        while not all(map(_is_over, self.worlds)):
            self.moves += 1
            if self.moves > MOVES_MAX:
                raise BrokenRuleError(f"no end after {MOVES_MAX} moves; {self._standing()}")
            self._move()
            for world in self.worlds:
                check_quiet(world)
        for world in self.worlds:
            check_end(world, honest=self.profile.honest, freezes=self.profile.freezes)
        endings = [
            Ending(str(world.journal.durable.outcome), words(world), people.canceled)
            for world, people in zip(self.worlds, self.people, strict=True)
        ]
        return Result(tuple(endings), self.moves, sum(world.journal.head for world in self.worlds))

    def _standing(self) -> str:
        return ", ".join(f"run {world.name} is {world.journal.durable.status}" for world in self.worlds)

    # Moves.

    def _move(self) -> None:
        moves: list[Move] = []
        weights: list[float] = []
        for world in self.worlds:
            for weight, move in _at_once(world):
                moves.append(move)
                weights.append(weight)
        later = self._next_moment()
        if later is not None:
            at = later
            moves.append(lambda: self._advance(at))
            weights.append(1.0 if moves[:-1] else 10.0)
        if not moves or self.rng.random() < 0.05:
            duties = [duty for people in self.people for duty in people.duties()]
            moves += duties
            weights += [1.0] * len(duties)
        for weight, move in self._mischief():
            moves.append(move)
            weights.append(weight)
        if not moves:
            raise BrokenRuleError(f"nothing can happen any more; {self._standing()}")
        self.rng.choices(moves, weights)[0]()

    def _next_moment(self) -> int | None:
        """When something happens by itself next; `None` while something is due: real things do not wait."""
        if any(world.due_processes() for world in self.worlds):
            return None
        return min((at for world in self.worlds for at in world.moments()), default=None)

    def _advance(self, to: int) -> None:
        for world in self.worlds:
            world.advance(to)

    def _mischief(self) -> list[tuple[float, Move]]:
        """Crashes, and people who ask for something."""
        found: list[tuple[float, Move]] = []
        for world in self.worlds:
            if world.crashes_left > 0:
                found.append((0.15, world.crash))
                if self.profile.freezes and world.engine is not None and world.frozen is None:
                    found.append((0.15, world.freeze))
            if world.frozen is not None and world.frozen.frozen:
                found.append((0.3, world.thaw))
        found += [(0.2, people.request) for people in self.people if people.requests_left > 0]
        if self.meddling_left > 0:
            found.append((0.1, self._meddle))
        if self.changes_left > 0:
            found.append((0.1, self._change))
        return found

    def _meddle(self) -> None:
        """Another run of the project does something with the breaker."""
        self.meddling_left -= 1
        self.project.meddle(self.rng, self.project.hours.wall)

    def _change(self) -> None:
        """Something changes around the runs."""
        self.changes_left -= 1
        self.project.surroundings.meddle(self.rng)


def _is_over(world: World) -> bool:
    is_final = world.journal.durable.status in FINAL_RUN
    return is_final and world.engine is None and world.frozen is None and world.keeper is None


def _at_once(world: World) -> list[tuple[float, Move]]:
    """What can happen without time passing."""
    found: list[tuple[float, Move]] = []
    for engine in (world.engine, world.frozen):
        if engine is not None and not engine.frozen:
            found += _engine_moves(world, engine)
    if world.keeper is not None and world.keeper.busy:
        found.append((6.0, world.keeper_reads))
    for process in world.due_processes():
        found.append((4.0, lambda each=process: world.settle(each)))  # type: ignore[misc]  # the default binds it
    return found


def _engine_moves(world: World, engine: Engine) -> list[tuple[float, Move]]:
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
