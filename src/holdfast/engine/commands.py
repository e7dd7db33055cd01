"""The commands of one run: what its keeper has in hand, and what becomes of it (semantics C2, C3)."""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from holdfast.engine.attempt import Attempt, arrange, describe, prepare
from holdfast.engine.keeper_client import Adopted, KeeperClient, KeeperLostError
from holdfast.engine.keeper_messages import (
    Base,
    Dropped,
    End,
    Event,
    Exited,
    Fenced,
    Refused,
    Request,
    Spawn,
    Spawned,
    SpawnFailed,
    Stop,
    StopAll,
)
from holdfast.engine.leftovers import end_leftovers
from holdfast.engine.naming import attempt_name
from holdfast.engine.orphans import ORPHANS
from holdfast.engine.output_file import read_spent
from holdfast.engine.pace import Paces
from holdfast.engine.passage import NEVER_BEGAN
from holdfast.engine.scratch import Scratch
from holdfast.engine.verdict import Exit, Tree, judge
from holdfast.errors import BusyError
from holdfast.plan.model import Effect, Step, Uses
from holdfast.ports import FenceLostError
from holdfast.run import events as ev
from holdfast.run.admission import is_free
from holdfast.run.choose import Start
from holdfast.run.standing import Running
from holdfast.run.states import RunStatus

if TYPE_CHECKING:
    from holdfast.engine.driver import Driver
    from holdfast.engine.early import EarlyKeeper


STOPPED_MAX = 10
"""A keeper that is found stopped so many times in a row, however often it was sent on, is ended."""


