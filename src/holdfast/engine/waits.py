"""Attempts without a process: `noop` steps, and `wait` steps, which need no slot."""

import os
from typing import TYPE_CHECKING

from holdfast.engine.attempt import describe, render_params
from holdfast.engine.verdict import SUCCEEDED, judge_value, promises_nothing
from holdfast.plan.expr import ExpressionError
from holdfast.plan.language.moments import moment
from holdfast.plan.model import Step, Uses
from holdfast.plan.units import parse_duration
from holdfast.run import events as ev
from holdfast.run.choose import OVER, End, Start, to_let_go
from holdfast.run.standing import Lingering

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver


FAR_US = 60_000_000
"""A timer further away than this is not waited for (cli page, Waiting)."""


def is_noop(step: Step) -> bool:
    """Whether the step does nothing but order others."""
    return isinstance(step.work, Uses) and step.work.runner == "noop"


class Waits:
    """What the engine does for steps without a process; when a timer is over is the core's to say."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver

    def noop(self, start: Start) -> None:
        """An attempt that ends as it begins."""
        driver = self._driver
        now, step = driver.world.clock.now(), driver.run.steps[start.step]
        attempt = None if promises_nothing(step) else describe(driver.site, driver.run, start.step, start.attempt)
        driver.tell(ev.Event(now, ev.AttemptStarted(facts=start.facts), step.id, start.attempt))
        ended = SUCCEEDED if attempt is None else judge_value(driver.site, driver.run, attempt, None, driver.facts)
        driver.end(now, start.step, start.attempt, ended)

    def start(self, start: Start) -> None:
        """Begin one attempt, and journal until when it waits; raises `ExpressionError`."""
        driver = self._driver
        now, step = driver.world.clock.now(), driver.run.steps[start.step]
        waiting = self._body(start, now)
        driver.tell(ev.Event(now, ev.AttemptStarted(facts=start.facts), step.id, start.attempt))
        driver.tell(ev.Event(now, waiting, step.id, start.attempt))

    def look(self) -> None:
        """End the attempts whose file is there."""
        driver = self._driver
        for i in sorted(driver.run.lingering):
            state = driver.run.states[i]
            if isinstance(state, Lingering) and state.cause == "file" and self.is_there(state.on):
                self.end(End(i, state.attempt, OVER))

    def let_go(self) -> None:
        """The run is to end, or a fan-out has failed: nothing of it waits any more."""
        driver = self._driver
        for i in to_let_go(driver.run):
            state = driver.run.states[i]
            assert isinstance(state, Lingering)
            error = ev.Error("canceled", "it is not needed any more")
            driver.end(driver.world.clock.now(), i, state.attempt, ev.AttemptEnded("canceled", error=error))

    def end(self, end: End) -> None:
        """An attempt ends; what the step promises beside is looked at where it succeeded."""
        driver = self._driver
        step, ended = driver.run.steps[end.step], end.ended
        if ended.status == "succeeded" and not promises_nothing(step):
            attempt = describe(driver.site, driver.run, end.step, end.attempt)
            ended = judge_value(driver.site, driver.run, attempt, None, driver.facts)
        driver.end(driver.world.clock.now(), end.step, end.attempt, ended)

    def is_there(self, path: str) -> bool:
        """Whether a file of this path, as the plan says it, exists."""
        return os.path.exists(os.path.join(self._driver.site.project, path))

    def _body(self, start: Start, now: int) -> ev.StepWaiting:
        step = self._driver.run.steps[start.step]
        params = render_params(self._driver.run, start.step)
        limit_s = _limit_s(step, self._driver.run.plan.limits.step_time_s)
        deadline = None if limit_s is None else now + round(limit_s * 1e6)
        if "file" in params:
            path = str(params["file"])
            return ev.StepWaiting("file", path, f"the file {path}", look_at=deadline, deadline=deadline)
        if "for" in params:
            text = str(params["for"])
            try:
                due, fixed = now + round(parse_duration(text) * 1e6), False
            except ValueError as error:
                raise ExpressionError(f"with.for: {error}") from None
            what = f"{text} to pass"
        else:
            at = moment(params["until"])
            due, fixed, text, what = at.micros, True, str(at), f"{at} to come"
        look_at = due if deadline is None else min(due, deadline)
        return ev.StepWaiting("timer", text, what, look_at=look_at, due=due, fixed=fixed, deadline=deadline)


def _limit_s(step: Step, ceiling_s: float | None) -> float | None:
    """How long an attempt that only waits may take: its timeout, which has no default, under `step_time` (S10)."""
    return min((it for it in (step.limits.timeout_s, ceiling_s) if it is not None), default=None)
