"""Steps that come into being: the instances of a `for_each`, what they may do, and what they make of their step."""

import pytest

from holdfast.errors import BugError
from holdfast.plan.expr import compile_expression
from holdfast.plan.model import Effect, ForEach, OnFailure, Retry
from holdfast.run import events as ev
from holdfast.run.choose import Expand, to_stop
from holdfast.run.context import context_for
from holdfast.run.finishing import outcome
from holdfast.run.growth import template_id
from holdfast.run.machine import Run
from holdfast.run.standing import Canceled, Failed
from tests.unit.run.story import Story, snapshot, step

ABC = ForEach(items=["a", "b", "c"])
ALL = ForEach(items=["a", "b", "c"], fail="all")


def expanded(*steps: object, many: ForEach = ABC, **keys: object) -> Story:
    """A run of `each` over a list, expanded, with `join` behind it."""
    story = Story(step("each", for_each=many, **keys), step("join", "each"))  # type: ignore[arg-type]  # a test's words
    decision = story.next()
    assert isinstance(decision, Expand)
    return story.tell(decision.body(), "each")


def value(run: Run, text: str, at: str | None = None) -> object:
    expression = compile_expression(text)
    return expression.evaluate(context_for(run, expression.references, {}, None if at is None else run.index[at]))


def test_a_list_makes_one_instance_for_each_item_known_by_its_key() -> None:
    # planner 54
    story = expanded(many=ForEach(items=[{"id": 7, "n": {"x": 1}}, {"id": "b"}], item_key="item.id"))
    assert story.statuses() == {
        "each": "running",
        "join": "pending",
        "each[7]": "ready",
        "each[b]": "ready",
    }
    assert (value(story.run, "item.n.x", "each[7]"), value(story.run, "index", "each[b]")) == (1, 1)


def test_the_step_ends_with_its_instances_and_gives_their_outputs_by_key() -> None:
    story = expanded()
    for n, key in enumerate("abc"):
        assert story.next_start() == (f"each[{key}]", 1)
        story.ok(f"each[{key}]", n=n)
    body, name = story.next_told()
    assert (body, name) == (ev.StepGathered("succeeded"), "each")
    story.tell(body, name)
    assert value(story.run, "steps.each.outputs") == {"a": {"n": 0}, "b": {"n": 1}, "c": {"n": 2}}
    assert value(story.run, 'sum(steps["each[*]"].outputs.n)') == 3
    assert value(story.run, 'steps["each[b]"].outputs.n') == 1
    assert value(story.run, "steps.each.instances.b.status") == "succeeded"
    assert value(story.run, "steps.each.attempts") == 0
    assert story.next_start() == ("join", 1)


def test_an_empty_list_is_done_at_once() -> None:
    story = Story(step("each", for_each=ForEach(items=[])), step("join", "each"))
    assert story.take() == ["join"]
    assert (story.status("each"), outcome(story.run)) == ("succeeded", "succeeded")


def test_instances_start_where_their_step_would_in_the_order_of_the_list() -> None:
    # semantics S4
    story = Story(step("each", for_each=ABC), step("urgent", priority=1), step("late", priority=-1))
    assert story.take() == ["urgent", "each[a]", "each[b]", "each[c]", "late"]


def test_no_more_instances_are_under_way_than_max_parallel() -> None:
    story = expanded(many=ForEach(items=["a", "b", "c", "d"], max_parallel=2))
    story.start("each[a]").start("each[b]")
    assert story.next(5) is None
    story.end("each[b]", ev.AttemptEnded("succeeded", 0))
    assert story.next_start(5) == ("each[c]", 1)
    assert snapshot(story.refolded()) == snapshot(story.run)


def test_an_instance_that_waits_for_its_retry_keeps_its_place() -> None:
    story = expanded(many=ForEach(items=["a", "b"], max_parallel=1), retry=Retry(attempts=2))
    story.fail("each[a]", retry_s=5)
    assert story.next() is None
    assert story.later(5).next_start() == ("each[a]", 2)
    assert story.ok("each[a]", 2).next_start() == ("each[b]", 1)


def test_an_instance_in_doubt_gives_its_place_to_the_next() -> None:
    # semantics E5
    story = expanded(many=ForEach(items=["a", "b", "c"], max_parallel=1), effect=Effect.ONCE, retry=Retry(attempts=2))
    story.doubt("each[a]")
    assert story.next_start() == ("each[b]", 1)
    story.start("each[b]").resolve("each[a]", "not-happened")
    assert story.next() is None  # all places are taken: it waits behind the others
    story.end("each[b]", ev.AttemptEnded("succeeded", 0))
    assert story.next_start() == ("each[c]", 1)


