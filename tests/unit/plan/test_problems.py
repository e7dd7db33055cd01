"""All problems of a file at once, each with its place and a hint; and in time."""

import gc
import time

import msgspec
import pytest

from holdfast.plan.parse import parse_plan
from tests.unit.plan.plans import codes, in_step, one, parsed, problems


def test_one_wrong_step_does_not_hide_the_problems_of_others() -> None:
    found = codes(
        """
        plan: p
        steps:
          a: 5
          b: {run: x, depends_on: [a, nope], timeout: soon}
          c: {command: x}
          d: {run: x, when: "steps.c.artifacts.q.size > 1 and steps.e.ok"}
        """
    )
    assert found == ["value.type", "step.unknown", "value.duration", "value.type", "step.unknown"]


def test_what_a_broken_step_lacks_is_not_held_against_others() -> None:
    found = codes(
        """
        plan: p
        steps:
          a: {run: x, produce: {f: out}}
          b: {run: x, consumes: [a.f], when: steps.a.artifacts.f.size > 1}
          c: {run: x, stdin: {artifact: f}}
        """
    )
    assert found == ["key.unknown"]


def test_a_warning_leaves_the_plan_valid() -> None:
    made = parsed(in_step("command: [x]\nshell: bash"))
    assert made.plan is not None
    assert [it.severity for it in made.problems] == ["warning"]


def test_an_error_gives_no_plan() -> None:
    assert parsed(in_step("run: x\ncommand: [x]")).plan is None
    assert parsed("plan: p\nplan: q\nsteps: {a: {run: x}}").plan is None
    assert parsed("[1, 2]").plan is None


@pytest.mark.parametrize("text", ["[1]", "text", "12", "true", "null", '"a"'])
def test_a_file_that_is_no_map_is_no_plan(text: str) -> None:
    problem = one(text)
    assert problem.code == "value.type"
    assert problem.message.startswith("a plan is a map of keys, not ")


def test_free_keys_are_free_wherever_keys_are_known() -> None:
    assert (
        problems(
            """
        plan: p
        x-1: 1
        limits: {x-2: 2}
        inputs: {n: {x-3: 3}}
        steps:
          a: {run: x, x-4: 4, retry: {x-5: 5}, produces: {p: {path: q, x-6: 6}}, expect: [{prose: p, x-7: 7}]}
          b: {uses: noop, with: {x-8: 8}}
        """
        )
        == []
    )


def test_a_problem_has_one_line_and_its_hint() -> None:
    assert str(one("plan: p\nsteps: {a: {run: x, tiemout: 1s}}")) == (
        'plan.yaml:2:21: error key.unknown: step "a" has no key "tiemout"\n  hint: did you mean "timeout"?'
    )


def test_a_key_that_belongs_under_another_says_which() -> None:
    problem = one("plan: p\nsteps: {a: {run: x, for_each: [1], max_parallel: 2}}")
    assert str(problem).endswith('no key "max_parallel"\n  hint: it stands under for_each: for_each: {max_parallel: …}')


def test_an_expression_points_into_the_text() -> None:
    problem = one('plan: p\nsteps:\n  a:\n    run: x\n    env: {A: "b ${{ inputs.n }}"}')
    assert (problem.line, problem.column) == (5, 21)


def test_an_expression_over_several_lines_points_at_its_start() -> None:
    problem = one("plan: p\nsteps:\n  a:\n    run: x\n    when: >-\n      1 == 1 and\n      inputs.n")
    assert (problem.code, problem.line, problem.column) == ("input.unknown", 5, 11)


def test_positions_are_there_for_a_good_plan() -> None:
    made = parsed("plan: p\nsteps:\n  a:\n    run: x\n    timeout: 5s\n")
    assert made.positions.of(("steps", "a", "timeout")) == (5, 14)


def test_runners_may_come_from_elsewhere() -> None:
    text = b"plan: p\nsteps: {a: {uses: mine, with: {any: thing}}}"
    assert [it.code for it in parse_plan(text, "p").problems] == ["runner.unknown"]
    assert parse_plan(text, "p", runners=("mine",)).problems == ()


def test_the_runners_to_come_are_known() -> None:
    assert problems("plan: p\nsteps: {a: {uses: agent}, b: {uses: research.search}, c: {uses: bisect}}") == []


# --- speed


def large(count: int) -> dict[str, object]:
    """A generated plan: a chain of commands that read and make files."""
    return {
        "plan": "large",
        "steps": {
            f"s{n}": {
                "command": ["python", "clean.py", f"data/raw{n}.csv", f"data/clean{n}.csv"],
                "depends_on": [f"s{n - 1}"] if n else [],
                "reads": ["clean.py"],
                "produces": {"clean": f"data/clean{n}.csv"},
                "retry": {"attempts": 3, "delay": "2s"},
                "timeout": "10m",
            }
            for n in range(count)
        },
    }


def test_a_plan_of_ten_thousand_steps_is_read_in_a_moment() -> None:
    data = msgspec.json.encode(large(10_000))
    start = time.process_time()
    made = parse_plan(data, "large.json")
    spent = time.process_time() - start
    assert made.problems == ()
    assert spent < 30.0  # 0.4 s on an idle machine; anything quadratic takes minutes


def test_many_unknown_names_do_not_take_long() -> None:
    names = [f"t{n}" for n in range(3_000)]
    steps = ", ".join(f"s{n}: {{run: x, depends_on: [{name}]}}" for n, name in enumerate(names))
    start = time.process_time()
    found = problems(f"plan: p\nsteps: {{{steps}}}")
    assert len(found) == 1_001
    assert time.process_time() - start < 30.0


def test_garbage_is_collected_again_after_a_large_plan() -> None:
    parse_plan(b"plan: p\nplan: q\n" + b"# comment\n" * 30_000, "p")
    assert gc.isenabled()
    gc.disable()
    try:
        parse_plan(b"plan: p\nplan: q\n" + b"# comment\n" * 30_000, "p")
        assert not gc.isenabled()
    finally:
        gc.enable()
