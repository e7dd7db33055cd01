"""The planner's table of examples, row by row; and its rules on one decision and on pins, each on the smallest plan."""

import pytest
from msgspec.structs import replace

from holdfast.errors import BugError
from holdfast.plan.model import (
    Edge,
    Files,
    Input,
    Product,
    Prose,
    Results,
    Retry,
    Reuse,
    Run,
    Step,
    StepShown,
    Uses,
)
from holdfast.run.planner.kind import why_action
from holdfast.run.planner.planning import Sheet
from holdfast.run.planner.request import Request
from holdfast.run.planner.snapshot import Pin
from tests.unit.run.planning import World, chain, done, edge_of, faults, in_short, pin, plan_of, planned, reasons

# The table of examples.


def test_from_layer_0_runs_all_but_what_is_pinned() -> None:
    # planner, Examples 1; planner 24, 25
    world = done()
    request = Request(from_=("layer:0",), pins=pin("b"))
    assert in_short(world, request) == "run A C D; pinned B"
    answer = world.ask(request)
    assert answer.decisions[1].notes == ("stale-pinned",)
    assert reasons(answer)["B"] == ["pin", "upstream-changed", "from"]
    world.run(request)
    assert world.executed == ["A", "C", "D"]


def test_until_a_layer_leaves_out_what_is_beyond_it() -> None:
    # planner, Examples 2; planner 36
    world = done()
    assert in_short(world, Request(from_=("layer:0",), until=("layer:2",), pins=pin("b"))) == "run A C; pinned B; out D"


def test_a_pin_without_its_bytes_refuses_the_plan() -> None:
    # planner, Examples 3; planner 23
    world = done()
    world.missing.add(edge_of(world, "B"))
    assert faults(world, Request(pins=pin("b"))) == [("E_PIN_INVALID", "b", "its stored bytes are missing")]


def test_a_pinned_file_that_was_deleted_is_put_back() -> None:
    # planner, Examples 4; planner, Working files and stored bytes
    world = done()
    world.working["out/b"] = None
    answer = world.ask(Request(pins=pin("b")))
    assert (answer.faults, answer.decisions[1].verdict) == ((), "pinned")
    assert answer.files[1].lost == ("b",)


def test_a_pin_on_what_failed_last_refuses_the_plan() -> None:
    # planner, Examples 5; planner 23
    world = done()
    world.run(Request(force=("B",)), fails="B")
    assert faults(world, Request(pins=pin("b"))) == [
        ("E_PIN_INVALID", "b", "its latest attempt failed (run r2)"),
    ]


def test_every_bad_pin_is_named_with_its_own_cause() -> None:
    # planner, Examples 6; planner 5, 23
    world = done()
    world.missing.add(edge_of(world, "B"))
    world.damaged.add(edge_of(world, "C"))
    assert faults(world, Request(pins=(*pin("b"), *pin("c")))) == [
        ("E_PIN_INVALID", "b", "its stored bytes are missing"),
        ("E_PIN_INVALID", "c", "its stored bytes are damaged"),
    ]


def test_a_changed_input_runs_its_reader_and_the_rest_only_if_bytes_change() -> None:
    # planner, Examples 7; planner 17, 18
    world = done()
    world.sources["X"] = "2"
    assert in_short(world) == "run A; maybe B C D"
    world.equal = {"A"}
    world = World(chain(), X="1")
    world.equal = {"A"}
    world.run()
    world.sources["X"] = "2"
    assert in_short(world) == "run A; maybe B C D"
    world.run()
    assert world.executed == ["A"]


def test_a_pin_stops_a_change() -> None:
    # planner, Examples 8; planner 24
    world = done()
    world.sources["X"] = "2"
    assert in_short(world, Request(pins=pin("b"))) == "run A; pinned B; reuse C D"
    world.run(Request(pins=pin("b")))
    assert world.executed == ["A"]
    assert in_short(world) == "run B; maybe C D; reuse A"  # planner 25: the staleness is seen after unpinning


def test_a_killed_step_runs_again_and_what_came_before_it_does_not() -> None:
    # planner, Examples 9; planner 59
    world = done()
    world.sources["X"] = "2"
    world.run(killed="B")
    world.working["out/b"] = "sha256:half"
    answer = world.ask()
    assert in_short(world) == "run B; maybe C D; reuse A"
    assert (answer.faults, answer.decisions[1].notes) == ((), ("abandoned-attempt",))


