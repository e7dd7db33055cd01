"""What people find in the inbox of real runs: goals in prose, spent budgets, what is late; and what a run waits for."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.app import Request
from holdfast.app.budgets import Raise
from holdfast.app.documents import Asked, Shown
from holdfast.app.people import NotPossibleError
from holdfast.app.runs import RunEnd
from holdfast.run import events as ev
from holdfast.surfaces.cli.asking import described, to_answer
from holdfast.surfaces.cli.outcome import headline, next_words
from tests.unit.engine.workshop import Workshop

GOAL = """
goal: {done_when: [steps.a.ok, {prose: the client agrees}]}
steps: {a: {run: "true"}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """A workshop in which what people are asked is what the events say, at the end too."""
    made = Workshop(tmp_path)
    yield made
    assert made.app.mend().differences == ()


def shown(shop: Workshop, end: RunEnd) -> Shown:
    with shop.app.reading() as reading:
        return reading.show(end.run)


def asked(shop: Workshop) -> list[Asked]:
    return shop.app.inbox().requests


@pytest.mark.parametrize(("choice", "status", "code"), [("approve", "succeeded", 0), ("reject", "partial", 5)])
def test_a_goal_in_prose_is_an_item_of_the_inbox(shop: Workshop, choice: ev.Verdict, status: str, code: int) -> None:
    # semantics S18, semantics G6
    end = shop.run(GOAL)
    assert (end.exit_code, end.status) == (4, "blocked")
    assert end.waits == ({"kind": "review", "step": None, "what": "the client agrees"},)
    [one] = asked(shop)
    assert "\n".join(described(one)).count("the client agrees") == 1
    assert shop.app.mend().differences == ()
    assert (one.kind, one.step, one.options) == ("review", None, ("approve", "reject"))
    assert one.question == 'Is the goal of "trial" met? the client agrees'
    assert [(wait.kind, wait.step, wait.what) for wait in shown(shop, end).waits] == [
        ("review", None, "the client agrees")
    ]
    assert shop.app.resume() == []  # nothing can go on before somebody answers
    assert shop.app.answer(one.id, choice, "asked them", "Ann") == end.run
    with pytest.raises(NotPossibleError, match="was answered already") as again:
        shop.app.answer(one.id, "approve")
    assert "by Ann (" in again.value.facts[0]
    [after] = shop.app.resume()
    assert (after.status, after.exit_code, asked(shop)) == (status, code, [])
    assert shown(shop, end).goal["the client agrees"] == (
        "true" if choice == "approve" else "rejected by Ann: asked them"
    )


def test_a_run_that_waits_for_a_word_on_its_goal_may_be_canceled(shop: Workshop) -> None:
    # semantics S18
    end = shop.run(GOAL)
    [one] = asked(shop)
    assert shop.app.cancel(end.run).status == "canceled"
    assert asked(shop) == []
    with pytest.raises(NotPossibleError, match="lapsed"):
        shop.app.answer(one.id, "approve")


def test_an_answer_about_the_goal_reaches_an_engine_that_stays(shop: Workshop) -> None:
    # semantics S16: what people ask comes between the engine's own events
    shop.run("steps: {a: {uses: noop}}")  # there is a journal to look into
    shop.write(GOAL)
    ends: list[RunEnd] = []
    engine = threading.Thread(target=lambda: ends.append(shop.app.run(shop.plan, {}, Request(wait_s=30))))
    engine.start()
    while engine.is_alive() and not asked(shop):
        engine.join(0.02)
    shop.app.answer(asked(shop)[0].id, "approve")
    engine.join(30)
    assert [end.status for end in ends] == ["succeeded"]


SPENT = """
limits: {calls: {web: 1}}
steps:
  a: {run: "true", capabilities: [web]}
  b: {run: "true", depends_on: [a], capabilities: [web]}
"""


def test_a_run_that_a_spent_budget_blocks_is_an_item_that_says_how_to_allow_more(shop: Workshop) -> None:
    # semantics G8, semantics G9
    end = shop.run(SPENT)
    assert (end.exit_code, end.status) == (4, "blocked")
    [one] = asked(shop)
    assert (one.kind, one.step, one.options) == ("budget", None, ())
    assert to_answer(one) == [f"holdfast budget {end.run} calls.web +AMOUNT --reason TEXT"]
    assert described(one)[0] == (
        'More of a budget of "trial"? 1 of 1 call of web of the run\'s budget spent; it needs 1 more'
    )
    assert next_words(shown(shop, end))[0] == "to allow more: holdfast inbox"
    with pytest.raises(NotPossibleError, match="asks for more of a budget"):
        shop.app.answer(one.id, "approve")
    assert shop.resume(end.run).exit_code == 4
    assert asked(shop) == [one]  # it is one item, however often it is looked at again
    shop.app.raise_budget(end.run, Raise("calls.web", "+1", None, "worth it"))
    assert asked(shop) == []
    assert [it.status for it in shop.app.resume()] == ["succeeded"]


def test_a_steps_own_budget_is_named_with_the_step(shop: Workshop) -> None:
    # semantics G8
    end = shop.run(
        "steps: {a: {run: exit 1, capabilities: [web], retry: {attempts: 2, delay: 0}, budget: {calls: {web: 1}}}}"
    )
    [one] = asked(shop)
    assert to_answer(one) == [f"holdfast budget {end.run} calls.web +AMOUNT --step a --reason TEXT"]
    assert shop.app.cancel(end.run).status == "canceled"
    assert asked(shop) == []


def test_each_spent_budget_is_asked_for_by_itself_also_while_the_run_waits_for_more(shop: Workshop) -> None:
    # semantics G8: all open requests, of a run that is not blocked too
    end = shop.run("""
        limits: {calls: {web: 1, mail: 1}}
        steps:
          a: {run: "true", capabilities: [web, mail]}
          b: {run: "true", depends_on: [a], capabilities: [web]}
          c: {run: "true", depends_on: [a], capabilities: [web]}
          d: {run: "true", depends_on: [a], capabilities: [mail]}
          e: {run: "true", requires: ["disk.free < 5"]}
        """)
    assert (end.exit_code, end.status) == (4, "running")
    web, mail = sorted(asked(shop), key=lambda one: str(one.shows["key"]), reverse=True)
    assert [one.shows["key"] for one in (web, mail)] == ["calls.web", "calls.mail"]
    shop.app.raise_budget(end.run, Raise("calls.web", "+1", None, "worth it"))
    assert asked(shop) == [mail]
    shop.resume(end.run)
    assert [one.shows["limit"] for one in asked(shop) if one.shows["key"] == "calls.web"] == [2.0]  # one of b and c ran
    assert shop.app.cancel(end.run).status == "canceled"
    assert asked(shop) == []


def test_what_is_late_is_an_item_until_it_is_done_and_approves_nothing(shop: Workshop) -> None:
    # semantics S18
    end = shop.run("""
        goal: {deadline: 2001-01-01}
        overdue: {after: 0.1s, escalate: lead}
        steps:
          a: {run: sleep 0.3, overdue: {after: 0.1s}}
          b: {uses: wait, with: {for: 2h}, depends_on: [a], overdue: {after: 1h}}
        """)
    assert (end.exit_code, end.status) == (4, "running")
    late = asked(shop)
    assert shop.app.mend().differences == ()
    assert [(one.kind, one.step, one.role, one.options) for one in late] == [
        ("escalation", None, None, ()),
        ("escalation", None, "lead", ()),
    ]  # step "a" was late, and is done
    assert late[0].question == 'The run of "trial" is late: its deadline, 2001-01-01, has passed (goal.deadline)'
    assert sum(event.body.kind == "escalation.opened" for event in shop.events(end)) == 3
    with pytest.raises(NotPossibleError, match="something is late"):
        shop.app.answer(late[0].id, "approve")
    assert shop.app.cancel(end.run).status == "canceled"
    assert asked(shop) == []


def test_what_gets_late_while_nobody_drives_the_run_is_found_by_who_looks(shop: Workshop) -> None:
    # semantics S18
    end = shop.run("""
        overdue: {after: 0.4s}
        steps: {a: {run: "true", expect: [{prose: it is nice}], overdue: {after: 0.4s, escalate: lead}}}
        """)
    assert (end.exit_code, end.status) == (4, "blocked")
    deadline = time.monotonic() + 20
    while len(found := asked(shop)) < 3 and time.monotonic() < deadline:
        os.sched_yield()
    assert {(one.kind, one.step, one.role) for one in found} == {
        ("review", "a", None),
        ("escalation", None, None),
        ("escalation", "a", "lead"),
    }
    assert asked(shop) == found  # each is told once
    [review] = [one for one in found if one.kind == "review"]
    shop.app.answer(review.id, "approve")
    assert [it.status for it in shop.app.resume()] == ["succeeded"]
    assert sum(event.body.kind == "escalation.opened" for event in shop.events(end)) == 2
    assert asked(shop) == []


def test_a_wait_is_no_longer_than_step_time(shop: Workshop) -> None:
    # semantics S10: a ceiling no step may raise
    end = shop.run("limits: {step_time: 0.2s}\nsteps: {w: {uses: wait, with: {file: never}, timeout: 1h}}")
    assert shop.error(end, "w") == ev.Error("timeout", "waited longer than limits.step_time for the file never")


def test_after_an_abort_no_step_is_shown_as_one_that_is_tried_again(shop: Workshop) -> None:
    # semantics S8
    end = shop.run("""
        steps:
          pay: {run: exit 1, effect: once}
          late: {run: exit 1, retry: {attempts: 2, delay: 1h, max_delay: 2h}}
          bad: {run: "sleep 0.3; exit 1"}
        """)
    assert (end.status, end.exit_code) == ("blocked", 4)
    document = shown(shop, end)
    assert {step.step: (step.status, step.why) for step in document.steps}["late"] == ("canceled", "abort")
    assert [(wait.kind, wait.step) for wait in document.waits] == [("uncertain", "pay")]
    said = {link.step: link.said for link in shop.app.why(end.run, "late").chain}["late"]
    assert said.endswith("the run is to end, and nothing of it is tried again")


def test_why_an_instance_failed_says_what_that_means_for_the_others(shop: Workshop) -> None:
    # semantics S6
    for fail, follows in (("fast", "the other instances are stopped"), ("all", "the other instances go on")):
        end = shop.run(f"steps: {{e: {{run: exit 1, for_each: {{items: [x], fail: {fail}}}}}}}")
        [link] = shop.app.why(end.run, "e[x]").chain
        assert f"there is no retry, so: {follows}" in link.said


def test_a_run_that_was_given_back_waits_and_is_not_running(shop: Workshop) -> None:
    end = shop.run('steps: {a: {run: "true", requires: ["disk.free < 5"]}}')
    assert headline(shown(shop, end)).startswith("trial waits after ")
    shop.app.cancel(end.run)