class Commands:
    """The commands and worker jobs of one run."""

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver
        self.keeper: KeeperClient | None = None
        self.watch: Callable[[KeeperClient], object] = lambda _: None  # set by the engine: listen to this keeper
        self.unwatch: Callable[[KeeperClient], object] = lambda _: None
        self._attempts: dict[str, Attempt] = {}
        self._stopping: set[str] = set()
        self.paces = Paces()
        self._new: list[Attempt] = []  # whose processes were heard of just now
        self._based: KeeperClient | None = None  # the connection that knows the base environment
        self._scratch = Scratch()
        self._held: list[Attempt] = []  # durable starts that wait for a keeper which may not be started yet
        self._settled = 0  # how many events of the driver must be durable before a keeper is started
        self._stopped = 0  # how often in a row the keeper was found stopped

    def open(self, early: "EarlyKeeper | None" = None) -> None:
        """Start the run's keeper, which takes its time beside us, or name the run to one that waits for it."""
        site = self._driver.site
        self.keeper = KeeperClient.start(Path(site.folder), site.run, self._driver.fence, early)
        self.watch(self.keeper)
        if self._driver.world.host.is_program:
            ORPHANS.open()
        self._driver.world.log("keeper", site.run, fence=self._driver.fence)

    def ahead(self, i: int, concurrency: int) -> int:
        """How many more than `concurrency` may be handed out when step `i` is the next: those wait in the keeper.

        Only for what was quick so far, where the way to here and back takes as long as the command; no `once` step,
        nothing that takes more than a slot from others, and only while the keeper has all that runs: it counts nothing
        else.
        """
        driver = self._driver
        run, step = driver.run, driver.run.steps[i]
        if (
            step.effect_class is Effect.ONCE
            or not is_free(run, step)
            or driver.calls.out
            or not run.running.isdisjoint(run.children)
        ):
            return 0
        return concurrency * self.paces.depth(_work_of(step))

    def prepare(self, start: Start) -> Attempt:
        """Make an attempt ready to be journaled; raises `ExpressionError`."""
        driver = self._driver
        is_ahead = len(driver.run.running) >= driver.concurrency
        attempt = prepare(driver.site, driver.run, start, driver.concurrency if is_ahead else None)
        if (
            isinstance(attempt.request, Spawn)
            and self.paces.is_silent(_work_of(attempt.step))
            and _may_hush(attempt.step)
        ):
            attempt.request = msgspec.structs.replace(attempt.request, silent=True)
        return attempt

    def launch(self, attempts: Sequence[Attempt]) -> None:
        """Their starts are durable: hand them to the keeper, unless nothing new starts any more.

        A keeper is started only when all that was settled about attempts of an earlier one is durable: a living keeper
        that has never heard of an attempt is taken for proof that it did not start.
        """
        driver = self._driver
        self._held += attempts
        if driver.closing:
            dropped, self._held = self._held, []
            for attempt in dropped:
                self._never_started(attempt)
            return
        if not self._held or (self.keeper is None and driver.durable_told < self._settled):
            return
        held, self._held = self._held, []
        requests: list[Request] = []
        for attempt in held:
            self._attempts[attempt.id] = attempt
            try:
                self._scratch.make(attempt.scratch)
                arrange(self._driver.site, attempt)
            except OSError as error:
                self._failed(attempt, f"{error.filename}: {error.strerror}")
                continue
            assert attempt.request is not None
            requests.append(attempt.request)
        if requests and self.keeper is None:
            self.open()  # the one they were prepared for has died meanwhile
        if self._based is not self.keeper:
            self._based = self.keeper
            requests.insert(0, Base(self._driver.site.env))
        self._send(requests)

    def stop(self, i: int) -> None:
        """End the running attempt of step `i`: TERM to its tree, KILL after the grace."""
        driver = self._driver
        state = driver.run.states[i]
        assert isinstance(state, Running)
        attempt_id = attempt_name(driver.run.steps[i].id, state.attempt)
        if attempt_id in self._attempts and attempt_id not in self._stopping:
            self._stopping.add(attempt_id)
            self._send([Stop(attempt_id, driver.site.grace_s)])

    def hear(self) -> None:
        """Take what the keeper says."""
        assert self.keeper is not None
        try:
            said = self.keeper.receive()
        except KeeperLostError:
            self._keeper_gone()
            return
        self._new = []
        for event in said:
            self._hear(event)
        for attempt in self._new:
            if attempt.id in self._attempts:  # else its end says it all
                self._tell_spawned(attempt)

    def look_after(self) -> None:
        """Send a keeper on that was stopped, perhaps by a command of its own: it would enforce no clock (S10)."""
        keeper = self.keeper
        if keeper is None or not self._attempts or not keeper.is_stopped():
            self._stopped = 0
            return
        self._stopped += 1
        keeper.signal(signal.SIGCONT if self._stopped < STOPPED_MAX else signal.SIGKILL)

    def close(self) -> None:
        """Nothing of the run is left to drive: let the keeper go and wait for it, or leave it to a newer engine."""
        keeper, self.keeper = self.keeper, None
        if keeper is None:
            return
        self.unwatch(keeper)
        self._scratch.close()
        driver = self._driver
        if driver.failure is not None or (self._attempts and driver.run.status is RunStatus.RUNNING):
            keeper.close()  # a newer engine has it, or the next one will
            return
        if self._attempts:  # the run is quarantined
            with suppress(KeeperLostError):
                keeper.send([StopAll(driver.site.grace_s)])
        keeper.finish()

    # What happens to attempts.

    def _hear(self, event: Event) -> None:
        driver = self._driver
        if isinstance(event, Fenced):
            driver.failure = FenceLostError(f"run {driver.run.id} was taken over by another engine", code="E_BUSY")
        elif isinstance(event, Spawned):
            attempt = self._attempts.get(event.id)
            if attempt is not None:
                attempt.spawned = event
                self._new.append(attempt)
        elif isinstance(event, Exited | SpawnFailed | Dropped):
            attempt = self._attempts.pop(event.id, None)
            if attempt is not None:
                self.ended(attempt, event)
        elif isinstance(event, Refused) and event.id in self._attempts:
            self._failed(self._attempts[event.id], event.why)

    def ended(self, attempt: Attempt, end: End) -> None:
        """Tell of an attempt's end as the keeper recorded it."""
        driver = self._driver
        self._stopping.discard(attempt.id)
        if isinstance(end, Dropped):
            body = ev.AttemptEnded("canceled", error=ev.Error("canceled", end.why), notes=(NEVER_BEGAN,))
            driver.tell(ev.Event(end.at, body, attempt.step.id, attempt.number))
            return
        took_us = None if attempt.spawned is None else end.at - attempt.spawned.at
        self.paces.learn(_work_of(attempt.step), took_us, silent=isinstance(end, Exited) and not end.printed)
        body = judge(driver.site, driver.run, attempt, _exit(attempt, end), driver.facts)
        if body.status == "succeeded" and not attempt.step.process.leave_running:
            self._scratch.done(attempt.scratch)  # what an attempt leaves running may still use its folder
        driver.end(end.at, attempt.at, attempt.number, body)

    def _tell_spawned(self, attempt: Attempt) -> None:
        spawned = attempt.spawned
        assert spawned is not None
        attempt.is_spawn_told = True
        body = ev.AttemptSpawned(spawned.pid, str(spawned.start))
        self._driver.tell(ev.Event(spawned.at, body, attempt.step.id, attempt.number))

    def _failed(self, attempt: Attempt, why: str) -> None:
        self._attempts.pop(attempt.id, None)
        self.ended(attempt, SpawnFailed(attempt.id, why, "", self._driver.world.clock.now()))

    def lost(self, attempt: Attempt) -> None:
        """Nobody knows what became of the attempt (semantics C3)."""
        driver = self._driver
        error = ev.Error("lost", "the process that kept the attempt is gone and left no exit code")
        status: ev.AttemptStatus = "uncertain" if attempt.step.effect_class is Effect.ONCE else "lost"
        body = ev.AttemptEnded(status, error=error, spent=read_spent(attempt.out))
        driver.tell(ev.Event(driver.world.clock.now(), body, attempt.step.id, attempt.number))

    def _send(self, requests: Sequence[Request]) -> None:
        if not requests or self.keeper is None:
            return
        try:
            self.keeper.send(requests)
        except KeeperLostError:
            self._keeper_gone()

    def _keeper_gone(self) -> None:
        """The keeper died under us: fence what it left, take what it recorded, and go on with a new one if needed."""
        if self.keeper is None:
            return
        self.unwatch(self.keeper)
        self.keeper.close()
        self.keeper = None
        driver = self._driver
        driver.world.log("keeper lost", driver.run.id, attempts=sorted(self._attempts))
        try:
            client, adopted = KeeperClient.adopt(Path(driver.site.folder), driver.run.id, driver.fence)
        except BusyError as error:
            driver.failure = driver.failure or error
            return
        attempts, self._attempts = self._attempts, {}
        self.take_over(client, adopted, list(attempts.values()))

    def take_over(self, client: KeeperClient | None, adopted: Adopted, attempts: Sequence[Attempt]) -> None:
        """Settle attempts that began under another keeper or engine: await the living, take the ends of the others."""
        driver = self._driver
        if client is not None:
            self.keeper = client
            self.watch(client)
        driver.world.log(
            "adopt",
            driver.run.id,
            live=sorted(adopted.live),
            leftovers=[leftover.pid for leftover in adopted.leftovers],
            attempts=[attempt.id for attempt in attempts],
        )
        if adopted.leftovers:
            end_leftovers(adopted.facts, driver.run.id, driver.site.grace_s)
        for attempt in attempts:
            facts = adopted.facts.attempts.get(attempt.id)
            now = driver.world.clock.now()
            if attempt.id in adopted.live:
                self._attempts[attempt.id] = attempt
                driver.tell(ev.Event(now, ev.AttemptAdopted(driver.fence), attempt.step.id, attempt.number))
            elif facts is not None and facts.end is not None:
                driver.tell(ev.Event(now, ev.AttemptAdopted(driver.fence), attempt.step.id, attempt.number))
                self.ended(attempt, facts.end)
            elif client is not None and facts is None and not attempt.step.inline:
                self._never_started(attempt)  # a living keeper that has never heard of it proves that
            else:
                self.lost(attempt)
        self._settled = driver.told

    def _never_started(self, attempt: Attempt) -> None:
        driver = self._driver
        body = ev.AttemptEnded("canceled", error=ev.Error("canceled", "never started"), notes=(NEVER_BEGAN,))
        driver.tell(ev.Event(driver.world.clock.now(), body, attempt.step.id, attempt.number))


