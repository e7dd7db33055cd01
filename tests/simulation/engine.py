"""A thin model of the engine's driver around the real core: the same rules about what is told, appended and acted on.

The names follow `holdfast.engine.driver`; what the real one asks of threads, sockets and disks is asked of the truth.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from msgspec.structs import replace

from holdfast.engine.board import Board
from holdfast.engine.hearing import hears_first
from holdfast.engine.locks import CAUSES, LOOK_US, NOTHING
from holdfast.engine.passage import Passage, has_passage
from holdfast.errors import HoldfastError
from holdfast.plan.model import Effect
from holdfast.ports import Append, Appended, FenceLostError
from holdfast.run import events as ev
from holdfast.run.choose import End, Expand, Start, at_rest, choose, may_leave, to_stop, wake_at
from holdfast.run.disposition import Scene, disposed
from holdfast.run.machine import Run
from holdfast.run.reviews import promised
from holdfast.run.states import FINAL_STEP, RunStatus
from tests.simulation.calls import Call, Calls
from tests.simulation.commands import Commands
from tests.simulation.journal import Reader
from tests.simulation.keeper import Spawn
from tests.simulation.plans import OUTPUTS, SECOND, Work
from tests.simulation.rules import BrokenRuleError
from tests.simulation.seat import SimulatedWaits, seat_of

if TYPE_CHECKING:
    from holdfast.ports import Journal as PortJournal
    from tests.simulation.world import World

FAR_US = 20 * SECOND


class Durable(NamedTuple):
    """The journal's answer to one append, with what was to happen after it."""

    events: Sequence[ev.Event]
    launches: Sequence[Spawn]
    ended: frozenset[int]
    result: Appended | HoldfastError


class Submitted(NamedTuple):
    """An append on its way to the writer."""

    work: Append
    launches: Sequence[Spawn]
    ended: frozenset[int]


