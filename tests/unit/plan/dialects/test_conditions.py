"""Conditions, tokens and variables of the format `orchestrator` (contract, Foreign plan formats)."""

import pytest

from holdfast.plan.model import Command, Conditions
from tests.unit.plan.dialects.foreign import plan, said, step


def when(text: object, **more: object) -> str | None:
    """The condition of step `z` in our language, in a plan with some steps before it."""
    before = [{"id": name} for name in ("a", "run-tests", "v1.2", "v1", "class")]
    made = plan(*before, {"id": "z", "condition": text, "env": {"OWN": 'o"'}, **more}, globals={"env": {"SET": "s"}})
    conditions = made.steps[-1].conditions
    return None if conditions is None else conditions.when


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prev.a.status == 'success'", "steps.a.ok"),
        ("prev.a.status == 'completed'", "steps.a.ok"),
        ('prev.a.status != "success"', "not steps.a.ok"),
        ("prev.a.status == 'failed'", 'steps.a.status == "failed"'),
        ("prev.a.status != 'skipped'", 'steps.a.status != "skipped"'),
        ("'success' == prev.a.status", "steps.a.ok"),
        ("not prev.a.status == 'success'", "not steps.a.ok"),
        ("(prev.a.status == 'success') and prev.v1.status=='failed'", '(steps.a.ok) and steps.v1.status == "failed"'),
        ("prev.run-tests.status == 'success'", 'steps["run-tests"].ok'),
        ("prev['run-tests'].exit_code == 0", 'steps["run-tests"].exit_code == 0'),
        ("prev.v1.2.status == 'success'", 'steps["v1.2"].ok'),
        ("prev.v1.exit_code == 2", "steps.v1.exit_code == 2"),
        ("prev.class['status'] == 'success'", 'steps["class"].ok'),
        ("prev.a.status in ['success', 'x']", '("success" if steps.a.ok else steps.a.status) in ["success", \'x\']'),
        ("prev.a.status not in ['completed']", '("success" if steps.a.ok else steps.a.status) not in ["success"]'),
        ("prev.a.status == env.SET", '("success" if steps.a.ok else steps.a.status) == env.SET'),
        ("disk.free > 50MB", 'disk.free > size("50MB")'),
        ("disk.free > 1.5gb + 2KiB", 'disk.free > size("1.5GB") + size("2KiB")'),
        ("prev.a.duration_s < 10m", 'steps.a.duration_s < duration("10m")'),
        ("prev.a.duration_s < 1h30m", 'steps.a.duration_s < duration("1h30m")'),
        ("env.SET == 's'", "env.SET == 's'"),
        ("env.OWN == 's'", '"o\\"" == \'s\''),
        ("env['CI'] == 'true'", 'get(env, "CI", null) == \'true\''),
        ("'prev.a.status 5MB env.X' == 'x'", "'prev.a.status 5MB env.X' == 'x'"),
        (True, "true"),
    ],
)  # fmt: skip
def test_a_condition_in_our_words(text: object, expected: str) -> None:
    assert when(text) == expected


def test_a_variable_is_passed_and_null_where_it_is_not_set() -> None:
    made = plan({"condition": "env.CI == 'true'", "skip_if": ["env.NO_CI != null", "env.CI == ''"]})
    assert made.env_pass == ("CI", "NO_CI")
    assert made.steps[0].conditions == Conditions(
        when="get(env, \"CI\", null) == 'true'",
        skip_if=('get(env, "NO_CI", null) != null', "get(env, \"CI\", null) == ''"),
    )