def test_the_first_failure_stops_the_rest_where_it_is_to_fail_fast() -> None:
    story = expanded()
    story.start("each[a]").start("each[b]").end("each[b]", ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero", "no")))
    assert (story.next(), story.rest(), to_stop(story.run)) == (None, None, [story.run.index["each[a]"]])
    story.end("each[a]", ev.AttemptEnded("canceled", error=ev.Error("canceled")))
    body, name = story.next_told()
    said = "1 of 3 instances failed: each[b]: no"
    made = ev.Disposition("abort", reason="its instances have ended")
    assert (body, name) == (ev.StepGathered("failed", ev.Error("exit.nonzero", said), made), "each")
    story.tell(body, name)
    states = [type(story.run.states[story.run.index[f"each[{key}]"]]) for key in "abc"]
    assert states == [Canceled, Failed, Canceled]
    assert (story.run.aborting, outcome(story.run)) == ("each", "failed")
    assert snapshot(story.refolded()) == snapshot(story.run)


def test_a_running_effect_is_let_finish_when_the_others_are_stopped() -> None:
    # semantics S8
    story = expanded(effect=Effect.ONCE)
    story.start("each[a]", key="r/a").fail("each[b]")
    assert to_stop(story.run) == []


def test_a_failure_that_is_retried_stops_nobody() -> None:
    story = expanded(retry=Retry(attempts=2)).fail("each[a]", retry_s=1)
    assert (story.run.failing, story.next_start()) == (set(), ("each[b]", 1))


def test_all_instances_run_where_the_step_is_to_fail_with_all() -> None:
    story = expanded(many=ALL)
    assert story.take(["each[a]", "each[b]"]) == ["each[a]", "each[b]", "each[c]"]
    assert story.status("each") == "failed"
    state = story.run.states[story.run.index["each"]]
    assert isinstance(state, Failed)
    assert state.error.message.startswith("2 of 3 instances failed: each[a]: it failed; each[b]")


@pytest.mark.parametrize(
    ("policy", "ends", "joins"),
    [
        (OnFailure.ABORT, "failed", False),
        (OnFailure.CONTINUE, "partial", True),
        (OnFailure.SKIP_DEPENDENTS, "partial", False),
    ],
)
def test_the_steps_policy_decides_once_for_all_instances(policy: OnFailure, ends: str, joins: bool) -> None:  # noqa: FBT001 - a column of the table
    # semantics S6
    story = expanded(many=ALL, on_failure=policy)
    assert ("join" in story.take(["each[a]"]), outcome(story.run)) == (joins, ends)


def test_a_condition_is_decided_once_unless_it_is_about_the_item() -> None:
    # semantics S3
    once = Story(step("each", for_each=ABC, when="1 > 2"))
    assert once.next_told() == (ev.StepSkipped("condition", "when: 1 > 2"), "each")
    story = Story(step("each", for_each=ABC, when='item != "b"'), step("join", "each"))
    assert story.take() == ["each[a]", "each[c]", "join"]
    assert (story.status("each[b]"), story.status("each"), outcome(story.run)) == ("skipped", "succeeded", "succeeded")


def test_an_instance_that_a_person_gave_up_is_missing_in_the_result() -> None:
    story = expanded(many=ForEach(items=["a"]), effect=Effect.ONCE).doubt("each[a]").resolve("each[a]", "skip")
    assert story.next_told() == (ev.StepGathered("skipped"), "each")


def test_the_list_may_come_from_an_earlier_step() -> None:
    story = Story(step("list"), step("each", "list", for_each=ForEach(items="steps.list.outputs.names")))
    story.ok("list", names=["x", "y"])
    assert story.take() == ["each[x]", "each[y]"]


def test_a_matrix_makes_every_combination_but_the_excluded() -> None:
    matrix: dict[str, list[object]] = {"os": ["linux", "mac"], "py": [3.11, 3.12], "debug": [True]}
    story = expanded(many=ForEach(matrix=matrix, exclude=({"os": "mac", "py": 3.11},)))
    assert [step.id for step in story.run.steps[2:]] == [
        "each[linux,3.11,true]",
        "each[linux,3.12,true]",
        "each[mac,3.12,true]",
    ]
    assert value(story.run, "item", "each[mac,3.12,true]") == {"os": "mac", "py": 3.12, "debug": True}


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (ForEach(items=["a", "b", "a"]), 'items 0 and 2 have the same key "a"'),
        (ForEach(items=[1, "1"]), 'items 0 and 1 have the same key "1"'),
        (ForEach(items=[{"id": 1}]), "item 0 is a map, and a key is text or a number"),
        (ForEach(items=[None]), "item 0 is null"),
        (ForEach(items=[True]), "item 0 is true"),
        (ForEach(items=[{"id": [1]}], item_key="item.id"), "item_key of item 0 is a list"),
        (ForEach(items=[{"id": 1}], item_key="item.name"), "item_key of item 0: "),
        (ForEach(items=[""]), "the key of item 0 is empty"),
        (ForEach(items=["a\nb"]), "the key of item 0 holds a character that cannot be shown"),
        (ForEach(items=["x" * 600]), "the key of item 0 has 600 characters; at most 512 may be"),
        (ForEach(items="inputs"), "the list is a map; inputs must give a list"),
        (ForEach(items="plan.id"), "the list is text"),
        (ForEach(items="1 / 0"), "zero"),
        (ForEach(matrix={axis: list(range(100)) for axis in "abc"}), "the matrix has 1,000,000 combinations"),
    ],
)
def test_what_is_wrong_with_a_list_fails_the_step_and_is_said(many: ForEach, said: str) -> None:
    body, name = Story(step("each", for_each=many)).next_told()
    assert isinstance(body, ev.StepFailed)
    assert (body.error.code, name, said in body.error.message) == ("expression.invalid", "each", True), body.error


