"""How the attempts of one run pass locks and breakers, and what they spend by starting (semantics S4, S12, S13)."""

from collections import deque
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from holdfast.engine.host import is_held
from holdfast.engine.locks import NOTHING, Freed, Locks, has_locks
from holdfast.plan.model import Breaker as Settings
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, Trial, ask, counts
from holdfast.run.budgets import first_calls, negative
from holdfast.run.project import BreakerEvent, BreakerFailed, BreakerReleased, BreakerSucceeded, BreakerTrial
from holdfast.run.standing import Running, Waiting
from holdfast.run.states import BreakerState

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver
    from holdfast.run.choose import Start
    from holdfast.run.machine import Run

LOOK_US: Final = 1_000_000
"""How often the holders of trials are looked at while a step waits for one."""
NEVER_BEGAN: Final = "never-began"
"""The note of an attempt whose start is in the journal, and whose work never began: it spent nothing."""
DEFAULTS: Final = Settings()


def has_passage(run: "Run") -> bool:
    """Whether any step counts for a breaker, or uses a capability, or anything wants a lock."""
    return bool(run.plan.locks) or any(
        step.sharing.breaker is not None or step.sharing.capabilities or step.sharing.locks for step in run.steps
    )


class Passage:
    """Between one run and the locks and breakers that it shares with others."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self.locks = Locks(driver) if has_locks(driver.run) else None
        self._board = driver.world.board
        self._seen = -1
        self._looked = 0
        self._outbox: list[ev.Event] = []  # for the project's own stream, with the next append
        self._submitted: deque[int] = deque()  # how many went with each append that is not answered yet

    # Before an attempt.

    def look(self, now: int) -> None:
        """See what others did to the breakers; steps that wait for one are looked at where that changed anything."""
        if self.locks is not None:
            self.locks.look(now)
        board, run = self._board, self._driver.run
        board.look()
        run.breakers = board.by_name
        if now - self._looked >= LOOK_US or now < self._looked:
            self._looked = now
            self._free_abandoned(now)
        if board.version != self._seen:
            self._seen = board.version
            for i in run.waiting:
                state = run.states[i]
                if isinstance(state, Waiting) and state.cause == "breaker":
                    run.queue.offer(i)

    def enters(self, start: "Start", now: int) -> bool:
        """Whether the attempt may start now; it has its locks then, and one on trial has its trial."""
        if self.locks is not None and not self.locks.enters(start, now):
            return False
        name = self._driver.run.steps[start.step].sharing.breaker
        if name is None:
            return True
        answer = ask(self._board.by_name.get(name, CLOSED), now)
        if not answer.on_trial:
            return answer.passes
        step = self._driver.run.steps[start.step].id
        given = self._board.take(now, BreakerTrial(name, self._driver.run.id, step, start.attempt))
        self._driver.run.breakers = self._board.by_name
        return given

    def looks_again(self, now: int) -> bool:
        """An attempt may not enter: whether that can be decided again now, or only when the journal has answered."""
        if self.locks is not None and self.locks.goes_on is not None:
            return self.locks.goes_on
        if self._board.is_settled:
            self.look(now)
        return self._board.is_settled

    def stamped(self, event: ev.Event) -> ev.Event:
        """A start with what it spends by that, and what let it through; an end that never began gives that back."""
        body, run = event.body, self._driver.run
        if isinstance(body, ev.AttemptStarted) and event.step is not None:
            step = run.steps[run.index[event.step]]
            spent, name = first_calls(step), step.sharing.breaker
            generation = None if name is None else self._board.by_name.get(name, CLOSED).generation
            return event._replace(body=replace(body, spent=spent, breaker=generation))
        if isinstance(body, ev.AttemptEnded) and NEVER_BEGAN in body.notes and event.step is not None:
            spent = first_calls(run.steps[run.index[event.step]])
            return event if spent is None else event._replace(body=replace(body, spent=negative(spent)))
        return event

    # After an attempt.

    def ended(self, event: ev.Event) -> None:
        """An attempt is about to end: what that means for its breaker goes to the journal with it."""
        body, run = event.body, self._driver.run
        if not isinstance(body, ev.AttemptEnded) or event.step is None or event.attempt is None:
            return
        i = run.index[event.step]
        name, generation = run.steps[i].sharing.breaker, run.passed.get(i)
        if name is None or generation is None:
            return
        self._board.look()  # attempts that were adopted end before the first turn
        breaker, counted = self._board.by_name.get(name, CLOSED), counts(body)
        attempt = (name, run.id, event.step, event.attempt)
        trial = Trial(run.id, event.step, event.attempt)
        if counted is None:
            if trial in breaker.trials:
                code = body.error.code if body.error is not None else body.status
                self._tell(event.at, BreakerReleased(*attempt, why=code))
        elif counted:
            if breaker.failures or trial in breaker.trials:
                self._tell(event.at, BreakerSucceeded(*attempt, generation))
        elif breaker.state is BreakerState.CLOSED or trial in breaker.trials:
            mine = run.plan.breakers.get(name, DEFAULTS)
            code = body.error.code if body.error is not None else body.status
            settings = (mine.failures, mine.cooldown_s, mine.trials)
            self._tell(event.at, BreakerFailed(*attempt, generation, code, *settings))

    def settle(self, now: int) -> None:
        """Give back the trials of attempts that did not start after all, or ended while nobody drove the run."""
        run = self._driver.run
        if self.locks is not None:
            self.locks.settle()
        for name, breaker in list(self._board.by_name.items()):
            for trial in breaker.trials:
                if trial.run == run.id and not self._is_under_way(trial):
                    self._tell(now, BreakerReleased(name, *trial, why="never started"))

    # On the way to the journal.

    @property
    def waits(self) -> bool:
        """Whether anything is to go to the journal."""
        return bool(self._outbox) or (self.locks is not None and self.locks.waits)

    @property
    def stays(self) -> bool:
        """Whether the run holds locks, so that it is not left while it only waits."""
        return self.locks is not None and self.locks.stays

    def submit(self) -> list[ev.Event]:
        """What goes with an append that is made now."""
        also, self._outbox = self._outbox, []
        self._submitted.append(len(also))
        return also

    def freed(self) -> Freed:
        """The locks that are released with it."""
        return NOTHING if self.locks is None else self.locks.submit()

    def answered(self) -> None:
        """The oldest append that was not answered is."""
        self._board.answered(self._submitted.popleft())
        if self.locks is not None:
            self.locks.answered()

    def close(self) -> None:
        """The run is not ours any more: what was not appended never happened."""
        self._board.answered(len(self._outbox) + sum(self._submitted))
        self._outbox.clear()
        self._submitted.clear()

    def _tell(self, at: int, body: BreakerEvent) -> None:
        self._board.told(at, body)
        self._outbox.append(ev.Event(at, body))

    def _is_under_way(self, trial: Trial) -> bool:
        run = self._driver.run
        i = run.index.get(trial.step)
        state = None if i is None else run.states[i]
        return isinstance(state, Running) and state.attempt == trial.attempt

    def _free_abandoned(self, now: int) -> None:
        """Free the trials that steps of this run wait for, where the run that has one is driven by nobody."""
        driver = self._driver
        run = driver.run
        states = [run.states[i] for i in run.waiting]
        if not any(isinstance(state, Waiting) and state.cause == "breaker" for state in states):
            return
        wanted = {run.steps[i].sharing.breaker for i in run.waiting}
        for name, breaker in list(self._board.by_name.items()):
            for trial in breaker.trials if name in wanted else ():
                if trial.run != run.id and not self._is_driven(trial.run):
                    self._board.give_back(now, BreakerReleased(name, *trial, why="its engine is gone"))

    def _is_driven(self, run: str) -> bool:
        lease = self._driver.world.journal.lease(run)
        return lease is not None and is_held(lease)
