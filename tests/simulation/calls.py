"""The inline calls of a simulated engine: the rules of `holdfast.engine.calls`, with virtual threads."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.engine.passage import NEVER_BEGAN
from holdfast.plan.model import Effect
from holdfast.run import events as ev
from holdfast.run.admission import is_free
from holdfast.run.choose import Start
from tests.simulation.plans import DEFINITE_EXIT, OUTPUTS, SECOND
from tests.simulation.rules import BrokenRuleError
from tests.simulation.truth import Process

if TYPE_CHECKING:
    from tests.simulation.engine import Engine

DEPTH = 8


@dataclass(slots=True, eq=False)
class Call:
    """One call; `process` is what really happens once a thread has it."""

    step: int
    attempt: int
    facts: dict[str, object]
    dropped: bool = False
    abandoned: bool = False
    told: bool = False
    threaded: bool = False
    durable_at: int = 0  # how many events of the engine are durable when its own start is
    started: int = 0
    ended: int = 0
    process: Process | None = None


class Calls:
    """What is handed out, held, or waits for a thread."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.out: dict[int, Call] = {}
        self.untold = 0
        self.dispatched = 0
        self.pool: deque[Call] = deque()  # waits for a thread
        self.busy: list[Call] = []  # on a thread
        self._threads = engine.world.script.concurrency
        self._held: deque[Call] = deque()
        self._quick: deque[Call] = deque()

    def ahead(self, i: int, concurrency: int) -> int:
        """How many more than `concurrency` may be handed out when step `i` is the next."""
        run = self._engine.run
        is_ahead = self._engine.world.script.nature(run, i).quick and is_free(run, run.steps[i])
        return concurrency * (DEPTH - 1) if is_ahead else 0

    def start(self, start: Start) -> None:
        """Hand out one call."""
        engine = self._engine
        step = engine.run.steps[start.step]
        if start.step in self.out:
            raise BrokenRuleError(f"s{start.step} is handed out twice")
        call = Call(start.step, start.attempt, start.facts)
        self.out[start.step] = call
        self.untold += 1
        engine.run.reserve(start.step)
        if step.effect_class is not Effect.NONE or not is_free(engine.run, step):
            self._tell_start(call, engine.now())
            call.durable_at = engine.told
            self._held.append(call)
        else:
            if engine.run.late(start.step):
                call.durable_at = engine.told  # with what chose it
            if self._durably_ready(call):
                self._dispatch(call)
            else:
                self._held.append(call)

    def release(self) -> None:
        """Dispatch the held calls whose dependencies' ends, and whose own start where it is told, are durable."""
        held, self._held = self._held, deque()
        for call in held:
            if not self._engine.closing and self._durably_ready(call):
                self._dispatch(call)
            else:
                self._held.append(call)

    def run_quick(self) -> bool:
        """Run the calls of functions that are proven quick, here and now; whether there were any."""
        if not self._quick or self._engine.closing:
            return False
        while self._quick:
            call = self._quick.popleft()
            self._begin(call)
            self._finish(call)
            self.finished(call)
        return True

    @property
    def can_take_thread(self) -> bool:
        """Whether a call waits and a thread is free."""
        return bool(self.pool) and len(self.busy) < self._threads

    def take_thread(self) -> None:
        """A free thread takes the next call."""
        call = self.pool.popleft()
        if call.dropped:
            self._engine.inbox.append(call)
        else:
            self._begin(call)
            self.busy.append(call)

    def thread_done(self, process: Process) -> None:
        """A thread's call has returned."""
        call = next(each for each in self.busy if each.process is process)
        self.busy.remove(call)
        self._finish(call)
        self._engine.inbox.append(call)

    def finished(self, call: Call) -> None:
        """Tell what came of a call."""
        if call.threaded:
            self.dispatched -= 1
        if call.abandoned:
            return
        if call.process is None:
            self._forget(call)
            return
        if not call.told:
            self._tell_start(call, call.started)
        del self.out[call.step]
        self._engine.end(call.ended, call.step, call.attempt, self._judged(call, call.process))

    def drop_unstarted(self, among: Callable[[int], bool] = lambda _: True) -> None:
        """Nothing new of `among` starts."""
        for waiting in (self._held, self._quick):
            for call in [call for call in waiting if among(call.step)]:
                waiting.remove(call)
                self._forget(call)
        for call in self.out.values():
            call.dropped = call.dropped or among(call.step)

    def look_after(self) -> None:
        """Tell the starts of calls that take their time; give up those past their timeout."""
        engine = self._engine
        now = engine.now()
        for call in list(self.out.values()):
            if call.process is None or not call.process.alive:
                continue
            if not call.told:
                self._tell_start(call, call.started)
            step = engine.run.steps[call.step]
            if now > self._limit(call):
                call.abandoned = call.process.abandoned = True
                del self.out[call.step]
                self._threads += 1
                status: ev.AttemptStatus = "uncertain" if step.effect_class is Effect.ONCE else "timed_out"
                ended = ev.AttemptEnded(status, error=ev.Error("timeout"), notes=("abandoned-attempt",))
                engine.end(now, call.step, call.attempt, ended)

    def wants_to_look(self, now: int) -> bool:
        """Whether `look_after` would tell something."""
        begun = [call for call in self.out.values() if call.process is not None and call.process.alive]
        return any(not call.told or now > self._limit(call) for call in begun)

    def timeouts(self) -> list[int]:
        """When calls that have begun are given up."""
        return [self._limit(call) + 1 for call in self.out.values() if call.process is not None]

    def _limit(self, call: Call) -> int:
        return call.started + round((self._engine.run.steps[call.step].limits.timeout_s or 1800.0) * SECOND)

    def _judged(self, call: Call, process: Process) -> ev.AttemptEnded:
        if process.code == 0:
            return ev.AttemptEnded("succeeded", 0, outputs=OUTPUTS)
        once = self._engine.run.steps[call.step].effect_class is Effect.ONCE
        definite = process.code == DEFINITE_EXIT
        return ev.AttemptEnded("uncertain" if once and not definite else "failed", error=ev.Error("exit.nonzero"))

    def _begin(self, call: Call) -> None:
        call.started = self._engine.now()
        before = self._engine.run.attempts_of(call.step).counted - call.told
        engine = self._engine
        call.process = engine.world.truth.call(engine.run, call.step, call.attempt, before, engine.fence)

    def _finish(self, call: Call) -> None:
        assert call.process is not None
        if call.process.alive:
            self._engine.world.truth.end(call.process)
        call.ended = self._engine.now()

    def _durably_ready(self, call: Call) -> bool:
        if call.durable_at > self._engine.durable_told:
            return False
        run = self._engine.run
        return self._engine.undurable.isdisjoint(run.needs[run.group_of.get(call.step, call.step)])

    def _dispatch(self, call: Call) -> None:
        if self._engine.world.script.nature(self._engine.run, call.step).quick and not call.told:
            self._quick.append(call)
            return
        call.threaded = True
        self.dispatched += 1
        self.pool.append(call)

    def _tell_start(self, call: Call, at: int) -> None:
        call.told = True
        self.untold -= 1
        engine = self._engine
        step = engine.run.steps[call.step]
        key = f"r/{step.id}" if step.effect_class is Effect.ONCE else None
        engine.tell(ev.Event(at, ev.AttemptStarted(key=key, facts=call.facts), step.id, call.attempt))

    def _forget(self, call: Call) -> None:
        del self.out[call.step]
        if call.told:
            ended = ev.AttemptEnded("canceled", error=ev.Error("canceled", "never begun"), notes=(NEVER_BEGAN,))
            self._engine.end(self._engine.now(), call.step, call.attempt, ended)
        else:
            self.untold -= 1
            self._engine.run.give_back(call.step)
