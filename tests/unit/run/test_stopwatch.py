"""How long a run has run: what it spent blocked, paused or without an engine does not count (semantics S10)."""

import pytest
from msgspec.structs import replace

from holdfast.plan.model import Budget, Depends, Plan, RunLimits
from holdfast.run import events as ev
from holdfast.run.choose import Start, Tell, at_rest, choose, to_stop, wake_at
from holdfast.run.finishing import outcome
from holdfast.run.machine import Run, fold
from holdfast.run.reckoning import timeout_s
from tests.unit.run.story import CREATED, OWNED, SECOND, T0, step

LIMITS = RunLimits(budget=Budget(time_s=100.0), step_time_s=50.0)
PLAN = Plan(id="p", steps=(step("a"), step("b", "a")), limits=LIMITS)


class Timed:
    """A run with a limit of 100 seconds, told event by event."""

    def __init__(self) -> None:
        self.run = Run("r", PLAN)
        self.events: list[ev.Event] = []

    def tell(self, at: int, body: ev.Body, name: str | None = None, attempt: int | None = None) -> None:
        event = ev.Event(T0 + at * SECOND, body, name, attempt)
        self.events.append(event)
        self.run.apply(event)

    def ran(self, at: int) -> float:
        assert self.run.stopwatch is not None
        return self.run.stopwatch.ran_us(T0 + at * SECOND) / SECOND


def begun() -> Timed:
    timed = Timed()
    timed.tell(0, CREATED)
    timed.tell(10, OWNED)
    return timed


def test_a_pause_does_not_count() -> None:  # semantics S10
    timed = begun()
    timed.tell(15, ev.RunPausing())
    timed.tell(20, ev.RunPaused())
    assert timed.ran(500) == 10
    timed.tell(500, replace(OWNED, fence=2))
    assert timed.ran(505) == 15
    timed.tell(510, ev.RunBlocked())
    assert timed.ran(1000) == 20


def test_an_engine_that_died_ran_until_its_last_event() -> None:  # semantics S10, C5
    timed = begun()
    timed.tell(30, ev.AttemptStarted(), "a", 1)
    timed.tell(500, replace(OWNED, fence=2))
    assert timed.ran(500) == 20


def test_what_ran_on_without_an_engine_counts_when_its_end_is_known() -> None:  # semantics S10, C2
    timed = begun()
    timed.tell(30, ev.AttemptStarted(), "a", 1)
    timed.tell(500, replace(OWNED, fence=2))
    timed.tell(90, ev.AttemptEnded("succeeded"), "a", 1)  # the keeper's time
    assert timed.ran(500) == 80
    assert timed.ran(510) == 90
    assert fold(Run("r", PLAN), timed.events).stopwatch is not None


def test_eighty_percent_are_told_and_then_the_end() -> None:  # semantics S10, S13
    timed = begun()
    run = timed.run
    timed.tell(10, ev.AttemptStarted(), "a", 1)
    assert wake_at(run) == T0 + 90 * SECOND
    assert choose(run, T0 + 89 * SECOND, 1, {}) is None
    told = choose(run, T0 + 90 * SECOND, 0, {})
    assert isinstance(told, Tell)
    assert told.event.body == ev.BudgetWarned("time", 80.0, 100.0)
    run.apply(told.event)
    assert wake_at(run) == T0 + 110 * SECOND
    told = choose(run, T0 + 110 * SECOND, 0, {})
    assert isinstance(told, Tell)
    assert told.event.body == ev.RunExpired(100.0)
    run.apply(told.event)
    assert (run.ending, to_stop(run), wake_at(run)) == (True, [0], None)
    run.apply(ev.Event(T0 + 111 * SECOND, ev.AttemptEnded("canceled"), "a", 1))
    rest = at_rest(run, T0 + 111 * SECOND, {})
    assert rest is not None
    body = rest.event.body
    assert isinstance(body, ev.RunFinished)
    assert (body.outcome, body.ran_s) == ("failed", 101.0)
    assert body.reason == "the run's time limit of 1m40s was over (limits.time)"


def test_more_time_lets_it_go_on() -> None:  # semantics G9
    timed = begun()
    timed.tell(20, ev.BudgetRaised("time", 60.0))
    told = choose(timed.run, T0 + 111 * SECOND, 0, {})
    assert told is None
    assert wake_at(timed.run) == T0 + 138 * SECOND


def test_a_run_that_was_done_in_time_is_not_failed_by_it() -> None:  # semantics S14
    timed = begun()
    for name in "ab":
        timed.tell(100, ev.AttemptStarted(), name, 1)
        timed.tell(110, ev.AttemptEnded("succeeded"), name, 1)
    assert outcome(timed.run) == "succeeded"
    rest = at_rest(timed.run, T0 + 120 * SECOND, {})
    assert rest is not None
    assert isinstance(rest.event.body, ev.RunFinished)
    assert rest.event.body.reason is None


def test_an_attempts_timeout_is_under_every_limit() -> None:  # semantics S10
    timed = begun()
    assert timeout_s(timed.run, 0) == 50.0
    timed.tell(90, ev.AttemptStarted(), "a", 1)
    assert timeout_s(timed.run, 1) == 22.0  # what the run has left, and a little for the engine to be first


def test_a_step_that_says_nothing_has_half_an_hour() -> None:  # semantics S10
    run = Run("r", Plan(id="p", steps=(step("a"),)))
    assert timeout_s(run, 0) == 1800.0


def finishing(at: int) -> Run:
    """A run whose `finally` step has its turn; its time was over before, or (`at` 0) is over meanwhile."""
    plan = Plan(id="p", steps=(step("a"),), finally_=(step("z", depends=Depends.DONE),), limits=LIMITS)
    run = fold(Run("r", plan), [ev.Event(T0, CREATED), ev.Event(T0 + 10 * SECOND, OWNED)])
    run.apply(ev.Event(T0 + 20 * SECOND, ev.AttemptStarted(), "a", 1))
    if at:
        run.apply(ev.Event(T0 + at * SECOND, ev.BudgetWarned("time", 80.0, 100.0)))
        run.apply(ev.Event(T0 + at * SECOND, ev.RunExpired(100.0)))
    ended = ev.AttemptEnded("canceled" if at else "succeeded")
    run.apply(ev.Event(T0 + 115 * SECOND, ended, "a", 1))
    rest = at_rest(run, T0 + 115 * SECOND, {})
    assert rest is not None
    assert isinstance(rest.event.body, ev.RunEnding)
    run.apply(rest.event)
    return run


@pytest.mark.parametrize("at", [0, 110])
def test_time_that_is_over_is_told_once_and_leaves_finally_steps_alone(at: int) -> None:  # semantics S10, S15
    run = finishing(at)
    assert choose(run, T0 + 116 * SECOND, 1, {}) == Start(1, 1, {})
    assert wake_at(run) is None
    assert timeout_s(run, 1) == 50.0  # step_time: a ceiling for every step
    run.apply(ev.Event(T0 + 116 * SECOND, ev.AttemptStarted(), "z", 1))
    assert choose(run, T0 + 140 * SECOND, 1, {}) is None
    assert to_stop(run) == []
    run.apply(ev.Event(T0 + 150 * SECOND, ev.AttemptEnded("succeeded"), "z", 1))
    assert outcome(run) == ("failed" if at else "succeeded")
