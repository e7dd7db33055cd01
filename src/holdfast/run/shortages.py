"""Budgets that are spent: people are asked once for each to allow more of it (semantics S13, G8)."""

from typing import TYPE_CHECKING, ClassVar

from holdfast.run import events as ev
from holdfast.run.particulars import Lacking
from holdfast.run.reckoning import spent_in_words

if TYPE_CHECKING:
    from holdfast.run.budgets import Account, Shortage
    from holdfast.run.reached import Reached


class BudgetAsked(ev.Body, frozen=True):
    """Steps cannot start before more of a budget is allowed."""

    kind: ClassVar[str] = "budget.asked"
    lacking: Lacking


def ask(account: "Account", now: int) -> ev.Event:
    """The next question about a budget that steps have come to wait for."""
    short: Shortage = next(iter(account.to_ask.values()))
    said = spent_in_words(short)
    return ev.Event(now, BudgetAsked(Lacking(short.key, short.spent, short.limit, said, short.scope)))


def fold(run: "Reached", body: BudgetAsked) -> None:
    """It was asked: not again, before the limit is another one."""
    assert run.account is not None
    run.account.was_asked(body.lacking)
