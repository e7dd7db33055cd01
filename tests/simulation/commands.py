"""The commands of a simulated engine: the rules of `holdfast.engine.commands` towards a simulated keeper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from holdfast.engine.commands import Commands as RealCommands
from holdfast.engine.pace import Paces
from holdfast.engine.passage import NEVER_BEGAN
from holdfast.plan.model import Effect
from holdfast.ports import FenceLostError
from holdfast.run import events as ev
from holdfast.run.standing import Pausing, Running
from tests.simulation.keeper import Bye, Connection, Ended, Fenced, Hello, Request, Spawn, Spawned, Stop, Told
from tests.simulation.plans import ASKED_S, DEFINITE_EXIT, OUTPUTS, Work
from tests.simulation.rules import BrokenRuleError
from tests.simulation.seat import seat_of

if TYPE_CHECKING:
    from tests.simulation.engine import Engine

Id = tuple[int, int]


class Commands:
    """What the run's keeper has in hand for this engine."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.connection: Connection | None = None
        self._attempts: set[Id] = set()
        self._stopping: set[Id] = set()
        self._held: list[Spawn] = []
        self._settled = 0  # how many events of the engine must be durable before a keeper is started
        self._driver = seat_of(engine)
        self.paces = Paces()
        self._began: dict[Id, int] = {}

    @property
    def hears(self) -> bool:
        """Whether the keeper has said something, or is gone."""
        link = self.connection
        return link is not None and bool(link.to_engine or not link.keeper_open)

    def open(self) -> None:
        """Start the run's keeper."""
        self.connection = self._engine.world.start_keeper(self._engine.fence)

    def ahead(self, i: int, concurrency: int) -> int:
        """How many more than `concurrency` may be handed out when step `i` is the next, as the real ones say."""
        return RealCommands.ahead(cast("RealCommands", self), i, concurrency)

    def launch(self, launches: Sequence[Spawn]) -> None:
        """Their starts are durable: hand them to the keeper, unless nothing new starts any more.

        A keeper is started only when all that was settled about attempts of an earlier one is durable: a living keeper
        that has never heard of an attempt is taken for proof that it did not start.
        """
        self._held += launches
        if self._engine.closing:
            dropped, self._held = self._held, []
            for spawn in dropped:
                self._canceled(spawn.at, spawn.attempt)
            return
        if self.connection is None and self._engine.durable_told < self._settled:
            return
        held, self._held = self._held, []
        for spawn in held:
            if self.connection is None:
                self.open()
            self._attempts.add((spawn.at, spawn.attempt))
            self._send(spawn)

    def stop(self, i: int) -> None:
        """End the running attempt of step `i`."""
        state = self._engine.run.states[i]
        assert isinstance(state, Running)
        attempt = (i, state.attempt)
        if attempt in self._attempts and attempt not in self._stopping:
            self._stopping.add(attempt)
            self._send(Stop(*attempt))

    def hear(self) -> None:
        """Take what the keeper says."""
        link = self.connection
        if link is None:
            return
        rng = self._engine.world.rng
        while link.to_engine and rng.random() < 0.9:
            self._hear(link.to_engine.popleft())
        if not link.keeper_open and not link.to_engine and self._engine.failure is None:
            self._keeper_gone()

    def close(self) -> None:
        """Nothing of the run is left to drive."""
        link, self.connection = self.connection, None
        if link is not None:
            if self._engine.failure is None:
                link.to_keeper.append(Bye())
            link.engine_open = False

    def _hear(self, told: Told) -> None:
        engine = self._engine
        if isinstance(told, Fenced):
            engine.failure = FenceLostError("taken over", code="E_BUSY")
        elif isinstance(told, Spawned):
            if (told.at, told.attempt) in self._attempts:
                self._began[told.at, told.attempt] = told.moment
                body = ev.AttemptSpawned(1, "1")
                engine.tell(ev.Event(engine.now(), body, engine.run.steps[told.at].id, told.attempt))
        elif isinstance(told, Ended) and (told.at, told.attempt) in self._attempts:
            self._attempts.discard((told.at, told.attempt))
            self.ended(told)

    def ended(self, told: Ended) -> None:
        """Tell of an attempt's end as the keeper recorded it."""
        self._stopping.discard((told.at, told.attempt))
        if told.dropped:
            self._canceled(told.at, told.attempt)
            return
        self._learn(told)
        once = self._engine.run.steps[told.at].effect_class is Effect.ONCE
        self._engine.end(self._engine.now(), told.at, told.attempt, judged(told, once=once))

    def _learn(self, told: Ended) -> None:
        work, began = self._engine.run.steps[told.at].work, self._began.pop((told.at, told.attempt), None)
        self.paces.learn(work, None if began is None else told.moment - began)

    def lost(self, at: int, attempt: int) -> None:
        """Nobody knows what became of the attempt (semantics C3)."""
        engine = self._engine
        step = engine.run.steps[at]
        status: ev.AttemptStatus = "uncertain" if step.effect_class is Effect.ONCE else "lost"
        engine.tell(ev.Event(engine.now(), ev.AttemptEnded(status, error=ev.Error("lost")), step.id, attempt))

    def take_over(self, connection: Connection | None, live: frozenset[Id], attempts: Sequence[Id]) -> None:
        """Settle attempts that began under another keeper or engine."""
        engine, world = self._engine, self._engine.world
        self.connection = connection
        if connection is None:
            world.end_orphans()
        for at, attempt in attempts:
            world.risk()
            name = engine.run.steps[at].id
            end = world.facts.ends.get((at, attempt))
            known = end is not None or (at, attempt) in world.facts.spawned
            inline = world.script.nature(engine.run, at).work is Work.INLINE
            if (at, attempt) in live:
                self._attempts.add((at, attempt))
                engine.tell(ev.Event(engine.now(), ev.AttemptAdopted(engine.fence), name, attempt))
            elif end is not None:
                engine.tell(ev.Event(engine.now(), ev.AttemptAdopted(engine.fence), name, attempt))
                self.ended(end)
            elif connection is not None and not known and not inline:
                self._canceled(at, attempt)
            else:
                self.lost(at, attempt)
        self._settled = engine.told

    def _canceled(self, at: int, attempt: int) -> None:
        engine = self._engine
        body = ev.AttemptEnded("canceled", error=ev.Error("canceled", "never started"), notes=(NEVER_BEGAN,))
        engine.tell(ev.Event(engine.now(), body, engine.run.steps[at].id, attempt))

    def _send(self, request: Request) -> None:
        run = self._engine.run
        if isinstance(request, Spawn) and (run.ending or run.pausing is not None):
            raise BrokenRuleError(f"s{request.at} is started although the run is closing (S6, S8)")
        insists = run.pausing is Pausing.STOP
        if isinstance(request, Stop) and run.steps[request.at].effect_class is Effect.ONCE and not insists:
            raise BrokenRuleError(f"once step s{request.at} is stopped although nobody insists (S8)")
        assert self.connection is not None
        self._engine.world.risk()
        if self.connection.keeper_open:
            self.connection.to_keeper.append(request)

    def _keeper_gone(self) -> None:
        """The keeper died under us: fence what it left, take what it recorded."""
        if self._engine.world.known_fence > self._engine.fence:
            self._engine.failure = FenceLostError("taken over", code="E_BUSY")
            return
        attempts = sorted(self._attempts)
        self._attempts.clear()
        self.connection = None
        self.take_over(None, frozenset(), attempts)


def judged(told: Ended, *, once: bool) -> ev.AttemptEnded:
    """What an end means: the rules of `holdfast.engine.verdict` for exits."""
    if told.unstarted:
        return ev.AttemptEnded("failed", error=ev.Error("spawn.failed"))
    if told.why is None and told.code == 0:
        return ev.AttemptEnded("succeeded", 0, outputs=OUTPUTS)
    status: ev.AttemptStatus = "failed"
    error = ev.Error("exit.nonzero", retry_after_s=ASKED_S if told.code == DEFINITE_EXIT else None)
    if told.why == "timeout":
        status, error = "timed_out", ev.Error("timeout")
    elif told.why == "stopped":
        status, error = "canceled", ev.Error("canceled")
    if once and not (told.why is None and told.code == DEFINITE_EXIT):
        status = "uncertain"
    return ev.AttemptEnded(status, told.code, error)


def hello(connection: Connection, fence: int) -> None:
    """An engine's first words."""
    connection.to_keeper.append(Hello(fence))
