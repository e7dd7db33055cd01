"""What a run's limits have to say before anything else is decided: a budget nearly spent, a time that is over."""

from typing import TYPE_CHECKING, Final

from holdfast.plan.model import DEFAULT_TIMEOUT_S
from holdfast.plan.units import format_duration
from holdfast.run import events as ev
from holdfast.run.budgets import WARN_AT, Shortage, in_words, number

LATER_S: Final = 2.0
"""How much later than the engine the keeper ends what runs longer than the run may."""
LEAST_S: Final = 0.001

if TYPE_CHECKING:
    from holdfast.run.reached import Reached


def reckon(run: "Reached", now: int) -> ev.Event | None:
    """The next event that the limits of a running run ask for, or `None`."""
    watch, account = run.stopwatch, run.account
    if watch is not None and not (run.ending or run.finalizing):
        ran = watch.ran_us(now)
        if not watch.warned and ran >= watch.limit_us * WARN_AT:
            return ev.Event(now, ev.BudgetWarned("time", ran / 1e6, watch.limit_us / 1e6))
        if ran >= watch.limit_us and run.left:
            return ev.Event(now, ev.RunExpired(watch.limit_us / 1e6))
    if account is not None and account.news:
        i, key = account.news[0]
        spent, limit = account.standing(i, key)
        return ev.Event(now, ev.BudgetWarned(key, spent, limit), None if i is None else run.steps[i].id)
    if account is not None and account.to_ask:
        from holdfast.run.shortages import ask  # noqa: PLC0415 - few runs spend all that they may

        return ask(account, now)
    return None


def due(run: "Reached") -> int | None:
    """When the run's limits have to be looked at next, if nothing else happens before."""
    watch = run.stopwatch
    if watch is None or run.ending or run.finalizing:
        return None
    return watch.due(1.0 if watch.warned else WARN_AT)


def timeout_s(run: "Reached", i: int) -> float:
    """How long an attempt of step `i` may take: its own timeout, under every limit that is above it (semantics S10).

    The engine stops it when the run's time is over; the keeper does, a little later, where no engine lives. `finally`
    steps run whatever happened, so the run's time is no limit of theirs (semantics S15).
    """
    plan, watch = run.plan, run.stopwatch
    found = [run.steps[i].limits.timeout_s or DEFAULT_TIMEOUT_S]
    if plan.limits.step_time_s is not None:
        found.append(plan.limits.step_time_s)
    if watch is not None and not run.finalizing:
        found.append(max(0.0, watch.left_us(run.at) / 1e6) + LATER_S)
    left = run.account.time_left_s(i) if run.account is not None else None
    if left is not None:
        found.append(max(LEAST_S, left))
    return min(found)


def ran_s(run: "Reached", now: int) -> float:
    """How long a run whose time is limited was running, in seconds; 0 for one that is not limited."""
    return 0.0 if run.stopwatch is None else run.stopwatch.ran_us(now) / 1e6


def expiry(run: "Reached") -> str | None:
    """Why a run whose time is over failed, for people; `None` where it is not over."""
    watch = run.stopwatch
    if watch is None or not run.expired:
        return None
    return f"the run's time limit of {format_duration(watch.limit_us / 1e6)} was over (limits.time)"


def lack_in_words(run: str, short: Shortage) -> str:
    """A shortage for people: which budget, how much of it is spent, and what to do."""
    said = spent_in_words(short)
    if short.until_free:
        return f"{said}, which running steps have reserved"
    if short.fails:
        return said
    step = "" if short.scope is None else f" --step {short.scope}"
    return f"{said} (holdfast budget {run} {short.key} +AMOUNT{step} --reason TEXT)"


def spent_in_words(short: Shortage) -> str:
    """`3 of 3 calls of model of the run's budget spent; it needs 1 more`."""
    whose = "the run's budget" if short.scope is None else "the step's own budget"
    needs = f"; it needs {number(short.key, short.needs)} more" if short.needs else ""
    return f"{number(short.key, short.spent)} of {in_words(short.key, short.limit)} of {whose} spent{needs}"