def test_what_a_condition_speaks_of_is_waited_for() -> None:
    made = plan({"id": "a-b"}, {"id": "z", "condition": "prev.a-b.status == 'success'"})
    assert made.steps[1].needs == ("a-b",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prev.aa.status == 'success'", '2|prev.aa.| step.unknown: step "z": condition refers to step "aa"'),
        ("true and prev.a.staus == 1", '2|prev.a.s| reference.unknown: step "z": condition: "steps.a" has no "staus"'),
        ("prev.a.status == 'success' and bogus", '2|bogus"},| reference.unknown: step "z": condition: "bogus" is not'),
        ('prev.a.status == "success" and bogus', '2|bogus"},| reference.unknown: step "z": condition: "bogus" is not'),
        ("prev.a.status == 'failure'", '2|prev.a.s| expression.synonym: step "z": condition: no step has the status'),
        ("prev.a.status == 'success' &&", '2|&"},| expression.invalid: step "z": condition'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_condition_has_its_place_in_the_file(text: str, expected: str) -> None:
    found = said({"id": "z", "condition": text}, {"id": "a"})
    assert found[0].startswith(expected), found


def test_a_mistake_behind_a_variable_has_its_place_in_the_file() -> None:
    found = said({"condition": "'${LONG}' == 'x' and bogus"}, variables={"LONG": "much longer than the name"})
    assert found[0].startswith('2|bogus"}| reference.unknown: step "a": condition: "bogus"')


# --- tokens


def test_a_token_is_there_when_its_step_is_ok() -> None:
    made = plan(
        {"id": "made-it", "provides": ["t", "u"]},
        {"id": "b", "depends_on": ["made-it"]},
        {"id": "c", "depends_on": ["b"], "consumes": ["t", "u"]},
        {"id": "d", "depends_on": ["b"], "consumes": ["t"], "condition": "prev.b.exit_code == 0 or env.X == null"},
        {"id": "e", "depends_on": ["b"], "consumes": ["t"], "condition": False},
    )
    assert [it.conditions.when if it.conditions else None for it in made.steps[2:]] == [
        'steps["made-it"].ok',
        'steps["made-it"].ok and (steps.b.exit_code == 0 or get(env, "X", null) == null)',
        "false",
    ]
    assert made.steps[2].needs == ("b", "made-it")


def test_two_steps_may_provide_a_token_where_only_one_comes_before() -> None:
    made = plan(
        {"id": "a", "provides": ["t"]},
        {"id": "b", "provides": ["t"]},
        {"id": "c", "depends_on": ["b"], "consumes": ["t"]},
    )
    assert made.steps[2].needs == ("b",)


def test_a_condition_makes_a_step_come_before() -> None:
    made = plan({"id": "a", "provides": ["t"]}, {"id": "c", "condition": "prev.a.exit_code == 0", "consumes": ["t"]})
    assert made.steps[1].needs == ("a",)


def test_a_mistake_in_a_condition_beside_tokens_keeps_its_place() -> None:
    found = said(
        {"id": "a", "provides": ["t"]},
        {"id": "c", "depends_on": ["a"], "consumes": ["t"], "condition": "bogus"},
    )
    assert found[0].startswith('3|bogus"}| reference.unknown: step "c": condition: "bogus"')


def test_a_step_does_not_provide_its_own_token() -> None:
    assert said({"provides": ["t"], "consumes": ["t"]})[0].startswith('2|"t"]}| token.unordered')


# --- variables


def test_variables_are_filled_in_text_by_text() -> None:
    made = plan(
        {"id": "${NAME}-1", "args": ["--to=${TO}", "$HOME", "$$5", "$${TO}", "$$$${TO}"], "env": {"A": "${TO}"}},
        variables={"NAME": "n", "TO": 'x", "y'},
    )
    assert made.steps[0].id == "n-1"
    assert made.steps[0].work == Command(argv=("x", '--to=x", "y', "$HOME", "$5", "${TO}", "$${TO}"))
    assert made.steps[0].process.env == {"A": 'x", "y'}


def test_a_value_is_not_filled_in_again() -> None:
    assert step(args=["${A}"], variables={"A": "${A}$$"}).work == Command(argv=("x", "${A}$$"))


def test_keys_and_what_is_ones_own_are_not_filled_in() -> None:
    assert plan({"env": {"$$": "x"}, "x-note": "${A}"}).steps[0].process.env == {"$$": "x"}


def test_what_is_not_given_is_an_error_with_the_nearest_name() -> None:
    assert said({"args": ["a ${TARGT}"]}, variables={"TARGET": "x"}) == [
        '2|${TARGT}| variable.unresolved: step "a": args[0]: ${TARGT} has no value; did you mean "TARGET"?'
    ]
