"""One run under an engine: decide, append, and act when what was appended is durable (semantics C1)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from holdfast.engine.attempt import Attempt, Site, describe
from holdfast.engine.board import Board
from holdfast.engine.calls import Calls
from holdfast.engine.commands import Commands
from holdfast.engine.expansion import expanded
from holdfast.engine.facts import facts_wanted
from holdfast.engine.hearing import hears_first
from holdfast.engine.host import Host
from holdfast.engine.listener import Listener
from holdfast.engine.locks import NOTHING
from holdfast.engine.nested import Nested
from holdfast.engine.passage import Passage, has_passage
from holdfast.engine.starting import begin
from holdfast.engine.verdict import tail
from holdfast.engine.waits import FAR_US, Waits
from holdfast.errors import BugError, HoldfastError
from holdfast.ports import Append, Appended, Clock, FenceLostError, Journal, Log, Owner, Proofs, silent
from holdfast.run import events as ev
from holdfast.run.choose import Decision, End, Expand, Start, at_rest, choose, may_leave, to_stop, unstarted
from holdfast.run.disposition import Scene, disposed
from holdfast.run.events import StoredEvent
from holdfast.run.machine import Run
from holdfast.run.states import FINAL_STEP, RunStatus

BATCH_EVENTS = 256
"""A turn that has made this many events hands them to the writer before it goes on."""
PENDING_MAX = 64
"""Appends under way before the run waits for the writer."""
NO_FACTS: Mapping[str, object] = {}


class Durable(NamedTuple):
    """The journal's answer to one append, with what was to happen after it."""

    driver: "Driver"
    events: Sequence[ev.Event]
    launches: Sequence[Attempt]
    ended: frozenset[int]
    result: Appended | HoldfastError


class Opening(NamedTuple):
    """What the first append of a new run carries besides its events."""

    plan_bytes: bytes
    owner: Owner


class World(NamedTuple):
    """What a driver needs from around it."""

    journal: Journal
    clock: Clock
    host: Host
    listener: Listener | None
    post: Callable[[Durable], None]
    board: Board
    log: Log = silent
    wait_s: float = 0.0  # how long to stay where only people, preconditions or far timers can move a run


