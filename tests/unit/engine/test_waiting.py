"""Steps that wait, for real: preconditions, timers, files, resources, and people."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.app.people import NotPossibleError
from holdfast.app.runs import RunEnd
from holdfast.errors import RequestError
from holdfast.ports import Append
from holdfast.run import events as ev
from holdfast.run.standing import Failed, Waiting
from tests.unit.engine.workshop import Workshop

REVIEWED = """
steps:
  doc:
    run: "echo words=3 >> $HOLDFAST_OUTPUT; echo x >> tries"
    expect: [exit_code == 0, {prose: the text reads well}, {prose: it is short}]
    retry: {attempts: 2, delay: 0}
  last: {run: "true", depends_on: [doc]}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def bodies(shop: Workshop, end: RunEnd, kind: type[ev.Body]) -> list[ev.Body]:
    return [event.body for event in shop.events(end) if isinstance(event.body, kind)]


def test_a_precondition_that_is_false_ends_the_command_with_4_and_says_what_for(shop: Workshop) -> None:
    end = shop.run('steps: {a: {run: "true", requires: ["disk.free < 5"]}, b: {run: "true"}}')
    assert (end.exit_code, end.status, end.waits) == (
        4,
        "running",
        ({"kind": "requires", "step": "a", "what": "disk.free < 5"},),
    )
    [waiting] = bodies(shop, end, ev.StepWaiting)
    assert isinstance(waiting, ev.StepWaiting)
    assert list(waiting.facts) == ["disk.free"]  # semantics S1: the facts that decided are journaled
    with shop.app.reading() as reading:
        shown = reading.show(end.run)
    assert [(wait.kind, wait.step, wait.what) for wait in shown.waits] == [("requires", "a", "disk.free < 5")]
    assert shop.statuses(end) == {"a": "waiting", "b": "succeeded"}


def test_a_run_whose_nested_run_waits_says_which(shop: Workshop) -> None:
    end = shop.run('steps: {n: {uses: plan, with: {steps: {a: {run: "true", requires: ["1 > 2"]}}}}}')
    assert (end.exit_code, end.status) == (4, "blocked")
    with shop.app.reading() as reading:
        (wait,) = reading.show(end.run).waits
    assert (wait.kind, wait.step) == ("plan", "n")
    assert " waits; holdfast show " in wait.what


def test_what_is_written_inside_a_plan_is_ended_with_its_grace(shop: Workshop) -> None:
    # semantics S8
    end = shop.run('limits: {grace: 100ms}\nsteps: {n: {uses: plan, with: {steps: {a: {run: "true"}}}}}')
    [outer] = bodies(shop, end, ev.AttemptStarted)
    assert isinstance(outer, ev.AttemptStarted)
    assert outer.child is not None
    inner = [stored.event.body for stored in shop.app.events(outer.child.run)]
    [started] = [body for body in inner if isinstance(body, ev.AttemptStarted)]
    assert started.launch is not None
    assert started.launch.grace_s == 0.1


def test_wait_stays_and_resume_looks_again(shop: Workshop) -> None:
    shop.write('steps: {a: {run: "true", requires: ["disk.free < 5"]}}')
    began = time.monotonic()
    end = shop.app.run(shop.plan, {}, Request(wait_s=0.6))
    assert time.monotonic() - began > 0.6
    assert (end.exit_code, shop.resume(end.run).exit_code) == (4, 4)
    assert len(bodies(shop, end, ev.StepWaiting)) == 1  # said once
    assert shop.app.cancel(end.run).outcome == "canceled"


def test_waits_end_with_their_time_or_their_file_and_hold_no_slot(shop: Workshop) -> None:
    # semantics S4
    began = time.monotonic()
    end = shop.run(
        """
        limits: {concurrency: 1}
        steps:
          long: {run: "sleep 0.4; touch there"}
          pause: {uses: wait, with: {for: 300ms}}
          past: {uses: wait, with: {until: "2001-01-01"}}
          file: {uses: wait, with: {file: "${{ inputs.name }}"}, expect: ["exit_code == 0"]}
        inputs: {name: {default: there}}
        """
    )
    assert end.exit_code == 0
    assert time.monotonic() - began < 60
    assert set(shop.statuses(end).values()) == {"succeeded"}


def test_a_wait_times_out_and_one_that_cannot_be_understood_fails(shop: Workshop) -> None:
    end = shop.run("steps: {late: {uses: wait, with: {file: never}, timeout: 200ms}}")
    assert (end.exit_code, shop.error(end, "late").code) == (1, "timeout")
    for key in ("for", "until"):
        odd = "'${{ inputs.odd }}'"
        end = shop.run(f"inputs: {{odd: {{default: soon}}}}\nsteps: {{w: {{uses: wait, with: {{{key}: {odd}}}}}}}")
        assert (end.exit_code, shop.error(end, "w").code) == (1, "expression.invalid")


def test_a_wait_or_a_plan_inside_has_no_limit_where_it_says_none(shop: Workshop) -> None:
    # semantics S10: the default of half an hour is that of work
    inside = "{uses: plan, with: {steps: {v: {uses: wait, with: {for: 2h}}}}}"
    end = shop.run(f"steps: {{w: {{uses: wait, with: {{for: 2h}}}}, n: {inside}}}")
    [waiting] = bodies(shop, end, ev.StepWaiting)
    assert isinstance(waiting, ev.StepWaiting)
    assert waiting.deadline is None
    [inner] = [
        event.body.child.run
        for event in shop.events(end)
        if isinstance(event.body, ev.AttemptStarted) and event.body.child
    ]
    assert shop.state(inner).stopwatch is None
    assert shop.app.cancel(end.run).outcome == "canceled"


