"""What is really the case in the simulated world, whatever anybody believes: time, processes, effects.

Each rule that must hold of real things is checked here, at the moment something really happens.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.plan.model import Effect, Step
from holdfast.run import events as ev
from holdfast.run.machine import Run
from holdfast.run.standing import Failed, Falling, Lingering, Ready, Retrying, Running, Uncertain, Undone, Waiting
from holdfast.run.states import FINAL_STEP
from tests.simulation.hours import Hours
from tests.simulation.leading import may_begin, may_run
from tests.simulation.looping import is_inside, wrong_jump
from tests.simulation.plans import DEFINITE_EXIT, GRACE_S, SECOND, Failure, Nature, Script, Work
from tests.simulation.rationing import Rationing
from tests.simulation.rules import BrokenRuleError
from tests.simulation.surroundings import Surroundings
from tests.simulation.wanting import ONLINE


@dataclass(slots=True, eq=False)
class Process:
    """One real execution of a step: a process, or a call inside an engine (`engine` is that engine's fence)."""

    at: int
    step: Step
    nature: Nature
    attempt: int
    ends: int | None  # microseconds; None: never by itself
    code: int
    applies: bool  # whether it has its effect when it ends by itself
    engine: int | None = None
    deadline: int | None = None  # when its keeper ends it for its timeout
    why: str | None = None
    group: int | None = None  # the fan-out it is an instance of
    abandoned: bool = False  # given up by its engine, which cannot stop it
    alive: bool = True


@dataclass(slots=True)
class Truth:
    """Real things, and the checks on them."""

    script: Script
    rng: random.Random
    surroundings: Surroundings
    hours: Hours
    share: Callable[["Process"], None]  # checks what other runs may have to say about a start
    processes: list[Process] = field(default_factory=list)  # alive
    started: dict[int, list[int]] = field(default_factory=dict)  # step -> attempts that really started
    applied: dict[int, int] = field(default_factory=dict)  # once step -> how often its effect happened
    applied_by: set[tuple[int, int]] = field(default_factory=set)
    cleared: set[tuple[int, int]] = field(default_factory=set)  # attempts of once steps that may be followed by another
    approved: set[int] = field(default_factory=set)  # steps whose promises a person found kept, or saw to happen
    rejected: Counter[int] = field(default_factory=Counter)  # how often a person did not approve of a step
    left: set[str] = field(default_factory=set)  # ends that led back, whose loops people have left
    once_more: int = 0  # how often people have allowed a visit beyond the limit
    current_fence: int = 0
    durable: Run | None = None
    rationing: Rationing = field(init=False)

    def __post_init__(self) -> None:
        """What there is to be shared, the plan says."""
        self.rationing = Rationing(self.script.plan.limits.resources)

    @property
    def now(self) -> int:
        """The true time."""
        return self.hours.now

    # Real starts.

    def spawn(self, at: int, attempt: int) -> Process | None:
        """Start a command; `None` when its process cannot be started."""
        self._check_start(at, attempt)
        assert self.durable is not None
        process = self._made(self.durable, at, attempt, self.durable.attempts_of(at).counted - 1)
        process.deadline = self.now + round((process.step.limits.timeout_s or 1800.0) * SECOND)
        return None if process.code and process.nature.failure is Failure.UNSTARTED else self._begin(process)

    def call(self, run: Run, at: int, attempt: int, before: int, engine: int) -> Process:
        """Start a call inside the engine, as that sees its run; `before` attempts of the step counted."""
        if run.steps[at].effect_class is not Effect.NONE:
            self._check_start(at, attempt)
        if engine == self.current_fence:  # the run may have moved on without one that comes back late
            self._check_needs(run, at)
        process = self._made(run, at, attempt, before)
        process.engine = engine
        return self._begin(process)

    def _check_needs(self, run: Run, at: int) -> None:
        """Semantics C1: nothing starts before the ends it depends on are durable."""
        assert self.durable is not None
        if run.group_of.get(at, at) >= len(self.durable.states):
            raise BrokenRuleError(f"s{at} starts before the jump that made it is durable (C1)")
        if is_inside(self.durable, run.group_of.get(at, at), self.left):
            raise BrokenRuleError(f"s{at} starts before the loop that it waits for is left (S17)")
        for j in run.needs[run.group_of.get(at, at)]:
            if self.durable.states[j].status not in FINAL_STEP:
                raise BrokenRuleError(f"s{at} starts before the end of s{j} is durable (C1)")
        if not may_begin(self.durable, run.group_of.get(at, at)):
            raise BrokenRuleError(f"s{at} starts before what lets it start is durable (C1)")

    def _check_start(self, at: int, attempt: int) -> None:
        run = self.durable
        assert run is not None
        state = run.states[at]
        if not isinstance(state, Running) or state.attempt != attempt:
            raise BrokenRuleError(f"s{at}.{attempt} starts while its durable state is {state} (C1)")
        self._check_needs(run, at)

    def _begin(self, process: Process) -> Process:
        at, attempt = process.at, process.attempt
        before = self.started.setdefault(at, [])
        once = process.step.effect_class is Effect.ONCE
        if once and any((at, earlier) not in self.cleared for earlier in before):
            raise BrokenRuleError(f"once step s{at} starts again as attempt {attempt} after {before} (E3)")
        if attempt in before and process.engine is None:
            raise BrokenRuleError(f"attempt {attempt} of s{at} starts twice")
        before.append(attempt)
        self.processes.append(process)
        self._check_crowd()
        self.share(process)
        return process

    def _made(self, run: Run, at: int, attempt: int, before: int) -> Process:
        nature = self.script.nature(run, at)
        ends: int | None = self.now + round(nature.lasts_s * SECOND)
        code, applies = 0, True
        if before < nature.failures:
            ends = None if nature.failure is Failure.HANG else ends
            code = DEFINITE_EXIT if nature.failure is Failure.DEFINITE else 1
            applies = nature.fails_after_effect and nature.failure is not Failure.DEFINITE
        return Process(at, run.steps[at], nature, attempt, ends, code, applies, group=run.group_of.get(at))

    def _check_crowd(self) -> None:
        # Calls of an engine that was taken over cannot be stopped; they have no effect, or that engine is frozen.
        ours = [
            each
            for each in self.processes
            if each.engine is None or not (each.abandoned or each.engine != self.current_fence or each.nature.quick)
        ]
        if len(ours) > self.script.concurrency:
            raise BrokenRuleError(f"{len(ours)} attempts run at once, {self.script.concurrency} may (S4)")
        for group, count in Counter(each.group for each in ours).items():
            many = None if group is None or self.durable is None else self.durable.steps[group].for_each
            if many is not None and many.max_parallel is not None and count > many.max_parallel:
                raise BrokenRuleError(f"{count} instances of s{group} run at once, {many.max_parallel} may")
        steps = [each.at for each in ours]
        if len(set(steps)) < len(steps):
            raise BrokenRuleError(f"two attempts of one step run at once: {sorted(steps)}")
        name = self.rationing.excess(each.step for each in ours)
        if name is not None:
            raise BrokenRuleError(f"steps {steps} run at once, which need more of {name} than there is (S4)")

    # Real ends.

    def ask_to_stop(self, process: Process, why: str) -> None:
        """TERM, then KILL after the grace."""
        if process.why is None:
            process.why = why
            last = self.now + round(self.rng.choice((0.0, 0.1, GRACE_S)) * SECOND)
            process.ends = last if process.ends is None else min(process.ends, last)

    def end(self, process: Process) -> None:
        """The process ends by itself, or because it was asked to."""
        self._gone(process)
        if process.applies and (process.why in {None, "timeout"} or self.rng.random() < 0.3):
            self._apply(process)

    def kill(self, process: Process) -> None:
        """The process is killed; its effect may have happened just before."""
        self._gone(process)
        if process.applies and self.rng.random() < 0.3:
            self._apply(process)

    def _gone(self, process: Process) -> None:
        process.alive = False
        self.processes.remove(process)

    def _apply(self, process: Process) -> None:
        if process.step.effect_class is Effect.ONCE:
            self.applied[process.at] = self.applied.get(process.at, 0) + 1
            self.applied_by.add((process.at, process.attempt))

    def disappoints(self, i: int) -> bool:
        """Whether a person who looks at what the step has done does not approve."""
        assert self.durable is not None
        return self.rejected[i] < self.script.nature(self.durable, i).rejections

    # What becomes durable.

    def recorded(self, stored: ev.StoredEvent, before: Run) -> None:
        """An event becomes durable; `before` is the state it meets."""
        event = stored.event
        if event.step is None:
            return
        i = before.index[event.step]
        state = before.states[i]
        self._check_shared(i, event, before)
        if isinstance(event.body, ev.AttemptStarted):
            self._check_started(before, i, event)
        elif isinstance(event.body, ev.AttemptEnded):
            self._check_ended(before, i, event, event.body)
        elif isinstance(event.body, ev.StepResolved) and isinstance(state, Uncertain):
            if event.body.choice == "happened":
                self.approved.add(i)
            if event.body.choice == "not-happened":
                self.cleared.add((i, state.result.attempt))
        elif isinstance(event.body, ev.StepAnswered):
            self._answered(i, event, event.body)
        elif isinstance(event.body, ev.StepJumped):
            self._check_jumped(before, event.step, event.body)
        elif isinstance(event.body, ev.StepGathered):
            self._check_gathered(before, i, event.body)
        elif isinstance(event.body, ev.StepFailed | ev.StepSkipped | ev.StepExpanded):
            if not isinstance(state, Ready | Undone | Falling | Retrying | Waiting):
                raise BrokenRuleError(f"{event.body.kind} of s{i}, which is {state.status}")
            if isinstance(event.body, ev.StepSkipped):
                assert not isinstance(state, Retrying | Waiting), "conditions are looked at once (S3)"
                self._check_skipped(before, i, event.body)

    def _check_shared(self, i: int, event: ev.Event, before: Run) -> None:
        wrong = self.rationing.recorded(i, event, before)
        if wrong is not None:
            raise BrokenRuleError(wrong)

    def _check_jumped(self, before: Run, step: str, body: ev.StepJumped) -> None:
        wrong = wrong_jump(before, step, body, self.once_more)
        if wrong is not None:
            raise BrokenRuleError(f"{step} leads back: {wrong} (S17)")

    def _answered(self, i: int, event: ev.Event, body: ev.StepAnswered) -> None:
        if event.attempt is None:
            self.left |= {event.step or ""} if body.choice == "reject" else set()
            self.once_more += body.choice == "approve"
        elif body.choice == "approve":
            self.approved.add(i)
        else:
            self.rejected[i] += 1

    def _check_skipped(self, before: Run, i: int, body: ev.StepSkipped) -> None:
        if (body.why == "branch") is may_begin(before, i):
            raise BrokenRuleError(f"s{i} is skipped for {body.why} (S7, S17)")
        if body.why != "branch" and (body.why == "upstream") is may_run(before, i):
            raise BrokenRuleError(f"s{i} is skipped for {body.why} (S2)")

    def _check_gathered(self, before: Run, i: int, body: ev.StepGathered) -> None:
        """A fan-out ends with the last of its instances, or, where it is to fail fast, with the last that runs."""
        many = before.steps[i].for_each
        assert many is not None
        states = [before.states[j] for j in before.groups[i].positions]
        failed = any(isinstance(state, Failed) for state in states)
        if not (all(state.status in FINAL_STEP for state in states) or (failed and many.fail == "fast")):
            raise BrokenRuleError(f"s{i} ends before its instances")
        if any(each.group == i and each.engine is None for each in self.processes):
            raise BrokenRuleError(f"s{i} ends while one of its instances runs")
        if (body.status == "failed") is not failed:
            raise BrokenRuleError(f"s{i} {body.status}, its instances are {states}")

    def _check_started(self, before: Run, i: int, event: ev.Event) -> None:
        assert isinstance(event.body, ev.AttemptStarted)
        state, step = before.states[i], before.steps[i]
        tries = before.attempts_of(i)
        if isinstance(state, Retrying) and event.at < state.due:
            raise BrokenRuleError(f"s{i} is retried {state.due - event.at} us early (S9)")
        if not may_run(before, i):
            raise BrokenRuleError(f"s{i} starts although a dependency keeps it from running (S2)")
        if tries.total == 0 and not may_begin(before, i):
            raise BrokenRuleError(f"s{i} starts although nothing chose it, or it is not its time (S7, S15, S17)")
        if event.attempt != tries.total + 1:
            raise BrokenRuleError(f"attempt {event.attempt} of s{i} follows {tries.total} others")
        requires = () if step.conditions is None else step.conditions.requires
        if any(ONLINE in text for text in requires) and event.body.facts.get(ONLINE) is not True:
            raise BrokenRuleError(f"s{i} starts although what it requires does not hold: {event.body.facts} (S4)")
        if tries.counted >= step.retry.attempts:
            raise BrokenRuleError(f"s{i} starts again after {tries.counted} of {step.retry.attempts} attempts (S9)")
        group = before.groups.get(before.group_of.get(i, -1))
        failing = group is not None and group.at in before.failing and not any(map(self.rejected.get, group.positions))
        if failing and self.script.nature(before, i).work is not Work.INLINE:  # else it may not be heard of yet
            raise BrokenRuleError(f"s{i} starts although its fan-out has failed")
        if step.effect_class is Effect.ONCE and event.body.key is None:
            raise BrokenRuleError(f"the effect of s{i} has no key (E1)")

    def _check_waited(self, run: Run, i: int, event: ev.Event, body: ev.AttemptEnded) -> None:
        """What only waits ends when what it waits for is there, and not before."""
        state = run.states[i]
        if not isinstance(state, Lingering):
            raise BrokenRuleError(f"s{i} ends as {body.status} and never waited")
        is_there = state.on in self.surroundings.files if state.due is None else state.due <= event.at
        is_late = state.deadline is not None and state.deadline <= event.at
        if (body.status == "succeeded" and not is_there) or (body.status == "timed_out" and not is_late):
            raise BrokenRuleError(f"s{i} waits for {state.what} and {body.status} at {event.at}: {state}")

    def _check_ended(self, run: Run, i: int, event: ev.Event, body: ev.AttemptEnded) -> None:
        assert event.attempt is not None
        once, work = run.steps[i].effect_class is Effect.ONCE, self.script.nature(run, i).work
        really = event.attempt in self.started.get(i, [])
        if work is Work.COMMAND and any(
            each.at == i and each.attempt == event.attempt and each.engine is None for each in self.processes
        ):
            raise BrokenRuleError(f"s{i}.{event.attempt} is recorded as {body.status} while it runs")
        if work is Work.WAIT:
            self._check_waited(run, i, event, body)
        elif body.status == "succeeded" and not really and work is not Work.NOOP:
            raise BrokenRuleError(f"s{i}.{event.attempt} succeeded without having run")
        asked_s = body.error.retry_after_s if body.error is not None else None
        if body.retry_at is not None and asked_s is not None and body.retry_at - event.at != round(asked_s * SECOND):
            raise BrokenRuleError(f"s{i} is not retried when it was asked to be (S9, E2)")
        if body.status in {"failed", "timed_out", "stalled"}:
            self.cleared.add((i, event.attempt))
            if once and body.status != "failed":
                raise BrokenRuleError(f"the effect of s{i} is uncertain, not {body.status} (E2)")
        if once and body.status in {"lost", "canceled"} and really:
            raise BrokenRuleError(f"s{i}.{event.attempt} really started and is recorded as {body.status} (E2)")