def running_attempts(driver: "Driver") -> list[Attempt]:
    """The attempts that the journal says are running, as this engine would have made them."""
    run = driver.run
    found = []
    for i in sorted(run.running.difference(run.children)):
        state = run.states[i]
        assert isinstance(state, Running)
        found.append(describe(driver.site, run, i, state.attempt))
    return found


def _work_of(step: Step) -> object:
    """What tells the same work from other work; templates are not rendered for that."""
    work = step.work
    return work.params.get("call") if isinstance(work, Uses) else work


def _may_hush(step: Step) -> bool:
    """Whether nothing but a person looks at the step's logs, and at those only if there is anything in them."""
    is_watched = step.limits.quiet_s is not None or step.process.leave_running
    return not is_watched and step.effect_class is not Effect.ONCE


def _tree_of(end: Exited) -> Tree | None:
    return Tree(end.by, left=end.left, proven=end.tree == "proven") if end.by else None


def _exit(attempt: Attempt, end: Exited | SpawnFailed) -> Exit:
    if isinstance(end, SpawnFailed):
        return Exit(None, error=ev.Error("spawn.failed", end.error), at=end.at)
    pid = None if attempt.spawned is None or attempt.is_spawn_told else attempt.spawned.pid
    plain = Exit(end.code, end.why, None, end.at, end.cpu_s, end.max_rss_kib, pid=pid, tree=_tree_of(end))
    if end.error is None:
        return plain
    error = ev.Error(end.error.code, end.error.message, end.error.retry_after_s)
    return msgspec.structs.replace(plain, error=error, definite=end.error.definite)
