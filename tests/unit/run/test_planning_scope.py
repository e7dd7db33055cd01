"""The planner's rules on scope, force, effects, chance and conditions, each on the smallest plan that shows it."""

from msgspec.structs import replace

from holdfast.plan.model import Effect, Input
from holdfast.run.planner.planning import plan_steps
from holdfast.run.planner.request import Request
from tests.unit.run.planning import World, chain, done, edge_of, faults, in_short, pin, plan_of, planned, reasons

# Scope and force.


def test_from_a_step_runs_it_and_its_descendants_through_pins() -> None:
    # planner 33
    world = done()
    assert in_short(world, Request(from_=("B",), pins=pin("c"))) == "run B D; pinned C; reuse A"


def test_from_never_hides_stale_work_below_it() -> None:
    # planner 34
    world = done()
    world.sources["X"] = "2"
    assert in_short(world, Request(from_=("layer:2",))) == "run A C D; maybe B"


def test_force_names_one_step_and_downstream_follows_change() -> None:
    # planner 35
    world = done()
    assert in_short(world, Request(force=("artifact:b",))) == "run B; maybe C D; reuse A"
    world.run(Request(force=("B",)))
    assert world.executed == ["B"]


def test_until_a_step_demands_it_and_stops_at_pins() -> None:
    # planner 36
    world = done()
    world.sources["X"] = "2"
    assert in_short(world, Request(until=("C",))) == "run A; maybe B C; out D"
    assert in_short(world, Request(until=("C",), pins=pin("b"))) == "pinned B; reuse C; out D; not-needed A"


def test_until_a_step_needs_no_bytes_that_nobody_takes() -> None:
    # planner 36, 44
    world = done()
    world.missing.add(edge_of(world, "A"))
    assert in_short(world) == "run A; maybe B C D"
    assert in_short(world, Request(until=("C",))) == "reuse B C; out D; not-needed A"
    world.missing.add(edge_of(world, "C"))
    assert in_short(world, Request(until=("C",))) == "run C; reuse B; out D; not-needed A"
    world.missing.add(edge_of(world, "B"))
    assert in_short(world, Request(until=("C",))) == "run A B C; out D"


def test_only_is_a_list_without_expansion_and_warns_of_stale_inputs() -> None:
    # planner 37, 39, 40
    world = done()
    world.sources["X"] = "2"
    answer = world.ask(Request(only=("C",), force=("C",)))
    assert in_short(world, Request(only=("C",), force=("C",))) == "run C; out A B D"
    assert answer.warnings == (("W_STALE_INPUT", "C takes what B left, which is out of date"),)
    world.run(Request(only=("C",), force=("C",)))
    assert in_short(world) == "run A; maybe B C D"


def test_what_is_excluded_stays_out_whatever_is_asked() -> None:
    # planner 38, 40
    world = done()
    answer = world.ask(Request(from_=("A",), exclude=("B",)))
    assert in_short(world, Request(from_=("A",), exclude=("B",))) == "run A C D; excluded B"
    assert [code for code, _ in answer.warnings] == ["W_STALE_INPUT"]


def test_bytes_that_are_not_there_are_an_error_of_who_takes_them() -> None:
    # planner 40
    world = World(chain(), X="1")
    assert faults(world, Request(only=("C",))) == [
        ("E_INPUT_UNAVAILABLE", "C", "artifact:B.b: no result of it is there")
    ]
    world = done()
    world.damaged.add(edge_of(world, "B"))
    assert faults(world, Request(only=("C",), force=("C",))) == [
        ("E_INPUT_UNAVAILABLE", "C", "artifact:B.b: its stored bytes are damaged")
    ]


def test_the_mistakes_of_a_request_are_told_together() -> None:
    # planner 5, 41
    world = done()
    request = Request(from_=("layer:9",), until=("Q",), force=("D",), only=("A",), exclude=("layer:x",))
    assert [it[0] for it in faults(world, request)] == [
        "E_FORCE_OUT_OF_SCOPE",
        "E_RANGE",
        "E_UNKNOWN_ID",
        "E_UNKNOWN_ID",
    ]
    assert faults(world, Request(from_=("D",), until=("layer:1",)))[0][0] == "E_RANGE"
    assert [code for code, _ in world.ask(Request(until=("layer:7",))).warnings] == ["W_UNTIL_CLAMPED"]


def test_a_layer_number_is_echoed_as_names() -> None:
    # planner 43
    assert done().ask(Request(from_=("layer:2",))).asked.echo == {"layer:2": ("C",)}


def test_an_ambiguous_name_lists_what_it_may_mean() -> None:
    # planner, Names
    world = World(plan_of(planned("A", makes=["o"]), planned("B", makes=["o"]), planned("o", makes=["p", "q"])))
    said = faults(world, Request(force=("o",)))
    assert said == [
        (
            "E_UNKNOWN_ID",
            "o",
            "may mean artifact:A.o, artifact:B.o, step:o; write the one that is meant",
        )
    ]
    assert faults(world, Request(force=("step:o", "artifact:A.o"))) == []


