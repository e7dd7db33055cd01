"""What a run and its steps may spend, what they have spent, and what running attempts have reserved (semantics S13).

Pure. Amounts are known by key: `cost` (USD), `tokens`, `calls.<capability>`, and for a step `time` (seconds of its
attempts). What is known beforehand is reserved before it is spent: an attempt is one call of each of its capabilities,
and a step with a budget of its own reserves all of that, so that steps that run beside each other cannot spend more
than the run has. What was spent stays spent, whatever became of the attempt.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from holdfast.plan.model import Budget, Step, Uses
from holdfast.run import events as ev
from holdfast.run.particulars import Lacking

if TYPE_CHECKING:
    from holdfast.run.reached import Reached

WARN_AT: Final = 0.8
ROUNDING: Final = 1e-9
"""Amounts are floats: three times 0.1 fits into 0.3."""
FREE_RUNNERS: Final = frozenset({"noop", "gate", "wait"})
"""What spends no money and no tokens."""
CALLS: Final = "calls."
UNITS: Final = {"cost": "USD", "tokens": "tokens", "time": "s"}

Amounts = dict[str, float]


class Shortage(NamedTuple):
    """Why an attempt may not start: which budget lacks what.

    `scope` is the step whose own budget it is, or `None` for the run's. `until_free`: enough is left, but running steps
    have reserved it. `fails`: the plan says that the step fails, and does not wait for a person.
    """

    scope: str | None
    key: str
    limit: float
    spent: float
    needs: float
    until_free: bool = False
    fails: bool = False


class Account:
    """The budgets of one run. Steps are known by position."""

    __slots__ = (
        "_asked",
        "_held",
        "_of_steps",
        "_raised",
        "_run",
        "_waiting",
        "_warned",
        "limits",
        "news",
        "spent",
        "to_ask",
    )

    def __init__(self, run: "Reached") -> None:
        self._run = run
        self.limits = limits_of(run.plan.limits.budget)
        self.spent: Amounts = {}
        self._of_steps: dict[int, Amounts] = {}
        self._held: dict[int, Amounts] = {}  # reserved by running attempts and not spent yet
        self._raised: dict[int, Amounts] = {}
        self._warned: dict[tuple[int | None, str], float] = {}  # for which limit it was told
        self._waiting: dict[int, None] = {}
        self._asked: dict[tuple[str | None, str], float] = {}  # for more of which, at which limit
        self.to_ask: dict[tuple[str | None, str], Shortage] = {}  # what people are to be asked for
        self.news: list[tuple[int | None, str]] = []  # what has reached 80 % and was not told yet

    # What events change.

    def begin(self, i: int, spent: ev.Spent | None, allotted: Mapping[str, float] | None = None) -> None:
        """An attempt of step `i` starts: its calls are spent, the rest of its own budget is reserved.

        Of a step that runs a plan, that is what was `allotted` to the plan's run.
        """
        if spent is not None:
            self._add(i, amounts_of(spent))
        held = {key: left for key, left in (allotted or self._left_of(i)).items() if left > 0}
        if held:
            self._held[i] = held

    def end(self, i: int, spent: ev.Spent | None, seconds: float) -> None:
        """An attempt of step `i` has ended: what it reserved is free again, what it spent is not."""
        self._held.pop(i, None)
        amounts = amounts_of(spent) if spent is not None else {}
        if "time" in self.own_limits(i):
            amounts["time"] = seconds
        if amounts:
            self._add(i, amounts)

    def raise_limit(self, i: int | None, key: str, amount: float) -> None:
        """A person allows more."""
        self.to_ask.pop((None if i is None else self._run.steps[i].id, key), None)
        if i is None:
            self.limits[key] = self.limits.get(key, 0.0) + amount
        else:
            raised = self._raised.setdefault(i, {})
            raised[key] = raised.get(key, 0.0) + amount
        self._look(i, key)

    def warned(self, i: int | None, key: str, limit: float) -> None:
        """It was told that 80 % of `limit` are spent."""
        self._warned[i, key] = max(limit, self._warned.get((i, key), 0.0))
        self._look(i, key)

    def wait(self, i: int) -> None:
        """Step `i` waits for a budget."""
        self._waiting[i] = None

    def lack(self, i: int) -> None:
        """Step `i` has come to wait: people are asked where only they can end that, and were not."""
        short = self.shortage(i)
        if short is None or short.until_free:
            return
        key = short.scope, short.key
        if self._asked.get(key) != short.limit:
            self.to_ask.setdefault(key, short)

    def was_asked(self, lacking: Lacking) -> None:
        """People were asked for more of a budget."""
        key = lacking.step, lacking.key
        self._asked[key] = lacking.limit
        self.to_ask.pop(key, None)

    # Questions.

    def waiters(self, most: int | None = None) -> list[int]:
        """Steps that waited for a budget when they were looked at last, the longest first."""
        found = list(islice(self._waiting, most))
        for i in found:
            del self._waiting[i]
        return found

    def own_limits(self, i: int) -> Amounts:
        """The limits of step `i`'s own budget, as they were raised."""
        budget = self._run.steps[i].sharing.budget
        if budget is None:
            return {}
        limits = limits_of(budget)
        if budget.time_s is not None:
            limits["time"] = budget.time_s
        for key, amount in self._raised.get(i, {}).items():
            limits[key] = limits.get(key, 0.0) + amount
        return limits

    def spent_by(self, i: int) -> Mapping[str, float]:
        """What the attempts of step `i` have spent."""
        return self._of_steps.get(i, {})

    def time_left_s(self, i: int) -> float | None:
        """Seconds that step `i` may still run, by its own budget; `None`: it has none for time."""
        limit = self.own_limits(i).get("time")
        return None if limit is None else limit - self.spent_by(i).get("time", 0.0)

    def allotment(self, i: int) -> Amounts:
        """What a run that an attempt of step `i` is may spend: all that is left and that nobody else has reserved.

        The attempt's own calls, which it spends by starting, are not left.
        """
        own = {CALLS + name: 1.0 for name in self._run.steps[i].sharing.capabilities}
        allotted = {key: max(0.0, left - own.get(key, 0.0)) for key, left in self._left_of(i).items()}
        for key, limit in self.limits.items():
            held = sum(each.get(key, 0.0) for at, each in self._held.items() if at != i)
            left = max(0.0, limit - self.spent.get(key, 0.0) - held - own.get(key, 0.0))
            allotted[key] = min(left, allotted.get(key, left))
        return allotted

    def total(self) -> ev.Spent:
        """All that was spent, as an event says it."""
        calls = {key.removeprefix(CALLS): round(amount) for key, amount in self.spent.items() if key.startswith(CALLS)}
        return ev.Spent(self.spent.get("cost", 0.0), round(self.spent.get("tokens", 0.0)), calls)

    def shortage(self, i: int) -> Shortage | None:
        """What keeps the next attempt of step `i` from starting, or `None`."""
        step = self._run.steps[i]
        calls = {CALLS + name: 1.0 for name in step.sharing.capabilities}
        own, spent = self.own_limits(i), self.spent_by(i)
        for key, limit in own.items():
            needs = calls.get(key, 0.0)
            if _exceeds(spent.get(key, 0.0), needs, limit):
                assert step.sharing.budget is not None
                fails = step.sharing.budget.on_exhausted == "fail"
                return Shortage(step.id, key, limit, spent.get(key, 0.0), needs, fails=fails)
        if not self.limits or self._is_final(step):
            return None  # what is run last is run whatever happened (semantics S15)
        return self._shortage_of_run(i, calls | {key: left for key, left in self._left_of(i).items() if left > 0})

    def _shortage_of_run(self, i: int, needs: Amounts) -> Shortage | None:
        step = self._run.steps[i]
        may_cost = not (isinstance(step.work, Uses) and step.work.runner in FREE_RUNNERS)
        for key, limit in self.limits.items():
            if key not in needs and (key.startswith(CALLS) or not may_cost):
                continue
            spent, need = self.spent.get(key, 0.0), needs.get(key, 0.0)
            held = sum(each.get(key, 0.0) for at, each in self._held.items() if at != i)
            if _exceeds(spent + held, need, limit):
                until_free = not _exceeds(spent, need, limit)
                fails = self._run.plan.limits.budget.on_exhausted == "fail" and not until_free
                return Shortage(None, key, limit, spent, need, until_free, fails)
        return None

    def standing(self, i: int | None, key: str) -> tuple[float, float]:
        """What is spent of a budget, and its limit: the run's, or that of step `i`."""
        if i is None:
            return self.spent.get(key, 0.0), self.limits[key]
        return self.spent_by(i).get(key, 0.0), self.own_limits(i)[key]

    def snapshot(self) -> tuple[object, ...]:
        """Everything that was folded, comparable."""
        asked = self._warned, self._asked
        return self.limits, self.spent, self._of_steps, self._held, self._raised, asked, self.news

    def overview(self) -> Iterator[tuple[str, float, float | None]]:
        """Every key that is limited or spent of: spent, limit."""
        for key in sorted({*self.limits, *self.spent} - {"time"}):
            yield key, self.spent.get(key, 0.0), self.limits.get(key)

    def _is_final(self, step: Step) -> bool:
        name = step.id.partition("[")[0].partition("#")[0]  # of the step that an instance or a visit is of
        return any(each.id == name for each in self._run.plan.finally_)

    def _left_of(self, i: int) -> Amounts:
        """What step `i` may still spend by its own budget; that is what it reserves of the run's."""
        if self._run.steps[i].sharing.budget is None:
            return {}
        spent = self.spent_by(i)
        return {key: limit - spent.get(key, 0.0) for key, limit in self.own_limits(i).items() if key != "time"}

    def _add(self, i: int, amounts: Mapping[str, float]) -> None:
        own, held = self._of_steps.setdefault(i, {}), self._held.get(i)
        for key, amount in amounts.items():
            own[key] = own.get(key, 0.0) + amount
            if key != "time":
                self.spent[key] = self.spent.get(key, 0.0) + amount
                self._look(None, key)
            if held and key in held:
                held[key] = max(0.0, held[key] - amount)
            self._look(i, key)

    def _look(self, i: int | None, key: str) -> None:
        limit = (self.limits if i is None else self.own_limits(i)).get(key)
        spent = (self.spent if i is None else self.spent_by(i)).get(key, 0.0)
        reached = limit is not None and spent > 0 and spent >= limit * WARN_AT * (1 - ROUNDING)
        if not reached or self._warned.get((i, key), -1.0) >= (limit or 0.0):
            self.news = [each for each in self.news if each != (i, key)]
        elif (i, key) not in self.news:
            self.news.append((i, key))


