"""The plans that steps of a run run: each a run of its own, linked to its parent (plan-format, `uses: plan`).

The parent journals the child's id and inputs with the attempt's start; the child is created when that is durable, and
its end is the attempt's end. A child that rests without an end (it waits for people, or is paused) leaves its step
running and idle: the parent rests too, and whoever goes on with the parent goes on with the child.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from holdfast.engine.attempt import check_environment, describe, render_inputs
from holdfast.engine.verdict import judge_value
from holdfast.plan.model import Plan, Uses
from holdfast.run import events as ev
from holdfast.run.budgets import capped
from holdfast.run.choose import Start
from holdfast.run.growth import template_id
from holdfast.run.machine import Run
from holdfast.run.standing import Failed, Reused, Running, Succeeded
from holdfast.run.states import OK_STEP, RunStatus

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver

PARTIAL = "nested-partial"
"""The note of an attempt whose nested run is partial."""
FAILED_CODE = "exit.nonzero"
"""The code of a nested run that failed without a step that says why."""


class Child(NamedTuple):
    """A run to be created for an attempt of the step at position `step`."""

    step: int
    attempt: int
    link: ev.Child
    plan: Plan
    file: str | None  # as the parent's plan names it; `None`: inline


class Nested:
    """The nested runs of one run."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self.create: Callable[[Child], Driver]  # set where the driver is made
        self.reopen: Callable[[str], Driver | Run | None]  # the same: a driver, or a run that nobody may drive now
        self.add: Callable[[Driver], object]  # set by the engine
        self.left_over = False  # another engine may have left some under way
        self.idle: set[int] = set()  # running steps whose run rests without an end
        self._held: list[tuple[int, Child]] = []  # with how many events of the driver must be durable before
        self._drivers: dict[int, Driver] = {}

    def start(self, start: Start) -> None:
        """Journal the start of a nested run; raises `ExpressionError` when its inputs cannot be rendered."""
        from holdfast.plan.inputs import InputsInvalidError, bind_inputs  # noqa: PLC0415 - start-up: few plans nest

        driver = self._driver
        step = driver.run.steps[start.step]
        plan = nested_plan(driver.run, start.step)
        given = render_inputs(driver.run, start.step)
        assert isinstance(step.work, Uses)
        try:
            inputs = given if "steps" in step.work.params else bind_inputs(plan, given)
        except InputsInvalidError as error:
            said = "; ".join(error.problems)
            driver.fail_unstarted(start, ev.Error("spawn.failed", f'plan "{plan.id}" cannot take its inputs: {said}'))
            return
        check_environment(plan, inputs)
        account = driver.run.account
        allotted = {} if account is None else account.allotment(start.step)
        link = ev.Child(driver.world.host.run_id(), inputs, allotted)
        body = ev.AttemptStarted(facts=start.facts, child=link)
        driver.tell(ev.Event(driver.world.clock.now(), body, step.id, start.attempt))
        self._held.append((driver.told, _child(driver.run, start.step, start.attempt, link)))

    def release(self) -> None:
        """Create the runs whose attempts' starts are durable."""
        while self._held and self._held[0][0] <= self._driver.durable_told:
            _, child = self._held.pop(0)
            self._take(child.step, self.create(child))

    def go_on(self) -> None:
        """Go on with each nested run that another engine left under way, or take its end."""
        driver, run = self._driver, self._driver.run
        self.left_over = False
        for i in sorted(run.running):
            link, state = run.children.get(i), run.states[i]
            if link is None:
                continue
            assert isinstance(state, Running)
            adopted = ev.AttemptAdopted(driver.fence)
            driver.tell(ev.Event(driver.world.clock.now(), adopted, run.steps[i].id, state.attempt))
            found = self.reopen(link.run)
            if found is None:
                self._held.append((driver.told, _child(run, i, state.attempt, link)))
            elif isinstance(found, Run):
                self._rested(i, found)
            else:
                self._take(i, found)

    def stop(self, i: int) -> bool:
        """End the nested run of step `i`; whether the step has one."""
        run = self._driver.run
        if i not in run.children:
            return False
        child = self._drivers.get(i)
        if child is None:
            self._drop_unborn(i)
        elif not child.resting and child.run.canceling is None and _ends(run, i):
            self._tell(child, ev.RunCanceling(child.world.host.who, f"run {run.id} ends"))
        return True

    def pause(self) -> None:
        """The run is to pause: so are those inside."""
        for child in self._drivers.values():
            if not child.resting and child.run.pausing is None:
                self._tell(child, ev.RunPausing(child.world.host.who, f"run {self._driver.run.id} pauses"))

    def rested(self, child: "Driver") -> None:
        """A nested run has come to rest."""
        i = next(i for i, each in self._drivers.items() if each is child)
        del self._drivers[i]
        if child.failure is not None:
            self._driver.failure = self._driver.failure or child.failure
        else:
            self._rested(i, child.run)

    def _take(self, i: int, child: "Driver") -> None:
        child.parent = self._driver
        self._drivers[i] = child
        self.add(child)

    def _tell(self, child: "Driver", body: ev.Body) -> None:
        child.tell(ev.Event(child.world.clock.now(), body))

    def _drop_unborn(self, i: int) -> None:
        """Its start is not durable, so no run was created."""
        driver = self._driver
        for held in [each for each in self._held if each[1].step == i]:
            self._held.remove(held)
            body = ev.AttemptEnded("canceled", error=ev.Error("canceled", "never started"))
            driver.tell(ev.Event(driver.world.clock.now(), body, driver.run.steps[i].id, held[1].attempt))

    def _rested(self, i: int, child: Run) -> None:
        driver = self._driver
        state = driver.run.states[i]
        assert isinstance(state, Running)
        if not child.final:
            self.idle.add(i)
            return
        ended = self._verdict(i, state.attempt, child)
        if child.account is not None:
            ended = replace(ended, spent=child.account.total())
        driver.end(driver.world.clock.now(), i, state.attempt, ended)

    def _verdict(self, i: int, attempt: int, child: Run) -> ev.AttemptEnded:
        """The attempt's end as its nested run ended."""
        driver = self._driver
        if child.status is RunStatus.CANCELED:
            error = ev.Error("canceled", f"run {child.id} was canceled")
            return ev.AttemptEnded("canceled" if _ends(driver.run, i) else "failed", error=error)
        if child.expired and child.status is RunStatus.FAILED and driver.run.steps[i].limits.timeout_s is not None:
            return ev.AttemptEnded("timed_out", error=ev.Error("timeout", f"run {child.id} ran longer than it may"))
        if child.status is RunStatus.FAILED:
            return ev.AttemptEnded("failed", error=_why_failed(child))
        site = driver.site
        ended = judge_value(site, driver.run, describe(site, driver.run, i, attempt), child.outputs, driver.facts)
        notes = (*ended.notes, PARTIAL) if child.status is RunStatus.PARTIAL else ended.notes
        return ev.AttemptEnded(
            ended.status, None, ended.error, ended.outputs, ended.outputs_digest, exported(child), notes=notes
        )


