"""The simulated keeper: it spawns what the commanding engine asks for, records what happens, then tells it."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.engine.pace import DEPTH
from holdfast.plan.model import Effect
from tests.simulation.rules import BrokenRuleError
from tests.simulation.truth import Process, Truth


class Hello(NamedTuple):
    """An engine's first words: its fence."""

    fence: int


class Spawn(NamedTuple):
    """Start this attempt; with `slots` not before fewer than that are in hand."""

    at: int
    attempt: int
    slots: int | None = None


class Stop(NamedTuple):
    """End this attempt within the grace."""

    at: int
    attempt: int


class Bye(NamedTuple):
    """Nothing more will be asked."""


class Fenced(NamedTuple):
    """A newer engine commands."""


class Welcome(NamedTuple):
    """What is in hand at the time of the hello."""

    live: frozenset[tuple[int, int]]


class Spawned(NamedTuple):
    """The attempt's process exists."""

    at: int
    attempt: int
    moment: int


class Ended(NamedTuple):
    """The attempt's process is gone: its exit code, who ended it, whether it could not be started or never was."""

    at: int
    attempt: int
    code: int | None
    why: str | None = None
    unstarted: bool = False
    dropped: bool = False
    moment: int = 0


Request = Hello | Spawn | Stop | Bye
Told = Fenced | Welcome | Spawned | Ended


@dataclass(slots=True, eq=False)
class Connection:
    """One engine's connection; what was sent stays readable when one end is gone."""

    to_keeper: deque[Request] = field(default_factory=deque)
    to_engine: deque[Told] = field(default_factory=deque)
    engine_open: bool = True
    keeper_open: bool = True


@dataclass(slots=True)
class Facts:
    """What keepers of the run have written down: spawned attempts and ends."""

    spawned: set[tuple[int, int]] = field(default_factory=set)
    ends: dict[tuple[int, int], Ended] = field(default_factory=dict)


class Keeper:
    """Owns the processes of the run until it dies."""

    def __init__(self, truth: Truth, facts: Facts, fence: int) -> None:
        self.truth = truth
        self.facts = facts
        self.fence = fence
        self.connections: list[Connection] = []
        self.current: Connection | None = None
        self.live: dict[tuple[int, int], Process] = {}
        self.waiting: dict[tuple[int, int], Spawn] = {}
        self.told_bye = False

    def connect(self) -> Connection:
        """A new engine's connection."""
        connection = Connection()
        self.connections.append(connection)
        return connection

    @property
    def busy(self) -> bool:
        """Whether there is something to read."""
        return any(each.to_keeper or not each.engine_open for each in self.connections)

    @property
    def is_done(self) -> bool:
        """Whether it goes home."""
        return not self.live and ((self.told_bye and not self.waiting) or not self.connections)

    def read_one(self, rng: random.Random) -> None:
        """Read one request, or the end of a connection."""
        connection = rng.choice([each for each in self.connections if each.to_keeper or not each.engine_open])
        if connection.to_keeper:
            self.obey(connection, connection.to_keeper.popleft())
        else:
            self._drop(connection)

    def obey(self, connection: Connection, request: Request) -> None:
        """Do what an engine asks, if it commands."""
        if isinstance(request, Hello):
            self._hello(connection, request.fence)
        elif connection is not self.current:
            return  # an older engine's request is refused, and it has been told that it is fenced
        elif isinstance(request, Spawn):
            self._enqueue(request)
        elif isinstance(request, Stop) and self.waiting.pop((request.at, request.attempt), None) is not None:
            self._drop_attempt(request.at, request.attempt)
        elif isinstance(request, Stop):
            process = self.live.get((request.at, request.attempt))
            if process is not None:
                self.truth.ask_to_stop(process, "stopped")
        else:
            self.told_bye = True

    def ended(self, process: Process, code: int, why: str | None) -> None:
        """One of its processes is gone."""
        del self.live[process.at, process.attempt]
        self._end(Ended(process.at, process.attempt, code, why, moment=self.truth.now))
        self._start_waiting()

    def _hello(self, connection: Connection, fence: int) -> None:
        if fence < self.fence:
            connection.to_engine.append(Fenced())
            self._drop(connection)
            return
        if self.current is not None and self.current is not connection:
            self.current.to_engine.append(Fenced())
            self._drop(self.current)
        self.fence, self.current, self.told_bye = fence, connection, False
        self._drop_waiting()
        connection.to_engine.append(Welcome(frozenset(self.live)))

    def _enqueue(self, request: Spawn) -> None:
        if request.slots is None or (not self.waiting and len(self.live) < request.slots):
            self._spawn(request)
            return
        assert self.truth.durable is not None
        if self.truth.durable.steps[request.at].effect_class is Effect.ONCE:
            raise BrokenRuleError(f"once step s{request.at} is handed out ahead of its time")
        self.waiting[request.at, request.attempt] = request
        if len(self.waiting) > DEPTH * self.truth.script.concurrency:
            raise BrokenRuleError(f"{len(self.waiting)} attempts are handed out ahead of their time")

    def _start_waiting(self) -> None:
        while self.waiting:
            request = next(iter(self.waiting.values()))
            if request.slots is not None and len(self.live) >= request.slots:
                return
            del self.waiting[request.at, request.attempt]
            self._spawn(request)

    def _drop_waiting(self) -> None:
        """Nobody commands any more, or somebody else: what waits is never started."""
        for at, attempt in self.waiting:
            self._drop_attempt(at, attempt)
        self.waiting.clear()

    def _drop_attempt(self, at: int, attempt: int) -> None:
        self._end(Ended(at, attempt, None, dropped=True))

    def _spawn(self, request: Spawn) -> None:
        process = self.truth.spawn(request.at, request.attempt)
        if process is None:
            self._end(Ended(request.at, request.attempt, None, unstarted=True))
            return
        self.live[request.at, request.attempt] = process
        self.facts.spawned.add((request.at, request.attempt))
        self._tell(Spawned(request.at, request.attempt, self.truth.now))

    def _end(self, ended: Ended) -> None:
        self.facts.ends[ended.at, ended.attempt] = ended
        self._tell(ended)

    def _tell(self, told: Told) -> None:
        link = self.current
        if link is None:
            return
        link.to_engine.append(told)
        if not link.engine_open and self.truth.rng.random() < 0.3:
            self._drop(link)  # nobody listens: what was sent and not read is lost with the connection

    def _drop(self, connection: Connection) -> None:
        connection.keeper_open = False
        self.connections.remove(connection)
        if self.current is connection:
            self.current = None
            self._drop_waiting()
