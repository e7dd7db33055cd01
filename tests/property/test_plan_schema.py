"""The JSON Schema and the check accept and refuse the same, as far as a schema can say it."""

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from holdfast.plan.format.table import PLAN
from holdfast.plan.parse import parse_plan
from holdfast.plan.problems import Fault, Found
from holdfast.plan.schema import plan_schema
from tests.property.plan_values import changed, values

VALIDATOR = Draft202012Validator(plan_schema())
STRUCTURAL = {"key.unknown", "key.missing", "key.conflict", "key.format", "value.type", "value.choice", "value.empty"}
QUICK = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a whole plan takes minutes to shrink
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def faults(data: object) -> list[Fault]:
    """What is wrong with the shape of a plan."""
    found: Found = []
    PLAN.read(data, found)
    return [it for it in found if isinstance(it, Fault)]


def refusals(data: object) -> list[str]:
    """What the schema does not accept."""
    return [f"{[*it.absolute_path]}: {it.message[:200]}" for it in VALIDATOR.iter_errors(data)]


@QUICK
@given(values(PLAN))
def test_what_the_table_makes_is_accepted_by_both(data: object) -> None:
    assert [it for it in faults(data) if it.code in STRUCTURAL] == []
    assert refusals(data) == []


@QUICK
@given(values(PLAN).flatmap(changed))
def test_a_change_is_refused_by_both_or_by_none(data: object) -> None:
    found = faults(data)
    refused = refusals(data)
    if not found:
        assert refused == []
    if any(it.code in STRUCTURAL for it in found):
        assert refused != [], found


@QUICK
@given(st.one_of(values(PLAN), values(PLAN).flatmap(changed)))
def test_any_plan_gives_a_plan_or_problems_with_places(data: object) -> None:
    text = msgspec.json.encode(data)
    made = parse_plan(text, "plan.json")
    errors = [it for it in made.problems if it.severity == "error"]
    assert (made.plan is None) is bool(errors)
    lines = text.decode().count("\n") + 1
    assert all(1 <= it.line <= lines and it.column >= 1 and it.message for it in made.problems)


@QUICK
@given(values(PLAN))
def test_a_plan_is_the_same_in_its_stored_form(data: object) -> None:
    made = parse_plan(msgspec.json.encode(data), "plan.json")
    if made.plan is not None:
        assert msgspec.json.decode(msgspec.json.encode(made.plan), type=type(made.plan)) == made.plan
