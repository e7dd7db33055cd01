"""The `plan --json` document: every step, by layer and then by id."""

from holdfast.plan.model import Plan
from holdfast.run.planner.document import plan_document
from tests.unit.run.story import step


def test_every_step_has_a_verdict_in_order_of_layer_then_id() -> None:
    # planner 1
    document = plan_document(Plan(id="p", steps=(step("z"), step("a", "z"), step("m", "z"), step("b"))), ["W_X: x"])
    assert document["layers"] == [["b", "z"], ["a", "m"]]
    steps = document["steps"]
    assert isinstance(steps, list)
    assert [(each["step"], each["layer"], each["verdict"]) for each in steps] == [
        ("b", 0, "run"),
        ("z", 0, "run"),
        ("a", 1, "run"),
        ("m", 1, "run"),
    ]
    assert all(each["reasons"] for each in steps)
    assert (document["totals"], document["warnings"], document["errors"]) == ({"run": 4}, ["W_X: x"], [])


def test_a_plan_without_steps_has_no_layers() -> None:
    assert plan_document(Plan(id="p", steps=()), [])["layers"] == []


def test_a_dormant_step_may_run_and_comes_after_those_that_choose_it_and_finally_comes_last() -> None:
    # planner, Verdicts; semantics S7, S15, S17
    steps = (step("x", edges={"success": "y"}), step("a", on_failure="x"), step("y"), step("b", "a"))
    document = plan_document(Plan(id="p", steps=steps, finally_=(step("z"), step("q", "z"))), [])
    assert document["layers"] == [["a"], ["b", "x"], ["y"], ["z"], ["q"]]
    planned = document["steps"]
    assert isinstance(planned, list)
    assert {each["step"]: each["verdict"] for each in planned if each["verdict"] != "run"} == {
        "x": "maybe",
        "y": "maybe",
    }
    assert document["totals"] == {"run": 4, "maybe": 2}
    because = {each["step"]: each["reasons"][0]["because"] for each in planned}
    assert (because["x"], because["y"]) == (["a"], ["x"])
