"""The inline Python calls of one run: handed out ahead of time, journaled with their true times (semantics C1).

A call with `effect: none` may start before its own start is durable, but never before the ends it depends on are. Its
start is told together with its end, or, when it takes its time, as soon as the engine looks.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from holdfast.engine.attempt import PLAIN_START, describe, placed, render_params
from holdfast.engine.inline import Call, CallError, Pool, Target, said_of
from holdfast.engine.passage import NEVER_BEGAN
from holdfast.engine.verdict import SUCCEEDED, judge_value, promises_nothing
from holdfast.engine.watchdog import Watchdog
from holdfast.plan.model import Effect, Uses
from holdfast.run import events as ev
from holdfast.run.admission import is_free as is_free_to_start
from holdfast.run.choose import Start
from holdfast.run.reckoning import timeout_s

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver

DEPTH = 8
"""Quick calls are handed out this many times the concurrency, so that threads never wait for the engine."""
QUICK_TURN = 128
"""Quick calls run on the engine's own thread in one turn, at the most."""


class Calls:
    """The inline calls of one run."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self.pool: Pool | None = None
        self.watchdog: Watchdog | None = None
        self.out: dict[int, Call] = {}  # handed out or held, by step
        self.untold = 0  # those of `out` whose start no event has told yet
        self.dispatched = 0  # those of `out` that a thread has or will take
        self._held: deque[Call] = deque()  # their dependencies' ends are not durable yet
        self._quick: deque[Call] = deque()  # to be run on the engine's own thread
        self._targets: dict[str, Target | CallError] = {}

    def ahead(self, i: int, concurrency: int) -> int:
        """How many more than `concurrency` may be handed out when step `i` is the next."""
        step = self._driver.run.steps[i]
        if not isinstance(step.work, Uses) or not step.inline or step.effect_class is not Effect.NONE:
            return 0
        if not is_free_to_start(self._driver.run, step):
            return 0
        target = self._targets.get(str(step.work.params.get("call")))
        if isinstance(target, Target) and target.trust > 0:
            return concurrency * (DEPTH - 1)
        return 0

    def start(self, start: Start) -> None:
        """Hand out one call; raises `ExpressionError` when its arguments cannot be rendered."""
        driver = self._driver
        run = driver.run
        step = run.steps[start.step]
        params = render_params(run, start.step)
        if step.files.produces:
            placed(run, start.step)  # while it can still be refused
        target = self._target(str(params["call"]))
        if isinstance(target, CallError):
            driver.fail_unstarted(start, ev.Error("spawn.failed", target.headline))
            return
        arguments = params.get("args") or {}
        assert isinstance(arguments, dict)
        arguments = {name: _own(value) for name, value in arguments.items()}
        if target.fitting is not None:
            try:
                arguments = target.fitting.fit(arguments)
            except ValueError as error:
                driver.fail_unstarted(start, ev.Error("spawn.failed", str(error)))
                return
        call = Call(target, arguments, driver, start.step, start.attempt, start.facts)
        is_free = step.effect_class is Effect.NONE and is_free_to_start(run, step)
        if run.late(start.step):
            call.durable_at = driver.told  # with what chose it
        if is_free and self._is_quick(target) and self._durably_ready(call) and self._ran_here(call):
            self._conclude(call)
            return
        self.out[start.step] = call
        run.reserve(start.step)
        if is_free:
            self.untold += 1
        else:
            self._tell_start(call, driver.world.clock.now())
            call.durable_at = driver.told
        if self._durably_ready(call):
            self._dispatch(call)
        else:
            self._held.append(call)

    def release(self) -> None:
        """Dispatch the held calls whose dependencies' ends, and whose own start where it is told, are durable."""
        if not self._held:
            return
        held, self._held = self._held, deque()
        for call in held:
            if call.dropped:
                self._forget(call)
            elif not self._driver.closing and self._durably_ready(call):
                self._dispatch(call)
            else:
                self._held.append(call)

    def run_quick(self) -> bool:
        """Run some calls of functions that are proven quick, here and now; whether there were any."""
        if not self._quick:
            return False
        for _ in range(min(len(self._quick), QUICK_TURN)):
            call = self._quick.popleft()
            if self._ran_here(call):
                self.finished(call)
            else:
                self._dispatch(call)
        return True

    def _is_quick(self, target: Target) -> bool:
        return target.is_quick and self.watchdog is not None and self.watchdog.can_watch

    def _ran_here(self, call: Call) -> bool:
        assert self.watchdog is not None
        return self.watchdog.run(call)

    def finished(self, call: Call) -> None:
        """Tell what came of a call."""
        if call.threaded:
            self.dispatched -= 1
        if call.abandoned:
            return
        if not call.started:
            self._forget(call)
            return
        del self.out[call.step]
        if not call.told:
            self.untold -= 1
        self._conclude(call)

    def _conclude(self, call: Call) -> None:
        """Tell the end of a call, and its start if that was not told yet."""
        if not call.told:
            self._tell_start(call, call.started)
        driver = self._driver
        run = driver.run
        step = run.steps[call.step]
        if call.error is not None:
            ended = ev.AttemptEnded("failed", error=ev.Error("exit.nonzero", said_of(call.error)))
        elif call.value is None and promises_nothing(step):
            ended = SUCCEEDED
        else:
            attempt = describe(driver.site, run, call.step, call.attempt)
            ended = judge_value(driver.site, run, attempt, call.value, driver.facts)
        driver.end(call.ended, call.step, call.attempt, ended)

    def drop_unstarted(self, among: Callable[[int], bool] = lambda _: True) -> None:
        """Nothing new of `among` (positions) starts: calls of it that no thread has begun are not begun any more."""
        for waiting in (self._held, self._quick):
            for call in [call for call in waiting if among(call.step)]:
                waiting.remove(call)
                self._forget(call)
        for call in self.out.values():
            call.dropped = call.dropped or among(call.step)

    def close(self) -> None:
        """The run is not ours any more: what no thread has begun is not begun, and what ends is nobody's."""
        for call in self.out.values():
            call.dropped = call.abandoned = True
        self.out.clear()

    def look_after(self) -> None:
        """Tell the starts of calls that take their time; give up those past their timeout (they cannot be stopped)."""
        driver = self._driver
        now = driver.world.clock.now()
        for call in list(self.out.values()):
            if not call.started or call.ended:
                continue  # an end is told as soon as the engine takes it from its inbox
            if not call.told:
                self.untold -= 1
                self._tell_start(call, call.started)
            limit_s = timeout_s(driver.run, call.step)
            if now - call.started > limit_s * 1e6:
                call.abandoned = True
                del self.out[call.step]
                if self.pool is not None:
                    self.pool.replace_thread()
                said = f"the function ran longer than {limit_s:g} s; it cannot be stopped and was abandoned"
                ended = ev.AttemptEnded("timed_out", error=ev.Error("timeout", said), notes=("abandoned-attempt",))
                driver.end(now, call.step, call.attempt, ended)

    def _target(self, name: str) -> Target | CallError:
        target = self._targets.get(name)
        if target is None:
            assert self.pool is not None
            try:
                target = self.pool.target(name, self._driver.site.project)
            except CallError as error:
                target = error
            self._targets[name] = target
        return target

    def _durably_ready(self, call: Call) -> bool:
        driver = self._driver
        if call.durable_at > driver.durable_told:
            return False
        run = driver.run
        return not driver.undurable or driver.undurable.isdisjoint(run.needs[run.group_of.get(call.step, call.step)])

    def _dispatch(self, call: Call) -> None:
        if self._is_quick(call.target) and not call.told:
            self._quick.append(call)
            return
        assert self.pool is not None
        call.threaded = True
        self.dispatched += 1
        self.pool.submit(call)

    def _tell_start(self, call: Call, at: int) -> None:
        call.told = True
        driver = self._driver
        step = driver.run.steps[call.step]
        body = ev.AttemptStarted(facts=call.facts) if call.facts else PLAIN_START
        driver.tell(ev.Event(at, body, step.id, call.attempt))

    def _forget(self, call: Call) -> None:
        """The call never began: its step is where it was."""
        del self.out[call.step]
        if call.told:
            now = self._driver.world.clock.now()
            ended = ev.AttemptEnded("canceled", error=ev.Error("canceled", "never begun"), notes=(NEVER_BEGAN,))
            self._driver.end(now, call.step, call.attempt, ended)
        else:
            self.untold -= 1
            self._driver.run.give_back(call.step)


def _own(value: object) -> object:
    """A copy of an argument: a function may change it, and the plan and the outputs of other steps stay as they are."""
    if isinstance(value, list):
        return [_own(item) for item in value]
    if isinstance(value, dict):
        return {name: _own(item) for name, item in value.items()}
    return value