def test_a_run_that_grows_leaves_the_other_runs_of_its_plan_alone() -> None:
    story = expanded()
    other = Run("other", story.plan)
    assert (len(story.run.steps), len(other.steps), list(other.index)) == (5, 2, ["each", "join"])


def test_what_has_not_begun_when_the_run_ends_is_canceled_with_its_group() -> None:
    story = expanded().ok("each[a]").tell(ev.RunCanceling()).tell(ev.RunFinished("canceled"))
    assert story.statuses() == {
        "each": "canceled",
        "join": "canceled",
        "each[a]": "succeeded",
        "each[b]": "canceled",
        "each[c]": "canceled",
    }


def test_a_late_answer_about_an_instance_changes_nothing() -> None:
    # semantics G6
    story = expanded(many=ForEach(items=["a", "b"]), effect=Effect.ONCE).doubt("each[a]").fail("each[b]")
    story.resolve("each[a]", "happened")
    story.tell(*story.next_told())
    before = snapshot(story.run)
    assert {**snapshot(story.resolve("each[a]", "skip").run), "seq": before["seq"]} == before


def test_a_group_ends_after_its_instances_only() -> None:
    # semantics S1
    story = expanded().start("each[a]")
    with pytest.raises(BugError):
        story.tell(ev.StepGathered("succeeded"), "join")


@pytest.mark.parametrize(("name", "template"), [("a", "a"), ("a[x[y]#]", "a"), ("a#2", "a"), ("a#2[k]", "a")])
def test_what_grew_knows_the_step_it_grew_from(name: str, template: str) -> None:
    assert template_id(name) == template


def test_a_precondition_is_waited_for_once_unless_it_is_about_the_item() -> None:
    # semantics S4
    requires = ("steps.other.ok", 'item != "b"')
    story = Story(step("other"), step("each", for_each=ForEach(items=["a", "b"]), requires=requires)).start("other")
    body, name = story.next_told()
    assert isinstance(body, ev.StepWaiting)
    assert (body.on, name) == ("steps.other.ok", "each")
    story.tell(body, name).end("other", ev.AttemptEnded("succeeded", 0))
    decision = story.later(5).next()
    assert isinstance(decision, Expand)
    story.tell(decision.body(), "each")
    assert story.next_start() == ("each[a]", 1)
    story.start("each[a]")
    body, name = story.next_told()
    assert isinstance(body, ev.StepWaiting)
    assert (body.on, name) == ('item != "b"', "each[b]")
    story.tell(body, name).end("each[a]", ev.AttemptEnded("failed", 1, ev.Error("exit.nonzero")))
    body, name = story.next_told()  # the failure of one ends the waiting of the others
    assert (body.kind, name) == ("step.gathered", "each")
    story.tell(body, name)
    assert (story.status("each[b]"), list(story.run.waiting)) == ("canceled", [])
    assert snapshot(story.refolded()) == snapshot(story.run)