def _ends(run: Run, i: int) -> bool:
    """Whether what step `i` runs is to end, and not only to pause."""
    return run.ending or run.group_of.get(i) in run.failing


def _child(run: Run, i: int, attempt: int, link: ev.Child) -> Child:
    work = run.steps[i].work
    assert isinstance(work, Uses)
    file = work.params.get("file")
    return Child(i, attempt, link, _within(run, i, link), file if isinstance(file, str) else None)


def _within(run: Run, i: int, link: ev.Child) -> Plan:
    """The plan of step `i` with no more time and money than its step and the run around it allow (S10, S13)."""
    plan, around = nested_plan(run, i), run.plan.limits
    limits, timeout_s = plan.limits, run.steps[i].limits.timeout_s
    budget = capped(limits.budget, link.allotted, around.budget)
    if timeout_s is not None:
        budget = replace(budget, time_s=min(timeout_s, budget.time_s or timeout_s))
    ceiling_s = around.step_time_s
    if ceiling_s is not None:
        limits = replace(limits, step_time_s=min(ceiling_s, limits.step_time_s or ceiling_s))
    limits = replace(limits, budget=budget)
    work = run.steps[i].work
    if isinstance(work, Uses) and "steps" in work.params:
        limits = replace(limits, grace_s=around.grace_s)  # it is written where nothing else says it
    return plan if limits == plan.limits else replace(plan, limits=limits)


def nested_plan(run: Run, i: int) -> Plan:
    """The plan that step `i` runs; instances and later visits run that of the step they were made of."""
    return run.plan.nested[template_id(run.steps[i].id)]


def exported(child: Run) -> dict[str, ev.ArtifactRef]:
    """The artifacts that a finished run's plan exports."""
    found = {}
    for name, text in child.plan.exports.items():
        step, _, artifact = text.rpartition(".")
        state = child.states[child.index[step]]
        if isinstance(state, Succeeded | Reused) and state.status in OK_STEP and artifact in state.result.artifacts:
            found[name] = state.result.artifacts[artifact]
    return found


def _why_failed(child: Run) -> ev.Error:
    """The error of the step that ended the nested run, named with its run."""
    where = f'plan "{child.plan.id}" failed (run {child.id})'
    failed = [(step, state) for step, state in zip(child.steps, child.states, strict=True) if isinstance(state, Failed)]
    for step, state in failed:
        if child.aborting in {None, step.id}:
            return ev.Error(state.error.code, f'{where}: step "{step.id}": {state.error.message or state.error.code}')
    return ev.Error(FAILED_CODE, where)
