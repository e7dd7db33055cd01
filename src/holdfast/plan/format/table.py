"""The plan format as one table: every key with its kind, default and meaning (steps are in `step_shape`).

From it come validation, hints, the JSON Schema and the reference page. `to` names the place in the model: a group of
`Plan` and its attribute.
"""

from typing import Final

from holdfast.plan.format.containers import Field, ListOf, MapOf, Record
from holdfast.plan.format.forms import (
    ARTIFACT,
    BUDGET_FIELDS,
    COST,
    COUNT,
    DOTTED,
    DURATION,
    ENV_GLOB,
    ENV_NAME,
    ENV_NAMES,
    FILLED,
    FLAG,
    INPUT_TYPE,
    LOCKS,
    MEMORY,
    MOMENT,
    NAME,
    OVERDUE,
    PLAN_ID,
    RESOURCES,
    ROOT,
    STEP_ID,
    TEXT,
    TEXTS,
    ZERO_DURATION,
    DataMap,
    Values,
    allow_deny,
    judged,
)
from holdfast.plan.format.kinds import As, Either, Null, Number
from holdfast.plan.format.steps import DEFAULTS, STEP, STEPS
from holdfast.plan.format.texts import Data, Expression, Pattern, Text
from holdfast.plan.model import Breaker, Budget, Goal, Hypothesis, Input, Policy, RunLimits


def _limits(**values: object) -> RunLimits:
    budget = {name: values.pop(name) for name in Budget.__struct_fields__ if name in values}
    return RunLimits(budget=Budget(**budget), **values)  # type: ignore[arg-type]  # read by the kinds of the table


_LIMITS: Final = Record(
    {
        "concurrency": Field(COUNT, "attempts at once", default="2 × cores"),
        "time": Field(DURATION, "of the run", to="time_s"),
        "step_time": Field(DURATION, "of any step, a ceiling no step may raise", to="step_time_s"),
        **{key: field for key, field in BUDGET_FIELDS.items() if key != "time"},
        "grace": Field(ZERO_DURATION, "between TERM and KILL", to="grace_s", default="10s"),
        "resources": Field(RESOURCES, "amounts that steps share"),
    },
    _limits,
)


def _as_tuple(items: object) -> tuple[object, ...]:
    assert isinstance(items, list)
    return tuple(items)


def _input(**values: object) -> Input:
    return Input(**values, has_default="default" in values)  # type: ignore[arg-type]  # read by the kinds of the table


_INPUT: Final = Record(
    {
        "type": Field(INPUT_TYPE, "its type", default="string"),
        "enum": Field(As(Values(least=1), _as_tuple), "the values it may have"),
        "default": Field(Data(), "its value when none is given"),
        "required": Field(FLAG, "a value must be given", default="false"),
        "pattern": Field(Pattern(), "the whole text must match it"),
        "secret": Field(FLAG, "redacted everywhere", default="false"),
        "description": Field(TEXT, "shown"),
    },
    _input,
)

_GOAL: Final = Record(
    {
        "objective": Field(TEXT, "what is to be reached"),
        "scope": Field(TEXT, "what belongs to it and what does not"),
        "constraints": Field(TEXTS, "what must be kept"),
        "deadline": Field(MOMENT, "an inbox item when it is not reached by then"),
        "done_when": Field(ListOf(judged("plan"), "expressions or {prose}"), "evaluated at the end"),
        "stakeholders": Field(TEXTS, "shown"),
        "assumptions": Field(TEXTS, "shown"),
        "risks": Field(TEXTS, "shown"),
    },
    Goal,
)

_BREAKER: Final = Record(
    {
        "failures": Field(COUNT, "in a row, and it opens", default="5"),
        "cooldown": Field(DURATION, "until it is tried again", to="cooldown_s", default="60s"),
        "trials": Field(COUNT, "attempts while it is half open", default="1"),
    },
    Breaker,
)

_HYPOTHESIS: Final = Record(
    {
        "statement": Field(FILLED, "what may be true", required=True),
        "prior": Field(
            Number("a number between 0 and 1", least=0, most=1, open_bounds=True),
            "belief before any evidence",
            default="0.5",
        ),
        "rationale": Field(TEXT, "why it is thought"),
        "test_cost": Field(COST, "what testing it costs, in USD"),
    },
    Hypothesis,
)

_GATE_RULE: Final = Text(
    "a rule such as effect:once, kind:deploy, label:prod or cost>5",
    label="rule",
    form=r"(?:effect|kind|label|capability):[^\s]+|cost\s*>\s*[0-9]+(?:\.[0-9]+)?",
)
_POLICY: Final = Record(
    {
        "capabilities": Field(allow_deny(), "what steps may use"),
        "write_roots": Field(ListOf(ROOT, "paths"), "where cwd and products may lie", default="[.]"),
        "require_gate": Field(ListOf(_GATE_RULE, "rules"), "steps that need a gate before them"),
        "hosts": Field(allow_deny(), "hosts our runners may reach"),
    },
    Policy,
)

PLAN: Final = Record(
    {
        "plan": Field(PLAN_ID, "identity; results, pins and history belong to it", to="id", required=True),
        "title": Field(TEXT, "shown", to="shown.title"),
        "description": Field(TEXT, "shown", to="shown.description"),
        "owner": Field(TEXT, "shown", to="shown.owner"),
        "labels": Field(TEXTS, "shown", to="shown.labels"),
        "links": Field(TEXTS, "shown", to="shown.links"),
        "version": Field(TEXT, "the author's own label", to="shown.version"),
        "metadata": Field(DataMap(), "free, shown, never interpreted", to="shown.metadata"),
        "goal": Field(_GOAL, "what the plan is for"),
        "inputs": Field(MapOf(NAME, _INPUT, "inputs"), "typed, checked before anything runs"),
        "env": Field(MapOf(ENV_NAME, Either(text=Text(scope="environment"), null=Null()), "texts"), "for every step"),
        "env_pass": Field(ListOf(ENV_GLOB, "names or globs", distinct=True), "passed from the parent's environment"),
        "secrets": Field(ENV_NAMES, "taken at run time, never stored, redacted everywhere"),
        "limits": Field(_LIMITS, "of a run"),
        "locks": Field(LOCKS, "held for the whole run, across runs and plans"),
        "breakers": Field(MapOf(DOTTED, _BREAKER, "breakers"), "circuit breakers by capability"),
        "defaults": Field(DEFAULTS, "step keys marked †, for every step"),
        "steps": Field(STEPS, "what is done, 1 to 100,000 steps", required=True),
        "finally": Field(MapOf(STEP_ID, STEP, "steps"), "run last, whatever happened"),
        "outputs": Field(MapOf(NAME, Expression("plan"), "expressions"), "what the plan gives, evaluated at the end"),
        "exports": Field(MapOf(NAME, ARTIFACT, "artifacts"), "its named artifacts"),
        "memory": Field(MEMORY, "memory keys it reads and writes"),
        "hypotheses": Field(MapOf(NAME, _HYPOTHESIS, "hypotheses"), "what the steps' evidence bears on"),
        "policy": Field(_POLICY, "what the steps may touch"),
        "overdue": Field(OVERDUE, "an inbox item when the run is late"),
    },
    dict,
    partial=True,
)