# Effects, non-determinism, conditions.


def test_an_effect_that_happened_is_held_until_its_own_change_or_a_force() -> None:
    # planner, Verdicts; planner 47
    steps = (planned("A", reads=["X"]), planned("B", "A", makes=(), effect=Effect.ONCE))
    world = World(plan_of(*steps), X="1")
    world.run()
    assert in_short(world) == "held B; reuse A"
    assert in_short(world, Request(from_=("A",))) == "run A; maybe B"
    world.run(Request(from_=("A",)))
    assert world.executed == ["A"]
    assert in_short(world, Request(force=("B",))) == "run B; reuse A"
    world.sources["X"] = "2"
    world.run()
    assert world.executed == ["A", "B"]
    world.sources["X"] = "1"
    assert in_short(world) == "restore A; held B"


def test_an_effect_in_doubt_stops_planning() -> None:
    # planner, Verdicts
    world = done()
    world.in_doubt = {"B": "run r1"}
    assert faults(world, Request()) == [("E_IN_DOUBT", "B", "run r1")]


def test_draws_are_two_and_deterministic_steps_with_equal_keys_are_one() -> None:
    # planner 49
    for deterministic in (True, False):
        steps = [
            planned(name, makes=(), outputs=["v"], text="same", deterministic=deterministic) for name in ("A", "B")
        ]
        world = World(plan_of(*steps))
        assert in_short(world) == ("run A; maybe B" if deterministic else "run A B")
        world.run()
        assert world.executed == (["A"] if deterministic else ["A", "B"])
        assert in_short(world) == "reuse A B"


def test_a_renamed_step_is_restored() -> None:
    # planner, Verdicts: restore
    world = done()
    world.plan = plan_of(*chain().steps[:3], planned("E", "C", makes=["d"], text="make D"))
    assert in_short(world) == "restore E; reuse A B C"
    world = done()
    first = planned("Z", reads=["X"], makes=["a"], text="make A", formerly=["A"])
    world.plan = plan_of(first, planned("B", "Z"), *chain().steps[2:])
    assert in_short(world) == "reuse B C D Z"


def test_a_lost_result_of_chance_says_that_it_will_differ() -> None:
    # planner 50
    world = World(plan_of(planned("A", reads=["X"], deterministic=False)), X="1")
    world.run()
    assert in_short(world) == "reuse A"  # planner 48
    world.missing.add(edge_of(world, "A"))
    reason = world.ask().decisions[0].reasons[0]
    assert (reason.code, reason.detail) == ("output-missing", "a in the store; made again it may differ")


def test_a_false_condition_makes_a_step_inactive() -> None:
    # planner 51, 52

    steps = (planned("A", when="inputs.on"), planned("B", "A"), planned("C", "A", consumes=["A.a"]))
    world = World(replace(plan_of(*steps), inputs={"on": Input(type="bool")}))
    world.inputs = {"on": True}
    world.run()
    world.inputs = {"on": False}
    answer = world.ask()
    assert [it.verdict.value for it in answer.decisions] == ["inactive", "run", "run"]
    assert [tuple(it)[:2] for it in answer.faults] == [("E_INPUT_INACTIVE", "C")]
    world.plan = replace(world.plan, steps=(planned("A", when="inputs.on", optional=True), *steps[1:]))
    assert world.ask().faults == ()


def test_a_condition_on_what_will_be_rebuilt_is_not_known() -> None:
    # planner 53
    steps = (planned("A", reads=["X"], makes=(), outputs=["v"]), planned("B", "A", when='steps.A.outputs.v != "x"'))
    world = World(plan_of(*steps), X="1")
    assert reasons(world.ask())["B"] == ["never-run", "condition-unknown"]
    world.run()
    assert in_short(world) == "reuse A B"
    world.sources["X"] = "2"
    assert in_short(world) == "run A; maybe B"


def test_finally_steps_run_whatever_the_scope() -> None:
    # semantics S15
    world = World(plan_of(*chain().steps, last=[planned("F", makes=())]), X="1")
    world.run()
    assert in_short(world, Request(only=("A",))) == "run F; reuse A; out B C D"


def test_without_change_there_is_nothing_to_do() -> None:
    # planner 65, 69
    world = done()
    assert world.ask().idle
    world.sources["X"] = "2"
    assert not world.ask().idle


def test_the_answer_does_not_depend_on_the_order_of_anything() -> None:
    # planner 1
    world = done()
    other = World(plan_of(*reversed(chain().steps)), X="1")
    other.history = dict(reversed(world.history.items()))
    other.working = dict(reversed(world.working.items()))
    for request in (Request(), Request(force=("A", "D")), Request(force=("D", "A"))):
        assert other.verdicts(request) == {**world.verdicts(request)}
        assert plan_steps(other.field(), other.snapshot(), request).faults == world.ask(request).faults
