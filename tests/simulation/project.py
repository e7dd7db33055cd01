"""The project's own stream in the simulated world: its breakers, and the other runs that share them."""

import random
from collections.abc import Callable, Sequence

from holdfast.ports import Append, Appended, Breakers, Lease, Owner, StaleError
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, Breaker, Trial, after, ask
from holdfast.run.project import BreakerEvent, BreakerFailed, BreakerSucceeded, BreakerTrial
from holdfast.run.states import BreakerState

API = "api"
FOREVER = 2**62
NOBODY = Owner("elsewhere", "boot", 1, "1", "0")


class Project:
    """What the real journal's stream of run 0 does, for one breaker and its sharers."""

    def __init__(self, risk: Callable[[], None], note: Callable[[str], None]) -> None:
        self.seq = 0
        self.by_name: dict[str, Breaker] = {}
        self._risk = risk
        self._note = note
        self._others = 0
        self._dead: set[str] = set()

    # As engines see it.

    def breakers(self) -> Breakers:
        """Every breaker, and the number of the last event."""
        return Breakers(self.seq, dict(self.by_name))

    def append(self, work: Append) -> Appended:
        """What an engine appends by itself; it may die before or after that."""
        self._risk()
        if work.after is not None and work.after != self.seq:
            raise StaleError("moved on", code="E_BUSY")
        self.store(work.events)
        self._risk()
        return Appended(self.seq)

    def lease(self, run: str) -> Lease | None:
        """Other runs are driven until their process dies."""
        return None if run in self._dead or run == "r" else Lease(run, NOBODY, 1, 0, FOREVER)

    def store(self, events: Sequence[ev.Event]) -> None:
        """Events become durable."""
        for event in events:
            body = event.body
            assert isinstance(body, BreakerEvent)
            self.by_name[body.breaker] = after(self.by_name.get(body.breaker, CLOSED), event.at, body)
            self.seq += 1
            self._note(f"   0 {body}: {self.by_name[body.breaker].state}")

    # Other runs.

    def meddle(self, rng: random.Random, now: int) -> None:
        """Another run fails, succeeds, takes a trial, or dies with one."""
        breaker = self.by_name.get(API, CLOSED)
        theirs = [trial for trial in breaker.trials if trial.run != "r" and trial.run not in self._dead]
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
        theirs = [trial for trial in breaker.trials if trial.run != "r" and trial.run not in self._dead]
        if theirs:
            self._conclude(rng, now, theirs[0], breaker.generation)
        return bool(theirs)

    def _conclude(self, rng: random.Random, now: int, trial: Trial, generation: int) -> None:
        how = rng.choice(("fail", "succeed", "die"))
        if how == "die":
            self._dead.add(trial.run)
            self._note(f"run {trial.run} dies with its trial")
        elif how == "fail":
            self._tell(now, BreakerFailed(API, *trial, generation, "timeout", 1, 3.0, 1))
        else:
            self._tell(now, BreakerSucceeded(API, *trial, generation))

    def _another(self) -> str:
        self._others += 1
        return f"other{self._others}"

    def _tell(self, now: int, body: BreakerEvent) -> None:
        self.store([ev.Event(now, body)])
