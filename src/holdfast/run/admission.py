"""What a ready step must have before its attempt starts, checked in one order (semantics S4).

requires → breaker → budget → resources → locks. What lacks is a value with its reason; the step waits for it without a
slot. Pure: host facts come in as values and are journaled with the decision. Locks are the journal's to give (they are
shared by runs), in the transaction that holds the attempt's start, and come last.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.plan.expr import ExpressionError, compile_expression, truth
from holdfast.plan.model import Plan, Step
from holdfast.plan.model import Run as Work
from holdfast.run import events as ev
from holdfast.run.breakers import ask, in_words
from holdfast.run.context import context_for
from holdfast.run.growth import is_about_item
from holdfast.run.reckoning import lack_in_words

if TYPE_CHECKING:
    from holdfast.run.machine import Run

NOTHING_SHARED: Final = Step(id="", work=Work(text="")).sharing
"""What most steps have; one object for all of them."""
LOOK_US: Final = 5_000_000
"""How often `requires` is looked at again."""
PATIENT: Final = frozenset({"requires", "budget"})
"""What nobody stays for: it may take a person, or for ever."""
WATCHED: Final = frozenset({"file", "lock", "resources"})
"""What may come at any moment, without a person."""
PEOPLE: Final = frozenset({"budget", "deadlock"})
"""What only a person can end."""


class Lack(NamedTuple):
    """What a step lacks: the cause, its stable name, a line for people, and when to look again where time tells."""

    cause: ev.WaitCause
    on: str
    what: str
    look_at: int | None = None
    error: ev.Error | None = None  # it does not wait: the step fails


def is_free(run: "Run", step: Step) -> bool:
    """Whether the step asks for nothing before it starts but a slot: most steps, and they pay nothing here."""
    return (
        run.account is None
        and step.sharing is NOTHING_SHARED
        and (step.conditions is None or not step.conditions.requires)
    )


def lacking(run: "Run", i: int, now: int, facts: Mapping[str, object], used: dict[str, object]) -> Lack | None:
    """What step `i` lacks, or `None`: then it starts. Facts that were looked at are added to `used`.

    Raises `ExpressionError` where a precondition cannot be evaluated: the step fails (semantics S3).
    """
    # A fan-out asks once for what holds for all of it; its instances ask for the rest.
    checks = (_requires, _breaker, _budget, _resources) if run.steps[i].for_each is None else (_requires,)
    for check in checks:
        lack = check(run, i, now, facts, used)
        if lack is not None:
            return lack
    return None


def _requires(run: "Run", i: int, now: int, facts: Mapping[str, object], used: dict[str, object]) -> Lack | None:
    conditions = run.steps[i].conditions
    if conditions is None:
        return None
    is_template = run.steps[i].for_each is not None
    for text in conditions.requires:
        if is_template and is_about_item(text):
            continue
        try:
            expression = compile_expression(text)
            used |= {name: facts[name] for name in sorted(expression.facts) if name in facts}
            if not truth(expression.evaluate(context_for(run, expression.references, facts, i))):
                return Lack("requires", text, text, now + LOOK_US)
        except ExpressionError as error:
            raise ExpressionError(f"requires: {text}: {error.headline}") from None
    return None


def _breaker(run: "Run", i: int, now: int, _facts: Mapping[str, object], _used: dict[str, object]) -> Lack | None:
    name = run.steps[i].sharing.breaker
    breaker = None if name is None else run.breakers.get(name)
    if name is None or breaker is None:
        return None
    answer = ask(breaker, now)
    if answer.passes:
        return None
    return Lack("breaker", f"{name} {breaker.generation}", in_words(name, breaker), answer.look_at)


def _budget(run: "Run", i: int, _now: int, _facts: Mapping[str, object], _used: dict[str, object]) -> Lack | None:
    short = None if run.account is None else run.account.shortage(i)
    if short is None:
        return None
    said = lack_in_words(run.id, short)
    error = ev.Error("budget.exhausted", said) if short.fails else None
    on = f"{short.scope or 'the run'}: {short.key}, {short.limit:g}{', reserved' if short.until_free else ''}"
    return Lack("budget", on, said, error=error)


def _resources(run: "Run", i: int, _now: int, _facts: Mapping[str, object], _used: dict[str, object]) -> Lack | None:
    needs = run.steps[i].sharing.needs_resources
    stock = run.waiting.stock
    if not needs or stock is None:
        return None
    name = stock.lacks(i, needs)
    if name is None:
        return None
    there = run.plan.limits.resources[name]
    return Lack("resources", name, f"{needs[name]:g} of {name}, of which the run has {there:g}")


def wanted_texts(plan: Plan) -> list[str]:
    """The expressions that are looked at before steps start."""
    return [
        text for step in plan.steps + plan.finally_ if step.conditions is not None for text in step.conditions.requires
    ]
