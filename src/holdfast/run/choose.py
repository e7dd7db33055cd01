"""(Run, now) -> the next decision, with its reason. Pure: the engine applies it, then asks again.

A decision is an event to append, or a wish that something outside happens. Asked often enough, `choose` says `None`:
nothing is to be done until something happens or `wake_at` is reached.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from holdfast.errors import BugError
from holdfast.plan.expr import ExpressionError, compile_expression, truth
from holdfast.plan.model import Effect
from holdfast.run import admission
from holdfast.run import events as ev
from holdfast.run.context import context_for
from holdfast.run.disposition import Failure, dispose, mode_named, unrecovered
from holdfast.run.fanout import Listed, facts_of, gathering, listed
from holdfast.run.finishing import finished, so_far
from holdfast.run.growth import is_about_item
from holdfast.run.machine import Run
from holdfast.run.policy import LOST_ATTEMPTS_MAX
from holdfast.run.reckoning import due as limits_due
from holdfast.run.reckoning import ran_s, reckon
from holdfast.run.standing import Falling, Lingering, Pausing, Undone, Waiting
from holdfast.run.states import OK_STEP, RunStatus
from holdfast.run.visits import stuck, turning

NAMES_MAX = 10
"""How many steps a warning names."""


class Start(NamedTuple):
    """Begin attempt number `attempt` of the step at position `step`; `facts` decided its condition."""

    step: int
    attempt: int
    facts: dict[str, object]


class Tell(NamedTuple):
    """Append this event."""

    event: ev.Event


class End(NamedTuple):
    """End attempt number `attempt` of the step at position `step`, which only waited, as `ended` says."""

    step: int
    attempt: int
    ended: ev.AttemptEnded


OVER = ev.AttemptEnded("succeeded")
"""How a wait ends that is over."""


class Expand(NamedTuple):
    """The step at position `step` becomes these instances; `facts` decided its condition or its list."""

    step: int
    listed: Listed
    facts: dict[str, object]

    def body(self) -> ev.StepExpanded:
        """The event, with the items in it where the keys do not say all."""
        keys, items = self.listed
        return ev.StepExpanded(keys, None if list(keys) == items else items, facts=self.facts)


Decision = Start | End | Tell | Expand


NOTHING_IDLE: AbstractSet[int] = frozenset()


def choose(run: Run, now: int, room: int, facts: Mapping[str, object]) -> Decision | None:
    """The next decision, or `None`. `room` is how many more attempts may begin (0 or less: none)."""
    if run.status is not RunStatus.RUNNING:
        return None
    if run.settling:
        return settle(run, min(run.settling), now)
    if run.stopwatch is not None or run.account is not None:
        said = reckon(run, now)
        if said is not None:
            return Tell(said)
    if run.alarms is not None:
        late = run.alarms.next(now)
        if late is not None:
            return Tell(late)
    if _is_closing(run):
        return None
    told = turning(run, now)
    if told is not None:
        return Tell(told)
    run.queue.call_due(now)
    queue = run.queue
    while (i := queue.first() if room > 0 else queue.first_free()) is not None:
        decision = _begin(run, i, now, facts)
        if decision is not None:
            return decision
    return None


def at_rest(run: Run, now: int, facts: Mapping[str, object], idle: AbstractSet[int] = NOTHING_IDLE) -> Tell | None:
    """What follows when nothing runs and `choose` has nothing: an end, a pause, a block, or `None` (not yet).

    `idle`: running steps whose nested run rests; they move when somebody goes on with this run.
    """
    if run.status is not RunStatus.RUNNING or run.running - idle or run.settling:
        return None
    if not _is_closing(run) and turning(run, now) is not None:
        return None
    over = run.ending or run.left == (0 if run.finalizing else run.tail)
    ending = run.ending
    if run.too_often_lost is not None and not ending:
        step = run.steps[run.too_often_lost].id
        reason = f'{LOST_ATTEMPTS_MAX} attempts of step "{step}" were lost with the process that ran them'
        return Tell(ev.Event(now, ev.RunQuarantined(reason)))
    doubtful = run.uncertain | idle
    if doubtful if ending else run.pausing is None and _needs_people(run, idle):
        asked = doubtful if ending else doubtful.union(run.reviews, run.waiting, stuck(run))
        waiting = tuple(run.steps[i].id for i in sorted(asked))
        return Tell(ev.Event(now, ev.RunBlocked(waiting, ran_s(run, now), ending)))
    if over and run.tail and not run.finalizing:
        return Tell(ev.Event(now, ev.RunEnding(so_far(run, facts), run.cancels)))
    if over and run.plan.goal is not None:
        from holdfast.run.goal import review  # noqa: PLC0415 - few plans have a goal

        said = review(run, now)
        if said is not None:
            return Tell(said)
    if over:
        return Tell(ev.Event(now, finished(run, now, facts)))
    if run.pausing is not None:
        return Tell(ev.Event(now, ev.RunPaused(ran_s(run, now))))
    if not (run.queue or run.waiting or run.reviews or run.uncertain or idle or stuck(run)):
        raise BugError(f"run {run.id} has {run.left} steps left and none of them can move", code="E_BUG")
    return None


def _needs_people(run: Run, idle: AbstractSet[int]) -> bool:
    """Whether a person must answer before anything moves."""
    if run.queue or not (run.uncertain or run.reviews or run.waiting or idle or stuck(run)):
        return False
    return all(_cause(run, i) in admission.PEOPLE for i in run.waiting)


def may_leave(run: Run, now: int, far_us: int) -> bool:
    """Whether a run of which nothing runs waits only for what its engine need not stay for (cli page, Waiting).

    That is people, `requires`, and what is due later than `far_us` from now.
    """
    if run.queue.first() is not None:
        return False
    if any(_cause(run, i) in admission.WATCHED for i in run.waiting):
        return False
    later = run.queue.later()
    return not any(due - now <= far_us and _cause(run, i) not in admission.PATIENT for i, due in later.items())


def _cause(run: Run, i: int) -> ev.WaitCause | None:
    state = run.states[i]
    return state.cause if isinstance(state, Waiting) else None


def wake_at(run: Run) -> int | None:
    """When the next retry is due, if nothing else happens before; what is due already waits for room, not for time."""
    due = None if _is_closing(run) else run.queue.next_due()
    if run.stopwatch is None and run.alarms is None:
        return due
    late = None if run.alarms is None else run.alarms.due()
    return min((at for at in (due, limits_due(run), late) if at is not None), default=None)


def to_stop(run: Run) -> list[int]:
    """Positions of running steps that are to be stopped now (semantics S8).

    Running `once` steps are let finish within their timeout, unless a person insists (Ctrl-C twice).
    """
    insists = run.pausing is Pausing.STOP
    if not run.ending and not insists:
        if not run.failing:
            return []
        # The first failure of a fan-out has ended the rest of it.
        return [i for i in sorted(run.running) if run.group_of.get(i) in run.failing and _may_stop(run, i)]
    return [i for i in sorted(run.running) if insists or _may_stop(run, i)]


def _may_stop(run: Run, i: int) -> bool:
    return run.steps[i].effect_class is not Effect.ONCE


def unstarted(run: Run, i: int, error: ev.Error, facts: dict[str, object]) -> ev.StepFailed:
    """The failure of a step that cannot be started, with what becomes of it."""
    return ev.StepFailed(error, facts, dispose(run, i, Failure(error, 0)))


def settle(run: Run, i: int, now: int) -> Tell:
    """What is to be told of a step whose failure is known and not told."""
    state, step = run.states[i], run.steps[i]
    if isinstance(state, Undone):
        mode = mode_named(step, state.mode)
        failure = Failure(state.error, run.attempts_of(i).counted, mode, outcome=state.result.outcome)
        return Tell(ev.Event(now, ev.StepFailed(state.error, disposed=dispose(run, i, failure)), step.id))
    assert isinstance(state, Falling)
    by = run.place(state.fallback)
    if run.states[by].status in OK_STEP:
        return Tell(ev.Event(now, ev.StepRecovered(run.steps[by].id), step.id))
    error, disposed = unrecovered(run, state, step)
    return Tell(ev.Event(now, ev.StepFailed(error, disposed=disposed), step.id))


def _is_closing(run: Run) -> bool:
    """Whether nothing new starts, and the run comes to rest when nothing runs any more."""
    return run.ending or run.pausing is not None or run.too_often_lost is not None


def _begin(run: Run, i: int, now: int, facts: Mapping[str, object]) -> Decision | None:
    """What becomes of a step that is offered; `None` where it waits on for the same."""
    step = run.steps[i]
    state = run.states[i]
    if isinstance(state, Lingering):
        return _linger(run, i, state, now)
    attempt = run.attempts_of(i).total + 1
    used: dict[str, object] = {}
    if attempt == 1 and i not in run.waiting:  # conditions are evaluated once (semantics S3)
        if i in run.groups:
            return Tell(ev.Event(now, gathering(run, i), step.id))
        if run.control is not None and i in run.control.choosers and i not in run.chosen:
            return Tell(ev.Event(now, ev.StepSkipped("branch"), step.id))
        if run.needs[i] and run.doomed(i):
            return Tell(ev.Event(now, ev.StepSkipped("upstream"), step.id))
        if step.conditions is not None:
            decision = _decide_condition(run, i, now, facts, used)
            if decision is not None:
                return decision
    if admission.is_free(run, step) and step.for_each is None:
        return Start(i, attempt, used)
    return _admit(run, Start(i, attempt, used), now, facts)


def _linger(run: Run, i: int, state: Lingering, now: int) -> End | None:
    """How the attempt of a step that only waits ends, or `None` where it waits on."""
    due, deadline = state.due, state.deadline
    if due is not None and due <= now and (deadline is None or due <= deadline):
        return End(i, state.attempt, OVER)
    if deadline is not None and deadline <= now:
        own, ceiling = run.steps[i].limits.timeout_s, run.plan.limits.step_time_s
        limit = "its timeout" if ceiling is None or (own is not None and own <= ceiling) else "limits.step_time"
        said = ev.Error("timeout", f"waited longer than {limit} for {state.what}")
        return End(i, state.attempt, ev.AttemptEnded("timed_out", error=said))
    run.queue.withdraw(i)
    moments = [at for at in (due, deadline) if at is not None]
    if moments:
        run.queue.postpone(i, min(moments))
    return None


def to_let_go(run: Run) -> list[int]:
    """Positions of steps whose attempts only wait and are to be ended now, with the run or their group (S8)."""
    if run.ending:
        return sorted(run.lingering)
    return [i for i in sorted(run.lingering) if run.group_of.get(i) in run.failing]


def _admit(run: Run, start: Start, now: int, facts: Mapping[str, object]) -> Decision | None:
    """The start, or what the step waits for: said once, and again when that changes (semantics S4)."""
    i, _, used = start
    step, state = run.steps[i], run.states[i]
    try:
        lack = admission.lacking(run, i, now, facts, used)
    except ExpressionError as error:
        return Tell(ev.Event(now, unstarted(run, i, ev.Error("expression.invalid", error.headline), used), step.id))
    if lack is None:
        return start if step.for_each is None else _expand(run, i, now, facts, used)
    if lack.error is not None:
        return Tell(ev.Event(now, unstarted(run, i, lack.error, used), step.id))
    since = None
    if isinstance(state, Waiting):
        if (state.cause, state.on) == (lack.cause, lack.on):
            run.queue.withdraw(i)
            if lack.look_at is not None:
                run.queue.postpone(i, lack.look_at)
            return None
        since = state.since if state.cause == lack.cause else None
    return Tell(ev.Event(now, ev.StepWaiting(*lack[:3], since, lack.look_at, used), step.id))


def _decide_condition(
    run: Run, i: int, now: int, facts: Mapping[str, object], used: dict[str, object]
) -> Decision | None:
    """Whether the step does not run after all; facts that decided are added to `used`."""
    step = run.steps[i]
    conditions = step.conditions
    assert conditions is not None
    wanted = [(conditions.when, True)] if conditions.when is not None else []
    wanted += [(text, False) for text in conditions.skip_if]
    if step.for_each is not None:  # what is about the item is for each instance to decide
        wanted = [each for each in wanted if not is_about_item(each[0])]
    label = ""
    try:
        for text, runs in wanted:
            label = f"when: {text}" if runs else f"skip_if: {text}"
            expression = compile_expression(text)
            used |= {name: facts[name] for name in sorted(expression.facts) if name in facts}
            if truth(expression.evaluate(context_for(run, expression.references, facts, i))) is not runs:
                return Tell(ev.Event(now, ev.StepSkipped("condition", label, used), step.id))
    except ExpressionError as error:
        said = ev.Error("expression.invalid", f"{label}: {error.headline}")
        return Tell(ev.Event(now, unstarted(run, i, said, used), step.id))
    return None


def _expand(run: Run, i: int, now: int, facts: Mapping[str, object], used: dict[str, object]) -> Decision:
    try:
        many = run.steps[i].for_each
        assert many is not None
        used |= {name: facts[name] for name in sorted(facts_of(many)) if name in facts}
        return Expand(i, listed(run, i, facts), used)
    except ExpressionError as error:
        said = ev.Error("expression.invalid", error.headline + (f"; {error.hint}" if error.hint else ""))
        return Tell(ev.Event(now, unstarted(run, i, said, used), run.steps[i].id))
