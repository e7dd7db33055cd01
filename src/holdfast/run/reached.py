"""What the fold of a run's events has reached: its fields, and the questions that are asked of them.

Only `machine.Run` changes it, one event at a time; everything else reads. Steps are known by position (`index`);
each state carries only its own data.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from holdfast.errors import BugError
from holdfast.plan.graph import of_plan
from holdfast.plan.model import Depends, OnFailure, Plan, Step
from holdfast.plan.model import Run as Work
from holdfast.run import events as ev
from holdfast.run.budgets import account_of
from holdfast.run.control import HANDLED, control_of, taken
from holdfast.run.disposition import POLICIES
from holdfast.run.growth import Group, given_back, template_id
from holdfast.run.queue import Queue
from holdfast.run.standing import (
    NO_TRIES,
    ONE_TRY,
    PENDING,
    Failed,
    GivenUp,
    Lingering,
    Pausing,
    Result,
    Retrying,
    Reviewed,
    Running,
    Skipped,
    State,
    Succeeded,
    Tries,
    Uncertain,
    Undone,
)
from holdfast.run.states import FINAL_RUN, OK_STEP, SOFT_SKIPS, RunStatus
from holdfast.run.stopwatch import Stopwatch
from holdfast.run.visits import Visits
from holdfast.run.waiting import Waiters

if TYPE_CHECKING:
    from holdfast.run.alarms import Alarms
    from holdfast.run.breakers import Breaker

BEGUN = (Running, Succeeded, Uncertain, Undone, Lingering, Reviewed)
"""States of a step that was started, once where nothing else is known."""
NOBODY = Step(id="", work=Work(text="")).people
"""What most steps have; one object for all of them."""
Recall = Callable[[str], dict[str, object]]
Steps = tuple[Step, ...] | list[Step]
Arrows = tuple[tuple[int, ...], ...] | list[tuple[int, ...]]


class Reached:
    """Where a run stands."""

    __slots__ = (
        "aborting",
        "account",
        "alarms",
        "at",
        "breakers",
        "canceling",
        "cancels",
        "cancels_heeded",
        "children",
        "chosen",
        "control",
        "created_at",
        "dependents",
        "expired",
        "failing",
        "finalizing",
        "finished_at",
        "group_of",
        "groups",
        "id",
        "index",
        "inputs",
        "judged",
        "keep_going",
        "keys",
        "left",
        "lingering",
        "missing",
        "needs",
        "outcome",
        "outputs",
        "owner",
        "passed",
        "pausing",
        "plan",
        "quarantine",
        "queue",
        "recall",
        "reserved",
        "reviews",
        "running",
        "seq",
        "settling",
        "started_at",
        "states",
        "status",
        "steps",
        "stopwatch",
        "tail",
        "too_often_lost",
        "tries",
        "uncertain",
        "undecided",
        "visits",
        "waiting",
    )

    def __init__(self, run: str, plan: Plan, recall: Recall | None = None) -> None:
        """A run before its first event; `recall` gives outputs that were too large for the journal, by digest."""
        self.id = run
        self.recall = recall or _nothing_stored
        self.plan = plan
        graph = of_plan(plan)  # shared by the plan's runs until one grows (`own_graph`)
        self.steps: Steps = plan.steps + plan.finally_
        self.index: dict[str, int] = graph.index
        self.needs: Arrows = graph.needs
        self.dependents: Arrows = graph.dependents
        self.groups: dict[int, Group] = {}  # expanded steps
        self.group_of: dict[int, int] = {}  # instance -> the expanded step
        self.failing: set[int] = set()  # expanded steps whose remaining instances are to stop
        self.reserved: set[int] = set()  # instances that are handed out
        self.queue = Queue(self.steps, graph)
        self.status = RunStatus.PENDING
        self.seq, self.at = 0, 0  # the number of the last event, and when it was
        self.inputs: dict[str, object] = {}
        self.created_at = 0
        self.started_at: int | None = None
        self.finished_at: int | None = None
        self.owner: ev.RunOwned | None = None
        self.outcome: str | None = None
        self.outputs: dict[str, object] = {}
        self.quarantine: str | None = None
        # What people ask may come between the engine's own events: any order of the two must reach the same state.
        self.keep_going = False  # an abort acts as skip_dependents
        self.pausing: Pausing | None = None
        self.canceling: str | None = None  # why
        self.cancels = 0  # how often an end was asked for
        self.cancels_heeded = 0  # those of them that came before the finally steps
        self.finalizing = False  # everything but the finally steps is over
        self.tail = len(plan.finally_)
        self.aborting: str | None = None  # the first step in file order whose failure ends the run
        self.states: list[State] = [PENDING] * len(self.steps)
        self.missing: list[int] = [len(needs) for needs in graph.needs]
        self.left = len(self.steps)  # steps that are not final
        # Steps that are dormant until another's end chooses them.
        self.control = control_of(plan, self.index)
        self.chosen: set[int] = set()
        self.undecided: dict[int, int] = {}  # how many of those that may choose a dormant step have not ended
        self.visits = Visits() if self.control is not None and self.control.loops else None
        self.running: set[int] = set()
        self.too_often_lost: int | None = None
        self.uncertain: set[int] = set()
        self.settling: set[int] = set()  # of these the engine is to tell what becomes of them, whatever the run does
        self.reviews: set[int] = set()
        self.lingering: set[int] = set()  # attempts that only wait
        self.waiting = Waiters(self.queue, plan.limits.resources)
        self.tries: dict[int, Tries] = {}
        self.keys: dict[int, str] = {}  # idempotency keys of effects that began
        self.judged: dict[str, str | None] = {}  # criteria of the goal in prose: what a person said, None: nothing yet
        self.account = account_of(self)
        self.alarms = alarms_of(self)
        limit_s = plan.limits.budget.time_s
        self.stopwatch = None if limit_s is None else Stopwatch(limit_s)
        self.expired = False  # the run's time is over
        self.passed: dict[int, int] = {}  # generations of the breakers that let running attempts through
        self.breakers: Mapping[str, Breaker] = {}  # as the project's stream has them: given by the engine, not folded
        self.children: dict[int, ev.Child] = {}  # the nested runs of steps' latest attempts

    @property
    def final(self) -> bool:
        """Whether the run has ended."""
        return self.status in FINAL_RUN

    @property
    def ending(self) -> bool:
        """Whether the run is to end before all of its steps are done: nothing starts, nothing is retried (S8)."""
        if self.finalizing:  # they run whatever happened; only a person who asks again stops them
            return self.cancels > max(1, self.cancels_heeded)
        return self.aborting is not None or self.canceling is not None or self.expired

    @property
    def retrying(self) -> dict[int, int]:
        """Positions of steps that wait for their next attempt, with when it is due."""
        return {i: state.due for i, state in enumerate(self.states) if isinstance(state, Retrying)}

    def own_graph(self) -> None:
        """Make what the run shares with other runs of the plan its own."""
        if isinstance(self.steps, tuple):
            self.steps = list(self.steps)
            self.index = dict(self.index)
            self.needs = list(self.needs)
            self.dependents = list(self.dependents)

    def is_last(self, i: int) -> bool:
        """Whether step `i` is one of the plan's `finally` steps."""
        return len(self.plan.steps) <= i < len(self.plan.steps) + self.tail

    def place(self, name: str) -> int:
        """The position of a step by its id, or by its name in the plan: then of its latest visit."""
        if self.visits is None:
            return self.index[name]
        latest = self.visits.latest.get(name)
        return self.index[name] if latest is None else latest

    def found(self, name: str) -> int | None:
        """The position of what an expression calls `name`, an instance perhaps; names mean the latest visit."""
        if self.visits is None:
            return self.index.get(name)
        base, bracket, key = name.partition("[")
        if base not in self.index:
            return None
        return self.index.get(f"{self.steps[self.place(base)].id}{bracket}{key}")

    def next_ready(self) -> int | None:
        """The position of the step that starts next, or `None` while none may."""
        return self.queue.first()

    def reserve(self, i: int) -> None:
        """Hand out step `i`: it is not offered again, although no event says so yet."""
        self.queue.withdraw(i)
        if i in self.group_of:
            self.reserved.add(i)

    def give_back(self, i: int) -> None:
        """Step `i` was handed out and never began; nothing new starts where that happens."""
        if i in self.group_of:
            given_back(self, i)

    def outputs_of(self, result: Result) -> dict[str, object]:
        """A result's outputs, wherever they are kept."""
        return self.recall(result.outputs_digest) if result.outputs_digest else result.outputs

    def attempts_of(self, i: int) -> Tries:
        """How often step `i` was started so far."""
        tries = self.tries.get(i)
        if tries is not None:
            return tries
        state = self.states[i]
        begun = isinstance(state, BEGUN) or (isinstance(state, Failed | GivenUp) and state.result is not None)
        return ONE_TRY if begun and i not in self.groups else NO_TRIES

    def satisfied(self, i: int) -> bool:
        """Whether finished step `i` lets its dependents run (semantics S2)."""
        state = self.states[i]
        if state.status in OK_STEP:
            return True
        if isinstance(state, Skipped):
            return state.why in SOFT_SKIPS
        if not isinstance(state, Failed):
            return False
        handled = state.action in HANDLED and self.steps[i].on_failure.action is OnFailure.CONTINUE
        return handled or POLICIES[state.action].dependents == "run"

    def late(self, i: int) -> bool:
        """Whether step `i` waits for more than its dependencies: for the choice of another, a loop, or all others."""
        if self.finalizing or self.visits is not None:
            return True
        return self.control is not None and self.group_of.get(i, i) in self.control.choosers

    def doomed(self, i: int) -> bool:
        """Whether a finished dependency keeps step `i`, whose dependencies are all finished, from running."""
        if self.steps[i].depends is Depends.DONE:
            return False
        if self.control is None:
            return not all(self.satisfied(j) for j in self.needs[i])
        name = template_id(self.steps[i].id)
        return not all(self.satisfied(j) or name in taken(self, j) for j in self.needs[i])


def may_be_late(plan: Plan) -> bool:
    """Whether the plan says by when anything is to be done."""
    if plan.overdue is not None or (plan.goal is not None and plan.goal.deadline is not None):
        return True
    steps = plan.steps + plan.finally_
    return not all(step.people is NOBODY or step.people.overdue is None for step in steps)


def alarms_of(run: Reached) -> "Alarms | None":
    """The alarms of a run whose plan says by when anything is to be done; `None` for one that does not."""
    if not may_be_late(run.plan):
        return None
    from holdfast.run.alarms import Alarms  # noqa: PLC0415 - few plans have any

    return Alarms(run)


def _nothing_stored(digest: str) -> dict[str, object]:
    raise BugError(f"outputs {digest} are in a store that this fold was not given", code="E_BUG")
