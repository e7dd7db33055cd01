"""The document of `show`, from the facts that the journal holds about one run."""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec.structs import replace

from holdfast.journal.documents import (
    Disposed,
    Fault,
    Holder,
    LockHolder,
    Reason,
    Shown,
    ShownArtifact,
    ShownAttempt,
    ShownStep,
    Wait,
    stamp,
    stamp_or_none,
)
from holdfast.journal.leases import IsAlive
from holdfast.journal.spending import BudgetFacts, spending, warnings
from holdfast.plan.model import Budget
from holdfast.ports import Lease
from holdfast.run import events as ev
from holdfast.run.growth import FAIL_FAST, instance_id
from holdfast.run.locks import Holder as Holding
from holdfast.run.locks import in_words
from holdfast.run.particulars import Cause
from holdfast.run.reused import StepReused
from holdfast.run.reviews import rejected
from holdfast.run.states import FINAL_RUN
from holdfast.run.visits import used_up

NO_LIMITS = Budget()
RESTING = frozenset({"blocked", "paused", "quarantined"})
"""A nested run that is so goes on when somebody goes on with the run around it."""
EVERY_TIME, NEVER_RUN = Reason("action"), Reason("never-run")


class RunFacts(NamedTuple):
    """One run's row; `moved` is the event that brought its status."""

    n: int
    run: str
    status: str
    created_at: int
    started_at: int | None
    finished_at: int | None
    created: ev.RunCreated
    moved_at: int
    moved: ev.Body
    canceling: ev.RunCanceling | None
    pausing: bool

    @property
    def ending(self) -> bool:
        """Whether it ends as soon as a person has answered what it waits for: nothing is retried (semantics S8)."""
        return isinstance(self.moved, ev.RunBlocked) and self.moved.ending


class StepFacts(NamedTuple):
    """One step's row; `moved` is the event that brought its status."""

    status: str
    moved_at: int
    moved: ev.Body


class AttemptFacts(NamedTuple):
    """One attempt by its events."""

    step: str
    number: int
    adopted: bool
    started: int
    start: ev.AttemptStarted
    spawn: ev.AttemptSpawned | None
    finished: int | None
    end: ev.AttemptEnded | None

    @property
    def pid(self) -> int | None:
        """The number of its process, if it had one."""
        if self.spawn is not None:
            return self.spawn.pid
        return None if self.end is None else self.end.pid

    @property
    def status(self) -> str:
        """Where the attempt stands."""
        return "running" if self.end is None else self.end.status


class NestedFacts(NamedTuple):
    """The latest run that a step of the run is."""

    run: str
    status: str
    moved_at: int


class LockFacts(NamedTuple):
    """The locks that a step waits for, and who holds them now."""

    names: tuple[str, ...]
    holders: tuple[Holding, ...]

    def wait(self, step: str, since: str) -> Wait:
        """The same as what its run waits for."""
        shown = [
            LockHolder(one.name, one.run, one.step or None, one.host, one.pid, stamp_or_none(one.since))
            for one in self.holders
        ]
        return Wait("lock", step, since, in_words(self.names, self.holders), tuple(shown))


class Grown(NamedTuple):
    """What came to be in a run: the keys of each step that became instances, the visits of those that went round.

    `stuck`: the loops that people are asked about, with since when.
    """

    expansions: Mapping[str, Sequence[str]] = {}
    visits: Mapping[str, Sequence[str]] = {}
    stuck: Mapping[str, tuple[int, ev.StepStuck]] = {}


NOTHING_GREW: Final = Grown()


class Facts(NamedTuple):
    """All about one run; `order` are its steps as the plan has them."""

    run: RunFacts
    order: list[str]
    steps: dict[str, StepFacts]
    attempts: list[AttemptFacts]
    lease: Lease | None
    grown: Grown = NOTHING_GREW
    limits: Budget = NO_LIMITS
    budget: Sequence[BudgetFacts] = ()
    nested: Mapping[str, NestedFacts] = {}  # by step
    locks: Mapping[str, LockFacts] = {}  # by step that waits for some
    goal: Sequence[tuple[int, str]] = ()  # criteria that people are asked about, since when


def shown(facts: Facts, folder: str, is_alive: IsAlive) -> Shown:
    """The document; logs are in `folder`, `is_alive` is asked about the owner."""
    run = facts.run
    created = run.created
    finished = run.moved if isinstance(run.moved, ev.RunFinished) else None
    return Shown(
        run=run.run,
        plan=created.plan,
        revision=created.revision,
        status=run.status,
        inputs=created.inputs,
        created_at=stamp(run.created_at),
        started_at=stamp_or_none(run.started_at),
        finished_at=stamp_or_none(run.finished_at),
        owner=_holder(facts.lease, is_alive),
        request=created.request,
        steps=_steps(facts, folder),
        waits=_waits(facts),
        spent=spending(facts),
        warnings=(*warnings(facts.budget), *(finished.warnings if finished else ())),
        outputs=finished.outputs if finished else {},
        goal=finished.goal if finished else {},
        pausing=run.pausing and run.finished_at is None,
        canceling=run.canceling is not None and run.finished_at is None,
        project=created.project,
        plan_file=created.plan_file,
        reason=finished.reason if finished else None,
    )


