"""A run told event by event, with every event kept: what tests of the core are written in."""

from collections.abc import Iterable, Mapping
from copy import deepcopy

from msgspec.structs import replace

from holdfast.plan.model import (
    Conditions,
    Depends,
    Edge,
    Effect,
    EffectPolicy,
    FailureMode,
    FailurePolicy,
    ForEach,
    OnFailure,
    Plan,
    Retry,
    RunLimits,
    Sharing,
    Step,
    StepShown,
    Uses,
)
from holdfast.plan.model import Run as Shell
from holdfast.run import events as ev
from holdfast.run.admission import NOTHING_SHARED
from holdfast.run.choose import Decision, Expand, Start, Tell, at_rest, choose
from holdfast.run.disposition import Scene, disposed
from holdfast.run.machine import Run, fold

NO_RETRY = Retry()
NO_LIMITS = RunLimits()
T0 = 1_700_000_000_000_000
SECOND = 1_000_000
CREATED = ev.RunCreated("p", "sha256:0", "plan.yaml", "/project")
OWNED = ev.RunOwned(1, "host", 1, "0.1.0")
FAILED = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero", "exit code 1"))
LOST = ev.AttemptEnded("lost", error=ev.Error("lost"))
UNCERTAIN = ev.AttemptEnded("uncertain", error=ev.Error("timeout"))


def step(
    name: str,
    *needs: str,
    when: str | None = None,
    skip_if: tuple[str, ...] = (),
    retry: Retry = NO_RETRY,
    on_failure: OnFailure | str = OnFailure.ABORT,
    modes: tuple[FailureMode, ...] = (),
    edges: Mapping[str, str | tuple[str, int]] | None = None,
    depends: Depends = Depends.OK,
    effect: Effect = Effect.REPEATABLE,
    priority: int = 0,
    kind: str = "implement",
    requires: tuple[str, ...] = (),
    needs_resources: dict[str, float] | None = None,
    for_each: ForEach | None = None,
    runner: str | None = None,
) -> Step:
    conditions = Conditions(when=when, skip_if=skip_if, requires=requires) if when or skip_if or requires else None
    return Step(
        id=name,
        work=Uses(runner=runner) if runner else Shell(text="true"),
        needs=needs,
        conditions=conditions,
        retry=retry,
        on_failure=_policy(on_failure),
        failure_modes=modes,
        next=tuple([_edge(on, to) for on, to in (edges or {}).items()]),
        depends=depends,
        effect=EffectPolicy(effect=effect),
        priority=priority,
        shown=StepShown(kind=kind),
        sharing=Sharing(needs_resources=needs_resources) if needs_resources else NOTHING_SHARED,
        for_each=for_each,
    )


def _edge(on: str, to: str | tuple[str, int]) -> Edge:
    """An edge to a step, or to one that may be visited so often."""
    return Edge(on=on, to=to) if isinstance(to, str) else Edge(on=on, to=to[0], max_visits=to[1])


def _policy(on_failure: OnFailure | str) -> FailurePolicy:
    """A policy, or the fallback of that name."""
    if isinstance(on_failure, OnFailure):
        return FailurePolicy(action=on_failure)
    return FailurePolicy(action=OnFailure.FALLBACK, fallback=on_failure)


