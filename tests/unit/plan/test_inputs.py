"""The values of a plan's inputs are typed and checked, all at once."""

import pytest

from holdfast.plan.inputs import InputsInvalidError, bind_inputs
from tests.unit.plan.plans import plan


def bound(declared: str, given: object) -> object:
    """The value of the only input, given as this."""
    return bind_inputs(plan(f"plan: p\ninputs: {{n: {declared}}}\nsteps: {{a: {{run: x}}}}"), {"n": given})["n"]


def refused(declared: str, given: object) -> str:
    """What is said of the only input, given as this."""
    with pytest.raises(InputsInvalidError) as caught:
        bound(declared, given)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", "", ""),
        ("string", "12", "12"),
        ("int", "12", 12),
        ("int", " -3 ", -3),
        ("int", "+3", 3),
        ("int", 13, 13),
        ("float", "1.5", 1.5),
        ("float", ".5e2", 50.0),
        ("float", 3, 3.0),
        ("bool", "true", True),
        ("bool", "false", False),
        ("bool", True, True),
        ("date", "2026-02-28", "2026-02-28"),
        ("datetime", "2026-02-28T17:00:00Z", "2026-02-28T17:00:00Z"),
        ("datetime", "2026-02-28 17:00", "2026-02-28T17:00"),
        ("datetime", "2026-02-28t17:00:00+02:00", "2026-02-28T17:00:00+02:00"),
        ("duration", "1d12h", 129_600),
        ("duration", 90, 90),
        ("duration", "250ms", 0.25),
        ("path", "a/b", "a/b"),
        ("list", '[1, "a"]', [1, "a"]),
        ("list", [1, None], [1, None]),
        ("list", (1, 2), [1, 2]),
        ("map", '{"a": [1]}', {"a": [1]}),
        ("map", {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_becomes_its_inputs_type(kind: str, given: object, expected: object) -> None:
    found = bound(f"{{type: {kind}}}", given)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("string", 12, "must be text, not 12"),
        ("string", "a\0b", "must be text without the character 0 and halves of surrogate pairs"),
        ("string", "\ud800", "must be text without the character 0 and halves of surrogate pairs"),
        ("int", "1.5", 'must be a whole number, not "1.5"'),
        ("int", "1_000", 'must be a whole number, not "1_000"'),
        ("int", True, "must be a whole number, not true"),
        ("int", "9" * 19, "must be a whole number"),
        ("int", "9" * 5000, "must be a whole number"),
        ("int", 2**63, "must be a whole number"),
        ("float", "nan", 'must be a number, not "nan"'),
        ("float", "1e9999", "must be a number"),
        ("float", float("nan"), "must be a number"),
        ("float", True, "must be a number, not true"),
        ("bool", "yes", 'must be true or false, not "yes"'),
        ("bool", 1, "must be true or false, not 1"),
        ("date", "2026-02-30", 'must be a day that exists, not "2026-02-30"'),
        ("date", "28.2.2026", "must be a date such as 2026-01-31"),
        ("date", 20260228, "must be a date such as 2026-01-31"),
        ("datetime", "2026-02-28", "must be a time such as 2026-01-31T17:00:00Z"),
        ("datetime", "2026-02-28T25:00", "must be a time that exists"),
        ("duration", "soon", "must be a duration such as 90s, 10m or 1d12h"),
        ("duration", None, "must be a duration such as 90s, 10m or 1d12h, not nothing"),
        ("path", "", 'must be a path, not ""'),
        ("list", "a,b", "must be a list, as text in JSON such as [1, 2]"),
        ("list", "{}", "must be a list, as text in JSON such as [1, 2]"),
        ("list", [object()], "must be plain data, not a list"),
        ("map", "[1]", 'must be a map, as text in JSON such as {"a": 1}'),
        ("map", '{"a": 1, "a": 2}', "must be JSON that can be read"),
        ("map", '{"a": ' * 100 + "1" + "}" * 100, "must be JSON that can be read (the data is nested deeper than 64)"),
        ("map", {"a": "\ud800"}, "must be plain data"),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, given: object, said: str) -> None:
    assert refused(f"{{type: {kind}}}", given).startswith(f'input "n" {said}')


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        ("{enum: [red, green]}", "blue", 'input "n" must be one of red, green, not "blue"'),
        ("{type: int, enum: [1, 2]}", "3", 'input "n" must be one of 1, 2, not "3"'),
        ("{type: duration, enum: [1m, 1h]}", "90s", 'input "n" must be one of 1m, 1h, not "90s"'),
        ("{type: list, enum: [[1], [2]]}", "[3]", 'input "n" must be one of [1], [2], not "[3]"'),
        ("{pattern: '[a-z]+'}", "abc1", 'input "n" must match [a-z]+, not "abc1"'),
        ("{pattern: 'a*'}", "a" * 100_000, 'input "n" must be what its pattern can judge'),
    ],
)
def test_a_value_is_one_of_its_enum_and_after_its_pattern(declared: str, given: str, said: str) -> None:
    assert refused(declared, given).startswith(said)


def test_an_enum_is_compared_by_type() -> None:
    assert bound("{type: duration, enum: [1m, 1h]}", "60s") == 60
    assert bound("{type: int, enum: [1, 0]}", "1") == 1


def test_a_default_is_taken_when_nothing_is_given() -> None:
    made = plan("plan: p\ninputs: {n: {type: duration, default: 10m}, m: {}, k: {default: a}}\nsteps: {a: {run: x}}")
    assert bind_inputs(made, {"k": "b"}) == {"n": 600, "k": "b"}


def test_all_problems_are_told_at_once() -> None:
    made = plan(
        """
        plan: p
        inputs: {day: {type: date, required: true, description: The day}, n: {type: int}, m: {required: true}}
        steps: {a: {run: x}}
        """
    )
    with pytest.raises(InputsInvalidError) as caught:
        bind_inputs(made, {"n": "x", "dya": "2026-01-01", "zzzzzz": 1})
    assert (caught.value.code, caught.value.exit_code) == ("E_INPUT_INVALID", 3)
    assert str(caught.value) == (
        'plan "p": 5 inputs are not valid\n'
        '  this plan has no input "dya"; did you mean "day"?\n'
        '  this plan has no input "zzzzzz"\n'
        '  input "day" (The day) is required; give it with -i day=…\n'
        '  input "n" must be a whole number, not "x"\n'
        '  input "m" is required; give it with -i m=…'
    )


def test_a_secret_value_is_not_shown() -> None:
    assert refused("{type: int, secret: true}", "hunter2") == 'input "n" must be a whole number, not what was given'
    assert "hunter2" not in refused("{type: duration, secret: true}", "hunter2")
    assert "hunter2" not in refused("{enum: [a], secret: true}", "hunter2")
