"""The engine: wake, hear, let each run take its turn. All I/O passes here; every decision is made in `holdfast.run`.

One thread owns all runs of the engine. Others only post to its inbox: the journal's writer (what is durable), the
threads of inline calls, the lease renewer. Keepers are watched by one poll.
"""

import os
import select
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from typing import NamedTuple

from holdfast.engine.board import Board
from holdfast.engine.driver import Driver, Durable, World
from holdfast.engine.host import Host
from holdfast.engine.inline import Call, Pool
from holdfast.engine.keeper_client import KeeperClient
from holdfast.engine.lease import Renewer
from holdfast.engine.listener import Listener
from holdfast.engine.watchdog import Watchdog
from holdfast.errors import BugError, BusyError, HoldfastError, IntegrityError
from holdfast.plan.units import format_duration
from holdfast.ports import Clock, FenceLostError, Journal, Log, silent
from holdfast.run import events as ev
from holdfast.run.choose import wake_at

HEAR_S = 0.005
"""How long a request of another process may go unheard while decisions are made."""
NEVER = float("inf")
DAMAGED_ARTIFACT = "E_ARTIFACT"
"""How the codes of what the artifact store does not hold as it was written begin."""
POLL_S = 0.2
"""How often driven runs look for what other processes appended, and tell of calls that take their time."""


class _Lost(NamedTuple):
    run: str