def test_a_revert_takes_everything_from_the_store() -> None:
    # planner, Examples 10; planner 47
    world = done()
    world.sources["X"] = "2"
    world.run()
    world.sources["X"] = "1"
    assert in_short(world) == "restore A B C D"
    world.run()
    assert world.executed == []
    assert in_short(world) == "reuse A B C D"  # planner 65


# One decision.


def test_a_decision_is_written_once() -> None:
    # planner 7
    world = done()
    sheet = Sheet(1)
    sheet.write(0, world.ask().decisions[0])
    with pytest.raises(BugError, match="decided twice"):
        sheet.write(0, world.ask().decisions[0])


def test_all_reasons_are_kept_in_order_with_old_and_new_values() -> None:
    # planner 9, 11
    world = done()
    world.plan = plan_of(planned("A", reads=["X"], text="other"), *chain().steps[1:])
    old = world.snapshot().files["A"]["X"]
    world.sources["X"] = "2"
    answer = world.ask(Request(force=("A",), from_=("A",)))
    first = answer.decisions[0]
    assert [it.code for it in first.reasons] == ["definition-changed", "input-changed", "forced", "from"]
    change = first.reasons[1].changes[0]
    assert (change.port, change.old, change.new) == ("file:X", old, world.snapshot().files["A"]["X"])


def test_what_does_not_count_changes_no_definition() -> None:
    # planner 13

    world = done()
    first = chain().steps[0]
    world.plan = plan_of(replace(first, shown=StepShown(title="T"), retry=Retry(attempts=5)), *chain().steps[1:])
    assert in_short(world) == "reuse A B C D"


def test_a_port_that_comes_or_goes_is_a_reason() -> None:
    # planner 11, 12
    world = World(plan_of(planned("A", reads=["*"])), X="1")
    world.sources = {"*": "1"}
    world.run()
    world.sources = {}
    assert reasons(world.ask())["A"] == ["ports-changed"]


def test_a_swap_of_two_inputs_is_seen() -> None:
    # planner 12
    world = World(plan_of(planned("A", reads=["X", "Y"])), X="1", Y="2")
    world.run()
    world.sources = {"X": "2", "Y": "1"}
    assert reasons(world.ask())["A"] == ["input-changed"]


def test_an_action_runs_every_time_and_is_no_reason_for_what_reads_something() -> None:
    # planner, Terms and What can be reused
    steps = (planned("A", makes=()), planned("B", "A", reads=["X"]), planned("C", "A"), planned("D", "B"))
    world = World(plan_of(*steps), X="1")
    world.run()
    assert in_short(world) == "run A C; reuse B D"
    assert reasons(world.ask())["A"] == ["action"]
    assert reasons(world.ask())["C"] == ["upstream-changed"]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (planned("A", makes=()), "it leaves nothing that could stand in for it"),
        (Step(id="A", work=Run(text="x"), results=Results(reuse=Reuse.NEVER)), "it says reuse: never"),
        (Step(id="A", work=Uses(runner="plan")), "the plan inside of it decides for itself"),
        (
            Step(id="A", work=Uses(runner="python", params={"call": "a:${{ inputs.f }}"})),
            "which code it calls is known when it runs",
        ),
        (Step(id="A", work=Run(text="x"), next=(Edge(on="failure", to="B"),)), "its end chooses what comes next"),
        (
            Step(id="A", work=Run(text="x"), results=Results(expect=(Prose(prose="fine"),))),
            "people look at what it leaves each time",
        ),
    ],
)
def test_an_action_says_why_it_runs_every_time(step: Step, why: str) -> None:
    # planner 66
    assert why_action(step) == why


def test_what_the_plan_gives_every_step_is_no_input_that_a_step_declares() -> None:
    # planner, Terms
    steps = (planned("A", makes=()), planned("B", "A"))
    plan = replace(plan_of(*steps), env={"WHERE": "${{ inputs.where }}"}, inputs={"where": Input()})
    world = World(plan)
    world.inputs = {"where": "here"}
    world.run()
    assert in_short(world) == "run A B"
    assert reasons(world.ask())["B"] == ["upstream-changed"]


def test_an_action_that_is_consumed_is_a_port() -> None:
    # planner, Terms
    steps = (planned("A", makes=()), planned("B", "A", reads=["X"], consumes=["A"]))
    world = World(plan_of(*steps), X="1")
    world.run()
    assert in_short(world) == "run A; maybe B"
    world.run()
    assert world.executed == ["A", "B"]


