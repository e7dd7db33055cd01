"""What the runs of a simulated project share: time, surroundings, locks, and the project's own stream of breakers."""

import random
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.ports import Append, Appended, Breakers, Lease, LockRequest, Owner, StaleError
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, Breaker, Trial, after, ask
from holdfast.run.locks import Holder, Token
from holdfast.run.project import BreakerEvent, BreakerFailed, BreakerSucceeded, BreakerTrial
from holdfast.run.states import BreakerState
from tests.simulation.hours import Hours
from tests.simulation.locking import Locks
from tests.simulation.surroundings import Surroundings

if TYPE_CHECKING:
    from tests.simulation.world import World

API = "api"
FOREVER = 2**62
NOBODY = Owner("elsewhere", "boot", 1, "1", "0")


Note = Callable[[str], None]


class Project:
    """What the real journal's stream of run 0 does, for one breaker and its sharers; and the runs by name."""

    def __init__(self, rng: random.Random, note: Note) -> None:
        self.rng = rng
        self.note = note
        self.hours = Hours()
        self.surroundings = Surroundings(rng, note)
        self.worlds: dict[str, World] = {}
        self.seq = 0
        self.by_name: dict[str, Breaker] = {}
        self._others = 0
        self._dead: set[str] = set()

    @cached_property
    def locks(self) -> Locks:
        """The tables of locks; few runs have any."""
        return Locks(self.worlds)

    # As engines see it.

    def breakers(self) -> Breakers:
        """Every breaker, and the number of the last event."""
        return Breakers(self.seq, dict(self.by_name))

    def append(self, work: Append) -> Appended:
        """What an engine appends by itself."""
        if work.after is not None and work.after != self.seq:
            raise StaleError("moved on", code="E_BUSY")
        self.store(work.events)
        return Appended(self.seq)

    def lease(self, run: str) -> Lease | None:
        """Other runs are driven until their process dies."""
        world = self.worlds.get(run)
        is_driven = run not in self._dead if world is None else world.is_driven_by(world.journal.fence)
        return Lease(run, NOBODY, 1, 0, FOREVER) if is_driven else None

    def store(self, events: Sequence[ev.Event]) -> None:
        """Events become durable."""
        for event in events:
            body = event.body
            assert isinstance(body, BreakerEvent)
            self.by_name[body.breaker] = after(self.by_name.get(body.breaker, CLOSED), event.at, body)
            self.seq += 1
            self.note(f"   0 {body}: {self.by_name[body.breaker].state}")

    # Other runs.

    def meddle(self, rng: random.Random, now: int) -> None:
        """Another run fails, succeeds, takes a trial, or dies with one."""
        breaker = self.by_name.get(API, CLOSED)
        theirs = [trial for trial in breaker.trials if trial.run not in self.worlds and trial.run not in self._dead]
        if theirs:
            self._conclude(rng, now, theirs[0], breaker.generation)
        elif breaker.state is BreakerState.CLOSED:
            self._tell(now, BreakerFailed(API, self._another(), "s", 1, breaker.generation, "timeout", 1, 3.0, 1))
        elif ask(breaker, now).on_trial:
            self._tell(now, BreakerTrial(API, self._another(), "s", 1))

    @property
    def holders(self) -> set[str]:
        """The runs that hold a trial."""
        return {trial.run for breaker in self.by_name.values() for trial in breaker.trials}

    def they_end(self, rng: random.Random, now: int) -> bool:
        """Whoever else holds a trial comes to an end with it; whether anybody did."""
        breaker = self.by_name.get(API, CLOSED)
        theirs = [trial for trial in breaker.trials if trial.run not in self.worlds and trial.run not in self._dead]
        if theirs:
            self._conclude(rng, now, theirs[0], breaker.generation)
        return bool(theirs)

    def _conclude(self, rng: random.Random, now: int, trial: Trial, generation: int) -> None:
        how = rng.choice(("fail", "succeed", "die"))
        if how == "die":
            self._dead.add(trial.run)
            self.note(f"run {trial.run} dies with its trial")
        elif how == "fail":
            self._tell(now, BreakerFailed(API, *trial, generation, "timeout", 1, 3.0, 1))
        else:
            self._tell(now, BreakerSucceeded(API, *trial, generation))

    def _another(self) -> str:
        self._others += 1
        return f"other{self._others}"

    def _tell(self, now: int, body: BreakerEvent) -> None:
        self.store([ev.Event(now, body)])


class Seen:
    """The project as the engines of one run reach it; they may die before or after that."""

    def __init__(self, project: Project, run: str, risk: Callable[[], None]) -> None:
        self._project = project
        self._run = run
        self._risk = risk

    def breakers(self) -> Breakers:
        """Every breaker, and the number of the last event."""
        return self._project.breakers()

    def append(self, work: Append) -> Appended:
        """Events of the project's own stream."""
        self._risk()
        done = self._project.append(work)
        self._risk()
        return done

    def lease(self, run: str) -> Lease | None:
        """The run's present lease."""
        return self._project.lease(run)

    def lock(self, asked: LockRequest, now: int) -> tuple[Holder, ...]:
        """Take all the locks, or none and a place in line."""
        self._risk()
        before = self._project.locks.lock(asked, now)
        who = f"{self._run} {asked.step or 'run'}: {', '.join(asked.names)}"
        self._project.note(f"{who} {'waits for ' + str([each[:3] for each in before]) if before else 'locked'}")
        self._risk()
        return before

    def lock_turns(self, run: str, now: int) -> list[str]:
        """The steps of the run that stand in line and have nobody before them now."""
        return self._project.locks.lock_turns(run, now)

    def locks_of(self, run: str) -> list[Token]:
        """What locks are given to, of the run."""
        return self._project.locks.locks_of(run)

    def line_of(self, run: str) -> list[str]:
        """The steps of the run that stand in line for locks."""
        return self._project.locks.line_of(run)
