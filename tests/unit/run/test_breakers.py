"""Circuit breakers as a table, and under random histories: a trial is never lost, and never given twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import BugError
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED, JUMP_US, NOT_ITS_FAULT, Ask, Breaker, Trial, after, ask, counts, in_words
from holdfast.run.project import BreakerEvent, BreakerFailed, BreakerReleased, BreakerSucceeded, BreakerTrial
from holdfast.run.states import BreakerState, IllegalTransitionError

SECOND = 1_000_000
T0 = 1_700_000_000 * SECOND


def failed(attempt: int, generation: int = 0, *, failures: int = 2, trials: int = 1) -> BreakerFailed:
    return BreakerFailed("web", "r", "s", attempt, generation, "exit.nonzero", failures, 60.0, trials)


def ok(attempt: int, generation: int = 0) -> BreakerSucceeded:
    return BreakerSucceeded("web", "r", "s", attempt, generation)


def trial(attempt: int, run: str = "r") -> BreakerTrial:
    return BreakerTrial("web", run, "s", attempt)


def back(attempt: int) -> BreakerReleased:
    return BreakerReleased("web", "r", "s", attempt, "canceled")


def folded(*bodies: BreakerEvent) -> Breaker:
    breaker = CLOSED
    for n, body in enumerate(bodies):
        breaker = after(breaker, T0 + n, body)
    return breaker


OPEN = (failed(1), failed(2))
HALF = (*OPEN, trial(3))


@pytest.mark.parametrize(
    ("bodies", "state", "failures", "generation"),
    [
        ((), "closed", 0, 0),
        ((failed(1),), "closed", 1, 0),
        ((failed(1), ok(2), failed(3)), "closed", 1, 0),  # in a row only
        (OPEN, "open", 2, 1),
        ((*OPEN, failed(9)), "open", 2, 1),  # began before it opened
        ((*OPEN, ok(9)), "open", 2, 1),
        ((*OPEN, back(9)), "open", 2, 1),
        (HALF, "half-open", 2, 1),
        ((*HALF, failed(9)), "half-open", 2, 1),  # no trial
        ((*HALF, ok(9)), "half-open", 2, 1),
        ((*HALF, ok(3, 1)), "closed", 0, 2),
        ((*HALF, failed(3, 1)), "open", 3, 2),
        ((*HALF, back(3)), "half-open", 2, 1),
        ((*HALF, back(3), trial(4), ok(4, 1)), "closed", 0, 2),
        ((*HALF, ok(3, 1), failed(1, 0)), "closed", 0, 2),  # of the time before
        ((*HALF, ok(3, 1), failed(4, 2)), "closed", 1, 2),
    ],
)
def test_a_breaker_moves_as_the_table_says(
    bodies: tuple[BreakerEvent, ...], state: str, failures: int, generation: int
) -> None:  # semantics S12
    breaker = folded(*bodies)
    assert (breaker.state, breaker.failures, breaker.generation) == (state, failures, generation)


def test_it_opens_after_five_failures_for_a_minute_where_the_plan_says_nothing() -> None:  # semantics S12
    bodies = [BreakerFailed("web", "r", "s", n, 0, "timeout") for n in range(5)]
    assert folded(*bodies[:4]).state is BreakerState.CLOSED
    breaker = folded(*bodies)
    assert breaker.state is BreakerState.OPEN
    assert breaker.due == breaker.since + 60 * SECOND


def test_while_open_nothing_passes_until_the_cooldown_is_over() -> None:  # semantics S12
    breaker = folded(*OPEN)
    assert ask(breaker, breaker.due - 1) == Ask(passes=False, look_at=breaker.due)
    assert ask(breaker, breaker.due) == Ask(passes=True, on_trial=True)
    assert ask(CLOSED, 0) == Ask(passes=True)


def test_a_clock_that_jumped_back_makes_no_cooldown_longer() -> None:  # semantics C8
    breaker = folded(*OPEN)
    assert ask(breaker, breaker.since - JUMP_US - 1).on_trial


def test_while_one_trial_is_under_way_no_other_begins() -> None:  # semantics S12
    breaker = folded(*HALF)
    assert not ask(breaker, breaker.due + 1).passes
    with pytest.raises(BugError, match="no trial left"):
        after(breaker, T0, trial(4, "other"))
    assert "under way" in in_words("web", breaker)


def test_it_closes_when_as_many_trials_succeeded_as_the_plan_asks_for() -> None:  # semantics S12
    opened = (failed(1, failures=1, trials=2),)
    half = folded(*opened, trial(3), trial(4))
    assert half.trials == (Trial("r", "s", 3), Trial("r", "s", 4))
    once = folded(*opened, trial(3), trial(4), ok(3, 1))
    assert (once.state, once.proven, len(once.trials)) == (BreakerState.HALF_OPEN, 1, 1)
    assert not ask(once, T0).passes
    assert folded(*opened, trial(3), trial(4), ok(3, 1), ok(4, 1)).state is BreakerState.CLOSED
    assert folded(*opened, trial(3), trial(4), ok(3, 1), failed(4, 1)).state is BreakerState.OPEN


def test_a_closed_breaker_has_no_trials_to_give() -> None:
    with pytest.raises(IllegalTransitionError):
        folded(trial(1))


@pytest.mark.parametrize("status", ["failed", "timed_out", "stalled", "uncertain"])
@pytest.mark.parametrize("code", ["exit.nonzero", "signal", "timeout", "expect.failed", "http.status", "uncertain"])
def test_what_the_work_did_wrong_counts(status: ev.AttemptStatus, code: str) -> None:  # semantics S12
    assert counts(ev.AttemptEnded(status, error=ev.Error(code))) is False


@pytest.mark.parametrize("status", ["canceled", "lost"])
def test_what_others_ended_counts_neither_way(status: ev.AttemptStatus) -> None:  # semantics S12
    assert counts(ev.AttemptEnded(status, error=ev.Error(status))) is None


@pytest.mark.parametrize("code", sorted(NOT_ITS_FAULT))
def test_what_failed_beside_the_work_counts_neither_way(code: str) -> None:  # semantics S12
    assert counts(ev.AttemptEnded("failed", error=ev.Error(code))) is None
    assert counts(ev.AttemptEnded("uncertain", error=ev.Error(code))) is None
    assert counts(ev.AttemptEnded("succeeded")) is True


@given(st.lists(st.tuples(st.sampled_from(["start", "fail", "ok", "free", "tick"]), st.integers(0, 5)), max_size=120))
def test_whatever_happens_a_trial_can_be_had_again(moves: list[tuple[str, int]]) -> None:  # semantics S12
    """Attempts that ask first, and end in any way and any order: never two trials at once, and never none for ever."""
    breaker, now, number = CLOSED, T0, 0
    running: dict[int, int] = {}  # attempt -> generation
    for move, which in moves:
        now += SECOND
        if move == "tick":
            now += 30 * SECOND
        elif move == "start":
            answer = ask(breaker, now)
            number += 1
            if answer.on_trial:
                breaker = after(breaker, now, trial(number))
            if answer.passes:
                running[number] = breaker.generation
        elif running:
            attempt = sorted(running)[which % len(running)]
            generation = running.pop(attempt)
            ends: dict[str, BreakerEvent] = {"fail": failed(attempt, generation), "ok": ok(attempt, generation)}
            breaker = after(breaker, now, ends.get(move, back(attempt)))
        assert len(breaker.trials) <= breaker.allowed
        assert {each.attempt for each in breaker.trials} <= set(running)
    for attempt, generation in running.items():
        breaker = after(breaker, now, failed(attempt, generation) if attempt % 2 else back(attempt))
    assert breaker.trials == ()
    assert ask(breaker, max(now, breaker.due)).passes