def test_a_noop_is_no_reason() -> None:
    # planner, Terms

    gate = Step(id="A", work=Uses(runner="noop"))
    made = Step(id="B", work=Uses(runner="python"), needs=("A",), files=Files(produces={"b": Product(path="b")}))
    world = World(plan_of(gate, made))
    world.run()
    assert in_short(world) == "run A; reuse B"


# Pins.


def test_a_stored_pin_is_checked_on_every_plan_and_may_be_given_up_for_a_run() -> None:
    # planner 22, 23
    world = done()
    world.pins = (Pin("b"),)
    world.missing.add(edge_of(world, "B"))
    assert faults(world, Request())[0][0] == "E_PIN_INVALID"
    request = Request(invalid_pins="regenerate")
    assert in_short(world, request) == "run B; maybe C D; reuse A"
    assert "pin-regenerated" in reasons(world.ask(request))["B"]


def test_a_partly_pinned_step_runs_and_its_pinned_bytes_stay() -> None:
    # planner 26
    steps = (planned("A", reads=["X"], makes=["p", "q"]), planned("B", "A", consumes=["A.p"]), planned("C", "A"))
    world = World(plan_of(*steps), X="1")
    world.run()
    world.sources["X"] = "2"
    request = Request(pins=pin("p"))
    answer = world.ask(request)
    assert in_short(world, request) == "run A; maybe C; reuse B"
    assert (answer.decisions[0].notes, answer.decisions[0].pinned) == (("partial-pin",), ("p",))
    world.run(request)
    assert world.executed == ["A", "C"]
    assert in_short(world, request) == "reuse A B C"
    assert reasons(world.ask())["A"] == ["output-missing"]  # planner 25: the staleness is seen after unpinning


@pytest.mark.parametrize("name", ["A", "a", "step:A", "artifact:a", "artifact:A.a", "Producer:A", "A.a"])
def test_a_force_and_a_pin_on_one_thing_conflict_by_whatever_names(name: str) -> None:
    # planner 27
    world = done()
    for forced in ("A", "artifact:A.a"):
        assert [it[0] for it in faults(world, Request(force=(forced,), pins=pin(name)))] == ["E_PIN_FORCE_CONFLICT"]


def test_an_unknown_pin_and_a_pin_on_an_input_are_errors() -> None:
    # planner 28

    world = done()
    world.plan = replace(chain(), inputs={"day": Input()})
    assert faults(world, Request(pins=(*pin("day"), *pin("cc")))) == [
        ("E_PIN_KIND", "day", "is an input of the plan; what is pinned is what a step leaves behind"),
        ("E_PIN_UNKNOWN", "cc", 'this plan has no step or artifact of that name; did you mean "C"?'),
    ]


def test_a_pin_outside_the_scope_or_on_an_inactive_step_warns() -> None:
    # planner 29
    world = done()
    assert [code for code, _ in world.ask(Request(until=("layer:0",), pins=pin("b"))).warnings] == [
        "W_PIN_OUT_OF_SCOPE"
    ]
    world.plan = plan_of(chain().steps[0], planned("B", "A", when="false"))
    assert [code for code, _ in world.ask(Request(pins=pin("b"))).warnings] == ["W_PIN_INACTIVE"]


def test_a_file_edited_by_hand_refuses_the_plan_until_it_may_be_overwritten() -> None:
    # planner 31
    world = done()
    world.working["out/b"] = "sha256:mine"
    assert [it[:2] for it in faults(world, Request())] == [("E_OUTPUT_EDITED", "B: out/b")]
    request = Request(overwrite=True)
    assert in_short(world, request) == "run B; maybe C D; reuse A"
    assert reasons(world.ask(request))["B"] == ["output-edited"]


def test_a_file_with_an_earlier_result_is_put_back() -> None:
    # planner, Working files and stored bytes
    world = done()
    first = world.working["out/b"]
    world.sources["X"] = "2"
    world.run()
    world.working["out/b"] = first
    answer = world.ask()
    assert (answer.faults, answer.files[1].lost, answer.idle) == ((), ("b",), False)  # planner 69


def test_a_pin_of_a_run_keeps_that_runs_version() -> None:
    # planner 32
    world = done()
    first = edge_of(world, "B")
    world.sources["X"] = "2"
    world.run()
    answer = world.ask(Request(pins=pin("b", "r1")))
    assert answer.decisions[1].sight.pinned == {"b": first}
    assert in_short(world, Request(pins=pin("b", "r1"))) == "restore C D; pinned B; reuse A"
    assert faults(world, Request(pins=pin("b", "r9"))) == [("E_PIN_INVALID", "b@r9", "run r9 did not produce it")]