def _holder(lease: Lease | None, is_alive: IsAlive) -> Holder | None:
    if lease is None:
        return None
    owner = lease.owner
    return Holder(owner.host, owner.pid, owner.engine, stamp(lease.since), stamp(lease.expires), is_alive(owner))


def _steps(facts: Facts, folder: str) -> list[ShownStep]:
    attempts: dict[str, list[AttemptFacts]] = {}
    for attempt in facts.attempts:
        attempts.setdefault(attempt.step, []).append(attempt)
    steps = {
        step: _step(facts.run, step, facts.steps.get(step), attempts.get(step, []), folder) for step in facts.order
    }
    for name, inner in facts.nested.items():
        steps[name] = replace(steps[name], nested_run=inner.run)
    for name, keys in facts.grown.expansions.items():
        ids = [instance_id(name, key) for key in keys]
        outputs: dict[str, object] = {
            key: steps[id].outputs for key, id in zip(keys, ids, strict=True) if steps[id].outputs
        }
        steps[name] = replace(steps[name], outputs=outputs, instances=tuple(ids))
        group = facts.steps.get(name)
        ended = group is not None and isinstance(group.moved, ev.StepGathered)
        for id in ids:
            never = ended and id not in facts.steps
            rest = {"status": "canceled", "why": FAIL_FAST} if never else {}
            steps[id] = replace(steps[id], instance_of=name, **rest)
    for name, each in facts.steps.items():
        if isinstance(each.moved, ev.StepRecovered) and name in steps:
            by = _stand_in(facts, each.moved.by)
            steps[name] = replace(
                steps[name],
                outputs=steps[by].outputs,
                outputs_digest=steps[by].outputs_digest,
                artifacts=steps[by].artifacts,
            )
    for name, visits in facts.grown.visits.items():
        for visit, after in pairwise((name, *visits)):
            for id in (visit, *(steps[visit].instances or ())):
                steps[id] = replace(steps[id], next_visit=after)
            steps[after] = replace(steps[after], visit_of=name)
    return list(steps.values())


def _stand_in(facts: Facts, step: str) -> str:
    """The step whose results a recovered one has: a fallback may be recovered itself."""
    while (found := facts.steps.get(step)) is not None and isinstance(found.moved, ev.StepRecovered):
        step = found.moved.by
    return step


def _step(run: RunFacts, step: str, facts: StepFacts | None, attempts: list[AttemptFacts], folder: str) -> ShownStep:
    outputs, digest, artifacts = _results(facts, attempts)
    verdict, reasons = _verdict(facts, attempts)
    return ShownStep(
        step=step,
        verdict=verdict,
        reasons=reasons,
        status=_status(run, facts),
        why=_why(run, facts),
        attempts=tuple(_attempt(each, folder) for each in attempts),
        outputs=outputs,
        artifacts={name: ShownArtifact(ref.path, ref.digest, ref.size) for name, ref in artifacts.items()},
        from_run=facts.moved.from_run if facts is not None and isinstance(facts.moved, StepReused) else None,
        outputs_digest=digest,
    )


def _verdict(facts: StepFacts | None, attempts: list[AttemptFacts]) -> tuple[str, tuple[Reason, ...]]:
    """What was decided of a step when it might have started, and why."""
    moved = facts.moved if facts is not None else None
    if isinstance(moved, StepReused):
        return moved.verdict, _reasons(moved.reasons)
    if isinstance(moved, ev.StepSkipped) and moved.why == "condition":
        return "inactive", (Reason("condition-false", moved.detail),)
    if attempts and attempts[-1].start.reasons:
        return "run", _reasons(attempts[-1].start.reasons)
    return "run", (EVERY_TIME if attempts else NEVER_RUN,)


def _reasons(causes: Sequence[Cause]) -> tuple[Reason, ...]:
    return tuple([Reason(it.code, it.detail or None, it.because) for it in causes])


def _status(run: RunFacts, facts: StepFacts | None) -> str:
    if facts is not None and facts.status == "retrying" and run.ending:
        return "canceled"
    if facts is not None:
        return facts.status
    return "canceled" if run.status in FINAL_RUN else "pending"