class Story:
    """A run of `steps` that is owned, at `now`."""

    def __init__(
        self,
        *steps: Step,
        owned: bool = True,
        outputs: dict[str, str] | None = None,
        limits: RunLimits = NO_LIMITS,
        request: dict[str, object] | None = None,
        last: tuple[Step, ...] = (),
        plan: Plan | None = None,
    ) -> None:
        self.plan = plan or Plan(id="p", steps=steps, finally_=last, outputs=outputs or {}, limits=limits)
        self.run = Run("r", self.plan)
        self.events: list[ev.Event] = []
        self.now = T0
        self.tell(CREATED if request is None else replace(CREATED, request=request))
        if owned:
            self.tell(OWNED)

    def tell(self, body: ev.Body, name: str | None = None, attempt: int | None = None) -> "Story":
        """One event, now."""
        event = ev.Event(self.now, body, name, attempt)
        self.run.apply(event)
        self.events.append(event)
        return self

    def start(self, name: str, attempt: int = 1, key: str | None = None) -> "Story":
        return self.tell(ev.AttemptStarted(key=key), name, attempt)

    def end(self, name: str, body: ev.AttemptEnded, attempt: int = 1) -> "Story":
        return self.tell(body, name, attempt)

    def ok(self, name: str, attempt: int = 1, **outputs: object) -> "Story":
        """One attempt that succeeds."""
        return self.start(name, attempt).end(name, ev.AttemptEnded("succeeded", 0, outputs=outputs), attempt)

    def fail(self, name: str, attempt: int = 1, *, retry_s: float | None = None, code: str = "exit.nonzero") -> "Story":
        """One attempt that fails, for good or until `retry_s` seconds from now."""
        retry_at = None if retry_s is None else self.now + round(retry_s * SECOND)
        ended = ev.AttemptEnded("failed", 1, ev.Error(code, "it failed"), retry_at=retry_at)
        return self.start(name, attempt).end(name, ended, attempt)

    def breaks(self, name: str, ended: ev.AttemptEnded = FAILED, attempt: int = 1, **logs: str) -> "Story":
        """One attempt that fails, and what becomes of it by the rules; `logs` are the texts of stdout and stderr."""
        return self.start(name, attempt).end(name, self.judged(name, ended, attempt, **logs), attempt)

    def judged(self, name: str, ended: ev.AttemptEnded, attempt: int = 1, **logs: str) -> ev.AttemptEnded:
        """The end of an attempt with what becomes of it."""
        scene = Scene(self.now, tail=lambda log: logs.get(log, ""))
        return disposed(self.run, self.run.index[name], attempt, ended, scene)

    def doubt(self, name: str, attempt: int = 1, code: str = "timeout") -> "Story":
        """One attempt whose effect is uncertain."""
        ended = ev.AttemptEnded("uncertain", error=ev.Error(code))
        return self.start(name, attempt, key=f"r/{name}").end(name, ended, attempt)

    def resolve(self, name: str, choice: ev.Resolution, **outputs: object) -> "Story":
        return self.tell(ev.StepResolved(choice, outputs=outputs), name)

    def later(self, seconds: float) -> "Story":
        self.now += round(seconds * SECOND)
        return self

    def status(self, name: str) -> str:
        return self.run.states[self.run.index[name]].status.value

    def statuses(self) -> dict[str, str]:
        return {name: self.status(name) for name in self.run.index}

    def next(self, room: int = 1, facts: dict[str, object] | None = None) -> Decision | None:
        return choose(self.run, self.now, room, facts or {})

    def next_start(self, room: int = 1) -> tuple[str, int] | None:
        """The step and attempt that `choose` wants started, or `None`."""
        decision = self.next(room)
        if decision is None:
            return None
        assert isinstance(decision, Start), decision
        return self.run.steps[decision.step].id, decision.attempt

    def next_told(self, facts: dict[str, object] | None = None) -> tuple[ev.Body, str | None]:
        """The event that `choose` wants appended."""
        decision = self.next(1, facts)
        assert isinstance(decision, Tell), decision
        return decision.event.body, decision.event.step

    def rest(self) -> ev.Body | None:
        """What `at_rest` wants appended."""
        decision = at_rest(self.run, self.now, {})
        return None if decision is None else decision.event.body

    def take(self, names: Iterable[str] = ()) -> list[str]:
        """Start and finish whatever `choose` gives, in its order; the steps that started."""
        failing = {*names}
        started: list[str] = []
        while (decision := self.next()) is not None:
            if isinstance(decision, Tell):
                self.tell(decision.event.body, decision.event.step)
                continue
            if isinstance(decision, Expand):
                self.tell(decision.body(), self.run.steps[decision.step].id)
                continue
            name = self.run.steps[decision.step].id
            started.append(name)
            if name in failing:
                broken = ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero", "it failed"))
                self.breaks(name, broken, decision.attempt)
            else:
                self.ok(name, decision.attempt)
        return started

    def play(self, *failing: str) -> ev.RunFinished:
        """Do all there is to do until the run ends; those named fail."""
        while True:
            self.take(failing)
            rest = self.rest()
            assert rest is not None
            self.tell(rest)
            if isinstance(rest, ev.RunFinished):
                return rest

    def refolded(self) -> Run:
        """The same events folded anew."""
        return fold(Run("r", self.plan), self.events)


def snapshot(run: Run) -> dict[str, object]:
    """Everything that the fold has reached, comparable."""
    return {
        "seq": run.seq,
        "status": run.status,
        "states": list(run.states),
        "missing": list(run.missing),
        "steps": [step.id for step in run.steps],
        "groups": {
            i: (group.keys, group.failing, set(group.places), list(group.parked)) for i, group in run.groups.items()
        },
        "failing": set(run.failing),
        "left": run.left,
        "running": set(run.running),
        "uncertain": set(run.uncertain),
        "waiting": list(run.waiting),
        "reviews": set(run.reviews),
        "tries": dict(run.tries),
        "keys": dict(run.keys),
        "settling": set(run.settling),
        "chosen": (set(run.chosen), dict(run.undecided)),
        "visits": deepcopy(run.visits),
        "finalizing": (run.finalizing, run.cancels, run.cancels_heeded),
        "keep_going": run.keep_going,
        "inputs": run.inputs,
        "owner": run.owner,
        "outcome": run.outcome,
        "outputs": run.outputs,
        "quarantine": run.quarantine,
        "times": (run.created_at, run.started_at, run.finished_at),
        "limits": (run.expired, dict(run.passed), run.account and run.account.snapshot()),
        "people": (dict(run.judged), run.alarms and run.alarms.snapshot()),
        "asked": (run.pausing, run.canceling, run.aborting, run.too_often_lost),
    }