def account_of(run: "Reached") -> Account | None:
    """The account of a run whose plan limits anything; `None` for one that does not."""
    if limits_of(run.plan.limits.budget) or any(step.sharing.budget is not None for step in run.steps):
        return Account(run)
    return None


def capped(budget: Budget, allotted: Mapping[str, float], around: Budget) -> Budget:
    """A nested plan's own budget, cut down to what the run `around` it allots."""
    limits = limits_of(budget)
    least = {key: min(amount, limits.get(key, amount)) for key, amount in allotted.items()}
    calls = {key.removeprefix(CALLS): int(amount) for key, amount in least.items() if key.startswith(CALLS)}
    return replace(
        budget,
        cost_usd=least.get("cost", budget.cost_usd),
        tokens=int(least["tokens"]) if "tokens" in least else budget.tokens,
        calls=budget.calls | calls,
        on_exhausted=budget.on_exhausted if limits or not allotted else around.on_exhausted,
    )


def limits_of(budget: Budget) -> Amounts:
    """The limits of a budget by key, the time apart."""
    limits: Amounts = {}
    if budget.cost_usd is not None:
        limits["cost"] = budget.cost_usd
    if budget.tokens is not None:
        limits["tokens"] = float(budget.tokens)
    for name, count in budget.calls.items():
        limits[CALLS + name] = float(count)
    return limits