class Driver:
    """Drives one run whose lease is held and whose events so far are folded."""

    def __init__(self, world: World, run: Run, site: Site, fence: int, seq: int) -> None:
        self.world = world
        self.run = run
        self.site = site
        self.fence = fence
        self.seq = seq  # the last event of the run that is known to be durable
        self.concurrency = world.host.concurrency(run.plan)
        self.calls = Calls(self)
        self.commands = Commands(self)
        self.nested = Nested(self)
        self.parent: Driver | None = None
        self.waits = Waits(self)
        self.failure: HoldfastError | None = None
        self.resting = False  # the run has ended, paused or blocked; only the last commit is awaited
        self.pending = 0  # appends submitted and not answered
        self.told = 0  # events of ours so far
        self.durable_told = 0  # those of them that are durable
        self.undurable: set[int] = set()  # finished steps whose end is not durable yet
        self._ended: set[int] = set()  # those of them whose end is in the outbox
        self._outbox: list[ev.Event] = []
        self._is_urgent = False  # the outbox holds more than what may wait for the next commit
        self.launches: list[Attempt] = []
        self._opening: Opening | None = None  # the run is not in the journal yet
        self.others = False  # others have appended something that is not folded yet
        self._facts_wanted = facts_wanted(run.plan)
        self.facts = NO_FACTS
        self.passage = Passage(self) if has_passage(run) else None
        self.proofs: Proofs | None = None  # what earlier runs left that may stand in for steps
        self._idle_since: int | None = None  # since when only what nobody need stay for can move the run

    @property
    def done(self) -> bool:
        """Whether nothing of the run is left to drive."""
        return (self.resting or self.failure is not None) and not self.pending

    def open(self, opening: Opening, events: Sequence[ev.Event]) -> None:
        """The run is new: it comes into the journal with its first commit, which takes its lease too."""
        self._opening = opening
        for event in events:
            self.tell(event)

    @property
    def closing(self) -> bool:
        """Whether nothing new starts: the run is to end or to pause (semantics S8)."""
        run = self.run
        return run.ending or run.pausing is not None

    def tell(self, event: ev.Event) -> None:
        """Fold an event of our own and queue it for the journal; a run at rest takes no more of them."""
        if self.resting:
            return  # whoever takes the run next finds out
        run = self.run
        if self.passage is not None:
            event = self.passage.stamped(event)
            self.passage.ended(event)
        if self.proofs is not None and isinstance(event.body, ev.AttemptStarted):
            event = self.proofs.stamped(run, event)
        run.apply(event)
        self._outbox.append(event)
        self.told += 1
        if not isinstance(event.body, ev.AttemptSpawned):
            self._is_urgent = True
        if event.step is not None:
            i = run.index[event.step]
            if run.states[i].status in FINAL_STEP:
                self.undurable.add(i)
                self._ended.add(i)

    def own(self, owned: ev.Event) -> None:
        """Say that this engine owns the run before it does anything; what people asked until then comes before."""
        done = self.world.journal.append(Append(self.run.id, [owned], self.fence))
        self._fold_others(done.foreign)
        self.run.apply(owned)
        self.seq = done.last_seq
        self._show_own([owned], done.last_seq)

    def end(self, at: int, i: int, attempt: int, ended: ev.AttemptEnded) -> None:
        """Tell of an attempt's end, with what becomes of it."""
        step = self.run.steps[i]
        if ended.error is not None or self.run.control is not None:
            logs = describe(self.site, self.run, i, attempt)
            scene = Scene(at, self.facts, lambda name: tail(logs.stdout if name == "stdout" else logs.stderr))
            ended = disposed(self.run, i, attempt, ended, scene)
        self.tell(ev.Event(at, ended, step.id, attempt))

    def turn(self, *, alone: bool) -> bool:
        """Decide what can be decided and hand it to the journal; whether more can be done without waiting.

        `alone`: the engine drives no other run, so that it may wait for this one's commit.
        """
        if self.failure is not None or self.resting:
            return False
        run, now = self.run, self.world.clock.now()
        self._look_around(now)
        # What others asked for (a pause, an end) is folded before anything new starts; the answer under way brings it.
        while not self.others and len(self._outbox) < BATCH_EVENTS and self.pending < PENDING_MAX:
            run.queue.call_due(now)  # before the room is reckoned, which depends on what comes next
            decision = choose(run, now, self._room(), self.facts)
            if decision is None:
                if not self.calls.run_quick():
                    break
            elif not self._act(decision, now):
                break
        self._stop_what_must()
        if self.passage is not None:
            self.passage.settle(now)
        if run.running - self.nested.idle or self.calls.out:
            self._idle_since = None
        elif not self._come_to_rest(now):
            return False
        self.resting = run.status is not RunStatus.RUNNING
        return self._flush(alone=alone)

    def _look_around(self, now: int) -> None:
        """Before anything is decided: what the world says, and what another engine left."""
        if self._facts_wanted:
            self.facts = self.world.host.facts(self._facts_wanted)
        if self.passage is not None:
            self.passage.look(now)
        if self.nested.left_over:
            self.nested.go_on()
        self._stop_what_must()
        self.waits.look()

    def look_after(self) -> None:
        """What is to be done now and then: nothing waits for the next commit any more; calls that take their time."""
        self._is_urgent = True
        self.calls.look_after()
        self.commands.look_after()

    def hear_others(self, *, changed: bool) -> None:
        """Fold what others appended, where anybody has (`changed`)."""
        self.others = (self.others or changed) and self._opening is None  # nobody knows of a run that is not there yet
        if self.others and not self.pending:
            # With an append under way its answer brings what others appended, in the right place.
            self.others = False
            self._fold_others(self.world.journal.events(self.run.id, self.seq))

    def answered(self, done: Durable) -> None:
        """The writer has answered an append that was submitted."""
        self.pending -= 1
        self.durable(done)

    def durable(self, done: Durable) -> None:
        """Act on the journal's answer: start what was waiting for it."""
        if self.passage is not None:
            self.passage.answered()
        if isinstance(done.result, HoldfastError):
            self.world.log("refused", self.run.id, code=done.result.code, why=done.result.headline)
            self.failure = self.failure or done.result
            return
        if self.world.log is not silent:
            kinds = dict(Counter(event.body.kind for event in done.events))
            self.world.log("append", self.run.id, seq=done.result.last_seq, events=kinds)
        self._fold_others(done.result.foreign)
        self.seq = done.result.last_seq
        self.durable_told += len(done.events)
        self.undurable -= done.ended
        self._show_own(done.events, done.result.last_seq)
        if self.failure is None:
            self.commands.launch(done.launches)
            self.calls.release()
            self.nested.release()

    def _fold_others(self, others: Sequence[StoredEvent]) -> None:
        for stored in others:
            body = stored.event.body
            if stored.seq > self.seq:
                if isinstance(body, ev.RunOwned) and body.fence != self.fence:
                    lost = FenceLostError(f"run {self.run.id} was taken over by another engine", code="E_BUSY")
                    self.failure = self.failure or lost
                    return
                self.seq = stored.seq
                self.world.log("heard", self.run.id, seq=stored.seq, event=stored.event.body.kind)
                self.run.apply(stored.event)
                if self.world.listener is not None:
                    self.world.listener.on_event(stored)

    def quarantine(self, error: HoldfastError) -> None:
        """A transition that no table allows, or an artifact that is damaged: the run is not trusted (semantics S1)."""
        why = f"a bug: {error.headline}" if isinstance(error, BugError) else error.headline
        self.world.log("quarantine", self.run.id, why=why)
        if self.resting or self.failure is not None:
            return
        self.launches = []
        self.tell(ev.Event(self.world.clock.now(), ev.RunQuarantined(why)))
        self.resting = True
        self._flush(alone=False)

    def leave(self) -> None:
        """Record what is known and give the run back, driving nothing."""
        events, self._outbox = self._outbox, []
        self.resting = True
        result = self._append(self._work(events))
        self.durable(Durable(self, events, (), frozenset(), result))

    # One decision.

    def _room(self) -> int:
        room = self.concurrency - len(self.run.running) - self.calls.untold
        if room > 0:
            return room
        i = self.run.next_ready()
        if i is None:
            return room
        ahead = self.calls.ahead if self.run.steps[i].inline else self.commands.ahead
        return room + ahead(i, self.concurrency)

    def _act(self, decision: Decision, now: int) -> bool:
        """Do what was decided; whether more can be decided before the journal has answered."""
        run = self.run
        if self.proofs is not None and isinstance(decision, Start | Expand):
            instead = self.proofs.instead(run, decision)
            if instead is not None:
                self.tell(ev.Event(now, instead, run.steps[decision.step].id))
                return True
        if isinstance(decision, Start):
            if self.passage is not None and not self.passage.enters(decision, now):
                return self.passage.looks_again(now)
            begin(self, decision)
        elif isinstance(decision, Expand):
            self.tell(ev.Event(now, expanded(self.site.store, decision), self.run.steps[decision.step].id))
        elif isinstance(decision, End):
            self.waits.end(decision)
        elif hears_first(self, decision.event):
            return False
        else:
            self.tell(decision.event)
        return True

    def fail_unstarted(self, start: Start, error: ev.Error) -> None:
        """The step cannot be attempted at all; a retry that cannot is a failed attempt."""
        now, step = self.world.clock.now(), self.run.steps[start.step]
        if start.attempt == 1:
            self.tell(ev.Event(now, unstarted(self.run, start.step, error, start.facts), step.id))
            return
        self.tell(ev.Event(now, ev.AttemptStarted(), step.id, start.attempt))
        self.end(now, start.step, start.attempt, ev.AttemptEnded("failed", error=error))

    def _come_to_rest(self, now: int) -> bool:
        """Nothing runs: the run ends, pauses, blocks or goes on; `False` where it is given back as it stands."""
        rest = at_rest(self.run, now, self.facts, self.nested.idle)
        if rest is not None:
            if not (isinstance(rest.event.body, ev.RunBlocked) and self._stays(now)) and not hears_first(
                self, rest.event
            ):
                self.tell(rest.event)
        elif self.pending or (self.passage and self.passage.stays) or not may_leave(self.run, now, FAR_US):
            self._idle_since = None
        elif not self._stays(now):
            self.leave()
            return False
        return True

    def _stays(self, now: int) -> bool:
        """Whether the person who drives the run wants to stay yet, though only people or much time can move it."""
        self._idle_since = now if self._idle_since is None else self._idle_since
        return now - self._idle_since < self.world.wait_s * 1e6

    def _stop_what_must(self) -> None:
        if self.closing:
            self.calls.drop_unstarted()
        elif self.run.failing:
            self.calls.drop_unstarted(lambda i: self.run.group_of.get(i) in self.run.failing)
        if self.run.pausing is not None:
            self.nested.pause()
        if self.closing or self.run.failing:
            for i in to_stop(self.run):
                if not self.nested.stop(i):
                    self.commands.stop(i)
            self.waits.let_go()

    # Durability.

    def _flush(self, *, alone: bool) -> bool:
        """Hand the outbox to the journal; whether its answer is here already."""
        if not (self._outbox and self._is_urgent) and (self.passage is None or not self.passage.waits):
            return False
        self._is_urgent = False
        events, self._outbox = self._outbox, []
        launches, self.launches = self.launches, []
        ended, self._ended = frozenset(self._ended), set()
        work = self._work(events)
        if alone and self._only_this_commit_is_awaited():
            self.durable(Durable(self, events, launches, ended, self._append(work)))
            return True
        self.pending += 1
        post = self.world.post
        self.world.journal.submit(work, lambda result: post(Durable(self, events, launches, ended, result)))
        return not self.resting and self.run.next_ready() is not None and self._room() > 0

    def _work(self, events: Sequence[ev.Event]) -> Append:
        opening, self._opening = self._opening, None
        also, freed = (self.passage.submit(), self.passage.freed()) if self.passage is not None else ((), NOTHING)
        if opening is None:
            return Append(self.run.id, events, self.fence, None, None, None, self.resting, also, *freed)
        plan, owner = opening
        return Append(self.run.id, events, after=0, plan=plan, take=owner, release=self.resting, also=also)

    def _append(self, work: Append) -> Appended | HoldfastError:
        try:
            return self.world.journal.append(work)
        except HoldfastError as error:
            return error

    def _only_this_commit_is_awaited(self) -> bool:
        """Whether nothing can be decided before it, so that a hop to the writer's thread would be a waste.

        What commands say meanwhile goes into the next commit together.
        """
        if self.pending or self.calls.dispatched:
            return False
        return self.resting or self.run.next_ready() is None or self._room() <= 0

    def _show_own(self, events: Sequence[ev.Event], last_seq: int) -> None:
        if self.world.listener is not None:
            for seq, event in enumerate(events, last_seq - len(events) + 1):
                self.world.listener.on_event(StoredEvent(self.run.id, seq, event))
