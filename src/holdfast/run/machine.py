"""The fold: events in journal order make the state of one run. Deterministic, no I/O; recovery is the same fold.

`Run` is what the fold has reached (`reached`); only `apply` changes it, one event at a time.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

from msgspec.structs import replace

from holdfast.plan.model import Plan
from holdfast.run import control, ending, growth, reused, reviews, visits, waiting
from holdfast.run import events as ev
from holdfast.run.budgets import Account
from holdfast.run.disposition import POLICIES, TRIGGERS, Failing, Failure, mode_named, no_retry
from holdfast.run.policy import LOST_ATTEMPTS_MAX, UNCOUNTED_CODES
from holdfast.run.reached import Reached, Recall
from holdfast.run.standing import (
    ONE_TRY,
    READY,
    Failed,
    Falling,
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
from holdfast.run.states import StepStatus, run_after, step_after

WAITERS_MAX = 64
"""Steps that are looked at again when an attempt ends that had reserved some of a budget, while others run."""


class Run(Reached):
    """A run as its events make it."""

    __slots__ = ()

    def __init__(self, run: str, plan: Plan, recall: Recall | None = None) -> None:
        """A run before its first event; `recall` gives outputs that were too large for the journal, by digest."""
        super().__init__(run, plan, recall)
        if self.control is not None:
            control.begin(self, self.control)
        for i in range(len(self.steps) - self.tail, len(self.steps)):
            self.missing[i] += 1  # that everything else is over
        ready = [i for i, count in enumerate(self.missing) if not count]
        for i in ready:
            self.states[i] = READY
        self.queue.begin(ready)

    def apply(self, event: ev.Event) -> None:
        """Take one event; raises `IllegalTransitionError` for one that no table allows."""
        self._APPLY[event.body.kind](self, event)
        if self.group_of and event.step is not None:
            growth.follow(self, self.index[event.step], event.body)
        if self.alarms is not None:
            self.alarms.follow(event)
        self.at = event.at
        self.seq += 1

    # Runs.

    def _created(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.RunCreated)
        self.created_at = event.at
        self.inputs = body.inputs
        if body.parent is not None and self.account is None:
            self.account = Account(self)  # the run around it is told what it spent
        self.keep_going = body.request.get("keep_going") is True

    def _owned(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunOwned)
        self.status = run_after(self.status, "owned")
        self.owner = event.body
        self.pausing = None
        if self.stopwatch is not None:
            self.stopwatch.start(event.at, self.at)
        self._hasten(event.at)
        self.waiting.look_again()
        if self.started_at is None:
            self.started_at = event.at

    def _pausing(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunPausing)
        self.pausing = max(self.pausing or Pausing.AWAIT, Pausing.STOP if event.body.stop else Pausing.AWAIT)

    def _canceling(self, event: ev.Event) -> None:
        assert isinstance(event.body, ev.RunCanceling)
        self.canceling = min(self.canceling or event.body.why, event.body.why)  # a person's "cancel" comes first
        self.cancels += 1

    def _rests(self, event: ev.Event) -> None:
        self.rest(event.body.kind.removeprefix("run."), event)

    def rest(self, trigger: str, event: ev.Event) -> None:
        """The run comes to rest."""
        self.status = run_after(self.status, trigger)
        if self.stopwatch is not None:
            self.stopwatch.stop(event.at)

    def _expired(self, _event: ev.Event) -> None:
        self.expired = True

    def _budget(self, event: ev.Event) -> None:
        body, i = event.body, None if event.step is None else self._at(event)
        if isinstance(body, ev.BudgetWarned):
            if body.key == "time" and i is None and self.stopwatch is not None:
                self.stopwatch.warn(body.limit)
            elif self.account is not None:
                self.account.warned(i, body.key, body.limit)
            return
        assert isinstance(body, ev.BudgetRaised)
        if body.key == "time" and i is None and self.stopwatch is not None:
            self.stopwatch.allow(body.amount)
        elif self.account is not None:
            self.account.raise_limit(i, body.key, body.amount)
            self._look_at_budgets(None)

    def _quarantined(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.RunQuarantined)
        self.rest("quarantined", event)
        self.quarantine = body.reason

    def _released(self, _event: ev.Event) -> None:
        self.status = run_after(self.status, "released")
        self.quarantine = None
        self.too_often_lost = None
        self.tries = {i: Tries(tries.total, tries.counted) for i, tries in self.tries.items()}

    # Steps.

    def _skipped(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.StepSkipped)
        i = self._at(event)
        step_after(self.states[i].status, "skipped")
        self.queue.withdraw(i)
        self.finish(i, Skipped(body.why))

    def _failed(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.StepFailed)
        i = self._at(event)
        state = self.states[i]
        self.queue.withdraw(i)
        self.settling.discard(i)
        result = state.result if isinstance(state, Undone | Falling) else None
        self.fail(i, "cannot start", Failing(event.at, body.error, result, body.disposed))

    def _resolved(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.StepResolved)
        i = self._at(event)
        state = self.states[i]
        if not isinstance(state, Uncertain) or body.choice == "recheck":
            return  # a second answer that raced with the first changes nothing (semantics G6)
        self.uncertain.discard(i)
        if body.choice == "happened":
            step_after(state.status, "happened")
            outputs = body.outputs or state.result.outputs
            outcome = body.outputs.get("outcome", state.result.outcome)
            named = outcome if isinstance(outcome, str) else None
            self.finish(i, Succeeded(replace(state.result, outputs=outputs, outcome=named)))
        elif body.choice == "skip":
            step_after(state.status, "given up")
            self._count(i)
            self.finish(i, Skipped("policy"))
        else:
            self._not_happened(i, state)

    def _not_happened(self, i: int, state: Uncertain) -> None:
        step_after(state.status, "not happened")
        failure = Failure(state.error, self.attempts_of(i).counted, mode_named(self.steps[i], state.mode))
        self._count(i, counted=0 if state.counts else -1)
        if state.counts and no_retry(self.steps[i], failure) is not None:
            self.states[i] = Undone(state.result, state.error, state.mode)
            self.settling.add(i)
        else:
            self.make_ready(i)

    def _started(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.AttemptStarted)
        i = self._at(event)
        assert event.attempt is not None
        step_after(self.states[i].status, "started")
        if event.attempt > 1:
            self._count(i, total=1, counted=1)
        self.queue.withdraw(i)
        self.running.add(i)
        self.waiting.started(i, self.steps[i].sharing.needs_resources)
        self.states[i] = Running(event.attempt, event.at)
        if body.key is not None:
            self.keys[i] = body.key
        if body.breaker is not None:
            self.passed[i] = body.breaker
        if self.account is not None:
            self.account.begin(i, body.spent, body.child.allotted if body.child is not None else None)
        if body.child is not None:
            self.children[i] = body.child

    def _ended(self, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.AttemptEnded)
        i = self._at(event)
        state = self.states[i]
        if not isinstance(state, Running | Lingering) or state.attempt != event.attempt:
            step_after(state.status, f"end of attempt {event.attempt}")
            return
        self.running.discard(i)
        self._settle_accounts(i, event, body, state.since)
        self.lingering.discard(i)
        self.waiting.ended(i)
        result = Result(
            *(state.attempt, state.since, event.at, body.exit_code, body.outputs, body.outputs_digest, body.artifacts),
            outcome=body.outcome,
        )
        if body.review:
            step_after(state.status, "succeeded, to be reviewed")
            self.reviews.add(i)
            self.states[i] = Reviewed(event.at, "review", "", "; ".join(body.review), result)
        elif body.status == "succeeded":
            step_after(state.status, "succeeded")
            self.finish(i, Succeeded(result))
        elif body.status == "uncertain":
            step_after(state.status, "uncertain")
            error = body.error or ev.Error("uncertain")
            self.uncertain.add(i)
            mode = body.disposed.mode if body.disposed is not None else None
            self.states[i] = Uncertain(result, error, error.code not in UNCOUNTED_CODES, mode)
        elif body.status == "lost":
            step_after(state.status, "lost")
            self._count(i, counted=-1, lost=1)
            self.make_ready(i)
        elif body.status == "canceled":
            step_after(state.status, "stopped")
            self._count(i, counted=-1)
            self.make_ready(i)
        else:
            failing = Failing(event.at, body.error or ev.Error("exit.nonzero"), result, body.disposed)
            self.attempt_failed(i, failing, body.retry_at)

    def _noted(self, _event: ev.Event) -> None:
        """An event that only adds to the record."""

    def _settle_accounts(self, i: int, event: ev.Event, body: ev.AttemptEnded, since: int) -> None:
        self.passed.pop(i, None)
        if self.stopwatch is not None:
            self.stopwatch.adopt(event.at)
        if self.account is not None:
            self.account.end(i, body.spent, max(0, event.at - since) / 1e6)
            self._look_at_budgets(None if not self.running else WAITERS_MAX)

    def _look_at_budgets(self, most: int | None) -> None:
        """Look again at steps that wait for a budget, of which something may be free now."""
        assert self.account is not None
        for i in self.account.waiters(most):
            if i in self.waiting:
                self.account.wait(i)
                self.queue.offer(i)

    def _at(self, event: ev.Event) -> int:
        assert event.step is not None
        return self.index[event.step]

    def _count(self, i: int, total: int = 0, counted: int = 0, lost: int = 0) -> None:
        # The first attempt is entered here only when something follows it, since most steps need no other.
        old = self.tries.get(i, ONE_TRY)
        self.tries[i] = Tries(old.total + total, old.counted + counted, old.lost + lost)
        if old.lost + lost >= LOST_ATTEMPTS_MAX:
            self.too_often_lost = i

    def _hasten(self, now: int) -> None:
        # The clock jumped back while nobody drove the run: no delay gets longer than it was (semantics C8).
        for i in self.waiting:
            self.states[i] = waiting.hastened(self.states[i], now)
        for i in self.retrying:
            state = self.states[i]
            assert isinstance(state, Retrying)
            due = now + state.due - state.since
            if due < state.due:
                self.states[i] = Retrying(now, due, state.error)
                self.queue.postpone(i, due)

    # What the fold is made of; `growth` uses it too, nobody else.

    def make_ready(self, i: int) -> None:
        """Nothing keeps step `i` any more; an expanded step is offered so that its end is decided."""
        if i not in self.groups:
            self.states[i] = READY
            if i in self.group_of and not growth.admits(self, i):
                return
        self.queue.offer(i)

    def attempt_failed(self, i: int, failing: Failing, retry_at: int | None) -> None:
        """An attempt of step `i` has failed, which is tried again at `retry_at`, or for good."""
        if retry_at is None:
            self.fail(i, "failed", failing)
            return
        step_after(self.states[i].status, "failed, to be retried")
        self._count(i)
        self.states[i] = Retrying(failing.at, retry_at, failing.error)
        self.queue.postpone(i, retry_at)

    def fail(self, i: int, trigger: str, failing: Failing) -> None:
        """Step `i` fails for good: what becomes of it is in the event, else the step's own policy (semantics S6)."""
        at, error, result, disposed = failing
        if disposed is None:
            policy = self.steps[i].on_failure
            disposed = ev.Disposition(policy.action.value, policy.fallback)
        row = POLICIES[disposed.action]
        step_after(self.states[i].status, trigger + TRIGGERS[row.becomes])
        if row.becomes is StepStatus.SKIPPED:
            self.finish(i, GivenUp("policy", error, result))
        elif row.becomes is StepStatus.WAITING:
            assert disposed.target is not None
            if result is not None:
                self._count(i)
            control.fall(self, i, Falling(at, error, result, disposed.target))
        else:
            if row.dependents == "canceled":
                self.abort(i)
            self.finish(i, Failed(error, result, disposed.action, disposed.target))

    def abort(self, i: int) -> None:
        """The failure of step `i` ends the run, unless that was asked to keep going."""
        if not (self.keep_going or self.finalizing) and (self.aborting is None or i < self.index[self.aborting]):
            self.aborting = self.steps[i].id

    def finish(self, i: int, state: State) -> None:
        """Step `i` is in its last state."""
        self.waiting.end(i)
        self.states[i] = state
        if self.visits is None or not visits.turns_back(self, i):
            self.pass_on(i)

    def pass_on(self, i: int) -> None:
        """What waited for the end of step `i` goes on."""
        self.left -= 1
        missing = self.missing
        for j in self.dependents[i]:
            missing[j] -= 1
            if not missing[j]:
                self.make_ready(j)
        if self.control is not None:
            control.decide(self, i)

    _APPLY: ClassVar[dict[str, Callable[["Run", ev.Event], None]]] = {
        ev.RunCreated.kind: _created,
        ev.RunOwned.kind: _owned,
        ev.RunPausing.kind: _pausing,
        ev.RunPaused.kind: _rests,
        ev.RunCanceling.kind: _canceling,
        ev.RunBlocked.kind: _rests,
        ev.RunExpired.kind: _expired,
        ev.BudgetRaised.kind: _budget,
        ev.BudgetWarned.kind: _budget,
        ev.RunEnding.kind: ending.begin_last,
        ev.RunFinished.kind: ending.end,
        ev.RunQuarantined.kind: _quarantined,
        ev.RunReleased.kind: _released,
        ev.StepSkipped.kind: _skipped,
        "step.reused": reused.stand_in,
        ev.StepFailed.kind: _failed,
        ev.StepRecovered.kind: control.recovered,
        ev.StepWaiting.kind: waiting.begin,
        ev.StepExpanded.kind: growth.expand,
        ev.StepGathered.kind: growth.gathered,
        ev.StepJumped.kind: visits.jumped,
        ev.StepStuck.kind: visits.exhausted,
        ev.StepAnswered.kind: reviews.answered,
        **dict.fromkeys(("goal.asked", "goal.answered"), reviews.of_goal),
        "budget.asked": reviews.of_budget,
        ev.StepResolved.kind: _resolved,
        ev.AttemptStarted.kind: _started,
        ev.AttemptEnded.kind: _ended,
        **dict.fromkeys((ev.AttemptSpawned.kind, ev.AttemptAdopted.kind, "escalation.opened"), _noted),
    }


def fold(run: Run, events: Iterable[ev.Event]) -> Run:
    """Apply every event in order; returns the same run."""
    for event in events:
        run.apply(event)
    return run
