"""What a run has spent, of what it may spend, and the warnings about that: from the facts of the journal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.journal.documents import Limits, Spending
from holdfast.plan.model import Budget
from holdfast.run import events as ev
from holdfast.run.budgets import in_words, number

if TYPE_CHECKING:
    from holdfast.journal.showing import AttemptFacts, Facts

COST_PLACES: Final = 9
"""Of a sum in USD that people see: what adding floats leaves behind them is not money."""


class BudgetFacts(NamedTuple):
    """One event about a limit: of the run, or (`step`) of a step's own budget."""

    step: str | None
    body: ev.Body


def spending(facts: "Facts") -> Spending:
    """What the whole run has spent, and may spend."""
    return sum_of(facts.attempts, _ran_s(facts), _limits(facts.limits, facts.budget))


def sum_of(attempts: "Iterable[AttemptFacts]", time_s: float | None = None, limits: Limits | None = None) -> Spending:
    """What attempts have spent, by starting and by what they said."""
    cost, tokens, calls = 0.0, 0, dict[str, int]()
    for attempt in attempts:
        for spent in (attempt.start.spent, attempt.end.spent if attempt.end is not None else None):
            if spent is not None:
                cost += spent.cost_usd
                tokens += spent.tokens
                for name, count in spent.calls.items():
                    calls[name] = calls.get(name, 0) + count
    cost = round(cost, COST_PLACES)
    return Spending(cost, tokens, {name: count for name, count in calls.items() if count}, time_s, limits)


def warnings(budget: "Sequence[BudgetFacts]") -> list[str]:
    """What is to be said of budgets that are nearly spent; each once, as it was told last, until more is allowed."""
    told: dict[tuple[str | None, str], str] = {}
    for step, body in budget:
        if isinstance(body, ev.BudgetRaised):
            told.pop((step, body.key), None)
        elif isinstance(body, ev.BudgetWarned):
            whose = "the run's budget" if step is None else f'the budget of step "{step}"'
            part = f"{100 * body.spent / body.limit:.0f} %" if body.limit else "all"
            told[step, body.key] = (
                f"{part} of {whose} spent: {_amount(body.key, body.spent)} of {in_words(body.key, body.limit)}"
            )
    return list(told.values())


def _amount(key: str, amount: float) -> str:
    return number(key, round(amount, 1) if key == "time" else amount)


def _limits(budget: Budget, raised: "Sequence[BudgetFacts]") -> Limits | None:
    more: dict[str, float] = {}
    for step, body in raised:
        if step is None and isinstance(body, ev.BudgetRaised):
            more[body.key] = more.get(body.key, 0.0) + body.amount
    limits = Limits(
        None if budget.cost_usd is None else budget.cost_usd + more.get("cost", 0.0),
        None if budget.tokens is None else budget.tokens + int(more.get("tokens", 0.0)),
        {name: count + int(more.get(f"calls.{name}", 0.0)) for name, count in budget.calls.items()},
        None if budget.time_s is None else budget.time_s + more.get("time", 0.0),
    )
    return None if limits == Limits() else limits


def _ran_s(facts: "Facts") -> float | None:
    """Seconds that the run was running, where its plan limits them; while it runs, up to its last attempt's news."""
    if facts.limits.time_s is None:
        return None
    moved = facts.run.moved
    if isinstance(moved, ev.RunPaused | ev.RunBlocked | ev.RunFinished):
        return moved.ran_s
    if not isinstance(moved, ev.RunOwned):
        return 0.0
    last = max((max(each.started, each.finished or 0) for each in facts.attempts), default=facts.run.moved_at)
    return moved.ran_s + max(0, last - facts.run.moved_at) / 1e6