class Engine:
    """Drives runs until each has ended, paused, blocked, or was taken over."""

    def __init__(
        self, journal: Journal, clock: Clock, host: Host, listener: Listener | None = None, log: Log = silent
    ) -> None:
        self.world = World(journal, clock, host, listener, self._post, Board(journal), log, host.wait_s)
        self._drivers: dict[str, Driver] = {}
        self._stirred: dict[str, Driver] = {}  # those for which something has happened, in that order
        self._due = 0.0  # when the next retry is due, in the engine's time
        self._inbox: deque[Durable | Call | _Lost] = deque()
        self._poller = select.poll()
        self._watched: dict[int, Driver] = {}  # by the descriptor of its keeper
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._poller.register(self._wake_read, select.POLLIN)
        self._asleep = False
        self._pool = Pool(1, self._post)
        self._watchdog = Watchdog()
        self._renewer = Renewer(journal, clock, lambda run: self._post(_Lost(run)))
        self._interrupts = 0
        self._interrupts_taken = 0
        self.max_time_s: float | None = None  # nothing starts later than this after `drive` began
        self._closing_time = NEVER
        self._next_poll = 0.0
        self._next_hearing = 0.0

    def add(self, driver: Driver) -> None:
        """Drive this run from the next `drive` on."""
        self._drivers[driver.run.id] = self._stirred[driver.run.id] = driver
        self._pool.grow(driver.concurrency)
        driver.calls.pool = self._pool
        driver.calls.watchdog = self._watchdog
        driver.commands.watch = partial(self._watch, driver)
        driver.commands.unwatch = self._unwatch
        if driver.commands.keeper is not None:
            self._watch(driver, driver.commands.keeper)
        self._renewer.hold(driver.run.id, driver.fence)
        driver.nested.add = self.add
        self.world.log("drive", driver.run.id, fence=driver.fence, seq=driver.seq, concurrency=driver.concurrency)

    def interrupt(self) -> None:
        """A person wants to stop: the first time pauses every run, the second time stops its steps. Signal safe."""
        self._interrupts += 1
        self._wake()

    def drive(self) -> list[Driver]:
        """Run until nothing is left to drive; gives the runs that came to rest, each with its failure if it had one."""
        ended: list[Driver] = []
        self._closing_time = NEVER if self.max_time_s is None else time.monotonic() + self.max_time_s
        while self._drivers:
            self._hear_others()
            if self._closing_time != NEVER:
                self._mind_the_time()
            stirred, self._stirred = self._stirred, {}
            for driver in stirred.values():
                if self._guarded(driver, partial(driver.turn, alone=len(self._drivers) == 1)):
                    self._stirred[driver.run.id] = driver
                if driver.done:
                    ended.append(self._drop(driver))
            if self._drivers and not self._stirred and not self._inbox:
                self._wait()
            elif time.monotonic() >= self._next_poll:
                self._hear_keepers(self._poller.poll(0))  # inline work may leave no moment to wait in
                self._poll()
            self._take_messages()
        return ended

    def close(self) -> None:
        """Let go of threads and descriptors; what a keeper has in hand goes on without us."""
        self._renewer.close()
        self._pool.close()
        self._watchdog.close()
        for driver in self._drivers.values():
            if driver.commands.keeper is not None:
                driver.commands.keeper.close()
            self._release(driver)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _release(self, driver: Driver) -> None:
        """Give up a run in the middle, if the store takes that: who wants it next need not wait for its lease."""
        with suppress(HoldfastError):
            self.world.journal.release(driver.run.id, driver.fence)

    @staticmethod
    def _guarded(driver: Driver, act: Callable[[], bool | None]) -> bool | None:
        """Whatever no transition table allows, or no digest bears out, quarantines its run; the others go on."""
        try:
            return act()
        except BugError as bug:
            driver.quarantine(bug)
        except IntegrityError as damage:
            if not damage.code.startswith(DAMAGED_ARTIFACT):
                raise
            driver.quarantine(damage)
        return False

    def _watch(self, driver: Driver, keeper: KeeperClient) -> None:
        self._watched[keeper.fileno()] = driver
        self._poller.register(keeper, select.POLLIN)

    def _unwatch(self, keeper: KeeperClient) -> None:
        del self._watched[keeper.fileno()]
        self._poller.unregister(keeper)

    def _stir(self, driver: Driver) -> None:
        if driver.run.id in self._drivers:
            self._stirred[driver.run.id] = driver

    def _drop(self, driver: Driver) -> Driver:
        del self._drivers[driver.run.id]
        self._stirred.pop(driver.run.id, None)
        self._renewer.drop(driver.run.id)
        driver.calls.close()
        if driver.passage is not None:
            driver.passage.close()
        driver.commands.close()
        if driver.failure is not None and not isinstance(driver.failure, BusyError):
            self._release(driver)
        self.world.log("rest", driver.run.id, status=driver.run.status.value)
        if driver.parent is not None:
            driver.parent.nested.rested(driver)
            self._stir(driver.parent)
        return driver

    def _post(self, message: "Durable | Call | _Lost") -> None:
        self._inbox.append(message)
        if self._asleep:
            self._wake()

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"!")
        except BlockingIOError:
            return  # the pipe is full of wakes already

    def _wait(self) -> None:
        self._asleep = True
        ready = self._poller.poll(0 if self._inbox else ceil(self._patience_s() * 1000))
        self._asleep = False
        self._hear_keepers(ready)
        if self.world.clock.now() >= self._due:
            self._stirred.update(self._drivers)
        if time.monotonic() >= self._next_poll:
            self._poll()

    def _hear_keepers(self, ready: list[tuple[int, int]]) -> None:
        for descriptor, _ in ready:
            if descriptor == self._wake_read:
                os.read(self._wake_read, 4096)
            elif (driver := self._watched.get(descriptor)) is not None:
                self._guarded(driver, driver.commands.hear)
                self._stir(driver)

    def _patience_s(self) -> float:
        """How long the engine may sleep: until the next retry or the next look around."""
        due = [at for driver in self._drivers.values() if (at := wake_at(driver.run)) is not None]
        self._due = min(due, default=NEVER)
        patience_s = min(POLL_S, max(0.0, (self._due - self.world.clock.now()) / 1e6))
        if self._closing_time == NEVER:
            return patience_s
        return min(patience_s, max(0.0, self._closing_time - time.monotonic()))

    def _mind_the_time(self) -> None:
        """When `max_time_s` is over every run pauses: what runs is awaited, and the rest is for another time."""
        if time.monotonic() >= self._closing_time:
            self._closing_time = NEVER
            assert self.max_time_s is not None
            self._pause(f"{format_duration(self.max_time_s)} are over (--max-time)", stop=False)

    def _pause(self, reason: str, *, stop: bool) -> None:
        body = ev.RunPausing(self.world.host.who, reason, stop)
        for driver in self._drivers.values():
            if not driver.resting:
                driver.tell(ev.Event(self.world.clock.now(), body))
                self._stir(driver)

    def _hear_others(self) -> None:
        """Fold what other processes appended, before anything is decided without it."""
        now = time.monotonic()
        if now < self._next_hearing:
            return
        self._next_hearing = now + HEAR_S
        changed = self.world.journal.changed()
        if changed:
            self.world.board.doubt()
        for driver in self._drivers.values():
            if changed or driver.others:
                self._guarded(driver, partial(driver.hear_others, changed=changed))
                self._stir(driver)

    def _poll(self) -> None:
        self._next_poll = time.monotonic() + POLL_S
        for driver in self._drivers.values():
            driver.look_after()
        self._stirred.update(self._drivers)
        if self.world.listener is not None:
            self.world.listener.on_idle()

    def _take_messages(self) -> None:
        if self._interrupts != self._interrupts_taken:
            self._interrupts_taken = self._interrupts
            self._pause("interrupt", stop=self._interrupts > 1)
        inbox = self._inbox
        while inbox:
            message = inbox.popleft()
            if isinstance(message, Call):
                assert isinstance(message.owner, Driver)
                self._guarded(message.owner, partial(message.owner.calls.finished, message))
                self._stir(message.owner)
            elif isinstance(message, Durable):
                self._guarded(message.driver, partial(message.driver.answered, message))
                self._stir(message.driver)
            else:
                self._lost(message.run)

    def _lost(self, run: str) -> None:
        driver = self._drivers.get(run)
        if driver is None or driver.resting:
            return  # it was given back, not lost; where both happened, the last append is refused
        lease = self.world.journal.lease(run)
        if not driver.durable_told or (lease is not None and lease.fence == driver.fence):
            self._renewer.hold(run, driver.fence)  # it was looked for before the run's first commit, which takes it
            return
        driver.failure = FenceLostError(f"run {run} was taken over by another engine", code="E_BUSY")
        self._stir(driver)
