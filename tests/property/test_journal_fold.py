"""Projections and the machine's fold reach the same state, whatever happens and however it is grouped (S1, S16)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from holdfast.journal import doctor
from holdfast.journal.audit import verify
from holdfast.journal.reading import Reading
from holdfast.journal.sqlite import SqliteJournal
from holdfast.plan.model import Effect, EffectPolicy, FailurePolicy, ForEach, OnFailure, Plan, Retry, Step
from holdfast.plan.model import Run as Shell
from holdfast.ports import Append
from holdfast.run import events as ev
from holdfast.run.choose import Expand, Start, Tell, at_rest, choose
from holdfast.run.disposition import Scene, disposed
from holdfast.run.machine import Run
from holdfast.run.states import FINAL_RUN, RunStatus
from tests.conformance.journal.facts import ANNA, NOW, created, frozen, owned

MOVES_MAX = 40
LISTS = (None, None, None, ForEach(items=[]), ForEach(items=["a", "b"]), ForEach(items=[1, 2, 3], fail="all"))
POLICIES = (OnFailure.ABORT, OnFailure.SKIP_DEPENDENTS, OnFailure.CONTINUE, OnFailure.SKIP)
ENDS: Sequence[tuple[ev.AttemptStatus, str | None]] = (
    ("succeeded", None),
    ("failed", "exit.nonzero"),
    ("failed", "exit.nonzero"),
    ("failed", "expect.failed"),
    ("timed_out", "timeout"),
    ("stalled", "stalled"),
    ("canceled", "canceled"),
    ("lost", "lost"),
    ("uncertain", "timeout"),
    ("uncertain", "lost"),
    ("uncertain", "canceled"),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    steps: list[Step] = []
    for i in range(draw(st.integers(1, 5))):
        needs = draw(st.lists(st.sampled_from([each.id for each in steps]), unique=True)) if steps else []
        steps.append(
            Step(
                id=f"s{i}",
                work=Shell(text="true"),
                needs=tuple(needs),
                retry=Retry(attempts=draw(st.integers(1, 3)), delay_s=0.0),
                on_failure=FailurePolicy(action=draw(st.sampled_from(POLICIES))),
                effect=EffectPolicy(effect=draw(st.sampled_from([Effect.NONE, Effect.ONCE]))),
                for_each=draw(st.sampled_from(LISTS)),
            )
        )
    return Plan(id="p", steps=tuple(steps))


class World:
    """A run whose next event is drawn from what may happen."""

    def __init__(self, name: str, plan: Plan, data: DataObject) -> None:
        self.run = Run(name, plan)
        self.data = data
        self.now = NOW
        self.events: list[ev.Event] = []
        self.tell(created(plan).body)
        self.tell(owned().body)

    def tell(self, body: ev.Body, name: str | None = None, attempt: int | None = None) -> None:
        self.now += 1_000_000
        event = ev.Event(self.now, body, name, attempt)
        self.run.apply(event)
        self.events.append(event)

    def move(self) -> bool:
        """One thing that may happen; whether anything may."""
        moves = self._moves()
        if moves:
            self.data.draw(st.sampled_from(moves))()
        return bool(moves)

    def _moves(self) -> list[Callable[[], None]]:
        run = self.run
        decision = choose(run, self.now, 2 - len(run.running), {})
        rest = at_rest(run, self.now, {}) if not run.running and decision is None else None
        moves: list[Callable[[], None]] = []
        if isinstance(decision, Start):
            moves += [partial(self._start, decision)] * 4  # more often than people interfere
        elif isinstance(decision, Expand):
            moves.append(partial(self.tell, decision.body(), run.steps[decision.step].id))
        elif isinstance(decision, Tell):
            moves.append(partial(self.tell, decision.event.body, decision.event.step))
        if rest is not None:
            moves.append(partial(self.tell, rest.event.body))
        if run.running:
            moves += [self._end] * 4 + [self._note]
        if run.uncertain:
            moves.append(self._resolve)
        if run.status is RunStatus.QUARANTINED:
            moves.append(partial(self.tell, ev.RunReleased(reason="looked at")))
        elif not run.final:
            moves += [partial(self.tell, ev.RunPausing()), partial(self.tell, ev.RunCanceling())]
            moves.append(partial(self.tell, ev.RunOwned(1, "host-a", 11, "0.1.0")))
        return moves

    def _note(self) -> None:
        i = self.data.draw(st.sampled_from(sorted(self.run.running)))
        note = self.data.draw(st.sampled_from([ev.AttemptSpawned(7, "1"), ev.AttemptAdopted(2)]))
        self.tell(note, self.run.steps[i].id, self.run.attempts_of(i).total)

    def _resolve(self) -> None:
        i = self.data.draw(st.sampled_from(sorted(self.run.uncertain)))
        choices: list[ev.Resolution] = ["happened", "not-happened", "recheck", "skip"]
        self.tell(ev.StepResolved(self.data.draw(st.sampled_from(choices))), self.run.steps[i].id)

    def _start(self, start: Start) -> None:
        step = self.run.steps[start.step]
        self.run.reserve(start.step)
        key = f"{self.run.id}/{step.id}" if step.effect_class is Effect.ONCE else None
        self.tell(ev.AttemptStarted(key=key), step.id, start.attempt)

    def _end(self) -> None:
        run = self.run
        i = self.data.draw(st.sampled_from(sorted(run.running)))
        once = run.steps[i].effect_class is Effect.ONCE
        status, code = self.data.draw(st.sampled_from([end for end in ENDS if once or end[0] != "uncertain"]))
        if once and status in {"lost", "timed_out", "stalled"}:
            status = "uncertain"  # semantics C3, E2
        attempt = run.attempts_of(i).total
        exit_code = (
            0 if code == "expect.failed" else None
        )  # what was expected is looked at after exit 0 (semantics S20)
        ended = ev.AttemptEnded(status, exit_code, ev.Error(code) if code else None)
        self.tell(disposed(run, i, attempt, ended, Scene(self.now)), run.steps[i].id, attempt)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(str(tmp_path_factory.mktemp("fold") / "journal.db"), durability="normal")
    yield opened
    assert verify(opened.reader).damages == ()
    opened.close()


RUNS = count(1)


@settings(max_examples=120)
@given(plans(), st.data())
def test_projections_and_the_fold_reach_the_same_state(journal: SqliteJournal, plan: Plan, data: DataObject) -> None:
    name = f"run-{next(RUNS)}"
    world = World(name, plan, data)
    for _ in range(MOVES_MAX):
        if not world.move():
            break
    journal.append(Append(name, world.events[:2], after=0, plan=frozen(plan), take=ANNA))
    rest = world.events[2:]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        journal.append(Append(name, rest[:size], fence=1))
        rest = rest[size:]

    shown = Reading(journal).show(name)
    assert [each.event for each in journal.events(name)] == world.events
    assert doctor.differences(journal.reader, name) == []
    run = world.run
    ready = {"ready", "pending"}  # what depends on other steps only is not stored
    assert {step.step for step in shown.steps} == set(run.index)
    for step in shown.steps:
        state = run.states[run.index[step.step]]
        if step.status in ready:
            assert state.status.value in ready
        else:
            assert step.status == state.status.value
        assert len(step.attempts) == run.attempts_of(run.index[step.step]).total
        if state.status.value == "skipped":
            assert step.why == getattr(state, "why", None)
    assert shown.status == run.status.value
    assert shown.pausing == (run.pausing is not None and not run.final)
    assert shown.canceling == (run.canceling is not None and not run.final)
    assert {wait.step for wait in shown.waits if wait.kind == "uncertain"} == {run.steps[i].id for i in run.uncertain}
    assert (shown.finished_at is not None) == (run.status in FINAL_RUN)
