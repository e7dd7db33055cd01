"""Resources, kept account of in another way than the core does: never too much in use, nobody passed in line (S4)."""

from collections.abc import Iterable

from holdfast.plan.model import Step
from holdfast.run import events as ev
from holdfast.run.alarms import Escalated
from holdfast.run.machine import Run
from holdfast.run.standing import Lingering, Running, Waiting

ROUNDING = 1e-6


class Rationing:
    """Who stands in line for resources since which event, as the journal says."""

    def __init__(self, limits: dict[str, float]) -> None:
        self._limits = limits
        self._line: dict[int, None] = {}

    def recorded(self, i: int, event: ev.Event, before: Run) -> str | None:
        """An event of step `i` becomes durable; says what is wrong with it."""
        wrong = None
        if isinstance(event.body, ev.AttemptStarted):
            wrong = self._check_start(i, before)
        if isinstance(event.body, ev.StepWaiting) and event.body.cause == "resources":
            self._line.setdefault(i)
        elif i in self._line and not isinstance(event.body, Escalated):
            del self._line[i]
        return wrong

    def excess(self, steps: Iterable[Step]) -> str | None:
        """Of which resource these steps together use too much."""
        used: dict[str, float] = {}
        for step in steps:
            for name, amount in step.sharing.needs_resources.items():
                used[name] = used.get(name, 0.0) + amount
        return next((name for name, amount in used.items() if amount > self._limits[name] + ROUNDING), None)

    def _check_start(self, i: int, before: Run) -> str | None:
        needs = before.steps[i].sharing.needs_resources
        if not needs:
            return None
        steps = before.steps
        users = [steps[j] for j, state in enumerate(before.states) if isinstance(state, Running | Lingering)]
        name = self.excess([*users, steps[i]])
        if name is not None:
            return f"s{i} starts although {name} does not suffice (S4)"
        for j in self._line:
            if j == i:
                break
            state = before.states[j]
            waits = isinstance(state, Waiting) and before.group_of.get(j) not in before.failing
            if waits and not needs.keys().isdisjoint(steps[j].sharing.needs_resources):
                name = self.excess([*users, steps[j], steps[i]])
                if name is not None:
                    return f"s{i} takes of {name} before s{j}, which waits for it longer (S4)"
        return None
