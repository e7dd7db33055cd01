"""Thousands of random histories, and proof that they would tell: a broken engine or core is found out."""

from collections.abc import Callable

import pytest

from holdfast.engine.locks import NOTHING, Locks
from holdfast.engine.passage import Passage
from holdfast.errors import HoldfastError
from holdfast.plan.model import Effect
from holdfast.ports import Append, Appended
from holdfast.run import events as ev
from holdfast.run import growth
from holdfast.run.admission import is_free
from holdfast.run.alarms import Alarms, Escalated
from holdfast.run.breakers import Ask
from holdfast.run.budgets import Account
from holdfast.run.disposition import Failing
from holdfast.run.machine import Run
from holdfast.run.stock import Stock
from tests.simulation.calls import Calls
from tests.simulation.commands import Commands
from tests.simulation.engine import Engine
from tests.simulation.history import play, play_all
from tests.simulation.journal import Journal, Reader
from tests.simulation.seat import SimulatedWaits
from tests.simulation.world import World

BLOCK = 160
FOUND_WITHIN = 600
"""A sabotage must show in so many histories."""


@pytest.mark.parametrize("first", range(0, 16 * BLOCK, BLOCK))
def test_every_history_keeps_the_rules(first: int) -> None:
    # semantics S2, S4, S5, S6, S7, S8, S9, S12, S13, S14, S15, S16, S17, S18, S20
    # semantics G9, C1, C2, C3, C4, C5, C8, E1, E2, E3, E4, E5
    assert play_all(first, BLOCK) > BLOCK


def test_a_seed_plays_the_same_history_again() -> None:
    first: list[str] = []
    again: list[str] = []
    assert play(17, first.append) == play(17, again.append)
    assert first == again


Sabotage = Callable[[pytest.MonkeyPatch], None]


def acts_before_its_intent_is_durable(patch: pytest.MonkeyPatch) -> None:
    flush = Engine._flush

    def hasty(self: Engine) -> bool:
        launches, self._launches = self._launches, []
        self.commands.launch(launches)
        return flush(self)

    patch.setattr(Engine, "_flush", hasty)


def starts_before_its_dependencies_are_durable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Calls, "_durably_ready", lambda *_: True)


def takes_a_lost_effect_for_one_that_did_not_happen(patch: pytest.MonkeyPatch) -> None:
    def lost(self: Commands, at: int, attempt: int) -> None:
        engine = self._engine
        body = ev.AttemptEnded("lost", error=ev.Error("lost"))
        engine.tell(ev.Event(engine.now(), body, engine.run.steps[at].id, attempt))

    patch.setattr(Commands, "lost", lost)


def accepts_the_appends_of_an_engine_that_was_replaced(patch: pytest.MonkeyPatch) -> None:
    admit = Journal._admit

    def lax(self: Journal, work: Append, reader: Reader | None) -> Appended | HoldfastError:
        work.fence = None
        return admit(self, work, reader)

    patch.setattr(Journal, "_admit", lax)


def starts_what_was_chosen_before_the_run_was_to_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Engine, "closing", property(lambda _: False))


def declares_itself_before_it_hears_what_people_asked(patch: pytest.MonkeyPatch) -> None:
    def own(self: World, engine: Engine) -> None:
        owned = ev.Event(self.wall, ev.RunOwned(engine.fence, "host", 1, "0"))
        if self.rng.random() < 0.1:
            self.people_race()
        engine.run.apply(owned)
        engine._outbox.append(owned)

    patch.setattr(World, "_own", own)


def retries_at_once(patch: pytest.MonkeyPatch) -> None:
    failed = Run.attempt_failed

    def hasty(self: Run, i: int, failing: Failing, retry_at: int | None) -> None:
        failed(self, i, failing, retry_at)
        if retry_at is not None:
            self.queue.offer(i)

    patch.setattr(Run, "attempt_failed", hasty)


def hands_a_step_out_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Run, "reserve", lambda *_: None)


def forgets_who_waits_for_a_step(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Run, "doomed", lambda *_: False)


def counts_lost_attempts(patch: pytest.MonkeyPatch) -> None:
    count = Run._count

    def strict(self: Run, i: int, total: int = 0, counted: int = 0, lost: int = 0) -> None:
        count(self, i, total, max(0, counted), lost)

    patch.setattr(Run, "_count", strict)


def stops_running_effects_on_abort(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.simulation.engine.to_stop", lambda run: sorted(run.running))


def forgets_that_an_effect_is_in_doubt(patch: pytest.MonkeyPatch) -> None:
    ended = Run._ended

    def sure(self: Run, event: ev.Event) -> None:
        body = event.body
        assert isinstance(body, ev.AttemptEnded)
        i = self.index[event.step or ""]
        if body.status == "uncertain" and self.steps[i].effect_class is Effect.ONCE:
            event = event._replace(body=ev.AttemptEnded("lost", error=body.error))
        ended(self, event)

    patch.setitem(Run._APPLY, "attempt.ended", sure)


def starts_more_instances_than_may_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(growth, "admits", lambda *_: True)


def ends_a_fan_out_while_its_instances_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(growth, "_settle", lambda run, group: run.queue.offer(group.at))


def retries_what_a_failure_has_ended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(growth, "follow", lambda *_: None)


def keeps_trials_that_proved_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Passage, "settle", lambda *_: None)
    patch.setattr("holdfast.run.breakers._given_back", lambda breaker, _: breaker)


