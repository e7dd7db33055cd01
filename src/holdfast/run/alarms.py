"""What is late: a deadline that has passed, a run or a step that is not done by then (semantics S18).

People are told by an item of the inbox, once for each. It approves nothing, and everything goes on.
"""

from typing import TYPE_CHECKING, ClassVar, Final

from holdfast.plan.language.moments import moment
from holdfast.plan.units import format_duration
from holdfast.run import events as ev
from holdfast.run.states import FINAL_STEP

if TYPE_CHECKING:
    from holdfast.run.reached import Reached

DEADLINE: Final = "goal.deadline"
OVERDUE: Final = "overdue"
DAY_US: Final = 86_400_000_000


class Escalated(ev.Body, frozen=True):
    """The run, or the event's step, is not done by `due`: `what` says which key of the plan asks for this."""

    kind: ClassVar[str] = "escalation.opened"
    what: str
    due: int
    said: str
    role: str | None = None


class Alarms:
    """The moments by which a run and its steps are to be done; those of which nobody was told yet."""

    __slots__ = ("_of_run", "_of_steps", "_run", "told")

    def __init__(self, run: "Reached") -> None:
        self._run = run
        self._of_run: dict[str, tuple[int, str, str | None]] = {}  # by key: when, what is said, who is told
        self._of_steps: dict[int, int] = {}
        self.told: set[tuple[int | None, str]] = set()

    # What events change.

    def follow(self, event: ev.Event) -> None:
        """An event of the run, after it was folded."""
        body, run = event.body, self._run
        if isinstance(body, ev.RunCreated):
            self._begin(event.at)
        elif isinstance(body, Escalated):
            self.told.add((None if event.step is None else run.index[event.step], body.what))
        elif event.step is not None and isinstance(body, ev.AttemptStarted | ev.StepWaiting):
            i = run.index[event.step]
            late = run.steps[i].people.overdue
            if late is not None and i not in self._of_steps:  # what counts is its first attempt, or its first wait
                self._of_steps[i] = event.at + round(late.after_s * 1e6)

    def _begin(self, at: int) -> None:
        plan = self._run.plan
        if plan.goal is not None and plan.goal.deadline is not None:
            due = moment(plan.goal.deadline)
            over = due.micros + DAY_US if due.is_day else due.micros  # a day is over when it ends
            self._of_run[DEADLINE] = over, f"its deadline, {due}, has passed", None
        if plan.overdue is not None:
            late = plan.overdue
            said = f"it is not done {format_duration(late.after_s)} after it was asked for"
            self._of_run[OVERDUE] = at + round(late.after_s * 1e6), said, late.escalate

    # Questions.

    def due(self) -> int | None:
        """When the next one is late, if nothing is done before."""
        moments = [at for key, (at, _, _) in self._of_run.items() if (None, key) not in self.told]
        return min([*moments, *(self._of_steps[i] for i in self._pending())], default=None)

    def next(self, now: int) -> ev.Event | None:
        """What people are to be told now, if anything."""
        for key, (at, said, role) in self._of_run.items():
            if at <= now and (None, key) not in self.told:
                return ev.Event(now, Escalated(key, at, said, role))
        for i in self._pending():
            if self._of_steps[i] <= now:
                step = self._run.steps[i]
                late = step.people.overdue
                assert late is not None
                said = f"it is not done {format_duration(late.after_s)} after it began"
                return ev.Event(now, Escalated(OVERDUE, self._of_steps[i], said, late.escalate), step.id)
        return None

    def snapshot(self) -> tuple[object, ...]:
        """Everything that was folded, comparable."""
        return self._of_run, self._of_steps, self.told

    def _pending(self) -> list[int]:
        """Steps that have begun, have not ended, and of which nobody was told."""
        states = self._run.states
        return [i for i in self._of_steps if (i, OVERDUE) not in self.told and states[i].status not in FINAL_STEP]