def test_a_timer_that_is_far_away_is_left_and_survives_the_restart(shop: Workshop) -> None:
    # semantics C8
    end = shop.run("steps: {w: {uses: wait, with: {for: 2h}}}")
    assert (end.exit_code, end.status) == (4, "running")
    first = shop.step(end, "w")
    assert isinstance(first, Waiting)
    assert shop.resume(end.run).exit_code == 4
    assert shop.step(end, "w") == first
    assert shop.app.cancel(end.run).outcome == "canceled"
    assert shop.statuses(end) == {"w": "canceled"}


def test_prose_waits_for_a_person_and_approval_goes_on(shop: Workshop) -> None:
    # semantics S20, semantics G6
    end = shop.run(REVIEWED)
    assert (end.exit_code, end.status) == (4, "blocked")
    [asked] = shop.app.inbox().requests
    assert (asked.kind, asked.step, asked.options) == ("review", "doc", ("approve", "reject"))
    assert asked.shows["criteria"] == ["the text reads well", "it is short"]
    assert asked.shows["outputs"] == {"words": "3"}
    assert shop.app.resume() == []  # nothing can go on before somebody answers
    assert shop.app.answer(asked.id, "approve", "read it", "Ann") == end.run
    choices: tuple[ev.Verdict, ...] = ("approve", "reject")
    for choice in choices:
        with pytest.raises(NotPossibleError, match="answered already: approved") as refused:
            shop.app.answer(asked.id, choice)
        assert (refused.value.exit_code, "Ann" in refused.value.facts[0], "read it" in refused.value.facts[0]) == (
            3,
            True,
            True,
        )
    assert shop.app.inbox().requests == []
    [after] = shop.app.resume()
    assert (after.exit_code, shop.statuses(end)) == (0, {"doc": "succeeded", "last": "succeeded"})
    assert shop.app.checkup().ok


def test_nothing_is_answered_of_a_run_that_is_to_end_without_it(shop: Workshop) -> None:
    # semantics G6, semantics S16
    end = shop.run(REVIEWED)
    [asked] = shop.app.inbox().requests
    with closing(shop.app.open_journal()) as journal:
        journal.append(Append(end.run, [ev.Event(journal.events(end.run)[-1].event.at, ev.RunCanceling())]))
    with pytest.raises(NotPossibleError, match='ending without step "doc"'):
        shop.app.answer(asked.id, "approve")
    assert shop.resume(end.run).status == "canceled"
    assert shop.statuses(end) == {"doc": "canceled", "last": "canceled"}


def test_a_rejected_attempt_is_tried_again_and_the_last_one_fails(shop: Workshop) -> None:
    # semantics S9, semantics S20
    end = shop.run(REVIEWED)
    [first] = shop.app.inbox().requests
    shop.app.answer(first.id, "reject", "too short")
    assert shop.resume(end.run).exit_code == 4
    [second] = shop.app.inbox().requests
    assert second.id != first.id
    shop.app.answer(second.id, "reject", "still")
    assert shop.resume(end.run).exit_code == 1
    assert shop.text("tries") == "x\nx\n"
    state = shop.step(end, "doc")
    assert isinstance(state, Failed)
    assert (state.error.code, state.error.message.endswith("rejected it: still")) == ("expect.failed", True)
    assert shop.app.checkup().ok


def test_a_false_expression_fails_before_anybody_is_asked(shop: Workshop) -> None:
    # semantics S20
    end = shop.run('steps: {a: {run: "true", expect: ["exit_code == 1", {prose: nice}]}}')
    assert (end.exit_code, shop.error(end, "a").code) == (1, "expect.failed")


def test_what_a_once_step_promised_in_prose_is_asked_and_a_rejection_is_not_tried_again(shop: Workshop) -> None:
    # semantics S20
    end = shop.run('steps: {a: {run: "echo x >> done", effect: once, retry: 3, expect: [{prose: nice}]}}')
    [asked] = shop.app.inbox().requests
    shop.app.answer(asked.id, "reject")
    assert (shop.resume(end.run).exit_code, shop.text("done")) == (1, "x\n")
    assert shop.app.checkup().ok


def test_requests_that_are_none_are_refused(shop: Workshop) -> None:
    end = shop.run(REVIEWED)
    for name in ("nonsense", f"{end.run}.1", "last.999"):
        with pytest.raises(RequestError, match="request"):
            shop.app.answer(name, "approve")
    shop.app.cancel(end.run)
    [opened] = [event for event in shop.app.events(end.run) if getattr(event.event.body, "review", ())]
    with pytest.raises(NotPossibleError, match="lapsed"):
        shop.app.answer(f"last.{opened.seq}", "approve")
    assert shop.app.inbox().requests == []
    assert shop.app.checkup().ok


class Person:
    """Answers what is asked as soon as the engine is idle."""

    def __init__(self, shop: Workshop) -> None:
        self.app = shop.app
        self.answered = 0

    def on_event(self, stored: ev.StoredEvent) -> None:
        """Nothing to look at yet."""

    def on_idle(self) -> None:
        for asked in self.app.inbox().requests:
            self.app.answer(asked.id, "approve")
            self.answered += 1


def test_a_person_may_answer_while_the_engine_stays(shop: Workshop) -> None:
    shop.write(REVIEWED)
    person = Person(shop)
    end = shop.app.run(shop.plan, {}, Request(wait_s=30), person)
    assert (end.exit_code, person.answered) == (0, 1)
