"""Raising a budget: what a person asks for, checked against what the run has (semantics G9)."""

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from holdfast.errors import RequestError
from holdfast.plan.units import format_duration, parse_duration
from holdfast.run import events as ev
from holdfast.run.budgets import in_words

if TYPE_CHECKING:
    from holdfast.run.machine import Run

AMOUNT_MAX = 1e15
ALIASES = {"cost_usd": "cost", "time_s": "time"}


class Raise(NamedTuple):
    """What is asked for, as it was written: `amount` more of `key`, of the run or of a step's own budget."""

    key: str
    amount: str
    step: str | None
    reason: str
    by: str | None = None


def raising(state: "Run", asked: Raise, who: ev.Who) -> ev.BudgetRaised:
    """The event; raises `RequestError` for a budget that the run does not have or an amount that is none."""
    key = ALIASES.get(asked.key, asked.key)
    known = _limits(state, asked.step)
    if key not in known:
        whose = f"run {state.id}" if asked.step is None else f'step "{asked.step}" of run {state.id}'
        hint = f"it has {', '.join(sorted(known))}" if known else "its plan sets none"
        raise RequestError(f'{whose} has no budget "{asked.key}"', code="E_NO_BUDGET", hint=hint)
    return ev.BudgetRaised(key, amount_of(key, asked.amount), who, asked.reason)


def in_short(key: str, amount: float, step: str | None) -> str:
    """What was allowed, for people."""
    whose = "" if step is None else f' for step "{step}"'
    return f"{format_duration(amount) if key == 'time' else in_words(key, amount)} more are allowed{whose}"


def amount_of(key: str, text: str) -> float:
    """The amount that is added; raises `RequestError`."""
    bare = text.strip().removeprefix("+")
    try:
        if key == "time":
            amount = parse_duration(bare)
        elif key == "cost":
            amount = float(bare)
        else:
            amount = float(int(bare))
    except (ValueError, OverflowError):
        amount = 0.0
    if not (isfinite(amount) and 0 < amount <= AMOUNT_MAX):
        example = {"time": "+30m", "cost": "+2.50"}.get(key, "+100")
        what = "a duration" if key == "time" else "an amount"
        raise RequestError(
            f'"{text}" is not {what} that can be added', code="E_AMOUNT", hint=f"write it like {example}"
        )
    return amount


def _limits(state: "Run", step: str | None) -> set[str]:
    if step is None:
        found = set(state.account.limits) if state.account is not None else set()
        return found | ({"time"} if state.stopwatch is not None else set())
    i = state.index.get(step)
    if i is None:
        raise RequestError(
            f'run {state.id} has no step "{step}"', code="E_UNKNOWN_ID", hint=f"holdfast show {state.id}"
        )
    return set(state.account.own_limits(i)) if state.account is not None else set()
