"""The JSON Schema of the plan format, made from the table; editors complete and explain with it."""

from holdfast.plan.dialects.names import NATIVE
from holdfast.plan.format.containers import Check, OneOf
from holdfast.plan.format.kinds import Schema
from holdfast.plan.format.runners import RUNNERS
from holdfast.plan.format.table import PLAN

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(dialect: str | None) -> Schema:
    """The schema of a format; None is the native one."""
    if dialect is None or dialect == NATIVE:
        return plan_schema()
    from holdfast.plan.dialects.orchestrator_table import ORCHESTRATOR  # noqa: PLC0415 - start-up time: rarely wanted

    defs: dict[str, Schema] = {}
    root = ORCHESTRATOR.schema(defs)
    return {"$schema": DIALECT, "title": f"Plan in the format {dialect}", **root, "$defs": dict(sorted(defs.items()))}


def plan_schema() -> Schema:
    """The schema of a plan file. It says what stands where; that names exist and fit each other, `check` says."""
    defs: dict[str, Schema] = {}
    root = PLAN.schema(defs)
    _add_parameters(defs)
    return {"$schema": DIALECT, "title": "Holdfast plan", **root, "$defs": dict(sorted(defs.items()))}


def _add_parameters(defs: dict[str, Schema]) -> None:
    """Bind `with` to the parameters of the runner that `uses` names."""
    rules: list[Schema] = []
    for name, record in RUNNERS.items():
        rule: Schema = {"properties": {"with": record.schema(defs)}}
        if any(field.required for field in record.fields.values()) or any(_must_have(it) for it in record.rules):
            rule["required"] = ["with"]
        rules.append({"if": {"properties": {"uses": {"const": name}}, "required": ["uses"]}, "then": rule})
    defs["parameters"] = {"allOf": [*rules, {"dependentRequired": {"with": ["uses"]}}]}
    for name in ("step", "work", "reconcile"):
        given = defs[name].get("allOf", [])
        assert isinstance(given, list)
        defs[name]["allOf"] = [*given, {"$ref": "#/$defs/parameters"}]


def _must_have(rule: Check) -> bool:
    return isinstance(rule, OneOf) and not rule.may_lack
