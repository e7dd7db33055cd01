"""People in the simulated world: what they may ask for, and what they do sooner or later."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from holdfast.run import events as ev
from holdfast.run.disposition import Scene, disposed, left_behind
from holdfast.run.goal import GoalAnswered
from holdfast.run.machine import Run
from holdfast.run.reviews import is_asked, rejected
from holdfast.run.standing import Failed, Reviewed, State, Uncertain, Waiting
from holdfast.run.states import RunStatus
from holdfast.run.visits import stuck, visit_number
from tests.simulation.aiming import asked, is_met
from tests.simulation.plans import OUTPUTS
from tests.simulation.world import Limits, World

MANY_VISITS = 4
"""Nobody wants more."""
Move = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Profile:
    """What may happen in a history."""

    crashes: int
    freezes: bool
    requests: int
    cancels: bool
    honest: bool  # people tell the truth about effects
    limits: Limits


class People:
    """Everybody who may ask something of the run."""

    def __init__(self, world: World, profile: Profile, rng: random.Random) -> None:
        self.world = world
        self.profile = profile
        self.rng = rng
        self.requests_left = profile.requests
        self.canceled = False

    def request(self) -> None:
        """Somebody asks for something that nobody needs."""
        self.requests_left -= 1
        world, run = self.world, self.world.journal.durable
        kind = self.rng.choice(("pause", "interrupt", "interrupt", "cancel", "resolve", "answer"))
        if kind == "pause" and run.status is RunStatus.RUNNING:
            world.ask(ev.RunPausing())
        elif kind == "interrupt" and world.engine is not None:
            world.engine.interrupts += self.rng.choice((1, 1, 2))
        elif kind == "cancel" and self.profile.cancels and not run.final and run.status is not RunStatus.QUARANTINED:
            self.canceled = True
            world.ask(ev.RunCanceling())
        elif kind == "resolve" and run.uncertain and not run.final:
            self._resolve()
        elif kind == "answer" and self._reviews(run) and not run.final:
            self._answer()
        elif kind == "answer" and asked(run) and not run.final and not run.ending:
            self._judge()

    def duties(self) -> list[Move]:
        """What somebody does sooner or later."""
        world, run = self.world, self.world.journal.durable
        if run.final:
            return []
        if run.status is RunStatus.QUARANTINED:
            return [lambda: world.ask(ev.RunReleased(reason="looked at it"))]
        found: list[Move] = []
        if run.uncertain:
            found.append(self._resolve)
        if self._reviews(run):
            found.append(self._answer)
        if asked(run) and not run.ending:
            found.append(self._judge)
        if stuck(run) and not run.ending:
            found.append(self._turn)
        if any(isinstance(state := run.states[i], Waiting) and state.cause == "budget" for i in run.waiting):
            found.append(self._allow)
        if run.status is RunStatus.BLOCKED and any(_closes_a_circle(run.states[i]) for i in run.waiting):
            found.append(self._cancel)
        found += world.surroundings.comes(run)
        if world.project.holders - world.project.worlds.keys():
            found.append(self._others_end)
        if world.engine is None:
            found.append(world.reopen)
        return found

    def _cancel(self) -> None:
        """Somebody ends a run that others wait for, as it does for them."""
        self.canceled = True
        self.world.ask(ev.RunCanceling())

    def _allow(self) -> None:
        """Somebody allows what a step waits for."""
        world, run = self.world, self.world.journal.durable
        for i in run.waiting:
            short = run.account.shortage(i) if run.account is not None else None
            if short is not None and not short.until_free:
                body = ev.BudgetRaised(short.key, float(self.rng.randint(1, 3)), reason="it matters")
                world.ask(body, short.scope)
                return

    def _turn(self) -> None:
        """Somebody says whether a loop goes round once more: the same for the same visit in every history."""
        run = self.world.journal.durable
        i = min(stuck(run))
        number = visit_number(run.steps[i].id)
        choice: ev.Verdict = "approve" if number < MANY_VISITS and sum(map(ord, run.steps[i].id)) % 2 else "reject"
        is_failure = choice == "reject" and isinstance(run.states[i], Failed)
        said = ev.StepAnswered(choice, disposed=left_behind(run, i) if is_failure else None)
        self.world.ask(said, run.steps[i].id)

    def _others_end(self) -> None:
        self.world.project.they_end(self.rng, self.world.wall)

    def _resolve(self) -> None:
        world, run = self.world, self.world.journal.durable
        i = self.rng.choice(sorted(run.uncertain))
        state = run.states[i]
        assert isinstance(state, Uncertain)
        happened = (i, state.result.attempt) in world.truth.applied_by
        choice: Literal["happened", "not-happened", "skip"] = "happened" if happened else "not-happened"
        if not self.profile.honest:
            choice = self.rng.choice(("happened", "not-happened", "skip"))
        world.ask(ev.StepResolved(choice, outputs=OUTPUTS if choice == "happened" else {}), run.steps[i].id)

    @staticmethod
    def _reviews(run: Run) -> list[int]:
        """The steps that people are asked about."""
        return [i for i in sorted(run.reviews) if is_asked(run, i)]

    def _answer(self) -> None:
        """Somebody looks at what a step promised in prose."""
        world, run = self.world, self.world.journal.durable
        i = self.rng.choice(self._reviews(run))
        state = run.states[i]
        assert isinstance(state, Reviewed)
        choice: ev.Verdict = "reject" if world.truth.disappoints(i) else "approve"
        if not self.profile.honest:
            choice = self.rng.choice(("approve", "reject"))
        said, attempt = ev.StepAnswered(choice), state.result.attempt
        if choice == "reject":
            failed = ev.AttemptEnded("failed", state.result.exit_code, rejected(said), outputs=state.result.outputs)
            ended = disposed(run, i, attempt, failed, Scene(world.wall))
            said = replace(said, error=ended.error, retry_at=ended.retry_at, disposed=ended.disposed)
        world.ask(said, run.steps[i].id, attempt)

    def _judge(self) -> None:
        """Somebody says whether a criterion of the goal is met."""
        criterion = self.rng.choice(sorted(asked(self.world.journal.durable)))
        choice: ev.Verdict = "approve" if is_met(criterion) else "reject"
        if not self.profile.honest:
            choice = self.rng.choice(("approve", "reject"))
        self.world.ask(GoalAnswered(criterion, choice, 0, ev.Who("ann")))


def _closes_a_circle(state: State) -> bool:
    return isinstance(state, Waiting) and state.cause == "deadlock"