def _why(run: RunFacts, facts: StepFacts | None) -> str | None:
    if facts is not None and isinstance(facts.moved, ev.StepSkipped):
        return facts.moved.why
    if facts is not None and isinstance(facts.moved, ev.StepRecovered):
        return f"by {facts.moved.by}"
    if facts is not None and facts.status == "skipped":
        return "policy"  # of the step, or a person's answer to an uncertain effect
    if facts is not None and isinstance(facts.moved, ev.StepGathered):
        error = facts.moved.error
        if facts.status == "canceled" or error is None:
            return FAIL_FAST if facts.status == "canceled" else None
        return error.message or error.code
    if facts is not None and isinstance(facts.moved, ev.RunEnding):
        return "abort" if facts.moved.outcome == "failed" else "cancel"
    if _status(run, facts) == "canceled":
        is_abort = run.canceling is None if run.ending else run.status == "failed"
        return "abort" if is_abort else "cancel"
    if facts is not None and isinstance(facts.moved, ev.StepAnswered) and facts.moved.choice == "reject":
        error = rejected(facts.moved)
        return f"{error.code}: {error.message}"
    if facts is not None and isinstance(facts.moved, ev.StepFailed):
        error = facts.moved.error
        return f"{error.code}: {error.message}" if error.message else error.code
    return None


def _results(
    facts: StepFacts | None, attempts: list[AttemptFacts]
) -> tuple[dict[str, object], str | None, dict[str, ev.ArtifactRef]]:
    if facts is not None and isinstance(facts.moved, StepReused):
        return facts.moved.outputs, facts.moved.outputs_digest, facts.moved.artifacts
    if facts is None or not attempts or attempts[-1].end is None:
        return {}, None, {}
    end = attempts[-1].end
    if isinstance(facts.moved, ev.StepResolved) and facts.moved.outputs:
        return facts.moved.outputs, None, end.artifacts
    return end.outputs, end.outputs_digest, end.artifacts


def _attempt(facts: AttemptFacts, folder: str) -> ShownAttempt:
    end, launch = facts.end, facts.start.launch
    error = end.error if end is not None else None
    return ShownAttempt(
        number=facts.number,
        status=facts.status,
        exit_code=end.exit_code if end is not None else None,
        error=Fault(error.code, error.message) if error is not None else None,
        started_at=stamp(facts.started),
        finished_at=stamp_or_none(facts.finished),
        stdout=os.path.join(folder, launch.stdout) if launch is not None and launch.stdout else None,
        stderr=os.path.join(folder, launch.stderr) if launch is not None and launch.stderr else None,
        pid=facts.pid,
        adopted=facts.adopted,
        notes=end.notes if end is not None else (),
        disposed=_disposed(end.disposed) if end is not None else None,
    )


def _disposed(made: ev.Disposition | None) -> Disposed | None:
    return None if made is None else Disposed(made.action, made.target, made.mode, made.reason, made.advice)


def _nested_waits(run: RunFacts, step: str, inner: NestedFacts) -> list[Wait]:
    """What a run waits for that has another inside of it, which rests, or whose preconditions alone are left."""
    if inner.status in RESTING:
        return [Wait("plan", step, stamp(inner.moved_at), f"run {inner.run} is {inner.status}")]
    if run.status in RESTING:
        said = f"run {inner.run} waits; holdfast show {inner.run} says for what"
        return [Wait("plan", step, stamp(inner.moved_at), said)]
    return []


def _waits(facts: Facts) -> list[Wait]:
    run = facts.run
    waits: list[Wait] = []
    if isinstance(run.moved, ev.RunQuarantined):
        waits.append(Wait("release", None, stamp(run.moved_at), run.moved.reason))
    waits += [Wait("review", None, stamp(at), criterion) for at, criterion in facts.goal]
    waits += [Wait("loop", step, stamp(at), used_up(stuck)) for step, (at, stuck) in facts.grown.stuck.items()]
    for step in facts.order:
        found = facts.steps.get(step)
        made = getattr(found.moved, "disposed", None) if found is not None and found.status == "waiting" else None
        if found is not None and made is not None:
            waits.append(Wait("fallback", step, stamp(found.moved_at), made.target))
        if found is not None and isinstance(found.moved, ev.StepWaiting) and found.status == "waiting":
            wait = found.moved
            since, lock = stamp(wait.since or found.moved_at), facts.locks.get(step)
            waits.append(Wait(wait.cause, step, since, wait.what) if lock is None else lock.wait(step, since))
        inner = facts.nested.get(step)
        if inner is not None and found is not None and found.status == "running":
            waits += _nested_waits(run, step, inner)
        if found is None or not isinstance(found.moved, ev.AttemptEnded):
            continue
        end = found.moved
        if found.status == "waiting" and end.review:
            waits.append(Wait("review", step, stamp(found.moved_at), "; ".join(end.review)))
        elif found.status == "uncertain":
            error = end.error or ev.Error("uncertain")
            waits.append(Wait("uncertain", step, stamp(found.moved_at), error.message or error.code))
        elif found.status == "retrying" and end.retry_at is not None and not run.ending:
            waits.append(Wait("retry", step, stamp(found.moved_at), f"next attempt at {stamp(end.retry_at)}"))
    return waits
