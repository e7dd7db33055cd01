"""The format `orchestrator`: its schema and its check agree, and what is converted means the same."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from holdfast.plan.dialects.orchestrator_table import ORCHESTRATOR
from holdfast.plan.door import Door
from holdfast.plan.parse import parse_plan
from holdfast.plan.problems import Fault, Found
from holdfast.plan.schema import schema_of
from holdfast.plan.source.document import read_source
from holdfast.plan.source.write import yaml_of
from tests.property.orchestrator_values import plans, shaped
from tests.property.plan_values import changed

VALIDATOR = Draft202012Validator(schema_of("orchestrator"))
STRUCTURAL = {"key.unknown", "key.missing", "key.conflict", "key.format", "value.type", "value.choice", "value.empty"}
QUICK = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FOREIGN = Door("orchestrator")
TREES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)


def faults(data: object) -> list[Fault]:
    """What is wrong with the shape of a plan."""
    found: Found = []
    ORCHESTRATOR.read(data, found)
    return [it for it in found if isinstance(it, Fault) and it.severity == "error"]


def refusals(data: object) -> list[str]:
    """What the schema does not accept."""
    return [f"{[*it.absolute_path]}: {it.message[:200]}" for it in VALIDATOR.iter_errors(data)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema_of("orchestrator"))


@QUICK
@given(shaped())
def test_what_the_table_makes_is_accepted_by_both(data: object) -> None:
    assert [it for it in faults(data) if it.code in STRUCTURAL] == []
    assert refusals(data) == []


@QUICK
@given(shaped().flatmap(changed))
def test_a_change_is_refused_by_both_or_by_none(data: object) -> None:
    found = faults(data)
    refused = refusals(data)
    if not found:
        assert refused == []
    if any(it.code in STRUCTURAL for it in found):
        assert refused != [], found


@QUICK
@given(st.one_of(shaped(), shaped().flatmap(changed)))
def test_any_data_gives_a_plan_or_problems_with_places(data: object) -> None:
    text = msgspec.json.encode(data)
    made = parse_plan(text, "plan.json", door=FOREIGN)
    errors = [it for it in made.problems if it.severity == "error"]
    assert (made.plan is None) is bool(errors)
    lines = text.decode().count("\n") + 1
    assert all(1 <= it.line <= lines and it.column >= 1 and it.message for it in made.problems)


@QUICK
@given(plans())
def test_a_converted_plan_means_the_same(data: dict[str, Any]) -> None:
    made = parse_plan(msgspec.json.encode(data), "plan.json")
    assert made.plan is not None, made.problems
    assert isinstance(made.native, dict)
    again = parse_plan(yaml_of(made.native).encode(), "plan.yaml")
    assert again.plan == made.plan, yaml_of(made.native)


@settings(max_examples=300)
@given(st.dictionaries(st.text(), TREES, min_size=1, max_size=4))
def test_what_is_written_as_yaml_is_read_as_the_same(data: dict[str, object]) -> None:
    source = read_source(yaml_of(data).encode(errors="surrogatepass"), "plan.yaml")
    if not source.faults:
        assert source.value == data
    else:
        # What no plan file may hold is refused however it is written.
        assert read_source(msgspec.json.encode(data), "plan.json").faults
