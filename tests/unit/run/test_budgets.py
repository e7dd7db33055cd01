"""Budgets: what is spent, reserved, refused and warned of; nothing known beforehand is ever overrun."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdfast.plan.model import Budget, Plan, RunLimits, Sharing, Step, Uses
from holdfast.run import events as ev
from holdfast.run.budgets import Account, account_of, first_calls, in_words, negative
from holdfast.run.reached import Reached
from holdfast.run.reckoning import lack_in_words
from tests.unit.run.story import step

WEB = ("web",)


def sharing(name: str, budget: Budget | None = None, calls: tuple[str, ...] = ()) -> Step:
    return replace(step(name), sharing=Sharing(capabilities=calls, budget=budget))


def account(limits: Budget, *steps: Step, final: tuple[Step, ...] = ()) -> Account:
    found = account_of(Reached("r", Plan(id="p", steps=steps, finally_=final, limits=RunLimits(budget=limits))))
    assert found is not None
    return found


def key_of(its: Account, i: int) -> str | None:
    short = its.shortage(i)
    return None if short is None else short.key


def test_a_plan_without_limits_has_no_account() -> None:
    assert account_of(Reached("r", Plan(id="p", steps=(step("a"),)))) is None


def test_an_attempt_is_one_call_and_what_it_says_comes_on_top() -> None:  # semantics S13
    its = account(Budget(calls={"web": 4}), sharing("a", calls=WEB))
    its.begin(0, first_calls(sharing("a", calls=WEB)))
    its.end(0, ev.Spent(0.5, 10, {"web": 2, "other": 7}), 1.0)
    assert its.spent == {"calls.web": 3.0, "calls.other": 7.0, "cost": 0.5, "tokens": 10.0}
    assert its.shortage(0) is None
    its.begin(0, ev.Spent(calls={"web": 1}))
    assert key_of(its, 0) == "calls.web"


def test_only_steps_that_use_the_capability_wait_for_its_calls() -> None:  # semantics S13
    its = account(Budget(calls={"web": 0}), sharing("a", calls=WEB), step("b"))
    assert key_of(its, 0) == "calls.web"
    assert its.shortage(1) is None


def test_money_that_is_spent_stops_what_may_cost() -> None:  # semantics S13
    free = Step(id="n", work=Uses(runner="noop"))
    its = account(Budget(cost_usd=1.0), step("a"), step("b"), free)
    assert its.shortage(1) is None
    its.begin(0, None)
    its.end(0, ev.Spent(1.0), 1.0)
    assert [key_of(its, i) for i in range(3)] == ["cost", "cost", None]


def test_what_a_step_may_spend_is_reserved_while_it_runs() -> None:  # semantics S13
    its = account(Budget(cost_usd=1.0), *(sharing(name, Budget(cost_usd=0.4)) for name in "abc"))
    its.begin(0, None)
    its.begin(1, None)
    short = its.shortage(2)
    assert short is not None
    assert (short.key, short.needs, short.until_free, short.fails) == ("cost", 0.4, True, False)
    its.end(0, ev.Spent(0.1), 1.0)
    assert its.shortage(2) is None
    its.end(1, ev.Spent(0.7), 1.0)  # more than its own budget: nobody could know that
    short = its.shortage(2)
    assert short is not None
    assert not short.until_free
    assert "holdfast budget r cost +AMOUNT" in lack_in_words("r", short)


def test_what_a_nested_run_may_spend_is_less_the_calls_of_its_own_step() -> None:  # semantics S13
    its = account(Budget(calls={"web": 3}), sharing("a", Budget(calls={"web": 5}), WEB), sharing("b", calls=WEB))
    assert [its.allotment(i) for i in range(2)] == [{"calls.web": 2.0}, {"calls.web": 2.0}]
    its.begin(0, ev.Spent(calls={"web": 1}), its.allotment(0))
    assert its.allotment(1) == {"calls.web": 0.0}


def test_three_times_a_tenth_fits_into_three_tenths() -> None:
    its = account(Budget(cost_usd=0.3), *(sharing(name, Budget(cost_usd=0.1)) for name in "abc"))
    for i in range(3):
        assert its.shortage(i) is None
        its.begin(i, None)


def test_a_retry_spends_from_what_the_step_has_left() -> None:  # semantics S13
    its = account(Budget(), sharing("a", Budget(tokens=100, time_s=10, on_exhausted="fail")))
    its.begin(0, None)
    its.end(0, ev.Spent(tokens=60), 4.0)
    assert its.shortage(0) is None
    assert its.time_left_s(0) == 6.0
    its.begin(0, None)
    its.end(0, ev.Spent(tokens=40), 1.0)
    short = its.shortage(0)
    assert short is not None
    assert (short.scope, short.key, short.spent, short.fails) == ("a", "tokens", 100.0, True)
    its.raise_limit(0, "tokens", 1)
    assert its.shortage(0) is None
    its.begin(0, None)
    its.end(0, None, 5.0)
    assert key_of(its, 0) == "time"


def test_what_never_began_is_given_back() -> None:  # semantics C5, S13
    calls = first_calls(sharing("a", calls=WEB))
    assert calls is not None
    its = account(Budget(calls={"web": 1}), sharing("a", calls=WEB))
    its.begin(0, calls)
    its.end(0, negative(calls), 0.0)
    assert its.shortage(0) is None


def test_finally_is_run_whatever_was_spent() -> None:  # semantics S15
    last = sharing("last", Budget(tokens=1), WEB)
    its = account(Budget(cost_usd=0.0, calls={"web": 0}), step("a"), final=(last,))
    assert [key_of(its, i) for i in range(2)] == ["cost", None]
    its.begin(1, first_calls(last))
    its.end(1, ev.Spent(tokens=1), 0.0)
    assert key_of(its, 1) == "tokens"  # its own budget holds for it


def test_eighty_percent_are_told_once_and_again_when_more_was_allowed() -> None:  # semantics S13
    its = account(Budget(cost_usd=10.0), step("a"))
    its.begin(0, None)
    its.end(0, ev.Spent(7.9), 0.0)
    assert its.news == []
    its.begin(0, None)
    its.end(0, ev.Spent(0.1), 0.0)
    assert its.news == [(None, "cost")]
    its.warned(None, "cost", 10.0)
    assert its.news == []
    its.raise_limit(None, "cost", 10.0)
    its.begin(0, None)
    its.end(0, ev.Spent(9.0), 0.0)
    assert its.news == [(None, "cost")]


def test_a_raise_before_or_after_the_warning_comes_to_the_same() -> None:  # semantics S16
    def told(*, first: bool) -> tuple[list[tuple[int | None, str]], dict[str, float]]:
        its = account(Budget(tokens=100), step("a"))
        its.end(0, ev.Spent(tokens=95), 0.0)
        if first:
            its.raise_limit(None, "tokens", 10)
        its.warned(None, "tokens", 100.0)
        if not first:
            its.raise_limit(None, "tokens", 10)
        return its.news, its.limits

    assert told(first=True) == told(first=False)


@pytest.mark.parametrize(
    ("key", "amount", "words"),
    [
        ("cost", 1.5, "1.5 USD"),
        ("tokens", 1200.0, "1,200 tokens"),
        ("calls.web.fetch", 1.0, "1 call of web.fetch"),
        ("calls.web.fetch", 3.0, "3 calls of web.fetch"),
        ("time", 90.0, "90 s"),
    ],
)
def test_amounts_in_words(key: str, amount: float, words: str) -> None:
    assert in_words(key, amount) == words


@given(
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 4)), max_size=80),
)
def test_what_is_known_beforehand_is_never_overrun(
    limit: int, shapes: list[tuple[int, bool]], moves: list[tuple[int, bool, int]]
) -> None:  # semantics S13
    """Steps in parallel, retried, failing; each spends no more than it reserved: the run's limit always holds."""
    steps = [
        sharing(f"s{n}", Budget(calls={"web": own}) if has_own else None, WEB)
        for n, (own, has_own) in enumerate(shapes)
    ]
    its = account(Budget(calls={"web": limit}), *steps)
    running: set[int] = set()
    for which, starts, more in moves:
        i = which % len(steps)
        if starts and i not in running and its.shortage(i) is None:
            its.begin(i, first_calls(steps[i]))
            running.add(i)
        elif not starts and i in running:
            running.discard(i)
            own, has_own = shapes[i]
            left = own - int(its.spent_by(i).get("calls.web", 0)) if has_own else 0
            its.end(i, ev.Spent(calls={"web": min(more, left)}), 1.0)
        assert its.spent.get("calls.web", 0) <= limit
        assert all(its.spent_by(n).get("calls.web", 0) <= own for n, (own, has) in enumerate(shapes) if has)
    for i in running:
        its.end(i, None, 1.0)
    assert its.spent.get("calls.web", 0) <= limit