class Engine:
    """One engine that owns the run, until it rests, dies, or is taken over."""

    def __init__(self, world: "World", run: Run, fence: int, reader: Reader) -> None:
        self.world = world
        self.run = run
        self.fence = fence
        self.reader = reader
        self.seq = reader.seen
        self.board = Board(cast("PortJournal", world.seen))
        self.calls = Calls(self)
        self.commands = Commands(self)
        self.seat = seat_of(self)
        self.passage = Passage(self.seat) if has_passage(run) else None
        self.waits = SimulatedWaits(self)
        self.facts: Mapping[str, object] = {}
        self.failure: HoldfastError | None = None
        self.resting = False
        self.frozen = False
        self.more = True  # the next turn has something to do
        self.interrupts = 0
        self.told = 0  # events of ours so far
        self.durable_told = 0  # those of them that are durable
        self.undurable: set[int] = set()
        self.queue: deque[Submitted] = deque()  # the writer's
        self.inbox: deque[Durable | Call] = deque()
        self._project_seen = 0
        self._locks_seen: object = None
        self._ended: set[int] = set()
        self._cut = False  # the last turn left decisions to the next
        self._outbox: list[ev.Event] = []
        self._launches: list[Spawn] = []

    @property
    def pending(self) -> int:
        """Appends submitted and not answered."""
        return len(self.queue) + sum(isinstance(each, Durable) for each in self.inbox)

    @property
    def done(self) -> bool:
        """Whether nothing of the run is left to drive."""
        if self.failure is not None:
            return not self.pending
        return self.resting and not self.pending and not self._outbox

    @property
    def quiet(self) -> bool:
        """Whether everything told is durable and everything durable is known."""
        return not self._outbox and not self.pending and self.seq == self.world.journal.head and not self.failure

    @property
    def closing(self) -> bool:
        """Whether nothing new starts."""
        return self.run.ending or self.run.pausing is not None

    @property
    def wants_turn(self) -> bool:
        """Whether the loop would not sleep now."""
        if self.more or self.inbox or self.interrupts or self.commands.hears:
            return True
        due = None if self.resting or self.failure else wake_at(self.run)
        return due is not None and due <= self.world.wall

    @property
    def wants_to_look(self) -> bool:
        """Whether the next look around finds something."""
        if self.failure is not None or self.resting:
            return False
        if self.passage is not None and self.world.project.seq != self._project_seen:
            return True
        if self.waits.wants_to_look(self.run):
            return True
        lock_due = self._lock_due()
        if lock_due is not None and lock_due <= self.now():
            return True
        return (not self.pending and self.world.journal.head > self.seq) or self.calls.wants_to_look(self.now())

    def alarms(self) -> list[int]:
        """Wall times when something is to be done if nothing else happens before."""
        due = [at for at in (wake_at(self.run), self._lock_due()) if at is not None]
        return due + self.calls.timeouts()

    def _lock_due(self) -> int | None:
        """When to look whether a step's turn has come; `None` where nobody's can have come since the last time."""
        locks = self.passage.locks if self.passage is not None else None
        if locks is None or self._locks_seen == self.world.project.locks.version:
            return None
        if self.closing or not any(self.run.states[i].cause in CAUSES for i in self.run.waiting):  # type: ignore[attr-defined]  # they wait
            return None
        return locks._looked + LOOK_US

    def now(self) -> int:
        """Wall time."""
        return self.world.wall

    def tell(self, event: ev.Event) -> None:
        """Fold an event of our own and queue it for the journal; a run at rest takes no more of them."""
        if self.resting:
            return
        if self.passage is not None:
            event = self.passage.stamped(event)
            self.passage.ended(event)
        self.run.apply(event)
        self._outbox.append(event)
        self.told += 1
        if event.step is not None:
            i = self.run.index[event.step]
            if self.run.states[i].status in FINAL_STEP:
                self.undurable.add(i)
                self._ended.add(i)

    def end(self, at: int, i: int, attempt: int, ended: ev.AttemptEnded) -> None:
        """Tell of an attempt's end, with what becomes of it where it failed."""
        prose = promised(self.run.steps[i]) if ended.status == "succeeded" else ()
        if prose:
            ended = replace(ended, review=prose)
        self.tell(ev.Event(at, disposed(self.run, i, attempt, ended, Scene(at)), self.run.steps[i].id, attempt))

    # The loop.

    def wake(self) -> None:
        """One round of the loop: messages, the keeper, now and then a look around, a turn."""
        rng = self.world.rng
        for _ in range(rng.randint(0, len(self.inbox)) if rng.random() < 0.5 else len(self.inbox)):
            message = self.inbox.popleft()
            if isinstance(message, Durable):
                self.durable(message)
            elif self.failure is None:
                self.calls.finished(message)
        self._take_interrupts()
        if self.failure is None:
            self.commands.hear()
        if rng.random() < 0.3:
            self.look_after()
        self.more = self.turn()
        self._check_sleep()

    def look_after(self) -> None:
        """What is to be done now and then."""
        if self.failure is not None or self.resting:
            return
        self._project_seen = self.world.project.seq
        self.board.doubt()
        if not self.pending:
            self._fold_others(self.world.journal.events[self.seq :])
        if self.failure is None:
            self.calls.look_after()

    def turn(self) -> bool:
        """Decide what can be decided and hand it to the journal; whether more can be done without waiting."""
        if self.failure is not None or self.resting:
            return False
        run, now = self.run, self.now()
        self.facts = self.world.surroundings.facts
        if self.passage is not None:
            self._look_at_passage(self.passage, now)
        self._stop_what_must()
        self.waits.look()
        self._decide(now)
        self._stop_what_must()
        if self.passage is not None:
            self.passage.settle(now)
        if not run.running and not self.calls.out:
            rest = at_rest(run, now, self.facts)
            if rest is not None:
                if not hears_first(self.seat, rest.event):
                    self.tell(rest.event)
            elif self._only_far_timers(now) and not (self.passage and self.passage.stays):
                self._leave()
                return False
        self.resting = run.status is not RunStatus.RUNNING
        return self._flush()

    def _look_at_passage(self, passage: Passage, now: int) -> None:
        locks = passage.locks
        version, looked = (None, 0) if locks is None else (self.world.project.locks.version, locks._looked)
        passage.look(now)
        if locks is not None and locks._looked != looked:
            self._locks_seen = version

    def _decide(self, now: int) -> None:
        run, limits = self.run, self.world.limits
        self._cut = True
        while len(self._outbox) < limits.batch_events and self.pending < limits.pending_max:
            run.queue.call_due(now)  # before the room is reckoned, which depends on what comes next
            decision = choose(run, now, self._room(), self.facts)
            if decision is None:
                if not self.calls.run_quick():
                    self._cut = False
                    break
            elif isinstance(decision, Start):
                if self.passage is None or self.passage.enters(decision, now):
                    self._start(decision)
                elif not self.passage.looks_again(now):
                    break
            elif isinstance(decision, Expand):
                self.tell(ev.Event(now, decision.body(), run.steps[decision.step].id))
            elif isinstance(decision, End):
                self.waits.end(decision)
            elif hears_first(self.seat, decision.event):
                break
            else:
                self.tell(decision.event)

    def durable(self, done: Durable) -> None:
        """Act on the journal's answer: start what was waiting for it."""
        if self.passage is not None:
            self.passage.answered()
        if isinstance(done.result, HoldfastError):
            self.failure = self.failure or done.result
            return
        self._fold_others(done.result.foreign)
        self.seq = max(self.seq, done.result.last_seq)
        self.durable_told += len(done.events)
        self.undurable -= done.ended
        if self.failure is None:
            self.commands.launch(done.launches)
            self.calls.release()

    def _fold_others(self, others: Sequence[ev.StoredEvent]) -> None:
        for stored in others:
            if stored.seq <= self.seq:
                continue
            body = stored.event.body
            if isinstance(body, ev.RunOwned) and body.fence != self.fence:
                self.failure = FenceLostError("taken over", code="E_BUSY")
                return
            self.seq = stored.seq
            self.run.apply(stored.event)

    def _take_interrupts(self) -> None:
        if self.interrupts and not self.resting and self.failure is None:
            self.tell(ev.Event(self.now(), ev.RunPausing(stop=self.interrupts > 1)))
        self.interrupts = 0

    def _check_sleep(self) -> None:
        """An engine that would wake at once and find nothing to do burns a core."""
        if self.more or self.inbox or self.resting or self.failure or self._cut:
            return
        due = wake_at(self.run)
        if due is not None and due <= self.now():
            raise BrokenRuleError(f"the engine would wake at {due}, which is past ({self.now()}), for nothing")

    # One decision.

    def _room(self) -> int:
        concurrency = self.world.script.concurrency
        room = concurrency - len(self.run.running) - self.calls.untold
        i = self.run.next_ready() if room <= 0 else None
        if i is None:
            return room
        ahead = self.calls.ahead if self.run.steps[i].inline else self.commands.ahead
        return room + ahead(i, concurrency)

    def _start(self, start: Start) -> None:
        if self.closing:
            raise BrokenRuleError(f"s{start.step} is to start although the run is closing (S6, S8)")
        step, nature = self.run.steps[start.step], self.world.script.nature(self.run, start.step)
        if nature.work is Work.INLINE:
            self.calls.start(start)
            return
        now = self.now()
        if nature.work is Work.WAIT:
            self.waits.start(start)
            return
        if nature.work is Work.NOOP:
            self.tell(ev.Event(now, ev.AttemptStarted(facts=start.facts), step.id, start.attempt))
            self.end(now, start.step, start.attempt, ev.AttemptEnded("succeeded", outputs=OUTPUTS))
            return
        key = f"r/{step.id}" if step.effect_class is Effect.ONCE else None
        concurrency = self.world.script.concurrency
        slots = concurrency if len(self.run.running) >= concurrency else None
        self.tell(ev.Event(now, ev.AttemptStarted(key=key, facts=start.facts), step.id, start.attempt))
        self._launches.append(Spawn(start.step, start.attempt, slots))

    def _only_far_timers(self, now: int) -> bool:
        return not self.pending and may_leave(self.run, now, FAR_US)

    def _leave(self) -> None:
        """Record what is known and give the run back."""
        self.resting = True
        events, self._outbox = self._outbox, []
        self.queue.append(Submitted(self._append(events, release=True), (), frozenset()))
        self.commit(1)
        self.durable(self.inbox.pop())  # type: ignore[arg-type]  # the answer to what was just committed

    def _stop_what_must(self) -> None:
        run = self.run
        if self.closing:
            self.calls.drop_unstarted()
        elif run.failing:
            self.calls.drop_unstarted(lambda i: run.group_of.get(i) in run.failing)
        if self.closing or run.failing:
            for i in to_stop(self.run):
                self.commands.stop(i)
            self.waits.let_go()

    # Durability.

    def _flush(self) -> bool:
        if not self._outbox and (self.passage is None or not self.passage.waits):
            return False
        events, self._outbox = self._outbox, []
        launches, self._launches = self._launches, []
        ended, self._ended = frozenset(self._ended), set()
        submitted = Submitted(self._append(events, release=self.resting), launches, ended)
        self.queue.append(submitted)
        if self._only_this_commit_is_awaited(launches) and self.world.rng.random() < 0.7:
            self.commit(1)
            self.durable(self.inbox.pop())  # type: ignore[arg-type]  # the answer to what was just committed
            return True
        return not self.resting and self.run.next_ready() is not None and self._room() > 0

    def _append(self, events: Sequence[ev.Event], *, release: bool) -> Append:
        also, freed = (self.passage.submit(), self.passage.freed()) if self.passage is not None else ((), NOTHING)
        return Append(self.run.id, events, self.fence, None, None, None, release, also, *freed)

    def _only_this_commit_is_awaited(self, launches: Sequence[Spawn]) -> bool:
        if len(self.queue) > 1 or self.pending > 1 or self.calls.dispatched:
            return False
        if len(self.run.running) > len(launches):
            return False
        return self.resting or self.run.next_ready() is None or self._room() <= 0

    def commit(self, count: int) -> None:
        """The writer stores the first `count` appends in one commit and answers each."""
        group = [self.queue.popleft() for _ in range(count)]
        self.world.risk()
        outcomes = self.world.journal.commit([each.work for each in group], self.reader)
        self.world.risk()
        for each, outcome in zip(group, outcomes, strict=True):
            self.inbox.append(Durable(each.work.events, each.launches, each.ended, outcome))
