"""Steps that come into being while the run runs: appended behind the plan's own, in an order that the events decide.

`append_steps` is the mechanism for everything that grows (`visits` uses it too); `Group` and what follows it are the
instances of a `for_each`.
The plan's graph is shared by all runs of the plan: a run copies it when it grows for the first time.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from holdfast.plan.model import Conditions, FailurePolicy, OnFailure, Step
from holdfast.run import events as ev
from holdfast.run.disposition import Failing
from holdfast.run.standing import (
    PENDING,
    READY,
    Canceled,
    Expanded,
    Failed,
    Result,
    Retrying,
    Skipped,
    Succeeded,
    Uncertain,
)
from holdfast.run.states import FINAL_STEP, StepStatus, step_after

if TYPE_CHECKING:
    from holdfast.run.machine import Run
    from holdfast.run.reached import Reached

FAIL_FAST = "fail-fast"
"""Why an instance is canceled of whose group another failed."""
TOLERATED = FailurePolicy(action=OnFailure.CONTINUE)


def template_id(step: str) -> str:
    """The id in the plan of what a run calls `id[key]` or `id#2`."""
    return step.partition("[")[0].partition("#")[0]


def group_id(step: str) -> str:
    """The id of the step that an instance is of; any other id as it is."""
    return step.partition("[")[0]


def instance_id(step: str, key: str) -> str:
    """What the instance of a `for_each` step with this key is called."""
    return f"{step}[{key}]"


def instance_range(step: str) -> tuple[str, str]:
    """The ids of a step's instances are from the first on and before the second; no other step's are between."""
    return f"{step}[", f"{step}\\"


def append_steps(run: "Run", steps: Sequence[Step], needs: Sequence[tuple[int, ...]], like: Sequence[int]) -> range:
    """Append `steps` to the run; returns their positions. Whoever calls it does so while folding an event.

    `needs[k]` are the positions of what `steps[k]` depends on; `like[k]` is the position whose place in the order of
    starts it takes (semantics S4). Nobody waits for the new steps yet, nor they for anybody: the caller sees to that.
    """
    first = len(run.states)
    added = range(first, first + len(steps))
    run.own_graph()
    assert isinstance(run.steps, list)
    assert isinstance(run.needs, list)
    assert isinstance(run.dependents, list)
    run.index.update(zip([step.id for step in steps], added, strict=True))
    run.steps.extend(steps)
    run.needs.extend(needs)
    run.dependents.extend([()] * len(steps))
    run.states.extend([PENDING] * len(steps))
    run.missing.extend([0] * len(steps))
    run.left += len(steps)
    run.queue.grow(like)
    return added


class Group(msgspec.Struct, eq=False):
    """The instances of one expanded step: the positions from `first` on, one for each key."""

    at: int  # the expanded step's position
    first: int
    keys: tuple[str, ...]
    fast: bool  # the first failure stops the others
    most: int | None  # how many may be under way at once
    items: Sequence[object] | None = None  # None: in the store
    digest: str | None = None
    failing: bool = False  # one has failed and the others are to stop
    places: set[int] = msgspec.field(default_factory=set)  # who is under way, where `most` limits that
    parked: deque[int] = msgspec.field(default_factory=deque)  # who waits for a place
    view: dict[str, object] | None = None  # what expressions see of it once it has ended

    def __len__(self) -> int:
        """How many instances there are."""
        return len(self.keys)

    @property
    def positions(self) -> range:
        """Where the instances are."""
        return range(self.first, self.first + len(self.keys))

    def item(self, run: "Reached", i: int) -> object:
        """The item of the instance at position `i`."""
        if self.items is None:
            assert self.digest is not None
            held = run.recall(self.digest)["items"]
            assert isinstance(held, list)
            self.items = held
        return self.items[i - self.first]


# What the fold does; only `machine` calls these.


def expand(run: "Run", event: ev.Event) -> None:
    """The list of a step is known: its instances come into being, and it waits for them."""
    body = event.body
    assert isinstance(body, ev.StepExpanded)
    i = run.index[event.step or ""]
    template = run.steps[i]
    many = template.for_each
    assert many is not None
    step_after(run.states[i].status, "expanded")
    run.queue.withdraw(i)
    run.waiting.end(i)
    run.states[i] = Expanded(event.at)
    items = body.keys if body.items is None and body.items_digest is None else body.items
    fast = many.fail == "fast"
    group = Group(i, len(run.states), body.keys, fast, many.max_parallel, items, body.items_digest)
    run.groups[i] = group
    run.group_of.update(dict.fromkeys(group.positions, i))
    plain = _instance(template)
    steps = [msgspec.structs.replace(plain, id=instance_id(template.id, key)) for key in body.keys]
    added = append_steps(run, steps, [()] * len(steps), [i] * len(steps))
    if group.most is None:
        run.states[added.start :] = [READY] * len(added)
        run.queue.offer_new(added)
    else:
        for j in added:
            run.make_ready(j)
    assert isinstance(run.dependents, list)
    run.dependents[group.first :] = [(i,)] * len(steps)
    run.missing[i] = len(group)
    if not group.keys:
        run.queue.offer(i)


def _instance(template: Step) -> Step:
    """What the instances have in common: the group decides what only has to be decided once."""
    return msgspec.structs.replace(
        template, for_each=None, next=(), on_failure=TOLERATED, conditions=own_conditions(template)
    )


def own_conditions(template: Step) -> Conditions | None:
    """The conditions that each instance decides for itself, as they are about its item."""
    conditions = template.conditions
    if conditions is None:
        return None
    own = Conditions(
        when=conditions.when if conditions.when is not None and is_about_item(conditions.when) else None,
        skip_if=tuple(filter(is_about_item, conditions.skip_if)),
        requires=tuple(filter(is_about_item, conditions.requires)),
    )
    return None if own == Conditions() else own


def is_about_item(text: str) -> bool:
    """Whether an expression reads `item` or `index`."""
    from holdfast.plan.expr import compile_expression  # noqa: PLC0415 - runs without conditions never pay for it

    return any(reference.path[:1] in {("item",), ("index",)} for reference in compile_expression(text).references)


def admits(run: "Run", i: int) -> bool:
    """Whether the ready instance at `i` may start as soon as there is room; where its group is full, it is parked."""
    group = run.groups[run.group_of[i]]
    if group.failing:
        return False
    if group.most is None or i in group.places:
        return True
    if len(group.places) >= group.most:
        group.parked.append(i)
        return False
    group.places.add(i)
    return True


def follow(run: "Run", i: int, body: ev.Body) -> None:
    """What an event of step `i` means for its group, where it is an instance."""
    at = run.group_of.get(i)
    if at is None:
        return
    if isinstance(body, ev.AttemptStarted):
        run.reserved.discard(i)
        if run.failing and at in run.failing:
            run.queue.withdraw(at)  # its end has to wait for this one
        return
    group = run.groups[at]
    if group.most is None and not group.failing and not isinstance(run.states[i], Failed):
        return  # nothing follows from it for the others
    if run.states[at].status not in FINAL_STEP:
        _moved(run, group, i)


def given_back(run: "Reached", i: int) -> None:
    """The instance at `i` was handed out and never began."""
    run.reserved.discard(i)
    group = run.groups[run.group_of[i]]
    if group.failing:
        _settle(run, group)


def _moved(run: "Run", group: Group, i: int) -> None:
    """The instance at `i` has ended, or its attempt has: its place is free, and its group may have to end."""
    state = run.states[i]
    is_over = state.status in FINAL_STEP
    if is_over or isinstance(state, Uncertain):
        group.places.discard(i)
        while group.parked and not group.failing and len(group.places) < (group.most or 0):
            other = group.parked.popleft()
            if run.states[other].status is StepStatus.READY:
                group.places.add(other)
                run.queue.offer(other)
    if group.fast and isinstance(state, Failed):
        group.failing = True
        run.failing.add(group.at)
        for j in group.positions:
            if j not in run.lingering:  # those are let go as running ones are stopped
                run.waiting.end(j)
            run.queue.withdraw(j)
        group.parked.clear()
        group.places.clear()  # nobody waits for one any more, whoever has asked for it meanwhile
    if group.failing:
        if isinstance(state, Retrying):
            run.queue.withdraw(i)
        _settle(run, group)


def _settle(run: "Reached", group: Group) -> None:
    """A group that is to end does so when none of its instances is under way any more."""
    positions = group.positions
    parts = (run.running, run.lingering, run.uncertain, run.reserved)
    if not any(j in positions for under_way in parts for j in under_way):
        run.queue.offer(group.at)


def gathered(run: "Run", event: ev.Event) -> None:
    """A group has ended; what of it has not begun never will."""
    body = event.body
    assert isinstance(body, ev.StepGathered)
    i = run.index[event.step or ""]
    state = run.states[i]
    trigger = _TRIGGERS[body.status]
    step_after(state.status, trigger)
    assert isinstance(state, Expanded)
    group = run.groups[i]
    run.queue.withdraw(i)
    run.failing.discard(i)
    for j in group.positions:
        if run.states[j].status not in FINAL_STEP:
            step_after(run.states[j].status, "group failed")
            run.states[j] = Canceled(FAIL_FAST)
            run.reviews.discard(j)
            run.left -= 1
    result = Result(0, state.since, event.at)
    if body.status == "failed":
        run.fail(i, trigger, Failing(event.at, body.error or ev.Error("exit.nonzero"), result, body.disposed))
        return
    run.finish(i, Succeeded(result) if body.status == "succeeded" else Skipped("policy"))


_TRIGGERS = {
    "succeeded": "instances succeeded",
    "failed": "an instance failed",
    "skipped": "an instance was given up",
}


def failures(run: "Reached", group: Group) -> Iterator[tuple[Step, ev.Error]]:
    """The instances that failed, in the order of the list."""
    for i in group.positions:
        state = run.states[i]
        if isinstance(state, Failed):
            yield run.steps[i], state.error