def lets_everything_through_an_open_breaker(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.admission.ask", lambda *_: Ask(passes=True))
    patch.setattr("holdfast.engine.passage.ask", lambda *_: Ask(passes=True))


def forgets_what_failed_attempts_spent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Account, "shortage", lambda *_: None)


def starts_what_nobody_chose(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.control.begin", lambda *_: None)


def forgets_who_waits_for_a_fallback(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Run, "settling", property(lambda _: set(), lambda *_: None), raising=False)


def lets_the_outside_of_a_loop_go_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.control.waiting_outside", lambda *_: [])


def goes_round_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.visits._limit", lambda *_: 9)


def goes_round_while_something_of_it_runs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.visits.ended", lambda *_: True)


def begins_the_finally_steps_at_once(patch: pytest.MonkeyPatch) -> None:
    made = Run.__init__

    def hasty(self: Run, *arguments: object) -> None:
        made(self, *arguments)  # type: ignore[arg-type]  # handed through
        for i in range(len(self.steps) - self.tail, len(self.steps)):
            if self.missing[i] == 1:
                self.missing[i] = 0
                self.make_ready(i)

    patch.setattr(Run, "__init__", hasty)


def takes_a_slot_while_it_waits(patch: pytest.MonkeyPatch) -> None:
    room = Engine._room
    patch.setattr(Engine, "_room", lambda self: room(self) - len(self.run.lingering))


def ends_waits_before_their_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedWaits, "is_there", lambda *_: True)


def starts_what_lacks_its_preconditions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.admission._requires", lambda *_: None)


def uses_more_than_there_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stock, "_fits", lambda *_: True)


def passes_those_who_wait_for_much(patch: pytest.MonkeyPatch) -> None:
    def lacks(self: Stock, _i: int, needs: dict[str, float]) -> str | None:
        return next((name for name, amount in needs.items() if not self._fits(name, amount)), None)

    patch.setattr(Stock, "lacks", lacks)


def takes_promises_for_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.simulation.engine.promised", lambda _: ())


def takes_its_goal_for_met(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.run.goal.prose_of", lambda _: [])


def tells_of_the_same_delay_again(patch: pytest.MonkeyPatch) -> None:
    follow = Alarms.follow

    def forgetful(self: Alarms, event: ev.Event) -> None:
        follow(self, event)
        if not isinstance(event.body, Escalated):
            self.told.clear()

    patch.setattr(Alarms, "follow", forgetful)


def hands_effects_out_ahead_of_their_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Commands, "ahead", lambda _self, _i, concurrency: concurrency)


def forgets_what_runs_beside_the_keeper(patch: pytest.MonkeyPatch) -> None:
    def ahead(self: Commands, i: int, concurrency: int) -> int:
        step = self._engine.run.steps[i]
        is_plain = step.effect_class is not Effect.ONCE and is_free(self._engine.run, step)
        return concurrency if is_plain else 0

    patch.setattr(Commands, "ahead", ahead)


def gives_locks_that_others_have(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.journal.locks._held", lambda _: [])


def lets_those_behind_go_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("holdfast.journal.locks._before_in_line", lambda *_: [])


def keeps_its_locks_when_it_is_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Locks, "submit", lambda _: NOTHING)


@pytest.mark.parametrize(
    "sabotage",
    [
        gives_locks_that_others_have,
        lets_those_behind_go_first,
        keeps_its_locks_when_it_is_done,
        takes_a_slot_while_it_waits,
        ends_waits_before_their_time,
        starts_what_lacks_its_preconditions,
        uses_more_than_there_is,
        passes_those_who_wait_for_much,
        takes_promises_for_kept,
        takes_its_goal_for_met,
        tells_of_the_same_delay_again,
        hands_effects_out_ahead_of_their_turn,
        forgets_what_runs_beside_the_keeper,
        keeps_trials_that_proved_nothing,
        lets_everything_through_an_open_breaker,
        forgets_what_failed_attempts_spent,
        starts_what_nobody_chose,
        forgets_who_waits_for_a_fallback,
        begins_the_finally_steps_at_once,
        lets_the_outside_of_a_loop_go_on,
        goes_round_for_ever,
        goes_round_while_something_of_it_runs,
        acts_before_its_intent_is_durable,
        starts_before_its_dependencies_are_durable,
        takes_a_lost_effect_for_one_that_did_not_happen,
        accepts_the_appends_of_an_engine_that_was_replaced,
        starts_what_was_chosen_before_the_run_was_to_end,
        declares_itself_before_it_hears_what_people_asked,
        retries_at_once,
        hands_a_step_out_twice,
        forgets_who_waits_for_a_step,
        counts_lost_attempts,
        stops_running_effects_on_abort,
        forgets_that_an_effect_is_in_doubt,
        starts_more_instances_than_may_run,
        ends_a_fan_out_while_its_instances_run,
        retries_what_a_failure_has_ended,
    ],
)
def test_an_engine_or_a_core_is_found_out_that(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        play_all(0, FOUND_WITHIN)