def amounts_of(spent: ev.Spent) -> Amounts:
    """What an event says was spent, by key."""
    amounts: Amounts = {CALLS + name: float(count) for name, count in spent.calls.items() if count}
    if spent.cost_usd:
        amounts["cost"] = spent.cost_usd
    if spent.tokens:
        amounts["tokens"] = float(spent.tokens)
    return amounts


def first_calls(step: Step) -> ev.Spent | None:
    """What an attempt spends by starting: one call of each capability of its step."""
    names = step.sharing.capabilities
    return ev.Spent(calls=dict.fromkeys(names, 1)) if names else None


def negative(spent: ev.Spent) -> ev.Spent:
    """The same, given back: what was counted beforehand and never began."""
    calls = {name: -count for name, count in spent.calls.items()}
    return ev.Spent(-spent.cost_usd, -spent.tokens, calls)


def in_words(key: str, amount: float) -> str:
    """An amount of a key for people: `1.5 USD`, `900 tokens`, `3 calls of web.fetch`, `90 s`."""
    unit = UNITS.get(key) or f"{'call' if amount == 1 else 'calls'} of {key.removeprefix(CALLS)}"
    return f"{number(key, amount)} {unit}"


def number(key: str, amount: float) -> str:
    """The amount alone."""
    if key == "time":
        return f"{round(amount, 2):g}"
    return f"{amount:.6g}" if key == "cost" else f"{amount:,.0f}"


def _exceeds(spent: float, needs: float, limit: float) -> bool:
    """Whether `needs` more is too much; one that needs nothing certain may start while anything is left."""
    room = limit * (1 + ROUNDING)
    return spent + needs > room if needs else spent >= limit * (1 - ROUNDING)
