"""One simulated world: an engine or two, a keeper, people, a clock; and what may go wrong with each of them."""

from dataclasses import dataclass

from holdfast.errors import HoldfastError
from holdfast.ports import Append
from holdfast.run import events as ev
from holdfast.run.breakers import CLOSED
from holdfast.run.machine import Run, fold
from holdfast.run.standing import Lingering, Running
from holdfast.run.states import BreakerState, RunStatus
from tests.simulation.commands import hello
from tests.simulation.engine import Engine
from tests.simulation.exclusion import check_alone, check_given
from tests.simulation.journal import Journal, Reader
from tests.simulation.keeper import Connection, Facts, Keeper
from tests.simulation.looping import name_of
from tests.simulation.plans import SECOND, Script
from tests.simulation.project import FOREVER, Project, Seen
from tests.simulation.rules import BrokenRuleError
from tests.simulation.truth import Process, Truth

WEB = "calls.web"


class DiedError(Exception):
    """The engine's process was killed here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that are random too."""

    batch_events: int
    pending_max: int
    crash_probability: float  # at each point where an engine may die in the middle of a turn


class World:
    """Everything there is, and the moves that each actor can make."""

    def __init__(self, project: Project, script: Script, limits: Limits) -> None:
        self.name = f"r{len(project.worlds)}"
        self.script = script
        self.rng = rng = project.rng
        self.limits = limits
        self.project = project
        self.hours = project.hours
        self.surroundings = project.surroundings
        self.truth = Truth(script, rng, self.surroundings, self.hours, lambda process: check_alone(self, process))
        self.journal = Journal(self.name, script.plan, self._recorded, project)
        self.seen = Seen(project, self.name, self.risk)
        self.truth.durable = self.journal.durable
        self.facts = Facts()
        self.keeper: Keeper | None = None
        self.known_fence = 0  # on disk, beside the keeper's facts
        self.orphans: list[Process] = []  # their keeper died
        self.engine: Engine | None = None
        self.frozen: Engine | None = None  # stopped in the middle, and taken over
        self.crashes_left = 0
        project.worlds[self.name] = self

    @property
    def wall(self) -> int:
        """Wall time, which may jump while no engine lives."""
        return self.hours.wall

    def note(self, line: str) -> None:
        """Tell whoever looks on."""
        self.project.note(f"{self.name} {line}")

    def is_driven_by(self, fence: int) -> bool:
        """Whether the engine with this fence lives."""
        return any(each is not None and each.fence == fence for each in (self.engine, self.frozen))

    def _recorded(self, stored: ev.StoredEvent, before: Run) -> None:
        event = stored.event
        self.note(f"{stored.seq:4} {event.step or 'run'} {event.attempt or ''} {event.body}")
        self.truth.recorded(stored, before)
        self._check_limits(event, before)
        check_given(self, event, before)

    def has_in_hand(self, process: Process) -> bool:
        """Whether anybody may still tell what becomes of a process; a lock dies with its keeper and engine (G9)."""
        if process.engine is not None:
            return process.engine == self.truth.current_fence and not process.abandoned
        return self.keeper is not None or self.is_driven_by(self.journal.fence)

    def _check_limits(self, event: ev.Event, before: Run) -> None:
        """No attempt starts that a breaker or a budget does not let through, as the journal has them now."""
        body, account = event.body, before.account
        if not isinstance(body, ev.AttemptStarted) or event.step is None or event.attempt is None:
            return
        i = before.index[event.step]
        sharing = before.steps[i].sharing
        if sharing.breaker is not None:
            breaker = self.project.by_name.get(sharing.breaker, CLOSED)
            on_trial = (self.name, event.step, event.attempt) in breaker.trials
            if breaker.state is not BreakerState.CLOSED and body.breaker == breaker.generation and not on_trial:
                raise BrokenRuleError(f"{event.step} starts while its breaker is {breaker.state} (S12)")
        if (
            account is None
            or not sharing.capabilities
            or name_of(event.step) in {step.id for step in before.plan.finally_}
        ):
            return
        for spent, limits in ((account.spent, account.limits), (account.spent_by(i), account.own_limits(i))):
            if spent.get(WEB, 0.0) + 1 > limits.get(WEB, FOREVER):
                raise BrokenRuleError(f"{event.step} starts although {spent[WEB]} of {limits[WEB]} are spent (S13)")

    # Engines.

    def create(self) -> None:
        """A new run and its first engine."""
        events = [
            ev.Event(self.wall, ev.RunCreated("p", "sha256:0", "plan.yaml", "/")),
            ev.Event(self.wall, ev.RunOwned(1, "host", 1, "0")),
        ]
        fence = self.journal.take(self.wall, owner_gone=True)
        assert fence == 1
        self.truth.current_fence = 1
        reader = Reader()
        self.journal.commit([self._append(events, fence)], reader)
        self.engine = Engine(self, fold(Run(self.name, self.script.plan), events), fence, reader)
        if self.rng.random() < 0.5:
            self.engine.commands.open()  # it starts beside the engine

    def reopen(self) -> None:
        """An engine takes the run over, if it may."""
        fence = self.journal.take(self.wall, owner_gone=self.engine is None and self.frozen is None)
        if fence is None:
            return
        self.truth.current_fence = fence
        reader = Reader(self.journal.head)
        run = fold(Run(self.name, self.script.plan), (stored.event for stored in self.journal.events))
        engine = Engine(self, run, fence, reader)
        self.note(f"engine {fence} takes over")
        try:
            self.risk()
            self._own(engine)
            self._adopt(engine)
        except DiedError:
            self._die(engine)
            return
        self.engine = engine

    def _own(self, engine: Engine) -> None:
        """The engine says so before it does anything; what people asked meanwhile comes before."""
        owned = ev.Event(self.wall, ev.RunOwned(engine.fence, "host", 1, "0"))
        if self.rng.random() < 0.1:
            self.people_race()
        outcome = self.journal.commit([self._append([owned], engine.fence)], engine.reader)[0]
        assert not isinstance(outcome, HoldfastError)
        for stored in outcome.foreign:
            engine.run.apply(stored.event)
        engine.run.apply(owned)
        engine.seq = outcome.last_seq

    def _adopt(self, engine: Engine) -> None:
        attempts = _running(engine.run)
        self.known_fence = engine.fence
        keeper = self.keeper
        if keeper is not None and self.rng.random() < 0.05:
            self.kill_keeper()  # it does not answer
            keeper = None
        if keeper is None:
            engine.commands.take_over(None, frozenset(), attempts)
            return
        while self.keeper is not None and keeper.busy and self.rng.random() < 0.5:
            self.keeper_reads()  # what an older engine still asked for
        self.risk()
        if self.keeper is None:
            engine.commands.take_over(None, frozenset(), attempts)
            return
        connection = keeper.connect()
        hello(connection, engine.fence)
        keeper.obey(connection, connection.to_keeper.popleft())
        connection.to_engine.popleft()
        engine.commands.take_over(connection, frozenset(keeper.live), attempts)

    def keeper_reads(self) -> None:
        """The keeper takes one request, and goes home when nobody needs it any more."""
        if self.keeper is not None:
            self.keeper.read_one(self.rng)
            self._let_keeper_go()

    def _let_keeper_go(self) -> None:
        if self.keeper is not None and self.keeper.is_done:
            self.kill_keeper()

    def start_keeper(self, fence: int) -> Connection:
        """A new keeper commanded by the engine with this fence; the one before has gone."""
        if fence < self.known_fence:
            return Connection(keeper_open=False)  # it finds a newer fence and goes home
        while self.keeper is not None:
            assert self.keeper.busy or self.keeper.is_done, "a keeper is replaced while it has commands"
            self.keeper_reads()
        self.keeper = Keeper(self.truth, self.facts, fence)
        connection = self.keeper.connect()
        hello(connection, fence)
        self.keeper.obey(connection, connection.to_keeper.popleft())
        connection.to_engine.popleft()
        return connection

    def keep_out(self, fence: int) -> bool:
        """No keeper below this fence comes up any more; false where one has, or a newer engine."""
        if self.keeper is not None or self.known_fence > fence:
            return False
        self.known_fence = fence
        return True

    def wake_engine(self, engine: Engine) -> None:
        """One round of an engine's loop, which it may not survive."""
        try:
            engine.wake()
        except DiedError:
            self._die(engine)
            return
        if engine.done:
            self.note(f"engine {engine.fence} lets go: {engine.failure or engine.run.status}")
            self._let_go(engine)

    def commit(self, engine: Engine) -> None:
        """The writer commits a random group of what waits."""
        try:
            engine.commit(self.rng.randint(1, len(engine.queue)))
        except DiedError:
            self._die(engine)

    def risk(self) -> None:
        """A point where the engine may die."""
        if self.crashes_left and self.rng.random() < self.limits.crash_probability:
            raise DiedError

    def _let_go(self, engine: Engine) -> None:
        engine.commands.close()
        self._calls_die(engine)
        self._forget(engine)

    def _die(self, engine: Engine) -> None:
        """kill -9: all that was not durable is gone, and so are the calls in the process."""
        self.note(f"engine {engine.fence} dies")
        self.crashes_left -= 1
        if engine.commands.connection is not None:
            engine.commands.connection.engine_open = False
        self._calls_die(engine)
        self._forget(engine)

    def _calls_die(self, engine: Engine) -> None:
        for process in [each for each in self.truth.processes if each.engine == engine.fence]:
            self.truth.kill(process)

    def _forget(self, engine: Engine) -> None:
        if self.engine is engine:
            self.engine = None
        if self.frozen is engine:
            self.frozen = None

    # What goes wrong.

    def crash(self) -> None:
        """The engine, the keeper or the power fails."""
        kind = self.rng.choices(("engine", "keeper", "both", "power"), (5, 2, 2, 2))[0]
        self.note(f"crash: {kind}")
        self.crashes_left -= 1
        if kind in {"engine", "both", "power"}:
            for engine in (self.engine, self.frozen):
                if engine is not None:
                    self.crashes_left += 1
                    self._die(engine)
        if kind in {"keeper", "both", "power"}:
            self.kill_keeper()
        if kind == "power":
            self.end_orphans()
            self._tear_facts()
        if not any(each.engine or each.frozen for each in self.project.worlds.values()) and self.rng.random() < 0.3:
            self.hours.jump += self.rng.choice((-3600, -5, 5, 3600)) * SECOND

    def _tear_facts(self) -> None:
        """What the keeper wrote last had not reached the disk."""
        for attempt in list(self.facts.ends)[-2:]:
            if self.rng.random() < 0.5:
                del self.facts.ends[attempt]
                self.facts.spawned.discard(attempt)

    def kill_keeper(self) -> None:
        """The keeper dies; its commands live on until somebody ends them."""
        if self.keeper is None:
            return
        for connection in self.keeper.connections:
            connection.keeper_open = False
        self.orphans += self.keeper.live.values()
        for attempt in list(self.keeper.live)[-1:]:
            if self.rng.random() < 0.3:
                self.facts.spawned.discard(attempt)  # it died before it wrote that down
        self.keeper = None

    def end_orphans(self) -> None:
        """What a dead keeper left is ended."""
        orphans, self.orphans = self.orphans, []
        for process in orphans:
            if process.alive:
                self.truth.kill(process)

    def freeze(self) -> None:
        """The engine's process is stopped; it will come back long after another has taken over."""
        assert self.engine is not None
        self.note(f"engine {self.engine.fence} freezes")
        self.crashes_left -= 1
        self.engine.frozen = True
        self.frozen, self.engine = self.engine, None

    def thaw(self) -> None:
        """The stopped engine goes on, and does not know how late it is."""
        assert self.frozen is not None
        self.note(f"engine {self.frozen.fence} thaws")
        self.frozen.frozen = False
        if self.frozen.fence == self.journal.fence:
            self.engine, self.frozen = self.frozen, None

    # What happens by itself.

    def due_processes(self) -> list[Process]:
        """Processes and calls whose time has come."""
        now = self.truth.now
        return [
            each
            for each in self.truth.processes
            if (each.ends is not None and each.ends <= now)
            or (each.deadline is not None and each.deadline <= now and each.why is None)
        ]

    def settle(self, process: Process) -> None:
        """A process ends, or its keeper asks it to."""
        now = self.truth.now
        if process.ends is None or process.ends > now:
            process.deadline = None
            if self.keeper is not None and process in self.keeper.live.values():
                self.truth.ask_to_stop(process, "timeout")
            return
        if process.engine is None:
            self.truth.end(process)
            if self.keeper is not None and process in self.keeper.live.values():
                self.keeper.ended(process, 143 if process.why else process.code, process.why)
                self._let_keeper_go()
            return
        owner = next(each for each in (self.engine, self.frozen) if each is not None and each.fence == process.engine)
        self.truth.end(process)
        owner.calls.thread_done(process)

    def moments(self) -> list[int]:
        """When something of this run happens by itself."""
        moments = [each.ends for each in self.truth.processes if each.ends is not None]
        moments += [each.deadline for each in self.truth.processes if each.deadline is not None and each.why is None]
        engine = self.engine
        if engine is not None and not engine.resting and engine.failure is None:
            moments += [at - self.hours.jump for at in engine.alarms()]
        if engine is None and self.frozen is not None:
            moments.append(self.journal.expires - self.hours.jump + 1)
        if engine is None:  # nobody waits for an open breaker, nor for a far timer, and their time comes all the same
            run = self.journal.durable
            dues = [*run.retrying.values(), *(state.due or 0 for state in _lingering(run))]
            moments += [due - self.hours.jump for due in dues]
            moments += [breaker.due - self.hours.jump for breaker in self.project.by_name.values()]
        return [at for at in moments if at > self.truth.now]

    def advance(self, to: int) -> None:
        """Time passes; a living engine renews its lease."""
        self.hours.now = to
        if self.engine is not None and not self.engine.resting:
            self.journal.renew(self.wall)

    # People.

    def _append(self, events: list[ev.Event], fence: int | None, after: int | None = None) -> Append:
        return Append(self.name, events, fence, after)

    def ask(self, body: ev.Body, step: str | None = None, attempt: int | None = None) -> None:
        """A person's event, decided on the run as it stands."""
        self.note(f"a person: {body}")
        work = self._append([ev.Event(self.wall, body, step, attempt)], None, self.journal.head)
        outcome = self.journal.commit([work])[0]
        assert not isinstance(outcome, HoldfastError), outcome

    def people_race(self) -> None:
        """Somebody asks for something between an engine's look and its append."""
        if self.journal.durable.status is RunStatus.RUNNING:
            self.ask(ev.RunPausing())


def _running(run: Run) -> list[tuple[int, int]]:
    """The attempts that the journal says are running."""
    states = [(i, run.states[i]) for i in sorted(run.running)]
    return [(i, state.attempt) for i, state in states if isinstance(state, Running)]


def _lingering(run: Run) -> list[Lingering]:
    return [state for i in run.lingering if isinstance(state := run.states[i], Lingering)]
