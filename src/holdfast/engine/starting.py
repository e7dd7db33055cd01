"""The beginning of an attempt: who does the work, by what kind of step it is."""

from typing import TYPE_CHECKING

from holdfast.engine.waits import is_noop
from holdfast.plan.expr import ExpressionError
from holdfast.plan.nested import is_nested
from holdfast.run import events as ev
from holdfast.run.choose import Start
from holdfast.run.queue import takes_no_slot

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver


def begin(driver: "Driver", start: Start) -> None:
    """Begin an attempt, or fail it where it cannot be told what to do."""
    step = driver.run.steps[start.step]
    try:
        if step.inline:
            driver.calls.start(start)
        elif is_noop(step):
            driver.waits.noop(start)
        elif takes_no_slot(step):
            driver.waits.start(start)
        elif is_nested(step):
            driver.nested.start(start)
        else:
            attempt = driver.commands.prepare(start)
            driver.tell(ev.Event(driver.world.clock.now(), attempt.started, step.id, start.attempt))
            driver.launches.append(attempt)
    except ExpressionError as error:
        driver.fail_unstarted(start, ev.Error("expression.invalid", error.headline))
